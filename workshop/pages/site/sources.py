"""What the site is made of: pages at the places where they stand in the repository.

So a relative link means the same in the repository, in JupyterLab and on the site. README.md is
the front page, every notebook and every other .md file a page; any other file that a page links to
goes along as it is.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from urllib.parse import unquote, urlsplit

import nbformat

from promptad_tutorial.exercises.series import CHAPTERS
from workshop.pages import glossary
from workshop.pages.site.api_pages import api_pages
from workshop.pages.site.notebook_pages import notebook_page

FRONT = "README.md"
GLOSSARY = "docs/glossary.md"
LEARNER = "notebooks/learner"
TEXTS = (  # besides the front page
    "CONTRIBUTING.md",
    "LICENSES/*.md",
    "workshop/speed/**/*.md",
    "data/*/*.md",
    "docs/**/*.md",
    "promptad_tutorial/clip/tinyclip/*.md",
    "results/**/*.md",
)
DOORS = """\
```{container} doors
- [**Learn**](notebooks/00_start_here.ipynb) Nine notebooks, from two sentences as a \
detector to the whole of PromptAD.
- [**Teach**](docs/teaching/README.md) Three labs of 90 minutes, slides, hints and marking.
- [**Use**](docs/real_clip.md) Your own parts, real CLIP, MVTec AD, a GPU.
```"""
LINK = re.compile(r"(?<=\]\()([^()\s]+)(?=\))")  # the address of [words](address)

MARK = re.compile(r'<a id="[^"]*"></a>\n+(?=#)')  # Sphinx gives each heading the same one

# The contents beside each page: heading and pages. A page stands at the first pattern that fits it.
CONTENTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("The notebooks", ("notebooks/[0-9]*", f"{LEARNER}/index")),
    ("To look things up", ("docs/glossary", "docs/method", "docs/which_room", "docs/api/index")),
    (
        "To use it",
        (
            *("docs/setting_up", "docs/commands", "docs/real_clip", "docs/benchmark"),
            *("docs/clusters", "docs/open_elsewhere"),
        ),
    ),
    ("For teachers", ("docs/teaching/README", "docs/teaching/*")),
    (
        "Model, data, results",
        ("promptad_tutorial/clip/tinyclip/*", "data/*", "results/*", "workshop/*"),
    ),
    ("The project", ("CONTRIBUTING", "LICENSES/*", "docs/*")),
)


def gather(root: Path, out: Path) -> None:
    """Write every source of the site into the new folder `out`.

    Raises ValueError for a relative link to something that the repository does not have.
    """
    texts = {FRONT: "index.md"} | {path: path for path in _texts(root)}
    notebooks = [f"notebooks/{one.name}" for one in sorted((root / "notebooks").glob("*.ipynb"))]
    places = texts | {one: one for one in notebooks}  # path in the repository -> on the site
    files = _Files(root, out, places)
    pages = {str(PurePosixPath(place).with_suffix("")) for place in places.values()} - {"index"}
    listed = {*pages, f"{LEARNER}/index", "docs/api/index"}
    for path, place in texts.items():
        text = MARK.sub("", (root / path).read_text(encoding="utf-8"))
        text = files.link(text, path, place)
        if path == FRONT:
            text = with_doors(text, files.link(DOORS, path, place)) + contents(listed)
        _write(out / place, text)
    for path in notebooks:
        made = notebook_page(nbformat.read(root / path, as_version=4), path, out / "_static")
        for cell in made.cells:
            if cell.cell_type == "markdown":
                cell.source = files.link(cell.source, path, path)
        _write(out / path, nbformat.writes(made))
        for original in (path, f"{LEARNER}/{PurePosixPath(path).name}"):
            files.copy(original, f"files/{original}")
    _write(out / LEARNER / "index.md", _learner_page(notebooks))
    for name, text in api_pages(root, notebooks).items():
        _write(out / "docs" / "api" / name, text)


class _Files:
    """Links of pages, checked, and the files that they bring along."""

    def __init__(self, root: Path, out: Path, places: dict[str, str]) -> None:
        self.root, self.out, self.places = root, out, places
        # what a link to a term says when it is pointed at
        self.terms = {
            term.anchor: f"{term.say} {term.chinese[0][0]}".replace('"', "'")
            for term in glossary.terms(root / "docs" / "glossary.yml")
        }

    def link(self, text: str, path: str, place: str) -> str:
        """The text of the page `path`, which stands at `place`, with links for the site."""
        return LINK.sub(lambda found: self._address(found[1], path, place), text)

    def _address(self, address: str, path: str, place: str) -> str:
        parts = urlsplit(address)
        if parts.scheme or parts.netloc or not parts.path:
            return address
        here = normpath(str(PurePosixPath(path).parent / unquote(parts.path)))
        if not (self.root / here).exists() or here.startswith(".."):
            raise ValueError(f"{path} links to {address}, and {here} is not in the repository")
        to = self._place(here)
        fragment = f"#{parts.fragment}" if parts.fragment else ""
        found = relpath(to, str(PurePosixPath(place).parent))
        if here == GLOSSARY and parts.fragment in self.terms:
            return f'{found}{fragment} "{self.terms[parts.fragment]}"'
        return f"path:{found}" if to.startswith("files/") else found + fragment

    def _place(self, path: str) -> str:
        if path == LEARNER:
            return f"{LEARNER}/index.md"
        if (self.root / path).is_dir():
            readme = f"{path}/README.md"
            if readme not in self.places:
                raise ValueError(f"a page links to the folder {path}, which has no README.md")
            return self.places[readme]
        if path in self.places:
            return self.places[path]
        # a notebook of no page must not lie where Sphinx would make it one
        place = f"files/{path}" if path.endswith(".ipynb") else path
        self.copy(path, place)
        return place

    def copy(self, path: str, place: str) -> None:
        (self.out / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.root / path, self.out / place)


def _texts(root: Path) -> Iterator[str]:
    for pattern in TEXTS:
        yield from sorted(one.relative_to(root).as_posix() for one in root.glob(pattern))


def contents(pages: Iterable[str]) -> str:
    """The table of contents, for the end of the front page, which does not show it.

    `pages` are without their endings. ValueError for one that no heading takes.
    """
    left, parts = sorted(pages), []
    for heading, patterns in CONTENTS:
        found = list(dict.fromkeys(p for one in patterns for p in left if fnmatchcase(p, one)))
        left = [page for page in left if page not in found]
        lines = "\n".join(_entry(page) for page in found)
        parts.append(f"\n```{{toctree}}\n:caption: {heading}\n:hidden:\n\n{lines}\n```\n")
    if left:
        raise ValueError(f"expected a heading in CONTENTS for every page, found none for {left}")
    return "".join(parts)


def _entry(page: str) -> str:
    """A line of the contents: a notebook stands there with its number and its minutes."""
    for chapter in CHAPTERS:
        if page == f"notebooks/{chapter.file}":
            number = chapter.file.partition("_")[0]
            return f"{number} · {chapter.title} ({chapter.minutes} min) <{page}>"
    return page


def with_doors(readme: str, doors: str) -> str:
    """The front page: three ways in, below its opening sentence."""
    title, opening, rest = readme.split("\n\n", 2)
    return "\n\n".join([title, opening, doors, rest])


def _learner_page(notebooks: list[str]) -> str:
    lines = [
        "# The learner's notebooks\n",
        "The same notebooks without solutions and without outputs, for a class: a check says at "
        "once whether an answer is right. Open them in JupyterLab, with the package installed.\n",
    ]
    for path in notebooks:
        name = PurePosixPath(path).name
        lines.append(f"- {{download}}`{name} <../../files/{LEARNER}/{name}>`")
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
