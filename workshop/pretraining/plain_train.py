"""Training of the plain world: CLIP's loss on captions, and patch tokens that follow a teacher."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import open_clip
import torch
from torch import Tensor

from promptad_tutorial.clip.tinyclip.weights import register
from workshop.pretraining.distillation import Heads, cosine_error, distance_error
from workshop.pretraining.held_out_memory import LookSet
from workshop.pretraining.objective import multi_positive_contrastive
from workshop.pretraining.plain_batches import PlainBatch, PlainData, plain_batch
from workshop.pretraining.plain_measure import note_memory
from workshop.pretraining.plain_recipe import PlainRecipe, memory_blocks, new_tower
from workshop.pretraining.towers import picture_tokens, text_features
from workshop.pretraining.train import Run, run_to_the_end, written_out_attention


class PlainRun(Run):
    """A run that also keeps a running mean of its weights: that mean is what is exported."""

    def __init__(self, recipe: PlainRecipe, taught: int) -> None:
        model = new_tower(recipe)
        self.blocks = memory_blocks(recipe.layers)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed + 1)
            head = Heads(len(self.blocks), model.visual.conv1.out_channels, taught)
        self.begin(model, head, recipe.muon_rate, recipe.adam_rate)
        self.average = {k: v.clone() for k, v in model.state_dict().items()}

    def follow(self, averaging: float) -> None:
        """Move the running mean towards the weights: a * mean + (1 - a) * weights.

        a is at most (n + 1) / (n + 10) after n steps, so that the random start is soon forgotten.
        """
        share = 1 - min(averaging, (self.step + 1) / (self.step + 10))
        for name, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, share)

    def tensors(self) -> dict[str, Tensor]:
        return super().tensors() | {f"average.{k}": v for k, v in self.average.items()}

    def restore(self, flat: dict[str, Tensor]) -> None:
        super().restore({k: v for k, v in flat.items() if not k.startswith("average.")})
        self.average = {k: flat[f"average.{k}"].clone() for k in self.average}


def losses(run: PlainRun, recipe: PlainRecipe, batch: PlainBatch, bf16: bool) -> dict[str, Tensor]:
    """The four losses of a batch, without their weights."""
    noise = torch.Generator().manual_seed(recipe.seed * 1_000_003 + run.step)
    captioned = len(batch.true)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16), written_out_attention():
        images, tokens = picture_tokens(run.model, batch.images, run.blocks)
        texts = text_features(run.model, batch.tokens, batch.ends, noise)
        taught = tokens[:, batch.taught]
        regression = run.head.regression(taught, batch.features)
    temperature = run.model.logit_scale.exp()
    contrast = multi_positive_contrastive(
        images[:captioned].float(), texts.float(), batch.true, temperature
    )
    return {
        "contrast": contrast,
        "regression": regression,
        "cosines": cosine_error(taught, batch.features),
        "distances": distance_error(taught, batch.features, noise),
    }


def plain_step(run: PlainRun, recipe: PlainRecipe, batch: PlainBatch, bf16: bool) -> dict:
    """One step of both optimisers on a batch; returns what to log."""
    parts = losses(run, recipe, batch, bf16)
    loss = sum(getattr(recipe, name) * part for name, part in parts.items())
    share = recipe.rate(run.step)
    run.update(loss, share, recipe.muon_decay, recipe.largest_temperature)
    run.follow(recipe.averaging)
    return {
        "step": run.step,
        "bf16": int(bf16),
        **{name: float(part.detach()) for name, part in parts.items()},
        "temperature": float(run.model.logit_scale.detach().exp()),
        "rate": share,
    }


def faster_in_bf16(run: PlainRun, recipe: PlainRecipe, data: PlainData, tokenize) -> bool:
    """Whether this machine makes a step sooner in bf16: measured, some are forty times slower.

    Gradients are made and thrown away; the run does not move.
    """
    few = plain_batch(data, recipe, tokenize, 0)
    seconds = {}
    for bf16 in (False, True):
        for _ in range(2):  # the first pass is slower: the second counts
            begun = time.perf_counter()
            sum(losses(run, recipe, few, bf16).values()).backward()
            seconds[bf16] = time.perf_counter() - begun
    run.model.zero_grad(set_to_none=True)
    run.head.zero_grad(set_to_none=True)
    return seconds[True] < seconds[False]


def train_plain(
    folder: Path,
    data: PlainData,
    recipe: PlainRecipe,
    looks: Mapping[str, LookSet],
    bf16: bool | None = None,
) -> Path:
    """Train, or go on training, in `folder`; see `run_to_the_end` for what it leaves there.

    memory.csv: the memory on each set of `looks`, every `measure_every` steps. `bf16` None measures
    which precision is faster here. Returns the path of the checkpoint.
    """
    run = PlainRun(recipe, data.crops.features.shape[-1])
    tokenize = open_clip.get_tokenizer(register())
    if bf16 is None:
        bf16 = faster_in_bf16(run, recipe, data, tokenize)
    wanted = {
        "world": "plain",
        "recipe": asdict(recipe),
        "renders": data.renders.plan,
        "crops": len(data.crops),
        "torch": torch.__version__,
    }

    def batch(number: int) -> PlainBatch:
        return plain_batch(data, recipe, tokenize, number)

    def step(run: PlainRun) -> dict:
        now = ahead.pop(run.step, None)
        this = now.result() if now else batch(run.step)
        if run.step + 1 < recipe.steps:
            ahead[run.step + 1] = worker.submit(batch, run.step + 1)
        row = plain_step(run, recipe, this, bf16)
        if run.step % recipe.measure_every == 0 or run.step == recipe.steps:
            note_memory(folder / "memory.csv", run.step, run.average, recipe, looks)
        return row

    ahead = {}  # the next batch is made while a step is computed
    with ThreadPoolExecutor(1) as worker:
        return run_to_the_end(folder, wanted, run, recipe.steps, recipe.save_every, step)
