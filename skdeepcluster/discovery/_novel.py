"""Rows of known classes and rows of novel ones."""

import numpy as np
from sklearn.metrics import silhouette_score

from skdeepcluster.constraints import PartialLabelMixin
from skdeepcluster.validation import check_n_samples

# Rows of which silhouettes are computed.
SILHOUETTE_ROWS = 2000


class NovelMixin(PartialLabelMixin):
    """A clusterer of the rows that belong to no known class.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The known classes, sorted; the i-th is cluster i, and novel clusters follow.
    """

    def _novel_rows(self, y, n, n_clusters):
        """Known clusters of all rows, -1 for novel ones, and the indices of these."""
        labels = self._partial_labels(y, n)
        known = np.full(n, -1) if labels is None else labels
        novel = np.flatnonzero(known < 0)
        check_n_samples(len(novel), n_clusters, of_weight=" of unknown class" * (len(novel) < n))
        return known, novel

    def _joined(self, known, novel, labels):
        """Labels of all rows from those of the novel ones."""
        joined = known.astype(np.int32)
        joined[novel] = len(self.classes_) + labels
        return joined


def sampled_silhouette(Z, labels, seed):
    """Mean silhouette, of a sample of many rows."""
    rng = np.random.RandomState(seed)
    rows = rng.permutation(len(Z))[:SILHOUETTE_ROWS]
    n_found = len(np.unique(labels[rows]))
    if not 1 < n_found < len(rows):
        return -1.0
    return float(silhouette_score(Z[rows], labels[rows]))
