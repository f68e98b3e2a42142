"""Agglomeration on a graph of nearest neighbors: weights, initial clusters and merges."""

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.sparse import csr_array, eye_array
from scipy.spatial.distance import squareform
from sklearn.metrics import pairwise_distances

from skdeepcluster._kernels._degree_linkage import degree_linkage
from skdeepcluster._kernels._trees import spanning_forest
from skdeepcluster._sklearn import effective_n_threads
from skdeepcluster.algorithms.groups import components
from skdeepcluster.algorithms.neighbor_search import graph_neighbors
from skdeepcluster.algorithms.small_clusters import without_scraps
from skdeepcluster.validation import scaled_to_range

# How far the scale of distances is averaged. From 20 to 80 steps give much the same
# (benchmarks/bench_shapes.py --steps).
STEPS = 40
# The criterion of JULE: clusters that are compared, and the weight of their contrast.
CRITERION = 5, 1.0


def regional_scales(rows, columns, squares, n, n_steps):
    r"""Logarithms of the squared distances that are usual in the region of each sample.

    Beginning with the mean of the squared distances to its neighbors, each sample's logarithm is
    replaced by the mean over itself and its mutual neighbors, `n_steps` times. So sparse and dense
    clusters have each their own scale, and the sparse margin of a cluster that of its core; nobody
    has an outlier as a mutual neighbor, so it affects no scale but its own.

    Parameters
    ----------
    rows, columns : (n_edges,) arrays of int
        From samples to their neighbors.
    squares : (n_edges,) array
    n : int
        Number of samples.
    n_steps : int

    Returns
    -------
    scales : (n,) array
        Where all neighbors are copies of a sample, it begins with the mean of the others.
    """
    means = np.bincount(rows, squares, minlength=n) / np.maximum(np.bincount(rows, minlength=n), 1)
    scales = np.log(means, out=np.zeros(n), where=means > 0)
    if (means > 0).any():
        scales[means == 0] = scales[means > 0].mean()
    neighbors = csr_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    mutual = csr_array(neighbors.minimum(neighbors.T) + eye_array(n))
    mutual.data /= np.repeat(mutual.sum(axis=1), np.diff(mutual.indptr))
    for _ in range(n_steps):
        scales = mutual @ scales
    return scales


def gaussian_weights(rows, columns, lengths, n, scale=1.0):
    r"""Weights of edges, and the length at which a weight is usually 1/e.

    .. math:: w_{ij} = \exp\left(-\frac{d_{ij}^2}{c \sigma_i \sigma_j}\right),

    with the squares :math:`\sigma_i^2` by `regional_scales` and :math:`c` the factor `scale`.

    Parameters
    ----------
    rows, columns : (n_edges,) arrays of int
    lengths : (n_edges,) array of float64
    n : int
        Number of samples.
    scale : float

    Returns
    -------
    weights : (n_edges,) array of float64
    sigma : float
        By the geometric mean of the squares.
    """
    largest = lengths.max(initial=0)
    if not largest:
        return np.ones(len(lengths)), 0.0
    # Relative to the largest, so that no square is too large or too small.
    squares = (lengths / largest) ** 2
    scales = regional_scales(rows, columns, squares, n, STEPS)
    weights = np.exp(-squares / (scale * np.exp((scales[rows] + scales[columns]) / 2)))
    return weights, largest * np.sqrt(scale * np.exp(scales.mean()))


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


def usual_n_neighbors(n):
    """Number of neighbors for a graph of n samples: as in theory, it grows with their logarithm."""
    return min(max(round(2 * np.log2(n)), 1), n - 1)


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
    return _weighted(*graph_neighbors(Z, min(n_neighbors, len(Z) - 1), n_threads))


def _weighted(lengths, neighbors):
    """What `neighbor_graph` returns, of neighbors that are known."""
    n, k = neighbors.shape
    edges = np.repeat(np.arange(n), k), neighbors.ravel()
    weights, _ = gaussian_weights(*edges, lengths.ravel(), n)
    W = csr_array((weights, edges), shape=(n, n))
    return W, neighbors[:, 0].astype(np.int32), lengths[:, 0]


