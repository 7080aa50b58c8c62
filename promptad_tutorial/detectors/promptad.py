"""PromptAD: learnt normal prompts, negatives by semantic concatenation, margin, and a memory."""

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
from promptad_tutorial.detectors.saving import check_tensors
from promptad_tutorial.detectors.through_1024 import through_1024
from promptad_tutorial.files.pictures import list_images
from promptad_tutorial.learning.config import PromptADConfig, config_from
from promptad_tutorial.learning.loop import History, Level, train
from promptad_tutorial.learning.losses import prototypes
from promptad_tutorial.prompts.learner import (
    PromptLearner,
    encode_learners,
    text_to_learn_through,
)
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
    patches. After `fit` there are `normal_prototypes` and `anomaly_prototypes` (of each level),
    the `memory`, the learnt `tokens` and the `history`; the text tower is not needed to score.
    """

    kind = "promptad"
    image_score = VISUAL_MAXIMUM
    first_image_score = FUSED_MAXIMUM

    def __init__(self, backbone: Backbone, name: str, config: PromptADConfig | None = None) -> None:
        super().__init__(backbone, name)
        self.config = config or PromptADConfig()
        self.tokens: dict[str, Tensor] = {}  # "image.contexts" and so on
        self.normal_prototypes: dict[str, Float[Tensor, " d"]] = {}
        self.anomaly_prototypes: dict[str, Float[Tensor, " d"]] = {}
        self.memory: Float[Tensor, "blocks stored width"] | None = None
        self.history = History()

    @property
    def temperature(self) -> float:
        """t, or its logarithm with trap 2."""
        t = self.backbone.temperature
        return math.log(t) if self.config.traps.log_temperature else t

    def structure(self, level: str) -> PromptStructure:
        """The prompts of a level, "image" or "pixel": N differs between the two."""
        c, traps = self.config, self.config.traps
        return semantic_concatenation(
            released_name(self.name) if traps.renamed_classes else self.name,
            c.n_normal_prompts if level == "image" else c.n_normal_prompts_pixel,
            c.n_normal_tokens,
            # looked up by the category's own name, before it is renamed
            c.states + own_states(self.name) if traps.own_states else c.states,
            c.n_anomaly_suffixes,
            c.n_anomaly_tokens,
            traps.suffix_before_name,
            traps.modulo_pairs,
            repeat_states=traps.own_states,
        )

    def encode(self, images: Any, test: bool = False) -> ImageFeatures:
        """Image embedding, V-V patches and, for the memory, block tokens."""
        traps = self.config.traps
        sources = list_images(images)
        batches = [sources]
        if traps.resize_through_1024:  # a few at a time: such pictures are large
            batches = [sources[i : i + 16] for i in range(0, len(sources), 16)]
        found = [
            self.backbone.encode_images(
                [through_1024(one) for one in some] if traps.resize_through_1024 else some,
                blocks=None if self.config.use_memory else (),
                blocks_in_place=traps.memory_in_place,
                bgr=test and traps.test_images_bgr,
            )
            for some in batches
        ]
        return found[0] if len(found) == 1 else ImageFeatures.concatenate(found)

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
        before = dict(vars(self))
        try:
            self.memory = remember(features) if self.config.use_memory else None
            learners = self.learners(generator)
            levels = [
                Level("image", learners["image"], features.cls),
                Level("pixel", learners["pixel"], features.patches),
            ]

            def watch(step: int) -> None:
                if after_step is not None:
                    self._read(learners)
                    after_step(step)

            self.history = train(levels, self.config, self.temperature, watch)
            self._read(learners)
        except BaseException:
            vars(self).update(before)
            raise
        return self

    def learners(self, generator: torch.Generator | None = None) -> dict[str, PromptLearner]:
        """Untrained prompts of both levels, drawn one after the other from `generator`."""
        generator = generator or torch.Generator().manual_seed(0)
        return {
            level: PromptLearner(
                self.backbone,
                self.structure(level),
                generator,
                self.config.initial_std,
                self._start(self.structure(level)),
                text_to_learn_through(self.backbone),
            )
            for level in LEVELS
        }

    def visual_score(self, features: ImageFeatures) -> Float[Tensor, "b patches"] | None:
        """How unlike the memory every patch is, in double precision on the CPU; None without it."""
        if self.memory is None:
            return None
        return visual_score(features.blocks, self.memory).cpu().double()

    @on_own_threads
    def score_features(
        self, features: ImageFeatures, visual: Float[Tensor, "b patches"] | None = None
    ) -> Scores:
        """Method section 3, for features that are there already.

        pixel = 1 / (1/text + 1/visual) per patch, then upsampled and smoothed;
        image = 1 / (1/text + 1/max(visual)), the maximum of the visual map alone, upsampled and
        not smoothed: prompts of the pixel level have no part in it.
        Without the memory: the text scores alone. `visual` is the `visual_score` of these
        features, if somebody has it already.
        """
        if not self.normal_prototypes:
            raise RuntimeError("this detector has learnt nothing yet: call fit(images) first")
        text = self.side_score(features.cls, "image")
        patch_scores = self.side_score(features.patches, "pixel")
        visual = self.visual_score(features) if visual is None else visual
        grid, size = self.backbone.grid, self.config.map_size
        if visual is None:
            maps = anomaly_maps(patch_scores, grid, size, self.config.sigma)
            return Scores(text.numpy(), maps)
        maps = anomaly_maps(harmonic_fusion(patch_scores, visual), grid, size, self.config.sigma)
        if self.image_score == FUSED_MAXIMUM:
            highest = torch.from_numpy(maps.max(axis=(1, 2)))
        else:
            highest = highest_of_map(visual, grid, size)
        return Scores(harmonic_fusion(text, highest).numpy(), maps)

    def side_score(self, features: Float[Tensor, "*b d"], level: str) -> Float[Tensor, "*b"]:
        """The text score of a level, in double precision on the CPU, in [0, 1]."""
        normal, anomalous = self.normal_prototypes[level], self.anomaly_prototypes.get(level)
        if anomalous is None:  # nothing but normal prompts: how far away is the picture?
            cosine = features.cpu().double() @ normal.cpu().double()
            return ((1 - cosine) / 2).clamp(0, 1)
        return exact_text_score(features, normal, anomalous, self.temperature)

    def prompt_texts(self, level: str = "image") -> list[str]:
        """Every prompt of a level in words, with [P1] and [A1] for what is learnt."""
        return [prompt.text() for prompt in self.structure(level).prompts]

    def without_memory(self) -> PromptAD:
        """The same detector, after the same training, with its text branch alone.

        The memory never touches the training, so nothing has to be learnt again.
        """
        settings = self.settings() | {"config": asdict(replace(self.config, use_memory=False))}
        text = type(self).from_settings(self.backbone, self.name, settings)
        text.restore({name: tensor for name, tensor in self.state().items() if name != "memory"})
        text.history, text.image_score = self.history, self.image_score
        return text

    # --- saving -----------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        return {"config": asdict(self.config)}

    @classmethod
    def from_settings(cls, backbone: Backbone, name: str, settings: dict[str, Any]) -> PromptAD:
        return cls(backbone, name, config_from(settings["config"]))

    def state(self) -> dict[str, Tensor]:
        if not self.normal_prototypes:
            raise RuntimeError("this detector has learnt nothing yet: call fit(images) first")
        found = dict(self.tokens)
        found |= {f"{level}.normal": w for level, w in self.normal_prototypes.items()}
        found |= {f"{level}.anomaly": w for level, w in self.anomaly_prototypes.items()}
        return found if self.memory is None else found | {"memory": self.memory}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        expected: dict[str, tuple[int | None, ...]] = {}
        width, dim = self.backbone.text_width, self.backbone.embed_dim
        for level in LEVELS:
            s = self.structure(level)
            expected[f"{level}.contexts"] = (s.n_contexts, s.n_context_tokens, width)
            expected[f"{level}.suffixes"] = (s.n_suffixes, s.n_suffix_tokens, width)
            expected[f"{level}.normal"] = (dim,)
            if s.anomalous:
                expected[f"{level}.anomaly"] = (dim,)
        if self.config.use_memory:
            blocks = len(self.backbone.memory_blocks)
            expected["memory"] = (blocks, None, self.backbone.width)
        check_tensors(tensors, expected)
        self.tokens = {k: v for k, v in tensors.items() if k.endswith(("contexts", "suffixes"))}
        self.normal_prototypes = {level: tensors[f"{level}.normal"] for level in LEVELS}
        self.anomaly_prototypes = {
            level: tensors[f"{level}.anomaly"] for level in LEVELS if f"{level}.anomaly" in tensors
        }
        self.memory = tensors.get("memory")

    # --- inside -----------------------------------------------------------------------------------

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
        return [word for word in words if word is not None]

    @torch.no_grad()
    def _read(self, learners: dict[str, PromptLearner]) -> None:
        """Take tokens and prototypes out of the learners, as exact as a file will hold them."""
        kind = torch.promote_types(self.backbone.dtype, torch.float32)
        features = encode_learners([learners[level] for level in LEVELS])
        self.normal_prototypes, self.anomaly_prototypes, self.tokens = {}, {}, {}
        for level, found in zip(LEVELS, features, strict=True):
            normal, anomalous = prototypes(found)
            self.normal_prototypes[level] = normal.to(kind)
            if anomalous is not None:
                self.anomaly_prototypes[level] = anomalous.to(kind)
            for name, parameter in learners[level].named_parameters():
                self.tokens[f"{level}.{name}"] = parameter.detach().to(kind, copy=True)
        broken = [name for name, found in self.state().items() if not torch.isfinite(found).all()]
        if broken:
            raise ValueError(
                f"{', '.join(broken)} are no longer finite after the last step: choose a smaller "
                f"learning_rate than {self.config.learning_rate}"
            )
