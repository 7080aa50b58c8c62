"""Write docs/open_elsewhere.md: the links that open the series on Binder, Colab and Codespaces.

    python -m workshop.pages.make_open_elsewhere

The repository's address stands once, in pyproject.toml: [tool.promptad-tutorial] repository.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from promptad_tutorial.exercises.series import CHAPTERS
from promptad_tutorial.files.writing import write_whole

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "open_elsewhere.md"
PLACEHOLDER = "OWNER/REPOSITORY"
BINDER = "https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/{notebook}"
COLAB = "https://colab.research.google.com/github/{repository}/blob/HEAD/{notebook}"
CODESPACES = "https://codespaces.new/{repository}"
UNKNOWN = """\
> **The public address of this repository is not known yet.** Until `repository` in \
`[tool.promptad-tutorial]` of `pyproject.toml` names it and this page is made again, the links \
below lead nowhere.
"""
TEXT = """\
# Opening the series elsewhere

Made by `python -m workshop.pages.make_open_elsewhere`; do not edit.

{unknown}
**None of the three services could be reached where this was written, so opening the series there \
is untested.** What is tested: that the files below are well-formed, that they install with the \
README's own command, and that notebook 00 runs from an installed wheel in an empty folder, with \
no network and no repository around it.

## Binder

[Open notebook 00 on Binder]({binder}). The first start builds an image and takes a while. \
`.binder/environment.yml` brings Python and torch for CPUs, `.binder/postBuild` installs the \
package.

## Codespaces, or any dev container

[Open in Codespaces]({codespaces}). `.devcontainer/devcontainer.json` installs the package and \
opens notebook 00; VS Code opens the same container on your own machine.

## Colab

Open a notebook, put this cell above the first one and run it. It installs the package with its \
weights, pictures and tables, so nothing else is needed. If Colab asks you to restart the runtime, \
do.

```
%pip install --quiet "promptad-tutorial @ git+https://github.com/{repository}"
```

| notebook | |
|---|---|
{rows}

Work there is lost when the runtime ends: save a copy. Links between notebooks do not work on Colab.
"""


def repository(root: Path = ROOT) -> str:
    """The repository as owner/name. Raises ValueError for something else."""
    with (root / "pyproject.toml").open("rb") as file:
        name = tomllib.load(file)["tool"]["promptad-tutorial"]["repository"]
    if name.count("/") != 1 or not all(name.split("/")):
        raise ValueError(f"expected repository = 'owner/name' in pyproject.toml, found {name!r}")
    return name


def page(name: str) -> str:
    """The page for the repository `name`."""
    notebooks = [f"notebooks/{chapter.file}.ipynb" for chapter in CHAPTERS]
    rows = [
        f"| {chapter.title} | [open]({COLAB.format(repository=name, notebook=notebook)}) |"
        for chapter, notebook in zip(CHAPTERS, notebooks, strict=True)
    ]
    return TEXT.format(
        unknown=UNKNOWN if name == PLACEHOLDER else "",
        binder=BINDER.format(repository=name, notebook=notebooks[0]),
        codespaces=CODESPACES.format(repository=name),
        repository=name,
        rows="\n".join(rows),
    )


def main() -> int:
    """Write the page."""
    write_whole(PAGE, page(repository()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
