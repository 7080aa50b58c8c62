"""A notebook as a page: its stored outputs, solutions folded, pictures with their words."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path, PurePosixPath
from posixpath import relpath
from typing import Any

import nbformat
from nbformat import NotebookNode

PICTURES = "pictures"  # in the site's _static
EXPLORER = re.compile(r"^\w*explorer\w*$|Explorer\(", re.MULTILINE)
LIVE = " This is a still picture: in JupyterLab the controls work."


def notebook_page(source: NotebookNode, path: str, static: Path) -> NotebookNode:
    """The page of the notebook at `path`; its pictures are written below the folder `static`.

    Nothing is run. A picture becomes a figure with its alt text and a caption that unfolds the
    same words, since text in a picture can neither be enlarged nor read aloud nor searched.
    """
    made = nbformat.from_dict(source)
    number = PurePosixPath(path).name.partition("_")[0]
    pictures = 0
    for position, cell in enumerate(made.cells):
        cell.metadata = nbformat.from_dict(_page_metadata(cell.metadata))
        if position == 0:
            cell.source = _with_downloads(cell.source, path)
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data:
                pictures += 1
                name = f"{int(number)}.{pictures}"
                still = EXPLORER.search(cell.source) is not None
                _show(output, _figure(data, name, still, path, static))
            elif "text/html" in data:
                _show(output, table(data["text/html"]))
    return made


def _page_metadata(metadata: Any) -> dict[str, Any]:
    if "solution" not in metadata.get("tags", ()):
        return {}
    return {"tags": ["hide-cell"], "mystnb": {"code_prompt_show": "Solution"}}


def _with_downloads(opening: str, path: str) -> str:
    """The opening, with the notebook itself below its line of times."""
    name = PurePosixPath(path).name
    here = str(PurePosixPath(path).parent)
    full, learner = (relpath(f"files/{one}", here) for one in (path, f"notebooks/learner/{name}"))
    links = (
        f"**To run it:** {{download}}`{name} <{full}>`, or {{download}}`without solutions "
        f"<{learner}>`. This page shows what came out when it was run."
    )
    title, times, rest = opening.split("\n\n", 2)
    return "\n\n".join([title, times, links, rest])


def _show(output: NotebookNode, text: str) -> None:
    output["data"] = nbformat.from_dict({"text/html": text})
    output["metadata"] = nbformat.from_dict({})


def _figure(data: Any, name: str, still: bool, path: str, static: Path) -> str:
    png = base64.b64decode(data["image/png"])
    alt = html.escape(" ".join(str(data.get("text/plain", "")).split()))
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))  # PNG's header
    file = f"{PurePosixPath(path).stem}-{hashlib.sha256(png).hexdigest()[:12]}.png"
    (static / PICTURES).mkdir(parents=True, exist_ok=True)
    (static / PICTURES / file).write_bytes(png)
    address = relpath(f"_static/{PICTURES}/{file}", str(PurePosixPath(path).parent))
    live = LIVE if still else ""
    return (
        f'<figure class="picture" id="figure-{name.replace(".", "-")}">\n'
        f'<img src="{address}" alt="{alt}" width="{width}" height="{height}" loading="lazy">\n'
        f"<figcaption>\n<details><summary>Figure {name} in words.{live}</summary>\n"
        f"<p>{alt}</p>\n</details>\n</figcaption>\n</figure>\n"
    )


def table(text: str) -> str:
    """A pandas table without its own style, in a box that scrolls when the window is narrow."""
    text = re.sub(r"<style scoped>.*?</style>\s*", "", text, flags=re.DOTALL)
    text = text.replace(' border="1"', "").replace(' style="text-align: right;"', "")
    text = text.replace("<th></th>", "<td></td>")  # a heading must say something
    return text.replace("<div>", '<div class="table-scroll">', 1)
