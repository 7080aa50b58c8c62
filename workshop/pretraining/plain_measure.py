"""What a run of the plain world has come to: a backbone of its weights, its memory's figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import open_clip
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.tinyclip.weights import IMAGE_MEAN, IMAGE_STD
from promptad_tutorial.clip.weights.pretrained import LoadedModel
from promptad_tutorial.files.writing import write_table
from workshop.pretraining.batches import BatchPlan
from workshop.pretraining.held_out_memory import Encode, LookSet, means, memory_table
from workshop.pretraining.plain_recipe import PlainRecipe, new_tower


def backbone_of(weights: Mapping[str, Tensor], recipe: PlainRecipe, said: str) -> Backbone:
    """The backbone that these weights make, on the CPU in single precision; `said` is its label."""
    model = new_tower(recipe)
    model.load_state_dict(dict(weights))
    loaded = LoadedModel(model, said, IMAGE_MEAN, IMAGE_STD, "bicubic")
    tokenizer = open_clip.SimpleTokenizer(context_length=model.context_length)
    return Backbone("tiny", loaded, tokenizer, torch.device("cpu"), torch.float32)


def backbone_of_run(folder: Path) -> Backbone:
    """The running mean of a run's weights as a backbone. Raises FileNotFoundError without a run."""
    checkpoint = folder / "checkpoint.safetensors"
    if not checkpoint.exists():
        raise FileNotFoundError(
            f"expected a checkpoint at {checkpoint}, found nothing there; "
            "make one with: python -m workshop tinyclip train --world plain"
        )
    said = json.loads((folder / "recipe.json").read_text())["recipe"]
    recipe = PlainRecipe(**(said | {"captioned": BatchPlan(**said["captioned"])}))
    flat = load_file(checkpoint)
    weights = {k.removeprefix("average."): v for k, v in flat.items() if k.startswith("average.")}
    return backbone_of(weights, recipe, f"plain world, step {int(flat['step'])}")


def encoder(backbone: Backbone) -> Encode:
    """The patch tokens that a backbone's memory keeps, for `held_out_memory`."""
    return lambda images: backbone.encode_images(list(images)).blocks


def note_memory(
    path: Path,
    step: int,
    weights: Mapping[str, Tensor],
    recipe: PlainRecipe,
    looks: Mapping[str, LookSet],
) -> None:
    """Add the memory's means at 4 shots to a table: step, set of looks, image and pixel AUROC.

    Rows of this step or later ones, from before a run was killed, are replaced.
    """
    backbone = backbone_of(weights, recipe, f"step {step}")
    rows = []
    for name, one in looks.items():
        row = means(memory_table(one, encoder(backbone), (4,))).iloc[0]
        rows.append((step, name, round(row["image_auroc"], 2), round(row["pixel_auroc"], 2)))
    table = pd.DataFrame(rows, columns=["step", "looks", "image_auroc", "pixel_auroc"])
    if path.exists():
        before = pd.read_csv(path)
        table = pd.concat([before[before["step"] < step], table])
    write_table(path, table)
