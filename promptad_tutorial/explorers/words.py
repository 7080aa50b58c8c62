"""Words that a person types into an explorer, and those that its backbone was never trained on."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from promptad_tutorial.clip.text_tower import UnknownWordWarning


def parts(text: str) -> list[str]:
    """What is between ";" or line ends in `text`, without what is empty."""
    return [part.strip() for part in re.split(r"[;\n]", text) if part.strip()]


@contextmanager
def unknown_words() -> Iterator[list[str]]:
    """Fills the list with what is said of unknown words inside, each once; others still warn."""
    found: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield found
    for warning in caught:
        if not issubclass(warning.category, UnknownWordWarning):
            where = (warning.filename, warning.lineno)
            warnings.warn_explicit(warning.message, warning.category, *where)
        elif str(warning.message) not in found:
            found.append(str(warning.message))


def as_sentence(told: list[str]) -> str:
    """The messages as sentences that begin with a capital; nothing for none."""
    text = " ".join(told)
    return text[:1].upper() + text[1:]
