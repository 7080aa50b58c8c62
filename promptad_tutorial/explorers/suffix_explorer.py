"""Choose the suffixes that make negatives; the prompts are learnt again while you look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import ipywidgets as widgets
import torch

from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.explorers.base import Explorer
from promptad_tutorial.explorers.encoded import ShotFeatures
from promptad_tutorial.explorers.words import as_sentence, parts, unknown_words
from promptad_tutorial.figures import Illustration, score_histogram
from promptad_tutorial.figures.wording import counted, rounded, sentences
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.learning.loop import Level, train
from promptad_tutorial.learning.losses import prototypes
from promptad_tutorial.prompts.words import GENERIC_STATES, product_name
from promptad_tutorial.scoring import text_score
from promptad_tutorial.scoring.metrics import image_auroc

MOST_SUFFIXES = 6  # L: beyond it an answer takes too long
STATES = (
    "; ".join(GENERIC_STATES),
    "damaged {}; flawed {}",
    "{} with flaw; {} with defect; {} with damage",
    "{} with scratch; {} with stain; {} with hole",
    "flawless {}; perfect {}",  # words for the wrong side
)


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
        super().__init__(lines)
        draws = {len(line.draws) for line in lines.values()}
        if len(draws) != 1:
            raise ValueError(f"expected as many draws of shots in each line, found {sorted(draws)}")
        self.backbone = backbone
        self.config = config or PromptADConfig(margin_weight=0.0, alignment_weight=0.0)
        if self.config.n_anomaly_suffixes > MOST_SUFFIXES:
            raise ValueError(
                f"expected at most {MOST_SUFFIXES} learnt suffixes, found "
                f"{self.config.n_anomaly_suffixes}"
            )
        self.states = widgets.Combobox(
            value="; ".join(self.config.states),
            options=STATES,
            description="manual suffixes",
            placeholder="words, with ; between them and {} for the product; may be empty",
        )
        self.suffixes = widgets.IntSlider(
            self.config.n_anomaly_suffixes, 0, MOST_SUFFIXES, description="learnt suffixes"
        )
        self.shots = widgets.IntSlider(0, 0, draws.pop() - 1, description="draw of shots")
        self.start(self.product_line, self.states, self.suffixes, self.shots)

    def draw(self, name: str, words: str, suffixes: int, seed: int) -> tuple[Illustration, str]:
        """The histogram of the image scores; their AUROC and the negatives as the status."""
        line, states, product = self.lines[name], split_states(words), product_name(name)
        config = replace(self.config, states=states, n_anomaly_suffixes=suffixes)
        with unknown_words() as told:  # image and pixel level tell of the same words
            generator = torch.Generator().manual_seed(seed)
            learner = PromptAD(self.backbone, name, config).learners(generator)["image"]
            # the image level alone: the pixel level learns beside it, and changes nothing here
            train([Level("image", learner, line.draws[seed])], config, self.backbone.temperature)
            with torch.no_grad():
                sides = prototypes(learner())
        normal, anomalous = (None if side is None else side.cpu().double() for side in sides)
        z, negatives = line.test.cls.cpu().double(), len(learner.structure.anomalous)
        if anomalous is None:
            scores = ((1 - z @ normal) / 2).numpy()
        else:
            scores = text_score(z, normal, anomalous, self.backbone.temperature).numpy()
        plural = "" if suffixes == 1 else "es"
        made = f"{counted(len(states), 'state')} and {suffixes} learnt suffix{plural}"
        caption = f"Image scores of {product}, draw {seed}, with {made}"
        picture = score_histogram(scores, line.test.labels, caption=caption)
        result = (
            f"Image AUROC {rounded(image_auroc(line.test.labels, scores))} for {product} with draw "
            f"{seed}: {counted(negatives, 'negative')} from "
            f"{counted(config.n_normal_prompts, 'context')}, {made}"
        )
        nothing = "Without negatives the score is the distance to the normal prototype"
        return picture, sentences(result, "" if negatives else nothing, as_sentence(told))


def split_states(text: str) -> tuple[str, ...]:
    """The states in `text`, between ";" or line ends, each once; "with flaw" is "{} with flaw"."""
    return tuple(dict.fromkeys(p if "{}" in p else f"{{}} {p}" for p in parts(text)))
