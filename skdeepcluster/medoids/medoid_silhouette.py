"""FasterMSC and DynMSC: clusters with the best medoid silhouette."""

from numbers import Integral, Real

import numpy as np
from sklearn.callback import with_callbacks
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.base import param
from skdeepcluster.medoids._base import BaseMedoids, Solution
from skdeepcluster.medoids._init import check_init, initial_medoids, one_medoid
from skdeepcluster.medoids._search import Search, eager
from skdeepcluster.validation import as_array


class BaseMedoidSilhouette(BaseMedoids):
    """What is maximized is the average medoid silhouette."""

    init: str | np.ndarray = param(
        "random", StrOptions({"random", "build", "lab", "k-medoids++"}), "array-like"
    )
    n_init: int | str = param(
        "auto", StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")
    )
    max_iter: int = param(300, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-12, Interval(Real, 0, None, closed="left"))
    store_distances: bool | str = param("auto", StrOptions({"auto"}), "boolean")

    def score(self, X, y=None, sample_weight=None):
        """The average medoid silhouette.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            New data. With `metric="precomputed"`, distances to the objects seen in `fit`, of shape
            (n_samples, n_samples_fit).
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. None: all are 1.

        Returns
        -------
        score : float
            Between 0 and 1, higher is better; 0 for a single cluster.
        """
        check_is_fitted(self)
        distances = self.transform(X)
        if distances.shape[1] == 1:
            return 0.0
        nearest = np.partition(distances, 1, axis=1)[:, :2].astype(np.float64)
        ratio = np.divide(*nearest.T, out=np.zeros(len(nearest)), where=nearest[:, 1] > 0)
        return float(1 - np.average(ratio, weights=as_array(sample_weight)))


class FasterMSC(BaseMedoidSilhouette):
    r"""Clusters around medoids with the best medoid silhouette (FasterMSC).

    The average medoid silhouette compares the distances of an object to its nearest and its second
    nearest medoid:

    .. math:: \max_{M \subset \{1, \dots, n\},\, |M| = k} \;
        1 - \frac{1}{\sum_i w_i} \sum_{i=1}^n w_i \frac{d_1(x_i)}{d_2(x_i)}, \quad
        \frac{0}{0} := 0

    It is a fast relative of :func:`sklearn.metrics.silhouette_score`. Unlike the sum of distances
    that :class:`KMedoids` minimizes it does not improve with the number of clusters alone, so that
    values for different numbers can be compared; :class:`DynMSC` does so. It favors clusters that
    are well separated and cares less for how large they are. The search is that of FasterPAM.

    Read more in the :ref:`User Guide <medoids>`.

    Parameters
    ----------
    n_clusters : int, default=8
        The number of clusters and of medoids. A single medoid is that of :class:`KMedoids`, with a
        silhouette of 0.

    init : {"random", "build", "lab", "k-medoids++"} or array-like, default="random"
        How to begin; see :class:`KMedoids`. An array is of shape (n_clusters,).

    n_init : "auto" or int, default="auto"
        How often to begin anew; the best solution is kept. "auto" means 1 for `init="build"` or an
        array, and 3 otherwise.

    max_iter : int, default=300
        The most passes over all objects.

    tol : float, default=1e-12
        The loss, one minus the silhouette, has to fall by more than this part of it to make a swap.

    store_distances : "auto" or bool, default="auto"
        Whether to compute all distances once and keep them; see :class:`KMedoids`.

    random_state : int, RandomState instance or None, default=None
        Determines the first medoids and the order in which objects are tried.


    Attributes
    ----------
    medoid_silhouette_ : float
        The average medoid silhouette.

    inertia_ : float
        The weighted sum of the distances to the nearest medoids.

    n_iter_ : int
        The number of passes for the best solution.

    n_swaps_ : int
        The number of swaps for the best solution.



    See Also
    --------
    DynMSC : The same, which chooses the number of clusters.
    KMedoids : Clusters with the least sum of distances.

    References
    ----------
    .. [1] L. Lenssen, E. Schubert (2024). Medoid silhouette clustering with automatic cluster
           number selection. *Information Systems* 120, 102290.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import FasterMSC
    >>> X, y = make_blobs(200, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    >>> model = FasterMSC(n_clusters=3, random_state=0).fit(X)
    >>> model.medoid_silhouette_ > 0.8
    True
    """

    n_clusters: int = param(8, Interval(Integral, 1, None, closed="left"), positional=True)

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
                    medoid = one_medoid(source, weights)
                    return Solution(weights.sum(), medoid, n_iter=1, n_swaps=0, done=True)
                medoids = initial_medoids(init, self.n_clusters, source, weights, random_state)
                search = Search(source, weights, depth=3).start(medoids)
                rounds = eager(search, random_state.permutation(search.objects), self.tol)
                return self._improve(X, search, rounds, context)

            best = self._best_of(X, self._n_init(init), self.max_iter, solve)
            self._finish(X, source, best.medoids, weights)
            self.medoid_silhouette_ = float(1 - best.loss / weights.sum())
        return self


