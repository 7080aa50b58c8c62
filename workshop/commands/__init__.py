"""The workshop's commands, one a module."""
