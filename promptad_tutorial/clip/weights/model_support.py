"""Which open_clip models the tutorial can take apart, and why it refuses the others."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import open_clip

from promptad_tutorial.clip.choice import BackboneError

# Options of open_clip's blocks with which softmax(v v^T s) v would not be this tower's attention.
CUSTOM_ATTENTION = (
    "qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc"
)  # fmt: skip


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
    reason = refusal(name, config)
    if reason:
        raise BackboneError(
            f"{name} cannot be used here: {reason}. Expected a plain CLIP with open_clip's own "
            "ViT and text transformer, such as ViT-B-16-plus-240, ViT-B-16, ViT-B-32, ViT-L-14 or "
            "ViT-H-14."
        )
    return config


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


def refusal(name: str, config: dict[str, Any]) -> str:
    """Why a model of this config cannot be taken apart, or "" if it can."""
    image, text = config["vision_cfg"], config["text_cfg"]
    timm, bert = image.get("timm_model_name"), text.get("hf_model_name")
    tokenizer = text.get("hf_tokenizer_name") or ("siglip" in name.lower() and "of SigLIP")
    pool, reads = image.get("pool_type", "tok"), text.get("pool_type", "argmax")
    size = image.get("image_size", 224)
    resnet = isinstance(image.get("layers", 12), (list, tuple))
    uneven = isinstance(size, (list, tuple)) and size[0] != size[1]
    reasons = (
        ("multimodal_cfg" in config, "it is a CoCa model, which ends in an attention pooler"),
        (timm, f"its image tower is timm's {timm}, whose blocks lack open_clip's projections"),
        (resnet, "its image tower is a ResNet, which has no self-attention in its blocks"),
        (image.get("attentional_pool"), "its image tower ends in an attention pooler"),
        (pool not in ("tok", "avg"), f"its image tower pools with {pool!r}: no image embedding"),
        (uneven, f"its images are not square: {size}"),
        (_custom(image), f"the blocks of its image tower use {_custom(image)}"),
        (bert, f"its text tower is the transformers model {bert}"),
        (tokenizer, f"its prompts need the tokenizer {tokenizer}, not CLIP's own"),
        (text.get("embed_cls"), "its text tower reads its feature from an extra CLS token"),
        (
            reads not in ("argmax", "eos", "first", "last"),
            f"its text tower pools with {reads!r}: no text embedding",
        ),
        (_custom(text), f"the blocks of its text tower use {_custom(text)}"),
    )
    return next((reason for holds, reason in reasons if holds), "")


def _custom(tower: dict[str, Any]) -> str:
    changed = [option for option in CUSTOM_ATTENTION if tower.get(option)]
    return ", ".join(changed + ["block_type 'custom'"] * (tower.get("block_type") == "custom"))
