"""Searches among the swaps of any medoid for any object."""

from numbers import Integral, Real

import numpy as np
from sklearn import get_config

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.base import param
from skdeepcluster.medoids._base import BaseMedoids, single_medoid
from skdeepcluster.medoids._init import check_init, initial_medoids
from skdeepcluster.medoids._search import Search, eager


class SwapSearch(BaseMedoids):
    """Base of the methods that consider every object of the data as a medoid.

    Parameters
    ----------
    init : {"random", "build", "lab", "k-medoids++"} or array-like, default="random"
        Initial medoids. An array holds their indices, of shape (n_clusters,).

        - "random": distinct objects, chosen at random.
        - "build": PAM's BUILD, which adds the medoid that lowers the loss most. It takes longer
          than all of FasterPAM.
        - "lab": BUILD on a small random sample for each medoid.
        - "k-medoids++": objects drawn with a probability proportional to their distance from the
          medoids drawn so far, the best of a few draws each time.

    n_init : "auto" or int, default="auto"
        Number of initializations; the solution with the lowest loss is kept. "auto" means 1 for
        `init="build"` or an array, and 3 otherwise.

    max_iter : int, default=300
        Maximum number of passes over all objects.

    tol : float, default=1e-12
        Relative tolerance: a swap must lower the loss by more than this fraction of it.

    store_distances : "auto" or bool, default="auto"
        Whether to compute all n_samples ** 2 distances once and keep them, or to compute them when
        they are needed, in memory that is linear in n_samples. "auto" keeps them if they fit into
        the `working_memory` of :func:`sklearn.set_config`, 1 GiB by default. Without effect on
        precomputed distances.

    random_state : int, RandomState instance or None, default=None
        Determines the initial medoids and the order in which objects are tried.

    Attributes
    ----------
    n_iter_ : int
        Number of passes for the best solution.

    n_swaps_ : int
        Number of swaps for the best solution.
    """

    init: str | np.ndarray = param(
        "random", StrOptions({"random", "build", "lab", "k-medoids++"}), "array-like"
    )
    n_init: int | str = param(
        "auto", StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")
    )
    max_iter: int = param(300, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-12, Interval(Real, 0, None, closed="left"))
    store_distances: bool | str = param("auto", StrOptions({"auto"}), "boolean")

    # How many of its nearest medoids are known of each object.
    _depth = 2

    def _search(self, X, source, weights, random_state):
        k = self.n_clusters
        init = check_init(self.init, k, weights)
        source = self._stored(source)
        limits = self._limits(source, weights, random_state)

        def solve(best, context):
            if k == 1:
                return single_medoid(source, weights)
            medoids = initial_medoids(init, k, source, weights, random_state)
            search = Search(source, weights, self._depth, **limits).start(medoids)
            return self._improve(X, search, self._rounds(search, random_state), context)

        return source, self._n_starts(init, k), self.max_iter, solve

    def _limits(self, source, weights, random_state):
        """Limits that a search has, as keywords of `Search`."""
        return {}

    def _rounds(self, search, random_state):
        """Rounds of FasterPAM."""
        return eager(search, random_state.permutation(search.objects), self.tol)

    def _n_starts(self, init, k):
        if k == 1:
            return 1
        if self.n_init == "auto":
            return 3 if isinstance(init, str) and init != "build" else 1
        return self.n_init

    def _stored(self, source):
        """All distances at once, if they are to be kept."""
        store = self.store_distances
        if store == "auto":
            n_bytes = source.n**2 * source.dtype.itemsize
            store = n_bytes <= get_config()["working_memory"] * 2**20
        return source.matrix() if store and not source.stored else source

    def _start_of_fewer(self, X, n_clusters):
        """Medoids to start from for fewer clusters: one at a time the most dispensable leaves."""
        medoids, D = self.medoid_indices_, self.transform(X)
        while len(medoids) > max(n_clusters, 1):
            near = np.partition(D, 1, axis=1)
            loss = np.bincount(D.argmin(axis=1), near[:, 1] - near[:, 0], D.shape[1])
            dispensable = loss.argmin()
            medoids, D = np.delete(medoids, dispensable), np.delete(D, dispensable, axis=1)
        return medoids
