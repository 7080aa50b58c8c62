"""Where pictures lie between the two prototypes: the plane of w_n and w_a, and the scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from promptad_tutorial.figures.illustration import Illustration, blank_axes, illustrate
from promptad_tutorial.figures.inputs import ArrayLike, as_numbers
from promptad_tutorial.figures.palette import (
    FONT_SIZE,
    SHADES,
    class_histogram,
    legend_above,
    mark_classes,
)
from promptad_tutorial.figures.wording import counted, percent, rounded
from promptad_tutorial.scoring.metrics import image_auroc, two_classes

_NORMAL, _ANOMALY, _SHOT, _NEGATIVE = SHADES
_BINS = 40  # of the score axis, which is always 0 .. 1 so that settings can be compared
_SMALLEST = 1e-6  # distance of the prototypes below which they have no plane


@dataclass(frozen=True)
class Plane:
    """The plane through w_n, w_a and the centre of the sphere, with two axes of length 1.

    x points from w_n to w_a and y to the middle between them:
    x = (w_a - w_n) / |w_a - w_n|, y = (w_a + w_n) / |w_a + w_n|; for unit vectors x . y = 0.
    """

    x: Float[np.ndarray, " d"]
    y: Float[np.ndarray, " d"]
    distance: float  # |w_a - w_n|, in (0, 2)
    cosine: float  # <w_n, w_a>

    @classmethod
    def through(cls, normal: ArrayLike, anomalous: ArrayLike) -> Plane:
        """Raises ValueError for vectors that have not length 1, are equal, or are opposite."""
        w_n, w_a = as_numbers(normal, "w_n"), as_numbers(anomalous, "w_a")
        lengths = [float(np.linalg.norm(w)) for w in (w_n, w_a)]
        if not np.allclose(lengths, 1, atol=1e-3):
            raise ValueError(f"expected prototypes of length 1, found {lengths}: normalise them")
        apart, middle = w_a - w_n, w_a + w_n
        sizes = float(np.linalg.norm(apart)), float(np.linalg.norm(middle))
        if min(sizes) < _SMALLEST:
            kind = "equal" if sizes[0] < _SMALLEST else "opposite"
            raise ValueError(f"expected two prototypes that span a plane, found {kind} ones")
        return cls(apart / sizes[0], middle / sizes[1], sizes[0], float(w_n @ w_a))

    def place(self, points: ArrayLike) -> Float[np.ndarray, "n 2"]:
        """The coordinates (x, y) of n points in the plane; what sticks out of it is dropped."""
        return as_numbers(points, "points", ndim=2) @ np.stack([self.x, self.y], axis=1)

    def edge(self, margin: float) -> float:
        """The x beyond which the hinge acts: 2 <z, w_a - w_n> + margin = 0."""
        return -margin / (2 * self.distance)


def prototype_plane(
    normal: ArrayLike,
    anomalous: ArrayLike,
    shots: ArrayLike,
    negatives: ArrayLike,
    margin: float = 0.0,
    caption: str = "",
) -> Illustration:
    """The plane of w_n (d,) and w_a (d,), with shots (k, d) and negatives (j, d), all unit norm.

    The hinge acts right of the line for `margin`. Raises ValueError for what has no plane.
    """
    plane = Plane.through(normal, anomalous)
    figure, axes = blank_axes(7.0, 3.6)
    x, y = plane.place(negatives).T
    _draw_plane(axes, plane, margin, min(y.min(), plane.place(shots)[:, 1].min()))
    axes.plot(x, y, "^", color=_NEGATIVE, markersize=5, alpha=0.7, label="negatives $g_j$")
    _draw_shots(axes, plane, shots)
    figure.legend(loc="outside right upper", fontsize=FONT_SIZE, frameon=False)
    told = f"{counted(len(x), 'negative')} at x from {rounded(x.min())} to {rounded(x.max())}"
    share = float(np.square(plane.place(shots)).sum(axis=1).mean())
    held = f"The plane holds {percent(share)} of a shot's squared length"
    return illustrate(figure, caption, *_describe_plane(plane, shots, margin), told, held)


def plane_and_scores(
    normal: ArrayLike,
    anomalous: ArrayLike,
    shots: ArrayLike,
    test: ArrayLike,
    labels: ArrayLike,
    scores: ArrayLike,
    margin: float = 0.0,
    caption: str = "",
) -> Illustration:
    """Left the plane of w_n and w_a with shots and test pictures, right the image scores.

    `test` (n, d) unit norm, `labels` (n,) 0 good, 1 anomalous, `scores` (n,) in [0, 1]. Raises
    ValueError for what has no plane, and if only one class is present.
    """
    plane = Plane.through(normal, anomalous)
    bad, values = two_classes(
        np.asarray(labels), as_numbers(scores, "scores"), "labels", "scores", ndim=1
    )
    figure, (left, right) = blank_axes(7.4, 3.4, 1, 2)
    places = plane.place(test)
    _draw_plane(left, plane, margin, min(places[:, 1].min(), plane.place(shots)[:, 1].min()))
    mark_classes(left, *places.T, bad, markersize=4, alpha=0.7)
    _draw_shots(left, plane, shots)
    class_histogram(right, values, bad, np.linspace(0, 1, _BINS + 1))
    legend_above(figure, 4, *left.get_legend_handles_labels())
    medians = [rounded(float(np.median(values[chosen]))) for chosen in (~bad, bad)]
    told = (
        f"Median score of {counted(int((~bad).sum()), 'good picture')} {medians[0]}, of "
        f"{int(bad.sum())} anomalous ones {medians[1]}; AUROC {rounded(image_auroc(bad, values))}"
    )
    return illustrate(figure, caption, *_describe_plane(plane, shots, margin), told)


def _draw_plane(axes: Axes, plane: Plane, margin: float, lowest: float) -> None:
    """The circle of the sphere in the plane, the prototypes, and where the hinge acts.

    `lowest` is the smallest y that must be seen.
    """
    angle = np.linspace(0, 2 * np.pi, 200)
    axes.plot(np.cos(angle), np.sin(angle), color="grey", linewidth=1)
    edge = max(plane.edge(margin), -1.1)
    axes.axvspan(edge, 1.1, color="grey", alpha=0.15, label="hinge acts")
    axes.axvline(edge, color="black", linestyle="--", linewidth=1)
    style = {"markersize": 10, "markeredgecolor": "black", "linestyle": "none"}
    half, height = plane.distance / 2, np.sqrt(max(0.0, 1 - plane.distance**2 / 4))
    axes.plot(-half, height, "s", color=_NORMAL, label="$w_n$", **style)
    axes.plot(half, height, "D", color=_ANOMALY, label="$w_a$", **style)
    axes.set(xlabel="x, from $w_n$ to $w_a$", ylabel="y, to their middle")
    axes.set(xlim=(-1.1, 1.1), ylim=(min(lowest, -0.25) - 0.1, 1.15))
    axes.set_aspect("equal", adjustable="box")


def _draw_shots(axes: Axes, plane: Plane, shots: ArrayLike) -> None:
    x, y = plane.place(shots).T
    style = {"color": _SHOT, "markeredgecolor": "black", "markersize": 8}
    axes.plot(x, y, "P", label="shots", zorder=4, **style)


def _describe_plane(plane: Plane, shots: ArrayLike, margin: float) -> tuple[str, ...]:
    x = plane.place(shots)[:, 0]
    edge = plane.edge(margin)
    where = f"right of x = {rounded(edge)}" if edge > -1 else "everywhere on the sphere"
    return (
        f"The cosine of w_n and w_a is {rounded(plane.cosine)}",
        f"{counted(len(x), 'shot')} at x from {rounded(x.min())} to {rounded(x.max())}",
        f"With margin {margin:g} the hinge acts {where}: on {int((x > edge).sum())} of the shots",
    )
