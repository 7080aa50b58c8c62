"""Is this computer ready for the lab? Everything that is looked at, with one remedy each."""

from __future__ import annotations

from promptad_tutorial.commands.examination.examination import LOOKS, Diagnosis, examine_computer

__all__ = ["LOOKS", "Diagnosis", "examine_computer"]
