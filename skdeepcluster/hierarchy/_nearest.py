"""Predictions by the centers of a fitted hierarchy, and balanced samples."""

from numbers import Integral

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._docstrings import described_by, documented
from skdeepcluster._sklearn import nearest_option
from skdeepcluster.hierarchy._sampling import balanced_sample
from skdeepcluster.validation import FLOATS


@documented
class NearestCentersMixin:
    """Predictions by the nearest centers of a fitted hierarchy."""

    def _nearest(self, X, centers):
        """Labels and squared distances of the nearest centers."""
        with self._limited_threads():
            rows = self._rows(X, centers)
            labels = np.full(len(X), -1, np.int32)
            squares = np.empty(len(X), rows.dtype)
            rows.choose_dimensions(centers)
            rows.nearest(centers, labels, squares)
        return labels, squares

    def predict(self, X, level=-1, method="tree"):
        """The clusters of rows on a level.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            New data. A memory-mapped array is read block by block.
        level : int, default=-1
            The level, from 0 for the finest on; -1 is the coarsest.
        method : {"tree", "nearest"}, default="tree"
            "tree" goes from the nearest center of the finest level up to the ancestor, as `fit`
            does; "nearest" takes the nearest center of the level itself.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Index of the cluster of each row.
        """
        check_is_fitted(self)
        n_levels = len(self.centers_per_level_)
        if not (isinstance(level, Integral) and -n_levels <= level < n_levels):
            raise ValueError(f"level={level!r} must be from 0 to {n_levels - 1}, or -1.")
        if method not in ("tree", "nearest"):
            raise ValueError(
                f'method={method!r} must be "tree" or "nearest".'
                + nearest_option(method, ["tree", "nearest"])
            )
        X = self._validate(X, reset=False)
        level %= n_levels
        if method == "nearest":
            return self._nearest(X, self.centers_per_level_[level])[0]
        labels = self._nearest(X, self.centers_per_level_[0])[0]
        for parents in self.parents_[:level]:
            labels = parents[labels]
        return labels

    def transform(self, X):
        """Distances to the centers of the coarsest level.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_clusters)
            Distance of each row to each center, by the metric.
        """
        X = self._new_rows(X)
        rows = self._rows(X, self.cluster_centers_)
        centers = self.cluster_centers_.astype(rows.dtype, copy=False)
        distances = [
            pairwise_distances(block, centers, metric=self.metric) for _, block in rows.blocks()
        ]
        return np.concatenate(distances).astype(X.dtype if X.dtype in FLOATS else np.float64)

    def score(self, X, y=None):
        """Minus the loss of the finest level.

        Returns
        -------
        score : float
            Higher is better, 0 is best.
        """
        X = self._new_rows(X)
        return -self._loss(self._nearest(X, self.centers_per_level_[0])[1])

    @described_by(balanced_sample)
    def balanced_sample(self, n_samples, *, strategy="random", multiplier=1, random_state=None):
        """Draw rows of the training data that are spread evenly over the hierarchy."""
        check_is_fitted(self)
        return balanced_sample(
            self.labels_per_level_,
            n_samples,
            strategy=strategy,
            distances=self.distances_,
            multiplier=multiplier,
            random_state=random_state,
        )
