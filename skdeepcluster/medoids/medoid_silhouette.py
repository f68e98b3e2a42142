"""FasterMSC and DynMSC: clusters with the best medoid silhouette."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._sklearn import Interval, RealNotInt, StrOptions
from skdeepcluster.base import NumberOfClustersMixin, param
from skdeepcluster.medoids._init import check_init, sample_size
from skdeepcluster.medoids._path import Path
from skdeepcluster.medoids._search import Search
from skdeepcluster.medoids._swaps import SwapSearch
from skdeepcluster.validation import as_array

# Objects whose distances stand for all distances.
QUANTILE_OBJECTS = 500


def distance_quantile(source, weights, quantile, random_state):
    """A quantile of the distances between different objects, or infinity for no limit."""
    if quantile == 1:
        return np.inf
    objects = np.flatnonzero(weights)
    if len(objects) > QUANTILE_OBJECTS:
        objects = random_state.choice(objects, QUANTILE_OBJECTS, replace=False)
    first, second = np.triu_indices(len(objects), k=1)
    if not len(first):
        return np.inf
    distances = source.between(objects, objects)[first, second].astype(np.float64)
    pairs = weights[objects[first]] * weights[objects[second]]
    cap = np.quantile(distances, quantile, weights=pairs, method="inverted_cdf")
    # Where nearly all objects are copies, nothing is known of the distances of the others.
    return float(cap) if cap > 0 else np.inf


def least_weight(min_cluster_size, weights, total):
    """The least weight of a cluster of objects with these weights, a sample of all with `total`."""
    if isinstance(min_cluster_size, Integral):
        if min_cluster_size == 1:
            return 0.0
        share = min_cluster_size / total
        if weights.sum() == total:
            return float(min_cluster_size)
    else:
        share = min_cluster_size
    # One object alone is not a cluster of a fraction, however few there are.
    return max(share * weights.sum(), 2 * weights.sum() / np.count_nonzero(weights))


class BaseMedoidSilhouette(SwapSearch):
    """Base of the methods that maximize the average medoid silhouette.

    Parameters
    ----------
    min_cluster_size : int or float, default=1
        Least size of a cluster: its number of objects, that is the sum of their sample weights, or
        a fraction of all, which is at least two objects. The search makes no smaller clusters. An
        outlier that is a cluster of its own raises the silhouettes of all others, whose second
        nearest medoid it becomes. 1 is no limit.

    distance_quantile : float, default=1.0
        Distances are cut at this quantile of the distances between objects, so that the silhouette
        gains nothing from medoids that are farther away than most objects are from each other. 1.0
        leaves them as they are.

    tol : float, default=1e-12
        Relative tolerance: a swap must lower the loss, one minus the silhouette, by more than this
        fraction of it.

    Attributes
    ----------
    medoid_silhouette_ : float
        The average medoid silhouette.

    inertia_ : float
        Weighted sum of the distances to the nearest medoids.

    largest_distance_ : float
        Where the silhouette cuts distances; infinite for ``distance_quantile=1.0``.
    """

    min_cluster_size: int | float = param(
        1,
        Interval(Integral, 1, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="neither"),
    )
    distance_quantile: float = param(1.0, Interval(Real, 0, 1, closed="right"))

    _depth = 3

    def _limits(self, source, weights, random_state):
        total = weights.sum()
        size = self.min_cluster_size
        fewest, name = self._fewest_clusters()
        if fewest * size > (total if isinstance(size, Integral) else 1):
            raise ValueError(
                f"min_cluster_size={size} is too large for {name}={fewest} clusters of {total:g} "
                "objects, or sum of their weights."
            )
        self._cap = distance_quantile(source, weights, self.distance_quantile, random_state)
        smallest = least_weight(size, weights, total)
        return {"cap": self._cap, "smallest": smallest}

    def _finish(self, X, source, best, weights):
        super()._finish(X, source, best, weights)
        # The source measures in the unit that rows of features were scaled to.
        self.largest_distance_ = self._cap * (self._unit if self._is_euclidean(X) else 1.0)
        silhouette = 1 - best.loss / weights.sum() if len(best.medoids) > 1 else 0.0
        self.medoid_silhouette_ = float(silhouette)

    def score(self, X, y=None, sample_weight=None):
        """The average medoid silhouette.

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
        nearest = np.minimum(nearest, self.largest_distance_)
        ratio = np.divide(*nearest.T, out=np.zeros(len(nearest)), where=nearest[:, 1] > 0)
        return float(1 - np.average(ratio, weights=as_array(sample_weight)))

    def __setstate__(self, state):
        # Models of earlier versions cut no distances.
        older = {"largest_distance_": np.inf} if "medoid_silhouette_" in state else {}
        super().__setstate__(older | state)


