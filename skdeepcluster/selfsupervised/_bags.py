"""Bags of rows: their numbers, their embeddings, means over their parts, and predictions."""

import numpy as np
import torch

from skdeepcluster import training as tr
from skdeepcluster._docstrings import documented
from skdeepcluster.validation import check_groups

# Parts of bags whose attention is computed at once, and bags at most.
PARTS, BAGS = 2**12, 256


def bags_of(groups, n_samples):
    """The number of the bag of each row, in the order of ``np.unique(groups)``."""
    if groups is None:
        return np.arange(n_samples)
    return check_groups(groups, n_samples)


class _BagsOfOneSize:
    """Embeddings of the parts of bags, read in blocks of bags."""

    def __init__(self, Y, index):
        self.Y, self.index, self.device = Y, index, Y.device

    def __len__(self):
        return len(self.index)

    def block(self, begin, end):
        return self.Y[self.index[begin:end]]


def over_bags(module, Y, bags, function):
    """function(embeddings) of bags, for the bag of each row; no bag depends on another.

    Parameters
    ----------
    module : torch.nn.Module
        With `bags`.
    Y : Tensor of shape (n_samples, width)
        Embeddings of the rows.
    bags : array of shape (n_samples,)
        Numbers of their bags, from 0 without gaps.
    function : callable (Tensor of shape (n, width)) -> Tensor with n rows

    Returns
    -------
    found : Tensor with n_samples rows
    """
    order = np.argsort(bags, kind="stable")
    sizes = np.bincount(bags)
    begins = np.cumsum(sizes) - sizes
    whole = None
    for size in np.unique(sizes):
        (chosen,) = np.nonzero(sizes == size)
        index = torch.as_tensor(order[begins[chosen, None] + np.arange(size)], device=Y.device)
        blocks = tr.map_blocks(
            lambda parts: function(module.bags(parts)),
            _BagsOfOneSize(Y, index),
            block_rows=int(max(1, min(BAGS, PARTS // size))),
        )
        found = torch.cat(list(blocks))
        if whole is None:
            whole = found.new_empty(len(sizes), *found.shape[1:])
        whole[torch.as_tensor(chosen, device=Y.device)] = found
    return whole[torch.as_tensor(bags, device=Y.device)]


def mean_over(fit, batch, chosen):
    """A function that averages the values of chosen parts, of shape (n_items, n_parts), of a batch.

    Processes have different numbers of parts: a process divides by its items and by the parts per
    item in the whole batch, so that the mean of the processes is that of all parts.
    """
    _, counts = fit.whole_batch(batch, chosen.sum(dim=1).float())
    divisor = (len(batch) * counts.mean()).clamp_min(1e-12)
    return lambda values: values.sum() / divisor


def prototypes_of(module):
    """Prototypes of bags and, where rows are not the bags, of parts."""
    names = ("prototypes", "part_prototypes")
    return [getattr(module, name) for name in names if hasattr(module, name)]


@documented
class BagsMixin:
    """Predictions for rows that are parts of bags.

    For methods with `_of_bag(module, z)`, log-probabilities of bags, and `_part_label(module, x)`.
    """

    def _of_rows(self, X, groups, function):
        """function(embedding) of the bag of each row."""
        samples = self._new_samples(X)
        with tr.available_threads():
            Y = tr.map_rows(self.module_.encode, samples)
            bags = bags_of(groups, len(samples))
            found = over_bags(self.module_, Y, bags, function).cpu().numpy()
        return self._in_dtype_of(samples, found)

    def predict(self, X, *, groups=None):
        """The cluster of the bag of each row.

        Parameters
        ----------
        groups : array-like of shape (n_samples,), default=None
            The bag of each row, as in `fit`; by default each row is a bag.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            For the training rows with their groups these are `labels_`.
        """
        return self._of_rows(X, groups, lambda z: self._of_bag(self.module_, z).argmax(dim=1).int())

    def predict_proba(self, X, *, groups=None):
        """Probabilities of the clusters of the bag of each row.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_clusters)
            Rows sum to 1, and are largest at the labels of `predict`.
        """
        return self._of_rows(X, groups, lambda z: self._of_bag(self.module_, z).exp())

    def transform(self, X, *, groups=None):
        """Embed the bag of each row.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            The embedding of the row's bag, in float32 for rows in float32 or bfloat16, in float64
            otherwise.
        """
        return self._of_rows(X, groups, lambda z: z)

    def fit_transform(self, X, y=None, *, groups=None):
        """Fit, and embed the bag of each row.

        Parameters
        ----------
        groups : array-like of shape (n_samples,), default=None
            The bag of each row; by default each row is a bag.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            The embedding of the row's bag.
        """
        return self.fit(X, y, groups=groups).transform(X, groups=groups)

    def score(self, X, y=None, *, groups=None):
        """Negative cross entropy between clusters of bags and of their views: higher is better.

        Returns
        -------
        score : float
            A mean over the rows.
        """
        samples = self._new_samples(X)
        with tr.available_threads():
            return -self._evaluate(self.module_, samples, bags_of(groups, len(samples)))[0]

    def predict_parts(self, X):
        """The cluster of each row itself.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or images
            New rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            For the training rows these are `part_labels_`.
        """
        return self._stream(X, lambda x: self._part_label(self.module_, x))

    def transform_parts(self, X):
        """Embed each row itself.

        Returns
        -------
        Y : ndarray of shape (n_samples, n_components)
            The embedding, of length one.
        """
        return self._stream(X, lambda x: self.module_.encode(x))
