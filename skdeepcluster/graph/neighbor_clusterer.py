"""NeighborClusterer: clusters of a layout, or of a graph, of nearest neighbors."""

from numbers import Integral

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._kernels._layout import fuzzy_weights
from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.degree_linkage import gaussian_weights, merge_to, nearest_clusters
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.spectral import landmark_spectral
from skdeepcluster.base import Clusterer, param
from skdeepcluster.graph._neighbors import NeighborGraphMixin

# K-means starts, of which the best counts.
N_STARTS = 10


class NeighborClusterer(NeighborGraphMixin, Clusterer):
    r"""Clusters by nearest neighbors: a graph of them, a layout of the graph, and a cut of it.

    Rows are placed in few dimensions such that rows with edges between them come near each other
    and others stay apart, as in :class:`NeighborLayout`. The places are then clustered:

    - "cut": by the normalized cut of landmarks in the layout,

      .. math:: \min \sum_c \frac{\mathrm{cut}(c, \bar c)}{\mathrm{vol}(c)},

      which keeps islands of any shape and size whole;
    - "k-means": by k-means in the layout, for clusters of similar extent;
    - "linkage": without a layout, by merging clusters of the graph as :class:`GraphDegreeLinkage`
      does.

    Use it for images, embeddings and other rows with many features whose clusters are curved, where
    k-means on the rows cuts through them; it needs seconds where a network needs minutes. No
    read-out is best for all data. Where clusters are round k-means on the rows is as good, and a
    layout makes islands even of rows without clusters.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.

    read_out : {"cut", "k-means", "linkage"}, default="cut"
        How the graph is clustered.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components) or None
        The layout of the training rows; None with ``read_out="linkage"``.

    probabilities_ : ndarray of shape (n_samples,)
        Share of the weights of each training row's edges that lead into its own cluster: near 1
        inside clusters, lower where they touch.

    See Also
    --------
    NeighborLayout : The layout alone.
    GraphDegreeLinkage : Linkage of exact graphs, with all merges.
    HDBSCAN : Clusters of any shape and noise, their number unknown.

    Notes
    -----
    The layout's objective, and the search for neighbors, are described in :class:`NeighborLayout`.
    Cutting the layout of a neighbor graph instead of the graph itself is what many do with UMAP
    [1]_ and k-means.

    References
    ----------
    .. [1] L. McInnes, J. Healy and J. Melville, "UMAP: uniform manifold approximation and
           projection for dimension reduction", 2018. :arxiv:`1802.03426`

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skdeepcluster import NeighborClusterer
    >>> from sklearn.metrics import adjusted_rand_score
    >>> X, y = make_moons(400, noise=0.05, random_state=0)
    >>> model = NeighborClusterer(n_clusters=2, random_state=0).fit(X)
    >>> float(adjusted_rand_score(y, model.labels_))
    1.0
    >>> model.predict([[0.0, 1.0], [1.0, -0.5]]) == model.labels_[[y.argmin(), y.argmax()]]
    array([ True,  True])
    """

    n_clusters: int = param(8, Interval(Integral, 1, None, closed="left"), positional=True)
    read_out: str = param("cut", StrOptions({"cut", "k-means", "linkage"}))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Search neighbors, place the rows and cluster them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two.
        """
        with self._limited_threads():
            rng = self._fit_graph(X)
            n, k = len(self.indices_), self.n_clusters
            if n < k:
                raise ValueError(f"n_samples={n} should be >= n_clusters={k}.")
            self.embedding_ = None
            if self.read_out != "linkage":
                self.embedding_ = self._layout(rng)
            self.labels_ = self._read_out(k, int(rng.integers(2**31))).astype(np.int32)
        edges = self.graph_.tocoo()
        rows, columns = edges.coords
        within = self.labels_[rows] == self.labels_[columns]
        inside = np.bincount(rows, edges.data * within, minlength=n)
        self.probabilities_ = inside / np.bincount(rows, edges.data, minlength=n)
        return self

    def _read_out(self, k, seed):
        """Labels of the training rows."""
        if self.read_out == "cut":
            return landmark_spectral(self.embedding_, k, seed=seed)
        if self.read_out == "k-means":
            return kmeans(self.embedding_, k, n_init=N_STARTS, seed=seed)[1]
        if k == 1:
            return np.zeros(len(self.indices_))
        n, n_neighbors = self.indices_.shape
        lengths = (self.distances_ / self._unit).astype(np.float64)
        weights, _ = gaussian_weights(lengths.ravel())
        starts = np.arange(0, n * n_neighbors + 1, n_neighbors)
        W = csr_array((weights, self.indices_.ravel(), starts), shape=(n, n))
        labels = nearest_clusters(np.ascontiguousarray(self.indices_[:, 0]), lengths[:, 0], k)
        return merge_to(W, labels, k, self._search.X, 5, 1.0)

    def predict_proba(self, X):
        """Shares of the clusters among the neighbors of new rows, by the weights of these.

        A row equal to a training row belongs to its cluster alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            New rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_clusters)
            Each row sums to 1.
        """
        check_is_fitted(self)
        with self._limited_threads():
            distances, indices = self._query(X)
            weights = fuzzy_weights(distances.astype(np.float64), 0.0, self._n_threads())
        equal = distances[:, 0] == 0
        weights[equal] = 0
        weights[equal, 0] = 1
        n, k = len(weights), self.n_clusters
        cells = np.arange(n)[:, np.newaxis] * k + self.labels_[indices]
        votes = np.bincount(cells.ravel(), weights.ravel(), minlength=n * k).reshape(n, k)
        return (votes / votes.sum(axis=1, keepdims=True)).astype(distances.dtype)

    def predict(self, X):
        """The cluster with the largest share of the neighbors of each new row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            New rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Cluster of each row; for a training row the one in `labels_`.
        """
        return self.predict_proba(X).argmax(axis=1).astype(np.int32)
