"""The commands of the command line, one module a group: each has `add_to` and its handlers."""
