"""The rooms of the house: who may import whom, the way of the data, and the one picture of both.

    python -m workshop.pages.rooms        writes docs/images/rooms.svg

`IMPORTS` is the one list of the imports between rooms. tests/workshop/test_rooms.py holds it
against the code, both ways, so that the picture in CONTRIBUTING.md cannot go out of date.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from html import escape
from pathlib import Path

from promptad_tutorial.files.writing import write_whole

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "images" / "rooms.svg"
PACKAGE = "promptad_tutorial"
OUTSIDE = ("promptad_classroom", "workshop")  # packages of their own: PACKAGE never imports them

# Room -> the rooms that it imports, all of which stand above it here: so there are no circles.
IMPORTS: dict[str, set[str]] = {
    "files": set(),
    "datasets": {"files"},
    "clip": {"files"},
    "prompts": {"clip"},
    "learning": {"prompts"},
    "scoring": {"clip"},
    "detectors": {"files", "clip", "prompts", "learning", "scoring"},
    "figures": {"files", "scoring"},
    "benchmark": {
        *("files", "datasets", "clip", "prompts", "learning", "scoring", "detectors", "figures")
    },
    "explorers": {
        *("files", "datasets", "clip", "prompts", "learning", "scoring", "detectors", "figures")
    },
    "exercises": {"datasets", "prompts", "learning", "scoring", "benchmark"},
    "commands": {"files", "datasets", "clip", "scoring", "detectors", "figures", "benchmark"},
    "promptad_classroom": {"files", "datasets", "exercises", "commands"},
    "workshop": {
        *("files", "datasets", "clip", "prompts", "learning", "scoring", "detectors", "figures"),
        *("benchmark", "explorers", "exercises", "commands", "promptad_classroom"),
    },
}

# --- the imports that there are -------------------------------------------------------------------


def imports(root: Path = ROOT) -> dict[tuple[str, str], list[str]]:
    """(room, room that it imports) -> where the code does so, as "path:line".

    Imports inside functions and for type checkers count too. `__init__.py` and `__main__.py` of
    the package itself belong to no room. Each package of `OUTSIDE` is one room.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for package in (PACKAGE, *OUTSIDE):
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).parts
            if package == PACKAGE and len(parts) == 2:
                continue
            here = _room(parts)
            for line, module in _imported(path.read_text(encoding="utf-8")):
                there = _room(tuple(module.split(".")))
                if there not in ("", here):
                    found.setdefault((here, there), []).append(f"{'/'.join(parts)}:{line}")
    return found


def differences(declared: dict[str, set[str]], root: Path = ROOT) -> list[str]:
    """What `declared` and the code do not agree on, one sentence each; empty if they agree."""
    there = imports(root)
    arrows = {(room, other) for room, others in declared.items() for other in others}
    said = [
        f"{a} imports {b}, which IMPORTS does not list: {', '.join(there[a, b][:3])}"
        for a, b in sorted(there.keys() - arrows)
    ]
    return said + [
        f"IMPORTS says that {a} imports {b}, and no module does"
        for a, b in sorted(arrows - there.keys())
    ]


def _room(parts: tuple[str, ...]) -> str:
    """The room of a path or module; "" for other projects' modules and the package's own top."""
    if parts[0] in OUTSIDE:
        return parts[0]
    return parts[1] if parts[0] == PACKAGE and len(parts) > 1 else ""


