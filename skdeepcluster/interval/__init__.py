"""Clusters that are intervals of one feature."""

from skdeepcluster.interval._interval import IntervalClustering

__all__ = ["IntervalClustering"]
