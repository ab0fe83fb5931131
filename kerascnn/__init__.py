"""Keras image classifiers: models, datasets, training, records, export. What one run is."""

__version__ = "0.1.0"
