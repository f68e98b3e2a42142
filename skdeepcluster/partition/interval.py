"""IntervalClustering: the optimal partition of one feature."""

import warnings
from collections.abc import Callable
from numbers import Integral

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if

from skdeepcluster._kernels._interval import optimal_intervals
from skdeepcluster._sklearn import Interval, StrOptions, check_sample_weight, fit_context
from skdeepcluster.algorithms.intervals import (
    number_by_information,
    optimal_segments,
    squared_errors,
    starts_of,
)
from skdeepcluster.base import (
    Clusterer,
    FloatTransformerMixin,
    NumberOfClustersMixin,
    ThreadsMixin,
    param,
)
from skdeepcluster.validation import (
    as_array,
    caller_level,
    check_rows,
    check_weights,
    largest_value,
    scaled_to_range,
)


def _of_values(estimator):
    """Whether intervals are of values, in which new ones have a place."""
    if estimator.order != "value":
        raise AttributeError("intervals of positions have no place for new rows")
    return True


class IntervalClustering(
    NumberOfClustersMixin,
    ThreadsMixin,
    FloatTransformerMixin,
    Clusterer,
):
    r"""Optimal clustering of one feature into intervals.

    On a line the clusters of k-means and k-medians are intervals, so the best of all partitions can
    be found, with nothing random and nothing to begin with:

    .. math:: \min_{x_{(1)} = b_0 < b_1 < \dots < b_k} \; \sum_{m=1}^{k} \min_c
        \sum_{b_{m-1} \le x_i < b_m} w_i \, |x_i - c|^p,

    with :math:`p = 2` for squared errors (k-means, natural breaks) and :math:`p = 1` for absolute
    errors (k-medians). Dynamic programming over the sorted values takes
    O(n_clusters * n_samples * log(n_samples)) operations and O(n_clusters * n_samples) memory.
    Use it for thresholds, for discretization and wherever :class:`sklearn.cluster.KMeans` on one
    column would do; that finds local optima only.

    With ``order="given"`` the rows are a sequence and the intervals are of positions: the segments
    of a series in time, or tasks of neighboring steps, with squared errors of any number of
    features or a cost of the user's. As any start may then be the best, that takes
    O(n_clusters * n_samples**2) operations.

    Parameters
    ----------
    n_clusters : int or None, default=8
        The number of intervals. There are fewer if there are fewer distinct values. For a sequence
        with squared errors, None takes the number, up to `max_clusters`, with the least Bayesian
        information criterion of normal errors of one variance.

    criterion : {"squared_error", "absolute_error"} or callable, default="squared_error"
        The loss. The center of an interval is the mean for squared errors, the median for absolute
        errors, which outliers disturb less. A callable, for ``order="given"``, takes an array of
        positions and an end, and returns the cost of the rows from each of the positions to the one
        before the end.

    order : {"value", "given"}, default="value"
        Whether the intervals are of values, whatever the order of the rows, or of positions of the
        rows as they are given. In the second case there is no `predict`, and `criterion` is not
        "absolute_error".

    min_size : int, default=1
        Least number of rows in an interval; rows of weight 0 do not count.

    max_clusters : int, default=20
        Maximum number of intervals for ``n_clusters=None``.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        The centers of the intervals, ascending for ``order="value"``; not with a callable.

    boundaries_ : ndarray of shape (n_clusters - 1,)
        Boundaries between adjacent intervals. For ``order="value"`` they are midway between
        centers, or with a `min_size` above 1 between the nearest values; a value on a boundary
        belongs to the lower interval. For ``order="given"`` they are the positions at which the
        second and later intervals begin.

    n_clusters_ : int
        The number of intervals.

    labels_ : ndarray of shape (n_samples,)
        The interval of each row, counted from 0 for the lowest or first one.

    inertia_ : float
        The loss.

    inertias_ : ndarray of shape (n_clusters,)
        The minimum losses for 1, 2, ... intervals, all from the same fit; infinite if too large for
        a float. For ``n_clusters=None`` as many as were compared.

    n_features_in_ : int
        Number of features seen during `fit`: 1 for ``order="value"``.

    See Also
    --------
    sklearn.preprocessing.KBinsDiscretizer : Bins of several features, by local optima of k-means.

    References
    ----------
    .. [1] W. D. Fisher (1958). On grouping for maximum homogeneity. *Journal of the American
           Statistical Association* 53(284), 789-798.
    .. [2] H. Wang, M. Song (2011). Ckmeans.1d.dp: optimal k-means clustering in one dimension by
           dynamic programming. *The R Journal* 3(2), 29-33.
    .. [3] H. Go et al. (2023). Addressing negative transfer in diffusion models. NeurIPS, for
           costs of the user's. :arxiv:`2306.00354`

    Examples
    --------
    >>> from skdeepcluster import IntervalClustering
    >>> model = IntervalClustering(n_clusters=3).fit([[1], [10], [2], [11], [5.5], [1.5]])
    >>> model.labels_
    array([0, 2, 0, 2, 1, 0], dtype=int32)
    >>> model.boundaries_
    array([3.5, 8. ])
    >>> model.inertias_
    array([98.33333333, 13.        ,  1.        ])
    """

    n_clusters: int | None = param(
        8, Interval(Integral, 1, None, closed="left"), None, positional=True
    )
    criterion: str | Callable[[np.ndarray, int], np.ndarray] = param(
        "squared_error", StrOptions({"squared_error", "absolute_error"}), callable
    )
    order: str = param("value", StrOptions({"value", "given"}))
    min_size: int = param(1, Interval(Integral, 1, None, closed="left"))
    max_clusters: int = param(20, Interval(Integral, 1, None, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the best intervals.

        Parameters
        ----------
        X : array-like of shape (n_samples, 1) or (n_samples,)
            The values, in any order. For ``order="given"`` rows of any number of features, in
            theirs.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the values in the loss. None: all are 1. An integer weight counts like that
            many equal values, a value of weight 0 not at all. Not with a callable.
        """
        X = self._validate(X, reset=True)
        least = (self.n_clusters or 1) * self.min_size
        if least > len(X):
            raise ValueError(
                f"n_samples={len(X)} should be >= n_clusters={self.n_clusters}"
                + f" * min_size={self.min_size}" * (self.min_size > 1)
            )
        weights = check_weights(sample_weight, len(X), self.n_clusters or 1)
        if self.order == "given":
            return self._fit_sequence(X, weights, sample_weight is not None)
        if callable(self.criterion):
            raise ValueError('a callable criterion needs order="given"; values have no positions')
        if self.n_clusters is None:
            raise ValueError(
                'n_clusters=None needs order="given"; compare the inertias_ of values yourself'
            )
        return self._fit_values(X, weights)

    def _sought(self, most):
        """How many intervals to look for, if there are so many at most."""
        return min(most, self.n_clusters or self.max_clusters)

    # -- sequences ---------------------------------------------------------------------------

    def _fit_sequence(self, X, weights, weighted):
        if self.criterion == "absolute_error":
            raise ValueError(
                'order="given" has no criterion="absolute_error"; give a callable or squared errors'
            )
        own = callable(self.criterion)
        if own and weighted:
            raise ValueError("a callable criterion has no use for sample_weight; leave it out")
        if own and self.n_clusters is None:
            raise ValueError("n_clusters=None needs squared errors; give n_clusters")
        known = weights > 0
        rows, w = X[known], weights[known]
        if len(rows) < self.min_size:
            raise ValueError(f"min_size={self.min_size} is above the {len(rows)} rows with weight")
        if own:
            cost, unit = self.criterion, 1.0
        else:
            rows, unit = scaled_to_range(rows)
            cost = squared_errors(rows.astype(np.float64), w)
        k = self._sought(len(rows) // self.min_size)
        starts, losses = optimal_segments(cost, len(rows), k, self.min_size)
        if not own:
            with np.errstate(over="ignore"):
                losses = losses * unit**2
        if self.n_clusters is None:
            k = number_by_information(losses, w.sum(), X.shape[1])
        starts = starts[k - 1]
        if not np.isfinite(losses[k - 1]):
            raise ValueError("the least cost of the intervals is not finite; scale X or the costs")
        positions = np.flatnonzero(known)[starts]
        self.boundaries_ = positions[1:]
        self.labels_ = np.searchsorted(self.boundaries_, np.arange(len(X)), side="right")
        self.labels_ = self.labels_.astype(np.int32)
        self.inertia_, self.inertias_, self.n_clusters_ = float(losses[k - 1]), losses, k
        self._n_features_out = k
        if own:
            self.__dict__.pop("cluster_centers_", None)
        else:
            sums = np.add.reduceat(w[:, None] * rows.astype(np.float64), starts)
            centers = sums / np.add.reduceat(w, starts)[:, None]
            self.cluster_centers_ = (centers * unit).astype(X.dtype)
        return self

    # -- values ------------------------------------------------------------------------------

    def _fit_values(self, X, weights):
        # Equal values are one value with the sum of their weights: they are never separated.
        known = X[weights > 0, 0]
        values, inverse, counts = np.unique(known, return_inverse=True, return_counts=True)
        w = np.bincount(inverse, weights=weights[weights > 0])
        last, most = _room(counts, self.min_size)
        if most == 0:
            raise ValueError(f"min_size={self.min_size} is above the {len(known)} rows with weight")
        n_clusters = self._sought(most)
        if n_clusters < self.n_clusters:
            warnings.warn(
                f"Number of distinct values ({n_clusters}) found smaller than n_clusters "
                f"({self.n_clusters})."
                if self.min_size == 1
                else f"There is room for {n_clusters} intervals of min_size={self.min_size}, fewer "
                f"than n_clusters={self.n_clusters}: equal values are not separated.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )
        # Scaled such that differences and sums are finite.
        values, unit = scaled_to_range(values[:, np.newaxis])
        values = values[:, 0]
        # Sums of values far from 0 would lose the digits in which they differ.
        shift = np.float64(values[len(values) // 2])
        x = values.astype(np.float64) - shift
        # A power of two: no value is rounded.
        exponent = int(np.frexp(np.abs(x).max())[1])
        x = np.ldexp(x, -exponent)
        squared = self.criterion == "squared_error"
        power = 2 if squared else 1
        n_threads = self._n_threads()
        W, S, Q = (np.concatenate([[0.0], np.cumsum(sums)]) for sums in (w, w * x, w * x * x))
        starts, losses = optimal_intervals(x, W, S, Q, last, n_clusters, squared, n_threads)
        borders = starts_of(starts, n_clusters)
        if squared:
            centers = np.add.reduceat(w * x, borders[:-1]) / np.diff(W[borders])
        else:
            halves = (W[borders[:-1]] + W[borders[1:]]) / 2
            centers = x[np.maximum(np.searchsorted(W, halves) - 1, borders[:-1])]
        centers = (np.ldexp(centers, exponent) + shift).astype(X.dtype)
        self.cluster_centers_ = centers[:, np.newaxis] * unit
        below, above = centers[:-1], centers[1:]
        if self.min_size > 1:
            below, above = values[borders[1:-1] - 1], values[borders[1:-1]]
        self.boundaries_ = (below + (above - below) / 2) * unit
        self.labels_ = self._labels(X)
        self.inertia_ = self._loss(X, self.labels_, weights)
        exponent += int(np.frexp(unit)[1]) - 1
        with np.errstate(over="ignore"):
            self.inertias_ = np.ldexp(losses, power * exponent)
        if not np.isfinite(self.inertia_):
            raise ValueError(
                f"The loss overflows: X has values up to {largest_value(X):.3g}. Scale X, for "
                "example by StandardScaler."
            )
        self.n_clusters_ = self._n_features_out = n_clusters
        return self

    def _validate(self, X, reset):
        X = check_rows(self, X, reset=reset, accept_sparse=False, ensure_2d=False)
        if X.ndim == 1:
            X = X.reshape(-1, 1)
        if self.order == "given":
            self.n_features_in_ = X.shape[1]
            return X
        if X.shape[1] != 1:
            raise ValueError(
                f"{type(self).__name__} is for one feature; X has {X.shape[1]}. Choose a column."
            )
        if reset:
            self.n_features_in_ = 1
        return X

    def _labels(self, X):
        return np.searchsorted(self.boundaries_, X[:, 0]).astype(np.int32)

    def _loss(self, X, labels, weights):
        power = 2 if self.criterion == "squared_error" else 1
        with np.errstate(over="ignore"):
            errors = np.abs(X[:, 0].astype(np.float64) - self.cluster_centers_[labels, 0])
            return float(np.dot(weights, errors**power))

    @available_if(_of_values)
    def predict(self, X):
        """The interval of each value: with ``min_size=1`` that of the nearest center.

        Parameters
        ----------
        X : array-like of shape (n_samples, 1) or (n_samples,)
            New values.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Index of the interval of each value.
        """
        return self._labels(self._new_rows(X))

    def transform(self, X):
        """Distances to the centers.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_clusters)
            Distance of each value to each center.
        """
        _of_values(self)
        X = self._new_rows(X)
        with np.errstate(over="ignore"):
            return np.abs(X - self.cluster_centers_[:, 0].astype(X.dtype))

    @available_if(_of_values)
    def score(self, X, y=None, sample_weight=None):
        """Minus the loss.

        Parameters
        ----------
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the values. None: all are 1.

        Returns
        -------
        score : float
            Higher is better, 0 is best.
        """
        X = self._new_rows(X)
        weights = check_sample_weight(as_array(sample_weight), X, dtype=np.float64)
        return -self._loss(X, self._labels(X), weights)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = self.order == "value"
        # One column, as in IsotonicRegression.
        tags.input_tags.two_d_array = self.order == "given"
        return tags


def _room(counts, min_size):
    """Where intervals that end before each value begin at last, and how many there is room for."""
    rows = np.concatenate([[0], np.cumsum(counts)])
    last = np.searchsorted(rows, rows - min_size, side="right") - 1
    most, begin = 0, 0
    while (end := np.searchsorted(last, begin)) <= len(counts) and last[end] >= begin:
        most, begin = most + 1, end
        if end == len(counts):
            break
    return last.astype(np.intp), most
