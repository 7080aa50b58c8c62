"""Type prompts, see scores: zero-shot detection at image level, answered while you look."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from promptad_tutorial.explorers.base import Explorer, line_chooser, text_box
from promptad_tutorial.explorers.recent import Recent
from promptad_tutorial.explorers.unknown_words import as_sentence, unknown_words
from promptad_tutorial.figures import Illustration, score_histogram
from promptad_tutorial.figures.wording import counted, rounded, sentences
from promptad_tutorial.prompts.words import PromptPair, product_name
from promptad_tutorial.scoring import prototype, text_score
from promptad_tutorial.scoring.metrics import image_auroc

if TYPE_CHECKING:
    from promptad_tutorial.datasets import ProductLine

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


@dataclass(frozen=True)
class LabelledFeatures:
    """The image embeddings of one product line's pictures, and which of them are anomalous.

    Raises ValueError unless there is a label 0 or 1 for each embedding, and both are there.
    """

    cls: Float[Tensor, "n d"]  # z, unit norm
    labels: Int[np.ndarray, " n"]  # 0 good, 1 anomalous

    def __post_init__(self) -> None:
        if len(self.cls) != len(self.labels) or set(self.labels.tolist()) != {0, 1}:
            raise ValueError(
                f"expected a label for each of {len(self.cls)} embeddings, some 0 (good) and some "
                f"1 (anomalous), found {len(self.labels)} labels: {sorted(set(self.labels))}"
            )


def encode_test(backbone: Any, line: ProductLine) -> LabelledFeatures:
    """The test pictures of a product line, encoded once: CLIP is frozen.

    Raises ValueError for pictures without label, or of only one class.
    """
    if any(sample.label is None for sample in line.test):
        raise ValueError(f"expected labels for the test pictures of {line.name!r}, found none")
    features = backbone.encode_images([sample.image for sample in line.test], blocks=())
    return LabelledFeatures(features.cls, np.array([sample.label for sample in line.test]))


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
        self.product_line = line_chooser(lines)
        super().__init__()
        self.backbone, self.lines = backbone, dict(lines)
        self._prototypes = Recent(50)
        typed = "prompts, with ; between them and {} for the product"
        self.normal = text_box("normal prompts", normal, NORMAL_PROMPTS, typed)
        self.anomalous = text_box("anomalous prompts", anomalous, ANOMALOUS_PROMPTS, typed)
        self.temperature = widgets.FloatLogSlider(
            value=min(max(backbone.temperature, 1.0), 100.0),
            base=10,
            min=0,  # of the exponent: 1 to 100, and CLIP is never trained beyond 100
            max=2,
            step=0.05,
            description="temperature",
            continuous_update=False,
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
        normal, anomalous, told = self._prototypes.get(pair, lambda: self._encode(pair))
        # In double precision: in single, scores above 0.9999999 would all be one tie.
        scores = text_score(line.cls.double(), normal, anomalous, temperature).cpu().numpy()
        auroc = rounded(image_auroc(line.labels, scores))
        sides = f"{listed_quotes(pair.normal)} against {listed_quotes(pair.anomalous)}"
        picture = score_histogram(
            scores,
            line.labels,
            limits=(0.0, 1.0),
            caption=f"{name}, {sides}, temperature {rounded(temperature, 1)}",
        )
        result = (
            f"Image AUROC {auroc} for {name}, from {len(pair.normal)} normal and "
            f"{counted(len(pair.anomalous), 'anomalous prompt')}"
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
    found = [part.strip().replace("{}", name) for part in re.split(r"[;\n]", text)]
    found = [part for part in found if part]
    if not found:
        raise ValueError(f"type at least one {side} prompt; put ; between several")
    return tuple(found)


def listed_quotes(prompts: tuple[str, ...]) -> str:
    """The first prompt in quotes, and how many more there are."""
    more = f" and {len(prompts) - 1} more" if len(prompts) > 1 else ""
    return f'"{prompts[0]}"{more}'
