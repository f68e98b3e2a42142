"""SemiSupervisedKMeans: k-means in which labeled rows keep their classes."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import Interval, fit_context
from skdeepcluster.algorithms.known_kmeans import (
    best_start,
    known_kmeans,
    means_of,
    squared_norms,
    variance_of,
)
from skdeepcluster.base import (
    CentersMixin,
    Clusterer,
    NumberOfClustersMixin,
    RandomStateMixin,
    param,
)
from skdeepcluster.constraints import PartialLabelMixin
from skdeepcluster.validation import check_n_samples


class SemiSupervisedKMeans(
    PartialLabelMixin, CentersMixin, NumberOfClustersMixin, RandomStateMixin, Clusterer
):
    r"""K-means in which labeled rows keep their classes, and new clusters are found beside them.

    .. math:: \min_{\ell, \mu} \sum_i \|x_i - \mu_{\ell_i}\|^2 \quad \text{subject to} \quad
        \ell_i = y_i \text{ for labeled rows}

    The first clusters are the known classes and begin at their means; the others begin at unlabeled
    rows far from all centers, drawn as in k-means++. Unlabeled rows may belong to known classes and
    to new ones [1]_. Use it where the number of all classes is known; to find it, take
    :class:`~skdeepcluster.SplitMergeGaussianMixture`.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, known classes included.

    n_init : int, default=10
        Number of starts, of which the one with the lowest loss is kept.

    max_iter : int, default=300
        Maximum number of passes.

    tol : float, default=1e-4
        A start ends when the squared movements of its centers sum up to at most this fraction of
        the mean variance of the features.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row; that of a labeled row is its class, which need not have the
        nearest center, as `predict` takes.

    inertia_ : float
        Sum of squared distances of rows and the centers of their clusters.

    n_iter_ : int
        Passes after the best start.

    See Also
    --------
    ConstrainedKMeans : Takes pairs and bounds of sizes too.

    References
    ----------
    .. [1] S. Vaze, K. Han, A. Vedaldi, A. Zisserman (2022). Generalized category discovery. *CVPR*.

    Examples
    --------
    >>> from skdeepcluster import SemiSupervisedKMeans
    >>> X = [[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]
    >>> SemiSupervisedKMeans(2, random_state=0).fit_predict(X, [-1, -1, -1, -1, 7, 7])
    array([1, 1, 1, 0, 0, 0], dtype=int32)
    """

    n_init: int = param(10, Interval(Integral, 1, None, closed="left"))
    max_iter: int = param(300, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-4, Interval(Real, 0, None, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Cluster rows beside known classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), default=None
            Partial labels, -1 where unknown. Without any -1 they are ignored.
        """
        X = self._validate(X, reset=True)
        n, k = X.shape[0], self.n_clusters
        check_n_samples(n, k)
        labels = self._partial_labels(y, n, k)
        fixed = np.full(n, -1) if labels is None else labels
        rows = X.astype(np.float64)
        norms = squared_norms(rows)
        tol = self.tol * variance_of(rows, norms) / X.shape[1]
        known = means_of(rows, fixed, len(self.classes_))
        rng = check_random_state(self.random_state)
        start = best_start(rows, known, fixed, k, self.n_init, rng, tol)
        centers, self.labels_, self.inertia_, self.n_iter_ = known_kmeans(
            rows, start, fixed, max_iter=self.max_iter, tol=tol, norms=norms
        )
        self._set_centers(centers, X.dtype)
        return self
