"""GraphDegreeLinkage: agglomeration by the degrees of a directed graph of neighbors."""

import warnings
from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._kernels._trees import single_linkage
from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.degree_linkage import (
    gaussian_weights,
    nearest_merges,
    usual_n_neighbors,
)
from skdeepcluster.algorithms.neighbors import components
from skdeepcluster.base import Clusterer, ThreadsMixin, param
from skdeepcluster.graph._edges import (
    RowEdges,
    edges_by_distances,
    edges_by_weights,
    votes_by_distances,
)
from skdeepcluster.graph._merges import Merges
from skdeepcluster.graph._votes import VoteMixin
from skdeepcluster.validation import METRICS, check_distances, check_rows


class GraphDegreeLinkage(VoteMixin, ThreadsMixin, Clusterer):
    r"""Agglomerative clustering by the degrees of a graph of nearest neighbors.

    Each sample has edges to its nearest neighbors, with weights

    .. math:: w_{ij} =
        \exp\left(-\frac{d(x_i, x_j)^2}{\mathtt{scale} \cdot \sigma_i \sigma_j}\right)
        \text{ if } j \in N(i), \quad
        \log \sigma^2 = M^{60} \Bigl(\log \frac{1}{|N(i)|} \sum_{j \in N(i)} d(x_i, x_j)^2\Bigr)_i,

    where :math:`M` takes the mean over a sample and its mutual neighbors. So :math:`\sigma_i` is
    the usual distance of neighbors in the region of a sample: dense and sparse clusters have each
    their own, the sparse margin of a cluster that of its core, and an outlier, whom nobody has as a
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
    inside. The hierarchy is cut at the last level at which `n_clusters` clusters count, and
    each scrap joins the cluster that it is most connected with. If no level has so many, smaller
    clusters count too.

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
        ``2 * log2(n_samples)``: 13 of 100 samples, 20 of 1,000, 33 of 100,000.

    affinity : str, default="nearest_neighbors"
        How the graph is made.

        - "nearest_neighbors": samples.
        - "precomputed_nearest_neighbors": distances, which `metric="precomputed"` means too.
        - "precomputed": weights of edges, from rows to columns, a square matrix. All are edges,
          whatever `n_neighbors` is.

        Distances and weights that are negative, nan or infinite are refused; what is on the
        diagonal is ignored.

    metric : str or callable, default="euclidean"
        The distance of samples: one of :func:`sklearn.metrics.pairwise_distances`, a function of
        two rows, or "precomputed": `X` is then a square matrix of distances, which need not be
        symmetric. A sparse one, such as :func:`sklearn.neighbors.kneighbors_graph` with
        ``mode="distance"`` gives, has no more neighbors than entries, and stored zeros are
        distances. "cosine" is the Euclidean distance of rows of length one; rows of zeros are
        refused. Manhattan, Euclidean, cosine and Chebyshev distances of dense rows are searched in
        a tree, all others are computed for each pair.

    metric_params : dict, default=None
        Keyword arguments of the metric. The variances `V` of "seuclidean" and the inverse `VI` of
        the covariances of "mahalanobis" are those of `X` unless they are given.

    algorithm : {"auto", "exact", "approximate"}, default="auto"
        How neighbors by Euclidean or cosine distances of dense rows are found: exactly, or by
        random trees and neighbors of neighbors. "auto" is exact up to 10,000 samples or 16
        features.

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
        counts all: labels are then a cut of the merges as they came. Without effect if
        `n_clusters` is None.

    random_state : int, RandomState instance or None, default=0
        Determines the approximate search for neighbors. It is a number by default, so that results
        are the same each time; they are so for any number of threads.

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

    New rows are labeled by their nearest training rows, with the weights of
    :class:`NeighborClusterer`. To a graph given by distances or weights, `predict` takes those
    between new rows and training rows; a training row then has its label only if its distance 0 to
    itself is stored, and not by weights.

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
    metric: str | Callable = param("euclidean", StrOptions(METRICS | {"precomputed"}), callable)
    metric_params: dict | None = param(None, dict, None)
    algorithm: str = param("auto", StrOptions({"auto", "exact", "approximate"}))
    scale: float = param(1.0, Interval(Real, 0, None, closed="neither"))
    init: str = param("nearest_neighbors", StrOptions({"nearest_neighbors", "singletons"}))
    n_neighbor_clusters: int = param(5, Interval(Integral, 1, None, closed="left"))
    local_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    min_cluster_fraction: float = param(0.02, Interval(Real, 0, 1, closed="left"))
    random_state: int | np.random.RandomState | None = param(0, "random_state")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.pairwise = self._given is not None
        tags.input_tags.positive_only = tags.input_tags.pairwise
        tags.input_tags.allow_nan = self._takes_nan()
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Merge samples into clusters.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                (n_samples, n_samples)
            Samples, or distances or weights of edges if `metric` or `affinity` says so.
        """
        if (self.n_clusters is None) == (self.affinity_threshold is None):
            raise ValueError(
                f"Exactly one of n_clusters={self.n_clusters} and affinity_threshold="
                f"{self.affinity_threshold} has to be set, and the other has to be None."
            )
        X = self._validate(X)
        n = X.shape[0]
        self._n_neighbors = min(self.n_neighbors or usual_n_neighbors(n), n - 1)
        with self._limited_threads():
            edges, weights, sigma, distances = self._graph(X)
        rows, columns, lengths = edges
        self.affinity_matrix_ = W = csr_array((weights, (rows, columns)), shape=(n, n))

        merges = Merges(n)
        if self.init == "nearest_neighbors":
            first = np.searchsorted(rows, np.arange(n))
            some = np.bincount(rows, minlength=n) > 0
            nearest, length = np.full(n, -1, np.int32), np.zeros(n)
            nearest[some], length[some] = columns[first[some]], lengths[first[some]]
            joining = nearest_merges(nearest, length)
            merges.add(joining, nearest[joining], np.nan, length[joining])
        self.n_initial_clusters_ = merges.n_clusters
        # Affinities above that of two samples at distance 0 have height 0.
        top = 2 * weights.max(initial=0) ** 2 if self._given == "weights" else 2.0
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
                    stacklevel=2,
                )
        self.n_clusters_ = n - n_merges
        self.labels_ = components(n, source[:n_merges], target[:n_merges])
        return self

    @property
    def _given(self):
        """What X is if not samples."""
        if self.affinity == "precomputed":
            return "weights"
        if self.affinity != "nearest_neighbors" or _is(self.metric, "precomputed"):
            return "distances"
        return None

    def _takes_nan(self):
        return self._given is None and _is(self.metric, "nan_euclidean")

    def _validate(self, X):
        X = check_rows(
            self,
            X,
            reset=True,
            ensure_min_samples=2,
            ensure_all_finite="allow-nan" if self._takes_nan() else True,
        )
        if self.affinity == "precomputed" and _is(self.metric, "precomputed"):
            raise ValueError(
                'X has weights with affinity="precomputed" and distances with '
                'metric="precomputed": set one of them.'
            )
        if self._given is not None:
            if X.shape[0] != X.shape[1]:
                raise ValueError(
                    f"With {self._names()} X is a square matrix of {self._given}, got shape "
                    f"{X.shape}."
                )
            check_distances(X, f"Precomputed {self._given}")
        if self.n_clusters is not None and X.shape[0] < self.n_clusters:
            raise ValueError(f"n_samples={X.shape[0]} should be >= n_clusters={self.n_clusters}.")
        return X

    def _names(self):
        """The parameter that says what X is."""
        name = "metric" if self.affinity == "nearest_neighbors" else "affinity"
        return f"{name}={getattr(self, name)!r}"

    def _graph(self, X):
        """Edges, their weights, the scale of distances, and a function that computes distances
        between samples, or None."""
        n, n_threads = X.shape[0], self._n_threads()
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        self._rows = None
        if self._given == "weights":
            *edges, weights = edges_by_weights(X)
            return edges, weights, 1.0, None
        if self._given == "distances":
            edges = edges_by_distances(X, self._n_neighbors)
            distances = None if issparse(X) else lambda rows: X[np.ix_(rows, rows)]
        else:
            exact = {"auto": None, "exact": True, "approximate": False}[self.algorithm]
            self._rows = RowEdges(X, self.metric, self.metric_params, exact, seed, n_threads)
            edges = self._rows.edges(self._n_neighbors, n_threads)
            distances = self._rows.distances
        return edges, *gaussian_weights(*edges, n, self.scale), distances

    def _votes(self, X):
        check_is_fitted(self)
        if not hasattr(self, "_n_neighbors"):
            raise ValueError(
                "This GraphDegreeLinkage was fitted by an earlier version, which kept nothing to "
                "predict with. Fit it again."
            )
        dtype = np.float64 if self._rows is None else self._rows.X.dtype
        nan = "allow-nan" if self._takes_nan() else True
        X = check_rows(self, X, reset=False, dtype=dtype, ensure_all_finite=nan)
        if self._given is not None:
            check_distances(X, f"Precomputed {self._given}")
        n_threads = self._n_threads()
        if self._given == "weights":
            votes = csr_array(X)
        elif self._given == "distances":
            votes = votes_by_distances(X, self._n_neighbors, n_threads)
        else:
            with self._limited_threads():
                votes = self._rows.votes(X, self._n_neighbors, n_threads)
        return votes.astype(dtype, copy=False), self.n_clusters_


def _is(metric, name):
    return isinstance(metric, str) and metric == name
