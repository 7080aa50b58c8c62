"""The exercises of notebook 07: a paired interval, two leaks of a real evaluation, and noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy import stats

from promptad_tutorial.benchmark.optimism import expected_best
from promptad_tutorial.benchmark.report import paired_differences
from promptad_tutorial.exercises.answers import as_array, kind_of, number_trouble
from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.verdict import Task, Verdict, not_yet
from promptad_tutorial.scoring.metrics import image_auroc

Scores = Float[np.ndarray, "lines seeds"]
Triple = tuple[float, float, float]
DETECTORS, GOOD, ANOMALOUS = (1, 10, 100), 24, 32  # what `noise_optimism` asks for
NEAR = 2.0  # points by which a prediction may be off


def paired_interval(fn: object) -> Verdict:
    """`fn(mine, other)`: the paired difference with its interval over product lines.

    Two arrays (lines, seeds) of AUROC in % to (difference, low, high), three numbers: the mean over
    lines of the mean difference over seeds, with a 95 % t-interval.
    """
    generator = np.random.default_rng(7)
    return Task(
        exercise("paired_interval"),
        cases=[_two_tables(generator, *shape) for shape in ((10, 5), (6, 3), (15, 4))],
        solution=_from_the_report,
        trouble=_triple_trouble,
        mistakes={
            "unpaired": (
                lambda a, b: _unpaired(a.mean(axis=1), b.mean(axis=1)),
                lambda a, b: _unpaired(a.ravel(), b.ravel()),
            ),
            "sorted_first": (
                lambda a, b: _interval(np.sort(a.mean(1)) - np.sort(b.mean(1))),
                lambda a, b: _interval((np.sort(a, axis=0) - np.sort(b, axis=0)).mean(1)),
            ),
            "all_runs": lambda a, b: _interval((a - b).ravel()),
            "over_seeds": lambda a, b: _interval((a - b).mean(axis=0)),
            "wrong_sign": lambda a, b: _interval((b - a).mean(axis=1)),
            "population": lambda a, b: _interval((a - b).mean(axis=1), ddof=0),
            "normal_quantile": (
                lambda a, b: _interval((a - b).mean(axis=1), quantile=lambda n: 1.96),
                lambda a, b: _interval((a - b).mean(axis=1), quantile=lambda n: 2.0),
            ),
            "other_quantile": (
                lambda a, b: _interval((a - b).mean(1), quantile=lambda n: _t(0.95, n - 1)),
                lambda a, b: _interval((a - b).mean(1), quantile=lambda n: _t(0.975, n)),
            ),
            "single_lines": lambda a, b: _interval((a - b).mean(axis=1), root=False),
            "standard_error": lambda a, b: _interval((a - b).mean(axis=1), quantile=lambda n: 1.0),
        },
    ).judge(fn)


def evaluate_run(fn: object) -> Verdict:
    """`fn(scores, labels)`: fix an evaluation with two leaks.

    Scores (seeds, steps, n) of the n test pictures after every step of a training with each seed,
    and labels (n,), to one AUROC in [0, 1]: the mean over seeds of that after the last step.
    """
    generator = np.random.default_rng(8)
    return Task(
        exercise("evaluate_run"),
        cases=[_runs(generator, *shape) for shape in ((3, 5, 6, 8), (4, 6, 9, 5), (2, 7, 7, 7))],
        solution=lambda s, y: float(_aurocs(s, y)[:, -1].mean()),
        mistakes={
            "both_leaks": lambda s, y: _aurocs(s, y).max(),
            "chosen_step": lambda s, y: _aurocs(s, y).max(axis=1).mean(),
            "chosen_seed": lambda s, y: _aurocs(s, y)[:, -1].max(),
            "one_step_for_all": lambda s, y: _aurocs(s, y).mean(axis=0).max(),
            "mean_over_steps": (
                lambda s, y: _aurocs(s, y).mean(),
                lambda s, y: _aurocs(s, y).mean(axis=1).max(),
            ),
            "first_step": lambda s, y: _aurocs(s, y)[:, 0].mean(),
            "worst": (
                lambda s, y: _aurocs(s, y).min(),
                lambda s, y: _aurocs(s, y).min(axis=1).mean(),
                lambda s, y: _aurocs(s, y)[:, -1].min(),
            ),
            "one_seed": (lambda s, y: _aurocs(s, y)[0, -1], lambda s, y: _aurocs(s, y)[-1, -1]),
            "averaged_scores": lambda s, y: image_auroc(y, s[:, -1].mean(axis=0)),
        },
    ).judge(fn)


def noise_optimism(
    answer: object,
    detectors: Sequence[int] = DETECTORS,
    good: int = GOOD,
    anomalous: int = ANOMALOUS,
) -> Verdict:
    """`answer`: the best AUROC of 1, 10 and 100 noise detectors, predicted within 2 points.

    One number in % for each entry of `detectors`, on `good` and `anomalous` pictures.
    """
    right = [100 * expected_best(n, good, anomalous) for n in detectors]
    if answer is None or answer is ...:
        return not_yet(f"your answer is {kind_of(answer)}", "write a list, as [60, 70, 80].")
    found = as_array(answer) if isinstance(answer, list | tuple | np.ndarray) else None
    if found is None or found.shape != (len(right),) or not np.isfinite(found).all():
        return not_yet(
            f"expected a list of {len(right)} numbers, got {kind_of(answer)}",
            f"one AUROC in % for each of {', '.join(map(str, detectors))} detectors.",
        )
    for n, mine, true in zip(detectors, found, right, strict=True):
        if abs(mine - true) > NEAR:
            return not_yet(f"not within {NEAR:.0f} points for {n}", _noise_hint(found, right, good))
    return Verdict(
        True,
        f"within {NEAR:.0f} points of {', '.join(f'{value:.0f}' for value in right)} % for "
        f"{', '.join(map(str, detectors))} detectors that know nothing.",
    )


def _noise_hint(found: Float[np.ndarray, " n"], right: list[float], good: int) -> str:
    if (found <= 1).all():
        return "these are shares: give the AUROC in %."
    if np.allclose(found, 50, atol=NEAR):
        return "50 is the mean of one detector; the best of many is above the mean."
    if np.allclose(found, np.array(right) - 50, atol=NEAR):
        return "this is what is added to chance: add the 50 of a coin."
    if (found > 100).any() or (found < 0).any():
        return "an AUROC in % lies between 0 and 100."
    if abs(found[0] - right[0]) > NEAR:
        return "a single detector that knows nothing is right about every second pair."
    if (np.diff(found) < 0).any():
        return "with more detectors to choose from the best one cannot get worse."
    if found[-1] > right[-1]:
        return (
            "too much: the AUROC of noise on so many pictures has a standard deviation of about 8 "
            "points here, and the best of many lies a few of them above 50."
            if good == GOOD
            else "too much: so many pictures hold the AUROC of noise nearer to 50."
        )
    return "too little: draw some, generator.random((n, pictures)), and take the best AUROC."


# --- a paired interval ----------------------------------------------------------------------------


def _two_tables(generator: np.random.Generator, lines: int, seeds: int) -> tuple[Scores, Scores]:
    """AUROC of two methods: lines differ much, methods little and not equally on all lines."""
    difficulty = generator.uniform(60, 90, (lines, 1))
    effect = generator.normal(1.5, 1.5, (lines, 1))
    noise = generator.normal(0, 1.0, (2, lines, seeds))
    return difficulty + effect + noise[0], difficulty + noise[1]


def _from_the_report(mine: Scores, other: Scores) -> Triple:
    """The package's own answer, by way of a table as `results/told/ladder.csv` is one."""
    rows = [
        {"method": name, "product_line": i, "shots": 1, "seed": j, "image_auroc": value}
        for name, table in (("mine", mine), ("other", other))
        for (i, j), value in np.ndenumerate(table)
    ]
    found = paired_differences(pd.DataFrame(rows), [("mine", "other")]).iloc[0]
    return found["difference"], found["low"], found["high"]


