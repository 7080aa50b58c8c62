from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from promptad_tutorial.datasets.samples import ProductLine, Sample

IMAGE = Path("0.png")
GOOD_SAMPLE = Sample(IMAGE, 0, "good")
SCRATCH = Sample(IMAGE, 1, "scratch", Path("m.png"))


@pytest.mark.parametrize(
    "label, defect, mask, message",
    [
        (2, "scratch", None, "of label 0 .*got label 2, defect 'scratch'"),
        (0, "scratch", None, "label 0 with defect 'good'.*got label 0, defect 'scratch'"),
        (0, "good", Path("m.png"), "without a mask.*defect 'good' and mask m.png"),
        (1, "good", None, "its defect's name; got label 1, defect 'good'"),
        (1, "", None, "its defect's name; got label 1, defect ''"),
        (None, "good", None, "None with 'unlabelled'.*got label None, defect 'good'"),
    ],
)
def test_samples_that_contradict_themselves_are_refused(label, defect, mask, message):
    with pytest.raises(ValueError, match=message):
        Sample(IMAGE, label, defect, mask)


def test_training_samples_are_good():
    with pytest.raises(
        ValueError, match=r"'bottle' must be good, found defect 'scratch' at 0\.png"
    ):
        ProductLine("bottle", Path("."), (GOOD_SAMPLE, SCRATCH), ())


def test_defects_are_named_once_and_without_good():
    bent = Sample(IMAGE, 1, "bent")
    line = ProductLine("b", Path("."), (GOOD_SAMPLE,), (bent, bent, GOOD_SAMPLE, SCRATCH))
    assert line.defects == ("bent", "scratch")


def test_samples_are_frozen():
    with pytest.raises(FrozenInstanceError):
        GOOD_SAMPLE.label = 1
