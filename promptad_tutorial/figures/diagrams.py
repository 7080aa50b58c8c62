"""Drawings of CLIP and of PromptAD; numbers come from a `Backbone` and a `PromptADConfig`.

Figures know no other room: a drawing reads the attributes that it shows.
"""

from __future__ import annotations

from typing import Any

from promptad_tutorial.figures.boxes import Box, Panel, drawn
from promptad_tutorial.figures.illustration import Illustration
from promptad_tutorial.figures.wording import counted, listed


def two_towers(backbone: Any) -> Illustration:
    """CLIP: a picture and a sentence, each through its frozen tower, into one space."""
    b, (rows, columns) = backbone, backbone.grid
    image = f"image tower\n{b.depth} blocks, width {b.width}"
    text = f"text tower\n{len(b.text.blocks)} blocks, width {b.text_width}"
    boxes = {
        "picture": Box(f"picture\n{b.image_size} x {b.image_size} px", 0.7, 1.75, 1.15, 0.55),
        "patches": Box(f"{rows} x {columns} patches\nand CLS", 2.13, 1.75, 1.3, 0.55),
        "image": Box(image, 3.8, 1.75, 1.65, 0.55, "frozen"),
        "z": Box(f"z\n{b.embed_dim} numbers", 5.38, 1.75, 1.05, 0.55),
        "sentence": Box("sentence", 0.7, 0.72, 1.15, 0.55),
        "tokens": Box(f"tokens,\nat most {b.context_length}", 2.13, 0.72, 1.3, 0.55),
        "text": Box(text, 3.8, 0.72, 1.65, 0.55, "frozen"),
        "g": Box(f"g\n{b.embed_dim} numbers", 5.38, 0.72, 1.05, 0.55),
        "product": Box("<z, g>", 6.45, 1.235, 0.8),
    }
    return drawn(
        boxes,
        ("picture > patches > image > z", "sentence > tokens > text > g"),
        2.15,
        "CLIP: a picture and a sentence become unit vectors of the same space, whose product says "
        "how well they fit. Both towers are frozen.",
        bent=("z > product", "g > product"),
    )


def two_paths(backbone: Any, kind: str = "v-v") -> Illustration:
    """The two paths of V-V attention: the second takes attention alone, from the first."""
    last = backbone.depth
    boxes = {
        "tokens": Box("patches\nand CLS", 0.58, 2.28, 0.85, 0.55),
        "same": Box("the same\ntokens", 0.58, 0.86, 0.85, 0.55),
        "z": Box("CLS: z", 6.46, 2.28, 0.8, 0.55),
        "patches": Box("patches:\nZ", 6.46, 0.86, 0.8, 0.55),
    }
    above, below, across = "tokens", "tokens > same", []
    for number, x in zip(sorted({1, last}), (2.06, 4.66), strict=False):
        own, other = (f"block {number}:\n{letters} attention" for letters in ("q-k", kind))
        boxes[f"own {number}"] = Box(own, x, 2.28, 1.2, 0.55, "frozen")
        boxes[f"mlp {number}"] = Box("MLP", x + 0.99, 2.28, 0.45, 0.55, "frozen")
        boxes[f"other {number}"] = Box(other, x, 1.5, 1.2, 0.55, "frozen")
        boxes[f"add {number}"] = Box("+", x, 0.86, 0.34)
        across.append(f"{above.split(' > ')[-1]} > other {number} > add {number}")
        above += f" > own {number} > mlp {number}"
        below += f" > add {number}"
        if number == 1 and last > 2:
            boxes |= {f"dots {y}": Box("...", 3.66, y, 0.3) for y in (0.86, 2.28)}
            above, below = f"{above} > dots 2.28", f"{below} > dots 0.86"
    return drawn(
        boxes,
        (f"{above} > z", f"{below} > patches", *across),
        2.98,
        f"Two paths through {counted(last, 'frozen block')}. The untouched one is CLIP. The second "
        f"adds to the same tokens what the {kind} attention of each block makes of the untouched "
        "tokens that enter this block, and has no MLP.",
        (
            Panel("untouched path", 1.33, 1.94, 5.96, 2.9),
            Panel("second path", 1.33, 0.38, 5.96, 1.84, title_below=True),
        ),
    )


def pipeline(backbone: Any, config: Any) -> Illustration:
    """The whole of PromptAD: two levels of prompts, the visual memory, and how they are fused.

    ValueError for a configuration without the memory or without negatives.
    """
    c = config
    suffixes = len(dict.fromkeys(c.states)) + c.n_anomaly_suffixes
    if not c.use_memory or not suffixes:
        raise ValueError(
            "the drawing shows both branches: expected use_memory=True and states or learnt "
            f"suffixes, found use_memory={c.use_memory} and {suffixes} suffixes"
        )
    blocks = listed([str(number) for number in backbone.memory_blocks])
    boxes = {
        "good": Box("good\npictures", 0.56, 3.25, 0.85, 0.55, "normal"),
        "test": Box("test\npicture", 0.56, 2.05, 0.85, 0.55),
        "tower": Box("image\ntower", 1.53, 2.66, 0.62, 4.48, "frozen"),
        "z": Box("z", 2.41, 3.72, 0.4),
        "score": Box("text score", 4.83, 3.72, 0.95),
        "tokens": Box(f"tokens after\nblocks {blocks}", 2.98, 2.81, 1.54, 0.5),
        "memory": Box("memory: those of\ngood pictures", 2.98, 2.24, 1.54, 0.5, "normal"),
        "visual": Box("visual map", 4.83, 2.525, 0.95),
        "patches": Box("V-V patches", 2.76, 1.55, 1.1),
        "map": Box("text map", 4.83, 1.55, 0.95),
        "maximum": Box("maximum", 6.33, 3.0, 0.95),
        "fused score": Box("harmonic\nfusion", 6.33, 3.72, 0.95, 0.5),
        "image score": Box("image score", 6.33, 4.4, 1.1, 0.36, "anomalous"),
        "fused map": Box("harmonic\nfusion", 6.33, 1.55, 0.95, 0.5),
        "pixel map": Box("pixel map", 6.33, 0.88, 1.1, 0.36, "anomalous"),
    }
    levels = ("image", c.n_normal_prompts, 4.33), ("pixel", c.n_normal_prompts_pixel, 0.95)
    for level, n, y in levels:
        told = f"{n} normal, {n * suffixes}\nnegative prompts"
        boxes[f"{level} prompts"] = Box(told, 2.91, y, 1.4, 0.5, "learnt")
        boxes[f"{level} text"] = Box("text\ntower", 4.1, y, 0.5, 0.5, "frozen")
        boxes[f"{level} w"] = Box("w_n, w_a", 4.93, y, 0.75)
    return drawn(
        boxes,
        (
            "good > tower > z > score > fused score > image score",
            "test > tower > memory > visual > maximum > fused score",
            "tower > tokens > visual",
            "tower > patches > map > fused map > pixel map",
            "image prompts > image text > image w > score",
            "pixel prompts > pixel text > pixel w > map",
        ),
        4.98,
        "PromptAD: the image score is the harmonic fusion of the text score with the highest "
        "place of the visual map; the pixel map that of the text map with the visual map. Prompts "
        "learn from the good pictures, and the memory keeps their tokens.",
        (
            Panel("prompt-guided branch, image level", 2.08, 3.45, 5.47, 4.9),
            Panel("vision-guided branch", 2.08, 1.92, 5.47, 3.34),
            Panel("prompt-guided branch, pixel level", 2.08, 0.42, 5.47, 1.81, title_below=True),
        ),
        bent=("visual > fused map",),
    )
