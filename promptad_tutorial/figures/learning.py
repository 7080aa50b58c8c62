"""What learning does: loss and AUROC step by step, and where features lie, in two dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import MaxNLocator
from sklearn.decomposition import PCA

from promptad_tutorial.figures.illustration import Illustration, blank_axes, illustrate
from promptad_tutorial.figures.palette import (
    FONT_SIZE,
    SHADES,
    legend_above,
    line_styles,
    mark_classes,
)
from promptad_tutorial.figures.wording import counted, percent, rounded


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
    figure, (left, right) = blank_axes(7.4, 3.0, 1, 2)
    for run, style in zip(losses, line_styles(), strict=False):
        left.plot(range(len(losses[run])), losses[run], label=run, **style)
        right.plot(*zip(*measured[run], strict=True), **style)
    left.set(xlabel="step", ylabel="loss", ylim=(0, None))
    level = f"{reference_name}: {rounded(reference, 0)}"
    right.axhline(reference, color="black", linewidth=1, label=level)
    right.set(xlabel="step", ylabel=measure)
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    legend_above(figure, 5)
    first, last = (np.mean([run[i] for run in losses.values()]) for i in (0, -1))
    begin, end = (np.mean([run[i][1] for run in measured.values()]) for i in (0, -1))
    return illustrate(
        figure,
        caption,
        f"Mean of {counted(len(losses), 'run')}: the loss goes from {rounded(first, 1)} to "
        f"{rounded(last, 1)}, {measure} from {rounded(begin, 0)} to {rounded(end, 0)}",
        f"The line across is {level}",
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
    pictures = np.concatenate([good, anomalous])
    axes_of_all = PCA(n_components=2, random_state=0)
    axes_of_all.fit(np.concatenate([pictures, *prompts.values()]))
    figure, axes = blank_axes(7.0, 4.2)
    bad = np.arange(len(pictures)) >= len(good)
    mark_classes(axes, *axes_of_all.transform(pictures).T, bad, markersize=5, alpha=0.7)
    markers = cycle(("s", "^", "D", "v", "P", "*"))
    for (name, found), marker, shade in zip(prompts.items(), markers, cycle(SHADES), strict=False):
        style = {"color": shade, "markeredgecolor": "black", "markersize": 9}
        x, y = axes_of_all.transform(found).T
        axes.plot(x, y, marker, label=name, linestyle="none", **style)
    axes.set(xlabel="first principal axis", ylabel="second principal axis")
    axes.set_aspect("equal", adjustable="datalim")
    figure.legend(loc="outside right upper", fontsize=FONT_SIZE, frameon=False)
    told = [counted(len(found), "prompt") + f" of '{name}'" for name, found in prompts.items()]
    share = float(axes_of_all.explained_variance_ratio_.sum())
    return illustrate(
        figure,
        caption,
        f"{counted(len(good), 'good picture')}, {len(anomalous)} anomalous ones and "
        f"{', '.join(told)}",
        f"The two axes hold {percent(share)} of all the spread",
    )
