"""Docstrings as reStructuredText: they are plain sentences, in which * and | are signs of a sum.

A Sphinx extension. Names in backticks and lists stay what they are, an indented block is shown as
it stands, and of everything else only the words count. The comments beside the fields of a data
class are part of its page.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import io
import re
import textwrap
import tokenize
from typing import Any

CODE = re.compile(r"(``[^`]+``|`[^`]+`)")
SIGNS = re.compile(r"([\\*|_])")
ITEM = re.compile(r"^(?:[-*] |\d+\. )|^(?=``[^`]+``(?:, ``[^`]+``)*:)")


def as_rst(text: str) -> str:
    """The docstring `text`, whose indentation is taken off already, as reStructuredText."""
    blocks = [block.strip("\n") for block in re.split(r"\n\s*\n", text)]
    return "\n\n".join(_block(block) for block in blocks if block.strip()) + "\n"


def _block(block: str) -> str:
    lines = block.splitlines()
    if all(line.startswith("    ") for line in lines):
        return "::\n\n" + block
    done: list[list[str]] = [[]]
    for line in map(str.strip, lines):
        if ITEM.match(line):
            done.append([])
        done[-1].append(line)
    opening, *items = [" ".join(one) for one in done]
    parts = [_words(opening)] if opening else []
    if items:
        parts.append("\n".join(f"- {_words(ITEM.sub('', item, count=1))}" for item in items))
    return "\n\n".join(parts)


def _words(text: str) -> str:
    parts = CODE.split(text)
    words = [SIGNS.sub(r"\\\1", part) for part in parts[::2]]
    codes = [f"\\ ``{part.strip('`').strip()}``\\ " for part in parts[1::2]]
    mixed = [words[0]]
    for code, following in zip(codes, words[1:], strict=True):
        mixed += [code, following]
    return "".join(mixed)


def field_comments(of: type) -> dict[str, str]:
    """Name -> the comment beside it, for the fields that a data class's source comments."""
    source = textwrap.dedent(inspect.getsource(of))
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    (node,) = ast.parse(source).body
    fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
    return {
        ast.unparse(one.target): comments[one.end_lineno]
        for one in fields
        if one.end_lineno in comments
    }


def _process(app: Any, what: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
    text = as_rst("\n".join(lines))
    if what == "class" and dataclasses.is_dataclass(of) and inspect.isclass(of):
        comments = field_comments(of)
        if "(" in (of.__doc__ or "").partition("\n")[0][: len(of.__name__) + 1]:
            text = ""  # the signature that dataclasses write where there is no docstring
        text += "\n" + "\n".join(f"- ``{name}``: {_words(say)}" for name, say in comments.items())
    lines[:] = text.splitlines()


def _skip(app: Any, what: str, name: str, of: Any, skip: bool, options: Any) -> bool | None:
    """Fields of data classes stand in the signature and in the list of comments already."""
    hidden = what == "class" and not callable(of) and not isinstance(of, (property, classmethod))
    return True if hidden else None


def setup(app: Any) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", _process)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
