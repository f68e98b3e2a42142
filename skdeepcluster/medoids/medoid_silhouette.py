"""FasterMSC and DynMSC: clusters with the best medoid silhouette."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import NumberOfClustersMixin, param
from skdeepcluster.medoids._base import Solution
from skdeepcluster.medoids._search import eager
from skdeepcluster.medoids._swaps import SwapSearch
from skdeepcluster.validation import as_array


class BaseMedoidSilhouette(SwapSearch):
    """Base of the methods that maximize the average medoid silhouette.

    Parameters
    ----------
    tol : float, default=1e-12
        Relative tolerance: a swap must lower the loss, one minus the silhouette, by more than this
        fraction of it.

    Attributes
    ----------
    medoid_silhouette_ : float
        The average medoid silhouette.

    inertia_ : float
        Weighted sum of the distances to the nearest medoids.
    """

    _depth = 3

    def _finish(self, X, source, best, weights):
        super()._finish(X, source, best, weights)
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
        ratio = np.divide(*nearest.T, out=np.zeros(len(nearest)), where=nearest[:, 1] > 0)
        return float(1 - np.average(ratio, weights=as_array(sample_weight)))


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

    The average medoid silhouette is maximized over the number of clusters too:

    .. math:: \max_{k_{\min} \le k \le k_{\max}} \; \max_{|M| = k} \;
        1 - \frac{1}{\sum_i w_i} \sum_{i=1}^n w_i \frac{d_1(x_i)}{d_2(x_i)}, \quad
        \frac{0}{0} := 0

    The search starts with the largest number of clusters. Once :class:`FasterMSC` has converged,
    the medoid whose removal gives the best silhouette is dropped, and the search continues from
    there, down to the smallest number. A range of numbers thus takes little longer than the largest
    alone.

    Parameters
    ----------
    max_clusters : int, default=20
        Largest number of clusters, ideally two or three times the number expected. It should be far
        less than n_samples, as clusters of one object have the best silhouette, and is reduced to
        n_samples if it is larger.

    min_clusters : int, default=2
        Smallest number of clusters, at least 2.

    init : {"random", "build", "lab", "k-medoids++"} or array-like, default="random"
        Initial medoids for the largest number of clusters; see :class:`KMedoids`. An array holds
        their indices, of shape (max_clusters,).

    max_iter : int, default=300
        Maximum number of passes over all objects for one number of clusters.

    Attributes
    ----------
    n_clusters_ : int
        The number of clusters with the largest average medoid silhouette.

    medoid_silhouettes_ : ndarray of shape (max_clusters - min_clusters + 1,)
        The average medoid silhouettes for `min_clusters` to `max_clusters` clusters.

    medoid_indices_ : ndarray of shape (n_clusters_,)
        Indices of the medoids in the training data.

    cluster_centers_ : {ndarray, sparse matrix} of shape (n_clusters_, n_features) or None
        The medoids; None for precomputed distances.

    n_iter_ : int
        Number of passes, for all numbers of clusters together.

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

    def _fewest_clusters(self):
        if self.max_clusters < self.min_clusters:
            raise ValueError(
                f"max_clusters={self.max_clusters} should be >= min_clusters={self.min_clusters}."
            )
        return self.min_clusters, "min_clusters"

    def _most_clusters(self, n_objects):
        return min(self.max_clusters, n_objects)

    def _most_rounds(self, n_clusters):
        return self.max_iter * (n_clusters - self.min_clusters + 1)

    def _swapped(self, X, search, random_state, context):
        order = random_state.permutation(search.objects)
        found = []
        for k in range(len(search.medoids), self.min_clusters - 1, -1):
            found.append(self._improve(X, search, eager(search, order, self.tol), context))
            if k > self.min_clusters:
                search.refresh()
                search.start(np.delete(search.medoids, np.argmin(search.removal)))
        # Ties go to the smallest number of clusters.
        solution = min(reversed(found), key=lambda s: s.loss)
        return Solution(
            solution.loss,
            solution.medoids,
            n_iter=sum(s.n_iter for s in found),
            n_swaps=sum(s.n_swaps for s in found),
            done=all(s.done for s in found),
            path=tuple(s.loss for s in reversed(found)),
        )

    def _finish(self, X, source, best, weights):
        super()._finish(X, source, best, weights)
        self.n_clusters_ = len(best.medoids)
        self.medoid_silhouettes_ = 1 - np.array(best.path) / weights.sum()
