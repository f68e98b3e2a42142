"""What a report measures: rows drawn, silhouettes, leads of probabilities."""

import numpy as np
from sklearn.metrics import pairwise_distances

# Of each cluster so many rows are drawn at least, however rare it is.
LEAST_DRAWN = 20


def drawn_rows(member, n_clusters, max_samples, rng):
    """Indices of rows: all, or some of them drawn at random, and a few of each cluster at least."""
    n = len(member)
    if n <= max_samples:
        return np.arange(n)
    order = rng.permutation(n)
    least = [order[member[order] == k][:LEAST_DRAWN] for k in range(n_clusters)]
    # Where clusters are very many, not all can have so many.
    least = np.concatenate(least)[:max_samples]
    others = order[~np.isin(order, least)][: max_samples - len(least)]
    return np.sort(np.concatenate([least, others]))


def leads_and_others(probabilities, labels, clusters):
    """The lead of the largest probability over the second, and the most probable other cluster."""
    top = np.partition(probabilities, -2, axis=1)[:, -2:]
    others = probabilities.copy()
    own = (labels >= 0) & (labels < others.shape[1])
    others[own, labels[own]] = -1
    other = others.argmax(axis=1)
    place = np.searchsorted(clusters, other).clip(max=len(clusters) - 1)
    return top[:, 1] - top[:, 0], np.where(clusters[place] == other, place, -1)


def silhouettes_and_neighbors(X, member, n_clusters, metric):
    """Silhouettes, and the nearest other cluster by mean distance.

    Parameters
    ----------
    X : rows, or distances of pairs
    member : ndarray of shape (n_samples,)
        Index of the cluster of each row, -1 for noise.
    n_clusters : int
    metric : str, callable or None
        None: there are no distances.

    Returns
    -------
    silhouettes : ndarray of shape (n_samples,)
        NaN for noise, and for all rows where there are fewer than two clusters.
    neighbors : ndarray of shape (n_samples,)
        -1 where silhouettes are NaN.
    """
    n = len(member)
    silhouettes, neighbors = np.full(n, np.nan), np.full(n, -1)
    clustered = np.flatnonzero(member != -1)
    if metric is None or n_clusters < 2 or len(np.unique(member[clustered])) < 2:
        return silhouettes, neighbors
    D = pairwise_distances(X, metric=metric)
    inside = (member[:, np.newaxis] == np.arange(n_clusters)).astype(D.dtype)
    sizes = inside.sum(axis=0)
    sums = D[clustered] @ inside
    own = member[clustered], np.arange(len(clustered))
    a = sums[own[1], own[0]] / np.maximum(sizes[own[0]] - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(sizes > 0, sums / sizes, np.inf)
    means[own[1], own[0]] = np.inf
    b = means.min(axis=1)
    widest = np.maximum(a, b)
    value = np.where(widest > 0, (b - a) / np.where(widest > 0, widest, 1), 0)
    # A cluster of one row has the silhouette 0.
    silhouettes[clustered] = np.where(sizes[own[0]] > 1, value, 0)
    neighbors[clustered] = means.argmin(axis=1)
    return silhouettes, neighbors
