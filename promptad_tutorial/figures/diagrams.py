"""Drawings of the method, whose numbers come from a `Backbone` and a `PromptADConfig`.

Figures know no other room: a drawing reads the attributes that it shows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from promptad_tutorial.figures.boxes import WIDTH, Box, drawn
from promptad_tutorial.figures.illustration import Illustration, blank_axes, illustrate
from promptad_tutorial.figures.palette import ANOMALOUS_COLOUR, FONT_SIZE, GOOD_COLOUR


def two_towers(backbone: Any) -> Illustration:
    """CLIP: a picture and a sentence, each through its frozen tower, into one space."""
    b, (rows, columns) = backbone, backbone.grid
    boxes = (
        Box(f"picture\n{b.image_size} x {b.image_size} px", 0.85, 1.85, 1.3, 0.55),
        Box(f"{rows} x {columns} patches\nand CLS", 2.5, 1.85, 1.3, 0.55),
        Box(f"image tower\n{b.depth} blocks", 4.1, 1.85, 1.3, 0.55, "frozen"),
        Box(f"z: {b.embed_dim} numbers", 6.0, 1.85, 1.5, 0.4),
        Box("sentence", 0.85, 0.72, 1.3, 0.4),
        Box(f"tokens,\nat most {b.context_length}", 2.5, 0.72, 1.3, 0.55),
        Box("text tower", 4.1, 0.72, 1.3, 0.55, "frozen"),
        Box(f"w: {b.embed_dim} numbers", 6.0, 0.72, 1.5, 0.4),
        Box("<z, w>", 6.0, 1.29, 0.9, 0.34),
    )
    arrows = ((0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7), (3, 8), (7, 8))
    return drawn(
        boxes,
        arrows,
        2.25,
        "CLIP: a picture and a sentence become unit vectors of the same space, whose product says "
        "how well they fit. Both towers are frozen.",
    )


def prompt_parts(name: str, config: Any, suffix: str = "with flaw") -> Illustration:
    """A normal prompt and a negative one: what is learnt, what is written, what becomes of it."""
    n, a = config.n_normal_tokens, config.n_anomaly_tokens
    boxes = (
        Box(f"[P1] .. [P{n}]", 0.8, 1.75, 1.3, kind="learnt"),
        Box(name, 2.4, 1.75, 1.3, kind="frozen"),
        Box("normal prompt", 6.1, 1.75, 1.4, kind="normal"),
        Box("the same\ncontext", 0.8, 1.05, 1.3, 0.55, "learnt"),
        Box(f"{name} ", 2.4, 1.05, 1.3, kind="frozen"),
        Box(suffix, 3.8, 1.3, 1.2, kind="frozen"),
        Box(f"[A1] .. [A{a}]" if a > 1 else "[A1]", 3.8, 0.8, 1.2, kind="learnt"),
        Box("manual negative", 6.1, 1.3, 1.5, kind="anomalous"),
        Box("learnt negative", 6.1, 0.8, 1.5, kind="anomalous"),
    )
    arrows = ((0, 1), (1, 2), (3, 4), (4, 5), (4, 6), (5, 7), (6, 8))
    return drawn(
        boxes,
        arrows,
        2.1,
        f"Prompts token by token: {n} learnt tokens and the product's name make a normal prompt; "
        "an anomaly suffix behind it, of words or of learnt tokens, makes a negative. Only the "
        "green tokens learn; each prompt goes through the frozen text tower.",
    )


def concatenation(config: Any) -> Illustration:
    """Every context with every suffix: N normal prompts, N * M manual and N * L learnt ones."""
    n, m, k = config.n_normal_prompts, len(config.states), config.n_anomaly_suffixes
    side = min(0.36, 4.2 / max(1, m + k))
    groups = []  # head, count, left edge, width
    left = 2.0
    for word, count, kind in (("written", m, "frozen"), ("learnt", k, "learnt")):
        width = max(1.0, count * side)
        groups += [(f"{count} {word}", count, left, width, kind)] * (count > 0)
        left += (width + 0.2) * (count > 0)
    boxes = []
    top = 0.75 + n * 0.45
    for row in range(n):
        y = top - (row + 1) * 0.45
        boxes.append(Box(f"context {row + 1}", 0.65, y, 1.0, 0.34, "learnt"))
        boxes.append(Box(f"N{row + 1}", 1.5, y, 0.42, 0.34, "normal"))
        for _, count, begin, width, _ in groups:
            step = width / count
            places = (begin + (column + 0.5) * step for column in range(count))
            boxes += [Box("", x, y, min(0.3, 0.8 * step), 0.34, "anomalous") for x in places]
    for word, _, begin, width, kind in groups:
        boxes.append(Box(word, begin + width / 2, top, width - 0.06, 0.34, kind))
    return drawn(
        boxes,
        (),
        top + 0.3,
        f"Semantic concatenation: {n} contexts make {n} normal prompts, and with {m} written and "
        f"{k} learnt suffixes {n * m} + {n * k} = {n * (m + k)} negatives, without a picture of "
        "a defect.",
    )


def two_paths(backbone: Any, kind: str = "v-v") -> Illustration:
    """The two paths of V-V attention: the second takes attention alone, from the first."""
    boxes = [Box("patches\nand CLS", 0.6, 1.3, 0.95, 0.55)]
    arrows = []
    shown = ("block 1", "block 2", f"block {backbone.depth}")
    for i, word in enumerate(shown):
        x = 2.0 + 1.35 * i
        boxes.append(Box(f"{word}:\nq-k, MLP", x, 1.85, 1.05, 0.55, "frozen"))
        boxes.append(Box(f"+ {kind} of\n{word}", x, 0.75, 1.05, 0.55, "frozen"))
        first, second = 1 + 2 * i, 2 + 2 * i
        arrows += [(first - 2 if i else 0, first), (second - 2 if i else 0, second)]
        arrows.append((first, second))
    boxes += [Box("CLS: z", 6.3, 1.85, 0.9), Box("patches", 6.3, 0.75, 0.9)]
    arrows += [(5, 7), (6, 8)]
    return drawn(
        boxes,
        arrows,
        2.25,
        f"Two paths through {backbone.depth} frozen blocks: the untouched one is CLIP and gives "
        f"the image embedding; the second adds to the same tokens only the {kind} attention, "
        "computed from the untouched path, and no MLP. It gives the patches.",
    )


def pipeline(config: Any) -> Illustration:
    """The whole of PromptAD: the text branch, the visual memory, and how both become scores."""
    n, p = config.n_normal_prompts, config.n_normal_prompts_pixel
    boxes = (
        Box("test picture", 0.65, 2.15, 1.15),
        Box("good pictures", 0.65, 1.35, 1.15),
        Box("image tower", 2.0, 1.75, 1.1, kind="frozen"),
        Box("z", 3.4, 2.95, 0.5),
        Box("block tokens", 3.4, 2.2, 1.15),
        Box("memory of good\nblock tokens", 3.4, 1.6, 1.4, 0.52, "normal"),
        Box("V-V patches", 3.4, 0.75, 1.1),
        Box(f"prompts, N = {n}", 4.9, 3.5, 1.4, kind="learnt"),
        Box("text score", 4.9, 2.95, 1.0),
        Box("visual map", 4.9, 1.75, 1.0),
        Box("text map", 4.9, 0.75, 1.0),
        Box(f"prompts, N = {p}", 6.25, 0.75, 1.3, kind="learnt"),
        Box("image score", 6.3, 2.25, 1.1, kind="anomalous"),
        Box("pixel map", 6.3, 1.35, 1.1, kind="anomalous"),
    )
    arrows = (
        *((0, 2), (1, 2), (2, 3), (2, 4), (2, 5), (2, 6), (3, 8), (7, 8), (4, 9), (5, 9)),
        *((6, 10), (11, 10), (8, 12), (9, 12), (9, 13), (10, 13)),
    )
    return drawn(
        boxes,
        arrows,
        3.85,
        "PromptAD: the image score is the harmonic fusion of the text score with the highest "
        "place of the visual map; the pixel map that of the text map with the visual map. Prompts "
        "learn from good pictures, the memory keeps their patches, everything grey is frozen.",
    )


def hinge(margin: float = 0.0) -> Illustration:
    """The explicit anomaly margin on the sphere: two distances, and when the hinge acts."""
    figure, axes = blank_axes(WIDTH, 3.2, 1, 2)
    angles = {"w_n": 62.0, "w_a": 20.0}
    told = []
    for ax, (word, angle) in zip(axes, (("good side", 72.0), ("wrong side", 33.0)), strict=True):
        ends = {
            k: np.array([np.cos(np.radians(v)), np.sin(np.radians(v))]) for k, v in angles.items()
        }
        z = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        turn = np.radians(np.linspace(-5, 100, 100))
        ax.plot(np.cos(turn), np.sin(turn), color="0.6")
        to = {k: float(((z - end) ** 2).sum()) for k, end in ends.items()}
        value = max(0.0, to["w_n"] - to["w_a"] + margin)
        for (k, end), colour in zip(ends.items(), (GOOD_COLOUR, ANOMALOUS_COLOUR), strict=True):
            ax.plot([0, end[0]], [0, end[1]], color=colour, linewidth=2)
            ax.plot([z[0], end[0]], [z[1], end[1]], color=colour, linestyle="--")
            ax.annotate(
                f"${k[0]}_{k[2]}$", 1.13 * end, ha="center", va="center", fontsize=FONT_SIZE
            )
        ax.plot(*z, "o", color="black")
        ax.annotate("z", 1.13 * z, ha="center", va="center", fontsize=FONT_SIZE)
        ax.set(xlim=(-0.1, 1.25), ylim=(-0.1, 1.25), xticks=[], yticks=[])
        ax.set_aspect("equal")
        acts = "acts" if value else "does nothing"
        ax.set_title(
            f"{word}: d(z, $w_n$) - d(z, $w_a$) = {to['w_n'] - to['w_a']:.2f}\nthe hinge {acts}",
            fontsize=FONT_SIZE,
        )
        ax.axis("off")
        told.append(
            f"with z on the {word} the squared distances are {to['w_n']:.2f} to w_n and "
            f"{to['w_a']:.2f} to w_a, and the hinge is {value:.2f}"
        )
    rule = f"The margin loss is relu(d(z, w_n) - d(z, w_a) + margin), here with margin {margin:g}"
    return illustrate(figure, rule, "; ".join(told).capitalize(), short=[rule])
