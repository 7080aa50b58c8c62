"""Detectors: each is `fit` on normal pictures and then gives image scores and anomaly maps."""
