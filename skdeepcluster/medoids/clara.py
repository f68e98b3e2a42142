"""CLARA: k-medoids of samples."""

from numbers import Integral, Real

import numpy as np
from sklearn.callback import with_callbacks
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import Interval, RealNotInt, StrOptions, fit_context
from skdeepcluster.base import param
from skdeepcluster.medoids._base import BaseMedoids, Solution
from skdeepcluster.medoids._init import initial_medoids, one_medoid
from skdeepcluster.medoids._search import Search, eager


class CLARA(BaseMedoids):
    r"""K-medoids of samples, for large data (FasterCLARA).

    The loss of :class:`KMedoids`,

    .. math:: \min_{M \subset \{1, \dots, n\},\, |M| = k} \;
        \sum_{i=1}^n w_i \min_{m \in M} d(x_i, x_m),

    is minimized by FasterPAM on a few samples only. Each sample holds the best medoids found so
    far; the medoids that are best for all of the data are kept. The time is linear in n_samples,
    the solutions are a few per cent worse than those of :class:`KMedoids`, the less the larger the
    samples.

    Read more in the :ref:`User Guide <medoids>`.

    Parameters
    ----------
    n_clusters : int, default=8
        The number of clusters and of medoids.

    max_samples : "auto", int or float, default="auto"
        The size of the samples: a number of objects, or a part of them. "auto" means
        max(1000, 40 * n_clusters). The original proposals, 40 + 2 * n_clusters for CLARA and
        80 + 4 * n_clusters for FasterCLARA, are faster and worse.

    init : {"random", "build", "lab", "k-medoids++"}, default="random"
        How to begin on a sample; see :class:`KMedoids`.

    n_init : int, default=5
        The number of samples.

    max_iter : int, default=300
        The most passes over the objects of a sample.

    tol : float, default=1e-12
        The loss has to fall by more than this part of it to make a swap.

    random_state : int, RandomState instance or None, default=None
        Determines the samples and the searches on them.


    Attributes
    ----------
    n_iter_ : int
        The number of passes over the best sample.

    n_swaps_ : int
        The number of swaps on the best sample.



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

    n_clusters: int = param(8, Interval(Integral, 1, None, closed="left"), positional=True)
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
            Weights of the objects in the loss. None: all are 1. An object of weight 0 is in no
            sample.

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
            objects = np.flatnonzero(weights)
            size = self._sample_size(len(objects))

            def solve(best, context):
                known = objects[:0] if best is None else best.medoids
                others = random_state.permutation(np.setdiff1d(objects, known))
                sample = np.concatenate([known, others[: size - len(known)]])
                part, part_weights = source.subset(sample), weights[sample]
                if k == 1:
                    medoids = sample[one_medoid(part, part_weights)]
                    solution = Solution(0.0, medoids, n_iter=1, n_swaps=0, done=True)
                else:
                    start = initial_medoids(self.init, k, part, part_weights, random_state)
                    search = Search(part, part_weights).start(start)
                    rounds = eager(search, random_state.permutation(size), self.tol)
                    solution = self._improve(X, search, rounds, context, sample)
                loss = np.dot(weights, source.nearest(solution.medoids)[1].astype(np.float64))
                return solution._replace(loss=loss)

            best = self._best_of(X, self.n_init, self.max_iter, solve)
            self._finish(X, source, best.medoids, weights)
        return self

    def _sample_size(self, n):
        k = self.n_clusters
        if self.max_samples == "auto":
            size = max(1000, 40 * k)
        elif isinstance(self.max_samples, Integral):
            size = self.max_samples
        else:
            size = int(np.ceil(self.max_samples * n))
        size = min(size, n)
        # Medoids alone would have nothing to be swapped for.
        if size < k or size == k < n:
            raise ValueError(
                f"max_samples={self.max_samples} gives samples of {size} objects; they must have "
                f"more than n_clusters={k}."
            )
        return size
