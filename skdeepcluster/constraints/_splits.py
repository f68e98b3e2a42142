"""Splitters that hide a fraction of what is known."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import num_samples
from skdeepcluster.constraints._labels import check_partial_labels
from skdeepcluster.constraints._rows import components_of


def _n_splits(n_splits):
    if not isinstance(n_splits, Integral) or n_splits < 2:
        raise ValueError(f"n_splits={n_splits!r} must be an integer of at least 2.")
    return int(n_splits)


def _evenly(sizes, n_splits, rng):
    """A fold for each group, largest groups first, each to the fold that holds least."""
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold, held = np.empty(len(sizes), dtype=np.intp), np.zeros(n_splits)
    for group in order:
        fold[group] = np.argmin(held)
        held[fold[group]] += sizes[group]
    return fold


class _Folds:
    """Splitters with a number of folds as a parameter."""

    def get_n_splits(self, X=None, y=None, groups=None):
        """Number of folds.

        Parameters
        ----------
        X : object
            Ignored.
        y : object
            Ignored.
        groups : object
            Ignored.

        Returns
        -------
        n_splits : int
            The parameter.
        """
        return self.n_splits


class ConstraintKFold(_Folds):
    """Folds of pairs: each fold hides some pairs, all rows stay.

    A pair that follows from others leaks, so pairs whose rows are connected by pairs, of either
    kind, are hidden together. Where this leaves less than two groups, as with many pairs of few
    rows, single pairs are hidden, with a share of what follows from the others.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds.

    random_state : int, RandomState instance or None, default=None
        Shuffles the groups.

    See Also
    --------
    constraint_search : A search whose candidates are compared on the hidden pairs.

    Examples
    --------
    >>> from skdeepcluster.constraints import ConstraintKFold, PairwiseConstraints
    >>> known = PairwiseConstraints([[0, 1], [1, 2], [3, 4]], [[5, 6]])
    >>> for given, hidden in ConstraintKFold(2, random_state=0).split(known):
    ...     print(given)
    PairwiseConstraints(1 must-link, 1 cannot-link)
    PairwiseConstraints(2 must-links, 0 cannot-links)
    """

    def __init__(self, n_splits=5, *, random_state=None):
        self.n_splits = n_splits
        self.random_state = random_state

    def split(self, constraints):
        """Pairs that a fit is given, and pairs that are hidden from it.

        Parameters
        ----------
        constraints : PairwiseConstraints
            At least as many pairs as folds.

        Yields
        ------
        given : PairwiseConstraints
        hidden : PairwiseConstraints
        """
        n_splits = _n_splits(self.n_splits)
        rng = check_random_state(self.random_state)
        rows = constraints.rows()
        pairs = np.concatenate([rows.must, rows.cannot])
        if len(pairs) < n_splits:
            raise ValueError(
                f"n_splits={n_splits} is more than the {len(pairs)} pairs; use fewer folds."
            )
        _, group = np.unique(components_of(pairs, rows.n)[pairs[:, 0]], return_inverse=True)
        sizes = np.bincount(group)
        if len(sizes) < n_splits or sizes.max() > len(pairs) / 2:
            group = np.arange(len(pairs))
            sizes = np.ones(len(pairs))
        fold = _evenly(sizes, n_splits, rng)[group]
        for k in range(n_splits):
            hidden = fold == k
            must, cannot = hidden[: len(rows.must)], hidden[len(rows.must) :]
            yield constraints.take(~must, ~cannot), constraints.take(must, cannot)


class PartialLabelKFold(_Folds):
    """Folds of partial labels.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds.

    mode : {"rows", "labels", "classes"}, default="rows"
        What a fold hides. "rows" leaves out rows, labeled ones evenly by class: a splitter as those
        of scikit-learn, for the `cv` of its searches. "labels" keeps all rows and hides labels,
        evenly by class. "classes" keeps all rows and hides all labels of some classes, which are
        then to be discovered.

    random_state : int, RandomState instance or None, default=None
        Shuffles rows or classes.

    See Also
    --------
    constraint_search : A search whose candidates are compared on the hidden labels.

    Examples
    --------
    >>> from skdeepcluster.constraints import PartialLabelKFold
    >>> y = [0, 0, 1, 1, 2, 2, -1, -1]
    >>> for given, hidden in PartialLabelKFold(3, mode="classes", random_state=0).split(y, y):
    ...     print(given, hidden)
    [ 0  0  1  1 -1 -1 -1 -1] [-1 -1 -1 -1  2  2 -1 -1]
    [ 0  0 -1 -1  2  2 -1 -1] [-1 -1  1  1 -1 -1 -1 -1]
    [-1 -1  1  1  2  2 -1 -1] [ 0  0 -1 -1 -1 -1 -1 -1]
    """

    def __init__(self, n_splits=5, *, mode="rows", random_state=None):
        self.n_splits = n_splits
        self.mode = mode
        self.random_state = random_state

    def split(self, X, y, groups=None):
        """Indices of rows, or labels that a fit is given and labels that are hidden from it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; only their number counts.
        y : array-like of shape (n_samples,)
            Partial labels, -1 where unknown.
        groups : object, default=None
            Ignored.

        Yields
        ------
        given : ndarray
            Indices of the training rows, or labels of all rows, -1 where unknown or hidden.
        hidden : ndarray
            Indices of the test rows, or the hidden labels, -1 elsewhere.
        """
        n_splits = _n_splits(self.n_splits)
        if self.mode not in ("rows", "labels", "classes"):
            raise ValueError(f'mode={self.mode!r} must be "rows", "labels" or "classes".')
        n = num_samples(X)
        labels, classes = check_partial_labels(y, n)
        if labels is None or not len(classes):
            raise ValueError(
                "y has no partial labels: some rows need a class from 0 on, others -1 for unknown."
            )
        counts = np.bincount(labels[labels >= 0])
        rng = check_random_state(self.random_state)
        if self.mode == "classes":
            if len(classes) < n_splits:
                raise ValueError(
                    f"n_splits={n_splits} is more than the {len(classes)} known classes; use fewer."
                )
            fold = np.append(rng.permutation(len(classes)) % n_splits, -1)[labels]
        elif counts.min() < n_splits:
            least = np.argmin(counts)
            raise ValueError(
                f"Class {classes[least]} has {counts[least]} labeled rows, fewer than n_splits="
                f"{n_splits}, so that a fold would have none. Use fewer folds or label more rows."
            )
        else:
            known, unknown = np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0)
            stratified = StratifiedKFold(n_splits, shuffle=True, random_state=rng)
            fold = np.full(n, -1)
            for k, (_, test) in enumerate(stratified.split(known, labels[known])):
                fold[known[test]] = k
            if self.mode == "rows":
                fold[unknown] = rng.permutation(len(unknown)) % n_splits
        for k in range(n_splits):
            if self.mode == "rows":
                yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)
            else:
                values = np.append(classes, -1)[labels]
                yield np.where(fold == k, -1, values), np.where(fold == k, values, -1)
