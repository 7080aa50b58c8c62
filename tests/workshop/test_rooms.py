"""The declared imports between rooms are those of the code, and the picture shows them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from workshop.pages.rooms import (
    ARROWS,
    BOXES,
    CORE,
    IMPORTS,
    OUTSIDE,
    PACKAGE,
    PICTURE,
    ROOT,
    differences,
    imports,
    svg,
)

SVG = "{http://www.w3.org/2000/svg}"


def test_every_import_between_rooms_is_declared_and_every_declared_one_is_there():
    assert not (said := differences(IMPORTS)), "change IMPORTS in workshop/pages/rooms.py:\n" + (
        "\n".join(said)
    )


def test_the_declared_rooms_are_the_folders():
    folders = {path.parent.name for path in (ROOT / PACKAGE).glob("*/__init__.py")}
    assert set(IMPORTS) == folders | set(OUTSIDE)


def test_a_room_imports_only_rooms_above_it_so_that_there_are_no_circles():
    order = list(IMPORTS)
    for room, others in IMPORTS.items():
        assert {order.index(other) for other in others} <= set(range(order.index(room)))


def test_the_core_imports_nothing_around_it():
    for room in CORE:
        assert IMPORTS[room] <= {*CORE, "files"}
    for room in order_of_package():
        assert not IMPORTS[room] & {*OUTSIDE}


def order_of_package() -> list[str]:
    return [room for room in IMPORTS if room not in OUTSIDE]


def test_the_committed_picture_is_the_one_that_the_declaration_makes():
    assert PICTURE.read_text(encoding="utf-8") == svg(IMPORTS)


def test_the_picture_has_every_room_a_dot_for_each_import_and_nothing_outside():
    root = ElementTree.fromstring(svg(IMPORTS))
    words = [text.text for text in root.iter(f"{SVG}text")]
    for room in IMPORTS:
        assert words.count(room) >= 2  # a row and a column
    assert len(list(root.iter(f"{SVG}circle"))) == sum(map(len, IMPORTS.values()))
    shown = {room for room, *_ in BOXES} | {"files", "detectors"}  # drawn with datasets; the frame
    assert shown - {""} == set(order_of_package())
    width, height = int(root.get("width")), int(root.get("height"))
    for box in root.iter(f"{SVG}rect"):
        left, top = int(box.get("x")), int(box.get("y"))
        assert left >= 0 and left + int(box.get("width")) <= width
        assert top >= 0 and top + int(box.get("height")) <= height
    assert len(list(root.iter(f"{SVG}polyline"))) == len(ARROWS)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small house: scoring imports clip in a function, and clip imports nothing."""
    for name in ("clip/__init__.py", "scoring/__init__.py", "scoring/memory.py"):
        path = tmp_path / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / PACKAGE / "scoring" / "memory.py").write_text(
        f"import torch\n\ndef remember():\n    from {PACKAGE}.clip.image_tower import block\n"
    )
    return tmp_path


def test_an_import_inside_a_function_is_found_with_its_line(house):
    assert imports(house) == {("scoring", "clip"): [f"{PACKAGE}/scoring/memory.py:4"]}


@pytest.mark.parametrize("code", ["from {0} import clip", "import {0}.clip.attention as a"])
def test_every_way_to_import_counts(house, code):
    (house / PACKAGE / "scoring" / "memory.py").write_text(code.format(PACKAGE))
    assert list(imports(house)) == [("scoring", "clip")]


def test_a_surplus_and_a_missing_import_are_named(house):
    assert differences({"clip": set(), "scoring": {"clip"}}, house) == []
    (surplus,) = differences({"clip": set(), "scoring": set()}, house)
    assert surplus == (
        f"scoring imports clip, which IMPORTS does not list: {PACKAGE}/scoring/memory.py:4"
    )
    (missing,) = differences({"clip": {"files"}, "scoring": {"clip"}}, house)
    assert missing == "IMPORTS says that clip imports files, and no module does"
