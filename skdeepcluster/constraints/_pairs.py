"""PairwiseConstraints: what is known of pairs of rows."""

import warnings

import numpy as np
from sklearn.utils import check_random_state

from skdeepcluster.constraints._input import (
    Frozen,
    as_pairs,
    as_weights,
    distinct_pairs,
    merged,
    positions,
    warn_of_conflicts,
)
from skdeepcluster.constraints._rows import rows_of
from skdeepcluster.validation import as_array, caller_level


class PairwiseConstraints(Frozen):
    """Pairs of rows that share a cluster, and pairs that do not.

    Pairs are positions of rows, or ids of them. An object, not an array: it has no length, so
    cross-validation hands it on whole, where it would cut arrays of pairs as if they were rows.
    Together with `sample_ids`, which cross-validation cuts as it cuts the rows, the pairs find
    their rows in every fold, and those with an end outside are left out. It is not to be changed.

    Parameters
    ----------
    must_link : array-like of shape (n_must_link, 2), default=None
        Pairs that share a cluster.

    cannot_link : array-like of shape (n_cannot_link, 2), default=None
        Pairs that do not.

    must_link_weight : float or array-like of shape (n_must_link,), default=None
        Weights for methods that may violate pairs. None: all are 1. Repeated pairs are one pair
        with the sum of their weights.

    cannot_link_weight : float or array-like of shape (n_cannot_link,), default=None
        Likewise.

    ids : array-like of shape (n_samples,), default=None
        Ids of the rows that the pairs were written for, integers or strings, such as ``df.index``.
        Pairs then hold ids. None: pairs hold positions.

    Attributes
    ----------
    must_link : ndarray of shape (n_must_link, 2)
        Pairs that share a cluster, each once.

    cannot_link : ndarray of shape (n_cannot_link, 2)
        Pairs that do not, each once.

    must_link_weight : ndarray of shape (n_must_link,)
        Their weights.

    cannot_link_weight : ndarray of shape (n_cannot_link,)
        Their weights.

    ids : ndarray of shape (n_samples,) or None
        Ids of the rows.

    See Also
    --------
    query_pairs : The pairs that an expert should be asked next.

    Examples
    --------
    >>> from skdeepcluster.constraints import PairwiseConstraints
    >>> known = PairwiseConstraints([[0, 1], [1, 2]], [[2, 4]])
    >>> known
    PairwiseConstraints(2 must-links, 1 cannot-link)
    >>> known.closure().cannot_link
    array([[0, 4],
           [1, 4],
           [2, 4]])
    """

    __slots__ = ("must_link", "cannot_link", "must_link_weight", "cannot_link_weight", "ids")

    def __init__(
        self,
        must_link=None,
        cannot_link=None,
        *,
        must_link_weight=None,
        cannot_link_weight=None,
        ids=None,
    ):
        if ids is not None:
            ids = np.asarray(as_array(ids))
            if ids.ndim != 1 or ids.dtype.kind not in "iuUSO":
                raise ValueError("ids must be one-dimensional, of integers or strings.")
            if len(np.unique(ids)) < len(ids):
                raise ValueError("ids has an id twice; each row needs one of its own.")
        must = as_pairs(must_link, "must_link", ids is not None)
        cannot = as_pairs(cannot_link, "cannot_link", ids is not None)
        for pairs, name in ((must, "must_link"), (cannot, "cannot_link")):
            unknown = ids is not None and np.flatnonzero(positions(pairs, ids) < 0)
            if ids is not None and len(unknown):
                raise ValueError(
                    f"{name} has the id {pairs.ravel()[unknown[:1]].tolist()[0]!r}, not one of ids."
                )
        must_weight = as_weights(must_link_weight, len(must), "must_link_weight")
        cannot_weight = as_weights(cannot_link_weight, len(cannot), "cannot_link_weight")
        with_itself = np.flatnonzero(cannot[:, 0] == cannot[:, 1])
        if len(with_itself):
            raise ValueError(
                f"cannot_link separates row {cannot[with_itself[0], 0]} from itself, at pair "
                f"{with_itself[0]}."
            )
        proper = must[:, 0] != must[:, 1]
        if not proper.all():
            warnings.warn(
                f"must_link has {np.sum(~proper)} pairs of a row with itself, which are dropped.",
                UserWarning,
                stacklevel=caller_level(),
            )
        must, must_weight = merged(must[proper], must_weight[proper])
        cannot, cannot_weight = merged(cannot, cannot_weight)
        warn_of_conflicts(must, cannot)
        values = (must, cannot, must_weight, cannot_weight, ids)
        self._freeze(values)

    def __repr__(self):
        def count(n, name):
            return f"{n} {name}{'s' * (n != 1)}"

        parts = count(self.n_must_link, "must-link"), count(self.n_cannot_link, "cannot-link")
        rows = "" if self.ids is None else f", for {len(self.ids)} rows"
        return f"PairwiseConstraints({', '.join(parts)}{rows})"

    @property
    def n_must_link(self):
        """Number of must-links."""
        return len(self.must_link)

    @property
    def n_cannot_link(self):
        """Number of cannot-links."""
        return len(self.cannot_link)

    @classmethod
    def from_labels(cls, y, n_pairs=None, *, flip=0.0, random_state=None):
        """Pairs drawn from known labels.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Classes, -1 where unknown.
        n_pairs : int, default=None
            Number of different pairs of labeled rows, drawn with equal probability; None means
            twice the number of these rows, or all pairs if there are fewer.
        flip : float, default=0.0
            Share of the answers that are turned around, to try what wrong answers do.
        random_state : int, RandomState instance or None, default=None
            Draws the pairs.

        Returns
        -------
        constraints : PairwiseConstraints
            With the positions as ids.
        """
        y = np.asarray(as_array(y))
        rng = check_random_state(random_state)
        known = np.flatnonzero(y != -1)
        most = len(known) * (len(known) - 1) // 2
        n_pairs = min(2 * len(known) if n_pairs is None else n_pairs, most)
        if n_pairs <= 0:
            raise ValueError("y has fewer than two known labels, from which no pair can be drawn.")
        if not 0 <= flip <= 1:
            raise ValueError(f"flip={flip} must be between 0 and 1.")
        pairs = known[distinct_pairs(len(known), n_pairs, rng)]
        same = y[pairs[:, 0]] == y[pairs[:, 1]]
        same[rng.permutation(n_pairs)[: round(flip * n_pairs)]] ^= True
        return cls(pairs[same], pairs[~same], ids=np.arange(len(y)))

    @classmethod
    def from_groups(cls, groups):
        """Must-links between rows of a group.

        Parameters
        ----------
        groups : array-like of shape (n_samples,)
            The group of each row, a number from 0 on, or -1 for none. Rows of a group share a
            cluster; of two groups nothing is known.

        Returns
        -------
        constraints : PairwiseConstraints
            A chain through each group, with the positions as ids.
        """
        groups = np.asarray(as_array(groups))
        if groups.ndim != 1 or groups.dtype.kind not in "iu":
            raise ValueError("groups must be one-dimensional integers, -1 for rows without group.")
        order = np.argsort(groups, kind="stable")
        order = order[groups[order] >= 0]
        chained = groups[order[1:]] == groups[order[:-1]]
        pairs = np.column_stack([order[:-1], order[1:]])[chained]
        return cls(pairs, ids=np.arange(len(groups)))

    def merge(self, other):
        """Pairs of both, those in both with the sum of their weights.

        Parameters
        ----------
        other : PairwiseConstraints
            With the same ids.

        Returns
        -------
        constraints : PairwiseConstraints
            The union.
        """
        if not np.array_equal(self.ids, other.ids):
            raise ValueError("The constraints have different ids, so their pairs do not compare.")
        both = ([getattr(c, name) for c in (self, other)] for name in self.__slots__[:4])
        # Without pairs there is no dtype of ids.
        parts = ([part for part in pair if len(part)] or pair for pair in both)
        return self._of(*map(np.concatenate, parts), self.ids)

    @classmethod
    def _of(cls, must, cannot, must_weight, cannot_weight, ids):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*both must-links and cannot-links")
            return cls(
                must,
                cannot,
                must_link_weight=must_weight,
                cannot_link_weight=cannot_weight,
                ids=ids,
            )

    def take(self, must_link, cannot_link):
        """Some of the pairs.

        Parameters
        ----------
        must_link : array of indices or mask
            Of the must-links.
        cannot_link : array of indices or mask
            Likewise.

        Returns
        -------
        constraints : PairwiseConstraints
            Those chosen, with their weights.
        """
        return self._of(
            self.must_link[must_link],
            self.cannot_link[cannot_link],
            self.must_link_weight[must_link],
            self.cannot_link_weight[cannot_link],
            self.ids,
        )

    def restrict(self, ids):
        """The pairs that have both ends among some rows.

        Only given pairs are kept: what a pair with an end outside implied is lost.

        Parameters
        ----------
        ids : array-like of shape (n_rows,)
            Ids of the rows, or positions if the pairs hold positions.

        Returns
        -------
        constraints : PairwiseConstraints
            The pairs within.
        """
        ids = np.asarray(as_array(ids))
        inside = [
            (positions(pairs, ids) >= 0).all(axis=1) if len(pairs) else slice(None)
            for pairs in (self.must_link, self.cannot_link)
        ]
        taken = self.take(*inside)
        if self.ids is None:
            return taken
        return self._of(
            taken.must_link,
            taken.cannot_link,
            taken.must_link_weight,
            taken.cannot_link_weight,
            ids,
        )

    def rows(self, n_samples=None, sample_ids=None):
        """The pairs by positions in rows.

        Parameters
        ----------
        n_samples : int, default=None
            Number of rows; None is as many as the ids, or as the pairs need.
        sample_ids : array-like of shape (n_samples,), default=None
            The id of each row; pairs with an end outside are left out. None: rows are those that
            the constraints were written for.

        Returns
        -------
        pairs : RowPairs
            The pairs that estimators work with.
        """
        return rows_of(self, n_samples, sample_ids)

    def components(self, n_samples=None):
        """The group of each row that must-links connect.

        Parameters
        ----------
        n_samples : int, default=None
            Number of rows, as of `rows`.

        Returns
        -------
        components : ndarray of shape (n_samples,)
            Rows of a group have the same number.
        """
        return self.rows(n_samples).components

    def check_consistent(self, n_clusters=None):
        """Raise if no clustering satisfies all pairs, as far as can be found out fast.

        Parameters
        ----------
        n_clusters : int, default=None
            Number of clusters; then a set of more rows that are all separated is refused too.

        Raises
        ------
        ValueError
            It names a pair, or the rows.
        """
        self.rows().check_consistent(n_clusters=n_clusters)

    def closure(self):
        """All pairs that follow from these: what is linked with one row is linked with its group.

        Returns
        -------
        constraints : PairwiseConstraints
            Of weight 1. Their number is quadratic in the sizes of the groups; the methods of the
            package do not need it.
        """
        must, cannot = self.rows().closure()
        if self.ids is not None:
            must, cannot = self.ids[must], self.ids[cannot]
        return PairwiseConstraints(must, cannot, ids=self.ids)

    def to_adjacency(self, n_samples=None):
        """A sparse matrix of the weights, positive for must-links and negative for cannot-links.

        Parameters
        ----------
        n_samples : int, default=None
            Number of rows; None is as many as the ids, or as the pairs need.

        Returns
        -------
        adjacency : csr_array of shape (n_samples, n_samples)
            Symmetric.
        """
        return self.rows(n_samples).adjacency()

    def violations(self, labels):
        """The pairs that a clustering violates.

        Parameters
        ----------
        labels : array-like of shape (n_samples,)
            Clusters of the rows; -1 is noise, which shares no cluster.

        Returns
        -------
        must_link : ndarray of shape (n_violated, 2)
            Must-links whose rows are in different clusters.
        cannot_link : ndarray of shape (n_violated, 2)
            Cannot-links whose rows share a cluster.
        """
        apart, together = self.rows(len(labels)).violated(labels)
        return self.must_link[apart], self.cannot_link[together]

    def satisfaction(self, labels):
        """Shares of the pairs that a clustering satisfies.

        Parameters
        ----------
        labels : array-like of shape (n_samples,)
            Clusters of the rows.

        Returns
        -------
        shares : dict
            As of :func:`constraint_satisfaction`.
        """
        return self.rows(len(labels)).satisfaction(np.asarray(labels))
