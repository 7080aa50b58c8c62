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
        (2, "scratch", None, "label must be 0 .*got 2"),
        (0, "scratch", None, "must have defect 'good'"),
        (0, "good", Path("m.png"), "no mask"),
        (1, "good", None, "needs its defect's name"),
        (1, "", None, "needs its defect's name"),
        (None, "good", None, "must have defect 'unlabelled'"),
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
