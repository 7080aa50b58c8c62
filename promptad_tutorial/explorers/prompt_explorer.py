"""Type prompts, see scores: zero-shot detection at image level, answered while you look."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import ipywidgets as widgets
from torch import Tensor

from promptad_tutorial.explorers.base import Explorer
from promptad_tutorial.explorers.encoded import LabelledFeatures
from promptad_tutorial.explorers.words import as_sentence, parts, unknown_words
from promptad_tutorial.figures import Illustration, score_histogram
from promptad_tutorial.figures.wording import counted, rounded, sentences
from promptad_tutorial.prompts.words import PromptPair, product_name
from promptad_tutorial.scoring import prototype, text_score
from promptad_tutorial.scoring.metrics import image_auroc

NORMAL_PROMPTS = (
    "a photo of a flawless {}",
    "a photo of a {}",
    "a photo of a perfect {}; a photo of a {} without defect",
    "a photo of a {} for visual inspection",
)
ANOMALOUS_PROMPTS = (
    "a photo of a damaged {}",
    "a photo of a {} with defect",
    "a photo of a {} with flaw; a photo of a {} with damage",
    "a photo of a {} with a scratch",
)


class PromptExplorer(Explorer):
    """Normal and anomalous prompts of your own, against the pictures of a product line.

    Controls: `product_line`, `normal` and `anomalous` (prompts, several with ";" between them, {}
    for the product's name) and `temperature`. Shows the histogram of the image scores. The status
    gives the image AUROC, and names words that the backbone was never trained on.
    """

    def __init__(
        self,
        backbone: Any,
        lines: Mapping[str, LabelledFeatures],
        normal: str = NORMAL_PROMPTS[0],
        anomalous: str = ANOMALOUS_PROMPTS[0],
    ) -> None:
        """`backbone` encodes the prompts; `lines` has the features of each product line, from
        the same backbone (`encode_test`). Raises ValueError for no lines, and for bad prompts.
        """
        super().__init__(lines)
        self.backbone = backbone
        self._prototypes = lru_cache(50)(self._encode)
        self.normal, self.anomalous = (
            widgets.Combobox(
                value=text,
                options=suggestions,
                description=f"{side} prompts",
                placeholder="prompts, with ; between them and {} for the product",
            )
            for side, text, suggestions in (
                ("normal", normal, NORMAL_PROMPTS),
                ("anomalous", anomalous, ANOMALOUS_PROMPTS),
            )
        )
        self.temperature = widgets.FloatLogSlider(
            value=min(max(backbone.temperature, 1.0), 100.0),
            base=10,
            min=0,  # of the exponent: 1 to 100, and CLIP is never trained beyond 100
            max=2,
            step=0.05,
            description="temperature",
        )
        self.start(self.product_line, self.normal, self.anomalous, self.temperature)

    def draw(
        self, line_name: str, normal_texts: str, anomalous_texts: str, temperature: float
    ) -> tuple[Illustration, str]:
        """The histogram of the image scores; their AUROC as the status."""
        line, name = self.lines[line_name], product_name(line_name)
        pair = PromptPair(
            split_prompts(normal_texts, name, "normal"),
            split_prompts(anomalous_texts, name, "anomalous"),
        )
        normal, anomalous, told = self._prototypes(pair)
        # In double precision: in single, scores above 0.9999999 would all be one tie.
        scores = text_score(line.cls.double(), normal, anomalous, temperature).cpu().numpy()
        sides = f"{listed_quotes(pair.normal)} against {listed_quotes(pair.anomalous)}"
        caption = f"{name}, {sides}, temperature {rounded(temperature, 1)}"
        picture = score_histogram(scores, line.labels, limits=(0.0, 1.0), caption=caption)
        result = (
            f"Image AUROC {rounded(image_auroc(line.labels, scores))} for {name}, from "
            f"{len(pair.normal)} normal and {counted(len(pair.anomalous), 'anomalous prompt')}"
        )
        return picture, sentences(result, as_sentence(told))

    def _encode(self, pair: PromptPair) -> tuple[Tensor, Tensor, list[str]]:
        """Both prototypes in double precision, and what is said of unknown words."""
        with unknown_words() as told:
            features = self.backbone.encode_text([*pair.normal, *pair.anomalous]).double()
        split = len(pair.normal)
        return prototype(features[:split]), prototype(features[split:]), told


def split_prompts(text: str, name: str, side: str) -> tuple[str, ...]:
    """The prompts in `text`, between ";" or line ends, with `name` put in for each {}.

    Raises ValueError, which names the `side`, if there is none.
    """
    found = tuple(part.replace("{}", name) for part in parts(text))
    if not found:
        raise ValueError(f"type at least one {side} prompt; put ; between several")
    return found


def listed_quotes(prompts: tuple[str, ...]) -> str:
    """The first prompt in quotes, and how many more there are."""
    more = f" and {len(prompts) - 1} more" if len(prompts) > 1 else ""
    return f'"{prompts[0]}"{more}'
