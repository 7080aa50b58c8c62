"""Prompts: words, their structure, the tree of shared beginnings, and what is learnt of them.

The words are at hand here; structure, tree and learner are modules of their own, as they need
torch.
"""

from promptad_tutorial.prompts.words import (
    ANOMALOUS_STATES,
    GENERIC_STATES,
    NORMAL_STATES,
    TEMPLATES,
    compose,
    defect_states,
    ensemble,
    product_name,
    single_pair,
)

__all__ = [
    "ANOMALOUS_STATES",
    "GENERIC_STATES",
    "NORMAL_STATES",
    "TEMPLATES",
    "compose",
    "defect_states",
    "ensemble",
    "product_name",
    "single_pair",
]
