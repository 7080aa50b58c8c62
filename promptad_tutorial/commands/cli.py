"""The command line: a demo, one's own data, the benchmark.

Progress goes to stderr, the one-line result to stdout, and a user's mistake is one line on stderr
with exit code 2.
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from promptad_tutorial.commands import benchmark, command
from promptad_tutorial.files.names import say

log = logging.getLogger(__name__)

GROUPS = (command, benchmark)  # in the order of --help
# Other packages add theirs by an entry point of this group: a module with `add_to(groups)`.
ENTRY_POINTS = "promptad_tutorial.commands"
IN_WORKSHOP = ("minifactory", "tinyclip", "ladder", "thresholds", "zero-shot")


def build_parser(
    groups: Sequence[Any] = GROUPS, prog: str = "promptad-tutorial", text: str = __doc__
) -> argparse.ArgumentParser:
    """All commands and their options; `handler` of the parsed arguments runs the chosen one."""
    parser = argparse.ArgumentParser(prog=prog, description=text.split("\n")[0])
    parser.add_argument("--traceback", action="store_true", help="show where an error happened")
    actions = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in groups:
        group.add_to(actions)
    return parser


def all_groups() -> tuple[Any, ...]:
    """The commands of this package, then those that installed packages add to them.

    A package that is not there any more, as a checkout without the classroom, adds nothing.
    """
    added = sorted(entry_points(group=ENTRY_POINTS), key=lambda one: one.name)
    there = (one for one in added if find_spec(one.module.partition(".")[0]))
    return (*GROUPS, *(one.load() for one in there))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of `promptad-tutorial`; see `run`."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in IN_WORKSHOP:
        sys.stderr.write(
            f"promptad-tutorial: error: {words[0]} is made in the workshop, in a checkout of the "
            f"repository: python -m workshop {words[0]} ...\n"
        )
        return 2
    return run(build_parser(all_groups()), words, "promptad_tutorial")


def keep_logs_short() -> None:
    """Where stderr is no terminal, a bar shows after a minute, and once a minute from then on.

    tqdm reads this when it is imported, which no command does before it runs; workers inherit it.
    What the user has set stays.
    """
    if not sys.stderr.isatty():
        for name in ("TQDM_DELAY", "TQDM_MININTERVAL"):
            os.environ.setdefault(name, "60")


def run(parser: argparse.ArgumentParser, words: Sequence[str], module: str) -> int:
    """Run one command; returns the exit code: 0 (or what the command returns), 2 for a user's
    mistake, 130 if interrupted.
    """
    arguments = parser.parse_args(words)
    keep_logs_short()
    arguments.command = shlex.join(["python", "-m", module, *words])
    logging.basicConfig(
        level=logging.DEBUG if arguments.traceback else logging.WARNING, format="%(message)s"
    )
    try:
        result = arguments.handler(arguments)
    except (ValueError, OSError, ImportError) as error:
        log.debug("where it happened:", exc_info=True)
        say(f"{parser.prog}: error: {' '.join(str(error).split())}", sys.stderr)
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"{parser.prog}: interrupted\n")
        return 130
    said = result if isinstance(result, command.Result) else command.Result(result)
    say(said.text, sys.stdout)  # a name may be of any encoding, and so may the terminal
    return said.code
