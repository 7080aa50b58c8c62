"""What is special to the exercises of notebook 07; `test_checks` holds for them too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from promptad_tutorial import exercises as checks
from promptad_tutorial.exercises.honesty import _aurocs
from promptad_tutorial.scoring.metrics import image_auroc

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "07_honest_benchmark.ipynb"


def test_an_interval_that_is_no_triple_is_told_so():
    verdict = checks.paired_interval(lambda mine, other: float((mine - other).mean()))
    assert "expected three numbers (difference, low, high)" in verdict.message


def simulated(detectors, good=24, anomalous=32):
    generator = np.random.default_rng(11)
    labels = np.repeat([0, 1], [good, anomalous])
    scores = generator.random((60, detectors, len(labels)))
    return 100 * float(_aurocs(scores, labels).max(axis=1).mean())


def test_the_aurocs_of_many_runs_are_those_of_each_run():
    scores = np.random.default_rng(2).integers(0, 4, (3, 4, 15)) / 4  # with ties
    labels = np.array([0] * 6 + [1] * 9)
    one_by_one = [[image_auroc(labels, step) for step in run] for run in scores]
    assert np.allclose(_aurocs(scores, labels), one_by_one, rtol=0, atol=1e-12)


def test_the_noise_that_a_learner_simulates_is_near_enough():
    assert checks.noise_optimism([simulated(n) for n in (1, 10, 100)])
    assert checks.noise_optimism(np.array([50, 62, 70]))


@pytest.mark.parametrize(
    "answer, phrase",
    [
        (..., "write a list"),
        (None, "write a list"),
        (70, "one AUROC in %"),
        ([50, 62], "one AUROC in %"),
        ([50, 62, "70"], "one AUROC in %"),
        ([0.5, 0.62, 0.7], "give the AUROC in %"),
        ([50, 50, 50], "the best of many is above the mean"),
        ([0, 12, 20], "add the 50"),
        ([50, 62, 130], "between 0 and 100"),
        ([58, 62, 70], "every second pair"),
        ([50, 62, 55], "cannot get worse"),
        ([50, 75, 99], "too much"),
        ([50, 52, 54], "too little"),
    ],
)
def test_a_wrong_prediction_gets_its_own_hint(answer, phrase):
    verdict = checks.noise_optimism(answer)
    assert not verdict and phrase in verdict.message.split("Hint: ")[1]


def test_the_answer_for_one_size_is_no_answer_for_another():
    assert not checks.noise_optimism([50, 62, 70], good=200, anomalous=300)
    assert not checks.noise_optimism([50, 62, 70], detectors=(1, 5, 20))


def test_the_notebook_plants_two_leaks_and_nothing_else():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    stubs = ["".join(c["source"]) for c in cells if "exercise" in c["metadata"].get("tags", [])]
    (stub,) = (text for text in stubs if "def evaluate_run" in text)
    body = stub[: stub.index("checks.evaluate_run(")]
    names = {"image_auroc": image_auroc, "np": np}
    exec(body, names)  # the committed notebook's own text
    assert "both leaks" in checks.evaluate_run(names["evaluate_run"]).message
    for leak, mended, other in (
        ("max(by_step)", "by_step[-1]", "the seed is still chosen"),
        ("max(by_seed)", "np.mean(by_seed)", "the step is still chosen"),
    ):
        assert body.count(leak) == 1
        exec(body.replace(leak, mended), names)
        assert other in checks.evaluate_run(names["evaluate_run"]).message
    whole = body.replace("max(by_step)", "by_step[-1]").replace("max(by_seed)", "np.mean(by_seed)")
    exec(whole, names)
    assert checks.evaluate_run(names["evaluate_run"])
