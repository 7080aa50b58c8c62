"""Which data and which backbone a table is measured with: the options, and what they mean."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from promptad_tutorial.commands.command import OF_BACKBONE, add_shared

if TYPE_CHECKING:
    from promptad_tutorial.datasets import Dataset


def add_inputs(parser: argparse.ArgumentParser, lines: bool = False) -> None:
    """The options that say what is measured and how pictures are read."""
    if lines:
        parser.add_argument("--lines", nargs="+", help="only these product lines")
    add_shared(parser, *OF_BACKBONE, "data")


def chosen_data(arguments: argparse.Namespace) -> Dataset:
    """The dataset of --data, or of the environment, with the product lines of --lines alone.

    Raises what opening it raises; an unknown product line is an error before any work.
    """
    from promptad_tutorial.datasets import dataset_from_environment, open_dataset

    data = open_dataset(arguments.data) if arguments.data else dataset_from_environment()
    lines = getattr(arguments, "lines", None)
    if not lines:
        return data
    for line in lines:
        data.load(line)
    return replace(data, product_lines=tuple(lines))
