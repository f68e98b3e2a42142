"""Deep clusterers: an embedding of rows, and their labels."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster.base import Clusterer, NumberOfClustersMixin
from skdeepcluster.deep._estimator import DeepEstimator
from skdeepcluster.deep._predict import EmbeddingMixin
from skdeepcluster.validation import caller_level, check_n_samples


class PartitionMixin(NumberOfClustersMixin):
    """A given number of clusters that a deep estimator finds."""

    @property
    def _n_clusters_sought(self):
        return self.n_clusters

    def _check_rows(self, rows):
        check_n_samples(rows.shape[0], self._n_clusters_sought)

    def _warn(self, out_of_time):
        super()._warn(out_of_time)
        n_found = len(np.unique(self.labels_[self.labels_ >= 0]))
        if n_found < self._n_clusters_sought:
            warnings.warn(
                f"{type(self).__name__} found {n_found} clusters, fewer than n_clusters="
                f"{self.n_clusters}: rows may be duplicates, or clusters became empty; try another "
                "random_state, a lower learning_rate or fewer clusters.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )


class DeepClusterer(EmbeddingMixin, PartitionMixin, Clusterer, DeepEstimator):
    """Base of the clusterers that train a network for new rows too."""

    # Example in the docstrings of methods that have none of their own.
    _example = """
        >>> from sklearn.datasets import make_blobs
        >>> from skdeepcluster import {name}
        >>> X, y = make_blobs(300, n_features=8, centers=3, random_state=0)
        >>> model = {name}(n_clusters=3, hidden_layer_sizes=(32,), random_state=0).fit(X)
        >>> model.labels_.shape, model.predict(X[:10]).shape
        ((300,), (10,))
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
