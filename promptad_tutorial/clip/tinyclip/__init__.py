"""TinyCLIP: a small CLIP of our own, trained from scratch on minifactory pictures and captions."""

from promptad_tutorial.clip.tinyclip.weights import MODEL_NAME, checksum, load_tiny, unknown_words

__all__ = ["MODEL_NAME", "checksum", "load_tiny", "unknown_words"]
