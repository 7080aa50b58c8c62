"""Link the first use of each term in the series to the glossary, and write the glossary's page.

    python -m workshop.pages.link_glossary
    python -m workshop.pages.make_learner_notebooks   (afterwards)

Only markdown cells of notebooks/ change, and only in these links: links to the glossary that are
there already are taken off first, so it can be run after every change of a text. The first use is
the first in running text: headings, code, formulas, folded hints, other links and the lines that
`promptad_tutorial.exercises.series` writes (times, needs, the next notebook) do not count.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import nbformat

from promptad_tutorial.files.writing import write_whole
from workshop.pages.glossary import PAGE, Term, page, terms

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
ADDRESS = "../docs/glossary.md"
OURS = re.compile(rf"\[([^\]]*)\]\({re.escape(ADDRESS)}#[^)]*\)")
NOT_RUNNING = re.compile(
    r"^## Next$.*\Z|^#{1,6} .*?$|^\*\*\d+ minutes\*\*.*?$|^```.*?^```"
    r"|<details>.*?</details>|<[^>]+>"
    r"|`[^`]*`|\$\$.*?\$\$|\$[^$\n]*\$|!?\[[^\]]*\]\([^)]*\)|https?://\S+",
    re.DOTALL | re.MULTILINE,
)


def pattern(entries: Sequence[Term]) -> re.Pattern[str]:
    """What finds any term; the longest form wins, so `anomaly map` is no use of `anomaly`."""
    forms = {form for term in entries for form in term.forms}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile(
        r"(?<![\w-])(?:" + "|".join(map(_expression, longest_first)) + r")s?(?![\w-])"
    )


def _expression(form: str) -> str:
    """A form in small letters may begin a sentence; one with capitals stands as it is."""
    words = re.escape(form).replace(r"\ ", "[ -]")
    first = form[0]
    return (
        words if first.isupper() or not first.isalpha() else f"[{first}{first.upper()}]{words[1:]}"
    )


def link(
    cells: Mapping[str, Sequence[str]], entries: Sequence[Term]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The texts with links, and for each term the notebook of its first use.

    `cells`: notebook -> its markdown cells, in the order of the series. Raises ValueError for a
    term that no running text uses.
    """
    finds = pattern(entries)
    of_form = {form.lower().replace("-", " "): term for term in entries for form in term.forms}
    linked: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    for file, texts in cells.items():
        linked[file] = []
        for text in texts:
            plain = OURS.sub(r"\1", text)
            running = NOT_RUNNING.sub(lambda found: "\n" * len(found[0]), plain)
            done, end = [], 0
            for found in finds.finditer(running):
                words = found[0].lower().replace("-", " ")
                term = of_form.get(words) or of_form[words.removesuffix("s")]
                if term.name in first:
                    continue
                first[term.name] = file
                done += [plain[end : found.start()], f"[{found[0]}]({ADDRESS}#{term.anchor})"]
                end = found.end()
            linked[file].append("".join([*done, plain[end:]]))
    unused = [term.name for term in entries if term.name not in first]
    if unused:
        raise ValueError(
            f"no running text of the series uses {', '.join(unused)}: give another form in "
            "docs/glossary.yml, or take the term out"
        )
    return linked, first


def link_notebooks(folder: Path = NOTEBOOKS) -> tuple[dict[Path, str], str]:
    """Path -> text of every notebook of `folder` with its links, and the glossary's page."""
    notebooks = {path: nbformat.read(path, as_version=4) for path in sorted(folder.glob("*.ipynb"))}
    cells = {
        path.stem: [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
        for path, notebook in notebooks.items()
    }
    entries = terms()
    linked, first = link(cells, entries)
    for path, notebook in notebooks.items():
        texts = iter(linked[path.stem])
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = next(texts)
    made = {path: nbformat.writes(notebook) + "\n" for path, notebook in notebooks.items()}
    return made, page(entries, first)


def main(arguments: Sequence[str] | None = None) -> int:
    """Link and write; a file that would stay the same is left alone."""
    parser = argparse.ArgumentParser(
        prog="python -m workshop.pages.link_glossary",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)
    notebooks, glossary = link_notebooks()
    for path, text in {**notebooks, PAGE: glossary}.items():
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        write_whole(path, text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
