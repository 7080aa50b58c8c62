"""Everything wrong with a dataset's folder at once, each thing with its remedy."""

from __future__ import annotations

from promptad_tutorial.datasets.checks.check import check_dataset

__all__ = ["check_dataset"]
