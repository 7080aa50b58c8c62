"""Pretraining of TinyCLIP: one loop, two optimisers, checkpoints to continue from."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import open_clip
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm.auto import trange

from promptad_tutorial.clip.tinyclip.weights import new_model, register
from workshop.pretraining.batches import draw_batch
from workshop.pretraining.objective import multi_positive_contrastive, name_the_patches, right_state
from workshop.pretraining.recipe import Recipe, rate, scheduled
from workshop.pretraining.render_set import RenderSet
from workshop.pretraining.towers import picture_features, text_features


class Run:
    """The state of one training run: what a checkpoint holds."""

    def __init__(self, recipe: Recipe, defects: int) -> None:
        if not hasattr(torch.optim, "Muon"):
            raise ImportError(f"pretraining needs torch >= 2.9 (Muon), found {torch.__version__}")
        self.model = new_model(recipe.seed).train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed + 1)
            self.head = nn.Linear(self.model.visual.conv1.out_channels, defects + 1)
        matrices, others = split_parameters(self.model)
        self.optimisers = [
            torch.optim.Muon(matrices, lr=recipe.muon_rate, momentum=0.95, weight_decay=0.0),
            torch.optim.AdamW(
                [*others, *self.head.parameters()],
                lr=recipe.adam_rate,
                betas=(0.9, 0.98),
                weight_decay=0.0,
            ),
        ]
        self.rates = [recipe.muon_rate, recipe.adam_rate]
        self.step = 0

    def tensors(self) -> dict[str, Tensor]:
        """All of the state as one flat dictionary, fit for safetensors."""
        flat = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        flat |= {f"head.{k}": v for k, v in self.head.state_dict().items()}
        for number, optimiser in enumerate(self.optimisers):
            for i, state in optimiser.state_dict()["state"].items():
                flat |= {f"optimiser.{number}.{i}.{k}": v for k, v in state.items()}
        return {k: v.detach().contiguous() for k, v in flat.items()} | {
            "step": torch.tensor(self.step)
        }

    def restore(self, flat: dict[str, Tensor]) -> None:
        self.step = int(flat["step"])
        for name, module in (("model", self.model), ("head", self.head)):
            own = {k[len(name) + 1 :]: v for k, v in flat.items() if k.startswith(f"{name}.")}
            module.load_state_dict(own)
        for number, optimiser in enumerate(self.optimisers):
            whole, prefix = optimiser.state_dict(), f"optimiser.{number}."
            for key in (k for k in flat if k.startswith(prefix)):
                i, name = key[len(prefix) :].split(".")
                whole["state"].setdefault(int(i), {})[name] = flat[key]
            optimiser.load_state_dict(whole)


def split_parameters(model: open_clip.CLIP) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The blocks' weight matrices (for Muon), and everything else (for AdamW)."""
    named = list(model.named_parameters())
    matrices = [p for n, p in named if "resblocks" in n and p.ndim == 2]
    others = [p for n, p in named if not ("resblocks" in n and p.ndim == 2)]
    return matrices, others


@contextmanager
def written_out_attention() -> Iterator[None]:
    """Attention as three plain operations: torch's fused one takes twice the time on CPUs.

    Its backward pass does; and in bf16 only if the sums may be bf16 as well.
    """
    cuda = torch.backends.cuda  # where torch keeps the switch, for CPUs too
    before = cuda.fp16_bf16_reduction_math_sdp_allowed()
    cuda.allow_fp16_bf16_reduction_math_sdp(True)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        cuda.allow_fp16_bf16_reduction_math_sdp(before)


