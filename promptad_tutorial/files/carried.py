"""Where the tutorial's own pictures and tables lie.

Beside the package in a checkout, around the notebooks in a folder for an offline room, and inside
the package in an installed wheel (hatch_build.py puts them there).
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
INSIDE = PACKAGE / "files" / "shipped"  # only in an installed wheel


def carried(name: str) -> Path | None:
    """The file or folder `name`, as "data/minifactory", or None where there is none.

    Looked for beside the package, then in the current directory and the folders above it, then in
    the installed package: what somebody can see and change wins over what is hidden.
    """
    here = Path.cwd()
    for folder in (PACKAGE.parent, here, *here.parents, INSIDE):
        if (folder / name).exists():
            return folder / name
    return None
