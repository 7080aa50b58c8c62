"""Everything wrong with a dataset's folder at once, each thing with its remedy."""

from __future__ import annotations

from promptad_tutorial.datasets.checks.check import LAYOUTS, check_dataset
from promptad_tutorial.datasets.checks.findings import Finding, Findings

__all__ = ["LAYOUTS", "Finding", "Findings", "check_dataset"]
