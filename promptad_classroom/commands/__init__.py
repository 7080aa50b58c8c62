"""The classroom's commands, one a module."""
