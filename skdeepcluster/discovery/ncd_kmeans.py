"""NCDKMeans: k-means of novel classes, seeded away from known ones."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import Interval, fit_context
from skdeepcluster.algorithms.known_kmeans import (
    drawn_centers,
    known_kmeans,
    means_of,
    squared_distances,
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
from skdeepcluster.discovery._novel import NovelMixin


class NCDKMeans(NovelMixin, CentersMixin, NumberOfClustersMixin, RandomStateMixin, Clusterer):
    r"""K-means of the rows of novel classes, with centers that begin far from known classes.

    Unlabeled rows belong to none of the known classes here (novel class discovery [1]_). A new
    center begins at an unlabeled row drawn with the probability

    .. math:: p_i \propto \min_c \|x_i - c\|^{p}

    over the means of the known classes and the centers drawn before. Then

    .. math:: \min_{c_1, \dots, c_k} \sum_{i : y_i = -1} \min_j \|x_i - c_j\|^2

    is descended from there. Use it as a fast baseline; where unlabeled rows may be of known classes
    too, take :class:`~skdeepcluster.SemiSupervisedKMeans`.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of novel clusters.

    seeding_power : float, default=1.0
        The power :math:`p` of the distances. 2 is k-means++, which prefers outliers.

    n_init : int, default=10
        Number of starts, of which the one with the smallest sum of distances is kept.

    max_iter : int, default=300
        Maximum number of passes of a start.

    tol : float, default=1e-4
        A start ends when the squared movements of its centers sum up to at most this fraction of
        the mean variance of the features.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row: that of its class, or a novel one. `predict` takes the nearest
        center, known or novel, and may differ: in new rows there may be known classes.

    cluster_centers_ : ndarray of shape (n_classes + n_clusters, n_features)
        Means of the known classes, then centers of the novel clusters.

    inertia_ : float
        Sum of squared distances of novel rows.

    n_iter_ : int
        Passes of the best start.

    See Also
    --------
    NCDSpectralClustering : For clusters of other shapes.

    References
    ----------
    .. [1] C. Troisemaine et al. (2024). A practical approach to novel class discovery in tabular
           data. *Data Mining and Knowledge Discovery* 38.

    Examples
    --------
    >>> from skdeepcluster import NCDKMeans
    >>> X = [[0.0], [1.0], [10.0], [11.0], [20.0], [21.0]]
    >>> NCDKMeans(2, random_state=0).fit_predict(X, [3, 3, -1, -1, -1, -1])
    array([0, 0, 2, 2, 1, 1], dtype=int32)
    """

    seeding_power: float = param(1.0, Interval(Real, 0, None, closed="left"))
    n_init: int = param(10, Interval(Integral, 1, None, closed="left"))
    max_iter: int = param(300, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-4, Interval(Real, 0, None, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Cluster the rows of novel classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), default=None
            The class of rows of known classes, -1 for the others. Without any -1 it is ignored, and
            all rows are novel.
        """
        X = self._validate(X, reset=True)
        known, novel = self._novel_rows(y, X.shape[0], self.n_clusters)
        rows = X.astype(np.float64)
        means = means_of(rows, known, len(self.classes_))
        rows = rows[novel]
        norms = squared_norms(rows)
        tol = self.tol * variance_of(rows, norms) / X.shape[1]
        rng = check_random_state(self.random_state)
        free = np.full(len(novel), -1)
        best, least = None, np.inf
        for _ in range(self.n_init):
            start = drawn_centers(
                rows, means, self.n_clusters, rng, power=self.seeding_power, norms=norms
            )[len(means) :]
            found = known_kmeans(rows, start, free, max_iter=self.max_iter, tol=tol, norms=norms)
            squares = squared_distances(rows, found[0], norms)
            loss = np.sqrt(squares[np.arange(len(novel)), found[1]]).sum()
            if best is None or loss < least:
                best, least = found, loss
        centers, labels, self.inertia_, self.n_iter_ = best
        self.labels_ = self._joined(known, novel, labels)
        self._set_centers(np.concatenate([means, centers]), X.dtype)
        return self
