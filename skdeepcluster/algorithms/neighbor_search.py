"""Nearest neighbors in many dimensions: candidates by principal directions, then exact order."""

import numpy as np
from scipy.linalg import eigh
from sklearn.utils.extmath import randomized_svd

from skdeepcluster._kernels._neighbor_descent import (
    PADDED_TO,
    Descent,
    nearest_in,
    random_trees,
    rank,
)
from skdeepcluster._kernels._products import add_products
from skdeepcluster._sklearn import threadpool_controller
from skdeepcluster.algorithms.neighbors import nearest_neighbors
from skdeepcluster.validation import scaled_to_range

# All features are compared up to so many.
FEW_FEATURES = 48
# Leading directions with this share of the variance of so many rows, at most so many.
SHARE, SAMPLE_ROWS, MAX_DIRECTIONS = 0.93, 4000, 160
# A covariance matrix of more features is not computed.
MAX_COVARIANCE = 1024
# Up to so many rows all pairs are compared.
EXACT_ROWS = 4096
# More candidates are kept than neighbors: along the directions they may stand in another order.
SPARE = 5
LEAF_ROWS = 64
# Neighbors for a graph are exact up to so many rows, and of any number with so few features.
MANY_ROWS, LOW_DIMENSION = 20_000, 16
# A pass in which a smaller share of the lists changes is the last.
LAST_SHARE = 0.001
MAX_PASSES = 12


def principal_axes(X, n_axes, rng):
    """Mean, leading principal directions and all of the variance of a sample of the rows.

    Parameters
    ----------
    X : array of shape (n, n_features)
    n_axes : int
        All directions, if there are fewer.
    rng : np.random.Generator

    Returns
    -------
    mean : (n_features,) array
    axes : (n_axes, n_features) array
        The leading one first.
    variances : (n_axes,) array
        Along the axes.
    total : float
        The variance of all features.
    """
    n, d = X.shape
    sample = X[np.sort(rng.choice(n, SAMPLE_ROWS, replace=False))] if n > SAMPLE_ROWS else X
    mean = sample.mean(axis=0, dtype=np.float64)
    centered = sample - mean
    n_axes = min(n_axes, d, len(sample))
    total = np.square(centered).sum() / len(sample)
    if d <= MAX_COVARIANCE:
        covariance = centered.T @ centered / len(sample)
        variances, axes = eigh(covariance, subset_by_index=[d - n_axes, d - 1])
        variances, axes = variances[::-1], axes[:, ::-1].T
    else:
        seed = int(rng.integers(2**31 - 1))
        _, values, axes = randomized_svd(centered, n_axes, n_iter=2, random_state=seed)
        variances = values**2 / len(sample)
    # A direction has two signs; libraries choose either.
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.where(axes[np.arange(len(axes)), largest] < 0, -1.0, 1.0)[:, np.newaxis]
    return mean, axes, np.maximum(variances, 0), total


