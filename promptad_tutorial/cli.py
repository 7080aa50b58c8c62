"""The command line: a demo, the tables, the pictures, and TinyCLIP.

Progress goes to stderr, the one-line result to stdout, and a user's mistake is one line on stderr
with exit code 2.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence

from promptad_tutorial.commands import (
    benchmark,
    check_backbone,
    check_data,
    demo,
    doctor,
    init_data,
    labs,
    ladder,
    minifactory,
    offline_bundle,
    score,
    thresholds,
    tinyclip,
    zero_shot,
)
from promptad_tutorial.commands.command import Result

log = logging.getLogger(__name__)

GROUPS = (
    doctor,
    demo,
    check_backbone,
    init_data,
    check_data,
    score,
    zero_shot,
    ladder,
    thresholds,
    benchmark,
    labs,
    offline_bundle,
    minifactory,
    tinyclip,
)  # in the order of --help


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options; `handler` of the parsed arguments runs the chosen one."""
    parser = argparse.ArgumentParser(prog="promptad-tutorial", description=__doc__.split("\n")[0])
    parser.add_argument("--traceback", action="store_true", help="show where an error happened")
    groups = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in GROUPS:
        group.add_to(groups)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 (or what the command returns), 2 for a user's
    mistake, 130 if interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = build_parser().parse_args(words)
    arguments.command = shlex.join(["python", "-m", "promptad_tutorial", *words])
    logging.basicConfig(
        level=logging.DEBUG if arguments.traceback else logging.WARNING, format="%(message)s"
    )
    try:
        result = arguments.handler(arguments)
    except (ValueError, OSError, ImportError) as error:
        log.debug("where it happened:", exc_info=True)
        sys.stderr.write(f"promptad-tutorial: error: {' '.join(str(error).split())}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("promptad-tutorial: interrupted\n")
        return 130
    said = result if isinstance(result, Result) else Result(result)
    sys.stdout.write(f"{said.text}\n")
    return said.code