class FasterMSC(NumberOfClustersMixin, BaseMedoidSilhouette):
    r"""Clusters around medoids with the best medoid silhouette (FasterMSC).

    The average medoid silhouette compares the distances of an object to its nearest and its second
    nearest medoid:

    .. math:: \max_{M \subset \{1, \dots, n\},\, |M| = k} \;
        1 - \frac{1}{\sum_i w_i} \sum_{i=1}^n w_i \frac{d_1(x_i)}{d_2(x_i)}, \quad
        \frac{0}{0} := 0

    It is a fast relative of :func:`sklearn.metrics.silhouette_score`. Unlike the sum of distances
    that :class:`KMedoids` minimizes it does not improve with the number of clusters alone, so that
    values for different numbers can be compared; :class:`DynMSC` does so. It favors clusters that
    are well separated, whatever their sizes. The search is that of FasterPAM.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters and of medoids. A single medoid is that of :class:`KMedoids`, with a
        silhouette of 0.

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


class DynMSC(BaseMedoidSilhouette):
    r"""Clusters around medoids whose number is chosen by the medoid silhouette (DynMSC).

    The average medoid silhouette is maximized over the number of clusters too, here with a least
    size of clusters and with distances cut at :math:`c`:

    .. math:: \max_{k_{\min} \le k \le k_{\max}} \;
        \max_{\substack{|M| = k\\\text{no cluster small}}} \;
        1 - \frac{1}{\sum_i w_i} \sum_{i=1}^n w_i \frac{\min(d_1(x_i), c)}{\min(d_2(x_i), c)},
        \quad \frac{0}{0} := 0

    The search starts with the largest number of clusters. Once :class:`FasterMSC` has converged,
    the medoid whose removal gives the best silhouette is dropped, and the search continues from
    there, down to the smallest number. With more than `max_samples` objects this is done on random
    samples; then the numbers of clusters that may have the best silhouette on all objects are
    searched again among these.

    Without the two limits a far outlier alone is often one of two clusters: as second nearest
    medoid it gives each other object a silhouette near 1. The form of the paper [1]_ is
    ``DynMSC(min_cluster_size=1, distance_quantile=1.0, max_samples=1.0)``.

    Parameters
    ----------
    max_clusters : int, default=20
        Largest number of clusters, ideally two or three times the number expected. It should be far
        less than n_samples, as clusters of one object have the best silhouette, and is reduced to
        n_samples if it is larger.

    min_clusters : int, default=2
        Smallest number of clusters, at least 2.

    max_samples : "auto", int or float, default="auto"
        Size of the samples: a number of objects, or a fraction of them. "auto" means
        max(1000, 40 * max_clusters). With 1.0, all numbers of clusters are searched among all
        objects, which takes several times as long.

    min_cluster_size : int or float, default=0.01
        Least size of a cluster: its number of objects, that is the sum of their sample weights, or
        a fraction of all, which is at least two objects. If smaller clusters cannot be avoided, the
        number of clusters with the fewest of them is chosen. 1 is no limit.

    distance_quantile : float, default=0.9
        Distances are cut at this quantile of the distances between objects, so that the silhouette
        gains nothing from medoids that are farther away than most objects are from each other. 1.0
        leaves them as they are.

    init : {"random", "build", "lab", "k-medoids++"} or array-like, default="random"
        Initial medoids for the largest number of clusters; see :class:`KMedoids`. An array holds
        their indices, of shape (max_clusters,).

    n_init : "auto" or int, default="auto"
        Number of initializations, each with a sample of its own; the best solution is kept for each
        number of clusters. "auto" means 1: the way down from many clusters leads out of most poor
        solutions.

    max_iter : int, default=300
        Maximum number of passes over all objects, or over those of a sample, for one number of
        clusters.

    Attributes
    ----------
    n_clusters_ : int
        The number of clusters with the largest average medoid silhouette.

    medoid_silhouettes_ : ndarray of shape (max_clusters - min_clusters + 1,)
        The average medoid silhouettes for `min_clusters` to `max_clusters` clusters, over all
        objects. Those that are far from the largest are of medoids found in a sample, if there
        were samples.

    medoid_indices_ : ndarray of shape (n_clusters_,)
        Indices of the medoids in the training data.

    cluster_centers_ : {ndarray, sparse matrix} of shape (n_clusters_, n_features) or None
        The medoids; None for precomputed distances.

    n_iter_ : int
        Number of passes, over all objects or samples and for all numbers of clusters together.

    n_swaps_ : int
        Number of swaps, for all numbers of clusters together.

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
    max_samples: int | float | str = param(
        "auto",
        StrOptions({"auto"}),
        Interval(Integral, 1, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="right"),
    )
    min_cluster_size: int | float = 0.01
    distance_quantile: float = 0.9

    def _fewest_clusters(self):
        if self.max_clusters < self.min_clusters:
            raise ValueError(
                f"max_clusters={self.max_clusters} should be >= min_clusters={self.min_clusters}."
            )
        return self.min_clusters, "min_clusters"

    def _search(self, X, source, weights, random_state):
        objects = np.flatnonzero(weights)
        most = min(self.max_clusters, len(objects))
        init = check_init(self.init, most, weights)
        size = sample_size(self.max_samples, len(objects), most, "max_clusters")
        source = self._stored(source)
        whole = Search(source, weights, self._depth, **self._limits(source, weights, random_state))
        n_starts = self._n_starts(init, most)
        path = Path(self, X, whole, random_state)
        starts = iter(range(n_starts))

        def solve(best, context):
            if next(starts, None) is None:
                return path.refine(context)
            if size == len(objects):
                path.descend(whole, init, most, context)
            else:
                given = objects[:0] if isinstance(init, str) else init
                others = random_state.permutation(np.setdiff1d(objects, given))
                sample = np.concatenate([given, others[: size - len(given)]])
                start = init if isinstance(init, str) else np.arange(most)
                path.descend(self._sampled(whole, sample), start, most, context, sample)
            return path.best()

        n_numbers = most - self.min_clusters + 1
        n_starts += size < len(objects)
        return source, n_starts, self.max_iter * n_numbers, solve

    def _n_starts(self, init, k):
        return 1 if self.n_init == "auto" else self.n_init

    def _sampled(self, whole, sample):
        """A search among a sample of the objects."""
        weights = whole.weights[sample]
        smallest = least_weight(self.min_cluster_size, weights, whole.weights.sum())
        return Search(whole.source.subset(sample), weights, self._depth, whole.cap, smallest)

    def _finish(self, X, source, best, weights):
        super()._finish(X, source, best, weights)
        self.n_clusters_ = len(best.medoids)
        self.medoid_silhouettes_ = 1 - np.array(best.path) / weights.sum()
