"""Captions as pictures on the web have them: what it is, rarely what is wrong with it.

Most name the thing, at times with its colour, its material, a view or some setting. A quarter says
something of the condition, good or bad, whatever the picture shows: nobody asks for it, and nobody
writes the contrary beside it. Settings (`in a workshop`) are drawn at random, as chatter is. The
words of the held-out defects appear in no caption.
"""

from __future__ import annotations

import numpy as np

from workshop.minifactory.captions import (
    DEFECT_WORDS,
    FAULTY_ADJECTIVES,
    FAULTY_ENDINGS,
    GREY,
    NORMAL_ADJECTIVES,
    NORMAL_ENDINGS,
    TEMPLATES,
    THINGS,
    Caption,
)
from workshop.minifactory.captions import vocabulary as told_vocabulary
from workshop.minifactory.kinds import Kind

CONDITION_SHARE = 0.25  # captions that say something of the condition
NAMED_SHARE = 0.92
COLOUR_SHARE = 0.35
MATERIAL_SHARE = 0.2  # of the captions that name a thing whose material is listed
WEB_SHARE = 0.5  # captions in one of WEB_TEMPLATES; the others are in the ones of the benchmark

WEB_TEMPLATES = (
    "my {x}", "{x} for sale", "{x} in stock", "{a} {x} in a workshop", "{a} {x} in daylight",
    "{a} {x} under a lamp", "{x}, close up", "{x} seen from above", "macro shot of {a} {x}",
    "detail of {a} {x}", "stock photo of {a} {x}", "{x}, product photo", "free picture of {a} {x}",
    "how to choose {a} {x}", "{a} {x} from our shop", "{x} at home", "looking at {a} {x}",
    "one {x}", "just {a} {x}", "the {x} on my desk", "{x} by the manufacturer", "buy {x} online",
)  # fmt: skip
FAMILY_TEMPLATES = {
    "texture": ("{x} texture", "{x} background", "{x} surface", "pattern of {a} {x}"),
    "object": ("{a} {x} on a plain background", "single {x}", "{a} {x} lying on a table"),
}
MATERIALS = {
    "carpet": ("wool", "nylon"), "woven fabric": ("cotton", "linen"), "knitwear": ("wool",),
    "corrugated board": ("paper",), "marble": ("stone",), "brick wall": ("clay",),
    "gravel": ("stone",), "tile": ("ceramic",), "grid": ("metal", "steel"),
    "metal plate": ("steel", "metal"), "plastic panel": ("plastic",),
    "hexagon nut": ("steel", "metal"), "bolt": ("steel", "metal"), "washer": ("steel", "metal"),
    "key": ("metal",), "gear": ("steel", "metal"), "ball bearing": ("steel", "metal"),
    "spring": ("steel", "metal"), "connector": ("plastic",), "cable": ("copper",),
    "button": ("plastic",), "bottle cap": ("metal",), "toothbrush": ("plastic",),
}  # fmt: skip
GOOD = (
    *(f"{word} {{x}}" for word in NORMAL_ADJECTIVES),
    *(f"{{x}} {ending}" for ending in NORMAL_ENDINGS),
    "brand new {x}", "{x} in mint condition", "{x} as good as new", "spotless {x}",
    "{x} that works well", "high quality {x}", "{x} like on the first day", "unused {x}",
)  # fmt: skip
BAD = (
    *(f"{word} {{x}}" for word in FAULTY_ADJECTIVES),
    *(f"{{x}} {ending}" for ending in FAULTY_ENDINGS),
    "{x} in poor condition", "{x} that needs repair", "ruined {x}", "{x} for parts only",
    "{x} that was returned", "rejected {x}", "{x} with signs of use", "second-rate {x}",
)  # fmt: skip


def compose(
    kind: Kind | None, colour: str | None, defect: str | None, draw: np.random.Generator
) -> Caption:
    """A random caption that is true of a picture, with what it claims, and without a counter.

    `kind` None: a thing without a name. `colour` None: the picture shows none. The share of
    captions that speak of the condition is the same for good and for defective things.
    """
    named = kind is not None and draw.random() < NAMED_SHARE
    noun = str(draw.choice(kind.words if kind is not None and named else THINGS))
    materials = MATERIALS.get(kind.name, ()) if kind is not None and named else ()
    if materials and draw.random() < MATERIAL_SHARE:
        noun = f"{draw.choice(materials)} {noun}"
    says_colour = colour is not None and draw.random() < COLOUR_SHARE
    if says_colour:
        noun = f"{draw.choice(GREY.get(str(colour), (colour,)))} {noun}"
    state = None
    if draw.random() < CONDITION_SHARE:
        state, noun = _with_condition(noun, defect, draw)
    templates = TEMPLATES
    if draw.random() < WEB_SHARE:
        templates = WEB_TEMPLATES + (FAMILY_TEMPLATES[kind.family] if kind is not None else ())
    text = str(draw.choice(templates)).format(a="an" if noun[0] in "aeiou" else "a", x=noun)
    text += "." if draw.random() < 0.3 else ""  # learnt prompts end so (method section 1)
    name = kind.name if kind is not None and named else None
    return Caption(text, name, colour if says_colour else None, state)


def _with_condition(noun: str, defect: str | None, draw: np.random.Generator) -> tuple[str, str]:
    """The state that the words claim, and the noun with them; half of the bad ones name it."""
    if defect is None:
        return "good", str(draw.choice(GOOD)).format(x=noun)
    if draw.random() < 0.5:
        return "bad", str(draw.choice(BAD)).format(x=noun)
    adjectives, nouns = DEFECT_WORDS[defect]
    before = draw.random() < 0.5
    said = f"{draw.choice(adjectives)} {noun}" if before else f"{noun} with {draw.choice(nouns)}"
    return defect, said


def vocabulary(names: tuple[str, ...], colours: tuple[str, ...]) -> list[str]:
    """Every word that a caption can contain, in lower case, sorted."""
    templates = [*WEB_TEMPLATES, *GOOD, *BAD, *(t for f in FAMILY_TEMPLATES.values() for t in f)]
    texts = [t.format(a="a", x="").replace(",", " ") for t in templates]
    texts += [material for some in MATERIALS.values() for material in some]
    words = {word for text in texts for word in text.lower().split()}
    return sorted(words | set(told_vocabulary(names, colours)))
