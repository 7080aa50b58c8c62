"""Galleries, anomaly maps and attention: what is drawn, and what the alt text says of it."""

from __future__ import annotations

from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from promptad_tutorial import figures
from promptad_tutorial.figures import AttentionShares, Illustration

RNG_SEED = 3
GRID = (3, 4)
TOKENS = 13


def pictures(count: int = 2) -> list[np.ndarray]:
    """Smooth pictures of 40 x 60 pixels."""
    ramp = np.linspace(0, 1, 60) * np.ones((40, 1))
    return [np.dstack([ramp, ramp[:, ::-1], np.full_like(ramp, i / count)]) for i in range(count)]


def half_mask() -> np.ndarray:
    mask = np.zeros((40, 60), dtype=bool)
    mask[:, :30] = True
    return mask


def half_map(inside: float, outside: float) -> np.ndarray:
    return np.where(half_mask()[::2, ::2], inside, outside)


def attention(seed: int = RNG_SEED) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(TOKENS), TOKENS)


def check_readable(shown: Illustration, limit: int = 150_000) -> None:
    """10 points or more, nothing cut off at the edge, off screen, and small."""
    with Image.open(BytesIO(shown.png)) as image:
        pixels = np.asarray(image.convert("RGB"))
    edge = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    assert all((line > 250).all() for line in edge)
    texts = [text for text in shown.figure.findobj(Text) if text.get_text()]
    assert len(texts) > 0 and min(text.get_fontsize() for text in texts) >= 10
    assert plt.get_fignums() == []
    assert len(shown.png) < limit
    assert len(shown.alt) >= 10


def test_panels_say_scores_and_the_map_inside_and_outside_the_mask() -> None:
    shown = figures.panels(
        pictures(3),
        [half_mask(), None, half_mask()],
        [half_map(0.8, 0.2), half_map(0.3, 0.3), half_map(0.6, 0.4)],
        ["scratch", "good", "a burn with a very long name"],
        [0.91, 0.125, 0.5],
        caption="Carpet",
    )
    assert shown.alt == (
        "Carpet. 3 pictures: image, mask, anomaly map and overlay. The outline on the overlay is "
        "the mask. On average the map is 0.70 inside the mask and 0.30 outside. Row 1, scratch: "
        "score 0.91, map 0.80 inside the mask and 0.20 outside. Row 2, good: score 0.13. Row 3, a "
        "burn with a very long name: score 0.50, map 0.60 inside the mask and 0.40 outside."
    )
    assert shown.alt.startswith(shown.caption)
    check_readable(shown)
    axes = np.array(shown.figure.axes[:12]).reshape(3, 4)
    assert [ax.get_title() for ax in axes[0]] == ["image", "mask", "anomaly map", "overlay"]
    assert axes[1, 0].get_ylabel() == "good\nscore 0.13"
    # one colour scale for all maps, and outlines only where there is a mask
    drawn = [ax.get_images()[-1] for ax in axes[:, 2:].flat]
    assert {(image.norm.vmin, image.norm.vmax) for image in drawn} == {(0.2, 0.8)}
    np.testing.assert_allclose(axes[0, 2].get_images()[0].get_array(), half_map(0.8, 0.2))
    assert [len(ax.collections) for ax in axes[:, 3]] == [1, 0, 1]
    assert all(not ax.collections for ax in axes[:, :3].flat)
    # the outline runs along the border of the mask: the left half
    x = axes[0, 3].collections[0].get_paths()[0].vertices[:, 0]
    assert -0.01 < x.min() < 0.01 and 0.49 < x.max() < 0.51
    # pictures keep their shape
    box = axes[2, 0].get_window_extent()  # after drawing
    assert box.height / box.width == pytest.approx(40 / 60, abs=0.02)


