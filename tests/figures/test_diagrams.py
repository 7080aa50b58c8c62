"""Drawings of the method: nothing is cut or covered, and the numbers are those that came in."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations, pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.transforms import Bbox

from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.figures import diagrams, prompt_diagrams
from promptad_tutorial.figures.boxes import KINDS, PANEL
from promptad_tutorial.figures.hinge import hinge
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.prompts.structure import semantic_concatenation

PAPER = PromptADConfig()
MANY = replace(PAPER, n_normal_prompts=6, n_anomaly_suffixes=8, n_normal_tokens=16)
FEW = replace(PAPER, n_normal_prompts=1, n_anomaly_suffixes=1, states=("rusty {}",))
WORDY = replace(
    PAPER,
    n_normal_prompts=12,
    n_normal_prompts_pixel=10,
    n_anomaly_tokens=3,
    states=(*(f"{{}} with a big crack on side {i}" for i in range(29)), "{} 有划痕的"),
    n_anomaly_suffixes=20,
)
CONFIGS = {"paper": PAPER, "many": MANY, "few": FEW, "wordy": WORDY}
NAMES = {
    "paper": "hexagon nut",
    "many": "printed circuit board",
    "few": "nut",
    "wordy": "铜螺母 " * 3,
}


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("tiny")


def drawn(backbone, config, name):
    normal = replace(config, states=(), n_anomaly_suffixes=0)
    return {
        "two_towers": diagrams.two_towers(backbone),
        "prompt": prompt_diagrams.prompt(backbone, name, config),
        "normal prompt": prompt_diagrams.prompt(backbone, name, normal),
        "concatenation": prompt_diagrams.concatenation(config),
        "only normal": prompt_diagrams.concatenation(normal),
        "two_paths": diagrams.two_paths(backbone, "q-k"),
        "pipeline": diagrams.pipeline(backbone, config),
    }


def within(inner: Bbox, outer: Bbox) -> bool:
    return (
        outer.x0 <= inner.x0
        and inner.x1 <= outer.x1
        and outer.y0 <= inner.y0
        and inner.y1 <= outer.y1
    )


def extents(picture):
    """Boxes and panels, texts with their words, and the corners of arrows, in pixels."""
    canvas = FigureCanvasAgg(picture.figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    (axes,) = picture.figure.axes
    shapes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    panels = [s.get_window_extent() for s in shapes if s.get_facecolor() == to_rgba(PANEL[0])]
    boxes = [s.get_window_extent() for s in shapes if s.get_facecolor() != to_rgba(PANEL[0])]
    texts = [(t.get_text(), t.get_window_extent(renderer)) for t in axes.texts if t.get_text()]
    lines = [
        axes.transData.transform(patch._path_original.vertices)
        for patch in axes.patches
        if isinstance(patch, FancyArrowPatch)
    ]
    (caption,) = picture.figure.texts
    return boxes, panels, texts, lines, caption.get_window_extent(renderer)


@pytest.mark.parametrize("which", CONFIGS)
def test_words_fit_their_boxes_and_nothing_covers_anything(backbone, which):
    for name, picture in drawn(backbone, CONFIGS[which], NAMES[which]).items():
        boxes, panels, texts, lines, caption = extents(picture)
        page = Bbox.from_extents(0, caption.y1, *picture.figure.bbox.max)
        free = []  # titles, notes and the key: words that stand in no box
        assert boxes and texts
        for shape in (*boxes, *panels):
            assert within(shape, page), (name, "outside")
        for one, other in (*combinations(boxes, 2), *combinations(panels, 2)):
            assert not one.overlaps(other), (name, one, other)
        for box, panel in ((box, panel) for box in boxes for panel in panels):
            assert within(box, panel) or not box.overlaps(panel), (name, box, panel)
        for words, extent in texts:
            assert within(extent, page), (name, words)
            if not any(within(extent, box) for box in boxes):
                assert not any(extent.overlaps(box) for box in boxes), (name, words)
                assert all(within(extent, p) or not extent.overlaps(p) for p in panels), words
                free.append(extent)
            plain = " ".join(words.replace("$", "").split())
            assert plain in picture.alt or plain in KINDS, (name, plain)
        for (_, one), (_, other) in combinations(texts, 2):
            assert not one.overlaps(other), name
        for line in lines:
            for begin, end in pairwise(line):
                steps = begin + np.linspace(0.03, 0.97, 48)[:, None] * (end - begin)
                for block in (*boxes, *free):
                    inside = (steps > block.min) & (steps < block.max)
                    assert not inside.all(axis=1).any(), (name, block)


def test_numbers_are_those_of_the_backbone(backbone):
    rows, columns = backbone.grid
    towers = diagrams.two_towers(backbone).alt
    for said in (
        f"{backbone.image_size} x {backbone.image_size} px",
        f"{rows} x {columns} patches",
        f"image tower {backbone.depth} blocks, width {backbone.width}",
        f"text tower {len(backbone.model.transformer.resblocks)} blocks, "
        f"width {backbone.text_width}",
        f"z {backbone.embed_dim} numbers",
        f"at most {backbone.context_length}",
    ):
        assert said in towers
    blocks = " and ".join(map(str, backbone.memory_blocks))
    assert f"tokens after blocks {blocks}" in diagrams.pipeline(backbone, PAPER).alt


def test_vectors_of_a_prompt_are_those_of_the_learner(backbone):
    """Summed over the cells of each drawn prompt, against the tokenizer and the configuration."""
    picture = prompt_diagrams.prompt(backbone, "hexagon nut", MANY)
    found = [int(n) for n in re.findall(r"(\d+) vectors?(?=,)", picture.alt)]
    name, state = (len(backbone.text.tokenizer.encode(w)) for w in ("hexagon nut", "with flaw"))
    # equal cells of the three prompts are told once: [start], context, name, end, state, suffix
    assert sorted(found) == sorted([1, 16, name, 2, state, MANY.n_anomaly_tokens])
    whole = backbone.tokenize(["hexagon nut with flaw."])
    assert 1 + name + state + 2 == int(backbone.eot_positions(whole)[0]) + 1


def test_a_state_before_the_name_is_drawn_before_it(backbone):
    alt = prompt_diagrams.prompt(backbone, "nut", FEW).alt
    assert alt.index("rusty") < alt.index("Arrows")
    texts = prompt_diagrams.prompt(backbone, "nut", FEW).figure.axes[0].texts
    x = {
        t.get_text().split("\n")[0]: t.get_position()[0] for t in texts if "vector" in t.get_text()
    }
    row = next(t.get_position()[1] for t in texts if t.get_text().startswith("rusty"))
    nut = next(t for t in texts if t.get_text().startswith("nut") and t.get_position()[1] == row)
    assert x["context"] < x["rusty"] < nut.get_position()[0]


@pytest.mark.parametrize("which", CONFIGS)
def test_prompts_are_counted_as_semantic_concatenation_makes_them(backbone, which):
    c = CONFIGS[which]
    made = semantic_concatenation("nut", c.n_normal_prompts, 4, c.states, c.n_anomaly_suffixes)
    alt = prompt_diagrams.concatenation(c).alt
    for said in (
        f"N = {len(made.normal)}",
        f"N x M = {len(made.manual)} MAP",
        f"N x L = {len(made.learnt)} LAP",
        f"= {len(made.anomalous)} negatives",
    ):
        assert said in alt
    whole = diagrams.pipeline(backbone, c).alt
    assert f"{len(made.normal)} normal, {len(made.anomalous)} negative prompts" in whole
    per_context = len(made.anomalous) // c.n_normal_prompts
    n = c.n_normal_prompts_pixel
    assert f"{n} normal, {n * per_context} negative prompts" in whole


def test_a_state_that_comes_twice_counts_once():
    twice = replace(PAPER, states=("{} with rust", "{} with rust"))
    assert "M = 1 states" in prompt_diagrams.concatenation(twice).alt


def test_one_negative_for_each_cell():
    axes = prompt_diagrams.concatenation(MANY).figure.axes[0]
    edge = KINDS["anomalous"][1]
    cells = [p for p in axes.patches if p.get_edgecolor() == to_rgba(edge)]
    key = 1  # the key's own box
    assert len(cells) - key == 6 * (len(MANY.states) + 8)


@pytest.mark.parametrize("depth", [1, 2, 3, 12])
def test_the_second_path_takes_its_attention_from_what_enters_a_block(depth):
    alt = diagrams.two_paths(SimpleNamespace(depth=depth)).alt
    arrows = alt.split("Arrows: ")[1].split(". ")[0]
    assert "patches and CLS to block 1: v-v attention" in alt
    assert "attention to block" not in alt and "MLP to +" not in alt
    assert ("..." in arrows) == (depth > 2)
    if depth > 1:
        entering = "..." if depth > 2 else "MLP"
        for letters in ("q-k", "v-v"):
            assert f"{entering} to block {depth}: {letters} attention" in alt


def test_the_image_score_has_no_part_of_the_pixel_prompts(backbone):
    """Along the arrows, backwards from the image score: method section 3."""
    alt = diagrams.pipeline(backbone, PAPER).alt
    assert "visual map to maximum" in alt and "maximum to harmonic fusion" in alt
    assert "text score to harmonic fusion" in alt and "harmonic fusion to image score" in alt
    assert "text map to maximum" not in alt


@pytest.mark.parametrize("change", [{"use_memory": False}, {"states": (), "n_anomaly_suffixes": 0}])
def test_the_whole_needs_both_branches(backbone, change):
    with pytest.raises(ValueError, match="shows both branches"):
        diagrams.pipeline(backbone, replace(PAPER, **change))


def test_kinds_can_be_told_apart_in_grey():
    looks = []
    for fill, _, width, dashes in KINDS.values():
        grey = float(np.dot(to_rgb(fill), (0.299, 0.587, 0.114)))
        assert grey > 0.75  # black words on it have contrast enough
        looks.append((grey, width, dashes))
    for (grey, width, dashes), (grey_too, width_too, dashes_too) in combinations(looks, 2):
        assert dashes != dashes_too or abs(width - width_too) >= 1 or abs(grey - grey_too) > 0.05


@pytest.mark.parametrize("margin", [0.0, 0.3, -0.4])
def test_the_hinge_is_the_loss(margin):
    """Numbers in the words, points and the line against the squared distances of what is drawn."""
    picture = hinge(margin)
    sphere, line = picture.figure.axes
    ends = [np.array(t.xy) for t in sphere.texts if not t.get_text()]  # of the arrows
    dots = [np.array(one.get_xydata()[0]) for one in sphere.lines if one.get_marker() == "o"]
    marks = [one.get_xydata()[0] for one in line.lines if one.get_marker() == "o"]
    told = [float(x) for x in re.findall(r"(?<![\w])\d+\.\d\d", picture.alt)]
    for number, (z, mark) in enumerate(zip(dots, marks, strict=True)):
        normal, anomalous = (np.square(z - end).sum() for end in ends)
        loss = max(0.0, normal - anomalous + margin)
        assert mark == pytest.approx([normal - anomalous, loss])
        assert told[3 * number : 3 * number + 3] == pytest.approx(
            [normal, anomalous, loss], abs=0.006
        )
    quiet, acts = (one.get_xydata() for one in line.lines if one.get_label().startswith("hinge"))
    assert np.nanmax(quiet[:, 1]) == 0 and np.nanmin(acts[:, 1]) > 0
    assert f"margin {margin:g}" in picture.alt


def test_words_of_the_hinge_are_on_the_page_and_apart():
    for margin in (0.0, 0.5, -0.4):
        picture = hinge(margin)
        canvas = FigureCanvasAgg(picture.figure)
        canvas.draw()
        for axes in picture.figure.axes:
            found = [t.get_window_extent(canvas.get_renderer()) for t in axes.texts if t.get_text()]
            assert len(found) in (2, 4)
            assert all(within(extent, picture.figure.bbox) for extent in found)
            assert not any(one.overlaps(other) for one, other in combinations(found, 2))
