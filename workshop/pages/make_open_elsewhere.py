"""Write docs/open_elsewhere.md: the links that open the series on Binder, Colab and Codespaces.

    python -m workshop.pages.make_open_elsewhere

The repository's address stands once, in pyproject.toml: [tool.promptad-tutorial] repository. While
it is empty the page says what is prepared, and has no link that would lead nowhere.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from promptad_tutorial.exercises.series import CHAPTERS
from promptad_tutorial.files.writing import write_whole

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "open_elsewhere.md"
NAME = re.compile(r"[\w.-]+/[\w.-]+")  # owner/name on GitHub
BINDER = "https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/{notebook}"
COLAB = "https://colab.research.google.com/github/{repository}/blob/HEAD/{notebook}"
CODESPACES = "https://codespaces.new/{repository}"
TITLE = """\
# Opening the series elsewhere

Made by `python -m workshop.pages.make_open_elsewhere`; do not edit.
"""
UNTESTED = """\
**None of the three services could be reached where this was written, so opening the series there \
is untested.** What is tested: that the files below are well-formed, that they install with the \
README's own command, and that notebook 00 runs from an installed wheel in an empty folder, with \
no network and no repository around it.
"""
UNKNOWN = """\
Binder, Colab and Codespaces open a repository by its public address, and this one has none yet. \
Once `repository` in `[tool.promptad-tutorial]` of `pyproject.toml` names it, the command above \
writes the links here. What they need is already in the repository:

- **Binder:** `.binder/environment.yml` brings Python and torch for CPUs, `.binder/postBuild` \
installs the package.
- **Codespaces, or any dev container:** `.devcontainer/devcontainer.json` installs the package and \
opens notebook 00. VS Code opens the same container on your own machine, from your own copy.
- **Colab:** the package carries its weights, pictures and tables, so a notebook needs nothing \
besides the installed package. Until there is an address, build a wheel with `pip wheel --no-deps \
--wheel-dir dist .`, upload it, and install it with `%pip install` and the file's name.
"""
LINKS = """\
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
    """The repository as owner/name, or "" while there is none.

    Raises ValueError for something else.
    """
    with (root / "pyproject.toml").open("rb") as file:
        name = tomllib.load(file)["tool"]["promptad-tutorial"]["repository"]
    if name and not NAME.fullmatch(name):
        raise ValueError(
            "expected repository = 'owner/name' in pyproject.toml, or '' while there is no public "
            f"address, found {name!r}"
        )
    return name


def page(name: str) -> str:
    """The page for the repository `name`; without links for ""."""
    notebooks = [f"notebooks/{chapter.file}.ipynb" for chapter in CHAPTERS]
    if not name:
        return "\n".join([TITLE, UNKNOWN, UNTESTED])
    rows = [
        f"| {chapter.title} | [open]({COLAB.format(repository=name, notebook=notebook)}) |"
        for chapter, notebook in zip(CHAPTERS, notebooks, strict=True)
    ]
    links = LINKS.format(
        binder=BINDER.format(repository=name, notebook=notebooks[0]),
        codespaces=CODESPACES.format(repository=name),
        repository=name,
        rows="\n".join(rows),
    )
    return "\n".join([TITLE, UNTESTED, links])


def main() -> int:
    """Write the page."""
    write_whole(PAGE, page(repository()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
