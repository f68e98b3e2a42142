"""The record of the merges of an agglomeration."""

import numpy as np

from skdeepcluster.algorithms.degree_linkage import all_merges
from skdeepcluster.algorithms.groups import components
from skdeepcluster.algorithms.small_clusters import clusters_that_count, without_scraps


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

    def agglomerate(self, W, criterion, distances, counted, cut, sigma, top):
        """Add merges by affinity, down to a single cluster.

        Parameters
        ----------
        W : csr_array of shape (n, n)
        criterion : n_nearest, weight
            Of `degree_linkage`.
        distances : callable (samples) -> square array, optional
        counted : (n_edges, 2) array of int
            Edges that are counted within clusters.
        cut : n_clusters, fraction
            Of `without_scraps`; the former may be None.
        sigma, top : float
            The scale of distances, and the affinity of two samples at distance 0.

        Returns
        -------
        n_apart : int
            Number of clusters, of scraps apart, that were left when no two had any affinity.
        """
        labels, firsts = self.clusters()
        pairs, affinities, lengths, n_mutual = all_merges(W, labels, criterion, distances)
        heights = sigma * np.sqrt(np.log(np.maximum(top / affinities, 1)) / 2)
        heights = np.append(heights, lengths)
        affinities = np.append(affinities, lengths)
        affinities[n_mutual:] = 0
        n_clusters, fraction = cut
        n_apart = 1
        if n_clusters is not None and n_clusters <= len(firsts):
            apart = components(len(firsts), *pairs[:n_mutual].T)[labels]
            least = fraction * len(counted) / n_clusters
            n_apart = int(clusters_that_count(apart, counted, least).sum())
            pairs, places = without_scraps(labels, pairs, W, counted, n_clusters, fraction)
            affinities = np.where(places < 0, np.nan, affinities[places])
            heights = np.where(places < 0, 0, heights[places])
        self.highest = 0.0
        self.add(*firsts[pairs.T], affinities, heights)
        return n_apart
