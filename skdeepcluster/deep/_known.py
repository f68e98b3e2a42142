"""What is known of rows in a deep fit: partial labels and pairs."""

import numpy as np
import torch

from skdeepcluster.constraints import ConstraintMixin, RowPairs, check_partial_labels


class KnownMixin(ConstraintMixin):
    """A deep clusterer that learns from partial labels and pairs.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The known classes, sorted; the i-th is cluster i. Empty without partial labels.
    """

    def fit(self, X, y=None, *, constraints=None, sample_ids=None, **side):
        """Train the network on rows and what is known of them.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            Rows of shape (n_samples, n_features) or images of shape (n_samples, C, H, W) or
            (n_samples, H, W). Memory-mapped arrays are read batch by batch.
        y : array-like of shape (n_samples,), default=None
            Partial labels, -1 where unknown: the i-th known class is cluster i. Without any -1 they
            are ignored.
        constraints : PairwiseConstraints, default=None
            Must-links and cannot-links, which may contradict each other.
        sample_ids : array-like of shape (n_samples,), default=None
            The id of each row, by which pairs find their rows where some are left out.
        **side : dict
            Further information on the rows, for methods that document it.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return super().fit(X, y, constraints=constraints, sample_ids=sample_ids, **side)

    def _side(self, samples, X, y, *, constraints=None, sample_ids=None, **side):
        """With what `note_labels` and `note_pairs` store."""
        found = super()._side(samples, X, y, **side)
        note_labels(found, *check_partial_labels(y, len(samples), self.n_clusters))
        note_pairs(found, self._pairs(constraints, sample_ids, len(samples)))
        return found

    def _attributes(self, fit):
        return super()._attributes(fit) | {"classes_": known_classes(fit)}

    def _read_out(self, fit):
        found = super()._read_out(fit)
        judged = self._judged(row_pairs(fit), found.labels)
        return found._replace(attributes=found.attributes | judged)


def note_labels(side, labels, classes):
    """Store partial labels, as `check_partial_labels` gives them, in the side information.

    Of rows ``side.rows["label"]`` is the number of the class, -1 where it is unknown, and
    ``side.rows["label_weight"]`` a weight by which sums over the rows of a batch are, in
    expectation, means over labeled rows; ``side.arrays["classes"]`` has the classes. Without known
    classes nothing is stored.
    """
    if len(classes):
        side.rows["label"] = torch.as_tensor(labels, dtype=torch.int64)
        known = (side.rows["label"] >= 0).float()
        side.rows["label_weight"] = known / known.mean()
        side.arrays["classes"] = torch.as_tensor(classes)


def note_pairs(side, pairs):
    """Store pairs of rows in the side information.

    Of ``side.arrays["pairs"]`` the array ``"same"`` is 1 for must-links, 0 for cannot-links, and
    ``"weight"`` has their weights, which are 1 in the mean. Without pairs nothing is stored.
    """
    weight = np.concatenate([pairs.must_weight, pairs.cannot_weight])
    if weight.sum() > 0:
        both = np.concatenate([pairs.must, pairs.cannot])
        side.arrays["pairs"] = torch.as_tensor(both, dtype=torch.int64)
        side.arrays["same"] = (torch.arange(len(both)) < len(pairs.must)).float()
        side.arrays["weight"] = torch.as_tensor(weight / weight.mean(), dtype=torch.float32)


def known_classes(fit):
    """The classes of partial labels, none where there are no labels."""
    classes = fit.side.arrays.get("classes", torch.empty(0, dtype=torch.int64))
    return classes.cpu().numpy().astype(np.intp)


def row_pairs(fit):
    """The pairs of a fit, as arrays."""
    arrays = fit.side.arrays
    if "pairs" not in arrays:
        nothing = np.empty((0, 2), dtype=np.intp)
        return RowPairs(len(fit.samples), nothing, nothing, np.empty(0), np.empty(0))
    pairs, same = arrays["pairs"].cpu().numpy().astype(np.intp), arrays["same"].cpu().numpy() > 0
    weight = arrays["weight"].cpu().numpy().astype(np.float64)
    return RowPairs(len(fit.samples), pairs[same], pairs[~same], weight[same], weight[~same])
