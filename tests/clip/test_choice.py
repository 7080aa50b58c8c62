"""One reading of the environment, for notebooks' cells and their benchmark cells alike."""

from __future__ import annotations

import pickle

import pytest
import torch

from promptad_tutorial.benchmark.experiment import live_settings
from promptad_tutorial.benchmark.settings import loaded
from promptad_tutorial.clip.choice import BackboneChoice, BackboneError
from promptad_tutorial.clip.loading import backbone_from_environment
from promptad_tutorial.datasets import dataset_from_environment

TOLD = {
    "PROMPTAD_BACKBONE": "small-plain : random",
    "PROMPTAD_DEVICE": "cpu",
    "PROMPTAD_IMAGE_SIZE": "48",
    "PROMPTAD_RESIZE": "crop",
    "PROMPTAD_PRECISION": "bf16",
}


def test_a_benchmark_cell_runs_the_backbone_of_the_other_cells(small_configs):
    settings = live_settings(dataset_from_environment({}), TOLD)
    there, here = loaded(settings.backbone), backbone_from_environment(TOLD)
    assert there.label == here.label and there.checksum == here.checksum
    assert (there.image_size, there.resize, there.dtype) == (48, "crop", torch.bfloat16)
    assert settings.resize == "crop"  # of the masks too


def test_a_choice_reads_all_variables_and_travels():
    choice = BackboneChoice.from_environment(TOLD)
    assert choice == BackboneChoice("small-plain", "random", "bfloat16", "cpu", 48, "crop")
    assert pickle.loads(pickle.dumps(choice)) == choice
    assert BackboneChoice.from_environment({}) == BackboneChoice("tiny")
    assert BackboneChoice.from_environment(dict.fromkeys(TOLD, " ")) == BackboneChoice("tiny")


@pytest.mark.parametrize(
    ("name", "value"),
    [("PRECISION", "int8"), ("IMAGE_SIZE", "big"), ("IMAGE_SIZE", "-8"), ("IMAGE_SIZE", "1.5")],
)
def test_what_no_backbone_can_be_is_named(name, value):
    with pytest.raises(BackboneError, match=rf"PROMPTAD_{name}.*found '{value}'"):
        BackboneChoice.from_environment({f"PROMPTAD_{name}": value})
    with pytest.raises(BackboneError, match="float64; found 'int8'"):
        BackboneChoice(dtype="int8")
