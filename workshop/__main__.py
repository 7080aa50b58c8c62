"""`python -m workshop`: render the pictures, train and export TinyCLIP, write their cards."""

from __future__ import annotations

import sys

from promptad_tutorial.commands.cli import build_parser, run
from workshop.commands import minifactory, tinyclip

if __name__ == "__main__":
    parser = build_parser((minifactory, tinyclip), "workshop", __doc__)
    sys.exit(run(parser, sys.argv[1:], "workshop"))
