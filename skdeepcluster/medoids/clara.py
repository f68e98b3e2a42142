"""CLARA: k-medoids of samples."""

from numbers import Integral, Real

import numpy as np

from skdeepcluster._sklearn import Interval, RealNotInt, StrOptions
from skdeepcluster.base import NumberOfClustersMixin, param
from skdeepcluster.medoids._base import BaseMedoids, single_medoid
from skdeepcluster.medoids._init import initial_medoids, sample_size
from skdeepcluster.medoids._search import Search, eager


class CLARA(NumberOfClustersMixin, BaseMedoids):
    r"""K-medoids of samples, for large data (FasterCLARA).

    The loss of :class:`KMedoids`,

    .. math:: \min_{M \subset \{1, \dots, n\},\, |M| = k} \;
        \sum_{i=1}^n w_i \min_{m \in M} d(x_i, x_m),

    is minimized by FasterPAM on a few random samples. Each sample includes the best medoids found
    so far; the medoids with the lowest loss on all of the data are kept. The time is linear in
    n_samples. The solutions are a few per cent worse than those of :class:`KMedoids`, less so with
    larger samples.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters and of medoids.

    max_samples : "auto", int or float, default="auto"
        Size of the samples: a number of objects, or a fraction of them. "auto" means
        max(1000, 40 * n_clusters). The original proposals, 40 + 2 * n_clusters for CLARA and
        80 + 4 * n_clusters for FasterCLARA, are faster and worse.

    init : {"random", "build", "lab", "k-medoids++"}, default="random"
        Initial medoids in a sample; see :class:`KMedoids`.

    n_init : int, default=5
        Number of samples.

    max_iter : int, default=300
        Maximum number of passes over the objects of a sample.

    tol : float, default=1e-12
        Relative tolerance: a swap must lower the loss by more than this fraction of it.

    random_state : int, RandomState instance or None, default=None
        Determines the samples and the searches on them.

    Attributes
    ----------
    n_iter_ : int
        Number of passes over the best sample.

    n_swaps_ : int
        Number of swaps on the best sample.

    See Also
    --------
    KMedoids : The search on all of the data.
    CLARANS : K-medoids by random swaps.

    References
    ----------
    .. [1] L. Kaufman, P. J. Rousseeuw (1986). Clustering large data sets. In *Pattern Recognition
           in Practice*, 425-437.
    .. [2] E. Schubert, P. J. Rousseeuw (2021). Fast and eager k-medoids clustering: O(k) runtime
           improvement of the PAM, CLARA, and CLARANS algorithms. *Information Systems* 101, 101804.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import CLARA
    >>> X, _ = make_blobs(20_000, centers=5, random_state=0)
    >>> model = CLARA(n_clusters=5, random_state=0).fit(X)
    >>> model.cluster_centers_.shape
    (5, 2)
    """

    max_samples: int | float | str = param(
        "auto",
        StrOptions({"auto"}),
        Interval(Integral, 1, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="right"),
    )
    init: str = param("random", StrOptions({"random", "build", "lab", "k-medoids++"}))
    n_init: int = param(5, Interval(Integral, 1, None, closed="left"))
    max_iter: int = param(300, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-12, Interval(Real, 0, None, closed="left"))

    def _search(self, X, source, weights, random_state):
        k = self.n_clusters
        objects = np.flatnonzero(weights)
        size = sample_size(self.max_samples, len(objects), k)

        def solve(best, context):
            known = objects[:0] if best is None else best.medoids
            others = random_state.permutation(np.setdiff1d(objects, known))
            sample = np.concatenate([known, others[: size - len(known)]])
            part, part_weights = source.subset(sample), weights[sample]
            if k == 1:
                solution = single_medoid(part, part_weights)
                solution = solution._replace(medoids=sample[solution.medoids])
            else:
                start = initial_medoids(self.init, k, part, part_weights, random_state)
                search = Search(part, part_weights).start(start)
                rounds = eager(search, random_state.permutation(size), self.tol)
                solution = self._improve(X, search, rounds, context, sample)
            loss = np.dot(weights, source.nearest(solution.medoids)[1].astype(np.float64))
            return solution._replace(loss=loss)

        return source, self.n_init, self.max_iter, solve
