"""What every check of a function promises, whatever the learner hands in."""

from __future__ import annotations

import re
import sys
import warnings

import numpy as np
import pytest
import torch

from promptad_tutorial import exercises as checks
from tests.exercises.learners import SOLUTIONS, WRONG

NAMES = sorted(SOLUTIONS)
TYPICAL = [
    pytest.param(name, phrase, way, id=f"{name}-{phrase}-{number}")
    for name, mistakes in WRONG.items()
    for phrase, ways in mistakes.items()
    for number, way in enumerate(ways)
]


def judge(name, fn):
    """The verdict, after what holds for every verdict: one short line, no address, few digits."""
    check = getattr(checks, name)
    verdict = check(fn)
    text = repr(verdict)
    assert isinstance(verdict, checks.Verdict)
    assert text.splitlines() == [text] and len(text) < 500
    assert not re.search(r"0x[0-9a-f]{4}|\d\.\d{7}|Traceback", text)
    assert text.startswith("pass: " if verdict else "not yet: ")
    assert bool(verdict) or ". Hint: " in text
    assert repr(check(fn)) == text
    return verdict


def hint(verdict):
    return verdict.message.split("Hint: ")[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_passes(name):
    verdict = judge(name, SOLUTIONS[name])
    assert verdict.passed and "different sizes" in verdict.message


@pytest.mark.parametrize("name, phrase, way", TYPICAL)
def test_a_typical_mistake_gets_its_own_hint(name, phrase, way):
    verdict = judge(name, way)
    assert not verdict.passed
    assert [p for p in WRONG[name] if p in hint(verdict)] == [phrase]


@pytest.mark.parametrize("name", NAMES)
def test_hints_are_distinct_and_not_the_general_one(name):
    hints = [hint(judge(name, ways[0])) for ways in WRONG[name].values()]
    general = hint(judge(name, lambda *inputs: object()))
    assert len({*hints, general}) == len(WRONG[name]) + 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "returned, words", [(None, "returns nothing"), (..., "returns the dots")], ids=["None", "dots"]
)
def test_the_empty_stub_is_told_what_to_do(name, returned, words):
    verdict = judge(name, lambda *inputs: returned)
    assert not verdict and words in verdict.message and "write the body" in hint(verdict)


@pytest.mark.parametrize("name", NAMES)
def test_a_stub_that_raises_not_implemented_counts_as_empty(name):
    def stub(*inputs):
        raise NotImplementedError

    assert "write the body" in hint(judge(name, stub))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("thing", [None, ..., 3, "auroc", torch.zeros(2, 2)])
def test_what_is_not_a_function_is_told_to_be_one(name, thing):
    verdict = judge(name, thing)
    assert not verdict and verdict.message.startswith("expected a function, got ")


@pytest.mark.parametrize("name", NAMES)
def test_a_hard_coded_answer_fails(name):
    answers = []

    def spy(*inputs):
        answers.append(SOLUTIONS[name](*inputs))
        return answers[-1]

    assert judge(name, spy)
    for answer in answers:
        assert not judge(name, lambda *inputs, answer=answer: answer)


@pytest.mark.parametrize("name", NAMES)
def test_a_function_that_raises_is_named_with_its_error(name):
    def broken(*inputs):
        raise RuntimeError(f"line one\nline two of {object()} at 0.123456789 " + "x" * 500)

    verdict = judge(name, broken)
    assert not verdict
    assert "your function stopped with RuntimeError: line one line two" in verdict.message
    assert "0.123 " in verdict.message


@pytest.mark.parametrize("name", NAMES)
def test_a_function_with_other_inputs_is_told_the_inputs(name):
    verdict = judge(name, lambda: 1)
    assert "TypeError" in verdict.message and "it is called with " in hint(verdict)


ODD = [
    *("text", True, 1j, 10**400, float("nan"), object(), print),
    *({}, {1: [2]}, {"good": "many"}, [], [[1], [1, 2]], ("a", "b"), (1.5, 2.5), (True, False)),
    *(np.zeros(3), np.array(["a"]), torch.zeros(0), torch.tensor(True), torch.eye(3).to_sparse()),
    torch.zeros(2, 2, 2, dtype=torch.complex64),
]