def _imported(code: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that the code imports."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            rooms = [one.name for one in node.names if one.name in IMPORTS]
            if node.module == PACKAGE:
                yield from ((node.lineno, f"{PACKAGE}.{room}") for room in rooms)
            else:
                yield node.lineno, node.module


# --- the picture ----------------------------------------------------------------------------------

WIDTH, HEIGHT = 960, 980
INK, GREY = "#1a1a1a", "#c4c4c4"
METHOD, AROUND, PLAIN = "#dceaf7", "#f6ead2", "#ffffff"
CORE = ("clip", "prompts", "learning", "scoring", "detectors")
# Boxes of the way of the data: room, left, top, width, height, lines of text (the first is bold).
Box = tuple[str, int, int, int, int, tuple[str, ...]]
BOXES: tuple[Box, ...] = (
    ("", 20, 68, 130, 60, ("words", "name and states")),
    ("datasets", 20, 310, 130, 76, ("files, datasets", "layouts, masks,", "shots, checks")),
    ("prompts", 200, 60, 130, 76, ("prompts", "structure, tree,", "learner")),
    ("learning", 200, 194, 130, 60, ("learning", "losses, one loop")),
    ("clip", 420, 60, 130, 76, ("clip", "text tower,", "frozen")),
    ("clip", 420, 310, 130, 76, ("clip", "image tower and", "V-V path, frozen")),
    ("scoring", 720, 150, 130, 136,
     ("scoring", "text score,", "memory, fusion,", "maps, threshold,", "metrics")),
    ("figures", 190, 450, 120, 44, ("figures",)),
    ("explorers", 325, 450, 120, 44, ("explorers",)),
    ("exercises", 460, 450, 120, 44, ("exercises",)),
    ("benchmark", 595, 450, 120, 44, ("benchmark",)),
    ("commands", 730, 450, 120, 44, ("commands",)),
)  # fmt: skip
# What goes from box to box: the corners of the arrow, its words, and where they start.
ARROWS = (
    ("150,98 198,98", "", 0, 0),
    ("150,348 418,348", "pictures", 230, 342),
    ("330,98 418,98", "prompts", 342, 92),
    ("250,136 250,192", "", 0, 0),
    ("280,194 280,138", "learnt tokens", 288, 170),
    ("485,310 485,224 332,224", "features of the k shots", 338, 218),
    ("550,98 785,98 785,148", "prototypes w_n, w_a", 560, 92),
    ("550,348 785,348 785,288", "features z, Z, block tokens", 560, 342),
    ("850,218 900,218 900,472 868,472", "image scores, anomaly maps", 695, 430),
)
NOTES = (
    "A dot: the room on the left",
    "imports the room above the dot.",
    "",
    "All dots lie below the diagonal, so",
    "there are no circles, and no room",
    "knows of a room further down.",
    "",
    "Blue: the method. Sand: what feeds it",
    "and what is made with it. White:",
    "packages of their own, which",
    f"{PACKAGE} never imports.",
)


def svg(declared: dict[str, set[str]]) -> str:
    """The picture: the way of the data above, the imports as a table below."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" font-family="Helvetica, Arial, sans-serif" font-size="14" '
        f'fill="{INK}">'
    )
    tip = (
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
        f'markerHeight="8" orient="auto"><path d="M0 0L10 5L0 10z" fill="{INK}"/></marker></defs>'
    )
    title = f"<title>The rooms of {PACKAGE}</title><desc>{escape(in_words(declared))}</desc>"
    ground = _box(0, 0, WIDTH, HEIGHT, PLAIN, PLAIN)
    return "\n".join([head, title, tip, ground, *_way(), *_table(declared), "</svg>", ""])


def in_words(declared: dict[str, set[str]]) -> str:
    """The picture in words."""
    rows = (f"{room} imports {', '.join(sorted(others))}" for room, others in declared.items())
    return (
        "Words become prompts, and prompts go through CLIP's text tower and become prototypes. "
        "Pictures go through files, datasets and CLIP's image tower and become features. Learning "
        "changes the prompts' tokens, by features of the k shots. Scoring makes image scores and "
        "anomaly maps of prototypes and features. Detectors hold all of that together; figures, "
        f"explorers, exercises, benchmark and commands use what comes out. {'; '.join(rows)}."
    ).replace(" imports ;", " imports nothing;")


def _way() -> Iterator[str]:
    yield _words(20, 24, "The way of the data", bold=True)
    yield _box(170, 36, 700, 374, "none", INK, 'stroke-dasharray="6 4"')
    yield _words(520, 30, "detectors: fit, score, predict, save, load", bold=True, anchor="middle")
    yield _box(175, 438, 690, 68, "none", GREY)
    for room, left, top, width, height, lines in BOXES:
        yield _box(left, top, width, height, _fill(room), INK)
        first = top + (height - 18 * len(lines)) / 2 + 14
        for place, line in enumerate(lines):
            middle = left + width / 2
            yield _words(middle, first + 18 * place, line, bold=place == 0, anchor="middle")
    for corners, words, x, y in ARROWS:
        yield (
            f'<polyline points="{corners}" fill="none" stroke="{INK}" stroke-width="1.5" '
            'marker-end="url(#tip)"/>'
        )
        if words:
            yield _words(x, y, words)


def _table(declared: dict[str, set[str]]) -> Iterator[str]:
    left, top, side = 180, 652, 22
    rooms = list(declared)
    yield _words(20, 552, "Who imports whom", bold=True)
    for row, room in enumerate(rooms):
        y = top + row * side
        yield _box(20, y, left - 20, side, _fill(room), GREY)
        yield _words(28, y + 16, room)
        x = left + row * side + 14
        yield f'<text x="{x}" y="{top - 8}" transform="rotate(-55 {x} {top - 8})">{room}</text>'
        for column, other in enumerate(rooms):
            x = left + column * side
            yield _box(x, y, side, side, GREY if row == column else PLAIN, GREY)
            if other in declared[room]:
                yield f'<circle cx="{x + side / 2}" cy="{y + side / 2}" r="6"/>'
    for place, note in enumerate(NOTES):
        yield _words(560, top + 16 + 20 * place, note)


def _fill(room: str) -> str:
    return METHOD if room in CORE else PLAIN if room in ("", *OUTSIDE) else AROUND


def _box(
    left: int, top: int, width: int, height: int, fill: str, stroke: str, more: str = ""
) -> str:
    return (
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="{fill}" '
        f'stroke="{stroke}" {more}/>'
    )


def _words(x: float, y: float, text: str, bold: bool = False, anchor: str = "start") -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def main() -> int:
    """Write the picture."""
    write_whole(PICTURE, svg(IMPORTS))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
