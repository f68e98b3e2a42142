"""Agglomeration on a graph of nearest neighbors: its weights, its start, and how it ends."""

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

from skdeepcluster._kernels._hdbscan_tree import spanning_forest


def gaussian_weights(lengths, scale=1.0):
    """Weights of edges, and the length at which a weight is 1/e.

    Parameters
    ----------
    lengths : (n_edges,) array of float64
    scale : float
        Factor of the mean squared length in the exponent's denominator.

    Returns
    -------
    weights : (n_edges,) array of float64
    sigma : float
    """
    largest = lengths.max(initial=0)
    # Relative to the largest, so that no square is too large or too small.
    squares = (lengths / largest) ** 2 if largest > 0 else np.zeros_like(lengths)
    variance = scale * squares.mean() if len(squares) else 0.0
    weights = np.exp(-squares / variance) if variance > 0 else np.ones_like(squares)
    return weights, largest * np.sqrt(variance)


def nearest_merges(nearest, lengths):
    """Samples that join the cluster of their nearest neighbor, shortest edges first.

    Parameters
    ----------
    nearest : (n_samples,) array of int32
        -1 where there is none.
    lengths : (n_samples,) array

    Returns
    -------
    joining : array of int
        Samples whose edges make a spanning forest.
    """
    connected = np.flatnonzero(nearest >= 0)
    order = connected[np.argsort(lengths[connected], kind="stable")]
    return spanning_forest(len(nearest), np.arange(len(nearest), dtype=np.int32), nearest, order)


def components(n, source, target):
    """Components of a graph with these edges, numbered in the order of their first samples."""
    edges = csr_array((np.ones(len(source)), (source, target)), shape=(n, n))
    return connected_components(edges, directed=False)[1].astype(np.int32, copy=False)


def hub_linkage(W, labels, distances):
    """Merges of clusters that no edge connects, by the mean distance of their hubs.

    Parameters
    ----------
    W : csr_array of shape (n_samples, n_samples)
    labels : (n_samples,) array of int32
        At least two clusters, each of 0, 1, ... up to the largest being there.
    distances : callable (samples) -> square array
        Between the hubs, which are the samples with the largest sums of edges to them.

    Returns
    -------
    edges : (n_clusters - 1, 2) array of int
        Of each merge a cluster of either side.
    heights : (n_clusters - 1,) array
    """
    n_clusters = labels.max() + 1
    # Of equals the first.
    order = np.lexsort((-np.arange(len(labels)), W.sum(axis=0), labels))
    hubs = order[np.searchsorted(labels[order], np.arange(n_clusters), side="right") - 1]
    tree = linkage(squareform(distances(hubs), checks=False), "average")
    members = list(range(n_clusters))
    for left in tree[:, 0].astype(int):
        members.append(members[left])
    return np.array(members)[tree[:, :2].astype(int)], tree[:, 2]
