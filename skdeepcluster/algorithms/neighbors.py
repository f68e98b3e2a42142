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


def nearest_to_others(X, Q, n_neighbors, n_threads=1, metric="euclidean"):
    """Rows that are nearest to each of others.

    Parameters
    ----------
    X : C-contiguous array of shape (n, n_features), float32 or float64
        Finite, such that squares of distances neither overflow nor vanish.
    Q : C-contiguous array of shape (n_queries, n_features), of X's dtype
    n_neighbors : int
        At most n.
    n_threads : int
    metric : {"euclidean", "manhattan", "chebyshev"}, default="euclidean"

    Returns
    -------
    distances : (n_queries, n_neighbors) array of float64
        Increasing.
    indices : (n_queries, n_neighbors) array of int64
    """
    tree, queries = KDTree(X, metric, n_threads), KDTree(Q, metric, n_threads)
    found, positions, _ = tree.knn(n_neighbors, n_threads, queries)
    distances = np.empty(found.shape)
    indices = np.empty(found.shape, np.int64)
    distances[queries.index], indices[queries.index] = found, tree.index[positions]
    return np.sqrt(distances) if metric == "euclidean" else distances, indices


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


def neighbor_matrix(weights, indices, n_others):
    """The matrix with the weight of each row's neighbors in their columns.

    Parameters
    ----------
    weights, indices : (n, n_neighbors) arrays
    n_others : int
        Number of columns.

    Returns
    -------
    matrix : csr_array of shape (n, n_others)
    """
    n, k = indices.shape
    starts = np.arange(0, n * k + 1, k)
    return csr_array((weights.ravel(), indices.ravel(), starts), shape=(n, n_others))


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
    graph = neighbor_matrix(np.ones(indices.shape), indices, n)
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


def nearest_by_blocks(distances, n, n_neighbors, n_others=None):
    """Nearest neighbors from distances that are given or computed block by block.

    Parameters
    ----------
    distances : callable (slice) -> array of shape (n_rows, n_others)
        From some rows to all.
    n : int
    n_neighbors : int
        Less than n; at most `n_others` if that is given.
    n_others : int, optional
        By default the others are the rows themselves, and none is its own neighbor.

    Returns
    -------
    distances : (n, n_neighbors) array of float64
        Increasing.
    indices : (n, n_neighbors) array of int64
    """
    lengths = np.empty((n, n_neighbors))
    indices = np.empty((n, n_neighbors), np.int64)
    row_bytes = 16 * (n if n_others is None else n_others)
    for rows in gen_batches(n, get_chunk_n_rows(row_bytes, max_n_rows=n)):
        D = np.array(distances(rows), dtype=np.float64)
        if n_others is None:
            D[np.arange(len(D)), np.arange(rows.start, rows.stop)] = np.inf
        near = np.sort(np.argpartition(D, n_neighbors - 1)[:, :n_neighbors])
        near_lengths = np.take_along_axis(D, near, axis=1)
        order = np.argsort(near_lengths, axis=1, kind="stable")
        lengths[rows] = np.take_along_axis(near_lengths, order, axis=1)
        indices[rows] = np.take_along_axis(near, order, axis=1)
    return lengths, indices


def entries_by_row(matrix, descending=False, diagonal=False):
    """Entries of a matrix, sorted by row and by value within rows.

    Parameters
    ----------
    matrix : array or sparse matrix of shape (n_rows, n_columns)
        Duplicate entries of a sparse one are summed.
    descending : bool, default=False
    diagonal : bool, default=False
        Whether entries on the diagonal count.

    Returns
    -------
    rows, columns : arrays of shape (n_entries,)
    values : array of shape (n_entries,), float64
    """
    entries = csr_array(matrix, dtype=np.float64, copy=True)
    entries.sum_duplicates()
    entries = entries.tocoo()
    off = (entries.row != entries.col) | diagonal
    rows, columns, values = entries.row[off], entries.col[off], entries.data[off]
    order = np.lexsort((columns, -values if descending else values, rows))
    return rows[order], columns[order], values[order]


def nearest_entries(distances, n_neighbors, diagonal=False):
    """The smallest entries of each row of a sparse matrix of distances, all where there are fewer.

    Parameters
    ----------
    distances : sparse matrix of shape (n_rows, n_columns)
        Entries that are not stored are no neighbors.
    n_neighbors : int
    diagonal : bool, default=False
        Whether entries on the diagonal are.

    Returns
    -------
    rows, columns : arrays of shape (n_edges,)
    lengths : array of shape (n_edges,), float64
        Increasing within rows.
    """
    rows, columns, lengths = entries_by_row(distances, diagonal=diagonal)
    near = np.arange(len(rows)) - np.searchsorted(rows, rows) < n_neighbors
    return rows[near], columns[near], lengths[near]
