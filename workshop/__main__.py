"""`python -m workshop`: render the pictures, train TinyCLIP, measure the tables in `results/`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from promptad_tutorial.commands.cli import build_parser, run
from workshop.commands import ladder, minifactory, thresholds, tinyclip, zero_shot

GROUPS = (minifactory, tinyclip, zero_shot, ladder, thresholds)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of the workshop; returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    return run(build_parser(GROUPS, "workshop", __doc__), words, "workshop")


if __name__ == "__main__":
    sys.exit(main())
