"""Trap 15 of method section 4: pictures go to 1024 x 1024 before they go to the tower's size."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from promptad_tutorial.files.pictures import read_image

SIDE = 1024


def through_1024(source: Any) -> Image.Image:
    """A picture (see `read_image`) squashed to 1024 x 1024: bilinear, without anti-aliasing.

    Of a larger picture it leaves pixels out. Rounded to 8 bits, as the released code does before it
    resizes again. Raises ImageError for what is no picture, a ready tensor included.
    """
    pixels = torch.from_numpy(np.array(read_image(source))).permute(2, 0, 1)[None].float()
    large = functional.interpolate(pixels, (SIDE, SIDE), mode="bilinear", align_corners=False)
    whole = large[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(whole.numpy()))
