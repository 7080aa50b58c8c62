"""Numbers and lists as the words of a caption, in few digits that do not drift."""

from __future__ import annotations

from collections.abc import Sequence

# A score that should lie exactly on a rounding edge, as 0.125 does, comes out a hair below it on
# one machine and above on another. The nudge decides: up.
_NUDGE = 1e-7


def rounded(value: float, digits: int = 2) -> str:
    """`value` with `digits` digits after the point; never "-0.00"."""
    text = f"{value + _NUDGE:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def percent(share: float) -> str:
    """A share in [0, 1] as a whole percentage; "under 1 %" for what would round to zero."""
    text = rounded(100 * share, 0)
    return "under 1 %" if text == "0" and share > 0 else f"{text} %"


def counted(number: int, noun: str) -> str:
    """ "1 picture", "3 pictures"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Sequence[str], limit: int = 8) -> str:
    """ "a, b and c"; beyond `limit` names "a, b, c and 5 more"."""
    shown = list(names[:limit])
    if len(names) > limit:
        return f"{', '.join(shown)} and {len(names) - limit} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def sentences(*parts: str) -> str:
    """Sentences in a row, without the empty ones; each ends with a full stop."""
    kept = [part.strip() for part in parts if part.strip()]
    return " ".join(part if part[-1] in ".!?:" else f"{part}." for part in kept)
