"""Nearest neighbors of the rows of a matrix, and graphs of them."""

import numpy as np
from scipy.sparse import csr_array, eye_array
from sklearn.utils import gen_batches

from skdeepcluster._kernels._kdtree import KDTree
from skdeepcluster._sklearn import get_chunk_n_rows
from skdeepcluster.validation import scaled_to_range

# Metrics of the tree search by their names in scikit-learn.
_TREE_METRICS = {"euclidean": "euclidean", "l2": "euclidean", "chebyshev": "chebyshev"}
_TREE_METRICS |= dict.fromkeys(("manhattan", "cityblock", "l1"), "manhattan")


def tree_metric(metric, metric_params=None):
    """The metric by which `nearest_neighbors` finds the neighbors under a metric, or None."""
    return None if callable(metric) or metric_params else _TREE_METRICS.get(metric)


def nearest_neighbors(X, n_neighbors, n_threads=1, metric="euclidean"):
    """Other rows that are nearest to each row.

    Parameters
    ----------
    X : C-contiguous array of shape (n, n_features), float32 or float64
        Finite, of any size.
    n_neighbors : int
        Less than n.
    n_threads : int
    metric : {"euclidean", "manhattan", "chebyshev"}, default="euclidean"

    Returns
    -------
    distances : (n, n_neighbors) array of float64
        Increasing.
    indices : (n, n_neighbors) array of int64
    """
    # In units in which squares fit.
    X, unit = scaled_to_range(X)
    tree = KDTree(X, metric, n_threads)
    found, positions, _ = tree.knn(n_neighbors + 1, n_threads)
    # One too many: the row itself, unless its copies displaced it.
    others = tree.index[positions] != tree.index[:, np.newaxis]
    others[others.all(axis=1), -1] = False
    distances = np.empty((len(X), n_neighbors))
    indices = np.empty((len(X), n_neighbors), np.int64)
    distances[tree.index] = found[others].reshape(distances.shape)
    indices[tree.index] = tree.index[positions][others].reshape(indices.shape)
    return (np.sqrt(distances) if metric == "euclidean" else distances) * unit, indices


def connectivity_graph(X, n_neighbors, n_threads=1):
    """The undirected graph that joins each row to its nearest others.

    Parameters
    ----------
    X : C-contiguous array of shape (n, n_features), float32 or float64
    n_neighbors : int
        Less than n.
    n_threads : int

    Returns
    -------
    graph : csr_array of shape (n, n), float64
        With entries 1.
    """
    return joined_neighbors(nearest_neighbors(X, n_neighbors, n_threads)[1])


def joined_neighbors(indices, kind="union"):
    """The undirected graph of nearest neighbors.

    Parameters
    ----------
    indices : (n, n_neighbors) array
        Neighbors of each row, without itself.
    kind : {"union", "mutual", "mean", "shared"}, default="union"
        Edges join rows of which either is a neighbor of the other, or both are; a mean counts the
        former 1/2, and by "shared" they weigh what the neighborhoods have in common, each row being
        in its own: the size of the intersection over that of the union.

    Returns
    -------
    graph : csr_array of shape (n, n), float64
    """
    n, n_neighbors = indices.shape
    starts = np.arange(0, indices.size + 1, n_neighbors)
    graph = csr_array((np.ones(indices.size), indices.ravel(), starts), shape=(n, n))
    if kind == "mutual":
        return csr_array(graph.minimum(graph.T))
    if kind == "mean":
        return csr_array((graph + graph.T) / 2)
    union = csr_array(graph.maximum(graph.T))
    if kind == "union":
        return union
    hoods = csr_array(graph + eye_array(n))
    common = csr_array((hoods @ hoods.T).multiply(union))
    common.data = common.data / (2 * (n_neighbors + 1) - common.data)
    return common


def nearest_by_blocks(distances, n, n_neighbors):
    """Nearest neighbors from distances that are given or computed block by block.

    Parameters
    ----------
    distances : callable (slice) -> array of shape (n_rows, n)
        From some rows to all.
    n : int
    n_neighbors : int
        Less than n.

    Returns
    -------
    distances : (n, n_neighbors) array of float64
        Increasing.
    indices : (n, n_neighbors) array of int64
    """
    lengths = np.empty((n, n_neighbors))
    indices = np.empty((n, n_neighbors), np.int64)
    for rows in gen_batches(n, get_chunk_n_rows(16 * n, max_n_rows=n)):
        D = np.array(distances(rows), dtype=np.float64)
        D[np.arange(len(D)), np.arange(rows.start, rows.stop)] = np.inf
        near = np.sort(np.argpartition(D, n_neighbors - 1)[:, :n_neighbors])
        near_lengths = np.take_along_axis(D, near, axis=1)
        order = np.argsort(near_lengths, axis=1, kind="stable")
        lengths[rows] = np.take_along_axis(near_lengths, order, axis=1)
        indices[rows] = np.take_along_axis(near, order, axis=1)
    return lengths, indices


def entries_by_row(matrix, descending=False):
    """Off-diagonal entries of a square matrix, sorted by row and by value within rows.

    Parameters
    ----------
    matrix : array or sparse matrix of shape (n, n)
        Duplicate entries of a sparse one are summed.
    descending : bool, default=False

    Returns
    -------
    rows, columns : arrays of shape (n_entries,)
    values : array of shape (n_entries,), float64
    """
    entries = csr_array(matrix, dtype=np.float64, copy=True)
    entries.sum_duplicates()
    entries = entries.tocoo()
    off = entries.row != entries.col
    rows, columns, values = entries.row[off], entries.col[off], entries.data[off]
    order = np.lexsort((columns, -values if descending else values, rows))
    return rows[order], columns[order], values[order]


def nearest_entries(distances, n_neighbors):
    """The smallest entries of each row of a sparse matrix of distances, all where there are fewer.

    Parameters
    ----------
    distances : sparse matrix of shape (n, n)
        Entries that are not stored, and the diagonal, are no neighbors.
    n_neighbors : int

    Returns
    -------
    rows, columns : arrays of shape (n_edges,)
    lengths : array of shape (n_edges,), float64
        Increasing within rows.
    """
    rows, columns, lengths = entries_by_row(distances)
    near = np.arange(len(rows)) - np.searchsorted(rows, rows) < n_neighbors
    return rows[near], columns[near], lengths[near]
