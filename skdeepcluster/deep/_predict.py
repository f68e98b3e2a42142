"""Predictions of fitted deep estimators for new rows."""

import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from skdeepcluster._docstrings import documented
from skdeepcluster.nn import mean_over_rows
from skdeepcluster.training import available_threads

# Share of the initial labels with which a warm-up ends.
_LEARNED = 0.995


@documented
class EmbeddingMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Embedding of new rows, by `_encode`, and their objective."""

    def transform(self, X):
        """Embed rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or images
            New rows.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            The embedding, in float32 for rows in float32 or bfloat16, in float64 otherwise.
        """
        return self._stream(X, lambda x: self._encode(self.module_, x))

    def score(self, X, y=None):
        """Negative objective on rows: higher is better.

        It compares fits of one model. It is misleading across numbers of clusters, widths of the
        embedding or networks: use a scorer of `skdeepcluster.metrics` there.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or images
            New rows.

        Returns
        -------
        score : float
            The negative mean over the rows of what `fit` minimizes in its last stage.
        """
        samples = self._new_samples(X)
        with available_threads():
            return -self._evaluate(self.module_, samples)[0]

    @property
    def _n_features_out(self):
        return self.n_components_


@documented
class LabelMixin(EmbeddingMixin):
    """Labels of new rows, for methods that have `_label`."""

    def _label(self, module, x):
        """Clusters of standardized rows."""
        raise NotImplementedError

    def predict(self, X):
        """The cluster of each row.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            For the training rows these are `labels_`.
        """
        return self._stream(X, lambda x: self._label(self.module_, x).int())

    def _has_learned(self, fit):
        """Whether nearly all rows have their initial label."""
        labels = fit.over_all_rows(lambda x: self._label(fit.module, x))
        return (labels == fit.state.start_labels).float().mean().item() >= _LEARNED


@documented
class ProbabilityMixin(LabelMixin):
    """Labels and memberships of new rows, for methods that have `_log_proba`."""

    def _log_proba(self, module, x):
        """Log-probabilities of standardized rows."""
        raise NotImplementedError

    def _label(self, module, x):
        return self._log_proba(module, x).argmax(dim=1)

    def predict_proba(self, X):
        """Probabilities of the clusters.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_clusters)
            Rows sum to 1, and are largest at the labels of `predict`.
        """
        return self._stream(X, lambda x: self._log_proba(self.module_, x).exp())


def most_probable(log_q):
    """Labels of rows, as an array."""
    return log_q.argmax(dim=1).int().cpu().numpy()


def mean_and_labels(found, weights=None):
    """Mean and labels as arrays, from a tensor with a value and a label in each row."""
    labels = found[:, 1].int().cpu().numpy()
    return mean_over_rows(found[:, 0], weights, torch.float64).item(), labels
