"""Looking often, as pictures: AUROC after every step, and the best of many noise detectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.ticker import MaxNLocator

from promptad_tutorial.figures.illustration import Illustration, blank_axes, illustrate
from promptad_tutorial.figures.palette import legend_above, line_styles
from promptad_tutorial.figures.wording import counted, listed, rounded


def watched_steps(
    runs: Mapping[str, Sequence[float]], axis: str = "image AUROC (%)", caption: str = ""
) -> Illustration:
    """A value after every step of several runs; a star at the highest, a square at the last.

    The first value is that after step 1. Raises ValueError for no run, or an empty one.
    """
    if not runs or not all(len(values) for values in runs.values()):
        raise ValueError(f"expected runs with at least one step, found {dict(runs)}")
    figure, axes = blank_axes(7.0, 3.2)
    told = []
    for (name, values), style in zip(runs.items(), line_styles(), strict=False):
        best = int(np.argmax(np.round(values, 4)))
        axes.plot(np.arange(1, len(values) + 1), values, label=name, **style)
        axes.plot(best + 1, values[best], "*", color=style["color"], markersize=14)
        axes.plot(len(values), values[-1], "s", color=style["color"], markersize=7)
        told.append(f"{name} best {rounded(values[best], 0)}, last {rounded(values[-1], 0)}")
    axes.set(xlabel="step", ylabel=axis)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    legend_above(figure, 4)
    signs = "A star marks the best step, a square the last"
    what = f"{axis} after every step of {counted(len(runs), 'run')}"
    return illustrate(figure, caption, what, "; ".join(told), signs, short=(caption, what, signs))


def optimism_curves(
    looks: Sequence[int],
    expected: Mapping[str, Sequence[float]],
    simulated: Mapping[str, Sequence[float]],
    caption: str = "",
) -> Illustration:
    """The best AUROC (%) of many noise detectors against their number: lines and simulated dots.

    `expected` and `simulated` have one value for each entry of `looks`, for the same names.
    Raises ValueError if they do not.
    """
    lengths = {len(v) for v in (*expected.values(), *simulated.values())}
    if list(expected) != list(simulated) or lengths != {len(looks)}:
        raise ValueError(
            f"expected {len(looks)} values for the same names, found {list(expected)} and "
            f"{list(simulated)} with lengths {sorted(lengths)}"
        )
    figure, axes = blank_axes(6.6, 3.2)
    for name, style, marker in zip(expected, line_styles(), cycle("o^sD"), strict=False):
        axes.plot(looks, expected[name], label=name, **style)
        axes.plot(looks, simulated[name], marker, color=style["color"], markersize=6)
    axes.axhline(50, color="black", linewidth=1)
    axes.set(xscale="log", xlabel="noise detectors to choose from", ylabel="best AUROC (%)")
    axes.set_xticks(list(looks), [str(n) for n in looks])
    axes.minorticks_off()
    legend_above(figure, 3)
    told = listed([f"{name} {rounded(values[-1], 0)}" for name, values in simulated.items()])
    best = f"The best of {looks[-1]} detectors that know nothing: {told}"
    how = "Lines are the formula, marks the simulation; 50 is chance"
    return illustrate(figure, caption, best, how)
