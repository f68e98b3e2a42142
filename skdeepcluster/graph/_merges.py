"""The record of the merges of an agglomeration."""

import numpy as np

from skdeepcluster.algorithms.groups import components


class Merges:
    """Merges of n samples so far: a sample of each side, affinity and height of each."""

    def __init__(self, n):
        self.n_clusters = self.n = n
        self.highest = 0.0
        self.columns = [], [], [], []

    def add(self, source, target, affinities, heights):
        """Add merges; heights never fall below earlier ones."""
        heights = np.append(self.highest, np.broadcast_to(heights, len(source)))
        heights = np.maximum.accumulate(heights)
        columns = np.broadcast_arrays(source, target, affinities, heights[1:])
        for parts, column in zip(self.columns, columns, strict=True):
            parts.append(column)
        self.highest = heights[-1]
        self.n_clusters -= len(source)

    def concatenated(self):
        """Each column as one array."""
        return [np.concatenate(parts) for parts in self.columns]

    def clusters(self):
        """The cluster of each sample, and the first sample of each cluster."""
        source, target, _, _ = self.concatenated() if self.columns[0] else ([],) * 4
        labels = components(self.n, source, target)
        return labels, np.unique(labels, return_index=True)[1]
