"""GraphDegreeLinkage: agglomeration by the degrees of a directed graph of neighbors."""

import warnings
from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._kernels._degree_linkage import degree_linkage
from skdeepcluster._kernels._trees import single_linkage
from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.degree_linkage import (
    gaussian_weights,
    hub_linkage,
    nearest_merges,
    outlying_merges,
)
from skdeepcluster.algorithms.groups import components
from skdeepcluster.algorithms.neighbors import (
    entries_by_row,
    nearest_by_blocks,
    nearest_entries,
    nearest_neighbors,
    tree_metric,
)
from skdeepcluster.base import Clusterer, ThreadsMixin, param
from skdeepcluster.graph._merges import Merges
from skdeepcluster.validation import (
    METRICS,
    check_distances,
    check_n_samples,
    check_rows,
    complete_metric,
    metric_distances,
    metric_rows,
    scaled_to_range,
)


class GraphDegreeLinkage(ThreadsMixin, Clusterer):
    r"""Agglomerative clustering by the degrees of a graph of nearest neighbors.

    Each sample has edges to its nearest neighbors, with weights

    .. math:: w_{ij} = \exp(-d(x_i, x_j)^2 / \sigma^2) \text{ if } j \in N(i), \quad
        \sigma^2 = \mathtt{scale} \cdot \operatorname{mean}_{i, j \in N(i)} d(x_i, x_j)^2.

    A sample has affinity to a cluster if there are edges in both directions between it and the
    members: the product of the mean weights in each direction. The affinity of two clusters sums
    that of the members of each to the other [1]_,

    .. math:: A(a, b) =
        \sum_{i \in a} \frac{\sum_{j \in b} w_{ij}}{|b|} \frac{\sum_{j \in b} w_{ji}}{|b|} +
        \sum_{i \in b} \frac{\sum_{j \in a} w_{ij}}{|a|} \frac{\sum_{j \in a} w_{ji}}{|a|}.

    The initial clusters join each sample with its nearest neighbor. An outlier and its neighbor may
    have edges to others and none in return; such clusters would survive to the end, and true ones
    would merge instead. So, if there are more than ``20 * n_clusters`` initial clusters, those
    whose largest affinity is at most 3 % of the median first join the cluster that their edges lead
    to. Each step then merges the cluster :math:`c` with its :math:`c_1` of largest affinity for
    which the criterion

    .. math:: A(c, c_1) + \frac{\lambda}{K - 1} \sum_{k=2}^K \bigl(A(c, c_1) - A(c, c_k)\bigr)

    is largest, :math:`c_k` being the :math:`k`-th in the order of affinity: pairs that stand out
    among their neighbors merge first. With :math:`\lambda = 0` this is graph degree linkage [1]_,
    with :math:`\lambda = 1` the linkage of JULE [2]_.

    Use it for clusters of any shape on manifolds, such as images, as an alternative to
    :class:`sklearn.cluster.AgglomerativeClustering` and spectral clustering; it is faster than
    these, and its memory is linear in the number of edges. It has no noise label, and needs enough
    neighbors: clusters without edges in both directions between them have no affinity.

    Parameters
    ----------
    n_clusters : int or None, default=8
        The number of clusters. None if `affinity_threshold` decides.

    affinity_threshold : float, default=None
        Merges end before the first one of smaller affinity. `n_clusters` must then be None. The
        initial clusters of nearest neighbors are kept in any case.

    n_neighbors : int, default=20
        Number of neighbors that each sample has edges to, at most all other samples.

    affinity : str, default="nearest_neighbors"
        How the graph is made.

        - "nearest_neighbors": samples.
        - "precomputed_nearest_neighbors": distances, a square matrix; a sparse one has no more
          neighbors than it has entries. The graph is a directed one, so they need not be symmetric.
        - "precomputed": weights of edges, from rows to columns, a square matrix. All are edges,
          whatever `n_neighbors` is.

        Distances and weights that are negative, nan or infinite are refused; what is on the
        diagonal is ignored.

    metric : str or callable, default="euclidean"
        The distance of samples: one of :func:`sklearn.metrics.pairwise_distances`, or a function of
        two rows. Manhattan, Euclidean and Chebyshev distances of dense rows are searched in a tree,
        all others are computed for each pair.

    metric_params : dict, default=None
        Keyword arguments of the metric. The variances `V` of "seuclidean" and the inverse `VI` of
        the covariances of "mahalanobis" are those of `X` unless they are given.

    scale : float, default=1.0
        Factor of the mean squared distance to neighbors in the weights. Larger values let farther
        neighbors count like near ones.

    init : {"nearest_neighbors", "singletons"}, default="nearest_neighbors"
        The initial clusters: each sample with its nearest neighbor, or alone, which is slower and
        rarely better.

    n_neighbor_clusters : int, default=5
        The clusters :math:`K` that a cluster is compared with in the criterion.

    local_weight : float, default=1.0
        The weight :math:`\lambda` in the criterion.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        The cluster of each sample, numbered in the order of their first samples.

    n_clusters_ : int
        The number of clusters.

    n_initial_clusters_ : int
        The number of initial clusters, outlying ones not counted.

    children_ : ndarray of shape (n_samples - 1, 2)
        The clusters merged by each merge, down to a single one: numbers below `n_samples` are
        samples, and `n_samples + i` is the result of merge `i`. The first
        `n_samples - n_initial_clusters_` merges join nearest neighbors, and outlying clusters to
        others.

    affinities_ : ndarray of shape (n_samples - 1,)
        The affinity of the clusters merged by each merge. nan for those of nearest neighbors and
        of outlying clusters, 0 where no affinity was left.

    distances_ : ndarray of shape (n_samples - 1,)
        Heights for a dendrogram: the distance of nearest neighbors, and then of two samples that
        would have the affinity of the merge if each were a neighbor of the other,
        :math:`\sigma \sqrt{\log(2 / A) / 2}`, or that of an earlier one if it was larger. Infinite
        where nothing connects two clusters of a precomputed graph.

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
    n_neighbors: int = param(20, Interval(Integral, 1, None, closed="left"))
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.pairwise = self.affinity != "nearest_neighbors"
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
            Samples, or distances or weights of edges if `affinity` says so.
        """
        if (self.n_clusters is None) == (self.affinity_threshold is None):
            raise ValueError(
                f"Exactly one of n_clusters={self.n_clusters} and affinity_threshold="
                f"{self.affinity_threshold} has to be set, and the other has to be None."
            )
        X, unit, distances = self._measured(self._validate(X))
        n = X.shape[0]
        W, nearest, lengths, top, sigma = self._graph(X, distances)
        self.affinity_matrix_ = W

        merges = Merges(n)
        if self.init == "nearest_neighbors":
            joining = nearest_merges(nearest, lengths)
            merges.add(joining, nearest[joining], np.nan, lengths[joining])
            if self.n_clusters is not None:
                labels, firsts = merges.clusters()
                edges = np.array(outlying_merges(W, labels, self.n_clusters))
                merges.add(*firsts[edges], np.nan, 0.0)
        self.n_initial_clusters_ = merges.n_clusters
        merges.highest = 0.0
        self._agglomerate(W, merges, top, sigma)
        n_apart = merges.n_clusters
        if n_apart > 1:
            # The same on a graph without directions.
            self._agglomerate((W + W.T) / 2, merges, top, sigma, counts=False)
            self._join_components(W, merges, distances)

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

    def _agglomerate(self, W, merges, top, sigma, counts=True):
        """Merge until no affinity is left."""
        labels, firsts = merges.clusters()
        edges, affinities = degree_linkage(
            W, labels, 1, self.n_neighbor_clusters, self.local_weight
        )
        # Affinities above that of two samples at distance 0 have height 0.
        heights = sigma * np.sqrt(np.log(np.maximum(top / affinities, 1)) / 2)
        merges.add(*firsts[edges.T], affinities if counts else 0.0, heights)

    def _takes_nan(self):
        return self.affinity == "nearest_neighbors" and self.metric == "nan_euclidean"

    def _validate(self, X):
        X = check_rows(
            self,
            X,
            reset=True,
            ensure_min_samples=2,
            ensure_all_finite="allow-nan" if self._takes_nan() else True,
        )
        if self.affinity != "nearest_neighbors":
            what = "weights" if self.affinity == "precomputed" else "distances"
            if X.shape[0] != X.shape[1]:
                raise ValueError(
                    f"With affinity={self.affinity!r} X is a square matrix of {what}, got shape "
                    f"{X.shape}."
                )
            check_distances(X, f"Precomputed {what}")
        if self.n_clusters is not None:
            check_n_samples(X.shape[0], self.n_clusters)
        return X

    def _measured(self, X):
        """Rows whose distances fit their type, the unit of these distances, and a function that
        computes them between some rows and others, or None."""
        if self.affinity != "nearest_neighbors":
            given = self.affinity == "precomputed_nearest_neighbors" and not issparse(X)
            return X, 1.0, (lambda rows, others=slice(None): X[rows][:, others]) if given else None
        unit = 1.0
        if tree_metric(self.metric, self.metric_params) is not None:
            X, unit = scaled_to_range(X)
        X = metric_rows(X, self.metric)
        params = complete_metric(self.metric, self.metric_params, X)
        n_threads = self._n_threads()

        def distances(rows, others=slice(None)):
            return metric_distances(X[rows], X[others], self.metric, params, n_jobs=n_threads)

        return X, unit, distances

    def _graph(self, X, distances):
        """Weights; the nearest neighbor of each row, or -1, and how far it is; the affinity of two
        samples at distance 0, and the scale of distances."""
        n = X.shape[0]
        if self.affinity == "precomputed":
            rows, columns, weights = entries_by_row(X, descending=True)
            rows, columns, weights = (part[weights > 0] for part in (rows, columns, weights))
            sigma, largest = 1.0, weights.max(initial=0)
            lengths = np.sqrt(np.log(largest / weights))
            top = 2 * largest**2
        else:
            rows, columns, lengths = self._neighbors(X, distances)
            weights, sigma = gaussian_weights(lengths, self.scale)
            top = 2.0
        starts = np.searchsorted(rows, np.arange(n + 1))
        some = np.diff(starts) > 0
        nearest = np.full(n, -1, np.int32)
        nearest[some] = columns[starts[:-1][some]]
        length = np.zeros(n)
        length[some] = lengths[starts[:-1][some]]
        W = csr_array((weights, (rows, columns)), shape=(n, n))
        return W, nearest, length, top, sigma

    def _neighbors(self, X, distances):
        """Edges to the nearest neighbors, nearest first: rows, columns, distances."""
        n = X.shape[0]
        n_neighbors = min(self.n_neighbors, n - 1)
        if distances is None:
            return nearest_entries(X, n_neighbors)
        metric = tree_metric(self.metric, self.metric_params)
        if self.affinity == "nearest_neighbors" and metric is not None and not issparse(X):
            lengths, neighbors = nearest_neighbors(X, n_neighbors, self._n_threads(), metric)
        else:
            lengths, neighbors = nearest_by_blocks(distances, n, n_neighbors)
        return np.repeat(np.arange(n), n_neighbors), neighbors.ravel(), lengths.ravel()

    def _join_components(self, W, merges, distances):
        """Merge clusters that no edge connects."""
        labels, firsts = merges.clusters()
        n_clusters = len(firsts)
        if n_clusters == 1:
            return
        if distances is None:
            merges.add(np.repeat(firsts[0], n_clusters - 1), firsts[1:], 0.0, np.inf)
            return
        edges, heights = hub_linkage(W, labels, lambda hubs: distances(hubs, hubs))
        merges.add(*firsts[edges.T], 0.0, heights)
