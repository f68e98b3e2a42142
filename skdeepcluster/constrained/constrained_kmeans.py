"""ConstrainedKMeans: k-means with must-links, cannot-links, known labels and bounds of sizes."""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.constrained_kmeans import Hard, Metric, Sized, Soft
from skdeepcluster.algorithms.kmeans import nearest_center
from skdeepcluster.base import (
    CentersMixin,
    Clusterer,
    NumberOfClustersMixin,
    RandomStateMixin,
    param,
)
from skdeepcluster.constraints import ConstraintMixin
from skdeepcluster.validation import check_n_samples


class ConstrainedKMeans(
    ConstraintMixin, CentersMixin, NumberOfClustersMixin, RandomStateMixin, Clusterer
):
    r"""K-means with must-links, cannot-links, known labels and bounds of cluster sizes.

    .. math:: \min_{\ell, \mu} \; \sum_i \|x_i - \mu_{\ell_i}\|^2
        + \lambda s \Big( \sum_{(i, j) \in M} w_{ij} [\ell_i \ne \ell_j]
        + \sum_{(i, j) \in C} w_{ij} [\ell_i = \ell_j] \Big)

    with the must-links :math:`M`, the cannot-links :math:`C` and their weights; :math:`s` is the
    mean squared distance of the rows to their mean, so that :math:`\lambda` has no unit. "pck" may
    violate pairs at this price [1]_, which is right where some answers are wrong. "cop" violates
    none [2]_: rows that must-links connect move as one. "mpck" learns a metric :math:`A` too, in
    which violated must-links become shorter and violated cannot-links longer [3]_: distances are
    those of :math:`A`, the price of a violated must-link is the squared distance of its rows, that
    of a cannot-link the difference to the largest squared distance of two rows, and
    :math:`-n \log\det A` is added.

    Use it where some pairs or labels are known and clusters are compact. Pairs move the rows they
    name, and their neighbors only through the centers: a few pairs change little, and for clusters
    of another shape a graph method such as :class:`~skdeepcluster.LaplacianPrototypeClustering`
    carries labels farther.

    Parameters
    ----------
    algorithm : {"pck", "cop", "mpck"}, default="pck"
        What happens to pairs, see above.

    constraint_weight : float, default=0.1
        The price :math:`\lambda` of a violated pair of weight 1, for "pck" and "mpck". For "mpck"
        it multiplies squared distances in the learned metric.

    min_size : int, default=None
        The least number of rows of a cluster, for "pck".

    max_size : int, default=None
        The largest number of rows of a cluster, for "pck". In each pass rows are assigned at the
        least cost under both bounds, by a minimum-cost flow.

    covariance_type : {"diag", "full"}, default="full"
        Whether the metric of "mpck" weighs features or is a full matrix.

    init : {"k-means++"} or array-like of shape (n_clusters, n_features), default="k-means++"
        Initial centers; known classes begin at their means. Given ones are the only start.

    n_init : int, default=10
        Number of starts of k-means without pairs and bounds, the best of which goes on with them.
        If there are several and there are must-links, a further start has means of the groups that
        these connect, and the one with the lower objective is kept.

    max_iter : int, default=300
        Maximum number of passes of a start.

    tol : float, default=1e-4
        A start ends when the squared movements of its centers sum up to at most this fraction of
        the mean variance of the features.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row. Pairs and bounds act on these labels only: `predict` takes the
        nearest center.

    inertia_ : float
        The objective: squared distances and the prices of violated pairs.

    sizes_ : ndarray of shape (n_clusters,)
        Number of training rows of each cluster.

    n_iter_ : int
        Passes of the best start.

    metric_ : ndarray of shape (n_features,) or (n_features, n_features)
        The learned metric, only for "mpck": weights of the features, or a matrix.

    See Also
    --------
    BalancedKMeans : Clusters of equal size.
    SemiSupervisedKMeans : Known labels, and no pairs.

    Notes
    -----
    Differences from the papers. Prices are in units of the variance. Pairs are not completed by
    what follows from them, but for "cop", where the closure is exact and implicit. "cop" does not
    fail at the first row without an allowed cluster: clusters are exchanged along chains of
    cannot-links, and afterwards rows move only where this is allowed, so that the objective falls
    in each pass. "mpck" has one metric for all clusters, learned after each descent and shrunk to
    equal variances, by a tenth of the rows.

    References
    ----------
    .. [1] S. Basu, A. Banerjee, R. J. Mooney (2004). Active semi-supervision for pairwise
           constrained clustering. *SIAM International Conference on Data Mining*.
    .. [2] K. Wagstaff et al. (2001). Constrained k-means clustering with background knowledge.
           *ICML*.
    .. [3] M. Bilenko, S. Basu, R. J. Mooney (2004). Integrating constraints and metric learning in
           semi-supervised clustering. *ICML*.

    Examples
    --------
    >>> from skdeepcluster import ConstrainedKMeans
    >>> from skdeepcluster.constraints import PairwiseConstraints
    >>> X = [[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]
    >>> known = PairwiseConstraints(must_link=[[2, 3]])
    >>> model = ConstrainedKMeans(2, algorithm="cop", random_state=0).fit(X, constraints=known)
    >>> bool(model.labels_[2] == model.labels_[3])
    True
    >>> ConstrainedKMeans(2, max_size=3, random_state=0).fit([[0], [1], [2], [3], [4], [99]]).sizes_
    array([3, 3])
    """

    algorithm: str = param("pck", StrOptions({"pck", "cop", "mpck"}))
    constraint_weight: float = param(0.1, Interval(Real, 0, None, closed="left"))
    min_size: int | None = param(None, Interval(Integral, 0, None, closed="left"), None)
    max_size: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    covariance_type: str = param("full", StrOptions({"diag", "full"}))
    init: str | np.ndarray = param("k-means++", StrOptions({"k-means++"}), "array-like")
    n_init: int = param(10, Interval(Integral, 1, None, closed="left"))
    max_iter: int = param(300, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-4, Interval(Real, 0, None, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, constraints=None, sample_ids=None):
        """Cluster rows with what is known of them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows; "mpck" takes dense ones only.
        y : array-like of shape (n_samples,), default=None
            Partial labels, -1 where unknown: rows of the i-th known class stay in cluster i.
            Without any -1 they are ignored.
        constraints : PairwiseConstraints, default=None
            Must-links and cannot-links.
        sample_ids : array-like of shape (n_samples,), default=None
            The id of each row, by which pairs find their rows where some are left out.
        """
        X = self._validate(X, reset=True)
        n = X.shape[0]
        check_n_samples(n, self.n_clusters)
        labels = self._partial_labels(y, n, self.n_clusters)
        fixed = np.full(n, -1, dtype=np.int32) if labels is None else labels.astype(np.int32)
        pairs = self._pairs(constraints, sample_ids, n)
        descent = self._descent(X, fixed, pairs)
        rng = check_random_state(self.random_state)
        best = None
        given = None if isinstance(self.init, str) else np.asarray(self.init, dtype=np.float64)
        if given is not None and given.shape != (self.n_clusters, X.shape[1]):
            raise ValueError(
                f"init has shape {given.shape}; centers of shape {(self.n_clusters, X.shape[1])} "
                "are required."
            )
        for start in range(descent.n_starts(self.n_init) if given is None else 1):
            centers = descent.start(start, rng) if given is None else given
            found = descent.run(centers, self.max_iter, self.tol)
            if best is None or found.objective < best.objective:
                best = found
        self.labels_ = best.labels
        self.inertia_ = best.objective
        self.n_iter_ = best.n_iter
        self.sizes_ = np.bincount(best.labels, minlength=self.n_clusters)
        self._set_centers(best.centers, X.dtype)
        if best.metric is not None:
            self.metric_ = best.metric.matrix
            self._metric = best.metric
        self._judge(pairs)
        return self

    def _descent(self, X, fixed, pairs):
        bounded = self.min_size is not None or self.max_size is not None
        options = X.astype(np.float64), self.n_clusters, fixed, pairs
        if bounded and self.algorithm != "pck":
            raise ValueError(
                f'min_size and max_size are for algorithm="pck", not "{self.algorithm}".'
            )
        if self.algorithm == "cop":
            return Hard(*options)
        if self.algorithm == "mpck":
            return Metric(*options, self.constraint_weight, self.covariance_type == "full")
        if not bounded:
            return Soft(*options, self.constraint_weight)
        return Sized(*options, self.constraint_weight, self._bounds(X.shape[0], fixed))

    def _bounds(self, n, fixed):
        low = self.min_size or 0
        high = n if self.max_size is None else self.max_size
        k = self.n_clusters
        if not (low <= high and k * low <= n <= k * high):
            raise ValueError(
                f"min_size={self.min_size} and max_size={self.max_size} do not fit {n} rows in "
                f"n_clusters={k} clusters: min_size may be up to {n // k}, max_size from "
                f"{-(-n // k)} on."
            )
        known = np.bincount(fixed[fixed >= 0], minlength=k)
        if known.max(initial=0) > high:
            raise ValueError(
                f"y has {known.max()} rows of class {self.classes_[np.argmax(known)]}, more than "
                f"max_size={self.max_size}."
            )
        low, high = np.maximum(low - known, 0), high - known
        if low.sum() > np.sum(fixed < 0):
            raise ValueError(
                f"min_size={self.min_size} needs {low.sum()} rows without labels, y leaves "
                f"{np.sum(fixed < 0)}."
            )
        return low, high

    def _validate(self, X, reset):
        X = super()._validate(X, reset)
        if self.algorithm == "mpck" and issparse(X):
            raise TypeError('algorithm="mpck" takes no sparse rows; use "pck" or "cop".')
        return X

    def _nearest(self, X):
        if self.algorithm != "mpck":
            return super()._nearest(X)
        rows, centers = (
            self._metric.rows(Z.astype(np.float64)) for Z in (X, self.cluster_centers_)
        )
        return nearest_center(rows, centers, 1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.algorithm != "mpck"
        return tags
