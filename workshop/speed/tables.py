"""Writes the tables of `results/` into `workshop/speed/README.md`, between their marks.

python -m workshop.speed.tables
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from workshop.speed.compare import RESULTS

README = Path(__file__).with_name("README.md")
LEFT_OUT = {"torch", "checksum", "command", "threads", "test_pictures"}  # in the files themselves
MARK = re.compile(r"(<!-- table: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def as_markdown(table: pd.DataFrame) -> str:
    """A table in Markdown, without the columns that are only for who makes it again."""
    shown = table[[n for n in table if n not in LEFT_OUT and table[n].ne("").any()]]
    lines = [[name.replace("_", " ") for name in shown], ["---"] * len(shown.columns)]
    lines += shown.astype(str).to_numpy().tolist()
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def with_tables(text: str, results: Path) -> str:
    """The text with every marked table written anew. FileNotFoundError for one that is missing."""

    def table(found: re.Match[str]) -> str:
        made = pd.read_csv(results / f"{found[2]}.csv", dtype=str, keep_default_na=False)
        return f"{found[1]}{as_markdown(made)}{found[4]}"

    return MARK.sub(table, text)


def main() -> None:
    """Write the README."""
    README.write_text(with_tables(README.read_text(encoding="utf-8"), RESULTS), encoding="utf-8")
    print(f"{len(MARK.findall(README.read_text(encoding='utf-8')))} tables: {README}")


if __name__ == "__main__":
    main()
