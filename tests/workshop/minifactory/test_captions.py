"""Captions: what they claim is true, their counters are not, held-out defects have no words."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from promptad_tutorial.prompts.words import GENERIC_STATES, ensemble
from promptad_tutorial.prompts.words import compose as compose_prompts
from workshop.minifactory.captions import (
    DEFECT_WORDS,
    FAULTY_ADJECTIVES,
    FAULTY_ENDINGS,
    GREY,
    HELD_OUT_DEFECTS,
    NORMAL_ADJECTIVES,
    NORMAL_ENDINGS,
    Caption,
    compose,
    vocabulary,
)
from workshop.minifactory.catalogue import KINDS, defects_of
from workshop.minifactory.palette import COLOURS

HELD_OUT_WORDS = {
    *("print", "prints", "printed", "printing", "ink", "inked"),
    *("burn", "burns", "burnt", "burned", "scorch", "scorched", "charred", "singed"),
    *("fold", "folds", "folded", "crease", "creases", "creased"),
}
# state -> (words before the noun, words after it)
STATE_WORDS = {
    "good": (NORMAL_ADJECTIVES, NORMAL_ENDINGS),
    "bad": (FAULTY_ADJECTIVES, FAULTY_ENDINGS),
    **{d: (before, [f"with {n}" for n in nouns]) for d, (before, nouns) in DEFECT_WORDS.items()},
}


def words_of_the_factory() -> list[str]:
    names = [word for kind in KINDS.values() for word in kind.words]
    return vocabulary(names, list(COLOURS))


def draw_captions(count: int, seed: int = 0) -> list[tuple[str, str | None, str | None, Caption]]:
    """Random pictures, as (kind, colour, defect), and a caption of each."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        kind = KINDS[str(draw.choice(list(KINDS)))]
        colour = None if draw.random() < 0.2 else str(draw.choice(kind.colours))
        names = [d for d in defects_of(kind) if d not in HELD_OUT_DEFECTS]
        defect = None if draw.random() < 0.4 else str(draw.choice(names))
        caption = compose(kind.name, kind.words, colour, defect, draw)
        found.append((kind.name, colour, defect, caption))
    return found


def texts_of(caption: Caption) -> list[str]:
    """The caption and, if it has one, its counter: without full stops."""
    texts = [text for text in (caption.text, caption.counter) if text is not None]
    return [text.removesuffix(".") for text in texts]


def without_state(text: str, state: str) -> set[str]:
    """All that can be left of a text when words of the state give way to one mark."""
    body, stop = text.removesuffix("."), "." * text.endswith(".")
    left = set()
    for mark, phrases in zip(("<before>", "<after>"), STATE_WORDS[state], strict=True):
        for phrase in phrases:
            rest = f" {body} ".replace(f" {phrase} ", f" {mark} ")
            if mark in rest:
                left.add(rest.replace(" an <before>", " a <before>").strip() + stop)
    return left


def test_held_out_defects_have_no_words():
    assert set(HELD_OUT_DEFECTS) == {"print", "burn", "fold"}
    assert not HELD_OUT_WORDS & set(words_of_the_factory())
    assert not set(HELD_OUT_DEFECTS) & set(DEFECT_WORDS)
    for *_, caption in draw_captions(3000):
        for text in texts_of(caption):
            assert not HELD_OUT_WORDS & set(re.findall(r"[a-z]+", text.lower())), caption


def test_every_other_defect_has_words():
    made = {name for kind in KINDS.values() for name in defects_of(kind)}
    assert set(DEFECT_WORDS) == made - set(HELD_OUT_DEFECTS)
    assert all(adjectives and nouns for adjectives, nouns in DEFECT_WORDS.values())


def test_the_vocabulary_holds_every_word_of_every_caption():
    known = set(words_of_the_factory())
    for *_, caption in draw_captions(3000, seed=1):
        for text in texts_of(caption):
            assert set(text.lower().split()) <= known, caption


def test_the_vocabulary_is_sorted_and_without_repeats():
    found = vocabulary(["Metal Plate", "metal grid"], ["red"])
    assert found == sorted(set(found))
    assert {"metal", "plate", "grid", "red", "gray", "damaged"} <= set(found)


def test_the_prompts_of_the_tutorial_are_in_the_vocabulary():
    known = set(words_of_the_factory())
    for kind in KINDS:
        sides = ensemble(kind)
        texts = [*sides.normal, *sides.anomalous, *compose_prompts(kind, GENERIC_STATES)]
        assert {word for text in texts for word in text.lower().split()} <= known


def test_captions_are_true_of_their_own_picture_and_claim_what_they_say():
    for kind, colour, defect, caption in draw_captions(2000, seed=2):
        assert caption.true_of(kind, colour, defect), caption
        words = f" {texts_of(caption)[0]} "
        named = any(f" {word} " in words for word in KINDS[kind].words)
        assert named or caption.kind is None, caption
        if caption.colour is not None:
            assert any(f" {name} " in words for name in GREY.get(colour, (colour,)))
        if caption.state == "good":
            assert any(f" {word} " in words for word in (*NORMAL_ADJECTIVES, *NORMAL_ENDINGS))
        elif caption.state not in (None, "bad"):
            adjectives, nouns = DEFECT_WORDS[caption.state]
            assert any(f" {word} " in words for word in (*adjectives, *nouns))


