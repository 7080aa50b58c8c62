"""Minutes that are true: they are counted, and written into each header and into the index.

    python -m workshop.pages.reading_time

Words at 200 a minute, lines of code at 20, exercises as they state it; up to the next five.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from promptad_tutorial import exercises
from promptad_tutorial.exercises import series

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
INDEX = ROOT / "promptad_tutorial" / "exercises" / "series.yaml"
WORDS, LINES, STEP = 200, 20, 5  # a minute; a minute; minutes


def minutes(notebook: Path) -> int:
    """Of reading, running and solving a notebook of the series; solutions are not read."""
    words = lines = 0
    for cell in nbformat.read(notebook, as_version=4).cells:
        if "solution" in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "markdown":
            shown = re.sub(r"\]\([^)]*\)", "]", cell.source)  # where a link leads is not read
            words += len(re.findall(r"\w[\w'.-]*", shown))
        else:
            lines += sum(bool(line.strip()) for line in cell.source.splitlines())
    mine = [e for e in exercises.EXERCISES.values() if e.notebook == notebook.name[:2]]
    words += sum(len(e.statement.split()) for e in mine)
    whole = words / WORDS + lines / LINES + sum(e.minutes for e in mine)
    return STEP * -int(-whole // STEP)


def main() -> int:
    """Write the minutes of all notebooks into their headers and into series.yaml."""
    index = INDEX.read_text()
    for chapter in series.CHAPTERS:
        path = NOTEBOOKS / f"{chapter.file}.ipynb"
        found = minutes(path)
        notebook = nbformat.read(path, as_version=4)
        first = notebook.cells[0]
        first.source = re.sub(r"\*\*\d+ minutes\*\*", f"**{found} minutes**", first.source, count=1)
        nbformat.write(notebook, path)
        index = re.sub(
            rf"(file: {chapter.file}\n(?:.*\n)*?\s+minutes: )\d+", rf"\g<1>{found}", index, count=1
        )
        print(f"{chapter.file}: {found} minutes")
    INDEX.write_text(index)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
