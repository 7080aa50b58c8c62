"""A Sphinx extension: the text of every page as one script, for what the search shows of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes

FILE = "search_texts.js"


def _write(app: Any, error: Exception | None) -> None:
    if error:
        return
    texts = {}
    for name in sorted(app.env.found_docs):
        texts[name] = [app.env.titles[name].astext(), _words(app.env.get_doctree(name))]
    said = json.dumps(texts, ensure_ascii=False, sort_keys=True)
    (Path(app.outdir) / "_static" / FILE).write_text(f"const SITE_TEXTS = {said};\n", "utf-8")


def _words(page: nodes.document) -> str:
    """All text of a page; of written-out HTML what stands between its tags."""
    parts = [
        re.sub(r"<[^>]*>", " ", text) if isinstance(text.parent, nodes.raw) else text
        for text in page.findall(nodes.Text)
    ]
    return " ".join(" ".join(parts).split())


def _load(app: Any, name: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if name == "search":
        app.add_js_file(FILE)
        app.add_js_file("search.js")


def setup(app: Any) -> dict[str, bool]:
    app.connect("html-page-context", _load)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
