"""Shapes against closed forms, cells against brute force, clouds against a slow sum of waves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from workshop.minifactory.canvas import Canvas, inside, moved, place, smoothstep
from workshop.minifactory.noise import HIGHEST, cells, fractal, per_cell
from workshop.minifactory.shapes import box, circle, path, polygon, ring, rod

CANVAS = Canvas(40)
X, Y = CANVAS.u, CANVAS.v


def distance_to(outline: np.ndarray) -> np.ndarray:
    """Brute force: distance of every pixel to the nearest of many points (n, 2) of an outline."""
    steps = np.stack([X, Y], axis=-1)[:, :, None] - outline
    return np.hypot(steps[..., 0], steps[..., 1]).min(axis=-1)


def along(corners: np.ndarray, each: int = 400) -> np.ndarray:
    """Points on the closed broken line through the corners (n, 2)."""
    share = np.linspace(0, 1, each, endpoint=False)[:, None]
    ends = zip(corners, np.roll(corners, -1, axis=0), strict=True)
    return np.concatenate([a + share * (b - a) for a, b in ends])


def test_circle_and_ring_are_distances_to_circles():
    away = np.hypot(X, Y)
    np.testing.assert_allclose(circle(X, Y, 0.5), away - 0.5, atol=1e-6)
    between = np.maximum(0.4 - away, away - 0.6)  # outside of the inner, inside of the outer circle
    np.testing.assert_allclose(ring(X, Y, 0.5, 0.2), between, atol=1e-6)


def test_box_is_the_distance_to_a_rectangle():
    corners = np.array([[0.6, 0.3], [-0.6, 0.3], [-0.6, -0.3], [0.6, -0.3]])
    sign = np.where((np.abs(X) < 0.6) & (np.abs(Y) < 0.3), -1, 1)
    expected = sign * distance_to(along(corners))
    np.testing.assert_allclose(box(X, Y, 0.6, 0.3), expected, atol=2e-3)


def test_box_with_round_corners_is_a_smaller_box_made_fatter():
    found = box(X, Y, 0.6, 0.3, corner=0.1)
    np.testing.assert_allclose(found, box(X, Y, 0.5, 0.2) - 0.1, atol=1e-6)


@pytest.mark.parametrize("sides", [3, 5, 6])
def test_polygon_is_exact_inside_and_has_the_right_outline(sides):
    angles = 2 * np.pi * np.arange(sides) / sides
    normals = np.stack([np.cos(angles), np.sin(angles)])
    expected = np.max(np.stack([X, Y], axis=-1) @ normals, axis=-1) - 0.5
    np.testing.assert_allclose(polygon(X, Y, sides, 0.5), expected, atol=1e-5)


def test_rod_and_path_are_distances_to_strokes():
    share = np.linspace(0, 1, 2000)[:, None]
    stroke = np.array([-0.5, -0.2]) + share * np.array([0.9, 0.6])
    found = rod(X, Y, (-0.5, -0.2), (0.4, 0.4), 0.1)
    np.testing.assert_allclose(found, distance_to(stroke) - 0.1, atol=1e-3)
    corners = np.array([[-0.6, 0.1], [0.0, -0.4], [0.5, 0.5]])
    lines = [a + share * (b - a) for a, b in itertools.pairwise(corners)]
    expected = distance_to(np.concatenate(lines)) - 0.05
    np.testing.assert_allclose(path(X, Y, corners, 0.05), expected, atol=1e-3)


def test_a_rod_without_length_is_a_disc():
    np.testing.assert_allclose(
        rod(X, Y, (0.2, 0.1), (0.2, 0.1), 0.3), np.hypot(X - 0.2, Y - 0.1) - 0.3, atol=1e-6
    )


# --- the canvas -----------------------------------------------------------------------------


def test_coordinates_are_those_of_pixel_centres():
    np.testing.assert_allclose(CANVAS.u[0], -1 + (2 * np.arange(40) + 1) / 40, atol=1e-6)
    np.testing.assert_array_equal(CANVAS.v, CANVAS.u.T)


def test_the_pose_moves_turns_and_scales():
    canvas = Canvas(40, angle=0.3, shift=(0.1, -0.2), scale=0.9)
    back = canvas.scale * np.exp(1j * canvas.angle) * (canvas.x + 1j * canvas.y)
    np.testing.assert_allclose(back + (0.1 - 0.2j), canvas.u + 1j * canvas.v, atol=1e-6)
    x, y = place(canvas, (0.1, -0.2), 0.3, 0.9)
    np.testing.assert_array_equal(x, canvas.x)
    np.testing.assert_array_equal(y, canvas.y)
    np.testing.assert_allclose(np.hypot(*moved(x, y, (0.0, 0.0), 1.1)), np.hypot(x, y), atol=1e-6)
    assert canvas.pixel == pytest.approx(2 / 40 / 0.9)


def test_a_canvas_needs_a_positive_scale():
    with pytest.raises(ValueError, match="scale must be positive, got 0"):
        Canvas(40, scale=0.0)


def test_coverage_adds_up_to_the_area():
    for size in (40, 120):
        canvas = Canvas(size)
        covered = inside(circle(canvas.u, canvas.v, 0.6), canvas.pixel)
        assert covered.min() == 0 and covered.max() == 1
        assert covered.mean() * 4 == pytest.approx(np.pi * 0.36, rel=0.15 / size)


def test_smoothstep_runs_both_ways():
    values = np.float32([-1, 0.2, 0.5, 0.8, 2])
    up = smoothstep(values, 0.2, 0.8)
    np.testing.assert_allclose(up, [0, 0, 0.5, 1, 1], atol=1e-6)
    np.testing.assert_allclose(smoothstep(values, 0.8, 0.2), 1 - up, atol=1e-6)
    assert smoothstep(np.float32([0.35]), 0.2, 0.8)[0] == pytest.approx(3 / 16 - 2 / 64)


# --- cells ----------------------------------------------------------------------------------


def test_cells_are_the_two_nearest_of_all_points():
    spacing = 0.4
    nearest, gap, index = cells(np.random.default_rng(3), X, Y, spacing, jitter=0.7)
    line = np.arange(-1.6, 1.6 + spacing, spacing)
    points = np.array([(x, y) for y in line for x in line])
    points += np.random.default_rng(3).uniform(-0.5, 0.5, points.shape) * spacing * 0.7
    far = np.hypot(X[..., None] - points[:, 0], Y[..., None] - points[:, 1])
    ordered = np.sort(far, axis=-1)
    np.testing.assert_allclose(nearest, ordered[..., 0], atol=1e-6)
    np.testing.assert_allclose(gap, ordered[..., 1] - ordered[..., 0], atol=1e-6)
    np.testing.assert_array_equal(index, far.argmin(axis=-1))


def test_a_cell_has_one_number_at_every_size():
    numbers = {}
    for size in (40, 80):
        canvas = Canvas(size)
        index = cells(np.random.default_rng(1), canvas.u, canvas.v, 0.5)[2]
        values = per_cell(np.random.default_rng(2), index)
        for cell in np.unique(index):
            found = set(values[index == cell].tolist())
            assert len(found) == 1
            assert numbers.setdefault(int(cell), found) == found
    assert len({value for found in numbers.values() for value in found}) == len(numbers)


# --- clouds ---------------------------------------------------------------------------------


def slow_fractal(seed: int, size: int, roughness: float, coarsest: float) -> np.ndarray:
    """The sum of all waves that `size` pixels can carry, one wave after the other."""
    waves = np.random.default_rng(seed).standard_normal(
        (2, 2 * HIGHEST + 1, HIGHEST + 1), dtype=np.float32
    )
    power, total = 0.0, np.zeros((size, size))
    at = (np.arange(size) + 0.5) / size  # pixel centres, as shares of the picture
    for row, ky in enumerate(range(-HIGHEST, HIGHEST + 1)):
        for kx in range(HIGHEST + 1):
            frequency = np.hypot(kx, ky)
            if not coarsest / 2 <= frequency <= HIGHEST:
                continue
            weight = max(frequency, coarsest) ** -roughness
            power += 2 * weight**2
            if max(kx, abs(ky)) > (size - 1) // 2:
                continue
            amplitude = weight * (waves[0, row, kx] + 1j * waves[1, row, kx])
            wave = np.exp(2j * np.pi * (kx * at[None, :] + ky * at[:, None]))
            total += (1 if kx == 0 else 2) * (amplitude * wave).real
    return total / np.sqrt(power)


@pytest.mark.parametrize(("size", "roughness", "coarsest"), [(16, 1.5, 2.0), (24, 0.5, 6.0)])
def test_a_cloud_is_a_sum_of_waves(size, roughness, coarsest):
    found = fractal(np.random.default_rng(8), Canvas(size), roughness, coarsest)
    np.testing.assert_allclose(found, slow_fractal(8, size, roughness, coarsest), atol=1e-4)


def test_a_cloud_has_the_same_waves_at_every_size():
    # with three times the pixels, every third centre is a centre of the coarse canvas
    for finest in (8.0, 20.0):
        small, large = (
            fractal(np.random.default_rng(4), Canvas(size), finest=finest) for size in (60, 180)
        )
        np.testing.assert_allclose(large[1::3, 1::3], small, atol=1e-4)


def test_clouds_have_mean_zero_and_the_variance_of_their_waves():
    pictures = np.stack(
        [fractal(np.random.default_rng(seed), Canvas(200), coarsest=8.0) for seed in range(40)]
    )
    assert abs(pictures.mean()) < 1e-5
    k = np.arange(-HIGHEST, HIGHEST + 1)[:, None], np.arange(HIGHEST + 1)[None, :]
    frequency = np.hypot(*k)
    band = (frequency >= 4) & (frequency <= HIGHEST)
    power = np.where(band, np.maximum(frequency, 8.0) ** -3.0, 0.0)
    # a wave with kx > 0 comes with its mirror image: twice the amplitude
    expected = (4 * power[:, 1:].sum() + power[:, 0].sum()) / (2 * power.sum())
    assert pictures.var(axis=(1, 2)).mean() == pytest.approx(expected, rel=0.05)


def test_stretch_lengthens_the_pattern_along_its_axis():
    def slopes(angle: float) -> tuple[float, float]:
        cloud = fractal(np.random.default_rng(0), Canvas(120), stretch=(6.0, 1.0), angle=angle)
        down, across = np.gradient(cloud)
        return float(np.abs(down).mean()), float(np.abs(across).mean())

    down, across = slopes(0.0)
    assert down > 3 * across
    down, across = slopes(np.pi / 2)
    assert across > 3 * down
