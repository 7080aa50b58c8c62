"""Progress where somebody looks: a bar in a terminal or notebook, a line now and then in a log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

log = logging.getLogger(__name__)
EVERY = 60.0  # seconds between the lines in a log

Item = TypeVar("Item")


def watched() -> bool:
    """Whether a bar that is redrawn would be seen: a terminal or a notebook, but no file."""
    return "ipykernel" in sys.modules or bool(getattr(sys.stderr, "isatty", lambda: False)())


def progress(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """The same items, with a bar while they come; without a terminal one log line per minute."""
    if watched():
        from tqdm.auto import tqdm

        yield from tqdm(items, what, total=total, leave=False)
        return
    told = time.monotonic()
    for number, item in enumerate(items, 1):
        yield item
        if time.monotonic() - told > EVERY:
            told = time.monotonic()
            log.warning("%s: %d of %d", what, number, total)
