"""Bring the tutorial to a room without a network: one folder that installs from itself alone."""

from __future__ import annotations

from promptad_classroom.offline.bundle import Built, build_bundle
from promptad_classroom.offline.wheels import WheelPlan

__all__ = ["Built", "WheelPlan", "build_bundle"]
