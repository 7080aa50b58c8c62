"""What pretraining minimises: find all true captions, tell states apart, name the patches."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional


def multi_positive_contrastive(
    images: Float[Tensor, "b d"],
    texts: Float[Tensor, "b d"],
    true: Bool[Tensor, "b b"],
    temperature: Tensor | float,
) -> Float[Tensor, ""]:
    """CLIP's symmetric cross-entropy where several captions may be true of a picture.

    With p_ij = softmax_j(t <z_i, g_j>) the loss of picture i is the mean of -log p_ij over the
    captions j that are true of it; captions look for pictures in the same way. With one true
    caption each it is CLIP's own loss.
    """
    z, g = functional.normalize(images, dim=-1), functional.normalize(texts, dim=-1)
    logits = temperature * z @ g.T
    target = true.to(logits.dtype)
    by_picture = functional.cross_entropy(logits, target / target.sum(dim=1, keepdim=True))
    by_caption = functional.cross_entropy(logits.T, (target / target.sum(dim=0)).T)
    return (by_picture + by_caption) / 2


def right_state(
    images: Float[Tensor, "b d"],
    texts: Float[Tensor, "b d"],
    counters: Float[Tensor, "b d"],
    countered: Bool[Tensor, " b"],
    temperature: Tensor | float,
) -> Float[Tensor, ""]:
    """Is the picture nearer to its caption than to the same caption with the contrary state?

    With g_i the caption of picture i and c_i its counter, the mean over the pictures that have one
    of -log sigmoid(t (<z_i, g_i> - <z_i, c_i>)).
    The texts differ in the state and, at times, in their unknown words, which say nothing: the
    state is all that can be learnt from it. 0 if no picture has a counter.
    """
    if not countered.any():
        return images.new_zeros(())
    z, g, c = (functional.normalize(x[countered], dim=-1) for x in (images, texts, counters))
    return functional.softplus(-temperature * (z * (g - c)).sum(dim=-1)).mean()


def name_the_patches(
    scores: Float[Tensor, "b n c"], patches: Int[Tensor, "b g g"], background: float = 0.15
) -> Float[Tensor, ""]:
    """Cross-entropy of a linear head that names the defect of every patch; 0 means none.

    Most patches are sound: they count with the weight `background`.
    """
    weight = torch.ones(scores.shape[-1], dtype=scores.dtype)
    weight[0] = background
    return functional.cross_entropy(scores.flatten(0, 1), patches.flatten(), weight=weight)
