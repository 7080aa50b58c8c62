"""Which backbone: a choice in words, which the environment or a command makes, and workers get.

torch is not imported here before a choice is loaded: `--help` does not wait for it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptad_tutorial.clip.backbone import Backbone

PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "fp64": "float64"}


class BackboneError(ValueError):
    """A backbone that cannot be had: what was expected, what was found, what to do."""


def precision_name(text: str) -> str:
    """The long name of a precision: bf16 is bfloat16. Other words come back as they are."""
    return PRECISIONS.get(text, text)


@dataclass(frozen=True)
class BackboneChoice:
    """The arguments of ``load_backbone`` in words that travel to other processes.

    Raises BackboneError for an unknown dtype.
    """

    name: str = "tiny"
    pretrained: str | None = None  # a tag, a file or "random"; None only for "tiny"
    dtype: str = "float32"  # of the image tower; see `load_backbone` for what half costs
    device: str | None = None  # None: CUDA if there is one
    image_size: int | None = None  # pixels a side; None: the model's own
    resize: str = "squash"  # or "crop"

    def __post_init__(self) -> None:
        if self.dtype not in PRECISIONS.values():
            raise BackboneError(
                f"expected dtype or PROMPTAD_PRECISION to be one of "
                f"{', '.join(PRECISIONS.values())}; found {self.dtype!r}"
            )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> BackboneChoice:
        """What PROMPTAD_BACKBONE names, on PROMPTAD_DEVICE; "tiny" if it is unset.

        Its forms: ``tiny``, ``MODEL:TAG``, ``MODEL:/path/file.safetensors``, ``MODEL:random``.
        PROMPTAD_PRECISION is ``dtype``, PROMPTAD_IMAGE_SIZE and PROMPTAD_RESIZE are ``image_size``
        and ``resize``. ``environment`` is the process's own by default. Raises BackboneError.
        """
        environment = os.environ if environment is None else environment
        names = ("BACKBONE", "DEVICE", "PRECISION", "IMAGE_SIZE", "RESIZE")
        backbone, device, precision, size, resize = (
            environment.get(f"PROMPTAD_{name}", "").strip() for name in names
        )
        if size and not size.isdecimal():
            raise BackboneError(
                f"expected PROMPTAD_IMAGE_SIZE in pixels, such as 336, found {size!r}."
            )
        name, _, weights = backbone.partition(":")
        return cls(
            name.strip() or "tiny",
            weights.strip() or None,
            precision_name(precision or "float32"),
            device or None,
            int(size) if size else None,
            resize or "squash",
        )

    def on(self, number: int) -> BackboneChoice:
        """The same on GPU `number` of several, round robin; unchanged on other devices."""
        import torch

        count = torch.cuda.device_count()
        if self.device not in (None, "cuda") or count < 2:
            return self
        return replace(self, device=f"cuda:{number % count}")

    def load(self) -> Backbone:
        """The backbone. Raises BackboneError, and ValueError for another ``resize``."""
        import torch

        from promptad_tutorial.clip.loading import load_backbone
        from promptad_tutorial.clip.weights.pretrained import NOT_GIVEN

        return load_backbone(
            self.name,
            NOT_GIVEN if self.pretrained is None else self.pretrained,
            self.device,
            getattr(torch, self.dtype),
            image_size=self.image_size,
            resize=self.resize,
        )
