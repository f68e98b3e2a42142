"""How estimators receive what users know."""

from skdeepcluster.constraints._labels import check_partial_labels
from skdeepcluster.constraints._pairs import PairwiseConstraints


class PartialLabelMixin:
    """A clusterer that learns from partial labels.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The known classes, sorted; the i-th is cluster i. Empty without partial labels.
    """

    def _partial_labels(self, y, n_samples, n_clusters=None, name="n_clusters"):
        """Clusters of the labeled rows, -1 for others; None where no row is labeled."""
        labels, self.classes_ = check_partial_labels(y, n_samples, n_clusters, name=name)
        return labels if len(self.classes_) else None


class PairsMixin:
    """A clusterer that learns from pairs.

    Attributes
    ----------
    constraint_satisfaction_ : dict
        Shares of the pairs that `labels_` satisfies, as of
        :func:`~skdeepcluster.constraints.constraint_satisfaction`; NaN without pairs.

    n_violations_ : int
        Number of the pairs that `labels_` violates.
    """

    def _pairs(self, constraints, sample_ids, n_samples):
        """Pairs of rows by position."""
        if constraints is None:
            constraints = PairwiseConstraints()
        if not isinstance(constraints, PairwiseConstraints):
            raise TypeError(
                f"constraints is a {type(constraints).__name__}; pairs are given as "
                "skdeepcluster.constraints.PairwiseConstraints(must_link, cannot_link), which "
                "cross-validation does not cut."
            )
        return constraints.rows(n_samples, sample_ids)

    def _judge(self, pairs):
        """Set what `labels_` makes of the pairs."""
        for name, value in self._judged(pairs, self.labels_).items():
            setattr(self, name, value)

    @staticmethod
    def _judged(pairs, labels):
        """The fitted attributes on what labels make of pairs."""
        apart, together = pairs.violated(labels)
        return {
            "n_violations_": int(apart.sum() + together.sum()),
            "constraint_satisfaction_": pairs.satisfaction(labels),
        }


class ConstraintMixin(PartialLabelMixin, PairsMixin):
    """A clusterer that learns from partial labels and pairs."""
