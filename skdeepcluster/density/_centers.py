"""Centers of weighted clusters."""

import numpy as np
from scipy.sparse import issparse


def members(labels):
    """The rows of each cluster; noise has the label -1."""
    return [np.flatnonzero(labels == k) for k in range(labels.max() + 1)]


def centroids(X, labels, weights):
    """Weighted means of the clusters of dense or sparse rows, in the weights' precision."""
    clusters = members(labels)
    centers = np.empty((len(clusters), X.shape[1]), weights.dtype)
    for center, rows in zip(centers, clusters, strict=True):
        center[:] = X[rows].T @ weights[rows] / weights[rows].sum()
    return centers


def medoids(labels, weights, weighted_sums):
    """The row of each cluster with the least sum of weighted distances to the others.

    Parameters
    ----------
    labels : array of shape (n_samples,)
    weights : array of shape (n_samples,)
    weighted_sums : callable (rows, weights) -> array of shape (n_rows,)
        For each of some rows the weighted sum of its distances to all of them.

    Returns
    -------
    medoids : array of shape (n_clusters,), intp
    """
    chosen = [rows[np.argmin(weighted_sums(rows, weights[rows]))] for rows in members(labels)]
    return np.array(chosen, dtype=np.intp)


class CentersMixin:
    """Centers of the flat clusters of a fit."""

    def _store_centers(self, X):
        if self.store_centers is None:
            return
        weights = self.probabilities_
        if self._weight is not None:
            weights = (weights * self._weight).astype(weights.dtype)
        # Those without weight have no place in the search.
        labels = self.labels_ if self._weight is None else np.where(weights > 0, self.labels_, -1)
        if self.store_centers in ("centroid", "both"):
            self.centroids_ = centroids(X, labels, weights)
        if self.store_centers in ("medoid", "both"):
            n_threads = self._threads_for(X)

            def weighted_sums(rows, weights):
                rows = np.searchsorted(self._rows, rows)
                return self._reach.weighted_sums(rows, weights, n_threads)

            chosen = X[medoids(labels, weights, weighted_sums)]
            self.medoids_ = chosen.toarray() if issparse(chosen) else chosen
