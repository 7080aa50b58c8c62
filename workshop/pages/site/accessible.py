"""A Sphinx extension that mends what the theme's pages lack for readers who do not see them."""

from __future__ import annotations

import re
from typing import Any

SIGNATURE = re.compile(r'<dt class="sig .*?</dt>', re.DOTALL)
LAST = 900  # after the theme has added what is its own


def signature_lines(html: str) -> str:
    """A signature over several lines as lines: a list without terms, within a term, is none."""
    return SIGNATURE.sub(
        lambda found: re.sub(
            r"<(/?)(dl|dd)>",
            lambda tag: "</span>" if tag[1] else f'<span class="sig-{LINES[tag[2]]}">',
            found[0],
        ),
        html,
    )


LINES = {"dl": "lines", "dd": "line"}


def _mend(app: Any, name: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if "body" in context:
        body = signature_lines(context["body"])
        # an empty heading of a column says nothing, an empty cell is just that
        context["body"] = body.replace('<th class="head"><p></p></th>', "<td></td>")
    if "furo_navigation_tree" in context:
        tree = context["furo_navigation_tree"]
        context["furo_navigation_tree"] = tree.replace(
            'role="heading"', 'role="heading" aria-level="2"'
        )


def setup(app: Any) -> dict[str, bool]:
    app.connect("html-page-context", _mend, priority=LAST)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
