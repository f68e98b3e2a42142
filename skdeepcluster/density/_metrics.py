"""Distances between rows, in blocks.

Merges at equal distances count as one. So a distance must be the same to the last bit in both
directions, in any block and by any algorithm.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import pairwise_distances
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import row_norms, safe_sparse_dot

from skdeepcluster._kernels._hdbscan_blocks import nan_euclidean
from skdeepcluster._kernels._kdtree import reduced_distances
from skdeepcluster.validation import (
    check_distance_matrix,
    check_distances,
    complete_metric,
    metric_distances,
    rows_of_size_one,
)

# Rows on which a metric function is tested.
N_TRIED = 32


@dataclass
class TreeMetric:
    """How a metric is computed from the reduced distances of a KD tree's own metrics."""

    metric: str
    unit_rows: bool = False
    power: float = 1.0
    factor: float = 1.0
    centered: bool = False

    def prepare(self, X):
        """Rows whose reduced distances are taken."""
        if self.centered:
            X = _centered(rows_of_size_one(X))
        return normalize(rows_of_size_one(X)) if self.unit_rows else X

    def between(self, X, Y, n_threads):
        """Reduced distances of two sets of prepared rows."""
        if not issparse(X):
            reduced = reduced_distances(X, Y, self.metric, n_threads)
        elif self.metric == "euclidean":
            reduced = _sparse_squares(X, Y)
        else:
            reduced = pairwise_distances(X, Y, metric=self.metric)
        if self.unit_rows:
            # Rows of zeros have the distance of perpendicular rows to all others.
            short, other = zero_rows(X), zero_rows(Y)
            reduced[short] = reduced[:, other] = 2
            reduced[np.ix_(short, other)] = 0
        return reduced

    def among(self, X, rows, begin, n_threads):
        """Those of a slice of prepared rows to all from `begin` on."""
        return self.between(X[rows], X[begin:], n_threads)

    def distances(self, reduced):
        return self.factor * np.asarray(reduced, np.float64) ** self.power

    def scale(self, alpha):
        """The factor on reduced distances that divides distances by `alpha`."""
        return alpha ** (-1 / self.power)


def zero_rows(X):
    """Numbers of the rows without any entry but zero."""
    return np.flatnonzero(np.asarray(abs(X).sum(axis=1)).ravel() == 0)


def _centered(X):
    """Rows of size one less their means."""
    centered = X - X.mean(axis=1, keepdims=True, dtype=np.float64).astype(X.dtype)
    # Of a constant row rounding may leave something.
    constant = np.ptp(X, axis=1) <= 4 * np.finfo(X.dtype).eps * abs(X).max(axis=1)
    if constant.any():
        raise ValueError(
            f"{np.count_nonzero(constant)} rows are constant, and metric='correlation' is not "
            "defined for them; leave them out."
        )
    return centered


def _sparse_squares(X, Y):
    """Squared Euclidean distances of sparse rows, zero where rounding leaves nothing of them."""
    X, Y = X.astype(np.float64), Y.astype(np.float64)
    norms = row_norms(X, squared=True)[:, np.newaxis] + row_norms(Y, squared=True)
    squares = norms - 2 * safe_sparse_dot(X, Y.T, dense_output=True)
    squares[squares <= 4 * np.finfo(np.float64).eps * norms] = 0
    return squares


