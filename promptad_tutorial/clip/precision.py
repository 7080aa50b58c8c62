"""What features are computed in, whatever the image tower multiplies in."""

from __future__ import annotations

import torch
from open_clip.model import convert_weights_to_lp
from torch import Tensor, nn

from promptad_tutorial.clip.choice import BackboneError

HALF = (torch.bfloat16, torch.float16)


def prepare_model(model: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """`model` on its device; in half precision, with the weights of its image tower in `dtype`.

    Only what is multiplied is halved (linear layers, attention, the patch convolution): norms,
    positions and the sums of the blocks stay in float32, and so does the whole text tower, through
    which prompts are learnt. Float64 is for both towers.
    """
    model = model.to(device=device, dtype=torch.float32 if dtype in HALF else dtype)
    if dtype in HALF:
        convert_weights_to_lp(model.visual, dtype)
    return model


def check_precision(device: torch.device, dtype: torch.dtype) -> None:
    """Raise BackboneError where a device cannot compute in `dtype`."""
    kind = str(dtype).removeprefix("torch.")
    if dtype not in (torch.float32, torch.float64, *HALF):
        raise BackboneError(f"expected dtype float32, bfloat16, float16 or float64, found {kind}.")
    wrong = ""
    if device.type == "mps" and dtype == torch.float64:
        wrong = "use float32, or the CPU"
    elif dtype in HALF and not torch.amp.is_autocast_available(device.type):
        wrong = "use float32"
    elif device.type == "cuda" and dtype == torch.bfloat16 and not torch.cuda.is_bf16_supported():
        wrong = "use float16"
    if wrong:
        raise BackboneError(f"the device {device} cannot compute in {kind}: {wrong}.")


def at_least_single(values: Tensor) -> Tensor:
    """In float32, or float64 if they are: lengths, means and losses are not for half precision."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
