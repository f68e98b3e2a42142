"""HamiltonianCycleMap: soft clusters around a circle."""

from numbers import Real

import numpy as np
from sklearn.utils.validation import check_non_negative

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.circle import N_EXACT, circle_layout, points_inside
from skdeepcluster.base import Estimator, FloatTransformerMixin, param
from skdeepcluster.validation import check_rows


class HamiltonianCycleMap(FloatTransformerMixin, Estimator):
    r"""Layout of soft clusters on a circle, along a shortest Hamiltonian cycle.

    The mapping of `HCHC`. It takes the memberships :math:`q_{sj}` of samples in clusters, as any
    `predict_proba` returns them. Clusters with correlated memberships are near each other:

    .. math:: d_{jk} = \frac{1 - \operatorname{corr}(q_{\cdot j}, q_{\cdot k})}{2}, \qquad
        \min_\pi \sum_{i=1}^K d(\pi_i, \pi_{i + 1}), \quad \pi_{K + 1} = \pi_1,

    and the clusters are placed on the unit circle in the order :math:`\pi` of this shortest cycle,
    with arcs between them in proportion to the distances. A sample is at the mean of the positions
    :math:`a_j` of the clusters, weighted by its memberships,

    .. math:: z_s = \sum_j q_{sj} a_j \,/\, \max\Bigl(1, \sum_j q_{sj}\Bigr),

    so that clear members are at their cluster, samples between two neighboring clusters on the
    line between them, and outliers inside. Use it for one picture of up to about 15 clusters, of
    any model. Samples between opposite clusters are inside too: their largest membership
    distinguishes them from outliers.

    Parameters
    ----------
    method : {"auto", "exact", "heuristic"}, default="auto"
        Algorithm that finds the cycle.

        - "exact": a shortest one, for at most 20 clusters; time and memory double with each.
        - "heuristic": nearest-neighbor tours, improved by 2-opt and Or-opt moves until no move
          shortens them.
        - "auto": "exact" up to 12 clusters.

    start_angle : float, default=-pi/2
        Angle of the first cluster.

    Attributes
    ----------
    order_ : ndarray of shape (n_clusters,)
        The clusters around the circle, from cluster 0 on, then to the lower one of its neighbors.

    angles_ : ndarray of shape (n_clusters,)
        Angle of each cluster.

    anchors_ : ndarray of shape (n_clusters, 2)
        Position of each cluster on the circle.

    cluster_distances_ : ndarray of shape (n_clusters, n_clusters)
        Distances of the clusters, from 0 to 1.

    cycle_length_ : float
        The sum of the distances along the cycle.

    exact_ : bool
        Whether the cycle is certainly a shortest one.

    See Also
    --------
    skdeepcluster.displays.CircleMapDisplay : The picture.
    HCHC : Learns the memberships too.

    Notes
    -----
    A cluster whose membership is the same for all samples has correlation 0 with all others. Rows
    need not sum to 1: the rest belongs to no cluster, as noise of :class:`HDBSCAN` does, and moves
    the sample inside; rows that sum to more are normalized.

    References
    ----------
    .. [1] T. Huang, S. Cheng, S. Z. Li and Z. Zhang, "High-dimensional clustering onto Hamiltonian
           cycle", ICML, 2023. :arxiv:`2304.14531`
    .. [2] M. Held and R. M. Karp, "A dynamic programming approach to sequencing problems", *Journal
           of the Society for Industrial and Applied Mathematics* 10(1), 1962.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.mixture import GaussianMixture
    >>> from skdeepcluster import HamiltonianCycleMap
    >>> X, _ = load_iris(return_X_y=True)
    >>> proba = GaussianMixture(3, random_state=0).fit(X).predict_proba(X)
    >>> model = HamiltonianCycleMap().fit(proba)
    >>> model.order_
    array([0, 1, 2], dtype=int32)
    >>> model.transform(proba).shape
    (150, 2)
    """

    method: str = param("auto", StrOptions({"auto", "exact", "heuristic"}))
    start_angle: float = param(-np.pi / 2, Interval(Real, None, None, closed="neither"))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags

    def _validate(self, X, reset):
        X = check_rows(self, X, reset=reset, accept_sparse=False)
        check_non_negative(X, f"{type(self).__name__} (memberships in clusters)")
        return X

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find the cycle.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_clusters)
            Memberships of samples in clusters.
        """
        X = self._validate(X, reset=True)
        if self.method == "exact" and X.shape[1] > N_EXACT:
            raise ValueError(
                f"method='exact' is for at most {N_EXACT} clusters, X has {X.shape[1]}; use "
                "method='heuristic'."
            )
        exact = {"auto": None, "exact": True, "heuristic": False}[self.method]
        circle = circle_layout(X.astype(np.float64), exact, self.start_angle)
        self.order_ = circle.order
        self.angles_ = circle.angles
        self.anchors_ = circle.anchors
        self.cluster_distances_ = circle.distances
        self.cycle_length_ = circle.length
        self.exact_ = circle.exact
        self._n_features_out = 2
        return self

    def transform(self, X):
        """Map samples into the circle.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_clusters)
            Memberships of samples in clusters.

        Returns
        -------
        Z : ndarray of shape (n_samples, 2)
            Points of the unit disk.
        """
        X = self._new_rows(X)
        return points_inside(X, self.anchors_.astype(X.dtype))
