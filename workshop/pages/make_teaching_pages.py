"""Write what each hint is for into docs/teaching/hints.md, from the checks' own catalogue.

    python -m workshop.pages.make_teaching_pages

The hints for typical mistakes are in the exercises' own file; those that a check makes while it
runs are read from its source, with their changing parts as blanks that have names: "0 to {last}".
"""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from promptad_tutorial import exercises as checks
from promptad_tutorial.exercises import verdict
from promptad_tutorial.files.writing import write_whole
from workshop.pages.make_labs import LABS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "teaching" / "hints.md"
HINTS = {"not_yet": 1}  # call -> place of the text
HEADER = """\
# The misconception that each hint is for

Made by `python -m workshop.pages.make_teaching_pages` from the checks; do not edit. A learner who \
sees one of these texts has made just that mistake: her function returned what the mistake \
returns. `{a blank}` is filled in when the check runs. Last comes what she is told if no typical \
mistake explains her answer.
"""


def page() -> str:
    """The whole page, lab by lab and exercise by exercise."""
    parts = [HEADER, "## Any exercise\n"]
    parts.append("\n".join(f"- {text}" for text in dict.fromkeys(_general())) + "\n")
    for lab, numbers in LABS.items():
        parts.append(f"## {lab}\n")
        for entry in checks.EXERCISES.values():
            if entry.notebook in numbers:
                parts.append(f"### {entry.notebook} · {entry.title} (`{entry.name}`)\n")
                points = f"{entry.difficulty} point{'s' if entry.difficulty > 1 else ''}"
                parts.append(f"{points}, about {entry.minutes} minutes.\n")
                lines = [*hints(entry.name), *(f"anything else: {t}" for t in last(entry.name))]
                parts.append("\n".join(f"- {line}" for line in lines) + "\n")
    return "\n".join(parts)


def hints(exercise: str) -> list[str]:
    """The texts of the typical mistakes of one exercise, in the order in which they are tried.

    First those of the exercises' own file, then those that its check makes while it runs.
    """
    functions = _functions(inspect.getmodule(getattr(checks, exercise)))
    made = _texts(functions[exercise], functions, {exercise})
    return list(dict.fromkeys([*checks.exercise(exercise).mistakes.values(), *made]))


def last(exercise: str) -> list[str]:
    """What is said where no typical mistake explains the answer."""
    return [hint for hint in (checks.exercise(exercise).hint,) if hint]


def _general() -> Iterator[str]:
    """What every check may say: the hints of the module that runs an answer."""
    functions = _functions(verdict)
    for function in functions.values():
        yield from _texts(function, functions, set(functions))


def _functions(module: ModuleType) -> dict[str, ast.FunctionDef]:
    body = ast.parse(inspect.getsource(module)).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


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
            yield from _written(node.args[HINTS[name]], functions)
        elif name in functions and name not in seen:
            seen.add(name)
            yield from _texts(functions[name], functions, seen)


def _written(text: ast.expr, functions: dict[str, ast.FunctionDef]) -> Iterator[str]:
    """Every text that an expression can become; nothing for a mere name."""
    match text:
        case ast.Constant(str(value)):
            yield " ".join(value.split())
        case ast.JoinedStr(parts):
            said = (p.value if isinstance(p, ast.Constant) else f"{{{_blank(p)}}}" for p in parts)
            yield " ".join("".join(said).split())
        case ast.IfExp(_, one, other):
            yield from _written(one, functions)
            yield from _written(other, functions)
        case ast.Call(ast.Name(name)) if name in functions:
            for node in ast.walk(functions[name]):
                if isinstance(node, ast.Return) and node.value is not None:
                    yield from _written(node.value, functions)


def _blank(part: ast.expr) -> str:
    """The name of a blank: the last one in it that is no function of Python's."""
    nodes = list(ast.walk(part))
    names = [n.id for n in nodes if isinstance(n, ast.Name) and not hasattr(builtins, n.id)]
    attributes = [n.attr for n in nodes if isinstance(n, ast.Attribute) and n.attr != "join"]
    return [*names, *attributes][-1].replace("_", " ")


def main() -> int:
    """Write the page."""
    write_whole(PAGE, page())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
