"""Clustering by density."""

from ._hdbscan import HDBSCAN

__all__ = ["HDBSCAN"]
