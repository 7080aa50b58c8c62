"""Put the tutorial's pictures and tables into the wheel, so that an installed package has them.

Not into an editable one, which finds them in the checkout.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CARRIED = ("data/minifactory", "results")


class CarryPicturesAndTables(BuildHookInterface):
    """Hatchling calls `initialize` before it packs a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folders as `promptad_tutorial/files/shipped/<folder>`."""
        if version == "standard":
            for folder in CARRIED:
                build_data["force_include"][folder] = f"promptad_tutorial/files/shipped/{folder}"
