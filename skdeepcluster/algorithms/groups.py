"""Groups of the nodes of a graph."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components


def components(n, source, target):
    """Components of a graph with these edges, numbered in the order of their first samples."""
    edges = csr_array((np.ones(len(source)), (source, target)), shape=(n, n))
    return connected_components(edges, directed=False)[1].astype(np.int32, copy=False)


def members(labels, n_clusters):
    """The matrix with a 1 in the column of each row's cluster."""
    n = len(labels)
    return csr_array((np.ones(n), (np.arange(n), labels)), shape=(n, n_clusters))


def in_order(labels):
    """Labels numbered in the order of their first rows, as int32; -1 stays."""
    found, first, numbers = np.unique(labels, return_index=True, return_inverse=True)
    first[found < 0] = -1
    return (np.argsort(np.argsort(first))[numbers] - np.any(found < 0)).astype(np.int32)


def rows_of_each(labels):
    """The rows of each label from 0 on, in increasing order."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels))[:-1])


def weights_to(graph, labels, n_clusters):
    """Sums of the weights of each row's edges to each cluster, a (n, n_clusters) array."""
    n = graph.shape[0]
    # A count takes a half of the time of a product of sparse matrices, or less.
    cells = np.repeat(np.arange(n) * n_clusters, np.diff(graph.indptr)) + labels[graph.indices]
    return np.bincount(cells, graph.data, minlength=n * n_clusters).reshape(n, n_clusters)
