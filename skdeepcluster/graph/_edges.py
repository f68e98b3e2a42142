"""Edges to nearest neighbors, by rows and a metric or by given distances, and votes along them.

Edges are arrays of rows, columns and lengths, the nearest of each row first.
"""

import numpy as np
from scipy.sparse import csr_array, issparse

from skdeepcluster.algorithms.neighbor_search import NeighborSearch, is_searched_exactly
from skdeepcluster.algorithms.neighbors import (
    entries_by_row,
    nearest_by_blocks,
    nearest_entries,
    nearest_neighbors,
    nearest_to_others,
    tree_metric,
)
from skdeepcluster.validation import (
    complete_metric,
    largest_value,
    metric_distances,
    metric_rows,
    scaled_to_range,
    unit_rows,
    within_reach,
)


class RowEdges:
    """Edges of rows, and of new ones, to the nearest of the rows.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    metric : str or callable
        "cosine" is the Euclidean distance of rows of length one.
    metric_params : dict or None
    seed : int
        Of a search that is not exact.
    n_threads : int

    Attributes
    ----------
    unit : float
        That of all lengths.
    """

    def __init__(self, X, metric, metric_params, seed, n_threads):
        self.cosine = isinstance(metric, str) and metric == "cosine"
        self.metric = "euclidean" if self.cosine else metric
        self.tree = tree_metric(self.metric, None if self.cosine else metric_params)
        self.unit = 1.0
        if self.cosine:
            X, metric_params = unit_rows(X), None
        elif self.tree is not None:
            X, self.unit = scaled_to_range(X)
        self.X = metric_rows(X, self.metric)
        self.params = complete_metric(self.metric, metric_params, self.X)
        self.search = None
        if issparse(X):
            self.tree = None
        elif self.tree == "euclidean" and not is_searched_exactly(*X.shape):
            self.search = NeighborSearch(np.ascontiguousarray(self.X), seed, n_threads)

    def distances(self, Q, n_threads, rows=slice(None)):
        """Distances of new rows to some of the rows."""
        return metric_distances(Q, self.X[rows], self.metric, self.params, n_jobs=n_threads)

    def to_others(self, n_neighbors, n_threads):
        """Edges of each row to the nearest others."""
        if self.search is not None:
            found = self.search.neighbors(n_neighbors, n_threads)
        elif self.tree is not None:
            found = nearest_neighbors(self.X, n_neighbors, n_threads, self.tree)
        else:
            X = self.X
            found = nearest_by_blocks(
                lambda rows: self.distances(X[rows], n_threads), X.shape[0], n_neighbors
            )
        return _edges_of(*found)

    def of_new(self, Q, n_neighbors, n_threads):
        """Edges of new rows to the nearest rows."""
        X = self.X
        if issparse(Q) != issparse(X):
            Q = Q.toarray() if issparse(Q) else csr_array(Q)
        if self.cosine:
            Q = unit_rows(Q)
        elif self.unit != 1:
            Q = Q / Q.dtype.type(self.unit)
        n_neighbors = min(n_neighbors, X.shape[0])
        if self.tree is None:
            Q = metric_rows(Q, self.metric, X)
            found = nearest_by_blocks(
                lambda rows: self.distances(Q[rows], n_threads), Q.shape[0], n_neighbors, X.shape[0]
            )
            return _edges_of(*found)
        Q = np.ascontiguousarray(within_reach(Q, largest_value(X)), X.dtype)
        if self.search is not None:
            return _edges_of(*self.search.query(Q, n_neighbors, n_threads))
        return _edges_of(*nearest_to_others(X, Q, n_neighbors, n_threads, self.tree))


def edges_by_distances(D, n_neighbors, new=False):
    """Edges by given distances, dense or sparse, of rows to others or of new rows to all."""
    if issparse(D):
        return nearest_entries(D, n_neighbors, diagonal=new)
    n_neighbors = min(n_neighbors, D.shape[1])
    return _edges_of(
        *nearest_by_blocks(D.__getitem__, len(D), n_neighbors, D.shape[1] if new else None)
    )


def edges_by_weights(W):
    """Edges of a graph with given weights.

    Returns
    -------
    rows, columns : arrays of int
        The heaviest edge of each row first.
    lengths : array
        Distances at which edges would have these weights, in units of the scale.
    weights : array
        Greater than 0.
    """
    rows, columns, weights = entries_by_row(W, descending=True)
    rows, columns, weights = (part[weights > 0] for part in (rows, columns, weights))
    return rows, columns, np.sqrt(np.log(weights.max(initial=0) / weights)), weights


def votes_along(rows, columns, lengths, shape):
    r"""Weights by which training rows vote for the clusters of new ones.

    .. math:: w_{ij} = \exp(-d_{ij}^2 / \sigma_i^2)

    with the mean :math:`\sigma_i^2` of the squares of a new row. Where a distance is 0, only such
    training rows vote.

    Returns
    -------
    votes : csr_array of shape `shape`
    """
    largest = np.zeros(shape[0])
    np.maximum.at(largest, rows, lengths)
    # Relative to the largest, so that no square is too large or too small.
    squares = np.divide(lengths, largest[rows], out=np.zeros(len(rows)), where=lengths > 0) ** 2
    sums = np.bincount(rows, squares, minlength=shape[0])
    means = sums / np.maximum(np.bincount(rows, minlength=shape[0]), 1)
    votes = np.exp(-np.divide(squares, means[rows], out=np.zeros(len(rows)), where=squares > 0))
    equal = np.bincount(rows, lengths == 0, minlength=shape[0]) > 0
    votes[equal[rows] & (lengths > 0)] = 0
    return csr_array((votes, (rows, columns)), shape=shape)


def _edges_of(lengths, neighbors):
    """Edges of as many neighbors of each row."""
    n, n_neighbors = neighbors.shape
    lengths = lengths.astype(np.float64, copy=False)
    return np.repeat(np.arange(n), n_neighbors), neighbors.ravel(), lengths.ravel()
