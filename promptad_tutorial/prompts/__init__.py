"""Prompts: words, their structure, the tree of shared beginnings, and what is learnt of them."""
