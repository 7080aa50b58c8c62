"""Labels and scores as the metrics need them: numpy arrays of one shape, checked.

The shapes in the metrics' signatures are checked under pytest only. Here the same mistakes get a
sentence that says what was expected and what was found.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped

Labels = Shaped[np.ndarray | torch.Tensor, "n"]
Scores = Float[np.ndarray | torch.Tensor, "n"]
Masks = Shaped[np.ndarray | torch.Tensor, "n h w"]
Maps = Float[np.ndarray | torch.Tensor, "n h w"]


def two_classes(
    labels: Labels | Masks, scores: Scores | Maps, label_name: str, score_name: str, ndim: int
) -> tuple[Bool[np.ndarray, ...], Float[np.ndarray, ...]]:
    """`checked`, and both classes are there; raises `ValueError` naming the only one if not."""
    classes, values = checked(labels, scores, label_name, score_name, ndim)
    if classes.all() or not classes.any():
        only = "anomalous (1)" if classes.all() else "good (0)"
        raise ValueError(
            f"expected both classes in {label_name}, found only {only}: the figure is undefined; "
            "add samples of the other class"
        )
    return classes, values


def checked(
    labels: Labels | Masks, scores: Scores | Maps, label_name: str, score_name: str, ndim: int
) -> tuple[Bool[np.ndarray, ...], Float[np.ndarray, ...]]:
    """Labels as booleans and scores as floats, both numpy arrays of one shape.

    `ndim` is 1 for images, shape (n,), or 3 for pixels, shape (n, h, w). Raises `ValueError`, with
    the two names, for shapes that differ, empty input, labels other than 0 and 1, and scores that
    are not finite.
    """
    classes, values = _to_numpy(labels), _to_numpy(scores)
    if classes.ndim != ndim or classes.shape != values.shape:
        shape = "(n,)" if ndim == 1 else "(n, h, w)"
        raise ValueError(
            f"{label_name} and {score_name} must have one shape {shape}, got {classes.shape} and "
            f"{values.shape}"
        )
    if not classes.size:
        raise ValueError(
            f"{label_name} and {score_name} are empty: pass at least one of each class"
        )
    if classes.dtype != bool:
        if not np.isin(classes, (0, 1)).all():
            raise ValueError(
                f"{label_name} must be 0 (good) or 1 (anomalous), got {_others(classes)}"
            )
        classes = classes.astype(bool)
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    wrong = int(np.count_nonzero(~np.isfinite(values)))
    if wrong:
        raise ValueError(
            f"{score_name} must be finite, found {wrong} NaN or infinite of {values.size}: "
            "look for a division by zero or a half-precision overflow before this call"
        )
    return classes, values


def _others(classes: np.ndarray) -> str:
    return str(next(v for v in classes.ravel().tolist() if v not in (0, 1)))


def _to_numpy(array: np.ndarray | torch.Tensor) -> np.ndarray:
    if isinstance(array, torch.Tensor):
        array = array.detach().cpu()
        # numpy has no bfloat16; float32 holds every one of its values.
        return (array.float() if array.dtype == torch.bfloat16 else array).numpy()
    return np.asarray(array)
