"""Choose the suffixes that make negatives; the prompts are learnt again while you look."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from promptad_tutorial.datasets import draw_shots
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.explorers.base import Explorer, line_chooser, slider, text_box
from promptad_tutorial.explorers.prompt_explorer import LabelledFeatures, encode_test
from promptad_tutorial.explorers.unknown_words import as_sentence, unknown_words
from promptad_tutorial.figures import Illustration, score_histogram
from promptad_tutorial.figures.wording import counted, rounded, sentences
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.learning.loop import Level, train
from promptad_tutorial.learning.losses import prototypes
from promptad_tutorial.prompts.words import GENERIC_STATES, product_name
from promptad_tutorial.scoring import text_score
from promptad_tutorial.scoring.metrics import image_auroc

if TYPE_CHECKING:
    from promptad_tutorial.datasets import ProductLine

MOST_SUFFIXES = 6  # L: beyond it an answer takes too long
STATES = (
    "; ".join(GENERIC_STATES),
    "damaged {}; flawed {}",
    "{} with flaw; {} with defect; {} with damage",
    "{} with scratch; {} with stain; {} with hole",
    "flawless {}; perfect {}",  # words for the wrong side
)


@dataclass(frozen=True)
class ShotFeatures:
    """One product line, encoded once: shots to learn from, one draw a seed, and test pictures.

    Raises ValueError without a draw.
    """

    draws: tuple[Float[Tensor, "k d"], ...]  # z of the shots of seed 0, 1, ..
    test: LabelledFeatures

    def __post_init__(self) -> None:
        if not self.draws:
            raise ValueError("expected at least one draw of shots, found none")


def encode_shots(backbone: Any, line: ProductLine, shots: int = 4, seeds: int = 3) -> ShotFeatures:
    """The image embeddings of `seeds` draws of `shots` pictures, and of the test pictures.

    Every picture is encoded once. Raises what `draw_shots` and `encode_test` raise.
    """
    drawn = [draw_shots(line.train, shots, seed) for seed in range(seeds)]
    different = list(dict.fromkeys(sample.image for draw in drawn for sample in draw))
    z = backbone.encode_images(different, blocks=()).cls
    places = [[different.index(sample.image) for sample in draw] for draw in drawn]
    return ShotFeatures(tuple(z[each] for each in places), encode_test(backbone, line))


class SuffixExplorer(Explorer):
    """Which words, and how many learnt suffixes, make the negatives of semantic concatenation.

    Controls: `product_line`, `states` (manual suffixes, several with ";" between them, {} for the
    product's name; without a {} the words go after the name), `suffixes` (L, the number of learnt
    ones) and `shots` (which draw of them, and which random start). Each change learns the prompts
    of the image level again. Shows the histogram of the image scores; the status gives the image
    AUROC and the number of negatives, and names words that the backbone was never trained on.
    """

    def __init__(
        self,
        backbone: Any,
        lines: Mapping[str, ShotFeatures],
        config: PromptADConfig | None = None,
    ) -> None:
        """`lines` has the features of each product line, from `encode_shots`. `config` says how
        to learn, by default without margin and alignment; its states and L are the first answer's.

        Raises ValueError for no lines, another number of draws in one of them than in the others,
        and more suffixes in `config` than the control has.
        """
        self.product_line = line_chooser(lines)
        draws = {len(line.draws) for line in lines.values()}
        if len(draws) != 1:
            raise ValueError(f"expected as many draws of shots in each line, found {sorted(draws)}")
        super().__init__()
        self.backbone, self.lines = backbone, dict(lines)
        self.config = config or PromptADConfig(margin_weight=0.0, alignment_weight=0.0)
        if self.config.n_anomaly_suffixes > MOST_SUFFIXES:
            raise ValueError(
                f"expected at most {MOST_SUFFIXES} learnt suffixes, found "
                f"{self.config.n_anomaly_suffixes}"
            )
        self.states = text_box(
            "manual suffixes",
            "; ".join(self.config.states),
            STATES,
            "words, with ; between them and {} for the product; may be empty",
        )
        self.suffixes = slider("learnt suffixes", self.config.n_anomaly_suffixes, 0, MOST_SUFFIXES)
        self.shots = slider("draw of shots", 0, 0, draws.pop() - 1)
        self.start(self.product_line, self.states, self.suffixes, self.shots)

    def draw(self, name: str, words: str, suffixes: int, seed: int) -> tuple[Illustration, str]:
        """The histogram of the image scores; their AUROC and the negatives as the status."""
        line, states = self.lines[name], split_states(words)
        config = replace(self.config, states=states, n_anomaly_suffixes=suffixes)
        with unknown_words() as told:  # image and pixel level tell of the same words
            sides, negatives = learn_image_level(
                self.backbone, name, config, line.draws[seed], seed
            )
        normal, anomalous = (None if side is None else side.cpu().double() for side in sides)
        z = line.test.cls.cpu().double()
        if anomalous is None:
            scores = ((1 - z @ normal) / 2).numpy()
        else:
            scores = text_score(z, normal, anomalous, self.backbone.temperature).numpy()
        plural = "" if suffixes == 1 else "es"
        made = f"{counted(len(states), 'state')} and {suffixes} learnt suffix{plural}"
        picture = score_histogram(
            scores,
            line.test.labels,
            caption=f"Image scores of {product_name(name)}, draw {seed}, with {made}",
        )
        result = (
            f"Image AUROC {rounded(image_auroc(line.test.labels, scores))} for "
            f"{product_name(name)} with draw {seed}: {counted(negatives, 'negative')} from "
            f"{counted(config.n_normal_prompts, 'context')}, {made}"
        )
        nothing = "Without negatives the score is the distance to the normal prototype"
        return picture, sentences(result, "" if negatives else nothing, as_sentence(told))


def learn_image_level(
    backbone: Any, name: str, config: PromptADConfig, z: Float[Tensor, "k d"], seed: int
) -> tuple[tuple[Tensor, Tensor | None], int]:
    """w_n and w_a of the image level alone, and the number of negatives that made w_a.

    The same prompts as those of `PromptAD(backbone, name, config)`, which learns the pixel level
    beside them.
    """
    generator = torch.Generator().manual_seed(seed)
    learner = PromptAD(backbone, name, config).learners(generator)["image"]
    train([Level("image", learner, z)], config, backbone.temperature)
    with torch.no_grad():
        return prototypes(learner()), len(learner.structure.anomalous)


def split_states(text: str) -> tuple[str, ...]:
    """The states in `text`, between ";" or line ends, each once; "with flaw" is "{} with flaw"."""
    parts = [part.strip() for part in re.split(r"[;\n]", text)]
    return tuple(dict.fromkeys(p if "{}" in p else f"{{}} {p}" for p in parts if p))
