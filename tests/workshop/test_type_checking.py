"""Under pytest the shapes in the package's signatures are checked."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import TypeCheckError
from torch import nn

from promptad_tutorial.clip.attention import attention_residual
from workshop.gates.type_checking import check_types


def test_wrong_shape_is_an_error() -> None:
    with pytest.raises(TypeCheckError, match="batch tokens width"):
        attention_residual(nn.Identity(), torch.zeros(2, 3))


def test_int_passes_for_float() -> None:
    @check_types
    def half(number: float) -> float:
        return number / 2

    assert half(1) == 0.5
