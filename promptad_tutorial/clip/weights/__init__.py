"""Weights from elsewhere: found, fetched, checked and filled into a model."""
