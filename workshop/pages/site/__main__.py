"""Build the site into build/site.

    python -m workshop.pages.site                 then open build/site/index.html in a browser
    python -m workshop.pages.site --out folder

Notebooks are not run: the pages show their stored outputs. No network is needed, and no page
asks another host for anything.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from workshop.pages.site.build import ROOT, build


def main(arguments: Sequence[str] | None = None) -> int:
    """Build where the command line says. Exit status 1, with the reasons, if it failed."""
    parser = argparse.ArgumentParser(
        prog="python -m workshop.pages.site",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="build/site")
    parser.add_argument("--jobs", type=int, help="processes; default: as many as there are cores")
    options = parser.parse_args(arguments)
    out = options.out
    try:
        build(out, options.jobs)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{out / 'index.html'}: open it in a browser")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
