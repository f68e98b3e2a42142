"""Clustering by density: clusters of any shape and number, and noise."""

from ._hdbscan import HDBSCAN

__all__ = ["HDBSCAN"]
