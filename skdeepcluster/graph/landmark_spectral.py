"""LandmarkSpectral: the normalized cut of graphs over landmarks."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._sklearn import Interval, fit_context
from skdeepcluster.algorithms.kmeans import nearest_center
from skdeepcluster.algorithms.spectral import blocks_of_coordinates, landmark_cut
from skdeepcluster.base import (
    Clusterer,
    FloatTransformerMixin,
    NumberOfClustersMixin,
    RandomStateMixin,
    ThreadsMixin,
    param,
)
from skdeepcluster.validation import (
    FLOATS,
    caller_level,
    check_n_samples,
    check_rows,
    largest_value,
    scaled_to_range,
    within_reach,
)


class LandmarkSpectral(
    NumberOfClustersMixin, RandomStateMixin, ThreadsMixin, FloatTransformerMixin, Clusterer
):
    r"""Spectral clustering of landmarks, for many rows and clusters of any shape.

    K-means with many centers gives landmarks, which cover the rows; a graph joins each to its
    nearest ones, and clusters are sought that few edges leave. With the weights :math:`v_i`, the
    numbers of rows of the landmarks, and :math:`a_{ij} = 1` for neighbors,

    .. math:: \min_{c} \; \sum_{c} \frac{x_c^\top (D - W) x_c}{x_c^\top D x_c}, \qquad
        w_{ij} = \sqrt{v_i v_j} \, a_{ij} + \frac{\tau}{m} v_i v_j, \quad d_{ii} = \sum_j w_{ij},

    where :math:`x_c` is 1 for the landmarks of a cluster and 0 for others, :math:`m` the number of
    landmarks and :math:`\tau` a tenth of their mean degree: the normalized cut of a regularized
    graph. It is relaxed to eigenvectors [1]_, as described in the notes. A row belongs to the
    cluster of its landmarks.

    Use it for clusters of any shape where :class:`sklearn.cluster.SpectralClustering` would take
    too long or too much memory: time and memory are linear in the rows, and new rows are predicted.
    :class:`DEC` starts from this clustering of its embedding. Clusters that nearest neighbors do
    not separate, such as those of a table with many irrelevant columns, it does not find; for
    compact ones k-means is as good and faster.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of nearest landmarks that each has edges to; all others, if there are fewer.

    max_landmarks : int, default=1000
        Largest number of landmarks. Fewer are used where that would be more than one for four rows,
        down to 500 or all rows, and more where it would be less than five for a cluster. Each graph
        takes the square of it in memory.

    n_graphs : int, default=None
        Number of draws of landmarks, which are averaged. None means 12, or fewer for more than 10
        clusters: 120 divided by their number. There is one if all rows are landmarks.

    random_state : int, RandomState instance or None, default=None
        Determines the landmarks and the starts of k-means. The result is the same for any number of
        threads.

    Attributes
    ----------
    normalized_cut_ : float
        The objective, a mean over the draws, on up to 10,000 of the rows; less than `n_clusters`.
        About ``(n_clusters - 1) / 11``, which is due to the regularization, for clusters without
        edges between them.

    regularization_ : float
        Regularization of the eigenvectors that gave the smallest cut, in mean degrees.

    landmarks_ : ndarray of shape (n_graphs, n_landmarks, n_features)
        The landmarks of each draw.

    landmark_embedding_ : ndarray of shape (n_graphs, n_landmarks, n_clusters)
        Their spectral coordinates, of length one.

    cluster_centers_ : ndarray of shape (n_clusters, n_graphs * n_clusters)
        Centers of the clusters in the spectral coordinates of all draws, side by side.

    See Also
    --------
    NeighborClusterer : Clusters of a graph of all rows, or of its layout.
    GraphDegreeLinkage : Linkage on a graph of all rows.
    sklearn.cluster.SpectralClustering : The same for a graph of all rows, which may be given.

    Notes
    -----
    Of each draw, the leading eigenvectors of

    .. math:: (D + \tau I)^{-1/2} \left(A + \tfrac{\tau}{m} 1 1^\top\right) (D + \tau I)^{-1/2}

    embed the landmarks, :math:`D` being the degrees of :math:`A`; each landmark is scaled to length
    one. A row has the coordinates of its nearest landmark. Where two clusters touch, the cut
    depends on the draw, so k-means runs on the coordinates of all draws side by side. The
    regularization [2]_ prevents clusters of a few outlying landmarks: the mean degree favors
    balanced clusters, a hundredth of it hardly changes the graph. Four values are tried, and the
    clusters with the smallest normalized cut are kept.

    References
    ----------
    .. [1] A. Y. Ng, M. I. Jordan and Y. Weiss, "On spectral clustering: analysis and an algorithm",
           NIPS, 2001.
    .. [2] A. A. Amini, A. Chen, P. J. Bickel and E. Levina, "Pseudo-likelihood methods for
           community detection in large sparse networks", Annals of Statistics 41, 2013.
           :arxiv:`1207.2340`

    Examples
    --------
    >>> from sklearn.datasets import make_circles
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from skdeepcluster import LandmarkSpectral
    >>> X, y = make_circles(2000, factor=0.4, noise=0.02, random_state=0)
    >>> model = LandmarkSpectral(n_clusters=2, random_state=0).fit(X)
    >>> float(adjusted_rand_score(y, model.labels_))
    1.0
    >>> model.predict([[0.0, 1.0], [0.0, 0.4]]) == model.labels_[[y.argmin(), y.argmax()]]
    array([ True,  True])
    """

    n_neighbors: int = param(5, Interval(Integral, 1, None, closed="left"))
    max_landmarks: int = param(1000, Interval(Integral, 1, None, closed="left"))
    n_graphs: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Draw landmarks, embed them and cluster the rows."""
        X = self._validate(X, reset=True)
        check_n_samples(len(X), self.n_clusters)
        X, self._unit = scaled_to_range(X)
        with self._limited_threads():
            found = landmark_cut(
                X,
                self.n_clusters,
                n_neighbors=self.n_neighbors,
                max_landmarks=self.max_landmarks,
                n_graphs=self.n_graphs,
                seed=self._seed(),
                n_threads=self._n_threads(),
            )
        # In units in which squares fit; most often the same array.
        self._landmarks = self.landmarks_ = found.landmarks
        if self._unit != 1:
            self.landmarks_ = found.landmarks * X.dtype.type(self._unit)
        self.landmark_embedding_ = found.coordinates
        self.cluster_centers_ = found.centers.astype(X.dtype)
        self.regularization_, self.normalized_cut_ = found.regularization, found.normalized_cut
        self._n_features_out = found.centers.shape[1]
        self.labels_ = found.labels
        if found.landmarks.shape[1] == len(X):
            # Each row is a landmark; equal ones may differ in their neighbors, and so in clusters.
            self.labels_ = self._labels(X)
        n_found = len(np.unique(self.labels_))
        if n_found < self.n_clusters:
            warnings.warn(
                f"LandmarkSpectral found {n_found} clusters, fewer than n_clusters="
                f"{self.n_clusters}: rows may be duplicates. Try fewer clusters.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )
        return self

    def _validate(self, X, reset):
        dtype = FLOATS if reset else self._landmarks.dtype
        return check_rows(self, X, reset=reset, accept_sparse=False, dtype=dtype)

    def _new_rows(self, X):
        X = super()._new_rows(X)
        X = within_reach(X / X.dtype.type(self._unit), largest_value(self._landmarks))
        return np.ascontiguousarray(X)

    def _coordinates(self, X):
        """Of the nearest landmarks of rows, block by block."""
        n_threads = self._n_threads()
        return blocks_of_coordinates(X, self._landmarks, self.landmark_embedding_, n_threads)

    def _labels(self, X):
        centers, n_threads = self.cluster_centers_.astype(np.float32), self._n_threads()
        return np.concatenate([nearest_center(Z, centers, n_threads) for Z in self._coordinates(X)])

    def predict(self, X):
        """The cluster of the nearest landmarks of each row.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Cluster of each row; for a training row the one in `labels_`.
        """
        return self._labels(self._new_rows(X))

    def transform(self, X):
        """Spectral coordinates of the nearest landmarks of each row.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_graphs * n_clusters)
            The coordinates of each draw, side by side.
        """
        X = self._new_rows(X)
        return np.concatenate(list(self._coordinates(X))).astype(X.dtype, copy=False)