@pytest.mark.parametrize(
    ("masks", "maps", "kinds"),
    [
        (None, None, ["image"]),
        (half_mask(), None, ["image", "mask"]),
        (None, half_map(1, 0), ["image", "anomaly map", "overlay"]),
    ],
)
def test_panels_of_one_picture_with_only_some_parts(masks, maps, kinds) -> None:
    shown = figures.panels(pictures()[0], masks, maps)
    assert [ax.get_title() for ax in shown.figure.axes[: len(kinds)]] == kinds
    assert len(shown.figure.axes) == len(kinds) + (maps is not None)  # the colour bar
    assert shown.alt.startswith("1 picture") and shown.alt.count("inside") == 0
    check_readable(shown)


def test_panels_take_tensors_given_limits_and_constant_maps() -> None:
    shown = figures.panels(
        pictures(), maps=torch.full((2, 8, 8), 0.5, dtype=torch.bfloat16), limits=(0, 1)
    )
    norm = shown.figure.axes[1].get_images()[0].norm
    assert (norm.vmin, norm.vmax) == (0, 1)
    constant = figures.panels(pictures()[0], maps=np.full((8, 8), 0.5))
    check_readable(constant)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"masks": [half_mask()]}, "2 masks, one for each picture, found 1"),
        ({"masks": half_mask()}, "2 masks"),
        ({"masks": [half_mask()[0], None]}, r"each mask .*2 dimensions.*\(60,\)"),
        ({"masks": 3}, "2 masks"),
        ({"maps": [half_map(1, 0)] * 3}, "2 maps, one for each picture, found 3"),
        ({"maps": [np.full((4, 4), np.nan)] * 2}, "each anomaly map .*finite"),
        ({"maps": [[["a"]], [["b"]]]}, "each anomaly map to be numbers"),
        ({"maps": [half_map(1, 0)] * 2, "limits": (1, 0)}, r"low below high, found \(1, 0\)"),
        ({"titles": ["one"]}, "2 titles, found 1"),
        ({"titles": "two"}, "a list of texts"),
        ({"scores": [0.1]}, "2 scores, one for each picture, found 1"),
        ({"scores": [0.1, float("inf")]}, "scores to be finite"),
    ],
)
def test_panels_refuse_what_does_not_fit(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        figures.panels(pictures(), **arguments)


def test_panels_refuse_what_is_no_picture() -> None:
    for wrong in ([], "no_such_file.png", 3, torch.zeros(3, 8, 8)):
        with pytest.raises(ValueError, match="image"):
            figures.panels(wrong)


def test_side_by_side_maps_share_one_scale() -> None:
    shown = figures.side_by_side_maps(
        pictures()[0],
        {"plain": half_map(0.5, 0.4), "V-V": half_map(0.9, 0.1)},
        half_mask(),
        caption="Attention kinds",
    )
    assert shown.alt == shown.caption
    assert shown.alt == (
        "Attention kinds. One picture and 2 maps of it, the mask as an outline. plain: from 0.40 "
        "to 0.50, 0.50 inside the mask and 0.40 outside. V-V: from 0.10 to 0.90, 0.90 inside the "
        "mask and 0.10 outside."
    )
    norms = [ax.get_images()[0].norm for ax in shown.figure.axes[1:3]]
    assert {(norm.vmin, norm.vmax) for norm in norms} == {(0.1, 0.9)}
    assert all(len(ax.collections) == 1 for ax in shown.figure.axes[:3])
    check_readable(shown)
    check_readable(figures.side_by_side_maps(pictures()[0], {"plain": half_map(1, 0)}))
    for image, maps in ((pictures(2), {"plain": half_map(1, 0)}), (pictures()[0], {})):
        with pytest.raises(ValueError, match="one picture and at least one map"):
            figures.side_by_side_maps(image, maps)


def test_gallery_lays_pictures_out_row_by_row() -> None:
    titles = [f"kind {i}" for i in range(5)]
    shown = figures.gallery(pictures(5), titles, columns=3)
    assert shown.alt == ("5 pictures in 2 rows of 3: kind 0, kind 1, kind 2, kind 3 and kind 4.")
    assert shown.caption == "5 pictures in 2 rows of 3."
    used = [ax for ax in shown.figure.axes if ax.axison]
    assert [ax.get_title() for ax in used] == titles
    blue = [ax.get_images()[0].get_array()[0, 0, 2] for ax in used]
    np.testing.assert_allclose(blue, 255 * np.arange(5) / 5, atol=1)
    check_readable(shown)
    check_readable(figures.gallery(pictures(1)[0]))


def test_gallery_shrinks_large_pictures_and_refuses_bad_input() -> None:
    large = Image.new("RGB", (1000, 500))
    shown = figures.gallery([large], ["a title that is far too long for a picture of this size"])
    assert shown.figure.axes[0].get_images()[0].get_array().shape == (112, 224, 3)
    assert large.size == (1000, 500)
    check_readable(shown)
    for arguments, message in (
        ({"titles": ["a", "b"]}, "1 titles, found 2"),
        ({"columns": 0}, "at least 1 column"),
    ):
        with pytest.raises(ValueError, match=message):
            figures.gallery([large], **arguments)


def test_attention_shares_by_hand() -> None:
    weights = np.full((TOKENS, TOKENS), 0.0)
    middle = 1 + 1 * 4 + 1  # row 1, column 1
    weights[middle, 0] = 0.125  # CLS
    weights[middle, middle] = 0.25
    for row, column in ((0, 0), (2, 2), (1, 2)):
        weights[middle, 1 + row * 4 + column] = 0.125
    weights[middle, 1 + 1 * 4 + 3] = 0.25  # two columns away
    assert figures.attention_shares(weights, GRID, (1, 1)) == AttentionShares(
        itself=0.25, neighbours=0.375, neighbour_count=8, cls=0.125
    )
    even = np.full((TOKENS, TOKENS), 1 / TOKENS)
    for patch, count in (((0, 0), 3), ((0, 1), 5), ((2, 3), 3), ((1, 2), 8)):
        shares = figures.attention_shares(torch.tensor(even), GRID, patch)
        assert shares.neighbour_count == count
        assert shares.neighbours == pytest.approx(count / TOKENS)
        assert shares.itself == shares.cls == pytest.approx(1 / TOKENS)


def test_attention_picture_shows_a_column_for_each_kind() -> None:
    weights = {"q-k": attention(0), "v-v": 0.5 * attention(1) + 0.5 * np.eye(TOKENS)}
    shown = figures.attention_picture(pictures()[0], weights, GRID, (2, 1))
    image, *kinds = shown.figure.axes[:3]
    assert [image.get_title()] + [ax.get_title() for ax in kinds] == ["image", "q-k", "v-v"]
    for axes, matrix in zip(kinds, weights.values(), strict=True):
        drawn = axes.get_images()[-1]
        np.testing.assert_allclose(drawn.get_array(), matrix[1 + 2 * 4 + 1, 1:].reshape(GRID))
        assert drawn.norm.vmax == max(m[10, 1:].max() for m in weights.values())
    for axes in (image, *kinds):
        (frame,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
        assert frame.get_bbox().bounds == pytest.approx((1 / 4, 2 / 3, 1 / 4, 1 / 3))
    own = round(100 * weights["v-v"][10, 10])
    assert f"v-v: {own} % on itself" in shown.alt
    assert "(row 2, column 1 of 3 x 4)" in shown.alt and "its 5 neighbours" in shown.alt
    check_readable(shown)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch": (3, 0)}, r"0\.\.2, 0\.\.3 of the 3 x 4 grid, found \(3, 0\)"),
        ({"patch": (0, -1)}, "grid"),
        ({"grid": (4, 4)}, r"\(17, 17\).*found \(13, 13\)"),
        ({"weights": {"q-k": attention()[None]}}, "2 dimensions"),
        ({"weights": {"q-k": 10 * attention()}}, "after the softmax"),
        ({"weights": {}}, "0 kinds"),
        ({"image": pictures(2)}, "2 pictures"),
    ],
)
def test_attention_picture_refuses_what_does_not_fit(change, message) -> None:
    arguments = {"image": pictures()[0], "weights": {"q-k": attention()}, "grid": GRID}
    with pytest.raises(ValueError, match=message):
        figures.attention_picture(**(arguments | {"patch": (0, 0)} | change))
