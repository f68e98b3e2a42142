"""KMedoids: PAM and its fast successors."""

from skdeepcluster._sklearn import StrOptions
from skdeepcluster.base import NumberOfClustersMixin, param
from skdeepcluster.medoids._search import alternate, steepest
from skdeepcluster.medoids._swaps import SwapSearch


class KMedoids(NumberOfClustersMixin, SwapSearch):
    r"""K-medoids clustering by FasterPAM and its relatives.

    Like k-means, but the center of a cluster is one of its objects, the medoid, and the loss is a
    sum of any dissimilarities instead of squared Euclidean distances:

    .. math:: \min_{M \subset \{1, \dots, n\},\, |M| = k} \;
        \sum_{i=1}^n w_i \min_{m \in M} d(x_i, x_m)

    Use it where a center has to be a real object, where there is a distance but no mean, or where
    k-means gives too much weight to outliers. A solution is improved by swaps of a medoid for
    another object, anywhere in the data, which leads to better solutions than Lloyd's alternation.
    The loss of all `n_clusters` swaps that bring in one object is found in a single pass over its
    distances, so a round over all objects takes O(n_samples ** 2) operations for any number of
    clusters. See :class:`CLARA` and :class:`CLARANS` for faster approximations.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters and of medoids.

    metric : str or callable, default="euclidean"
        The distance: any of :func:`sklearn.metrics.pairwise_distances`, a function of two rows, or
        "precomputed", where `fit` takes the distances: a symmetric matrix, which may be memory
        mapped, or its upper triangle as :func:`scipy.spatial.distance.pdist` returns it. The
        triangle inequality is not needed.

    method : {"fasterpam", "fastpam1", "pam", "alternate"}, default="fasterpam"
        How a solution is improved.

        - "fasterpam": the objects are tried as medoids in random order, and the best swap of each
          is made at once if it lowers the loss. As good as the others and by far the fastest.
        - "fastpam1": each round makes the best of all swaps, the same ones as "pam".
        - "pam": the same, with the loss of every swap evaluated separately, in
          O(n_clusters * n_samples ** 2) for each swap. Meant for comparisons.
        - "alternate": as in k-means, medoid updates and assignments alternate. Fast, but the
          solutions are worse by several per cent.

    max_iter : int, default=300
        Maximum number of rounds: passes over all objects for "fasterpam" and "alternate", single
        swaps for "fastpam1" and "pam".

    Attributes
    ----------
    n_iter_ : int
        Number of rounds for the best solution.

    n_swaps_ : int
        Number of swaps for the best solution; for "alternate", of changes of medoids.

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

    method: str = param("fasterpam", StrOptions({"fasterpam", "fastpam1", "pam", "alternate"}))

    def _rounds(self, search, random_state):
        if self.method == "fasterpam":
            return super()._rounds(search, random_state)
        if self.method == "alternate":
            return alternate(search)
        return steepest(search, self.tol, slot_by_slot=self.method == "pam")
