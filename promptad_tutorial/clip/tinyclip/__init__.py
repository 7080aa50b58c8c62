"""TinyCLIP: a small CLIP of our own, trained from scratch on minifactory pictures and captions."""

from promptad_tutorial.clip.tinyclip.model import MODEL_NAME
from promptad_tutorial.clip.tinyclip.weights import checksum, known_words, load_tiny, unknown_words

__all__ = ["MODEL_NAME", "checksum", "known_words", "load_tiny", "unknown_words"]
