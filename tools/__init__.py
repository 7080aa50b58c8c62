"""Commands for the people who maintain the tutorial; nothing here is installed."""
