"""GraphDegreeLinkage: agglomeration by the degrees of a directed graph of neighbors."""

import warnings
from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._kernels._trees import single_linkage
from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.degree_linkage import (
    gaussian_weights,
    nearest_merges,
    usual_n_neighbors,
)
from skdeepcluster.algorithms.groups import components, weights_to
from skdeepcluster.algorithms.small_clusters import MIN_FRACTION
from skdeepcluster.base import Clusterer, RandomStateMixin, ThreadsMixin, param
from skdeepcluster.graph._edges import (
    RowEdges,
    edges_by_distances,
    edges_by_weights,
    votes_along,
)
from skdeepcluster.graph._given import unpacked
from skdeepcluster.graph._merges import Merges
from skdeepcluster.validation import (
    METRICS,
    caller_level,
    check_adjacency,
    check_distances,
    check_n_samples,
    check_rows,
)


class GraphDegreeLinkage(RandomStateMixin, ThreadsMixin, Clusterer):
    r"""Agglomerative clustering by the degrees of a graph of nearest neighbors.

    Each sample has edges to its nearest neighbors, with weights

    .. math:: w_{ij} =
        \exp\left(-\frac{d(x_i, x_j)^2}{\mathtt{scale} \cdot \sigma_i \sigma_j}\right)
        \text{ if } j \in N(i), \quad
        \log \sigma^2 = M^{40} \Bigl(\log \frac{1}{|N(i)|} \sum_{j \in N(i)} d(x_i, x_j)^2\Bigr)_i,

    where :math:`M` takes the mean over a sample and its mutual neighbors. So :math:`\sigma_i` is
    the usual distance of neighbors in the region of a sample: dense and sparse clusters have each
    their own, the sparse margin of a cluster that of its core, and an outlier, which is nobody's
    neighbor, affects no other.

    A sample has affinity to a cluster if there are edges in both directions between it and the
    members: the product of the mean weights in each direction. The affinity of two clusters sums
    that of the members of each to the other [1]_,

    .. math:: A(a, b) =
        \sum_{i \in a} \frac{\sum_{j \in b} w_{ij}}{|b|} \frac{\sum_{j \in b} w_{ji}}{|b|} +
        \sum_{i \in b} \frac{\sum_{j \in a} w_{ij}}{|a|} \frac{\sum_{j \in a} w_{ji}}{|a|}.

    The initial clusters join each sample with its nearest neighbor. Each step then merges the
    cluster :math:`c` with its :math:`c_1` of largest affinity for which the criterion

    .. math:: A(c, c_1) + \frac{\lambda}{K - 1} \sum_{k=2}^K \bigl(A(c, c_1) - A(c, c_k)\bigr)

    is largest, :math:`c_k` being the :math:`k`-th in the order of affinity: pairs that stand out
    among their neighbors merge first. With :math:`\lambda = 0` this is graph degree linkage [1]_,
    with :math:`\lambda = 1` the linkage of JULE [2]_.

    A few outliers may have edges to others and none in return. Such a scrap has no affinity and
    would be a cluster in place of a true one. So a cluster counts only if it has at least
    `min_cluster_fraction` of the edges that a cluster has on average, ``n_edges / n_clusters``,
    inside. The hierarchy is cut at the last level at which `n_clusters` clusters count, and each
    scrap joins the cluster that the largest sum of weights connects it with. If no level has so
    many, half of the edges are enough, and so on.

    Use it for clusters of any shape on manifolds, such as images, as an alternative to
    :class:`sklearn.cluster.AgglomerativeClustering` and spectral clustering; it is faster than
    these, and its memory is linear in the number of edges. It has no noise label. Clusters of very
    few samples are found with a smaller `min_cluster_fraction` only.

    Parameters
    ----------
    n_clusters : int or None, default=8
        The number of clusters. None if `affinity_threshold` decides.

    affinity_threshold : float, default=None
        Merges end before the first one of smaller affinity. `n_clusters` must then be None. The
        initial clusters of nearest neighbors are kept in any case.

    n_neighbors : int, default=None
        Number of neighbors that each sample has edges to, at most all other samples. None means
        ``2 * log2(n_samples)``: 13 for 100 samples, 20 for 1,000, 33 for 100,000.

    affinity : str, default="nearest_neighbors"
        How the graph is made.

        - "nearest_neighbors": samples.
        - "precomputed_nearest_neighbors": distances, a square matrix; a sparse one has no more
          neighbors than it has entries, and stored zeros are distances, as in
          :func:`sklearn.neighbors.kneighbors_graph` with ``mode="distance"``. The graph is a
          directed one, so they need not be symmetric.
        - "precomputed": weights of edges, from rows to columns, a square matrix, dense or sparse.
          All are edges, whatever `n_neighbors` is.

        Distances and weights that are negative, nan or infinite are refused; what is on the
        diagonal is ignored.

    metric : str or callable, default="euclidean"
        The distance of samples: one of :func:`sklearn.metrics.pairwise_distances`, or a function of
        two rows. "cosine" is the Euclidean distance of rows of length one, and refuses rows of
        zeros. Manhattan, Euclidean, cosine and Chebyshev neighbors of dense rows are searched
        without all distances, others with them. Euclidean and cosine ones of more than 20,000 rows
        and 16 features are found by random trees and neighbors of neighbors, as in
        :class:`NeighborLayout`, and a few of them may not be the nearest.

    metric_params : dict, default=None
        Keyword arguments of the metric. The variances `V` of "seuclidean" and the inverse `VI` of
        the covariances of "mahalanobis" are those of `X` unless they are given.

    scale : float, default=1.0
        Factor of the squared usual distances in the weights. Larger values let farther neighbors
        count like near ones.

    init : {"nearest_neighbors", "singletons"}, default="nearest_neighbors"
        The initial clusters: each sample with its nearest neighbor, or alone, which is slower and
        rarely better.

    n_neighbor_clusters : int, default=5
        The clusters :math:`K` that a cluster is compared with in the criterion.

    local_weight : float, default=1.0
        The weight :math:`\lambda` in the criterion.

    min_cluster_fraction : float, default=0.02
        Clusters count with at least this fraction of the edges that a cluster has on average. 0
        counts all: labels are then a cut of the merges as they came. Without effect if `n_clusters`
        is None.

    random_state : int, RandomState instance or None, default=None
        Determines the search for neighbors of many rows, see `metric`.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        The cluster of each sample, numbered in the order of their first samples.

    n_clusters_ : int
        The number of clusters.

    n_initial_clusters_ : int
        The number of initial clusters.

    children_ : ndarray of shape (n_samples - 1, 2)
        The clusters merged by each merge, down to a single one: numbers below `n_samples` are
        samples, and `n_samples + i` is the result of merge `i`. The first
        `n_samples - n_initial_clusters_` merges join nearest neighbors. Scraps join others before
        the merges that leave fewer than `n_clusters`.

    affinities_ : ndarray of shape (n_samples - 1,)
        The affinity of the clusters merged by each merge. nan for those of nearest neighbors and
        of scraps, 0 where no affinity was left.

    distances_ : ndarray of shape (n_samples - 1,)
        Heights for a dendrogram: the distance of nearest neighbors, and then of two samples that
        would have the affinity of the merge if each were a neighbor of the other,
        :math:`\sigma \sqrt{\log(2 / A) / 2}` with the geometric mean :math:`\sigma` of all, or that
        of an earlier one if it was larger. Infinite where nothing connects two clusters of a
        precomputed graph.

    affinity_matrix_ : sparse array of shape (n_samples, n_samples)
        The weights of the edges.

    See Also
    --------
    sklearn.cluster.AgglomerativeClustering : Merges by distances between clusters.
    sklearn.cluster.SpectralClustering : Cuts a graph of neighbors by its eigenvectors.
    HDBSCAN : Clusters of any shape and noise.

    Notes
    -----
    Clusters may have no affinity left before a single one remains. They are then merged by edges in
    either direction, that is on :math:`(w_{ij} + w_{ji}) / 2`, and finally, where there is no edge
    at all, by the mean distance of their best connected samples. A warning is given if this was
    needed to reach `n_clusters`.

    New rows are labeled by votes of their nearest training rows, with weights
    :math:`\exp(-d^2 / \sigma^2)` by the mean square :math:`\sigma^2` of these distances, or with
    those of a given graph. A row equal to a training row has its label, if the metric's distance of
    equal rows is 0; that of sparse rows and "nan_euclidean" may miss it by rounding.

    References
    ----------
    .. [1] W. Zhang, X. Wang, D. Zhao and X. Tang, "Graph degree linkage: agglomerative clustering
           on a directed graph", ECCV, 2012. :arxiv:`1208.5092`
    .. [2] J. Yang, D. Parikh and D. Batra, "Joint unsupervised learning of deep representations
           and image clusters", CVPR, 2016. :arxiv:`1604.03628`

    Examples
    --------
    >>> from skdeepcluster import GraphDegreeLinkage
    >>> from skdeepcluster.metrics import clustering_accuracy
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> model = GraphDegreeLinkage(n_clusters=10).fit(X)
    >>> round(clustering_accuracy(y, model.labels_), 3)
    0.875
    >>> model.n_initial_clusters_
    401
    """

    n_clusters: int | None = param(
        8, Interval(Integral, 1, None, closed="left"), None, positional=True
    )
    affinity_threshold: float | None = param(None, Interval(Real, 0, None, closed="neither"), None)
    n_neighbors: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    affinity: str = param(
        "nearest_neighbors",
        StrOptions({"nearest_neighbors", "precomputed_nearest_neighbors", "precomputed"}),
    )
    metric: str | Callable = param("euclidean", StrOptions(METRICS), callable)
    metric_params: dict | None = param(None, dict, None)
    scale: float = param(1.0, Interval(Real, 0, None, closed="neither"))
    init: str = param("nearest_neighbors", StrOptions({"nearest_neighbors", "singletons"}))
    n_neighbor_clusters: int = param(5, Interval(Integral, 1, None, closed="left"))
    local_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    min_cluster_fraction: float = param(MIN_FRACTION, Interval(Real, 0, 1, closed="left"))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.pairwise = self.affinity != "nearest_neighbors"
        tags.input_tags.positive_only = tags.input_tags.pairwise
        tags.input_tags.allow_nan = self._takes_nan()
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, adjacency=None):
        """Merge samples into clusters.

        Parameters
        ----------
        X : {array-like, sparse matrix, Graph} of shape (n_samples, n_features) or \
                (n_samples, n_samples)
            Samples, or distances or weights of edges if `affinity` says so; or samples and edges, a
            :class:`~skdeepcluster.Graph`.

        adjacency : array-like, sparse matrix or graph, default=None
            Weights of the edges from rows to columns, of shape (n_samples, n_samples), none
            negative. `X` then has no effect, and there is no `predict`. None: as `affinity` says.
        """
        X, adjacency = unpacked(X, adjacency)
        if adjacency is not None and self.affinity != "nearest_neighbors":
            raise ValueError(
                f"With affinity={self.affinity!r} X is the graph; do not pass an adjacency."
            )
        if (self.n_clusters is None) == (self.affinity_threshold is None):
            raise ValueError(
                f"Exactly one of n_clusters={self.n_clusters} and affinity_threshold="
                f"{self.affinity_threshold} has to be set, and the other has to be None."
            )
        X = self._checked(X, reset=True, ensure_min_samples=2)
        n, self._dtype = X.shape[0], X.dtype
        if adjacency is not None:
            adjacency = check_adjacency(adjacency, n, directed=True)
        if self.n_clusters is not None:
            check_n_samples(n, self.n_clusters)
        self._n_neighbors = min(self.n_neighbors or usual_n_neighbors(n), n - 1)
        with self._limited_threads():
            edges, weights, sigma, distances = self._graph(X, adjacency)
        rows, columns, lengths = edges
        self.affinity_matrix_ = W = csr_array((weights, (rows, columns)), shape=(n, n))

        merges = Merges(n)
        if self.init == "nearest_neighbors":
            some, first = np.unique(rows, return_index=True)
            nearest, length = np.full(n, -1, np.int32), np.zeros(n)
            nearest[some], length[some] = columns[first], lengths[first]
            joining = nearest_merges(nearest, length)
            merges.add(joining, nearest[joining], np.nan, length[joining])
        self.n_initial_clusters_ = merges.n_clusters
        # Affinities above that of two samples at distance 0 have height 0.
        given = adjacency is not None or self.affinity == "precomputed"
        top = 2 * weights.max(initial=0) ** 2 if given else 2.0
        criterion = self.n_neighbor_clusters, self.local_weight
        # Of a given graph only the heaviest edges are counted, as of others.
        near = np.arange(len(rows)) - np.searchsorted(rows, rows) < self._n_neighbors
        counted = np.column_stack([rows[near], columns[near]])
        cut = self.n_clusters, self.min_cluster_fraction
        n_apart = merges.agglomerate(W, criterion, distances, counted, cut, sigma, top)

        unit = self._rows.unit if self._rows is not None else 1.0
        source, target, self.affinities_, heights = merges.concatenated()
        with np.errstate(over="ignore"):
            self.distances_ = heights * unit
        if unit > 1 and not np.isfinite(self.distances_).all():
            raise ValueError(
                "Distances between rows of X overflow. Scale X, for example by StandardScaler."
            )
        tree = single_linkage(source.astype(np.int64), target.astype(np.int64), heights)
        self.children_ = np.sort(tree[:, :2].astype(np.intp), axis=1)
        if self.n_clusters is None:
            # nan counts as large.
            small = np.append(self.affinities_ < self.affinity_threshold, True)
            n_merges = int(np.argmax(small))
        else:
            n_merges = n - self.n_clusters
            if n_apart > self.n_clusters:
                warnings.warn(
                    f"{n_apart} clusters have no affinity to one another, more than n_clusters="
                    f"{self.n_clusters}. They were merged by edges in one direction and by "
                    "distances of components; raise n_neighbors.",
                    ConvergenceWarning,
                    stacklevel=caller_level(),
                )
        self.n_clusters_ = n - n_merges
        self.labels_ = components(n, source[:n_merges], target[:n_merges])
        return self

    def predict_proba(self, X):
        """Shares of the clusters in the votes of the training rows nearest to new rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                (n_samples, n_training_samples)
            New rows; with a precomputed graph, their distances to the training rows or the weights
            of edges to them, in the form of `fit`.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_clusters_)
            Each row sums to 1.
        """
        # Models of earlier versions cannot predict.
        check_is_fitted(self, "_dtype")
        votes = weights_to(self._votes(X), self.labels_, self.n_clusters_)
        totals = votes.sum(axis=1, keepdims=True)
        alone = np.flatnonzero(totals == 0)
        if len(alone):
            raise ValueError(
                f"{len(alone)} rows of X, such as {alone[0]}, have no edge to a training row and "
                "so belong to no cluster. Leave them out, or give at least one neighbor of each."
            )
        return (votes / totals).astype(self._dtype)

    def predict(self, X):
        """The cluster with the largest share in the votes of the nearest training rows."""
        return self.predict_proba(X).argmax(axis=1).astype(np.int32)

    def _takes_nan(self):
        return self.affinity == "nearest_neighbors" and self.metric == "nan_euclidean"

    def _checked(self, X, **checks):
        """X with finite entries, as far as the metric needs them, and what else it has to be."""
        finite = "allow-nan" if self._takes_nan() else True
        X = check_rows(self, X, ensure_all_finite=finite, **checks)
        if self.affinity != "nearest_neighbors":
            what = "weights" if self.affinity == "precomputed" else "distances"
            if checks["reset"] and X.shape[0] != X.shape[1]:
                raise ValueError(
                    f"With affinity={self.affinity!r} X is a square matrix of {what}, got shape "
                    f"{X.shape}."
                )
            check_distances(X, f"Precomputed {what}")
        return X

    def _graph(self, X, adjacency):
        """Edges, their weights, the scale of distances, and a function that computes distances
        between samples, or None."""
        n, n_threads = X.shape[0], self._n_threads()
        self._rows = None
        if adjacency is not None or self.affinity == "precomputed":
            *edges, weights = edges_by_weights(X if adjacency is None else adjacency)
            return edges, weights, 1.0, None
        if self.affinity == "nearest_neighbors":
            self._rows = found = RowEdges(
                X, self.metric, self.metric_params, self._seed(), n_threads
            )
            edges = found.to_others(self._n_neighbors, n_threads)

            def distances(rows):
                return found.distances(found.X[rows], n_threads, rows)
        else:
            edges = edges_by_distances(X, self._n_neighbors)
            distances = None if issparse(X) else lambda rows: X[np.ix_(rows, rows)]
        return edges, *gaussian_weights(*edges, n, self.scale), distances

    def _votes(self, X):
        """Weights of training rows for new ones, a sparse array."""
        if self.affinity != "nearest_neighbors":
            X = self._checked(X, reset=False)
            if self.affinity == "precomputed":
                return csr_array(X)
            edges = edges_by_distances(X, self._n_neighbors, new=True)
        elif self._rows is None:
            raise ValueError(
                "GraphDegreeLinkage was fitted to a given graph, in which new rows have no edges. "
                'Fit it to rows alone, or with affinity="precomputed".'
            )
        else:
            X = self._checked(X, reset=False, dtype=self._rows.X.dtype)
            with self._limited_threads():
                edges = self._rows.of_new(X, self._n_neighbors, self._n_threads())
        return votes_along(*edges, (X.shape[0], len(self.labels_)))
