"""IntervalClustering: the optimal partition of one feature."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._kernels._interval import optimal_intervals
from skdeepcluster._sklearn import StrOptions, check_sample_weight, fit_context
from skdeepcluster.base import (
    Clusterer,
    FloatTransformerMixin,
    NumberOfClustersMixin,
    ThreadsMixin,
    param,
)
from skdeepcluster.validation import (
    as_array,
    check_rows,
    check_weights,
    largest_value,
    scaled_to_range,
)


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
    column would do; that finds local optima only. It is not for several features.

    Parameters
    ----------
    n_clusters : int, default=8
        The number of intervals. There are fewer if there are fewer distinct values.

    criterion : {"squared_error", "absolute_error"}, default="squared_error"
        The loss. The center of an interval is the mean for squared errors, the median for absolute
        errors, which outliers disturb less.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, 1)
        The centers of the intervals, ascending.

    boundaries_ : ndarray of shape (n_clusters - 1,)
        Boundaries between adjacent intervals, midway between their centers. A value on a boundary
        belongs to the lower interval.

    labels_ : ndarray of shape (n_samples,)
        The interval of each value, counted from 0 for the lowest one.

    inertia_ : float
        The loss.

    inertias_ : ndarray of shape (n_clusters,)
        The minimum losses for 1, 2, ... intervals, all from the same fit; infinite if too large for
        a float.

    n_features_in_ : int
        Number of features seen during `fit`: 1.

    See Also
    --------
    sklearn.preprocessing.KBinsDiscretizer : Bins of several features, by local optima of k-means.

    References
    ----------
    .. [1] W. D. Fisher (1958). On grouping for maximum homogeneity. *Journal of the American
           Statistical Association* 53(284), 789-798.
    .. [2] H. Wang, M. Song (2011). Ckmeans.1d.dp: optimal k-means clustering in one dimension by
           dynamic programming. *The R Journal* 3(2), 29-33.

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

    criterion: str = param("squared_error", StrOptions({"squared_error", "absolute_error"}))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the best intervals.

        Parameters
        ----------
        X : array-like of shape (n_samples, 1) or (n_samples,)
            The values, in any order.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the values in the loss. None: all are 1. An integer weight counts like that
            many equal values, a value of weight 0 not at all.
        """
        X = self._validate(X, reset=True)
        weights = check_weights(sample_weight, len(X), self.n_clusters)
        # Equal values are one value with the sum of their weights: they are never separated.
        values, inverse = np.unique(X[weights > 0, 0], return_inverse=True)
        w = np.bincount(inverse, weights=weights[weights > 0])
        n_clusters = min(self.n_clusters, len(values))
        if n_clusters < self.n_clusters:
            warnings.warn(
                f"Number of distinct values ({n_clusters}) found smaller than n_clusters "
                f"({self.n_clusters}).",
                ConvergenceWarning,
                stacklevel=2,
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
        borders, losses = optimal_intervals(x, W, S, Q, n_clusters, squared, n_threads)
        if squared:
            centers = np.add.reduceat(w * x, borders[:-1]) / np.diff(W[borders])
        else:
            halves = (W[borders[:-1]] + W[borders[1:]]) / 2
            centers = x[np.maximum(np.searchsorted(W, halves) - 1, borders[:-1])]
        centers = (np.ldexp(centers, exponent) + shift).astype(X.dtype)
        self.cluster_centers_ = centers[:, np.newaxis] * unit
        self.boundaries_ = (centers[:-1] + np.diff(centers) / 2) * unit
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
        self._n_features_out = n_clusters
        return self

    def _validate(self, X, reset):
        X = check_rows(self, X, reset=reset, accept_sparse=False, ensure_2d=False)
        if X.ndim == 1:
            X = X.reshape(-1, 1)
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

    def predict(self, X):
        """The interval of each value: that of the nearest center.

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
        X = self._new_rows(X)
        with np.errstate(over="ignore"):
            return np.abs(X - self.cluster_centers_[:, 0].astype(X.dtype))

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
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False  # one column, as in IsotonicRegression
        return tags
