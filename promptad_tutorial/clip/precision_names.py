"""What people call a precision: here without torch, which --help does not wait for."""

from __future__ import annotations

PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "fp64": "float64"}


def precision_name(text: str) -> str:
    """The long name of a precision: bf16 is bfloat16. Other words come back as they are."""
    return PRECISIONS.get(text, text)