def leaf_starts(n, leaf_rows):
    """Where the leaves of `random_trees` begin, and the last one ends."""
    sizes, waiting = [], [n]
    while waiting:
        size = waiting.pop()
        if size <= leaf_rows:
            sizes.append(size)
        else:
            waiting += [size - size // 2, size // 2]
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


class NeighborSearch:
    """Finds the rows of an array that are nearest to each other, or to other rows.

    Rows are compared by their coordinates along the leading principal directions, all pairs or, of
    many rows, those that random trees and neighbors of neighbors propose [1]_. What comes out is
    put in order by all features. Equal distances are ordered by index.

    Parameters
    ----------
    X : C-contiguous array of shape (n, n_features), float32 or float64
        Squares of distances neither overflow nor vanish.
    seed : int
    n_threads : int
        Here and in the methods; the result is the same for any number, if libraries of linear
        algebra use one thread.

    References
    ----------
    .. [1] W. Dong, M. Charikar and K. Li, "Efficient k-nearest neighbor graph construction for
           generic similarity measures", WWW, 2011.
    """

    def __init__(self, X, seed, n_threads):
        self.X, self.seed = X, seed
        rng = np.random.default_rng(seed)
        self.mean, self.axes = X.mean(axis=0, dtype=np.float64), None
        if X.shape[1] > FEW_FEATURES:
            self.mean, axes, variances, total = principal_axes(X, MAX_DIRECTIONS, rng)
            n_needed = np.searchsorted(np.cumsum(variances), SHARE * total) + 1
            n_axes = min(-(-n_needed // PADDED_TO) * PADDED_TO, len(axes))
            self.axes = np.ascontiguousarray(axes[:n_axes].T, X.dtype)
        self.Z = self._coordinates(X, n_threads)

    def _coordinates(self, X, n_threads):
        """Coordinates by which rows are compared, with zeros up to whole vectors."""
        centered = (X - self.mean).astype(X.dtype, copy=False)
        if self.axes is not None:
            # Products in which no row depends on another.
            out = np.zeros((1, len(X), self.axes.shape[1]), X.dtype)
            add_products(np.ascontiguousarray(centered)[None], self.axes[None], out, n_threads)
            centered = out[0]
        padded = np.zeros((len(X), -(-centered.shape[1] // PADDED_TO) * PADDED_TO), np.float32)
        padded[:, : centered.shape[1]] = centered
        return padded

    def _n_candidates(self, n_neighbors, n):
        """Several more where not all features are compared."""
        spare = SPARE if self.axes is None else max(SPARE, n_neighbors // 2)
        return min(n_neighbors + spare, n)

    def neighbors(self, n_neighbors, n_threads):
        """Other rows that are nearest to each row.

        Parameters
        ----------
        n_neighbors : int
            Less than n.
        n_threads : int

        Returns
        -------
        distances : (n, n_neighbors) array of X's dtype
            Increasing.
        indices : (n, n_neighbors) array of int32
        """
        n = len(self.X)
        n_candidates = self._n_candidates(n_neighbors, n - 1)
        if n <= EXACT_ROWS:
            found = nearest_in(self.Z, self.Z, n_candidates, True, n_threads)
        else:
            found = self._descend(n_candidates, n_threads)
        squares, indices = rank(self.X, self.X, found, n_neighbors, n_threads)
        return np.sqrt(squares), indices

    def _descend(self, n_candidates, n_threads):
        n, seed = len(self.Z), self.seed
        n_trees = int(np.clip(2 * np.log10(n), 4, 12))
        order = random_trees(self.Z, n_trees, LEAF_ROWS, seed, n_threads)
        # Rows of a leaf next to each other in memory.
        rows = order[0]
        place = np.empty(n, np.int32)
        place[rows] = np.arange(n, dtype=np.int32)
        descent = Descent(np.ascontiguousarray(self.Z[rows]), n_candidates, n_threads)
        starts = leaf_starts(n, LEAF_ROWS)
        for leaves in order:
            descent.join_leaves(place[leaves], starts)
        descent.fill(seed)
        for i in range(MAX_PASSES):
            n_fresh = descent.descend(max(10, n_candidates // 2), seed + i + 1)
            if n_fresh <= LAST_SHARE * n * n_candidates:
                break
        found = np.empty_like(descent.indices)
        found[rows] = rows[descent.indices]
        return found

    def query(self, Q, n_neighbors, n_threads):
        """Rows of X that are nearest to each of others.

        Parameters
        ----------
        Q : C-contiguous array of shape (n_queries, n_features), of X's dtype
        n_neighbors : int
            At most n.
        n_threads : int

        Returns
        -------
        distances : (n_queries, n_neighbors) array of X's dtype
            Increasing.
        indices : (n_queries, n_neighbors) array of int32
        """
        n_candidates = self._n_candidates(n_neighbors, len(self.X))
        Z = self._coordinates(Q, n_threads)
        found = nearest_in(self.Z, Z, n_candidates, False, n_threads)
        squares, indices = rank(self.X, Q, found, n_neighbors, n_threads)
        return np.sqrt(squares), indices


def is_searched_exactly(n, n_features):
    """Whether a tree finds the neighbors of so many rows in little time."""
    return n <= MANY_ROWS or n_features <= LOW_DIMENSION


def graph_neighbors(X, n_neighbors, n_threads=1, seed=0):
    """Other rows that are nearest to each row: exact, or by `NeighborSearch` where that takes long.

    Parameters
    ----------
    X : C-contiguous array of shape (n, n_features), float32 or float64
        Finite, of any size.
    n_neighbors : int
        Less than n.
    n_threads : int
    seed : int
        Of a search that is not exact.

    Returns
    -------
    distances : (n, n_neighbors) array of float64
        Increasing.
    indices : (n, n_neighbors) array of int
    """
    if is_searched_exactly(*X.shape):
        return nearest_neighbors(X, n_neighbors, n_threads)
    X, unit = scaled_to_range(X)
    with threadpool_controller().limit(limits=1, user_api="blas"):
        distances, indices = NeighborSearch(X, seed, n_threads).neighbors(n_neighbors, n_threads)
    return distances.astype(np.float64) * unit, indices
