"""Prompts: words, their structure, the tree of shared beginnings, and what is learnt of them.

    a product's name (and a category's defects)   ->  words            texts
    a name, states and counts                     ->  structure        prompts as data, no tensors
    prompts as token sequences                    ->  shared_prefixes  one node a shared beginning
    a structure and a text tower                  ->  learner          raw features (n, d)

`words` and `structure` need no torch; the words are at hand here.
"""

from promptad_tutorial.prompts.words import (
    ANOMALOUS_STATES,
    GENERIC_STATES,
    NORMAL_STATES,
    ensemble,
    product_name,
    single_pair,
)

__all__ = [
    "ANOMALOUS_STATES",
    "GENERIC_STATES",
    "NORMAL_STATES",
    "ensemble",
    "product_name",
    "single_pair",
]
