"""`python -m promptad_tutorial`: the same as the command `promptad-tutorial`."""

from __future__ import annotations

import sys

from promptad_tutorial.commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
