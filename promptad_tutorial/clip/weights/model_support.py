"""Which open_clip models the tutorial can take apart, and why it refuses the others.

The towers here are those of a plain CLIP: a ViT read at its CLS token, and a causal text tower read
at its end of text. All weights that open_clip knows for its own ViTs and CLIP's tokenizer are such.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import open_clip

from promptad_tutorial.clip.choice import BackboneError

# What may differ between plain CLIPs; every other option must be as open_clip has it by default.
SIZES = {"width", "layers", "mlp_ratio", "ls_init_value"}
IMAGE_OPTIONS = SIZES | {"image_size", "patch_size", "head_width"}
TEXT_OPTIONS = SIZES | {"context_length", "vocab_size", "heads"}
MODEL_OPTIONS = {"embed_dim", "quick_gelu", "vision_cfg", "text_cfg"}
REASONS = {
    "multimodal_cfg": "it is a CoCa model, whose image tower ends in an attention pooler",
    "timm_model_name": "its image tower is timm's, without projections for V-V attention",
    "hf_model_name": "its text tower is one of transformers",
    "hf_tokenizer_name": "its prompts need another tokenizer than CLIP's own",
}


def supported_config(name: str) -> dict[str, Any]:
    """open_clip's config of a model that this package can use; a copy.

    Raises BackboneError for a name that open_clip does not know (with the names that look like
    it), and for a model whose towers are not open_clip's own ViT and text transformer.
    """
    if ":" in name:
        raise BackboneError(
            f"expected an open_clip model name such as 'ViT-B-16-plus-240', found {name!r}. Give "
            "the weights apart: load_backbone('ViT-B-16-plus-240', pretrained='laion400m_e32') or "
            "pretrained='/path/to/weights.safetensors'."
        )
    config = open_clip.get_model_config(name)
    if config is None:
        names = {known.lower(): known for known in open_clip.list_models()}
        close = get_close_matches(name.lower(), names, n=4, cutoff=0.5)
        hint = f" Did you mean {', '.join(names[match] for match in close)}?" if close else ""
        raise BackboneError(
            f"expected 'tiny' or an open_clip model name such as 'ViT-B-16-plus-240', found "
            f"{name!r}.{hint} open_clip.list_models() lists all names."
        )
    reason = refusal(config)
    if reason:
        raise BackboneError(
            f"{name} cannot be used here: {reason}. Expected a plain CLIP with open_clip's own "
            "ViT and text transformer, such as ViT-B-16-plus-240, ViT-B-16, ViT-B-32, ViT-L-14 or "
            "ViT-H-14."
        )
    return {option: config[option] for option in config if option in MODEL_OPTIONS}


def at_image_size(name: str, config: dict[str, Any], image_size: int | None) -> dict[str, Any]:
    """The config with images of ``image_size`` pixels a side, as open_clip's ``force_image_size``.

    None leaves it as it is. Raises BackboneError for a size that the patches do not divide: a
    strip at the right and at the bottom of every image would never be looked at.
    """
    if image_size is None or image_size == own_image_size(config):
        return config
    vision = config["vision_cfg"]
    patch = vision.get("patch_size", 16)
    if not isinstance(image_size, int) or image_size < patch or image_size % patch:
        lower = max(patch, int(image_size) // patch * patch)
        raise BackboneError(
            f"expected an image size that the {patch} x {patch} patches of {name} divide, found "
            f"{image_size}. Use {lower} or {lower + patch}."
        )
    return config | {"vision_cfg": vision | {"image_size": image_size}}


def own_image_size(config: dict[str, Any]) -> int:
    """Pixels a side of the images that a model of this config was made for."""
    size = config["vision_cfg"].get("image_size", 224)
    return int(size[0] if isinstance(size, (list, tuple)) else size)


def refusal(config: dict[str, Any]) -> str:
    """Why a model of this config cannot be taken apart, or "" if it can."""
    image, text = config["vision_cfg"], config["text_cfg"]
    size = image.get("image_size", 224)
    if isinstance(image.get("layers"), (list, tuple)):
        return "its image tower is a ResNet, which has no self-attention in its blocks"
    if isinstance(size, (list, tuple)) and size[0] != size[1]:
        return f"its images are not square: {size[0]} x {size[1]}"
    odd = {o: value for o, value in config.items() if o not in MODEL_OPTIONS and value}
    for tower, options, usual in (
        (image, IMAGE_OPTIONS, open_clip.CLIPVisionCfg()),
        (text, TEXT_OPTIONS, open_clip.CLIPTextCfg()),
    ):
        odd |= {o: v for o, v in tower.items() if o not in options and v != getattr(usual, o, None)}
    known = [reason for option, reason in REASONS.items() if option in odd]
    said = ", ".join(f"{option} {value!r}" for option, value in odd.items())
    return known[0] if known else f"it is built with {said}" if odd else ""
