"""PromptAD: learnt normal prompts, negatives by semantic concatenation, margin, and a memory.

fit:    features of the shots -> prompts of two levels, learnt -> prototypes; and the memory
score:  features -> text scores by the prototypes, visual scores by the memory -> fused
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.detectors.detector import VISUAL_MAXIMUM, Detector, on_own_threads
from promptad_tutorial.detectors.through_1024 import through_1024
from promptad_tutorial.files.pictures import list_images
from promptad_tutorial.learning.config import PromptADConfig, config_from
from promptad_tutorial.learning.loop import History, Level, train
from promptad_tutorial.learning.losses import prototypes
from promptad_tutorial.prompts.learner import PromptLearner, encode_learners, text_to_learn_through
from promptad_tutorial.prompts.structure import PromptStructure, semantic_concatenation
from promptad_tutorial.prompts.words import own_states, released_name
from promptad_tutorial.scoring import (
    Scores,
    anomaly_maps,
    exact_text_score,
    harmonic_fusion,
    highest_of_map,
)
from promptad_tutorial.scoring.memory import remember, visual_score

FUSED_MAXIMUM = "fused maximum"  # text fused with the fused map's: a file of the first edition
LEVELS = ("image", "pixel")  # two trainings: trap 9 of method section 4, said plainly


class PromptAD(Detector):
    """The whole method, and with parts switched off in `config` every step of the ladder to it.

    Two prompt sets are learnt from the same shots: one for the image embedding, one for V-V
    patches. The text tower is not needed to score.
    """

    kind = "promptad"
    image_score = VISUAL_MAXIMUM
    first_image_score = FUSED_MAXIMUM

    def __init__(self, backbone: Backbone, name: str, config: PromptADConfig | None = None) -> None:
        super().__init__(backbone, name)
        self.config = config or PromptADConfig()
        self.history = History()

    def encode(self, images: Any, test: bool = False) -> ImageFeatures:
        """Image embedding, V-V patches and, for the memory, block tokens."""
        traps = self.config.traps
        if traps.resize_through_1024:
            images = [through_1024(one) for one in list_images(images)]
        return self.backbone.encode_images(
            images,
            blocks=None if self.config.use_memory else (),
            blocks_in_place=traps.memory_in_place,
            bgr=test and traps.test_images_bgr,
        )

    # --- fit --------------------------------------------------------------------------------------

    @on_own_threads
    def fit_features(
        self,
        features: ImageFeatures,
        generator: torch.Generator | None = None,
        after_step: Callable[[int], None] | None = None,
    ) -> PromptAD:
        """Learn from features of the shots: they are all that training looks at.

        `after_step` is called with the number of steps done, from 1; the detector holds what has
        been learnt up to there. Where this fails, the detector keeps what it had learnt before.
        """
        before = self.learnt
        memory = {"memory": remember(features)} if self.config.use_memory else {}
        learners = self.learners(generator)
        levels = [
            Level("image", learners["image"], features.cls),
            Level("pixel", learners["pixel"], features.patches),
        ]

        def watch(step: int) -> None:
            if after_step is not None:
                self.learnt = memory | self._read(learners)
                after_step(step)

        try:
            history = train(levels, self.config, self.temperature, watch)
            self.learnt = memory | self._read(learners)
        except BaseException:
            self.learnt = before
            raise
        self.history = history
        return self

    def learners(self, generator: torch.Generator | None = None) -> dict[str, PromptLearner]:
        """Untrained prompts of both levels, drawn one after the other from `generator`."""
        generator = generator or torch.Generator().manual_seed(0)
        std, text = self.config.initial_std, text_to_learn_through(self.backbone)
        found = {}
        for level in LEVELS:
            structure = self.structure(level)
            start = self._start(structure)
            found[level] = PromptLearner(self.backbone, structure, generator, std, start, text)
        return found

    def structure(self, level: str) -> PromptStructure:
        """The prompts of a level, "image" or "pixel": N differs between the two."""
        c, traps = self.config, self.config.traps
        return semantic_concatenation(
            released_name(self.name) if traps.renamed_classes else self.name,
            self.n_prompts(level),
            c.n_normal_tokens,
            # looked up by the category's own name, before it is renamed
            c.states + own_states(self.name) if traps.own_states else c.states,
            c.n_anomaly_suffixes,
            c.n_anomaly_tokens,
            traps.suffix_before_name,
            traps.modulo_pairs,
            traps.own_states,
        )

    def n_prompts(self, level: str) -> int:
        """N, how many normal prompts a level has."""
        c = self.config
        return c.n_normal_prompts if level == "image" else c.n_normal_prompts_pixel

    def _start(self, structure: PromptStructure) -> list[str] | None:
        """Words for every context to start from, or None for random tokens."""
        normal, own = self.config.normal_start, self.config.own_start
        if normal is None and own is None:
            return None
        shared = {prompt.context for prompt in structure.normal}
        words = [normal if i in shared else own for i in range(structure.n_contexts)]
        if None in words:
            raise ValueError(
                "normal_start and own_start go together where there are contexts of both kinds"
            )
        return words

    @torch.no_grad()
    def _read(self, learners: dict[str, PromptLearner]) -> dict[str, Tensor]:
        """Tokens and prototypes of the learners, as exact as a file will hold them."""
        kind = torch.promote_types(self.backbone.dtype, torch.float32)
        found = {}
        features = encode_learners([learners[level] for level in LEVELS])
        for level, prompts in zip(LEVELS, features, strict=True):
            named = dict(learners[level].named_parameters())
            named["normal"], named["anomaly"] = prototypes(prompts)
            for name, tensor in named.items():
                if tensor is not None:
                    found[f"{level}.{name}"] = tensor.detach().to(kind, copy=True)
        broken = [name for name, tensor in found.items() if not torch.isfinite(tensor).all()]
        if broken:
            raise ValueError(
                f"{', '.join(broken)} are no longer finite after the last step: choose a smaller "
                f"learning_rate than {self.config.learning_rate}"
            )
        return found

    # --- score ------------------------------------------------------------------------------------

    @on_own_threads
    def score_features(
        self, features: ImageFeatures, visual: Float[Tensor, "b patches"] | None = None
    ) -> Scores:
        """Method section 3, for features that are there already.

        pixel = 1 / (1/text + 1/visual) per patch, then upsampled and smoothed;
        image = 1 / (1/text + 1/max(visual)), the maximum of the visual map alone, upsampled and
        not smoothed: prompts of the pixel level have no part in it.
        Without the memory: the text scores alone. `visual`: the `visual_score`, if it is there.
        """
        text = self.side_score(features.cls, "image")
        patch_scores = self.side_score(features.patches, "pixel")
        visual = self.visual_score(features) if visual is None else visual
        grid, size, sigma = self.backbone.grid, self.config.map_size, self.config.sigma
        if visual is None:
            return Scores(text.numpy(), anomaly_maps(patch_scores, grid, size, sigma))
        maps = anomaly_maps(harmonic_fusion(patch_scores, visual), grid, size, sigma)
        if self.image_score == FUSED_MAXIMUM:
            highest = torch.from_numpy(maps.max(axis=(1, 2)))
        else:
            highest = highest_of_map(visual, grid, size)
        return Scores(harmonic_fusion(text, highest).numpy(), maps)

    def side_score(self, features: Float[Tensor, "*b d"], level: str) -> Float[Tensor, "*b"]:
        """The text score of a level, in double precision on the CPU, in [0, 1]."""
        learnt = self.state()
        normal, anomalous = learnt[f"{level}.normal"], learnt.get(f"{level}.anomaly")
        if anomalous is None:  # nothing but normal prompts: how far away is the picture?
            cosine = features.cpu().double() @ normal.cpu().double()
            return ((1 - cosine) / 2).clamp(0, 1)
        return exact_text_score(features, normal, anomalous, self.temperature)

    def visual_score(self, features: ImageFeatures) -> Float[Tensor, "b patches"] | None:
        """How unlike the memory every patch is, in double precision on the CPU; None without it."""
        if self.memory is None:
            return None
        return visual_score(features.blocks, self.memory).cpu().double()

    @property
    def temperature(self) -> float:
        """t, or its logarithm with trap 2."""
        t = self.backbone.temperature
        return math.log(t) if self.config.traps.log_temperature else t

    # --- what was learnt --------------------------------------------------------------------------

    @property
    def normal_prototypes(self) -> dict[str, Float[Tensor, " d"]]:
        """w_n of each level."""
        return self._of_levels("normal")

    @property
    def anomaly_prototypes(self) -> dict[str, Float[Tensor, " d"]]:
        """w_a of each level; empty where there are only normal prompts."""
        return self._of_levels("anomaly")

    def _of_levels(self, name: str) -> dict[str, Tensor]:
        known = {level: self.learnt.get(f"{level}.{name}") for level in LEVELS}
        return {level: tensor for level, tensor in known.items() if tensor is not None}

    @property
    def tokens(self) -> dict[str, Tensor]:
        """The learnt tokens: "image.contexts" and so on."""
        ends = ("contexts", "suffixes")
        return {name: tensor for name, tensor in self.learnt.items() if name.endswith(ends)}

    def without_memory(self) -> PromptAD:
        """The text branch alone: the memory never touches the training, so nothing is lost."""
        text = self.fresh()
        text.config = replace(self.config, use_memory=False)
        text.learnt = {name: w for name, w in self.state().items() if name != "memory"}
        text.history = self.history
        return text

    def settings(self) -> dict[str, Any]:
        return {"config": asdict(self.config)}

    @classmethod
    def from_settings(cls, backbone: Backbone, name: str, settings: dict[str, Any]) -> PromptAD:
        return cls(backbone, name, config_from(settings["config"]))

    def shapes(self, tensors: dict[str, Tensor]) -> dict[str, tuple[int | None, ...]]:
        found: dict[str, tuple[int | None, ...]] = {}
        width, dim = self.backbone.text_width, self.backbone.embed_dim
        for level in LEVELS:
            s = self.structure(level)
            found[f"{level}.contexts"] = (s.n_contexts, s.n_context_tokens, width)
            found[f"{level}.suffixes"] = (s.n_suffixes, s.n_suffix_tokens, width)
            found[f"{level}.normal"] = (dim,)
            if s.anomalous:
                found[f"{level}.anomaly"] = (dim,)
        if self.config.use_memory:
            found["memory"] = (len(self.backbone.memory_blocks), None, self.backbone.width)
        return found
