"""Write what each hint is for into docs/teaching/hints.md, from the checks' own catalogue.

    python -m tools.make_teaching_pages

A check holds its typical mistakes as `Mistake` and `mistake(...)` in its function's source. The
texts are read from that source, so a hint that changes there changes here.
"""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Iterator
from pathlib import Path

from promptad_tutorial import checks
from tools.make_labs import LABS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "teaching" / "hints.md"
HINTS = {
    "mistake": 0,
    "Mistake": 0,
    "_same_split": 0,
    "_same_prompts": 0,
    "not_yet": 1,
}  # call -> place of the text
HEADER = """\
# The misconception that each hint is for

Made by `python -m tools.make_teaching_pages` from the checks; do not edit. A learner who sees one \
of these texts has made just that mistake: her function returned what the mistake returns.
"""


def page() -> str:
    """The whole page, lab by lab and exercise by exercise."""
    parts = [HEADER]
    for lab, numbers in LABS.items():
        parts.append(f"## {lab}\n")
        for entry in checks.EXERCISES.values():
            if entry.notebook in numbers:
                parts.append(f"### {entry.notebook} · {entry.title} (`{entry.name}`)\n")
                points = f"{entry.difficulty} point{'s' if entry.difficulty > 1 else ''}"
                parts.append(f"{points}, about {entry.minutes} minutes.\n")
                parts.append("\n".join(f"- {hint}" for hint in hints(entry.name)) + "\n")
    return "\n".join(parts)


def hints(exercise: str) -> list[str]:
    """The texts of the typical mistakes of one exercise, in the order in which they are tried."""
    check = getattr(checks, exercise)
    module = inspect.getmodule(check)
    functions = {
        node.name: node
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.FunctionDef)
    }
    found = list(_texts(functions[exercise], functions, {exercise}))
    return list(dict.fromkeys(found))


def _texts(
    function: ast.FunctionDef, functions: dict[str, ast.FunctionDef], seen: set[str]
) -> Iterator[str]:
    """Texts in a function and in the module's functions that it calls."""
    for node in sorted(
        (n for n in ast.walk(function) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)),
        key=lambda n: (n.lineno, n.col_offset),
    ):
        name = node.func.id
        if name in HINTS and len(node.args) > HINTS[name]:
            text = node.args[HINTS[name]]
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield " ".join(text.value.split())
        elif name in functions and name not in seen:
            seen.add(name)
            yield from _texts(functions[name], functions, seen)


def main() -> int:
    """Write the page."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    part = PAGE.with_name(f"{PAGE.name}.part")
    part.write_text(page(), encoding="utf-8")
    os.replace(part, PAGE)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
