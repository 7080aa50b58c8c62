"""A group of commands, as `minifactory build` and `minifactory card` are one."""

from __future__ import annotations

from promptad_tutorial.commands.command import Actions


def add_group(groups: Actions, name: str, text: str) -> Actions:
    """Add the group of commands `name`, of which one must be chosen; returns its actions."""
    parser = groups.add_parser(name, help=text, description=text)
    return parser.add_subparsers(required=True, metavar="ACTION")