def train_step(run: Run, recipe: Recipe, data: RenderSet, tokenize) -> dict:
    """One batch through both towers, one step of both optimisers; returns what to log."""
    size = scheduled(recipe.sizes, run.step)
    plan = scheduled(recipe.batches, run.step)
    batch = draw_batch(data, plan, tokenize, recipe.seed, run.step, size)
    noise = torch.Generator().manual_seed(recipe.seed * 1_000_003 + run.step)
    state_weight = scheduled(recipe.state_weights, run.step)
    n = len(batch.images)
    said = 2 * n if state_weight else n  # counters cost time: they are read only where they count
    with torch.autocast("cpu", dtype=torch.bfloat16), written_out_attention():
        images, tokens = picture_features(run.model, batch.images, batch.corner)
        texts = text_features(run.model, batch.tokens[:said], batch.ends[:said], noise)
        scores = run.head(tokens)
    temperature = run.model.logit_scale.exp()
    images, texts = images.float(), texts.float()
    contrastive = multi_positive_contrastive(images, texts[:n], batch.true, temperature)
    states = images.new_zeros(())
    if state_weight:
        states = right_state(images, texts[:n], texts[n:], batch.countered, temperature)
    naming = name_the_patches(scores.float(), batch.patches)
    loss = contrastive + state_weight * states
    loss = loss + scheduled(recipe.patch_weights, run.step) * naming
    now = rate(recipe, run.step)
    for group in run.optimisers[0].param_groups:
        group["weight_decay"] = scheduled(recipe.muon_decay, run.step)
    for optimiser, full in zip(run.optimisers, run.rates, strict=True):
        for group in optimiser.param_groups:
            group["lr"] = full * now
        optimiser.zero_grad(set_to_none=True)
    loss.backward()
    for optimiser in run.optimisers:
        optimiser.step()
    with torch.no_grad():
        run.model.logit_scale.clamp_(max=float(torch.tensor(recipe.largest_temperature).log()))
    run.step += 1
    return {
        "step": run.step,
        "pixels": size,
        "contrastive": float(contrastive.detach()),
        "states": float(states.detach()),
        "naming": float(naming.detach()),
        "temperature": float(temperature.detach()),
        "rate": now,
    }


def train(folder: Path, data: RenderSet, recipe: Recipe | None = None) -> Path:
    """Train, or go on training, in `folder`: checkpoint.safetensors, recipe.json, log.csv.

    A run that was killed continues from its last checkpoint; another recipe in the same folder is
    refused. The weights of `recipe.averaged_with` stay beside it as step_<n>.safetensors. Returns
    the path of the checkpoint.
    """
    recipe = recipe or Recipe()
    folder.mkdir(parents=True, exist_ok=True)
    note, checkpoint = folder / "recipe.json", folder / "checkpoint.safetensors"
    wanted = {"recipe": asdict(recipe), "data": data.plan, "torch": torch.__version__}
    wanted = json.dumps(wanted, indent=1)
    if note.exists() and note.read_text() != wanted:
        raise ValueError(f"{folder} holds a run with another recipe: choose another folder")
    note.write_text(wanted)
    run = Run(recipe, len(data.defects))
    if checkpoint.exists():
        run.restore(load_file(checkpoint))
    _forget_after(folder / "log.csv", run.step)
    tokenize = open_clip.get_tokenizer(register())
    begun = time.monotonic()
    with (folder / "log.csv").open("a", newline="") as log:
        rows = csv.writer(log)
        bar = trange(run.step, recipe.steps, desc="pretraining", unit="step")
        for _ in bar:
            row = train_step(run, recipe, data, tokenize)
            row["seconds"] = round(time.monotonic() - begun, 1)
            if row["step"] == 1:
                rows.writerow(row)
            rows.writerow(f"{v:.6g}" if isinstance(v, float) else v for v in row.values())
            bar.set_postfix({k: f"{row[k]:.2f}" for k in ("contrastive", "states", "naming")})
            if run.step in recipe.averaged_with and run.step < recipe.steps:
                _save(run, folder / f"step_{run.step}.safetensors")  # before the checkpoint
            if run.step % recipe.save_every == 0 or run.step == recipe.steps:
                log.flush()
                _save(run, checkpoint)
    return checkpoint


def _save(run: Run, path: Path) -> None:
    """Write the state of a run in one move: a kill leaves no half-written file of this name."""
    part = path.with_suffix(".part")
    save_file(run.tensors(), part)
    part.replace(path)


def _forget_after(log: Path, step: int) -> None:
    """Drop the log's rows of steps that were made after the last checkpoint: they come again."""
    if not log.exists():
        return
    with log.open(newline="") as file:
        rows = list(csv.reader(file))
    with log.open("w", newline="") as file:
        csv.writer(file).writerows(row for row in rows if row[0] == "step" or int(row[0]) <= step)
