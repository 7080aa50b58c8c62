"""One command: its options, and the handler that runs it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptad_tutorial.clip.choice import PRECISIONS, BackboneChoice, precision_name

if TYPE_CHECKING:
    from promptad_tutorial.clip.loading import Backbone
    from promptad_tutorial.datasets import Dataset


@dataclass(frozen=True)
class Result:
    """What a command says, with an exit code of its own; a plain str means code 0."""

    text: str
    code: int = 0


Handler = Callable[[argparse.Namespace], str | Result]  # returns what goes to stdout
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


def add_image_size(parser: argparse.ArgumentParser) -> None:
    """The option --image-size, of a backbone."""
    parser.add_argument(
        "--image-size",
        type=int,
        help="pixels a side that the image tower reads, a multiple of its patches; the model's own "
        "by default (or $PROMPTAD_IMAGE_SIZE). Position embeddings are interpolated",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """The options --device and --precision, of a backbone."""
    parser.add_argument(
        "--device", help="cpu, cuda or mps; else $PROMPTAD_DEVICE, or cuda where there is one"
    )
    parser.add_argument(
        "--precision",
        type=precision_name,
        choices=tuple(PRECISIONS.values()),
        help="of the image tower (bf16 and fp16 will do); else $PROMPTAD_PRECISION, or float32",
    )


def add_inputs(parser: argparse.ArgumentParser, lines: bool = False) -> None:
    """The options that say what is measured and how pictures are read.

    They are --backbone, --image-size, --resize, --data and, if wanted, --lines.
    """
    if lines:
        parser.add_argument("--lines", nargs="+", help="only these product lines")
    parser.add_argument("--backbone", help="tiny, MODEL:TAG or MODEL:FILE; else $PROMPTAD_BACKBONE")
    add_image_size(parser)
    parser.add_argument(
        "--resize",
        choices=("squash", "crop"),
        help="squash whole pictures onto the square, which is the default, or "
        "crop: keep the aspect ratio and see the central square alone; else $PROMPTAD_RESIZE",
    )
    add_device(parser)
    parser.add_argument("--data", type=Path, help="a dataset's folder; else $PROMPTAD_DATA")


def chosen_data(arguments: argparse.Namespace) -> Dataset:
    """The dataset of --data, or of the environment, with the product lines of --lines alone.

    Raises what opening it raises; an unknown product line is an error before any work.
    """
    from dataclasses import replace

    from promptad_tutorial.datasets import dataset_from_environment, open_dataset

    data = open_dataset(arguments.data) if arguments.data else dataset_from_environment()
    lines = getattr(arguments, "lines", None)
    if not lines:
        return data
    for line in lines:
        data.load(line)
    return replace(data, product_lines=tuple(lines))


def backbone_loader(arguments: argparse.Namespace) -> Callable[[], Backbone]:
    """What loads the backbone of the options, or of the environment, here or in another process.

    The options are --backbone, --image-size and, where the command has it, --resize.
    """
    from promptad_tutorial.clip.loading import backbone_from_environment

    return partial(backbone_from_environment, _environment(arguments))


def chosen_backbone(arguments: argparse.Namespace) -> BackboneChoice:
    """The same choice, in words. Raises BackboneError for one that cannot be read."""
    return BackboneChoice.from_environment(_environment(arguments))


def _environment(arguments: argparse.Namespace) -> dict[str, str]:
    """The environment, in which options stand for its variables."""
    options = {
        "PROMPTAD_BACKBONE": arguments.backbone,
        "PROMPTAD_IMAGE_SIZE": arguments.image_size,
        "PROMPTAD_RESIZE": getattr(arguments, "resize", None),
        "PROMPTAD_DEVICE": getattr(arguments, "device", None),
        "PROMPTAD_PRECISION": getattr(arguments, "precision", None),
    }
    return dict(os.environ) | {name: str(value) for name, value in options.items() if value}
