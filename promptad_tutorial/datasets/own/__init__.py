"""Own pictures as a dataset: from folders of good and bad ones to the layout of MVTec AD."""

from __future__ import annotations

from promptad_tutorial.datasets.own.plan import Plan, plan_layout
from promptad_tutorial.datasets.own.writing import lay_out

__all__ = ["Plan", "lay_out", "plan_layout"]