def _t(share: float, degrees: int) -> float:
    return float(stats.t.ppf(share, degrees))


def _interval(
    d: Float[np.ndarray, " n"],
    ddof: int = 1,
    quantile: Callable[[int], float] = lambda n: _t(0.975, n - 1),
    root: bool = True,
) -> Triple:
    n = len(d)
    half = quantile(n) * d.std(ddof=ddof) / (np.sqrt(n) if root else 1)
    return float(d.mean()), float(d.mean() - half), float(d.mean() + half)


def _unpaired(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> Triple:
    found = stats.ttest_ind(a, b).confidence_interval(0.95)
    return float(a.mean() - b.mean()), float(found.low), float(found.high)


def _triple_trouble(got: Any, expected: Triple) -> str | None:
    array = as_array(got)
    if array is None or array.shape != (3,):
        return f"the result is {kind_of(got)}, expected three numbers (difference, low, high)"
    for name, mine, true in zip(("difference", "low", "high"), array, expected, strict=True):
        if trouble := number_trouble(float(mine), float(true)):
            return f"{name}: {trouble}"
    return None


# --- two leaks ------------------------------------------------------------------------------------


def _runs(
    generator: np.random.Generator, seeds: int, steps: int, good: int, anomalous: int
) -> tuple[Float[np.ndarray, "seeds steps n"], Int[np.ndarray, " n"]]:
    labels = generator.permutation(np.repeat([0, 1], [good, anomalous]))
    return generator.random((seeds, steps, len(labels))) + 0.3 * labels, labels


def _aurocs(
    scores: Float[np.ndarray, "seeds steps n"], labels: Int[np.ndarray, " n"]
) -> Float[np.ndarray, "seeds steps"]:
    """Of every seed and step at once: the share of pairs in which the anomalous score is higher."""
    good, bad = scores[..., labels == 0], scores[..., labels == 1]
    over = bad[..., :, None] - good[..., None, :]
    return ((over > 0) + 0.5 * (over == 0)).mean(axis=(-2, -1))
