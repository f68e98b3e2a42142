"""CLARANS: k-medoids by random swaps."""

from numbers import Integral, Real

import numpy as np

from skdeepcluster._sklearn import Interval, RealNotInt
from skdeepcluster.base import NumberOfClustersMixin, param
from skdeepcluster.medoids._base import BaseMedoids, single_medoid
from skdeepcluster.medoids._init import initial_medoids
from skdeepcluster.medoids._search import Search, random_neighbors


class CLARANS(NumberOfClustersMixin, BaseMedoids):
    r"""K-medoids by random swaps, for large data (FastCLARANS).

    The loss of :class:`KMedoids`,

    .. math:: \min_{M \subset \{1, \dots, n\},\, |M| = k} \;
        \sum_{i=1}^n w_i \min_{m \in M} d(x_i, x_m),

    is lowered by swaps, starting from random medoids: objects are drawn at random, and the best
    swap of the first one that lowers the loss is made. The search ends after a number of draws
    without improvement. Distances are computed when they are needed, in memory that is linear in
    n_samples.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters and of medoids.

    max_neighbors : int or float, default=0.025
        Number of draws without improvement after which the search ends, or a fraction of the
        objects that are not medoids. Each draw considers the swaps with all medoids.

    n_init : int, default=2
        Number of searches; the solution with the lowest loss is kept.

    max_iter : int, default=10000
        Maximum number of swaps of a search.

    tol : float, default=1e-12
        Relative tolerance: a swap must lower the loss by more than this fraction of it.

    random_state : int, RandomState instance or None, default=None
        Determines the initial medoids and the draws.

    Attributes
    ----------
    n_iter_ : int
        Number of rounds of draws in the best search; each but the last ended with a swap.

    n_swaps_ : int
        Number of swaps of the best search.

    See Also
    --------
    KMedoids : The search among all swaps.
    CLARA : K-medoids of samples.

    References
    ----------
    .. [1] R. T. Ng, J. Han (2002). CLARANS: a method for clustering objects for spatial data
           mining. *IEEE Transactions on Knowledge and Data Engineering* 14(5), 1003-1016.
    .. [2] E. Schubert, P. J. Rousseeuw (2021). Fast and eager k-medoids clustering: O(k) runtime
           improvement of the PAM, CLARA, and CLARANS algorithms. *Information Systems* 101, 101804.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import CLARANS
    >>> X, _ = make_blobs(5000, centers=5, random_state=0)
    >>> model = CLARANS(n_clusters=5, random_state=0).fit(X)
    >>> model.cluster_centers_.shape
    (5, 2)
    """

    max_neighbors: int | float = param(
        0.025,
        Interval(Integral, 1, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="right"),
    )
    n_init: int = param(2, Interval(Integral, 1, None, closed="left"))
    max_iter: int = param(10_000, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-12, Interval(Real, 0, None, closed="left"))

    def _search(self, X, source, weights, random_state):
        k, n_neighbors = self.n_clusters, self.max_neighbors
        if not isinstance(n_neighbors, Integral):
            n_neighbors = int(np.ceil(n_neighbors * (np.count_nonzero(weights) - k)))

        def solve(best, context):
            if k == 1:
                return single_medoid(source, weights)
            start = initial_medoids("random", k, source, weights, random_state)
            search = Search(source, weights).start(start)
            rounds = random_neighbors(search, n_neighbors, self.tol, random_state)
            return self._improve(X, search, rounds, context)

        return source, self.n_init if k > 1 else 1, self.max_iter, solve
