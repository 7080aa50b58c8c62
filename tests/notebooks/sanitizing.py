"""Checks of the file that tells nbval what to overlook in outputs.

nbval drops a malformed pair without a word, and takes any regular expression, even one that
overlooks everything.
"""

from __future__ import annotations

import re

from nbformat import NotebookNode
from nbval.plugin import get_sanitize_patterns

from tests.notebooks.gates import code_cells, texts

# Results that no pair may touch: a pair that does would hide a wrong number.
_RESULTS = ("AUROC 0.93", "margin 0.5", "screw: normal", "12 images, 4 shots")


def sanitizer_problems(config: str) -> list[str]:
    """Return what is wrong with the text of a sanitize file: one sentence for each fault."""
    problems = []
    lines = config.splitlines()
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith(("#", "regex: ", "replace: ")):
            problems.append(f"line {number} is read by nobody: {line!r}")
        if line.startswith("regex: ") and not lines[number - 2].startswith("# name: "):
            problems.append(f"line {number}: expected a `# name: ...` line above")
    pairs = get_sanitize_patterns(config)
    written = max(
        sum(line.lstrip().startswith(word) for line in lines) for word in ("regex", "replace")
    )
    if len(pairs) != written:
        problems.append(f"{written} pairs are written, but nbval reads {len(pairs)}")
    if len({regex for regex, _ in pairs}) != len(pairs):
        problems.append("two pairs have the same regex: nbval keeps only one")
    for regex, replacement in pairs:
        try:
            changed = [text for text in _RESULTS if re.sub(regex, replacement, text) != text]
        except re.error as error:
            problems.append(f"{regex!r} with {replacement!r} is no valid substitution: {error}")
            continue
        if re.search(regex, ""):
            problems.append(f"{regex!r} matches nothing at all, so it matches everywhere")
        problems += [f"{regex!r} would hide the result {text!r}" for text in changed]
    return problems


def idle_pairs(config: str, notebooks: list[NotebookNode]) -> list[str]:
    """Return the regexes of the file that match no output of any notebook."""
    outputs = [
        text
        for notebook in notebooks
        for _, cell in code_cells(notebook)
        for output in cell.outputs
        for text in texts(output)
    ]
    return [
        regex
        for regex, _ in get_sanitize_patterns(config)
        if not any(re.search(regex, text) for text in outputs)
    ]
