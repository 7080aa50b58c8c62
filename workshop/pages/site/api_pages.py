"""The reference of the package: one page for each room of the house, made from docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import nbformat

from workshop.pages.rooms import IMPORTS

PACKAGE = "promptad_tutorial"
NOT_SHOWN = ("__main__", "worker")  # programs, not libraries


def modules(root: Path) -> dict[str, list[str]]:
    """Room -> full names of its modules, in the order of the rooms. Nothing is imported."""
    folders = {path.parent.name: path.parent for path in (root / PACKAGE).glob("*/__init__.py")}
    order = [room for room in IMPORTS if room in folders]
    order += sorted(folders.keys() - order)  # a new one, of which `rooms` does not know yet
    return {room: [*_below(folders[room], f"{PACKAGE}.{room}")] for room in order}


def _below(folder: Path, name: str) -> Iterator[str]:
    yield name
    for path in sorted(folder.iterdir()):
        if path.suffix == ".py" and path.stem not in (*NOT_SHOWN, "__init__"):
            yield f"{name}.{path.stem}"
        elif (path / "__init__.py").is_file():
            yield from _below(path, f"{name}.{path.name}")


def api_pages(root: Path, notebooks: list[str]) -> dict[str, str]:
    """File name -> text of every page of the reference, `index.rst` among them."""
    used = _used(root, notebooks)
    pages = {}
    for room, names in modules(root).items():
        title = _title(f"{PACKAGE}.{room}", "=")
        pages[f"{room}.rst"] = title + "".join(_module(one, used) for one in names)
    contents = "\n   ".join(room.removesuffix(".rst") for room in pages)
    pages["index.rst"] = (
        _title("Reference of the package", "=")
        + 'Made from the docstrings. Shapes stand in the signatures: ``Float[Tensor, "b d"]`` is '
        "a tensor of floating-point numbers with the axes ``b`` and ``d``; ``*b`` stands for any "
        "number of axes. *Method section N* is a section of :doc:`the method <../method>`.\n\n"
        f".. toctree::\n   :maxdepth: 2\n\n   {contents}\n"
    )
    return pages


def _module(name: str, used: dict[str, list[str]]) -> str:
    text = _title(name.removeprefix(f"{PACKAGE}."), "-")
    text += f".. automodule:: {name}\n   :members:\n   :undoc-members:\n   :ignore-module-all:\n\n"
    if name in used:
        links = ", ".join(f":doc:`{one[:2]} <../../notebooks/{one}>`" for one in used[name])
        text += f"*Used in notebook* {links}.\n\n"
    return text


def _title(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n\n"


def _used(root: Path, notebooks: list[str]) -> dict[str, list[str]]:
    """Module -> the notebooks that import from it."""
    used: dict[str, list[str]] = {}
    for path in notebooks:
        for cell in nbformat.read(root / path, as_version=4).cells:
            if cell.cell_type != "code":
                continue
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.ImportFrom) and node.module:
                    names = {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
                    for name in names:
                        stem = PurePosixPath(path).stem
                        if stem not in used.setdefault(name, []):
                            used[name].append(stem)
    return used
