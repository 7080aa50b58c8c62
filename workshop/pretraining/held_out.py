"""TinyCLIP measured on renders that training never saw: names, and zero-shot anomalies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from sklearn.metrics import roc_auc_score
from torch import Tensor

from promptad_tutorial.clip.loading import Backbone
from promptad_tutorial.files.provenance import versions
from promptad_tutorial.prompts.words import ensemble
from promptad_tutorial.scoring import prototype, text_score
from workshop.minifactory.captions import HELD_OUT_DEFECTS
from workshop.pretraining.render_set import RenderSet

CHUNK = 64  # pictures whose features are held at once


def image_embeddings(backbone: Backbone, data: RenderSet) -> Float[Tensor, "n d"]:
    """The image embedding of every picture of a render set.

    In chunks: patches and memory tokens of all pictures together would take gigabytes.
    """
    chunks = (data.images[start : start + CHUNK] for start in range(0, len(data.images), CHUNK))
    parts = [backbone.encode_images(one, blocks=(), attention="plain").cls for one in chunks]
    return torch.cat(parts)


def retrieval(
    backbone: Backbone, cls: Float[Tensor, "n d"], labels: np.ndarray, names: list[str]
) -> Float[np.ndarray, " n"]:
    """1 where "a photo of a <name>" nearest to the picture is the right one of all names."""
    texts = backbone.encode_text([f"a photo of a {name}" for name in names])
    return ((cls @ texts.T).argmax(dim=1).cpu().numpy() == labels).astype(np.float64)


def zero_shot_scores(
    backbone: Backbone, cls: Float[Tensor, "n d"], data: RenderSet
) -> Float[np.ndarray, " n"]:
    """WinCLIP's ensemble, with each picture's own kind as the product's name."""
    scores = np.zeros(len(cls))
    for number, kind in enumerate(data.kinds):
        here = np.flatnonzero(data.labels[:, 0] == number)
        if not len(here):
            continue
        prompts = ensemble(kind)
        # In double precision, as the detector does it: in single, all scores near 1 would be a tie.
        sides = [
            prototype(backbone.encode_text(list(side))).cpu().double()
            for side in (prompts.normal, prompts.anomalous)
        ]
        scores[here] = text_score(cls[here].cpu().double(), *sides, backbone.temperature).numpy()
    return scores


def anomaly_table(data: RenderSet, scores: np.ndarray, by: str) -> pd.DataFrame:
    """Image AUROC in % of good pictures against seen and against held-out defects.

    `by` is "kind" (all defects together; NaN where there are none) or "defect" (mean over the kinds
    that have it). Kinds without good pictures are left out.

    Raises ValueError for another `by`.
    """
    if by not in ("kind", "defect"):
        raise ValueError(f"by must be 'kind' or 'defect', got {by!r}")
    held_out = [code for code, name in enumerate(data.defects) if name in HELD_OUT_DEFECTS]
    unseen = np.isin(data.labels[:, 2], held_out)
    by_kind, by_defect = [], []
    for number, kind in enumerate(data.kinds):
        here = data.labels[:, 0] == number
        bad = here & (data.labels[:, 2] >= 0)
        good = scores[here & ~bad]
        if not len(good):
            continue
        seen_or_not = auroc(good, scores[bad & ~unseen]), auroc(good, scores[bad & unseen])
        by_kind.append((kind, *seen_or_not, int(here.sum())))
        for code in np.unique(data.labels[bad, 2]):
            one = scores[bad & (data.labels[:, 2] == code)]
            name = data.defects[code]
            by_defect.append((name, name in HELD_OUT_DEFECTS, auroc(good, one), len(one)))
    if by == "kind":
        return pd.DataFrame(
            by_kind, columns=["kind", "seen_defects", "held_out_defects", "pictures"]
        )
    table = pd.DataFrame(by_defect, columns=["defect", "held_out", "auroc", "pictures"])
    return table.groupby(["defect", "held_out"], as_index=False).agg(
        auroc=("auroc", "mean"), pictures=("pictures", "sum")
    )


def auroc(good: np.ndarray, bad: np.ndarray) -> float:
    """Image AUROC in %; NaN if there is no good or no bad picture."""
    if not len(good) or not len(bad):
        return float("nan")
    labels = np.r_[np.zeros(len(good)), np.ones(len(bad))]
    return 100 * float(roc_auc_score(labels, np.r_[good, bad]))


@torch.no_grad()
def held_out_figures(backbone: Backbone, data: RenderSet) -> dict[str, object]:
    """All figures of the model card, in %: tables by kind and by defect, and means over kinds.

    Pictures without a kind (found surfaces) do not count.
    """
    cls = image_embeddings(backbone, data)
    kind = data.labels[:, 0].astype(int)
    named = pd.Series(retrieval(backbone, cls, kind, data.kinds))[kind >= 0]
    scores = zero_shot_scores(backbone, cls, data)
    by_kind = anomaly_table(data, scores, "kind")
    top1 = 100 * named.groupby(np.array(data.kinds)[kind[kind >= 0]]).mean()
    by_kind.insert(1, "name_top1", by_kind["kind"].map(top1))
    return {
        "by_kind": by_kind,
        "by_defect": anomaly_table(data, scores, "defect"),
        "name_top1": 100 * float(named.mean()),
        "seen_defects": float(by_kind["seen_defects"].mean()),
        "held_out_defects": float(by_kind["held_out_defects"].mean()),
    }


def save_figures(
    figures: dict[str, object], folder: Path, backbone: Backbone, command: str
) -> Path:
    """Write by_kind.csv, by_defect.csv and summary.json, which says what was measured and how.

    Returns the path of the summary.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("by_kind", "by_defect"):
        figures[name].to_csv(folder / f"{name}.csv", index=False, float_format="%.2f")
    numbers = {name: value for name, value in figures.items() if isinstance(value, float)}
    # JSON knows no NaN, which a set without such pictures gives
    means = {name: None if np.isnan(v) else round(v, 2) for name, v in numbers.items()}
    by_kind = figures["by_kind"]
    summary = means | {
        "pictures": int(by_kind["pictures"].sum()),
        "backbone": backbone.label,
        "checksum": backbone.checksum,
        "command": command,
        "versions": versions(),
    }
    path = folder / "summary.json"
    path.write_text(json.dumps(summary, indent=1) + "\n")
    return path
