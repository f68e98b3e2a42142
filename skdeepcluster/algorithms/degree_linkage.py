"""Agglomeration on a graph of nearest neighbors: weights, initial clusters and final merges."""

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.sparse import csr_array, diags_array
from scipy.spatial.distance import squareform
from sklearn.metrics import pairwise_distances

from skdeepcluster._kernels._degree_linkage import degree_linkage
from skdeepcluster._kernels._trees import spanning_forest
from skdeepcluster._sklearn import effective_n_threads
from skdeepcluster.algorithms.groups import components, members
from skdeepcluster.algorithms.neighbors import nearest_neighbors
from skdeepcluster.validation import scaled_to_range

# Clusters whose largest affinity is below this fraction of the median are outliers.
_WEAK_SHARE = 0.03
# Outliers are sought only among so many times more clusters than the final number.
_MANY = 20


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


def neighbor_graph(Z, n_neighbors, n_threads=1):
    """Weights of edges to the nearest neighbors of rows.

    Parameters
    ----------
    Z : C-contiguous array of shape (n_samples, n_features), float32 or float64
    n_neighbors : int
        All other rows, if there are fewer.
    n_threads : int

    Returns
    -------
    W : csr_array of shape (n_samples, n_samples), float64
    nearest : (n_samples,) array of int32
        The nearest neighbor of each row.
    lengths : (n_samples,) array of float64
        How far it is.
    """
    return _weighted(*nearest_neighbors(Z, min(n_neighbors, len(Z) - 1), n_threads))


def _weighted(lengths, neighbors):
    """What `neighbor_graph` returns, of neighbors that are known."""
    n, k = neighbors.shape
    weights, _ = gaussian_weights(lengths.ravel())
    rows = np.repeat(np.arange(n), k)
    W = csr_array((weights, (rows, neighbors.ravel())), shape=(n, n))
    return W, neighbors[:, 0].astype(np.int32), lengths[:, 0]


def nearest_clusters(nearest, lengths, n_clusters):
    """Clusters that join samples with their nearest neighbors, at least `n_clusters` of them."""
    joining = nearest_merges(nearest, lengths)[: len(nearest) - n_clusters]
    return components(len(nearest), joining, nearest[joining])


def outlying_merges(W, labels, n_clusters):
    """Merges of outlying clusters, to which hardly any edge leads.

    An outlier and its nearest neighbor have edges to others and none in return. No cluster would
    merge with them, and they would be final clusters in place of true ones. So each joins the
    cluster that its edges lead to.

    Parameters
    ----------
    W : csr_array of shape (n_samples, n_samples), float64
    labels : (n_samples,) array of int32
        Of many small clusters, such as nearest neighbors.
    n_clusters : int
        Final number of clusters.

    Returns
    -------
    weak, joined : arrays of int
        Both clusters of each merge; `joined` are no outliers.
    """
    nothing = np.empty(0, np.intp)
    n = labels.max() + 1
    if n <= _MANY * n_clusters:
        return nothing, nothing
    member = members(labels, n)
    # Of samples to clusters.
    both = ((W @ member) * (W.T @ member)).tocoo()
    own = labels[both.row] == both.col
    entries = both.data[~own], (labels[both.row[~own]], both.col[~own])
    affinity = csr_array(entries, shape=(n, n)) @ diags_array(1 / member.sum(axis=0) ** 2)
    largest = (affinity + affinity.T).max(axis=1).toarray().ravel()
    weak = largest <= _WEAK_SHARE * np.median(largest)
    # An edge counts however small its weight is.
    edges = csr_array((np.maximum(W.data, np.finfo(float).tiny), W.indices, W.indptr), W.shape)
    edges = member.T @ (edges + edges.T) @ member @ diags_array((~weak).astype(float))
    edges = edges[weak]
    some = edges.max(axis=1).toarray().ravel() > 0
    # SciPy 1.13 gives a column.
    return np.flatnonzero(weak)[some], np.ravel(edges.argmax(axis=1))[some]


def linkage_labels(Z, n_clusters, n_neighbors=20, *criterion):
    """Clusters of rows by the degrees of the graph of their neighbors.

    Parameters
    ----------
    Z : C-contiguous array of shape (n_samples, n_features), float32 or float64
    n_clusters : int
    n_neighbors : int
    *criterion : n_nearest, weight
        Of `degree_linkage`, by default those of JULE.
    """
    if n_clusters == 1:
        return np.zeros(len(Z), dtype=np.int32)
    found = nearest_neighbors(Z, min(n_neighbors, len(Z) - 1), effective_n_threads())
    return labels_of_neighbors(*found, n_clusters, Z, *criterion)


def labels_of_neighbors(lengths, neighbors, n_clusters, Z, *criterion):
    """The same, of neighbors that are known.

    Parameters
    ----------
    lengths : (n_samples, n_neighbors) array of float64
        Increasing.
    neighbors : (n_samples, n_neighbors) array of int
    n_clusters : int
    Z : array of shape (n_samples, n_features)
        Rows for distances where no edge connects clusters.
    *criterion : n_nearest, weight
    """
    W, *nearest = _weighted(lengths, neighbors)
    labels = nearest_clusters(*nearest, n_clusters)
    return merge_to(W, labels, n_clusters, Z, *(criterion or (5, 1.0)))


def merge_to(W, labels, n_clusters, Z, *criterion, n_wanted=None):
    """Labels after merges down to `n_clusters` clusters.

    Outlying clusters join others first. Where no affinity is left, merges go by edges in one
    direction, and then by distances.

    Parameters
    ----------
    W : csr_array of shape (n_samples, n_samples), float64
    labels : (n_samples,) array of int32
    n_clusters : int
    Z : array of shape (n_samples, n_features)
        Rows for distances.
    *criterion : n_nearest, weight
        Of `degree_linkage`.
    n_wanted : int, optional
        Final number of clusters, if more merges follow.
    """

    def joined(edges):
        return components(labels.max() + 1, *edges.T)[labels]

    labels = joined(np.transpose(outlying_merges(W, labels, n_wanted or n_clusters)))
    for graph in (W, (W + W.T) / 2):
        labels = joined(degree_linkage(graph, labels, n_clusters, *criterion)[0])
    if labels.max() >= n_clusters:
        in_range, _ = scaled_to_range(Z)
        edges, _ = hub_linkage(W, labels, lambda hubs: pairwise_distances(in_range[hubs]))
        labels = joined(edges[: labels.max() + 1 - n_clusters])
    return labels
