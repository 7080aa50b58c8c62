"""What learning does: loss and AUROC step by step, and where features lie, in two dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import MaxNLocator
from sklearn.decomposition import PCA

from promptad_tutorial.figures.illustration import FONT_SIZE, Illustration, blank_figure
from promptad_tutorial.figures.palette import (
    ANOMALOUS_MARK_COLOUR,
    ANOMALOUS_MARKER,
    GOOD_COLOUR,
    GOOD_MARKER,
)
from promptad_tutorial.figures.wording import counted, percent, rounded, sentences

_DASHES = ("-", "--", ":", "-.")
_SHADES = ("#0173b2", "#d55e00", "#029e73", "#a23b80")  # each has a dash of its own, too


def training_curves(
    losses: Mapping[str, Sequence[float]],
    measured: Mapping[str, Sequence[tuple[int, float]]],
    reference: float,
    reference_name: str = "zero-shot",
    measure: str = "image AUROC (%)",
    caption: str = "",
) -> Illustration:
    """Left the loss of several runs, right what a detector made of them is worth.

    `losses`: for each run its loss before each step. `measured`: for each run (steps done, value).
    `reference` is drawn as a level on the right. Raises ValueError for no runs, or for other runs
    on the left than on the right.
    """
    if not losses or list(losses) != list(measured):
        raise ValueError(
            f"expected the same runs on both sides, found {list(losses)} and {list(measured)}"
        )
    figure = blank_figure(7.4, 3.0)
    left, right = figure.subplots(1, 2)
    for run, dash, shade in zip(losses, cycle(_DASHES), cycle(_SHADES), strict=False):
        left.plot(range(len(losses[run])), losses[run], dash, color=shade, label=run)
        steps, values = zip(*measured[run], strict=True)
        right.plot(steps, values, dash, color=shade)
    left.set(xlabel="step", ylabel="loss", ylim=(0, None))
    level = f"{reference_name}: {rounded(reference, 0)}"
    right.axhline(reference, color="black", linewidth=1, label=level)
    right.set(xlabel="step", ylabel=measure)
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    figure.legend(loc="outside upper center", ncols=5, fontsize=FONT_SIZE, frameon=False)
    first, last = (np.mean([run[i] for run in losses.values()]) for i in (0, -1))
    begin, end = (np.mean([run[i][1] for run in measured.values()]) for i in (0, -1))
    return Illustration(
        figure,
        sentences(
            caption,
            f"Mean of {counted(len(losses), 'run')}: the loss goes from {rounded(first, 1)} to "
            f"{rounded(last, 1)}, {measure} from {rounded(begin, 0)} to {rounded(end, 0)}",
            f"The line across is {level}",
        ),
    )


def projection(
    good: Float[np.ndarray, "n d"],
    anomalous: Float[np.ndarray, "m d"],
    prompts: Mapping[str, Float[np.ndarray, "_ d"]],
    caption: str = "",
) -> Illustration:
    """Features of pictures and of named groups of prompts on their first two principal axes.

    The axes are those of everything together. For looking only: what two axes do not show is not
    there to be seen, and near on paper is not near.
    """
    points = [good, anomalous, *prompts.values()]
    axes_of_all = PCA(n_components=2, random_state=0).fit(np.concatenate(points))
    shares = axes_of_all.explained_variance_ratio_
    figure = blank_figure(7.0, 4.2)
    axes = figure.subplots()
    styles = {
        "good pictures": (GOOD_MARKER, GOOD_COLOUR),
        "anomalous pictures": (ANOMALOUS_MARKER, ANOMALOUS_MARK_COLOUR),
    }
    for (name, (marker, colour)), found in zip(styles.items(), points, strict=False):
        x, y = axes_of_all.transform(found).T
        axes.plot(x, y, marker, color=colour, markersize=5, alpha=0.7, label=name)
    markers = cycle(("s", "^", "D", "v", "P", "*"))
    for (name, found), marker, shade in zip(prompts.items(), markers, cycle(_SHADES), strict=False):
        x, y = axes_of_all.transform(found).T
        style = {"color": shade, "markeredgecolor": "black", "markersize": 9}
        axes.plot(x, y, marker, label=name, linestyle="none", **style)
    axes.set(xlabel="first principal axis", ylabel="second principal axis")
    axes.set_aspect("equal", adjustable="datalim")
    figure.legend(loc="outside right upper", fontsize=FONT_SIZE, frameon=False)
    told = [counted(len(found), "prompt") + f" of '{name}'" for name, found in prompts.items()]
    return Illustration(
        figure,
        sentences(
            caption,
            f"{counted(len(good), 'good picture')}, {len(anomalous)} anomalous ones and "
            f"{', '.join(told)}",
            f"The two axes hold {percent(float(shares.sum()))} of all the spread",
        ),
    )
