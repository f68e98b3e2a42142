"""KMedoids: PAM and its fast successors."""

from numbers import Integral, Real

import numpy as np
from sklearn.callback import with_callbacks
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.base import param
from skdeepcluster.medoids._base import BaseMedoids, Solution
from skdeepcluster.medoids._init import check_init, initial_medoids, one_medoid
from skdeepcluster.medoids._search import Search, alternate, eager, steepest


class KMedoids(BaseMedoids):
    r"""K-medoids clustering by FasterPAM and its relatives.

    Like k-means, but the center of a cluster is one of its objects, the medoid, and what is summed
    is any dissimilarity, not the squared Euclidean distance:

    .. math:: \min_{M \subset \{1, \dots, n\},\, |M| = k} \;
        \sum_{i=1}^n w_i \min_{m \in M} d(x_i, x_m)

    Use it where a center has to be a real object, where there is a distance but no mean, or where
    k-means gives too much weight to outliers. A solution is improved by swaps of a medoid for
    another object, anywhere in the data, which leads to better solutions than Lloyd's alternation.
    The loss of all `n_clusters` swaps that bring in one object is found in a single pass over its
    distances, so a round over all objects takes O(n_samples ** 2) operations for any number of
    clusters. See :class:`CLARA` and :class:`CLARANS` for faster approximations.

    Read more in the :ref:`User Guide <medoids>`.

    Parameters
    ----------
    n_clusters : int, default=8
        The number of clusters and of medoids.

    metric : str or callable, default="euclidean"
        The distance: any of :func:`sklearn.metrics.pairwise_distances`, a function of two rows, or
        "precomputed", where `fit` takes the distances: a symmetric matrix, which may be memory
        mapped, or its upper triangle as :func:`scipy.spatial.distance.pdist` returns it. The
        triangle inequality is not needed.

    method : {"fasterpam", "fastpam1", "pam", "alternate"}, default="fasterpam"
        How a solution is improved.

        - "fasterpam": the objects are tried as medoids in random order, and the best swap of each
          is made at once if the loss falls. Ends as well as the others and is by far the fastest.
        - "fastpam1": the best of all swaps is made, again and again. The same swaps as "pam".
        - "pam": the same, with the loss of every swap computed by itself, in
          O(n_clusters * n_samples ** 2) for each swap. Meant for comparisons.
        - "alternate": as in k-means, the best medoid of each cluster is followed by a new
          assignment. Fast, but the solutions are worse by several per cent.

    init : {"random", "build", "lab", "k-medoids++"} or array-like, default="random"
        How to begin. An array has the indices of the first medoids, of shape (n_clusters,).

        - "random": different objects, chosen at random.
        - "build": PAM's BUILD, which adds the medoid that lowers the loss most. Takes longer than
          all of FasterPAM.
        - "lab": the same on a small sample for each medoid.
        - "k-medoids++": objects drawn with a probability in proportion to their distance from those
          drawn before, the best of a few draws each time.
        - an array: the indices of the medoids.

    n_init : "auto" or int, default="auto"
        How often to begin anew; the solution with the least loss is kept. "auto" means 1 for
        `init="build"` or an array, and 3 otherwise.

    max_iter : int, default=300
        The most rounds for one solution: passes over all objects for "fasterpam" and "alternate",
        single swaps for "fastpam1" and "pam".

    tol : float, default=1e-12
        The loss has to fall by more than this part of it to make a swap.

    store_distances : "auto" or bool, default="auto"
        Whether to compute all distances once and keep them, n_samples ** 2 of them, or again and
        again in memory that is linear in n_samples. "auto": keep them if they fit into the
        `working_memory` of :func:`sklearn.set_config`, 1 GiB by default. Without effect on
        precomputed distances.

    random_state : int, RandomState instance or None, default=None
        Determines the first medoids and the order in which "fasterpam" tries objects.


    Attributes
    ----------
    n_iter_ : int
        The number of rounds for the best solution.

    n_swaps_ : int
        The number of swaps, or of changes of medoids for "alternate", for the best solution.



    See Also
    --------
    CLARA : K-medoids of samples, for large data.
    CLARANS : K-medoids by random swaps, for large data.
    FasterMSC : Clusters with the best medoid silhouette.
    DynMSC : The same, which chooses the number of clusters.

    References
    ----------
    .. [1] L. Kaufman, P. J. Rousseeuw (1987). Clustering by means of medoids. In *Statistical Data
           Analysis Based on the L1-Norm and Related Methods*, 405-416.
    .. [2] E. Schubert, P. J. Rousseeuw (2021). Fast and eager k-medoids clustering: O(k) runtime
           improvement of the PAM, CLARA, and CLARANS algorithms. *Information Systems* 101, 101804.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import KMedoids
    >>> X = np.array([[1.0, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0], [1, 100]])
    >>> model = KMedoids(n_clusters=2, random_state=0).fit(X)
    >>> model.cluster_centers_[model.labels_[3]]
    array([10.,  2.])
    >>> model.predict([[0, 0], [12, 3]]) == model.labels_[[0, 3]]
    array([ True,  True])

    Any distance will do, here the number of different letters:

    >>> words = np.array(["bar", "baz", "car", "pots", "dots", "dogs"])
    >>> D = [[sum(a != b for a, b in zip(v.ljust(4), w.ljust(4))) for w in words] for v in words]
    >>> model = KMedoids(n_clusters=2, metric="precomputed", random_state=0).fit(D)
    >>> words[np.sort(model.medoid_indices_)]
    array(['bar', 'dots'], dtype='<U4')
    """

    n_clusters: int = param(8, Interval(Integral, 1, None, closed="left"), positional=True)
    method: str = param("fasterpam", StrOptions({"fasterpam", "fastpam1", "pam", "alternate"}))
    init: str | np.ndarray = param(
        "random", StrOptions({"random", "build", "lab", "k-medoids++"}), "array-like"
    )
    n_init: int | str = param(
        "auto", StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")
    )
    max_iter: int = param(300, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-12, Interval(Real, 0, None, closed="left"))
    store_distances: bool | str = param("auto", StrOptions({"auto"}), "boolean")

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
        with self._limited_threads():
            source = self._source(X)
            weights = self._check_weights(sample_weight, source.n, self.n_clusters)
            init = check_init(self.init, self.n_clusters, weights)
            source = self._stored(source)

            def solve(best, context):
                if self.n_clusters == 1:
                    return Solution(
                        0.0, one_medoid(source, weights), n_iter=1, n_swaps=0, done=True
                    )
                medoids = initial_medoids(init, self.n_clusters, source, weights, random_state)
                search = Search(source, weights).start(medoids)
                return self._improve(X, search, self._rounds(search, random_state), context)

            n_init = self._n_init(init) if self.n_clusters > 1 else 1
            best = self._best_of(X, n_init, self.max_iter, solve)
            self._finish(X, source, best.medoids, weights)
        return self

    def _rounds(self, search, random_state):
        if self.method == "fasterpam":
            return eager(search, random_state.permutation(search.objects), self.tol)
        if self.method == "alternate":
            return alternate(search)
        return steepest(search, self.tol, slot_by_slot=self.method == "pam")
