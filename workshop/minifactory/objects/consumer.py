"""Consumer goods: capsule, tablet, button, bottle cap, cookie, toothbrush."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.kinds import Kind
from workshop.minifactory.objects.cookie import cookie
from workshop.minifactory.objects.household import bottle_cap, button
from workshop.minifactory.objects.pharmacy import capsule, tablet
from workshop.minifactory.objects.toothbrush import toothbrush

ANY_WAY = float(np.pi)  # pieces that lie as they fall

CONSUMER: tuple[Kind, ...] = (
    Kind(
        "capsule",
        "object",
        capsule,
        words=("capsule", "medicine capsule", "gel capsule"),
        colours=("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black"),
        faults=("missing part", "misplaced part"),
        turn=0.3,
    ),
    Kind(
        "tablet",
        "object",
        tablet,
        words=("tablet", "pill", "medicine tablet"),
        colours=("white", "pink", "yellow", "orange", "blue", "green", "beige", "brown"),
        faults=("missing part",),
        turn=ANY_WAY,
    ),
    Kind(
        "button",
        "object",
        button,
        words=("button", "sewing button", "shirt button"),
        colours=(
            "red",
            "orange",
            "yellow",
            "green",
            "blue",
            "purple",
            "pink",
            "brown",
            "beige",
            "white",
            "grey",
            "black",
            "golden",
        ),
        faults=("missing part", "misplaced part"),
        turn=ANY_WAY,
    ),
    Kind(
        "bottle cap",
        "object",
        bottle_cap,
        words=("bottle cap", "bottle top", "crown cap", "cap"),
        colours=(
            "red",
            "orange",
            "yellow",
            "green",
            "blue",
            "purple",
            "white",
            "black",
            "silver",
            "golden",
        ),
        faults=("bent part", "misplaced part"),
        turn=ANY_WAY,
    ),
    Kind(
        "cookie",
        "object",
        cookie,
        words=("cookie", "biscuit", "cracker"),
        colours=("brown", "beige", "golden", "orange"),
        faults=("missing part",),
        turn=ANY_WAY,
    ),
    Kind(
        "toothbrush",
        "object",
        toothbrush,
        words=("toothbrush", "tooth brush", "toothbrush head"),
        colours=(
            "red",
            "orange",
            "yellow",
            "green",
            "blue",
            "purple",
            "pink",
            "white",
            "grey",
            "black",
        ),
        faults=("missing part", "bent part"),
        turn=0.08,
    ),
)