class PairwiseMetric:
    """A metric without a KD tree, by name or as a function of two rows."""

    def __init__(self, metric, params, X):
        self.metric = metric
        self.params = params
        if callable(metric):
            few = X[np.linspace(0, X.shape[0] - 1, min(X.shape[0], N_TRIED)).astype(np.intp)]
            # Symmetry would be assumed for a single array.
            D = self.between(few, few.copy(), 1)
            check_distance_matrix(D, f"Distances by metric={metric!r}", infinite=True)

    def prepare(self, X):
        return X

    def between(self, X, Y, n_threads):
        if self.metric == "nan_euclidean":
            D = nan_euclidean(X, Y, n_threads)
            check_distances(
                D,
                "Distances by metric='nan_euclidean'",
                remedy="Leave out rows without a common feature.",
            )
            return D
        return metric_distances(
            X, Y, self.metric, self.params, n_jobs=n_threads, infinite=callable(self.metric)
        )

    def among(self, X, rows, begin, n_threads):
        if callable(self.metric):
            # Each pair is computed once, whatever the block: rounding may differ the other way.
            middle = X[rows]
            parts = [self.between(middle, middle, n_threads)]
            if begin < rows.start:
                parts.insert(0, self.between(X[begin : rows.start], middle, n_threads).T)
            if rows.stop < X.shape[0]:
                parts.append(self.between(middle, X[rows.stop :], n_threads))
            D = np.hstack(parts)
        else:
            D = self.between(X[rows], X[begin:], n_threads)
        # Rounding may leave distances of rows to themselves.
        own = np.arange(rows.start, rows.stop)
        D[own - rows.start, own - begin] = 0
        return D

    def distances(self, reduced):
        return np.asarray(reduced, np.float64)

    def scale(self, alpha):
        return 1 / alpha


class PrecomputedMetric(PairwiseMetric):
    """Rows of a matrix of distances."""

    def __init__(self, X):
        # Rounding may make it slightly asymmetric.
        self._symmetric = all(
            np.array_equal(X[start : start + N_TRIED, start:], X[start:, start : start + N_TRIED].T)
            for start in range(0, len(X), N_TRIED)
        )

    def between(self, X, Y, n_threads):
        check_distances(X, "Precomputed distances", infinite=True)
        return X

    def among(self, X, rows, begin, n_threads):
        D = np.asarray(X[rows, begin:])
        return D if self._symmetric else np.maximum(D, X[begin:, rows].T)


TREE_METRICS = {
    "euclidean": TreeMetric("euclidean", power=0.5),
    "sqeuclidean": TreeMetric("euclidean"),
    "cosine": TreeMetric("euclidean", unit_rows=True, factor=0.5),
    "correlation": TreeMetric("euclidean", unit_rows=True, factor=0.5, centered=True),
    "manhattan": TreeMetric("manhattan"),
    "chebyshev": TreeMetric("chebyshev"),
}
ALIASES = {"l2": "euclidean", "l1": "manhattan", "cityblock": "manhattan"}
MINKOWSKI = {1: "manhattan", 2: "euclidean", np.inf: "chebyshev"}


def tree_metric(metric, metric_params):
    """The `TreeMetric` of a metric, or None if there is none."""
    params = {name: value for name, value in (metric_params or {}).items() if value is not None}
    if metric == "minkowski" and "w" not in params:
        metric = MINKOWSKI.get(params.pop("p", 2))
    metric = ALIASES.get(metric, metric) if isinstance(metric, str) else None
    return TREE_METRICS.get(metric) if not params else None


def row_metric(X, metric, metric_params):
    """How distances between rows such as those of `X` are computed."""
    params = complete_metric(metric, metric_params, X)
    by_tree = tree_metric(metric, metric_params)
    if by_tree is not None and not (by_tree.centered and issparse(X)):
        return by_tree
    return PairwiseMetric(metric, params, X)


# Exponent p of each metric: a factor c on all values multiplies distances by c to the power p.
_DEGREES = {
    **dict.fromkeys(("euclidean", "l2", "l1", "manhattan", "cityblock", "chebyshev"), 1),
    **dict.fromkeys(("minkowski", "nan_euclidean"), 1),
    "sqeuclidean": 2,
    **dict.fromkeys(("cosine", "correlation", "seuclidean", "mahalanobis"), 0),
}


def degree(metric, metric_params):
    """The exponent p such that scaling all values by c scales distances by c**p, or None."""
    if not isinstance(metric, str) or {"V", "VI"} & (metric_params or {}).keys():
        return None
    return _DEGREES.get(metric)