def test_captions_of_one_picture_vary():
    draw = np.random.default_rng(0)
    kind = KINDS["hexagon nut"]
    found = [compose(kind.name, kind.words, "silver", "scratch", draw) for _ in range(400)]
    assert len({caption.text for caption in found}) > 200
    assert {caption.kind for caption in found} == {"hexagon nut", None}
    assert {caption.colour for caption in found} == {"silver", None}
    assert {caption.state for caption in found} == {"scratch", "bad", None}


def test_grey_pictures_are_never_called_by_a_colour():
    draw = np.random.default_rng(0)
    kind = KINDS["button"]
    found = [compose(kind.name, kind.words, None, None, draw) for _ in range(300)]
    assert all(caption.colour is None for caption in found)
    colours = {*COLOURS, "gray"}
    for caption in found:
        assert not any(colours & set(text.split()) for text in texts_of(caption)), caption
    assert not Caption("a red button", "button", "red", None).true_of("button", None, None)


def test_both_spellings_of_grey_are_used():
    draw = np.random.default_rng(0)
    found = [compose("washer", ("washer",), "grey", None, draw) for _ in range(400)]
    words = {word for caption in found for word in texts_of(caption)[0].split()}
    assert {"grey", "gray"} <= words


@pytest.mark.parametrize(
    ("noun", "article"), [("apple", "an"), ("washer", "a")], ids=["vowel", "consonant"]
)
def test_the_article_fits(noun, article):
    draw = np.random.default_rng(0)
    for _ in range(200):
        for text in texts_of(compose(noun, (noun,), None, None, draw)):
            for before, after in itertools.pairwise(text.split()):
                if before in ("a", "an"):
                    assert before == ("an" if after[0] in "aeiou" else "a"), text
                    assert after != noun or before == article, text


def test_true_of_reads_every_claim():
    kinds, colours, defects = ("nut", "bolt"), ("red", "blue", None), ("dent", "scratch", None)
    states = ("good", "bad", "dent", "scratch", None)
    for kind, colour, state in itertools.product((*kinds, None), colours, states):
        caption = Caption("", kind, colour, state)
        for shown in itertools.product(kinds, colours, defects):
            expected = True
            if kind is not None and kind != shown[0]:
                expected = False
            if colour is not None and colour != shown[1]:
                expected = False
            if state == "good" and shown[2] is not None:
                expected = False
            if state == "bad" and shown[2] is None:
                expected = False
            if state in ("dent", "scratch") and state != shown[2]:
                expected = False
            assert caption.true_of(*shown) == expected, (caption, shown)


# --- full stops and counters ----------------------------------------------------------------


def test_three_captions_in_ten_end_with_a_full_stop():
    found = [caption for *_, caption in draw_captions(3000, seed=3)]
    stops = np.array([caption.text.endswith(".") for caption in found])
    assert 0.27 < stops.mean() < 0.33
    for caption, stop in zip(found, stops, strict=True):
        assert caption.text.count(".") == stop, caption
        assert caption.counter is None or caption.counter.endswith(".") == stop, caption
        assert caption.counter is None or caption.counter.count(".") == stop, caption


def test_a_caption_has_a_counter_exactly_if_it_speaks_of_the_state():
    found = [caption for *_, caption in draw_captions(1000, seed=4)]
    assert {caption.state is None for caption in found} == {True, False}
    for caption in found:
        assert (caption.counter is None) == (caption.state is None), caption


def test_a_counter_has_the_words_of_its_caption_but_for_a_state_that_does_not_hold():
    contraries = {True: set(), False: set()}  # good pictures, and defective ones
    for kind, colour, defect, caption in draw_captions(3000, seed=5):
        if caption.counter is None:
            continue
        kept = without_state(caption.text, caption.state)
        claimed = {s for s in STATE_WORDS if kept & without_state(caption.counter, s)}
        assert claimed, caption
        for state in claimed:
            counter = Caption(caption.counter, caption.kind, caption.colour, state)
            assert not counter.true_of(kind, colour, defect), caption
        contraries[defect is None] |= claimed
    # good pictures are slandered with every defect; defective ones are praised, and nothing else
    assert contraries == {True: {"bad", *DEFECT_WORDS}, False: {"good"}}


def test_counters_of_one_picture_vary():
    draw = np.random.default_rng(0)
    found = [compose("washer", ("washer",), None, "dent", draw) for _ in range(600)]
    said = {text for caption in found for text in texts_of(caption)[1:]}
    for phrase in (*NORMAL_ADJECTIVES, *NORMAL_ENDINGS):
        assert any(f" {phrase} " in f" {text} " for text in said), phrase
