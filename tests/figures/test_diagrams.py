"""Drawings of the method: nothing is cut or covered, and the numbers are those that came in."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.figures import diagrams
from promptad_tutorial.figures.boxes import KINDS
from promptad_tutorial.learning.config import PromptADConfig

PAPER = PromptADConfig()
MANY = replace(PAPER, n_normal_prompts=6, n_anomaly_suffixes=8, n_normal_tokens=16)
FEW = replace(PAPER, n_normal_prompts=1, n_anomaly_suffixes=1, states=("{} with rust",))


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("tiny")


def drawn(backbone, config):
    return {
        "two_towers": diagrams.two_towers(backbone),
        "prompt": diagrams.prompt_parts("circuit board", config),
        "concatenation": diagrams.concatenation(config),
        "two_paths": diagrams.two_paths(backbone, "q-k"),
        "pipeline": diagrams.pipeline(config),
    }


@pytest.mark.parametrize("config", [PAPER, MANY, FEW], ids=["paper", "many", "few"])
def test_words_fit_their_boxes_and_no_box_covers_another(backbone, config):
    for name, picture in drawn(backbone, config).items():
        canvas = FigureCanvasAgg(picture.figure)
        canvas.draw()
        (axes,) = picture.figure.axes
        boxes = [
            patch.get_window_extent(canvas.get_renderer())
            for patch in axes.patches
            if isinstance(patch, FancyBboxPatch)
        ]
        page = picture.figure.bbox
        for box in boxes:
            assert page.x0 <= box.x0 and box.x1 <= page.x1, (name, "outside")
            assert page.y0 <= box.y0 and box.y1 <= page.y1, (name, "outside")
        for one, other in combinations(boxes, 2):
            assert not one.overlaps(other), (name, one, other)
        for arrow in (p for p in axes.patches if isinstance(p, FancyArrowPatch)):
            begin, end = axes.transData.transform(np.array(arrow._posA_posB))
            for share in np.linspace(0.03, 0.97, 48):
                x, y = begin + share * (end - begin)
                assert not any(b.x0 < x < b.x1 and b.y0 < y < b.y1 for b in boxes), (name, x, y)
        texts = [text for text in axes.texts if text.get_text()]
        assert texts
        for text in texts:
            extent = text.get_window_extent(canvas.get_renderer())
            inside = [
                box.x0 <= extent.x0
                and extent.x1 <= box.x1
                and box.y0 <= extent.y0
                and extent.y1 <= box.y1
                for box in boxes
            ]
            assert any(inside), (name, text.get_text())
            assert " ".join(text.get_text().split()) in picture.alt or text.get_text() in (*KINDS,)


def test_numbers_are_those_of_the_backbone_and_the_configuration(backbone):
    towers = diagrams.two_towers(backbone).alt
    rows, columns = backbone.grid
    for said in (
        f"{backbone.image_size} x {backbone.image_size} px",
        f"{rows} x {columns} patches",
        f"{backbone.depth} blocks",
        f"z: {backbone.embed_dim} numbers",
        f"at most {backbone.context_length}",
    ):
        assert said in towers
    assert "6 contexts make 6 normal prompts" in diagrams.concatenation(MANY).alt
    assert f"{6 * len(MANY.states)} + 48 =" in diagrams.concatenation(MANY).alt
    assert "1 + 1 = 2 negatives" in diagrams.concatenation(FEW).alt
    assert "16 learnt tokens" in diagrams.prompt_parts("nut", MANY).alt
    assert "[P16]" in diagrams.prompt_parts("nut", MANY).alt
    assert "prompts, N = 6" in diagrams.pipeline(MANY).alt
    assert "q-k of block 1" in diagrams.two_paths(backbone, "q-k").alt


def test_one_negative_for_each_cell():
    axes = diagrams.concatenation(MANY).figure.axes[0]
    edge = KINDS["anomalous"][1]
    cells = [p for p in axes.patches if p.get_edgecolor() == to_rgba(edge)]
    key = 1  # the key's own box
    assert len(cells) - key == 6 * (len(MANY.states) + 8)


def test_the_hinge_is_the_loss():
    """Numbers in the words against the squared distances of the drawn points."""
    picture = diagrams.hinge(0.3)
    found = [float(x) for x in re.findall(r"-?\d+\.\d\d", picture.alt)]
    for begin in (0, 3):
        normal, anomalous, value = found[begin : begin + 3]
        assert value == pytest.approx(max(0.0, normal - anomalous + 0.3), abs=0.011)
    angles = np.radians([72.0 - 62.0, 72.0 - 20.0])
    assert found[:2] == pytest.approx(list(2 - 2 * np.cos(angles)), abs=0.006)
    assert "margin 0.3" in picture.alt