def nearest_clusters(nearest, lengths, n_clusters):
    """Clusters that join samples with their nearest neighbors, at least `n_clusters` of them."""
    joining = nearest_merges(nearest, lengths)[: len(nearest) - n_clusters]
    return components(len(nearest), joining, nearest[joining])


def all_merges(W, labels, criterion, distances=None):
    """Merges of clusters by affinity, down to a single one.

    Where no affinity is left, merges go by edges in one direction, and then by distances.

    Parameters
    ----------
    W : csr_array of shape (n_samples, n_samples), float64
    labels : (n_samples,) array of int32
    criterion : n_nearest, weight
        Of `degree_linkage`.
    distances : callable (samples) -> square array, optional
        Without it, clusters that no edge connects merge in their order, at an infinite distance.

    Returns
    -------
    merges : (n_clusters - 1, 2) array of int
        A cluster of either side.
    affinities : (n_linked,) array
        Of the merges by edges, the first ones.
    lengths : (n_clusters - 1 - n_linked,) array
        Distances of the others.
    n_mutual : int
        Number of merges by edges in both directions; affinities of further ones are those of a
        graph without directions.
    """
    n_clusters = labels.max() + 1
    pairs, values = [np.empty((0, 2), np.intp)], []

    def now():
        """The clusters left, and an initial one in each of them."""
        clusters = components(n_clusters, *np.concatenate(pairs).T)
        return clusters[labels], np.unique(clusters, return_index=True)[1]

    for undirected in (False, True):
        clusters, first = now()
        graph = (W + W.T) / 2 if undirected else W
        found, affinities = degree_linkage(graph, clusters, 1, *criterion)
        pairs.append(first[found])
        values.append(affinities)
        if len(first) == len(found) + 1:
            break
    clusters, first = now()
    lengths = np.full(len(first) - 1, np.inf)
    if len(first) > 1 and distances is None:
        pairs.append(np.column_stack([np.repeat(first[0], len(lengths)), first[1:]]))
    elif len(first) > 1:
        found, lengths = hub_linkage(W, clusters, distances)
        pairs.append(first[found])
    return np.concatenate(pairs), np.concatenate(values), lengths, len(values[0])


def linkage_labels(Z, n_clusters, n_neighbors=None, *criterion):
    """Clusters of rows by the degrees of the graph of their neighbors.

    Parameters
    ----------
    Z : C-contiguous array of shape (n_samples, n_features), float32 or float64
    n_clusters : int
    n_neighbors : int, optional
        By default `usual_n_neighbors`.
    *criterion : n_nearest, weight
        Of `degree_linkage`, by default those of JULE.
    """
    if n_clusters == 1:
        return np.zeros(len(Z), dtype=np.int32)
    n_neighbors = min(n_neighbors or usual_n_neighbors(len(Z)), len(Z) - 1)
    found = graph_neighbors(Z, n_neighbors, effective_n_threads())
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
    return merge_to(W, labels, n_clusters, Z, *(criterion or CRITERION))


def merge_to(W, labels, n_clusters, Z, *criterion):
    """Labels after merges down to `n_clusters` clusters, none of which is a scrap of a few rows.

    Parameters
    ----------
    W : csr_array of shape (n_samples, n_samples), float64
        As of `neighbor_graph`.
    labels : (n_samples,) array of int32
    n_clusters : int
    Z : array of shape (n_samples, n_features)
        Rows for distances.
    *criterion : n_nearest, weight
        Of `degree_linkage`.
    """
    n = labels.max() + 1
    if n <= n_clusters:
        return labels
    in_range, _ = scaled_to_range(Z)
    merges, *_ = all_merges(W, labels, criterion, lambda hubs: pairwise_distances(in_range[hubs]))
    edges = np.column_stack([np.repeat(np.arange(len(labels)), np.diff(W.indptr)), W.indices])
    merges, _ = without_scraps(labels, merges, W, edges, n_clusters)
    return components(n, *merges[: n - n_clusters].T)[labels]
