"""Words for normal and for anomalous: the prompts of zero-shot anomaly detection. Words only.

The compositional ensemble is WinCLIP's (CVPR 2023): every state in every template, 7 x 22 = 154
normal and 4 x 22 = 88 anomalous prompts. `GENERIC_STATES` are the eight manual suffixes that
PromptAD appends to a normal prompt of any object (semantic concatenation).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

NORMAL_STATES: tuple[str, ...] = (
    *("{}", "flawless {}", "perfect {}", "unblemished {}"),
    *("{} without flaw", "{} without defect", "{} without damage"),
)
ANOMALOUS_STATES = ("damaged {}", "{} with flaw", "{} with defect", "{} with damage")
LOOKS = ("cropped", "close-up", "bright", "dark", "jpeg corrupted", "blurry")
TEMPLATES: tuple[str, ...] = (
    *(f"a {look} photo of {article} {{}}" for look in LOOKS for article in ("a", "the")),
    *("a photo of a {}", "a photo of the {}"),
    *("a photo of a small {}", "a photo of the small {}"),
    *("a photo of a large {}", "a photo of the large {}"),
    *("a photo of a {} for visual inspection", "a photo of the {} for visual inspection"),
    *("a photo of a {} for anomaly detection", "a photo of the {} for anomaly detection"),
)
GENERIC_STATES: tuple[str, ...] = (
    *("damaged {}", "flawed {}", "abnormal {}", "imperfect {}", "blemished {}"),
    *("{} with flaw", "{} with defect", "{} with damage"),
)


@dataclass(frozen=True)
class PromptPair:
    """What a normal and what an anomalous picture may be called: the sides of a detector."""

    normal: Sequence[str]  # a tuple from then on
    anomalous: Sequence[str]

    def __post_init__(self) -> None:
        for side in ("normal", "anomalous"):
            texts = getattr(self, side)
            if isinstance(texts, str):
                raise ValueError(
                    f"{side} must be a sequence of prompts, got the one text {texts!r}"
                )
            object.__setattr__(self, side, tuple(texts))
            if not texts or any(not str(text).strip() for text in texts):
                raise ValueError(f"{side} needs at least one prompt and none empty, got {texts!r}")


def product_name(category: str) -> str:
    """The words for a folder's name: `metal_plate` is called "metal plate"."""
    words = category.replace("_", " ").replace("-", " ").strip()
    if not words:
        raise ValueError("the product needs a name, got an empty text")
    return words


def compose(
    name: str, states: Sequence[str] = ("{}",), templates: Sequence[str] = ("a photo of a {}",)
) -> tuple[str, ...]:
    """Every state of `name` in every template: len(states) * len(templates) prompts."""
    for pattern in (*states, *templates):
        rest = pattern.replace("{}", "", 1)
        if rest == pattern or "{" in rest or "}" in rest:
            raise ValueError(f"a state or template needs exactly one {{}}, got {pattern!r}")
    return tuple(t.replace("{}", s.replace("{}", name)) for s in states for t in templates)


def defect_states(defects: Sequence[str]) -> tuple[str, ...]:
    """Manual suffixes from names of defects, which are knowledge of them: "{} with bent wire"."""
    return tuple(f"{{}} with {product_name(defect)}" for defect in defects)


def own_states(category: str) -> tuple[str, ...]:
    """The suffixes that PromptAD's released configuration adds for a category of MVTec AD or VisA.

    They are words for the defects of its test set, in their order and as often as they come there;
    () for another category. Raises ValueError for no name.
    """
    return tuple(f"{{}} {end}" for end in _released_words()["suffixes"].get(_key(category), ()))


def released_name(category: str) -> str:
    """What the released configuration calls a category: `pcb1` is "printed circuit board"."""
    return _released_words()["names"].get(_key(category), product_name(category))


def _key(category: str) -> str:
    """A category by its folder's name or by its words: `metal_nut` and "metal nut" are one."""
    return product_name(category).replace(" ", "_")


@cache
def _released_words() -> dict[str, Any]:
    text = (files(__package__) / "released_words.json").read_text(encoding="utf-8")
    return json.loads(text)


def single_pair(
    name: str, normal: str = "flawless {}", anomalous: str = "damaged {}"
) -> PromptPair:
    """The smallest detector: one normal and one anomalous prompt."""
    return PromptPair(compose(name, [normal]), compose(name, [anomalous]))


def ensemble(
    name: str,
    normal_states: Sequence[str] = NORMAL_STATES,
    anomalous_states: Sequence[str] = ANOMALOUS_STATES,
    templates: Sequence[str] = TEMPLATES,
) -> PromptPair:
    """WinCLIP's compositional prompt ensemble for a product called `name`."""
    return PromptPair(
        compose(name, normal_states, templates), compose(name, anomalous_states, templates)
    )
