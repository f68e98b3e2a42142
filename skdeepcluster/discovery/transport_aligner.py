"""OptimalTransportAligner: prototypes of a few labeled rows move to where unlabeled rows are."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.known_kmeans import (
    best_start,
    means_of,
    squared_distances,
    squared_norms,
    variance_of,
)
from skdeepcluster.assignment import transport_assign
from skdeepcluster.base import CentersMixin, Clusterer, RandomStateMixin, param
from skdeepcluster.constraints import PartialLabelMixin
from skdeepcluster.validation import check_n_samples

# Passes and the share of transported prototypes, for one labeled row of a class and for more.
ONE_SHOT, MORE_SHOTS = (5, 1.0), (1, 0.7)
# Of the start of clusters without labels, as a share of the variance.
START_TOL = 1e-4


class OptimalTransportAligner(PartialLabelMixin, CentersMixin, RandomStateMixin, Clusterer):
    r"""Prototypes of a few labeled rows, transported to where unlabeled rows are.

    The mean of one to five labeled rows is a poor prototype of its class. The optimal transport of
    the unlabeled rows to the prototypes says which of them belong to it, and the prototype moves to
    their mean (OpTA) [1]_; rows are then of the class with the nearest prototype. **It needs
    classes of about equal size among the unlabeled rows**: where one is much larger, the others'
    prototypes move into it, and the labeled rows alone are better.

    With unlabeled rows :math:`x_i`, prototypes :math:`\mu_j` and
    :math:`C_{ij} = \|x_i - \mu_j\|^2 / \max C`, each pass is

    .. math:: \min_{P \ge 0} \; \langle C, P \rangle - \varepsilon H(P), \quad
        \sum_j P_{ij} = \frac{1}{n}, \quad \sum_i P_{ij} = \frac{1}{k}, \qquad
        \mu_j \leftarrow \frac{\sum_i P_{ij} x_i}{\sum_i P_{ij}} ;

    with ``balance="kl"`` sizes are only encouraged to be equal, by a penalty
    :math:`\lambda \, \mathrm{KL}(P^\top 1 \,\|\, \tfrac{1}{k} 1)` in the place of the last
    condition.

    Parameters
    ----------
    n_clusters : int, default=None
        Number of clusters; None is that of the known classes. If there are more, the others begin
        where k-means finds them beside the known classes.

    n_passes : int, default=None
        Number of transports; 0 leaves the prototypes as they are. None is 5 if a class has a single
        labeled row, else 1.

    mix : float, default=None
        Share of the transported prototypes in the result; the means of the labeled rows have the
        rest. None is 1 if a class has a single labeled row, else 0.7.

    balance : {"uniform", "kl"}, default="uniform"
        Whether clusters have equal shares of the unlabeled rows, or are only encouraged to.

    reg : float, default=0.05
        Strength :math:`\varepsilon` of the entropy, in units of the largest cost.

    reg_cluster : float, default=0.02
        Strength :math:`\lambda` of the penalty of "kl".

    tol : float, default=1e-4
        A transport ends when its potentials move by no more than ``tol * reg``.

    max_iter : int, default=1000
        Maximum number of Sinkhorn iterations of a transport.

    n_init : int, default=10
        Starts of k-means for clusters without labels.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row: the class of a labeled row, the nearest prototype of others,
        as of `predict`.

    cluster_centers_ : ndarray of shape (n_clusters_, n_features)
        The prototypes after their transport; first those of the known classes.

    prototypes_ : ndarray of shape (n_clusters_, n_features)
        The prototypes before: means of the labeled rows, and starts of other clusters.

    n_clusters_ : int
        Number of clusters.

    n_iter_ : int
        Sinkhorn iterations of all passes.

    See Also
    --------
    SemiSupervisedKMeans : Clusters of any sizes.
    skdeepcluster.assignment.transport_assign : The transport.

    Notes
    -----
    Differences from the paper: labels are those of the nearest prototypes, where there is a
    logistic regression of the prototypes; transport is solved until it converges; clusters without
    labels are possible. The paper standardizes each row over its features first. Its sizes of
    passes and shares are those of the default.

    References
    ----------
    .. [1] S. Poulakakis-Daktylidis, H. Jamali-Rad (2024). BECLR: batch enhanced contrastive
           few-shot learning. *ICLR*. :arxiv:`2402.02444`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import OptimalTransportAligner
    >>> X, y = make_blobs(300, n_features=8, centers=5, random_state=0)
    >>> partial = np.full(300, -1)
    >>> for c in range(5):
    ...     partial[np.flatnonzero(y == c)[0]] = c
    >>> model = OptimalTransportAligner().fit(X, partial)
    >>> bool((model.labels_ == y).all())
    True
    """

    n_clusters: int | None = param(
        None, Interval(Integral, 1, None, closed="left"), None, positional=True
    )
    n_passes: int | None = param(None, Interval(Integral, 0, None, closed="left"), None)
    mix: float | None = param(None, Interval(Real, 0, 1, closed="both"), None)
    balance: str = param("uniform", StrOptions({"uniform", "kl"}))
    reg: float = param(0.05, Interval(Real, 0, None, closed="neither"))
    reg_cluster: float = param(0.02, Interval(Real, 0, None, closed="neither"))
    tol: float = param(1e-4, Interval(Real, 0, None, closed="left"))
    max_iter: int = param(1000, Interval(Integral, 1, None, closed="left"))
    n_init: int = param(10, Interval(Integral, 1, None, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Move prototypes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), default=None
            Partial labels, -1 where unknown. Without any -1 they are ignored, and `n_clusters` has
            to be given.
        """
        X = self._validate(X, reset=True)
        n = X.shape[0]
        labels = self._partial_labels(y, n, self.n_clusters)
        if labels is None and self.n_clusters is None:
            raise ValueError(
                "There are no labels to begin with. Give y with the class of some rows and -1 for "
                "the others, or n_clusters."
            )
        fixed = np.full(n, -1) if labels is None else labels
        k = self.n_clusters_ = self.n_clusters or len(self.classes_)
        check_n_samples(n, k)
        rows = X.astype(np.float64)
        before = self._start(rows, fixed, k)
        few = labels is None or np.bincount(labels[labels >= 0]).min() == 1
        n_passes, mix = ONE_SHOT if few else MORE_SHOTS
        centers = before
        unlabeled = rows[np.flatnonzero(fixed < 0)]
        self.n_iter_ = 0
        for _ in range(n_passes if self.n_passes is None else self.n_passes):
            centers = self._transported(unlabeled, centers)
        share = mix if self.mix is None else self.mix
        self.prototypes_ = before.astype(X.dtype)
        self._set_centers(share * centers + (1 - share) * before, X.dtype)
        self.labels_ = np.where(fixed >= 0, fixed, self._nearest(X)).astype(np.int32)
        return self

    def _start(self, rows, fixed, k):
        """Means of the known classes, and centers of other clusters beside them."""
        known = means_of(rows, fixed, len(self.classes_))
        if k == len(known):
            return known
        tol = START_TOL * variance_of(rows, squared_norms(rows)) / rows.shape[1]
        rng = check_random_state(self.random_state)
        found = best_start(rows, known, fixed, k, self.n_init, rng, tol)
        return np.concatenate([known, found[len(known) :]])

    def _transported(self, rows, centers):
        """Means of the rows that the transport gives to each center."""
        costs = squared_distances(rows, centers)
        found = transport_assign(
            costs / (costs.max() or 1.0),
            row_mass=1.0,
            col="eq" if self.balance == "uniform" else "kl",
            reg=self.reg,
            reg_col=self.reg_cluster,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        self.n_iter_ += found.n_iter
        masses = found.plan.sum(axis=0)[:, np.newaxis]
        sums = (rows.T @ found.plan).T
        return np.where(masses > 0, sums / np.where(masses > 0, masses, 1), centers)