class DynMSC(BaseMedoidSilhouette):
    r"""Clusters around medoids whose number is chosen by the medoid silhouette (DynMSC).

    The average medoid silhouette is maximized over the number of clusters too:

    .. math:: \max_{k_{\min} \le k \le k_{\max}} \; \max_{|M| = k} \;
        1 - \frac{1}{\sum_i w_i} \sum_{i=1}^n w_i \frac{d_1(x_i)}{d_2(x_i)}, \quad
        \frac{0}{0} := 0

    The search begins with the largest number. After :class:`FasterMSC` the medoid is dropped
    without which the silhouette is best, and the search goes on from there, down to the smallest
    number; so a range of numbers takes little longer than the largest alone.

    Read more in the :ref:`User Guide <medoids>`.

    Parameters
    ----------
    max_clusters : int, default=20
        The largest number of clusters, best two or three times the number that is expected. It
        should be far less than n_samples, as clusters of one object have the best silhouette, and
        is taken to be n_samples if it is larger.

    min_clusters : int, default=2
        The smallest number of clusters, at least 2.

    init : {"random", "build", "lab", "k-medoids++"} or array-like, default="random"
        How to begin; see :class:`KMedoids`. An array is of shape (max_clusters,).

    n_init : "auto" or int, default="auto"
        How often to begin anew; the best solution is kept. "auto" means 1 for `init="build"` or an
        array, and 3 otherwise.

    max_iter : int, default=300
        The most passes over all objects for one number of clusters.

    tol : float, default=1e-12
        The loss, one minus the silhouette, has to fall by more than this part of it to make a swap.

    store_distances : "auto" or bool, default="auto"
        Whether to compute all distances once and keep them; see :class:`KMedoids`.

    random_state : int, RandomState instance or None, default=None
        Determines the first medoids and the order in which objects are tried.


    Attributes
    ----------
    n_clusters_ : int
        The number of clusters.

    medoid_silhouettes_ : ndarray of shape (max_clusters - min_clusters + 1,)
        The average medoid silhouettes for `min_clusters` to `max_clusters` clusters.

    medoid_silhouette_ : float
        The largest of them.

    medoid_indices_ : ndarray of shape (n_clusters_,)
        The rows of the training data that are medoids.

    cluster_centers_ : {ndarray, sparse matrix} of shape (n_clusters_, n_features) or None
        The medoids; None for precomputed distances.

    inertia_ : float
        The weighted sum of the distances to the nearest medoids.

    n_iter_ : int
        The number of passes, for all numbers of clusters together.

    n_swaps_ : int
        The number of swaps, for all numbers of clusters together.



    See Also
    --------
    FasterMSC : The search for one number of clusters.
    KMedoids : Clusters with the least sum of distances.

    References
    ----------
    .. [1] L. Lenssen, E. Schubert (2024). Medoid silhouette clustering with automatic cluster
           number selection. *Information Systems* 120, 102290.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import DynMSC
    >>> X, y = make_blobs(200, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    >>> DynMSC(max_clusters=8, random_state=0).fit(X).n_clusters_
    3
    """

    max_clusters: int = param(20, Interval(Integral, 2, None, closed="left"), positional=True)
    min_clusters: int = param(2, Interval(Integral, 2, None, closed="left"))

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the number of clusters and the medoids.

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
        largest, smallest = self.max_clusters, self.min_clusters
        if largest < smallest:
            raise ValueError(f"max_clusters={largest} should be >= min_clusters={smallest}.")
        random_state = check_random_state(self.random_state)
        X = self._validate(X, reset=True)
        with self._limited_threads():
            source = self._source(X)
            weights = self._check_weights(sample_weight, source.n, smallest, "min_clusters")
            largest = min(largest, np.count_nonzero(weights))
            init = check_init(self.init, largest, weights)
            source = self._stored(source)

            def solve(best, context):
                medoids = initial_medoids(init, largest, source, weights, random_state)
                search = Search(source, weights, depth=3).start(medoids)
                order = random_state.permutation(search.objects)
                found = []
                for k in range(largest, smallest - 1, -1):
                    found.append(self._improve(X, search, eager(search, order, self.tol), context))
                    if k > smallest:
                        search.refresh()
                        search.start(np.delete(search.medoids, np.argmin(search.removal)))
                # Of equal ones the simplest.
                solution = min(reversed(found), key=lambda s: s.loss)
                return Solution(
                    solution.loss,
                    solution.medoids,
                    n_iter=sum(s.n_iter for s in found),
                    n_swaps=sum(s.n_swaps for s in found),
                    done=all(s.done for s in found),
                    path=tuple(s.loss for s in reversed(found)),
                )

            n_rounds = self.max_iter * (largest - smallest + 1)
            best = self._best_of(X, self._n_init(init), n_rounds, solve)
            self._finish(X, source, best.medoids, weights)
            self.n_clusters_ = len(best.medoids)
            self.medoid_silhouettes_ = 1 - np.array(best.path) / weights.sum()
            self.medoid_silhouette_ = float(1 - best.loss / weights.sum())
        return self
