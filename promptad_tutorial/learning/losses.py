"""What learnt prompts minimise (method section 2): three losses, and CoOp's pull alone.

In: z, features of normal pictures (the image embedding at image level, every V-V patch at pixel
level), the prototypes w_n and w_a, the negatives' own features g_j; all of length 1. Out: numbers.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from promptad_tutorial.prompts.learner import PromptFeatures


def prototypes(
    features: PromptFeatures,
) -> tuple[Float[Tensor, " d"], Float[Tensor, " d"] | None]:
    """w_n and w_a: the normalised means of the raw features of both sides (method section 1).

    Raw, not unit norm: a prompt with a longer feature weighs more. None for w_a without negatives.
    """
    normal = functional.normalize(features.normal.mean(dim=0), dim=0)
    anomalous = features.anomalous
    if not len(anomalous):
        return normal, None
    return normal, functional.normalize(anomalous.mean(dim=0), dim=0)


def contrastive(
    z: Float[Tensor, "*b d"],
    normal_prototype: Float[Tensor, " d"],
    negatives: Float[Tensor, "j d"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Cross-entropy with target 0 over t * [<z, w_n>, <z, g_1>, .., <z, g_J>], mean over z.

    Every negative stands for itself here, not for its side: each must be further away than w_n.
    """
    sides = torch.cat([normal_prototype[None], negatives])
    logits = temperature * z.reshape(-1, z.shape[-1]) @ sides.T
    return (logits.logsumexp(dim=1) - logits[:, 0]).mean()


def pull(
    z: Float[Tensor, "*b d"], normal_prototype: Float[Tensor, " d"], temperature: float
) -> Float[Tensor, ""]:
    """t * (1 - <z, w_n>), mean over z: what is left where there is nothing to tell apart from.

    The cross-entropy over a single side is log 1 = 0, whatever is learnt; only the pull is left.
    """
    return temperature * (1 - (z @ normal_prototype)).mean()


def explicit_anomaly_margin(
    z: Float[Tensor, "*b d"],
    normal_prototype: Float[Tensor, " d"],
    anomaly_prototype: Float[Tensor, " d"],
    margin: float = 0.0,
    over_patches: bool = False,
) -> Float[Tensor, ""]:
    """EAM: mean relu(d(z, w_n) - d(z, w_a) + margin), d the squared Euclidean distance in [0, 4].

    Zero as soon as every z is nearer to w_n than to w_a by the margin. `over_patches` is trap 3 of
    method section 4, for z of shape (k, patches, d): the squares are summed over the patches
    instead of the channels, and the hinge is taken channel by channel.
    """
    summed = -2 if over_patches and z.ndim > 2 else -1
    to_normal, to_anomalous = (
        (z - side).square().sum(dim=summed) for side in (normal_prototype, anomaly_prototype)
    )
    return functional.relu(to_normal - to_anomalous + margin).mean()


def alignment(manual: Float[Tensor, "m d"], learnt: Float[Tensor, "l d"]) -> Float[Tensor, ""]:
    """|| mean(unit MAP) - mean(unit LAP) ||^2, in [0, 4]; 0 where one of them is missing.

    It keeps the learnt suffixes near the words that people use for anomalies.
    """
    if not len(manual) or not len(learnt):
        return manual.new_zeros(())
    means = [functional.normalize(one, dim=-1).mean(dim=0) for one in (manual, learnt)]
    return (means[0] - means[1]).square().sum()
