"""Which open_clip models the tutorial can take apart, and why it refuses the others."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import open_clip

from promptad_tutorial.clip.choice import BackboneError

# Options of open_clip's transformer blocks that change the attention itself: with any of them
# softmax(v v^T s) v over the plain projections would not be this tower's attention.
CUSTOM_ATTENTION = (
    "qk_norm",
    "scaled_cosine_attn",
    "scale_heads",
    "scale_attn_inner",
    "scale_attn",
    "scale_fc",
)


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


def refusal(name: str, config: dict[str, Any]) -> str | None:
    """Why a model of this config cannot be taken apart, or None if it can."""
    vision, text = config["vision_cfg"], config["text_cfg"]
    if "multimodal_cfg" in config:
        return "it is a CoCa model, which reads its image embedding from an attention pooler"
    return _vision_refusal(vision) or _text_refusal(name, text)


def _vision_refusal(vision: dict[str, Any]) -> str | None:
    if vision.get("timm_model_name"):
        return (
            f"its image tower is timm's {vision['timm_model_name']}, whose blocks have no "
            "projections in open_clip's layout for V-V attention"
        )
    if isinstance(vision.get("layers", 12), (list, tuple)):
        return "its image tower is a ResNet, which has no self-attention in its blocks"
    if vision.get("attentional_pool"):
        return "its image tower ends in an attention pooler, so patches have no joint space"
    if vision.get("pool_type", "tok") not in ("tok", "avg"):
        return f"its image tower pools with {vision['pool_type']!r}: no image embedding"
    size = vision.get("image_size", 224)
    if isinstance(size, (list, tuple)) and size[0] != size[1]:
        return f"its images are not square: {size[0]} x {size[1]}"
    return _block_refusal("image", vision)


def _text_refusal(name: str, text: dict[str, Any]) -> str | None:
    if text.get("hf_model_name"):
        return f"its text tower is the transformers model {text['hf_model_name']}"
    if text.get("hf_tokenizer_name"):
        return f"its prompts need the tokenizer {text['hf_tokenizer_name']}, not CLIP's own"
    if "siglip" in name.lower():
        return "its prompts need SigLIP's tokenizer, not CLIP's own"
    if text.get("embed_cls"):
        return "its text tower reads its feature from an extra CLS token"
    if text.get("pool_type", "argmax") not in ("argmax", "eos", "first", "last"):
        return f"its text tower pools with {text['pool_type']!r}: no text embedding"
    return _block_refusal("text", text)


def _block_refusal(tower: str, config: dict[str, Any]) -> str | None:
    changed = [option for option in CUSTOM_ATTENTION if config.get(option)]
    if config.get("block_type") == "custom":
        changed.append("block_type 'custom'")
    if changed:
        return f"the blocks of its {tower} tower use {', '.join(changed)}"
    return None
