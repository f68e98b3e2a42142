"""CLARANS: k-medoids by random swaps."""

from numbers import Integral, Real

import numpy as np
from sklearn.callback import with_callbacks
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import Interval, RealNotInt, fit_context
from skdeepcluster.base import param
from skdeepcluster.medoids._base import BaseMedoids, Solution
from skdeepcluster.medoids._init import initial_medoids, one_medoid
from skdeepcluster.medoids._search import Search, random_neighbors


class CLARANS(BaseMedoids):
    r"""K-medoids by random swaps, for large data (FastCLARANS).

    The loss of :class:`KMedoids`,

    .. math:: \min_{M \subset \{1, \dots, n\},\, |M| = k} \;
        \sum_{i=1}^n w_i \min_{m \in M} d(x_i, x_m),

    is lowered by swaps from random medoids: objects are drawn, and the best swap of the first that
    lowers the loss is made. The search ends after some draws in vain. Distances are computed when
    they are needed, in memory that is linear in n_samples.

    Read more in the :ref:`User Guide <medoids>`.

    Parameters
    ----------
    n_clusters : int, default=8
        The number of clusters and of medoids.

    max_neighbors : int or float, default=0.025
        How many objects are drawn in vain before the search ends: a number, or a part of those that
        are not medoids. A draw stands for the swaps with all medoids.

    n_init : int, default=2
        The number of searches; the solution with the least loss is kept.

    max_iter : int, default=10000
        The most swaps of a search.

    tol : float, default=1e-12
        The loss has to fall by more than this part of it to make a swap.

    random_state : int, RandomState instance or None, default=None
        Determines the first medoids and the draws.


    Attributes
    ----------
    n_iter_ : int
        The number of rounds of draws in the best search: each but the last ended with a swap.

    n_swaps_ : int
        The number of swaps of the best search.



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

    n_clusters: int = param(8, Interval(Integral, 1, None, closed="left"), positional=True)
    max_neighbors: int | float = param(
        0.025,
        Interval(Integral, 1, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="right"),
    )
    n_init: int = param(2, Interval(Integral, 1, None, closed="left"))
    max_iter: int = param(10_000, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-12, Interval(Real, 0, None, closed="left"))

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the medoids.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data. With `metric="precomputed"`, the distances, of shape (n_samples, n_samples) or
            (n_samples * (n_samples - 1) / 2,).
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the objects in the loss. None: all are 1. An object of weight 0 cannot be a
            medoid.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        random_state = check_random_state(self.random_state)
        X = self._validate(X, reset=True)
        k = self.n_clusters
        with self._limited_threads():
            source = self._source(X)
            weights = self._check_weights(sample_weight, source.n, k)
            n_neighbors = self.max_neighbors
            if not isinstance(n_neighbors, Integral):
                n_neighbors = int(np.ceil(n_neighbors * (np.count_nonzero(weights) - k)))

            def solve(best, context):
                if k == 1:
                    return Solution(
                        0.0, one_medoid(source, weights), n_iter=1, n_swaps=0, done=True
                    )
                start = initial_medoids("random", k, source, weights, random_state)
                search = Search(source, weights).start(start)
                rounds = random_neighbors(search, n_neighbors, self.tol, random_state)
                return self._improve(X, search, rounds, context)

            best = self._best_of(X, self.n_init if k > 1 else 1, self.max_iter, solve)
            self._finish(X, source, best.medoids, weights)
        return self
