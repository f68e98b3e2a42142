"""Centers of weighted clusters."""

import numpy as np


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
