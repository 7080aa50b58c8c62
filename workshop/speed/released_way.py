"""PromptAD computed the way the released code computes it: the same numbers, at its cost.

Formulas, losses and schedule are this package's (`paper` settings); only the way of computing
differs (method section 4, rows 9, 11 and 13, and section 5):

- every step reads, preprocesses and encodes the k shots again, V-V path included;
- every prompt is written out and padded to the whole context (77 positions), and the text tower
  computes all of it for all of them;
- CLIP's own weights require gradients, which are computed, summed up and used by nobody;
- after every step the prototypes are built again from all prompts, and the whole test set is read,
  preprocessed, encoded and scored;
- image level and pixel level are two trainings, one after the other.

Written for this comparison: no code of the released repository is in it. Where that does even more
(it resizes every picture to 1024 px first, runs the text tower once per kind of prompt, holds the
test set in one batch, and computes metrics after every step), this does less, so that the
comparison errs on its side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm.auto import trange

from promptad_tutorial.clip.attention import run_block
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.clip.text_tower import TextEncoder
from promptad_tutorial.detectors.promptad import LEVELS, PromptAD
from promptad_tutorial.learning.config import PromptADConfig, Traps
from promptad_tutorial.learning.loop import objective
from promptad_tutorial.learning.losses import prototypes
from promptad_tutorial.prompts.learner import PromptFeatures, PromptLearner
from promptad_tutorial.scoring import Scores, anomaly_maps, harmonic_fusion, text_score
from promptad_tutorial.scoring.memory import remember, visual_score

STAND_IN = "x"  # one token of the vocabulary, in the places that learnt tokens will take


@dataclass(frozen=True)
class Outcome:
    """What a training the released way leaves, under the names of `PromptAD.state`."""

    state: dict[str, Tensor]  # "image.contexts", "pixel.normal" and so on; not the memory
    scores: Scores  # of the test images, after the last step


class PaddedPrompts(nn.Module):
    """Every prompt of a level as its own row of embeddings, as long as the tower's context.

    The learnt tokens start as copies of those of `learner`.
    """

    def __init__(self, backbone: Backbone, learner: PromptLearner) -> None:
        super().__init__()
        structure, encode = learner.structure, backbone.text.tokenizer.encode
        opening = [STAND_IN] * structure.n_context_tokens
        ending = [STAND_IN] * structure.n_suffix_tokens
        texts, self.row, self.place, self.which = [], [], [], []
        for j, prompt in enumerate(structure.prompts):
            learnt = [] if prompt.suffix is None else ending
            texts.append(" ".join([*opening, prompt.before, *learnt, prompt.after]))
            first = 1 + len(opening) + len(encode(prompt.before))  # 1: the start token
            for k in range(len(learnt)):
                self.row.append(j)
                self.place.append(first + k)
                self.which.append((prompt.suffix, k))
        ids = backbone.text.tokenizer(texts, context_length=backbone.context_length)
        self.eot = backbone.text.feature_positions(ids).to(backbone.device)
        self.frozen = backbone.embed_tokens(ids).detach()
        self.owner = [prompt.context for prompt in structure.prompts]
        kind = self.frozen.dtype  # the tower's own: the released code learns in nothing better
        self.contexts = nn.Parameter(learner.contexts.detach().to(kind, copy=True))
        self.suffixes = nn.Parameter(learner.suffixes.detach().to(kind, copy=True))

    def forward(self) -> Float[Tensor, "j context w"]:
        """Token embeddings without positions: frozen words, with the learnt tokens put in."""
        after = 1 + self.contexts.shape[1]
        contexts = self.contexts[self.owner]
        x = torch.cat([self.frozen[:, :1], contexts, self.frozen[:, after:]], dim=1)
        if not self.row:
            return x
        suffix, token = zip(*self.which, strict=True)
        learnt = self.suffixes[list(suffix), list(token)]
        return x.index_put((torch.tensor(self.row), torch.tensor(self.place)), learnt)


def whole_text_tower(
    text: TextEncoder, embeddings: Float[Tensor, "j context w"], eot: Int[Tensor, " j"]
) -> Float[Tensor, "j d"]:
    """Raw features from all positions of the context, those after the end of text included."""
    x = embeddings + text.positional_embedding
    for block in text.blocks:
        x = run_block(block, x, text.mask)
    return text.project(x[torch.arange(len(x)), eot])


@contextmanager
def gradients_of_clip(model: nn.Module) -> Iterator[None]:
    """Trap 13 while it lasts: every weight of CLIP requires a gradient, though none is used."""
    model.requires_grad_(True)
    try:
        yield
    finally:
        model.requires_grad_(False)
        model.zero_grad(set_to_none=True)


def fit_and_score(
    backbone: Backbone,
    name: str,
    shots: Any,
    test_images: Any,
    config: PromptADConfig | None = None,
    generator: torch.Generator | None = None,
    after_step: Callable[[str, int], None] | None = None,
    score_every_step: bool = True,
) -> Outcome:
    """Train both levels on `shots` and score `test_images` after every step; the last is returned.

    Equal to `PromptAD(backbone, name, config).fit(shots, generator)` and `.score(test_images)`,
    with the same first tokens. `after_step` is called with the level and the number of steps
    done, from 0 (the memory is built, nothing is learnt). Without `score_every_step` only the last
    step is followed by a look at the test images: the same result, for comparisons in a hurry.

    Raises ValueError for a configuration with a trap, without the memory, or without a step.
    """
    config = config or PromptADConfig()
    if config.traps != Traps() or not config.use_memory or config.steps < 1:
        raise ValueError("the released way is compared without traps, with the memory and a step")
    first = PromptAD(backbone, name, config).learners(generator)
    state: dict[str, Tensor] = {}
    texts, maps = {}, {}
    with gradients_of_clip(backbone.model):
        for level in LEVELS:
            prompts = PaddedPrompts(backbone, first[level])
            learnt, texts[level], maps[level] = _train(
                backbone,
                level,
                first[level],
                prompts,
                shots,
                test_images,
                config,
                after_step,
                score_every_step,
            )
            state |= {f"{level}.{key}": value for key, value in learnt.items()}
    highest = torch.from_numpy(maps["image"].max(axis=(1, 2)))
    image_scores = harmonic_fusion(texts["image"], highest).numpy()
    return Outcome(state, Scores(image_scores, maps["pixel"]))


def _train(
    backbone: Backbone,
    level: str,
    learner: PromptLearner,
    prompts: PaddedPrompts,
    shots: Any,
    test_images: Any,
    config: PromptADConfig,
    after_step: Callable[[str, int], None] | None,
    score_every_step: bool,
) -> tuple[dict[str, Tensor], Float[Tensor, "*b"], Float[np.ndarray, "b s s"]]:
    """One level: what was learnt, the text scores and the maps of the test images."""
    optimiser = torch.optim.SGD(
        prompts.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimiser, T_max=config.steps, eta_min=config.final_learning_rate
    )

    def features() -> PromptFeatures:
        return learner.split(whole_text_tower(backbone.text, prompts(), prompts.eot))

    memory = remember(backbone.encode_images(shots))
    watch = after_step or (lambda level, step: None)
    watch(level, 0)
    for step in trange(config.steps, desc=f"released way, {level} level", unit="step", leave=False):
        found = backbone.encode_images(shots)
        z = found.cls if level == "image" else found.patches
        loss = objective(features(), z, config, backbone.temperature)["total"]
        optimiser.zero_grad()  # of the prompts alone: CLIP's own gradients pile up
        loss.backward()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            sides = prototypes(features())
        if score_every_step or step == config.steps - 1:
            tested = backbone.encode_images(test_images)
            text, maps = _score(backbone, level, tested, sides, memory, config)
        watch(level, step + 1)
    learnt = {key: value.detach().clone() for key, value in prompts.named_parameters()}
    return learnt | {"normal": sides[0], "anomaly": sides[1]}, text, maps


def _score(
    backbone: Backbone,
    level: str,
    features: ImageFeatures,
    sides: tuple[Float[Tensor, " d"], Float[Tensor, " d"]],
    memory: Float[Tensor, "blocks stored width"],
    config: PromptADConfig,
) -> tuple[Float[Tensor, "*b"], Float[np.ndarray, "b s s"]]:
    """Text scores of a level, and maps: the memory's alone at image level, fused at pixel level."""
    normal, anomalous = (side.cpu().double() for side in sides)
    z = features.cls if level == "image" else features.patches
    text = text_score(z.cpu().double(), normal, anomalous, backbone.temperature)
    visual = visual_score(features.blocks, memory).cpu().double()
    patches = visual if level == "image" else harmonic_fusion(text, visual)
    sigma = 0 if level == "image" else config.sigma
    return text, anomaly_maps(patches, backbone.grid, config.map_size, sigma)
