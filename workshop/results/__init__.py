"""The tables in `results/` that are measured with the package: ladder, thresholds, zero-shot."""