@pytest.mark.parametrize("name", NAMES)
def test_odd_results_get_a_verdict(name):
    for odd in ODD:
        verdict = judge(name, lambda *inputs, odd=odd: odd)
        assert not verdict and re.match("with .*(the result|the count)", verdict.message), odd


@pytest.mark.parametrize("name", ["cosine_similarity", "ensemble_prototype", "second_path"])
def test_right_numbers_in_a_wrong_container_or_shape(name):
    def as_list(*inputs):
        return SOLUTIONS[name](*inputs).tolist()

    def as_numpy(*inputs):
        return SOLUTIONS[name](*inputs).numpy()

    def with_batch(*inputs):
        return SOLUTIONS[name](*inputs)[None]

    assert "the result is a list, expected a tensor of shape (" in judge(name, as_list).message
    assert "the result is a numpy array of shape (" in judge(name, as_numpy).message
    assert "the result has shape (1, " in judge(name, with_batch).message


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_copies(name):
    def solve_then_spoil(*inputs):
        answer = SOLUTIONS[name](*inputs)
        for each in inputs:
            if isinstance(each, torch.Tensor | np.ndarray):
                each[:] = 0
            elif isinstance(each, list):
                each.clear()
        return answer

    def spoil_then_solve(*inputs):
        for each in inputs:
            if isinstance(each, torch.Tensor | np.ndarray):
                each[:] = 1
            elif isinstance(each, list):
                each[:] = each[:1]
        return SOLUTIONS[name](*inputs)

    assert judge(name, solve_then_spoil)
    if name != "good_pictures_needed":  # its inputs are numbers, which nobody can spoil
        assert not judge(name, spoil_then_solve)


@pytest.mark.parametrize("name", NAMES)
def test_global_seeds_neither_matter_nor_change(name):
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    text = judge(name, SOLUTIONS[name])
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert judge(name, SOLUTIONS[name]) == text


def test_gradients_and_double_precision_are_welcome():
    cosine = SOLUTIONS["cosine_similarity"]
    assert judge("cosine_similarity", lambda a, b: cosine(a.double().requires_grad_(), b.double()))


def test_numbers_may_be_numpy_or_tensor_scalars():
    auroc = SOLUTIONS["auroc"]
    assert judge("auroc", lambda *inputs: np.float64(auroc(*inputs)))
    assert judge("auroc", lambda *inputs: torch.tensor(auroc(*inputs)))


def test_a_region_free_mask_may_give_nan_or_a_value_error():
    overlap = SOLUTIONS["region_overlap"]
    assert judge("region_overlap", lambda m, *more: overlap(m, *more) if m.any() else np.nan)
    zero = judge("region_overlap", lambda m, *more: overlap(m, *more) if m.any() else 0.0)
    assert "without a region your function gives the number 0, expected nan" in zero.message


def test_the_numbers_that_differ_are_shown():
    ahead = judge("second_path", lambda blocks, x, kind: torch.zeros_like(x))
    assert re.match(
        r"with 2 blocks, tokens of shape \(2, 5, 8\) and kind = v-v, entry \[\d, \d, \d\] of the "
        r"result is 0, expected -?\d\.\d+\. Hint: ",
        ahead.message,
    )
    percent = judge("auroc", lambda y, s: 100 * SOLUTIONS["auroc"](y, s))
    got, expected = re.search(
        r"the result is ([\d.]+), expected ([\d.]+)\.", percent.message
    ).groups()
    assert float(got) == pytest.approx(100 * float(expected), rel=0.01)


def test_counts_that_pile_up_between_calls_are_seen():
    counts = {}

    def with_a_shared_dict(samples):
        for sample in samples:
            counts[sample.defect] = counts.get(sample.defect, 0) + 1
        return counts

    assert not checks.count_by_defect(with_a_shared_dict)


def test_warnings_of_learners_stay_out_of_the_notebook():
    def noisy(*inputs):
        warnings.warn("careful", stacklevel=1)
        return SOLUTIONS["auroc"](*inputs)

    assert judge("auroc", noisy)


def test_an_interrupt_is_not_swallowed():
    def stopped_by_hand(*inputs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checks.auroc(stopped_by_hand)


def test_endless_recursion_is_one_line():
    def again(*inputs):
        return again(*inputs)

    limit = sys.getrecursionlimit()
    assert "RecursionError" in judge("auroc", again).message
    assert sys.getrecursionlimit() == limit
