"""Prompts against the lists of method.md section 7, written out by hand."""

from __future__ import annotations

import pytest

from promptad_tutorial.prompts.words import (
    ANOMALOUS_STATES,
    GENERIC_STATES,
    NORMAL_STATES,
    TEMPLATES,
    PromptPair,
    compose,
    ensemble,
    own_states,
    product_name,
    released_name,
    single_pair,
)

NORMAL = [
    "nut", "flawless nut", "perfect nut", "unblemished nut",
    "nut without flaw", "nut without defect", "nut without damage",
]  # fmt: skip
ANOMALOUS = ["damaged nut", "nut with flaw", "nut with defect", "nut with damage"]
WRITTEN_OUT = [
    "a cropped photo of a X", "a cropped photo of the X",
    "a close-up photo of a X", "a close-up photo of the X",
    "a bright photo of a X", "a bright photo of the X",
    "a dark photo of a X", "a dark photo of the X",
    "a jpeg corrupted photo of a X", "a jpeg corrupted photo of the X",
    "a blurry photo of a X", "a blurry photo of the X",
    "a photo of a X", "a photo of the X",
    "a photo of a small X", "a photo of the small X",
    "a photo of a large X", "a photo of the large X",
    "a photo of a X for visual inspection", "a photo of the X for visual inspection",
    "a photo of a X for anomaly detection", "a photo of the X for anomaly detection",
]  # fmt: skip


def test_there_are_the_22_templates_of_the_method():
    assert len(TEMPLATES) == 22
    assert {template.format("X") for template in TEMPLATES} == set(WRITTEN_OUT)


def test_the_ensemble_is_every_state_in_every_template():
    sides = ensemble("nut")
    assert (len(sides.normal), len(sides.anomalous)) == (154, 88)
    for found, states in ((sides.normal, NORMAL), (sides.anomalous, ANOMALOUS)):
        assert set(found) == {text.replace("X", state) for text in WRITTEN_OUT for state in states}
        assert len(set(found)) == len(found)
    assert not set(sides.normal) & set(sides.anomalous)


def test_the_states_of_the_method():
    assert [state.format("nut") for state in NORMAL_STATES] == NORMAL
    assert [state.format("nut") for state in ANOMALOUS_STATES] == ANOMALOUS
    assert {state.format("nut") for state in GENERIC_STATES} == {
        *("damaged nut", "flawed nut", "abnormal nut", "imperfect nut", "blemished nut"),
        *("nut with flaw", "nut with defect", "nut with damage"),
    }
    assert len(GENERIC_STATES) == 8


def test_the_smallest_pair():
    assert single_pair("metal nut") == PromptPair(
        ("a photo of a flawless metal nut",), ("a photo of a damaged metal nut",)
    )
    assert single_pair("nut", "{}", "{} with scratch").anomalous == (
        "a photo of a nut with scratch",
    )


def test_compose_keeps_states_outside():
    assert compose("X", ["{}", "bad {}"], ["the {}", "a {}"]) == (
        *("the X", "a X"),
        *("the bad X", "a bad X"),
    )


@pytest.mark.parametrize("pattern", ["no place", "{} and {}"])
def test_compose_needs_one_place(pattern):
    for arguments in ({"states": [pattern]}, {"templates": [pattern]}):
        with pytest.raises(ValueError, match=r"exactly one \{\}, got"):
            compose("nut", **arguments)


@pytest.mark.parametrize(
    ("folder", "words"),
    [("metal_plate", "metal plate"), ("pcb-1", "pcb 1"), ("nut", "nut"), (" _nut ", "nut")],
)
def test_the_product_is_named_after_its_folder(folder, words):
    assert product_name(folder) == words


@pytest.mark.parametrize("folder", ["", "_", " - "])
def test_a_product_needs_a_name(folder):
    with pytest.raises(ValueError, match="needs a name"):
        product_name(folder)


def test_a_pair_needs_prompts_on_both_sides():
    assert PromptPair(["a nut"], ["a bad nut"]).normal == ("a nut",)
    with pytest.raises(ValueError, match="normal must be a sequence of prompts, got the one text"):
        PromptPair("a nut", ("a bad nut",))
    with pytest.raises(ValueError, match="normal needs at least one prompt"):
        PromptPair((), ("a bad nut",))
    with pytest.raises(ValueError, match="anomalous needs at least one prompt and none empty"):
        PromptPair(("a nut",), ("a bad nut", " "))


# --- the released configuration's words -----------------------------------------------------------

CATEGORIES = {
    "bottle cable capsule carpet grid hazelnut leather metal_nut pill screw tile toothbrush "
    "transistor wood zipper": 15,
    "candle capsules cashew chewinggum fryum macaroni1 macaroni2 pcb1 pcb2 pcb3 pcb4 "
    "pipe_fryum": 12,
}


@pytest.mark.parametrize("names, count", CATEGORIES.items(), ids=["MVTec AD", "VisA"])
def test_every_category_of_the_data_sets_has_suffixes_of_its_own(names, count):
    assert len(names.split()) == count
    for name in names.split():
        states = own_states(name)
        assert 2 <= len(states) <= 7  # method section 1
        assert compose("nut", states, ("{}",))  # one {} each
        assert own_states(product_name(name)) == states  # by its words, too


def test_suffixes_by_hand_with_their_repetitions():
    assert own_states("toothbrush") == ("{} with defect", "{} with anomaly")
    assert own_states("capsule")[-1] == "{} squeezed with compression"
    assert own_states("fryum").count("{} with colour spot") == 2
    repeated = {
        name
        for names in CATEGORIES
        for name in names.split()
        if set(own_states(name)) & set(GENERIC_STATES)
    }
    assert repeated == {"toothbrush", "transistor", "pcb4"}  # count twice with trap 16
    assert own_states("hexagon_nut") == ()


def test_nine_categories_are_renamed():
    renamed = {
        name: released_name(name)
        for names in CATEGORIES
        for name in names.split()
        if released_name(name) != name
    }
    assert renamed == {
        **{f"pcb{i}": "printed circuit board" for i in (1, 2, 3, 4)},
        **{f"macaroni{i}": "macaroni" for i in (1, 2)},
        **{"chewinggum": "chewing gum", "metal_nut": "metal nut", "pipe_fryum": "pipe fryum"},
    }
    assert released_name("hexagon_nut") == "hexagon nut"
