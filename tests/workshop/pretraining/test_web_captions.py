"""Captions as on the web: true, mostly silent about the condition, and of listed words only."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from promptad_tutorial.clip.tinyclip.weights import known_words
from workshop.minifactory.captions import DEFECT_WORDS, HELD_OUT_DEFECTS, THINGS, Caption
from workshop.minifactory.catalogue import KINDS
from workshop.minifactory.palette import COLOURS
from workshop.pretraining.export import plain_vocabulary
from workshop.pretraining.web_captions import (
    BAD,
    CONDITION_SHARE,
    GOOD,
    MATERIALS,
    compose,
)

BOLT = KINDS["bolt"]


def many(kind, colour, defect, count=4000, seed=0) -> list[Caption]:
    draw = np.random.default_rng(seed)
    return [compose(kind, colour, defect, draw) for _ in range(count)]


@pytest.mark.parametrize("defect", [None, "scratch", "missing part"])
def test_a_quarter_speaks_of_the_condition_good_or_bad_alike(defect):
    said = [c.state for c in many(BOLT, "silver", defect)]
    share = np.mean([state is not None for state in said])
    assert 0.2 <= CONDITION_SHARE <= 0.3
    assert share == pytest.approx(CONDITION_SHARE, abs=4 * (0.25 * 0.75 / 4000) ** 0.5)
    allowed = {None, "good"} if defect is None else {None, "bad", defect}
    assert set(said) == allowed


def test_most_captions_name_the_thing():
    captions = many(BOLT, "silver", None)
    named = [c for c in captions if c.kind == "bolt"]
    assert len(named) > 0.85 * len(captions)
    assert all(any(word in c.text for word in BOLT.words) for c in named)
    assert all(any(thing in c.text for thing in THINGS) for c in captions if c.kind is None)
    assert all(c.colour in (None, "silver") for c in captions)
    assert all("silver" in c.text for c in captions if c.colour)


def test_nothing_is_claimed_that_does_not_hold():
    for kind, colour, defect in ((BOLT, "red", "rust"), (KINDS["carpet"], None, None)):
        for caption in many(kind, colour, defect, 500):
            assert caption.true_of(kind.name, colour, defect)
            assert caption.counter is None  # nobody writes the contrary beside it


def test_silent_captions_have_no_word_of_a_condition():
    silent = [c.text for c in many(BOLT, "red", "scratch") if c.state is None]
    words = {word for text in silent for word in text.replace(".", "").split()}
    spoken = {"scratched", "scraped", "defect", "damaged", "broken", "flawless", "repair", "new"}
    assert not words & spoken


def test_a_thing_without_a_name():
    captions = many(None, None, "stain", 500)
    assert {c.kind for c in captions} == {None} and {c.colour for c in captions} == {None}


def test_materials_belong_to_kinds_that_there_are():
    assert set(MATERIALS) <= set(KINDS)
    texts = " ".join(c.text for c in many(KINDS["gear"], None, None))
    assert "steel" in texts and "cotton" not in texts


def test_every_word_is_in_the_vocabulary_and_none_is_of_a_held_out_defect():
    listed, seen = set(plain_vocabulary()), Counter()
    for number, kind in enumerate(KINDS.values()):
        for defect in (None, *DEFECT_WORDS):
            for caption in many(kind, kind.colours[0], defect, 40, seed=number):
                seen.update(caption.text.lower().replace(".", " ").replace(",", " ").split())
    assert not set(seen) - listed
    assert not listed & {*HELD_OUT_DEFECTS, "printed", "burnt", "burned", "folded"}
    assert len(COLOURS) and known_words() <= listed  # no prompt that is known today warns later


def test_conditions_are_said_in_many_words():
    assert len(GOOD) > 20 and len(BAD) > 20
    assert not {t.replace("{x}", "").strip() for t in GOOD} & {
        t.replace("{x}", "").strip() for t in BAD
    }
