"""SmoothedGraphClustering: attributed graphs by smoothed features, without training."""

from numbers import Integral

import numpy as np
from scipy.sparse import csr_array, eye_array, issparse

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.smoothing import (
    leading_directions,
    normalized_adjacency,
    standardized,
    tf_idf,
    unit_length,
)
from skdeepcluster.base import Clusterer, NumberOfClustersMixin, param
from skdeepcluster.graph._given import GivenGraphMixin, unpacked
from skdeepcluster.validation import check_n_samples, check_rows, scaled_to_range


class SmoothedGraphClustering(NumberOfClustersMixin, GivenGraphMixin, Clusterer):
    r"""Clusters of nodes with features, by features smoothed over the edges.

    Features :math:`Z` are averaged with those of neighbors, several times, and reduced to their
    leading directions,

    .. math:: F = S^t Z, \quad S = (D + I)^{-1/2} (A + I) (D + I)^{-1/2}, \qquad
        \min_{U, V} \|F - U V^\top\|_F^2.

    K-means clusters the rows of :math:`U`, scaled to length one. Nothing is trained. It takes
    seconds where graph networks take minutes, and should be tried before these [1]_, [2]_.

    Use it for graphs whose nodes have features, such as papers with words and citations, where
    neighbors tend to be of one class. Where edges alone are informative take :class:`Leiden`.

    Parameters
    ----------
    order : int, default=2
        How often features are averaged, :math:`t`. 0 ignores the edges. Graphs with many edges for
        each node need little: there 1, or 0, may be better.

    n_components : int, default=None
        Number of leading directions. None means twice the number of clusters.

    weighting : {"auto", "tf-idf", "standard"} or None, default="auto"
        What is done to the features before: counts are weighed by the inverse frequency of their
        feature, and rows scaled to length one; or each feature is scaled to mean 0 and variance 1,
        sparse ones without the mean. "auto" is "tf-idf" if no feature is negative and at least half
        of the values are 0.

    n_init : int, default=20
        Number of runs of k-means.

    random_state : int, RandomState instance or None, default=None
        Determines the search for the leading directions, the starts of k-means, and the search for
        neighbors of more than 4,096 rows.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        Rows of length one, which k-means clusters. Zero for a node without features whose neighbors
        have none.

    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        Centers of the clusters in the embedding.

    inertia_ : float
        Sum of squared distances of the rows of the embedding to their centers.

    See Also
    --------
    Leiden : Communities by edges alone.

    Notes
    -----
    Powers of the adjacency are those of simplified graph convolution [1]_; the methods of [2]_ add
    a sum over powers, and other factorizations. Compared on five graphs, averages of powers and
    normalized cuts of the products :math:`F F^\top` were not better than this form. The smoothed
    features are never stored: only products with sparse matrices are needed. There is no `predict`,
    as the row of a new node depends on its edges.

    References
    ----------
    .. [1] F. Wu et al., "Simplifying graph convolutional networks", ICML, 2019.
           :arxiv:`1902.07153`
    .. [2] C. Fettal, L. Labiod and M. Nadif, "Scalable attributed-graph subspace clustering", AAAI,
           2023.

    Examples
    --------
    >>> import networkx as nx
    >>> import numpy as np
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from skdeepcluster import SmoothedGraphClustering
    >>> graph = nx.random_partition_graph([100, 100, 100], 0.06, 0.005, seed=0)
    >>> y = np.repeat([0, 1, 2], 100)
    >>> X = np.eye(3)[y] + np.random.default_rng(0).normal(scale=0.6, size=(300, 3))
    >>> model = SmoothedGraphClustering(3, random_state=0).fit(X, adjacency=graph)
    >>> round(adjusted_rand_score(y, model.labels_), 2)
    0.97
    """

    order: int = param(2, Interval(Integral, 0, None, closed="left"))
    n_components: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    weighting: str | None = param("auto", StrOptions({"auto", "tf-idf", "standard"}), None)
    n_init: int = param(20, Interval(Integral, 1, None, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, adjacency=None):
        """Smooth the features, reduce them and cluster the nodes.

        Parameters
        ----------
        X : {array-like, sparse matrix, Graph} of shape (n_samples, n_features) or \
                (n_samples, n_samples)
            Features of the nodes; or weights of edges with ``affinity="precomputed"``, whose rows
            are then the features as well; or features and edges, a :class:`~skdeepcluster.Graph`.

        adjacency : array-like, sparse matrix or graph, default=None
            Weights of the edges between the rows, of shape (n_samples, n_samples), none negative.
            None: edges to nearest neighbors.
        """
        X, adjacency = unpacked(X, adjacency)
        with self._limited_threads():
            self.affinity_matrix_, rng = self._fit_given(X, adjacency)
            n = self.affinity_matrix_.shape[0]
            check_n_samples(n, self.n_clusters)
            rows = self._features(X, adjacency)
            dtype = rows.dtype
            U = leading_directions(
                normalized_adjacency(self.affinity_matrix_), self._weighed(rows), self.order,
                self.n_components or 2 * self.n_clusters, rng,
            )  # fmt: skip
            Z = np.ascontiguousarray(unit_length(U))
            centers, self.labels_ = kmeans(
                Z, self.n_clusters, n_init=self.n_init, seed=int(rng.integers(2**31)),
                n_threads=self._n_threads(),
            )  # fmt: skip
        self.inertia_ = float(np.square(Z - centers[self.labels_]).sum())
        self.embedding_, self.cluster_centers_ = Z.astype(dtype), centers.astype(dtype)
        return self

    def _features(self, X, adjacency):
        """Features of the nodes, in a range in which squares fit."""
        if self.affinity == "precomputed":
            # Each node is its own neighbor, so that nodes with the same neighbors are alike.
            n = self.affinity_matrix_.shape[0]
            loop = self.affinity_matrix_.data.mean() if self.affinity_matrix_.nnz else 1.0
            rows = csr_array(self.affinity_matrix_ + loop * eye_array(n))
            return rows.astype(np.float32) if getattr(X, "dtype", None) == np.float32 else rows
        if adjacency is None:
            return self._search.X
        return scaled_to_range(check_rows(self, X, reset=False, accept_sparse="csr"))[0]

    def _weighed(self, rows):
        weighting = self.weighting
        if weighting == "auto":
            values = rows.data if issparse(rows) else rows
            n_zeros = rows.shape[0] * rows.shape[1] - np.count_nonzero(values)
            counts = values.min(initial=0) >= 0 and 2 * n_zeros >= rows.shape[0] * rows.shape[1]
            weighting = "tf-idf" if counts else "standard"
        if weighting == "standard":
            return standardized(rows)
        if weighting is None:
            return rows.astype(np.float64)
        if (rows.data if issparse(rows) else rows).min(initial=0) < 0:
            raise ValueError('weighting="tf-idf" is for counts; X has negative values.')
        return tf_idf(rows)
