"""HDBSCAN*: hierarchical clustering by density, for any number and shape of clusters."""

from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse

from skdeepcluster._kernels._trees import Dendrogram, single_linkage
from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.density_layers import MIN_SAMPLES
from skdeepcluster.base import Clusterer, ThreadsMixin, param
from skdeepcluster.density._branches import BranchMixin
from skdeepcluster.density._centers import CentersMixin
from skdeepcluster.density._hierarchy import HierarchyMixin
from skdeepcluster.density._metrics import degree
from skdeepcluster.density._noise import NoiseMixin
from skdeepcluster.density._reachability import reachability
from skdeepcluster.density._rows import scaled, with_distances
from skdeepcluster.density._selection import SelectionMixin
from skdeepcluster.trees import MinimumSpanningTree, SingleLinkageTree, outlier_scores
from skdeepcluster.validation import (
    METRICS,
    check_distance_matrix,
    check_rows,
    check_weights,
    scaled_to_range,
)


class HDBSCAN(
    SelectionMixin, HierarchyMixin, BranchMixin, NoiseMixin, CentersMixin, ThreadsMixin, Clusterer
):
    r"""Hierarchical density-based clustering, exact and accelerated by space trees.

    Clusters are regions of high density; their number, shapes and densities need not be known, and
    points in sparse regions are noise. The main parameter is the minimum size of a cluster.

    With the core distance :math:`c(x)`, the distance from :math:`x` to its `min_samples`-th nearest
    neighbor, itself counted, the mutual reachability is

    .. math:: m(x, y) = \max\{c(x), c(y), d(x, y) / \alpha\}.

    Single linkage under :math:`m` is the hierarchy of all DBSCAN clusterings (without border
    points) over their radius :math:`1 / \lambda`. It is condensed to the splits into two or more
    clusters of at least `min_cluster_size` points; all other points fall out of a cluster. A
    cluster :math:`C` born at :math:`\lambda_C`, out of which the point :math:`p` falls at
    :math:`\lambda_p`, has the stability or excess of mass

    .. math:: S(C) = \sum_{p \in C} (\lambda_p - \lambda_C),

    and of all sets of disjoint clusters the one of greatest total stability is chosen.

    The hierarchy is read off a minimum spanning tree, which is found by Borůvka's algorithm over a
    KD tree [2]_ or, for other metrics, from blocks of the distance matrix. Both are exact and take
    memory linear in the number of samples.

    Parameters
    ----------
    min_cluster_size : int or "auto", default=5
        Smallest number of samples that make a cluster; smaller groups are noise. "auto" takes the
        value in the middle of the longest range that gives one number of clusters, see `layers`.

    min_samples : int, default=None
        Rank of the neighbor, the sample itself being the first, whose distance is the core
        distance. Larger values declare more points noise and smooth the hierarchy. `None` means
        `min_cluster_size`, 5 with "auto", or all samples where there are fewer.

    cluster_selection_epsilon : float, default=0.0
        Clusters that are born at a smaller distance are merged up to this one [3]_.

    cluster_selection_epsilon_max : float, default=None
        Clusters that are born at a larger distance are not chosen with
        `cluster_selection_method="eom"`; their parts are, or they are noise.

    cluster_selection_persistence : float, default=0.0
        Clusters that live shorter are merged into those that they split from: those whose largest
        :math:`\lambda` exceeds that of their birth by less, in units of inverse distances.

    max_cluster_size : int, default=None
        No cluster larger than this is chosen with `cluster_selection_method="eom"`.

    metric : str or callable, default="euclidean"
        One of the metrics of :func:`sklearn.metrics.pairwise_distances`, or "precomputed": `X` is
        then a square matrix of distances, dense or sparse; what a sparse one does not store is
        infinite. KD trees serve "euclidean", "sqeuclidean", "cosine", "correlation" (the last two
        on rows of length one), "manhattan", "chebyshev" and "minkowski" with the `p` of these. A
        function must be symmetric; with "nan_euclidean" rows may have missing values.

    metric_params : dict, default=None
        Further arguments of the metric. The variances `V` of "seuclidean" and the inverse `VI` of
        the covariances of "mahalanobis" are those of the samples of `fit` by default.

    alpha : float, default=1.0
        Divisor of the distances between points, but not of core distances, as in robust single
        linkage.

    algorithm : {"auto", "kd_tree", "brute", "approximate"}, default="auto"
        How the spanning tree is found: through a KD tree or through blocks of the distance matrix.
        "auto" takes the KD tree wherever the metric allows it: in high dimensions, where it cannot
        prune, its search is one through tiles of that matrix. All three are exact. "approximate",
        never chosen by "auto", is for many dense rows with more than some twenty features and
        Euclidean or angular metrics: see Notes.

    cluster_selection_method : {"eom", "leaf", "cut"}, default="eom"
        Select the clusters of greatest excess of mass; or the leaves of the condensed tree, which
        are smaller and more equal in size; or cut the tree at `cluster_selection_epsilon`: with
        ``alpha=2**0.5`` this is robust single linkage [5]_.

    allow_single_cluster : bool, default=False
        Whether the whole data may be one cluster. Without it, data that do not split are noise; so
        they are with `cluster_selection_method="leaf"`, as in scikit-learn.

    store_centers : {"centroid", "medoid", "both"}, default=None
        Compute the mean of each cluster, weighted by `probabilities_`, the sample of least weighted
        distance to the others, or both.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each sample, -1 for noise. Clusters are numbered level by level of the hierarchy,
        and within a level by their first samples.

    n_clusters_ : int
        Number of clusters. 0 where all samples are noise, with a warning: see Notes.

    probabilities_ : ndarray of shape (n_samples,)
        Strength of the membership: :math:`\lambda_p` relative to the largest in the cluster; 0 for
        noise.

    outlier_scores_ : ndarray of shape (n_samples,)
        GLOSH [4]_: 1 minus the :math:`\lambda` at which the sample leaves its last cluster over the
        largest one in that cluster; 0 in its densest region, near 1 for outliers.

    cluster_persistence_ : ndarray of shape (n_clusters,)
        Stability of each cluster relative to what it were if all its samples stayed to the end.

    core_distances_ : ndarray of shape (n_samples,)
        Distances to the `min_samples`-th neighbors; infinite for samples without distances.

    minimum_spanning_tree_ : MinimumSpanningTree
        Of the mutual reachability; arrays `source`, `target` and `distance`.

    single_linkage_tree_ : SingleLinkageTree
        The dendrogram; `linkage` is a matrix in SciPy's format.

    condensed_tree_ : CondensedTree
        The condensed hierarchy and which of its clusters were chosen.

    exemplar_indices_ : list of ndarray
        For each cluster its samples of highest density, those last to leave its leaves.

    centroids_ : ndarray of shape (n_clusters, n_features)
        Weighted means of the clusters; only with `store_centers`.

    medoids_ : ndarray of shape (n_clusters, n_features)
        Weighted medoids of the clusters; only with `store_centers`.

    classes_ : ndarray of shape (n_classes,)
        The known classes, sorted; their order is not that of the clusters.

    See Also
    --------
    sklearn.cluster.HDBSCAN : The same clustering through all pairs of distances.

    Notes
    -----
    The package hdbscan does not count a sample as its own neighbor; `min_samples` is larger by one
    here, as in scikit-learn.

    Many edges have the same mutual reachability, so more than one spanning tree is minimal.
    Adjacent merges at the same distance are one merge of several clusters here, since the
    intermediate clusters exist at no radius. So labels and probabilities depend on the data alone:
    not on `algorithm`, not on the number of threads, and not on the order of the samples except for
    the numbers of the clusters. The packages hdbscan and scikit-learn take such merges one by one,
    in the order of their spanning trees, and differ in a few labels.

    A sample with an infinite value, or with a missing one under another metric than
    "nan_euclidean", has no distances. It is noise with a probability of 0, as in the package
    hdbscan, leaves the hierarchy at :math:`\lambda = 0` and does not affect the other samples. In
    scikit-learn its label is -2 or -3.

    If all samples are noise, the data do not split into two groups of `min_cluster_size` samples
    that are denser than what is between them. Smaller values of `min_samples`, which smooths the
    density less, and of `min_cluster_size` find weaker and smaller clusters;
    `allow_single_cluster` admits that all are one.

    With ``algorithm="approximate"`` neighbors are found by nearest-neighbor descent, which misses
    some. The spanning tree is that of the graph of each sample's `min_samples` + 9 nearest others,
    at least 15. Its components are joined by short edges, found among some samples of each. So the
    total weight of the tree is not quite the least, core distances may be too large, and labels
    may change with the order of the samples, but not from one fit to the next. `predict` searches
    all fitted samples.

    Partial labels and pairs choose clusters from the hierarchy, which they do not change [6]_: of
    all sets of disjoint clusters one that satisfies most links, of these the most stable. All pairs
    of labeled samples are links. Noise satisfies its cannot-links and no must-link.

    The infinite :math:`\lambda` of duplicates is replaced by twice the largest finite one.

    References
    ----------
    .. [1] R. J. G. B. Campello, D. Moulavi, A. Zimek and J. Sander, "Hierarchical density estimates
       for data clustering, visualization, and outlier detection", ACM TKDD 10(1), 2015.
    .. [2] L. McInnes and J. Healy, "Accelerated hierarchical density based clustering", ICDM
       Workshops, 2017. :arxiv:`1705.07321`
    .. [3] C. Malzer and M. Baum, "A hybrid approach to hierarchical density-based cluster
       selection", MFI, 2020. :arxiv:`1911.02282`
    .. [4] R. J. G. B. Campello, D. Moulavi and J. Sander, "Density-based clustering based on
       hierarchical density estimates", PAKDD, 2013.
    .. [5] K. Chaudhuri and S. Dasgupta, "Rates of convergence for the cluster tree", NIPS, 2010.
    .. [6] R. J. G. B. Campello et al., "A framework for semi-supervised and unsupervised optimal
       extraction of clusters from hierarchies", DMKD 27(3), 2013.

    Examples
    --------
    >>> from skdeepcluster import HDBSCAN
    >>> from sklearn.datasets import make_moons
    >>> X, y = make_moons(1000, noise=0.05, random_state=0)
    >>> model = HDBSCAN(min_cluster_size=10).fit(X)
    >>> int(model.labels_.max()) + 1
    2
    >>> model.predict([[0.0, 1.0], [1.0, -0.5], [5.0, 5.0]])
    array([ 1,  0, -1])
    """

    min_cluster_size: int | str = param(
        5, Interval(Integral, 2, None, closed="left"), StrOptions({"auto"}), positional=True
    )
    min_samples: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    cluster_selection_epsilon: float = param(0.0, Interval(Real, 0, None, closed="left"))
    cluster_selection_epsilon_max: float | None = param(
        None, Interval(Real, 0, None, closed="neither"), None
    )
    cluster_selection_persistence: float = param(0.0, Interval(Real, 0, None, closed="left"))
    max_cluster_size: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    metric: str | Callable = param("euclidean", StrOptions(METRICS | {"precomputed"}), callable)
    metric_params: dict | None = param(None, dict, None)
    alpha: float = param(1.0, Interval(Real, 0, None, closed="neither"))
    algorithm: str = param("auto", StrOptions({"auto", "kd_tree", "brute", "approximate"}))
    cluster_selection_method: str = param("eom", StrOptions({"eom", "leaf", "cut"}))
    allow_single_cluster: bool = param(False, "boolean")
    store_centers: str | None = param(None, StrOptions({"centroid", "medoid", "both"}), None)

    def __setstate__(self, state):
        if "core_distances_" in state and "_exponent" not in state:
            raise ValueError(
                "This HDBSCAN was fitted and stored by skdeepcluster 0.1.0.dev0, whose hierarchies "
                "were other ones. Load it with that version, or fit it again."
            )
        if "core_distances_" in state:
            # What fits did not have before they took weights.
            plain = {"_weight": None, "_weightless": None, "_n_counted": len(state["_rows"])}
            state = plain | state
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.pairwise = self.metric == "precomputed"
        tags.input_tags.allow_nan = self.metric != "precomputed"
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None, *, constraints=None, sample_ids=None):
        """Cluster samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                (n_samples, n_samples)
            Samples, or their distances with `metric="precomputed"`.

        y : array-like of shape (n_samples,), default=None
            Partial labels, -1 where unknown. The clusters chosen are those that satisfy most pairs
            of labels, see Notes. Without any -1 they are ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            How many equal samples each stands for; need not be whole numbers. `min_samples`,
            `min_cluster_size` and `max_cluster_size` are then sums of weights. Samples of weight 0
            have no influence and are labeled as by `predict`.

        constraints : PairwiseConstraints, default=None
            Must-links and cannot-links, which choose clusters likewise.

        sample_ids : array-like of shape (n_samples,), default=None
            The id of each sample, by which pairs find theirs where some are left out.

        Returns
        -------
        self : HDBSCAN
            The fitted estimator.
        """
        X = self._check(X, reset=True, ensure_min_samples=2)
        pairs = self._learn(y, constraints, sample_ids, X.shape[0])
        weight = None
        if sample_weight is not None:
            weight = check_weights(sample_weight, X.shape[0], 2, "2, the least number")
            if (weight == 1).all():
                weight = None
        if self.metric == "precomputed":
            check_distance_matrix(
                X, "Precomputed distances", infinite=True, n_threads=self._threads_for(X)
            )
            if self.store_centers is not None:
                raise ValueError(
                    f"store_centers={self.store_centers!r} needs samples, not the distances of "
                    "metric='precomputed'; use store_centers=None."
                )
        # Rows that have distances.
        rows, complete = with_distances(X, self.metric)
        weightless = np.empty(0, np.intp)
        if weight is not None and not weight.all():
            weightless = np.flatnonzero(complete & (weight == 0))
            complete &= weight > 0
            rows = X[complete][:, complete] if self.metric == "precomputed" else X[complete]
        self._rows, left_out = np.flatnonzero(complete), np.flatnonzero(~complete)
        if rows.shape[0] < 2:
            raise ValueError(
                f"Of {X.shape[0]} samples {len(left_out)} have missing or infinite values or no "
                "weight; HDBSCAN needs 2 others at least."
            )
        self._sparse, self._dtype = issparse(X), X.dtype
        # Binary exponents of the units of distances and values, chosen so that squares are finite.
        self._exponent = self._row_exponent = 0
        power = degree(self.metric, self.metric_params)
        if power is not None:
            rows, factor = scaled_to_range(rows)
            self._row_exponent = int(np.frexp(factor)[1]) - 1
            self._exponent = power * self._row_exponent
        self._weight, self._weightless = weight, None
        n = rows.shape[0] if weight is None else weight[complete].sum()
        self._n_counted = n
        if self.min_samples is None:
            auto = self.min_cluster_size == "auto"
            self._min_samples = min(MIN_SAMPLES if auto else self.min_cluster_size, n)
        elif self.min_samples <= n:
            self._min_samples = self.min_samples
        else:
            what = "n_samples" if weight is None else "sum of sample_weight"
            raise ValueError(
                f"min_samples={self.min_samples} needs as many samples, got {what}={n}; lower it."
            )
        n_threads = self._threads_for(rows)
        self._reach = reachability(
            rows,
            self.metric,
            self.metric_params,
            self._min_samples,
            self.alpha,
            self.algorithm,
            n_threads,
            None if weight is None else weight[complete],
        )
        core = np.full(X.shape[0], np.inf)
        core[complete] = self._reach.core_distances()
        self.core_distances_ = scaled(core, self._exponent)
        source, target, distance = self._reach.spanning_tree(n_threads)
        if len(left_out):
            # At infinite distance from the others.
            source = np.append(self._rows[source], np.full(len(left_out), self._rows[0]))
            target = np.append(self._rows[target], left_out)
            distance = np.append(distance, np.full(len(left_out), np.inf))
        linkage = single_linkage(source, target, distance)
        self._dendrogram = Dendrogram(linkage, weight, None if weight is None else core)
        if len(weightless):
            self._weightless = (weightless, *self._nearest(X[weightless]))
        self.minimum_spanning_tree_ = MinimumSpanningTree(
            source, target, scaled(distance, self._exponent)
        )
        linkage[:, 2] = scaled(linkage[:, 2], self._exponent)
        self.single_linkage_tree_ = SingleLinkageTree(linkage)
        self._tree, flat = self._choose()
        self.labels_ = flat.labels
        self.n_clusters_ = int(flat.labels.max()) + 1
        self.probabilities_ = flat.probabilities
        self.cluster_persistence_ = flat.cluster_persistence
        self.condensed_tree_ = flat.condensed_tree
        scores = outlier_scores(self._tree, *self._points(self._tree))
        self.outlier_scores_ = scores.astype(self._dtype, copy=False)
        self._store_centers(X)
        self._judge(pairs)
        self._warn_of_noise()
        return self

    def _check(self, X, **kwargs):
        precomputed = self.metric == "precomputed"
        return check_rows(
            self,
            X,
            order=None if precomputed else "C",
            # Infinite distances are valid, and missing ones are found later.
            ensure_all_finite=precomputed and issparse(X),
            **kwargs,
        )

    def _threads_for(self, X):
        # With fewer rows per thread, threads cost more than they save.
        return min(self._n_threads(), 1 + X.shape[0] // 2000)
