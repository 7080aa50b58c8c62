"""Move over the patches of a picture and see where each attends: q-k beside v-v and the others."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import ipywidgets as widgets
import numpy as np
from jaxtyping import Float
from PIL import Image

from promptad_tutorial.clip.attention import ATTENTION_KINDS, check_kind
from promptad_tutorial.explorers.base import Explorer
from promptad_tutorial.figures import Illustration, attention_picture, attention_shares
from promptad_tutorial.figures.wording import counted, percent
from promptad_tutorial.files.pictures import list_images, read_image

_KEPT = 40  # attention matrices: 0.2 MB each for 15 x 15 patches


class AttentionExplorer(Explorer):
    """Where one patch attends in one block, for plain and for V-V attention.

    Controls: `image` (its number, from 0), `block` (from 1), `row` and `column` of the patch (from
    0, top left) and `kind` of attention. The status says how much of the attention stays on the
    patch itself and how much goes to its neighbours.
    """

    def __init__(self, backbone: Any, images: Any, kind: str = "q-k", block: int = 1) -> None:
        """`images`: one or many of anything that `images.read_image` takes.

        Raises ImageError for what is no picture, ValueError for an unknown kind or block.
        """
        check_kind(kind)
        if not 1 <= block <= backbone.depth:
            raise ValueError(f"expected a block in 1..{backbone.depth}, found {block}")
        super().__init__()
        self.backbone = backbone
        size = (backbone.image_size, backbone.image_size)
        # read once, and squashed as the backbone squashes: then patches lie where they are drawn
        self._pictures = [read_image(source) for source in list_images(images)]
        self._shown = [picture.resize(size, Image.Resampling.BICUBIC) for picture in self._pictures]
        self._weights = lru_cache(_KEPT)(self._attention)
        rows, columns = backbone.grid
        slider = widgets.IntSlider  # (value, lowest, highest)
        self.image = slider(0, 0, len(self._pictures) - 1, description="image")
        self.block = slider(block, 1, backbone.depth, description="block")
        self.row = slider(rows // 2, 0, rows - 1, description="patch row")
        self.column = slider(columns // 2, 0, columns - 1, description="patch column")
        kinds = sorted(ATTENTION_KINDS, key=lambda name: name != "q-k")  # CLIP's own first
        self.kind = widgets.Dropdown(options=kinds, value=kind, description="attention")
        self.start(self.image, self.block, self.row, self.column, self.kind)

    def draw(
        self, number: int, block: int, row: int, column: int, kind: str
    ) -> tuple[Illustration, str]:
        """The patch's attention over the picture; the shares nearby as the status."""
        patch, grid = (row, column), self.backbone.grid
        weights = self._weights(number, block, kind)
        shares = attention_shares(weights, grid, patch)
        caption = f"Picture {number}, block {block}"
        picture = attention_picture(self._shown[number], {kind: weights}, grid, patch, caption)
        even = 1 / len(weights)
        status = (
            f"Block {block}, {kind}: patch ({patch[0]}, {patch[1]}) keeps {percent(shares.itself)} "
            f"of its attention on itself and gives {percent(shares.neighbours)} to its "
            f"{counted(shares.neighbour_count, 'neighbour')}. Spread evenly over all tokens it "
            f"would be {percent(even)} and {percent(even * shares.neighbour_count)}."
        )
        return picture, status

    def _attention(self, number: int, block: int, kind: str) -> Float[np.ndarray, "t t"]:
        weights = self.backbone.attention_weights(self._pictures[number], block, kind)
        return weights[0].cpu().numpy()
