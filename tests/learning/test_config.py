"""The settings against the numbers of method.md, and their way through JSON."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, asdict, replace

import pytest

from promptad_tutorial.learning.config import PromptADConfig, Traps, config_from, preset, with_trap
from promptad_tutorial.prompts.words import GENERIC_STATES

PAPER = {
    "states": GENERIC_STATES,
    "n_normal_tokens": 4,
    "n_anomaly_tokens": 1,
    "n_normal_prompts": 3,
    "n_normal_prompts_pixel": 1,
    "n_anomaly_suffixes": 4,
    "initial_std": 0.02,
    "normal_start": None,
    "own_start": None,
    "steps": 100,
    "learning_rate": 0.002,
    "final_learning_rate": 1e-5,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "margin": 0.0,
    "margin_weight": 1.0,
    "alignment_weight": 0.001,
    "use_memory": True,
    "map_size": 240,
    "sigma": 0.01,
}
SWITCHES = [
    "suffix_before_name",
    "log_temperature",
    "margin_over_patches",
    "test_images_bgr",
    "test_selected",
    "unsorted_shots",
    "memory_in_place",
    "modulo_pairs",
    "resize_through_1024",
    "own_states",
    "renamed_classes",
]
CONFIGS = {
    "paper": PromptADConfig(),
    "released": preset("released"),
    "own": PromptADConfig(
        states=("{} with rust",),
        n_normal_tokens=0,
        normal_start="a photo of a",
        margin=-0.5,
        use_memory=False,
        learning_rate=1,
        traps=Traps(modulo_pairs=True),
    ),
}


def test_the_paper_is_the_default():
    found = asdict(preset())
    assert found.pop("traps") == dict.fromkeys(SWITCHES, False)
    assert found == PAPER
    assert preset() == preset("paper") == PromptADConfig()


def test_released_is_the_paper_with_every_trap():
    released = preset("released")
    assert asdict(released.traps) == dict.fromkeys(SWITCHES, True)
    assert replace(released, traps=Traps()) == preset("paper")


@pytest.mark.parametrize("name", ["", "Paper", "winclip"])
def test_other_presets_are_named(name):
    with pytest.raises(ValueError, match="preset must be one of paper, released; got"):
        preset(name)


def test_the_switches_are_those_of_the_method_in_its_order():
    assert list(Traps.names()) == SWITCHES


@pytest.mark.parametrize("name", SWITCHES)
def test_with_trap_switches_one_trap_and_nothing_else(name):
    paper = preset()
    found = with_trap(paper, name)
    assert asdict(found.traps) == {switch: switch == name for switch in SWITCHES}
    assert replace(found, traps=Traps()) == paper
    assert paper == PromptADConfig()  # the one it was made of is as it was
    assert with_trap(found, name) == found


def test_traps_add_up_to_the_released_code():
    config = preset()
    for name in SWITCHES:
        config = with_trap(config, name)
    assert config == preset("released")


@pytest.mark.parametrize("name", ["", "bgr", "traps", "names"])
def test_a_trap_that_does_not_exist_is_named(name):
    with pytest.raises(ValueError, match="trap must be one of suffix_before_name, .*got"):
        with_trap(preset(), name)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_configuration_comes_back_from_json(config):
    values = json.loads(json.dumps(asdict(config)))
    found = config_from(values)
    assert found == config
    assert isinstance(found.states, tuple) and hash(found) == hash(config)
    assert "traps" in values  # what was handed in is as it was


def test_what_is_not_said_is_as_in_the_paper():
    assert config_from({}) == preset()
    assert config_from({"steps": 7}) == PromptADConfig(steps=7)
    assert config_from({"traps": {"modulo_pairs": True}}) == with_trap(preset(), "modulo_pairs")


@pytest.mark.parametrize(
    "wrong",
    [
        {"stepz": 7},
        {"steps": 7.0},
        {"steps": "7"},
        {"steps": None},
        {"steps": True},
        {"use_memory": 1},
        {"learning_rate": "fast"},
        {"learning_rate": False},
        {"learning_rate": None},
        {"margin": "wide"},
        {"margin": None},
        {"states": "damaged {}"},
        {"states": [1]},
        {"states": None},
        {"normal_start": 5},
        {"traps": ["modulo_pairs"]},
        {"traps": {"modulo_pairs": 1}},
        {"traps": {"modulo": True}},
        {"traps": None},
    ],
    ids=str,
)
def test_values_of_the_wrong_kind_are_errors(wrong):
    with pytest.raises((ValueError, TypeError)):
        config_from(wrong)


@pytest.mark.parametrize("name", [name for name in PAPER if name.startswith("n_normal_prompts")])
def test_at_least_one_normal_prompt(name):
    assert getattr(PromptADConfig(**{name: 1}), name) == 1
    with pytest.raises(ValueError, match=f"{name} must be 1 or more, got 0"):
        PromptADConfig(**{name: 0})


@pytest.mark.parametrize(
    "name", ["n_normal_tokens", "n_anomaly_tokens", "n_anomaly_suffixes", "steps"]
)
def test_counts_can_be_0_and_not_less(name):
    assert getattr(PromptADConfig(**{name: 0}), name) == 0
    with pytest.raises(ValueError, match=f"{name} must be 0 or more, got -1"):
        PromptADConfig(**{name: -1})


@pytest.mark.parametrize(
    "name",
    [
        "initial_std",
        "learning_rate",
        "final_learning_rate",
        "momentum",
        "weight_decay",
        "margin_weight",
        "alignment_weight",
        "sigma",
    ],
)
def test_amounts_are_finite_and_not_negative(name):
    assert getattr(PromptADConfig(**{name: 0.0}), name) == 0
    for wrong in (-1e-9, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=f"{name} must be 0 or more, got {wrong}"):
            PromptADConfig(**{name: wrong})


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("n_normal_tokens", 1000),
        ("n_anomaly_tokens", 1000),
        ("n_normal_prompts", 100),
        ("n_normal_prompts_pixel", 100),
        ("n_anomaly_suffixes", 100),
        ("sigma", 1),
        ("map_size", 4096),
    ],
)
def test_a_file_cannot_ask_for_all_of_the_memory(name, most):
    assert getattr(config_from({name: most}), name) == most
    with pytest.raises(ValueError, match=f"{name} must be .*{most}, got {most + 1}"):
        config_from({name: most + 1})


def test_states_are_at_most_a_thousand():
    assert len(PromptADConfig(states=("damaged {}",) * 1000).states) == 1000
    with pytest.raises(ValueError, match="states must be at most 1000, got 1001"):
        PromptADConfig(states=("damaged {}",) * 1001)


def test_a_map_has_a_pixel():
    with pytest.raises(ValueError, match="map_size must be .*got 0"):
        PromptADConfig(map_size=0)


def test_states_are_a_sequence_and_not_one_text():
    with pytest.raises(ValueError, match="a sequence of patterns, got the text 'damaged {}'"):
        PromptADConfig(states="damaged {}")


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_the_margin_is_finite(wrong):
    assert PromptADConfig(margin=-0.5).margin == -0.5
    with pytest.raises(ValueError, match="margin must be finite"):
        PromptADConfig(margin=wrong)


@pytest.mark.parametrize(
    "name, wrong, told",
    [
        ("steps", 7.0, "a whole number, got 7.0"),
        ("steps", True, "a whole number, got True"),
        ("margin", "0.1", "a number, got '0.1'"),
        ("margin", None, "a number, got None"),
        ("n_normal_prompts", "3", "a whole number, got '3'"),
        ("learning_rate", "fast", "a number, got 'fast'"),
        ("map_size", "large", "a whole number, got 'large'"),
        ("normal_start", 5, "a text or None, got 5"),
        ("own_start", ["a photo of"], "a text or None, got"),
        ("use_memory", 1, "True or False, got 1"),
        ("traps", {"modulo_pairs": True}, "switches, as Traps"),
    ],
)
def test_settings_of_the_wrong_kind_are_named(name, wrong, told):
    config = PromptADConfig()
    object.__setattr__(config, name, wrong)  # past the checks of types that only tests have
    with pytest.raises(ValueError, match=f"{name} must be {told}"):
        config.__post_init__()


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(FrozenInstanceError):
        preset().steps = 7
    with pytest.raises(FrozenInstanceError):
        preset().traps.modulo_pairs = True
