"""One command: its options, and the handler that runs it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

Handler = Callable[[argparse.Namespace], str]  # returns the one line that is the result
Actions = Any  # what `ArgumentParser.add_subparsers` returns: argparse keeps the class to itself


def add_command(
    actions: Actions, name: str, handler: Handler, text: str
) -> argparse.ArgumentParser:
    """Add the command `name` to `actions`; `text` is its help. Returns its parser for options.

    Handlers import what they need when they run, so that `--help` answers at once.
    """
    parser = actions.add_parser(name, help=text, description=text, formatter_class=_HelpFormatter)
    parser.set_defaults(handler=handler)
    return parser


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows a default where there is one to show."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False) else super()._get_help_string(action)


def add_group(groups: Actions, name: str, text: str) -> Actions:
    """Add the group of commands `name`, of which one must be chosen; returns its actions."""
    parser = groups.add_parser(name, help=text, description=text)
    return parser.add_subparsers(required=True, metavar="ACTION")
