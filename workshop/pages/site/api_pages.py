"""The reference of the package: one page for each room of the house, made from docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import nbformat

PACKAGE = "promptad_tutorial"
# Modules of the package's own folder, in the order in which data goes through them. A folder of
# the package is a page by itself, and a module that nobody lists here stands under OTHERS.
ROOMS: dict[str, tuple[str, ...]] = {
    "Backbone": ("backbone", "frozen_clip", "image_tower", "window_tower", "attention", "text"),
    "Weights and devices": (
        "pretrained",
        "model_support",
        "precision",
        "out_of_memory",
        "checkpoints",
    ),
    "Prompts": ("prompts", "prompt_structure", "prompt_tree", "prompt_learner"),
    "Learning": ("config", "losses", "training"),
    "Scores and maps": ("memory", "scoring", "fusion", "threshold", "images"),
    "Measuring": ("metrics", "metric_inputs"),
}
OTHERS = "Around it"
DEEP = 3  # dots: one module for each rendered object or defect, of which a sentence is enough
NOT_SHOWN = ("__main__", "worker")  # programs, not libraries


def modules(root: Path) -> dict[str, list[str]]:
    """Heading -> full names of the modules on that page. Nothing is imported."""
    folder = root / PACKAGE
    found: dict[str, list[str]] = {heading: [] for heading in (*ROOMS, OTHERS)}
    of_room = {module: heading for heading, names in ROOMS.items() for module in names}
    for path in sorted(folder.glob("*.py")):
        if path.stem not in (*NOT_SHOWN, "__init__"):
            found[of_room.get(path.stem, OTHERS)].append(f"{PACKAGE}.{path.stem}")
    for heading, names in ROOMS.items():
        places = {f"{PACKAGE}.{module}": place for place, module in enumerate(names)}
        found[heading].sort(key=places.__getitem__)
    for one in sorted(path.parent for path in folder.glob("*/__init__.py")):
        found[one.name] = [*_below(one, f"{PACKAGE}.{one.name}")]
    return {heading: names for heading, names in found.items() if names}


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
    pages, listed = {}, []
    for heading, names in modules(root).items():
        file = heading.lower().replace(" ", "_")
        listed.append(file)
        title = heading if heading in (*ROOMS, OTHERS) else f"{PACKAGE}.{heading}"
        pages[f"{file}.rst"] = _title(title, "=") + "".join(_module(one, used) for one in names)
    contents = "\n   ".join(listed)
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
    text += f".. automodule:: {name}\n"
    if name.count(".") < DEEP:
        text += "   :members:\n   :undoc-members:\n   :ignore-module-all:\n"
    text += "\n"
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
