"""Textures of stone: concrete and marble; and the list of all mineral kinds."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, smoothstep
from workshop.minifactory.kinds import Kind
from workshop.minifactory.noise import fractal
from workshop.minifactory.surface import Colour, Fault, Surface, plain, shaded, tint
from workshop.minifactory.textures.masonry import brick_wall
from workshop.minifactory.textures.stones import earthen, gravel


def concrete(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """Cast cement: sand grain, air pores, damp stains, and in some styles the seams of boards."""
    rough = style.uniform(0.0002, 0.0022)  # height of the sand grain
    sand = style.uniform(0.02, 0.08)  # how much the grains differ in tone
    stain = style.uniform(0.02, 0.09)
    rare = style.uniform(2.0, 2.9)  # pores lie where a cloud passes so many standard deviations
    pore_waves = style.uniform(14, 40)
    boards = style.uniform(1.5, 5.0) if style.random() < 0.3 else 0.0
    heading = style.uniform(0, np.pi)
    grain = fractal(instance, canvas, roughness=style.uniform(0.1, 0.7), coarsest=30)
    clouds = fractal(instance, canvas, roughness=1.6, coarsest=1.5, finest=40)
    holes = fractal(instance, canvas, roughness=0.6, coarsest=pore_waves, finest=2 * pore_waves)

    pore = smoothstep(holes, rare, rare + 0.5)
    across = np.float32(np.cos(heading)) * canvas.x + np.float32(np.sin(heading)) * canvas.y
    seam = _seam(across * np.float32(boards / 2)) if boards else np.zeros_like(grain)
    surface = plain(colour, canvas.u, gloss=0.08)
    surface.height = (rough * grain + 0.002 * clouds - 0.02 * pore - 0.010 * seam).astype(
        np.float32
    )
    colour = earthen(colour, share=style.uniform(0.3, 0.7))
    light = 0.95 + sand * grain + stain * clouds - 0.35 * pore - 0.18 * seam
    surface.albedo = shaded(colour, light)
    return surface


def _seam(across: Field) -> Field:
    """1 on a thin line at every whole number."""
    return np.exp(-np.square((across - np.round(across)) / np.float32(0.015)))


def marble(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A polished slab: veins that run one way, branch and fade, over a cloudy ground."""
    heading = style.uniform(0, np.pi)
    bands = style.uniform(0.5, 1.6)  # main veins per canvas unit
    bend = style.uniform(0.35, 0.9)
    width = style.uniform(0.03, 0.10)
    strong, faint = style.uniform(0.5, 0.95), style.uniform(0.15, 0.6)
    cloudy = style.uniform(0.03, 0.10)
    stretch = style.uniform(1.2, 3.0)
    dark_veins = colour.mean() > 0.5 or style.random() < 0.15
    tone = style.uniform(0.12, 0.5) if dark_veins else style.uniform(0.7, 0.95)
    warmth = style.uniform(-0.03, 0.16)
    gloss, smooth = style.uniform(0.3, 0.65), style.uniform(1.7, 2.5)
    phase = instance.uniform(0, 1)
    turn = heading + np.pi / 2
    warp = fractal(instance, canvas, smooth, coarsest=1.2, stretch=(stretch, 1), angle=turn)
    twigs = fractal(instance, canvas, 1.5, coarsest=2.5, stretch=(stretch, 1), angle=turn + 0.5)
    fade = fractal(instance, canvas, 1.2, coarsest=2, finest=40)

    across = np.float32(np.cos(heading)) * canvas.x + np.float32(np.sin(heading)) * canvas.y
    wave = np.abs(np.sin(np.pi * (bands * across + bend * warp + phase))).astype(np.float32)
    thick = width * np.exp(0.7 * fade)
    core = np.exp(-wave / thick) * smoothstep(fade, -1.6, 0.6)
    halo = np.exp(-wave / (6 * thick))
    thin = np.exp(-np.abs(twigs + 0.2 * warp) / (0.6 * width)) * smoothstep(-fade, -0.8, 1.2)
    vein = np.clip(strong * core + 0.25 * strong * halo + faint * thin, 0, 1)
    vein_colour = np.clip(np.array([tone + warmth, tone + 0.4 * warmth, tone]), 0, 1)
    colour = earthen(colour, share=0.25)
    surface = plain(colour, canvas.u, gloss=gloss)
    ground = shaded(colour, 1.0 + cloudy * warp + 0.5 * cloudy * fade)
    surface.albedo = np.clip(tint(ground, vein_colour, vein), 0, 1).astype(np.float32)
    surface.height = (0.0006 * warp).astype(np.float32)
    return surface


MINERAL: tuple[Kind, ...] = (
    Kind(
        "concrete",
        "texture",
        concrete,
        words=("concrete", "concrete slab", "cement"),
        colours=("grey", "white", "beige", "brown"),
        turn=float(np.pi),
    ),
    Kind(
        "marble",
        "texture",
        marble,
        words=("marble", "marble slab", "marble stone"),
        colours=("white", "black", "green", "beige", "grey", "pink", "brown"),
        turn=float(np.pi),
    ),
    Kind(
        "brick wall",
        "texture",
        brick_wall,
        words=("brick wall", "brick", "brickwork"),
        colours=("red", "brown", "orange", "beige", "grey", "white", "black"),
    ),
    Kind(
        "gravel",
        "texture",
        gravel,
        words=("gravel", "pebble", "crushed stone"),
        colours=("grey", "brown", "beige", "white", "black"),
        turn=float(np.pi),
    ),
)
