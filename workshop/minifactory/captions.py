"""Words for what is in a picture: captions composed from names, colours, states and defects.

A caption also carries what it claims, so that a training batch knows exactly which captions are
true of which pictures. The words of the held-out defects appear in no caption.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

HELD_OUT_DEFECTS = ("print", "burn", "fold")  # in no pretraining picture and in no caption

THINGS = ("product", "object", "part", "item", "thing", "sample", "piece", "component", "material")

NORMAL_ADJECTIVES = (
    "flawless", "perfect", "unblemished", "good", "intact", "undamaged", "clean", "pristine",
    "normal", "new", "fine", "faultless",
)  # fmt: skip
NORMAL_ENDINGS = (
    "without flaw", "without defect", "without damage", "without any defect", "without blemish",
    "in good condition", "in perfect condition", "as it should be", "that looks normal",
)  # fmt: skip
FAULTY_ADJECTIVES = (
    "damaged", "flawed", "defective", "faulty", "abnormal", "imperfect", "blemished", "bad",
    "broken", "anomalous", "spoiled",
)  # fmt: skip
FAULTY_ENDINGS = (
    "with flaw", "with defect", "with damage", "with a flaw", "with a defect", "with a fault",
    "with an anomaly", "with a blemish", "in bad condition", "that looks abnormal", "with defects",
)  # fmt: skip

# defect -> (adjectives, nouns that follow "with")
DEFECT_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "scratch": (("scratched", "scraped"), ("a scratch", "scratches", "a scratch mark", "scratch")),
    "stain": (("stained", "dirty", "soiled"), ("a stain", "a spot", "a liquid stain", "stain")),
    "discoloration": (
        ("discolored", "discoloured", "faded"),
        ("a color stain", "a colour stain", "discoloration", "discolouration", "a faded patch"),
    ),
    "dent": (("dented",), ("a dent", "dents", "a hollow", "dent")),
    "crack": (("cracked", "fractured"), ("a crack", "cracks", "a fracture", "crack")),
    "cut": (("cut", "slit", "torn"), ("a cut", "a slit", "a tear", "cut")),
    "hole": (("punctured", "pierced"), ("a hole", "holes", "a puncture", "hole")),
    "chipped edge": (("chipped",), ("a chipped edge", "a broken edge", "a bite out of it")),
    "bubble": (("blistered",), ("a bubble", "bubbles", "blisters", "a blister")),
    "contamination": (
        ("contaminated", "polluted"),
        ("contamination", "dirt", "a foreign particle", "grains on it", "foreign bodies"),
    ),
    "thread": (("hairy",), ("a thread", "a hair", "a loose thread", "a fibre", "a fiber on it")),
    "glue": (("sticky", "glued"), ("glue", "a drop of glue", "a glue smear", "adhesive")),
    "rust": (("rusty", "corroded", "rusted"), ("rust", "corrosion", "a rust patch")),
    "missing part": (
        ("incomplete",),
        ("a missing part", "a missing piece", "something missing", "a part missing"),
    ),
    "bent part": (("bent", "deformed", "crooked"), ("a bent part", "a deformed part")),
    "misplaced part": (
        ("misaligned", "misplaced"),
        ("a misplaced part", "a shifted part", "a part in the wrong place"),
    ),
}

TEMPLATES = (
    "{a} {x}", "{a} {x}", "a photo of {a} {x}", "a photo of {a} {x}", "a photo of the {x}",
    "a cropped photo of {a} {x}", "a cropped photo of the {x}", "a close-up photo of {a} {x}",
    "a close-up photo of the {x}", "a bright photo of {a} {x}", "a bright photo of the {x}",
    "a dark photo of {a} {x}", "a dark photo of the {x}", "a jpeg corrupted photo of {a} {x}",
    "a jpeg corrupted photo of the {x}", "a blurry photo of {a} {x}", "a blurry photo of the {x}",
    "a photo of a small {x}", "a photo of the small {x}", "a photo of a large {x}",
    "a photo of the large {x}", "a photo of {a} {x} for visual inspection",
    "a photo of the {x} for visual inspection", "a photo of {a} {x} for anomaly detection",
    "a photo of the {x} for anomaly detection", "{x}", "{x}", "the {x}", "this is {a} {x}",
    "an image of {a} {x}", "a picture of {a} {x}", "a factory photo of {a} {x}",
    "there is {a} {x}", "a top view of {a} {x}",
)  # fmt: skip
GREY = {"grey": ("grey", "gray")}  # both spellings


@dataclass(frozen=True)
class Caption:
    """A text, and what it claims. None means that the text does not say."""

    text: str
    kind: str | None
    colour: str | None
    state: str | None  # "good", "bad" (some defect), or the name of a defect
    counter: str | None = None  # the same text with a state that does not hold

    def true_of(self, kind: str | None, colour: str | None, defect: str | None) -> bool:
        """Whether everything that the caption claims holds for such a picture."""
        return (
            self.kind in (None, kind)
            and self.colour in (None, colour)
            and self.state in (None, "good" if defect is None else "bad", defect)
        )


def compose(
    kind: str | None,
    words: tuple[str, ...],
    colour: str | None,
    defect: str | None,
    generator: np.random.Generator,
) -> Caption:
    """A random true caption of a picture of `kind` (called by one of `words`), which may be silent
    about name, colour or state. `kind` None: a thing without a name; `words` are then words for any
    thing. `colour` None: the picture shows none (it is grey). A caption that speaks of the state
    comes with its counter: the same words with a state that does not hold."""
    named = generator.random() < 0.9
    noun = str(generator.choice(words if named else THINGS))
    says_colour = colour is not None and generator.random() < 0.35
    if says_colour:
        noun = f"{generator.choice(GREY.get(colour, (colour,)))} {noun}"
    state, *nouns = _with_state(noun, defect, generator)
    template = str(generator.choice(TEMPLATES))
    template += "." if generator.random() < 0.3 else ""  # learnt prompts end so (method section 1)
    text, *counter = (template.format(a="an" if x[0] in "aeiou" else "a", x=x) for x in nouns)
    claims = (kind if named else None, colour if says_colour else None, state)
    return Caption(text, *claims, *counter)


def _with_state(
    noun: str, defect: str | None, generator: np.random.Generator
) -> tuple[str | None, *tuple[str, ...]]:
    """The state that the words claim, the noun with these words, and with those of the contrary.

    Silent captions claim None, and have no contrary.
    """
    if generator.random() < (0.25 if defect is None else 0.12):
        return None, noun
    good = ("good", NORMAL_ADJECTIVES, NORMAL_ENDINGS)
    some = defect or str(generator.choice(list(DEFECT_WORDS)))
    faulty = ("bad", FAULTY_ADJECTIVES, FAULTY_ENDINGS)
    if generator.random() >= 0.45:
        adjectives, nouns = DEFECT_WORDS[some]
        faulty = (some, adjectives, tuple(f"with {n}" for n in nouns))
    before = generator.random() < 0.5
    said = []
    for _, adjectives, endings in (good, faulty) if defect is None else (faulty, good):
        words = str(generator.choice(adjectives if before else endings))
        said.append(f"{words} {noun}" if before else f"{noun} {words}")
    return (good if defect is None else faulty)[0], *said


def vocabulary(names: Iterable[str], colours: Iterable[str]) -> list[str]:
    """Every word that a caption can contain, in lower case, sorted."""
    texts = [*names, *colours, *THINGS, *NORMAL_ADJECTIVES, *NORMAL_ENDINGS, *FAULTY_ADJECTIVES]
    texts += [*FAULTY_ENDINGS, "gray", "with", "an", "a"]
    texts += [t.format(a="a", x="") for t in TEMPLATES]
    for adjectives, nouns in DEFECT_WORDS.values():
        texts += [*adjectives, *nouns]
    return sorted({word for text in texts for word in text.lower().split()})
