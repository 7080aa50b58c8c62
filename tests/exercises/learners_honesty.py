"""What learners hand in for the exercises of notebook 07: right answers and typical wrong ones."""

from __future__ import annotations

import math
import statistics

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score


def paired_interval(mine, other):
    per_line = [statistics.fmean(row) for row in mine - other]
    middle, n = statistics.fmean(per_line), len(per_line)
    half = stats.t(n - 1).ppf(0.975) * statistics.stdev(per_line) / math.sqrt(n)
    return middle, middle - half, middle + half


def evaluate_run(scores, labels):
    return statistics.fmean(roc_auc_score(labels, run[-1]) for run in scores)


SOLUTIONS = {"paired_interval": paired_interval, "evaluate_run": evaluate_run}


def _symmetric(d, quantile=None, ddof=1, n=None):
    quantile = stats.t.ppf(0.975, len(d) - 1) if quantile is None else quantile
    half = quantile * np.std(d, ddof=ddof) / np.sqrt(len(d) if n is None else n)
    return np.array([np.mean(d), np.mean(d) - half, np.mean(d) + half])


def _two_groups(a, b):
    """The textbook's interval for two unrelated groups of equal size."""
    n = len(a)
    pooled = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / n)
    half = stats.t.ppf(0.975, 2 * n - 2) * pooled
    return a.mean() - b.mean(), a.mean() - b.mean() - half, a.mean() - b.mean() + half


def _each(scores, labels):
    return np.array([[roc_auc_score(labels, step) for step in run] for run in scores])


def given_evaluate_run(scores, labels):
    """The function of the notebook, as it is given."""
    return _each(scores, labels).max(axis=1).max()


# check -> a phrase of the hint that the mistake must get -> ways to make it
WRONG = {
    "paired_interval": {
        "two unrelated groups": [
            lambda a, b: _two_groups(a.mean(axis=1), b.mean(axis=1)),
            lambda a, b: _two_groups(a.flatten(), b.flatten()),
        ],
        "were sorted": [
            lambda a, b: _symmetric(np.array(sorted(a.mean(1))) - np.array(sorted(b.mean(1)))),
        ],
        "over all runs": [lambda a, b: _symmetric((a - b).flatten())],
        "interval is over seeds": [lambda a, b: _symmetric((a - b).mean(axis=0))],
        "inverted": [lambda a, b: paired_interval(b, a)],
        "ddof=1": [lambda a, b: _symmetric((a - b).mean(axis=1), ddof=0)],
        "1.96": [
            lambda a, b: _symmetric((a - b).mean(axis=1), stats.norm.ppf(0.975)),
            lambda a, b: _symmetric((a - b).mean(axis=1), 2),
        ],
        "not that of a two-sided": [
            lambda a, b: _symmetric((a - b).mean(axis=1), stats.t.ppf(0.95, len(a) - 1)),
            lambda a, b: _symmetric((a - b).mean(axis=1), stats.t.ppf(0.975, len(a))),
        ],
        "varies less": [lambda a, b: _symmetric((a - b).mean(axis=1), n=1)],
        "standard error alone": [lambda a, b: _symmetric((a - b).mean(axis=1), 1)],
    },
    "evaluate_run": {
        "both leaks": [given_evaluate_run],
        "the step is still chosen": [lambda *run: _each(*run).max(axis=1).mean()],
        "the seed is still chosen": [lambda *run: max(_each(*run)[:, -1])],
        "one step for all seeds": [lambda *run: max(_each(*run).mean(axis=0))],
        "the mean over the steps": [
            lambda *run: np.mean(_each(*run)),
            lambda *run: max(_each(*run).mean(axis=1)),
        ],
        "the first step": [lambda *run: np.mean(_each(*run)[:, 0])],
        "a modest one": [
            lambda *run: np.min(_each(*run)),
            lambda *run: min(_each(*run)[:, -1]),
        ],
        "one seed alone": [
            lambda *run: _each(*run)[0, -1],
            lambda *run: _each(*run)[-1, -1],
        ],
        "one detector out of all runs": [
            lambda scores, labels: roc_auc_score(labels, scores[:, -1].sum(axis=0)),
        ],
    },
}
