"""TinyCLIP: a small CLIP of our own, trained from scratch on minifactory pictures and captions."""

from promptad_tutorial.tinyclip.towers import MODEL_NAME
from promptad_tutorial.tinyclip.weights import checksum, known_words, load_tiny, unknown_words

__all__ = ["MODEL_NAME", "checksum", "known_words", "load_tiny", "unknown_words"]
