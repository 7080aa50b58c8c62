"""One command: its options, and the handler that runs it."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptad_tutorial.clip.choice import PRECISIONS, BackboneChoice, precision_name

if TYPE_CHECKING:
    from promptad_tutorial.clip.loading import Backbone

HERE = Path(__file__).parent
TYPES: dict[str, dict[str, Any]] = {
    "int": {"type": int},
    "float": {"type": float},
    "path": {"type": Path},
    "precision": {"type": precision_name, "choices": tuple(PRECISIONS.values())},
}
OF_BACKBONE = ("backbone", "image-size", "resize", "device", "precision")


@dataclass(frozen=True)
class Result:
    """What a command says, with an exit code of its own; a plain str means code 0."""

    text: str
    code: int = 0


Handler = Callable[[argparse.Namespace], str | Result]  # returns what goes to stdout
Actions = Any  # what `ArgumentParser.add_subparsers` returns: argparse keeps the class to itself


def add_to(actions: Actions) -> None:
    """Add the commands of commands.json: each is the module of its name, whose `run` is called.

    Options there are the arguments of argparse; those that several commands have are "shared".
    """
    table = _table()
    shared = table.pop("shared")
    for name, told in table.items():
        parser = add_command(actions, name, _handler(name), told["help"])
        parser.epilog = told.get("epilog")
        either = parser.add_mutually_exclusive_group() if "either" in told else parser
        for option, how in told["options"].items():
            group = either if option in told.get("either", ()) else parser
            _add_option(group, option, shared[option] if how == "shared" else how)


def add_command(
    actions: Actions, name: str, handler: Handler, text: str
) -> argparse.ArgumentParser:
    """Add the command `name` to `actions`; `text` is its help. Returns its parser for options.

    Handlers import what they need when they run, so that `--help` answers at once.
    """
    parser = actions.add_parser(name, help=text, description=text, formatter_class=_HelpFormatter)
    parser.set_defaults(handler=handler)
    return parser


def add_shared(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add options that several commands have."""
    for name in names:
        _add_option(parser, name, _table()["shared"][name])


def _table() -> dict[str, Any]:
    return json.loads((HERE / "commands.json").read_text(encoding="utf-8"))


def _handler(name: str) -> Handler:
    def run(arguments: argparse.Namespace) -> str | Result:
        module = f"{__package__}.{name.replace('-', '_')}"
        return import_module(module).run(arguments)

    return run


def _add_option(parser: Any, name: str, how: dict[str, Any]) -> None:
    arguments = how | TYPES.get(how.get("type", ""), {})
    if isinstance(how.get("metavar"), list):
        arguments["metavar"] = tuple(how["metavar"])
    parser.add_argument(f"--{name}", **arguments)


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows a default where there is one to show."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False) else super()._get_help_string(action)


def chosen_backbone(arguments: argparse.Namespace) -> BackboneChoice:
    """The backbone of the options, else of the environment. BackboneError for an unclear choice."""
    names = (option.replace("-", "_") for option in OF_BACKBONE)
    given = {f"PROMPTAD_{name.upper()}": getattr(arguments, name, None) for name in names}
    told = {name: str(value) for name, value in given.items() if value}
    return BackboneChoice.from_environment(dict(os.environ) | told)


def backbone_loader(arguments: argparse.Namespace) -> Callable[[], Backbone]:
    """What loads the same, here or in another process."""
    return chosen_backbone(arguments).load


def fill_template(template: str, **values: Any) -> str:
    """What a file of templates/ says of these values, which are escaped in .html."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    html = template.endswith(".html")
    folder = FileSystemLoader(HERE / "templates")
    jinja = Environment(loader=folder, autoescape=html, undefined=StrictUndefined, trim_blocks=True)
    return jinja.get_template(template).render(values).rstrip()
