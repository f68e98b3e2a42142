"""Methods that work on rows around 0 with a mean variance of 1, and answer in the user's units."""

import numpy as np
from sklearn.metrics import euclidean_distances

from skdeepcluster._docstrings import documented
from skdeepcluster._sklearn import check_sample_weight
from skdeepcluster.algorithms.kmeans import nearest_center
from skdeepcluster.base import FloatTransformerMixin
from skdeepcluster.validation import as_array, within_reach


class StandardizedMixin:
    """New rows as those of a fit were standardized.

    A fit sets `_unit`, of `scaled_to_range`, `_shift` and `_scale`, mean and standard deviation in
    this unit, and `_largest`, the largest coordinate.
    """

    def _coordinates(self, X):
        Z = (X.astype(np.float64) / self._unit - self._shift) / self._scale
        return np.ascontiguousarray(within_reach(Z, self._largest))

    def _in_units(self, Z):
        return (Z * self._scale + self._shift) * self._unit


@documented
class StandardizedCentersMixin(StandardizedMixin, FloatTransformerMixin):
    """Distances to centers of standardized rows, which `_measured_centers` names."""

    # The attribute that holds them.
    _measured_centers = "_centers"

    def transform(self, X):
        """Distances to the cluster centers.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_clusters)
            Of each row to each of `cluster_centers_`.
        """
        X = self._new_rows(X)
        D = euclidean_distances(self._coordinates(X), getattr(self, self._measured_centers))
        return (D * (self._scale * self._unit)).astype(X.dtype)

    def score(self, X, y=None, sample_weight=None):
        """Minus the sum of the squared distances to the nearest cluster centers.

        Returns
        -------
        score : float
            Higher is better, 0 is best.
        """
        X = self._new_rows(X)
        weights = check_sample_weight(as_array(sample_weight), X, dtype=np.float64)
        _, squares = nearest_center(
            self._coordinates(X), getattr(self, self._measured_centers), self._n_threads(),
            return_squares=True,
        )  # fmt: skip
        return -float(weights @ squares) * (self._scale * self._unit) ** 2
