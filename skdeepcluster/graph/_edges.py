"""Edges of a graph of neighbors: by rows and a metric, by given distances, or given themselves.

Edges are arrays of rows, columns and lengths, the nearest of each row first. Votes are weights of
training rows for new ones, a sparse array.
"""

import numpy as np
from scipy.sparse import csr_array, issparse

from skdeepcluster.algorithms.neighbor_search import NeighborSearch, is_searched_exactly
from skdeepcluster.algorithms.neighbors import (
    entries_by_row,
    nearest_by_blocks,
    nearest_entries,
    nearest_neighbors,
    tree_metric,
)
from skdeepcluster.graph._neighbors import vote_weights, within_reach
from skdeepcluster.validation import (
    complete_metric,
    metric_distances,
    metric_rows,
    scaled_to_range,
    unit_rows,
)


class RowEdges:
    """Edges from rows to their nearest neighbors by a metric.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    metric : str or callable
        "cosine" is the Euclidean distance of rows of length one.
    metric_params : dict or None
    exact : bool or None
        Whether Euclidean neighbors of dense rows are found exactly; None where it takes not long.
    seed : int
    n_threads : int
    """

    def __init__(self, X, metric, metric_params, exact, seed, n_threads):
        self.cosine = isinstance(metric, str) and metric == "cosine"
        self.metric = "euclidean" if self.cosine else metric
        self.unit, self.tree = 1.0, tree_metric(self.metric, metric_params)
        if self.cosine:
            X = unit_rows(X)
        elif self.tree is not None:
            X, self.unit = scaled_to_range(X)
        self.X = metric_rows(X, self.metric)
        self.params = complete_metric(self.metric, metric_params, self.X)
        self.n_threads = n_threads
        self.search = None
        if issparse(X):
            self.tree = None
        elif self.tree == "euclidean":
            self.exact = is_searched_exactly(*X.shape) if exact is None else exact
            self.search = NeighborSearch(np.ascontiguousarray(self.X), seed, n_threads)

    def distances(self, rows):
        """Between some rows, in units of `unit`."""
        X = self.X[rows]
        return self._between(X, X, self.n_threads)

    def _between(self, Q, X, n_threads):
        return metric_distances(Q, X, self.metric, self.params, n_jobs=n_threads)

    def edges(self, n_neighbors, n_threads):
        """Edges to the nearest neighbors, with lengths in units of `unit`."""
        if self.tree is None:
            X = self.X
            found = nearest_by_blocks(
                lambda rows: self._between(X[rows], X, n_threads), X.shape[0], n_neighbors
            )
        elif self.search is None or self.exact:
            found = nearest_neighbors(self.X, n_neighbors, n_threads, self.tree)
        else:
            found = self.search.neighbors(n_neighbors, n_threads)
        return _edges_of(*found)

    def votes(self, Q, n_neighbors, n_threads):
        """Weights of the training rows nearest to others."""
        X, n = self.X, self.X.shape[0]
        if issparse(Q) and not issparse(X):
            Q = Q.toarray()
        if self.cosine:
            Q = unit_rows(Q)
        elif self.tree is not None:
            Q = within_reach(Q, X, self.unit)
        elif self.unit != 1:
            Q = Q / Q.dtype.type(self.unit)
        n_neighbors = min(n_neighbors, n)
        if self.search is not None:
            Q = np.ascontiguousarray(Q, X.dtype)
            found = self.search.query(Q, n_neighbors, n_threads)
        else:
            Q = metric_rows(Q, self.metric, X)
            found = nearest_by_blocks(
                lambda rows: self._between(Q[rows], X, n_threads), Q.shape[0], n_neighbors, n
            )
        return _votes_of(*found, n, n_threads)


def edges_by_distances(D, n_neighbors):
    """Edges to the nearest neighbors by given distances, dense or sparse."""
    if issparse(D):
        return nearest_entries(D, n_neighbors)
    return _edges_of(*nearest_by_blocks(D.__getitem__, len(D), n_neighbors))


def votes_by_distances(D, n_neighbors, n_threads):
    """Weights of training rows for new ones, by distances from these, dense or sparse."""
    n = D.shape[1]
    if not issparse(D):
        found = nearest_by_blocks(D.__getitem__, len(D), min(n_neighbors, n), n)
        return _votes_of(*found, n, n_threads)
    rows, columns, lengths = nearest_entries(D, n_neighbors, diagonal=True)
    weights = np.zeros(len(rows))
    counts = np.bincount(rows, minlength=D.shape[0])
    # Rows with equally many neighbors together.
    for count in np.unique(counts[counts > 0]):
        these = counts[rows] == count
        weights[these] = vote_weights(lengths[these].reshape(-1, count), n_threads).ravel()
    return csr_array((weights, (rows, columns)), shape=D.shape)


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


def _edges_of(lengths, neighbors):
    """Edges of as many neighbors of each row."""
    n, n_neighbors = neighbors.shape
    lengths = lengths.astype(np.float64, copy=False)
    return np.repeat(np.arange(n), n_neighbors), neighbors.ravel(), lengths.ravel()


def _votes_of(lengths, neighbors, n_others, n_threads):
    """Votes of as many neighbors of each new row."""
    starts = np.arange(0, neighbors.size + 1, neighbors.shape[1])
    weights = vote_weights(lengths, n_threads).ravel()
    return csr_array((weights, neighbors.ravel(), starts), shape=(len(neighbors), n_others))
