"""The benchmark: the same figures for every detector on every product line."""
