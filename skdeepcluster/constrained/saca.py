"""SACA: the groups that answers "the same" connect."""

import warnings
from numbers import Integral, Real

import numpy as np

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.communities import by_size
from skdeepcluster.base import Clusterer, param
from skdeepcluster.constraints import PairsMixin
from skdeepcluster.validation import caller_level, check_rows


class SACA(PairsMixin, Clusterer):
    r"""Groups that must-links connect, and nothing else.

    .. math:: \ell_i = \ell_j \iff \text{a path of must-links leads from } i \text{ to } j

    Features are not used: this is what answers alone say, the baseline of
    :class:`~skdeepcluster.RGCA`. Right answers never join what does not belong together, but
    clusters of :math:`q` of :math:`n` rows are whole only from about
    :math:`n^2 \log q / (2 q)` random answers on; rows that no must-link names are alone. One wrong
    must-link joins two clusters: take RGCA where answers may be wrong.

    Parameters
    ----------
    merge : {"none", "evidence"}, default="none"
        "evidence" also joins small groups to others where many cannot-links would be expected and
        there is none, a guess that is wrong with a probability of about
        :math:`\exp(-\text{min_evidence})` for answers on random pairs.

    min_evidence : float, default=3.0
        For "evidence", the number of answers that are expected between two groups that are joined,
        :math:`2 m |a| |b| / (n (n - 1))` of :math:`m`.

    max_size : int, default=5
        For "evidence", the size of the largest group that is joined to another.

    on_conflict : {"warn", "raise", "ignore"}, default="warn"
        What happens to cannot-links within a group.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row, the largest first.

    n_clusters_ : int
        Number of clusters.

    n_conflicts_ : int
        Number of cannot-links whose rows must-links connect.

    See Also
    --------
    RGCA : With the rows as side information.

    Notes
    -----
    Only the abstract of the paper was available: it describes a simple agglomerative algorithm that
    runs in near linear time. That this is the groups of the answers, and "evidence", are our
    reconstruction.

    References
    ----------
    .. [1] S. Pasteris, F. Vitale, C. Gentile, M. Herbster (2017). On pairwise clustering with side
           information. :arxiv:`1706.06474`

    Examples
    --------
    >>> from skdeepcluster import SACA
    >>> from skdeepcluster.constraints import PairwiseConstraints
    >>> known = PairwiseConstraints([[0, 1], [1, 3]], [[0, 2]])
    >>> SACA().fit([[0], [1], [2], [3], [4]], constraints=known).labels_
    array([0, 0, 1, 0, 2], dtype=int32)
    """

    merge: str = param("none", StrOptions({"none", "evidence"}))
    min_evidence: float = param(3.0, Interval(Real, 0, None, closed="neither"))
    max_size: int = param(5, Interval(Integral, 1, None, closed="left"))
    on_conflict: str = param("warn", StrOptions({"warn", "raise", "ignore"}))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, constraints=None, sample_ids=None):
        """Connect rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows; only their number counts.
        y : object, default=None
            Ignored.
        constraints : PairwiseConstraints, default=None
            Must-links and cannot-links.
        sample_ids : array-like of shape (n_samples,), default=None
            The id of each row, by which pairs find their rows where some are left out.
        """
        X = check_rows(self, X, reset=True)
        pairs = self._pairs(constraints, sample_ids, X.shape[0])
        self.n_conflicts_ = len(pairs.inconsistent())
        if self.n_conflicts_ and self.on_conflict == "raise":
            pairs.check_consistent()
        if self.n_conflicts_ and self.on_conflict == "warn":
            i, j = pairs.name(pairs.cannot[pairs.inconsistent()[0]])
            warnings.warn(
                f"{self.n_conflicts_} cannot-links, such as ({i}, {j}), have rows that must-links "
                "connect: some answers are wrong. RGCA is for such answers.",
                UserWarning,
                stacklevel=caller_level(),
            )
        labels = pairs.components
        if self.merge == "evidence":
            labels = self._merged(pairs)
        self.labels_ = by_size(labels)
        self.n_clusters_ = int(self.labels_.max()) + 1
        self._judge(pairs)
        return self

    def _merged(self, pairs):
        """Groups, of which small ones have been joined to others."""
        n = pairs.n
        sizes = np.bincount(pairs.components)
        graph = pairs.separated_components()
        apart = [set(graph.indices[slice(*graph.indptr[g : g + 2])]) for g in range(len(sizes))]
        group = np.arange(len(sizes))
        rate = 2 * pairs.n_pairs / max(1, n * (n - 1))
        for small in np.argsort(sizes, kind="stable"):
            if sizes[small] > self.max_size or not sizes[small]:
                continue
            allowed = sizes.astype(float)
            allowed[[small, *apart[small]]] = 0
            other = int(np.argmax(allowed))
            if rate * sizes[small] * allowed[other] < self.min_evidence:
                continue
            group[group == small] = other
            sizes[other] += sizes[small]
            sizes[small] = 0
            apart[other] |= apart[small]
            for third in apart[small]:
                apart[third].add(other)
        return group[pairs.components]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
