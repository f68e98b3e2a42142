from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClusterMixin, _fit_context
from sklearn.metrics import pairwise_distances_chunked
from sklearn.metrics.pairwise import _VALID_METRICS
from sklearn.utils import Bunch
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted, validate_data

from skdeepcluster._kernels._trees import (
    Dendrogram,
    assign,
    attach,
    merge_lambdas,
    select,
    single_linkage,
    subtree_death,
)
from skdeepcluster.density._spanning import reachability
from skdeepcluster.trees import CondensedTree, MinimumSpanningTree, SingleLinkageTree


class HDBSCAN(ClusterMixin, BaseEstimator):
    r"""Hierarchical density-based clustering, exact and accelerated by space trees.

    Clusters are regions of high density; their number, shapes and densities need not be known, and
    points of sparse regions are noise. The one parameter that matters is the size from which on a
    group is a cluster.

    With the core distance :math:`c(x)`, the distance from :math:`x` to its `min_samples`-th nearest
    neighbor, itself counted, the mutual reachability is

    .. math:: m(x, y) = \max\{c(x), c(y), d(x, y) / \alpha\}.

    Single linkage under :math:`m` is the hierarchy of all DBSCAN clusterings (without border
    points) over their radius :math:`1 / \lambda`. It is condensed to the splits into two parts of
    at least `min_cluster_size` points, all else being points that fall out of a cluster. A cluster
    :math:`C` born at :math:`\lambda_C`, out of which the point :math:`p` falls at
    :math:`\lambda_p`, has the stability or excess of mass

    .. math:: S(C) = \sum_{p \in C} (\lambda_p - \lambda_C),

    and of all sets of disjoint clusters the one of greatest total stability is chosen.

    The hierarchy is read off a minimum spanning tree, which is found by Borůvka's algorithm over a
    KD tree [2]_ or, for other metrics, from blocks of the distance matrix. Both are exact and take
    memory linear in the number of samples.

    Parameters
    ----------
    min_cluster_size : int, default=5
        Smallest number of samples that make a cluster; smaller groups are noise.

    min_samples : int, default=None
        Rank of the neighbor, the sample itself being the first, whose distance is the core
        distance. Larger values declare more points noise and smooth the hierarchy. `None` means
        `min_cluster_size`, or all samples where there are fewer.

    cluster_selection_epsilon : float, default=0.0
        Clusters that are born at a smaller distance are merged up to this one [3]_.

    max_cluster_size : int, default=None
        No cluster larger than this is chosen with `cluster_selection_method="eom"`.

    metric : str or callable, default="euclidean"
        One of the metrics of :func:`sklearn.metrics.pairwise_distances`, or "precomputed": `X` is
        then a square matrix of distances, dense or sparse; what a sparse one does not store is
        infinite. KD trees serve "euclidean", "sqeuclidean", "cosine", "manhattan", "chebyshev" and
        "minkowski" with the `p` of these.

    metric_params : dict, default=None
        Further arguments of the metric.

    alpha : float, default=1.0
        Divisor of the distances between points, but not of core distances, as in robust single
        linkage.

    algorithm : {"auto", "kd_tree", "brute"}, default="auto"
        How the spanning tree is found: through a KD tree or through blocks of the distance matrix.
        "auto" takes the KD tree wherever the metric allows it: where the dimension lets it prune
        nothing, its search is one through tiles of that matrix.

    cluster_selection_method : {"eom", "leaf"}, default="eom"
        Choose the clusters of greatest excess of mass, or the leaves of the condensed tree, which
        are smaller and of more even size.

    allow_single_cluster : bool, default=False
        Whether the whole data may be one cluster. Without it, data that do not split are noise.

    store_centers : {"centroid", "medoid", "both"}, default=None
        Compute the mean of each cluster, weighted by `probabilities_`, the sample of least weighted
        distance to the others, or both.

    n_jobs : int, default=None
        Number of threads; `None` means as many as OpenMP would use. They do not change the result.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each sample, -1 for noise.

    probabilities_ : ndarray of shape (n_samples,)
        Strength of the membership: :math:`\lambda_p` relative to the largest in the cluster; 0 for
        noise.

    outlier_scores_ : ndarray of shape (n_samples,)
        GLOSH [4]_: how much sparser the place of a sample is than the densest one of the cluster
        that it last belonged to, from 0 to 1.

    cluster_persistence_ : ndarray of shape (n_clusters,)
        Stability of each cluster relative to what it were if all its samples stayed to the end.

    core_distances_ : ndarray of shape (n_samples,)
        Distances to the `min_samples`-th neighbors.

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

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features; only when `X` has names that are all strings.

    See Also
    --------
    sklearn.cluster.HDBSCAN : The same clustering through all pairs of distances.

    Notes
    -----
    The package hdbscan does not count a sample as its own neighbor; `min_samples` is larger by one
    here, as in scikit-learn.

    Many edges have the same mutual reachability, so more than one spanning tree is minimal and
    implementations differ in a few labels. Here shorter distances win among equal reachabilities,
    and the result does not depend on the number of threads.

    Duplicates make :math:`1 / 0` of distances; it is replaced by twice the largest finite
    :math:`\lambda`.

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

    _parameter_constraints: dict = {
        "min_cluster_size": [Interval(Integral, 2, None, closed="left")],
        "min_samples": [Interval(Integral, 1, None, closed="left"), None],
        "cluster_selection_epsilon": [Interval(Real, 0, None, closed="left")],
        "max_cluster_size": [Interval(Integral, 1, None, closed="left"), None],
        "metric": [StrOptions(set(_VALID_METRICS) | {"precomputed"}), callable],
        "metric_params": [dict, None],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "algorithm": [StrOptions({"auto", "kd_tree", "brute"})],
        "cluster_selection_method": [StrOptions({"eom", "leaf"})],
        "allow_single_cluster": ["boolean"],
        "store_centers": [StrOptions({"centroid", "medoid", "both"}), None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        min_cluster_size=5,
        *,
        min_samples=None,
        cluster_selection_epsilon=0.0,
        max_cluster_size=None,
        metric="euclidean",
        metric_params=None,
        alpha=1.0,
        algorithm="auto",
        cluster_selection_method="eom",
        allow_single_cluster=False,
        store_centers=None,
        n_jobs=None,
    ):
        self.min_cluster_size = min_cluster_size
        self.min_samples = min_samples
        self.cluster_selection_epsilon = cluster_selection_epsilon
        self.max_cluster_size = max_cluster_size
        self.metric = metric
        self.metric_params = metric_params
        self.alpha = alpha
        self.algorithm = algorithm
        self.cluster_selection_method = cluster_selection_method
        self.allow_single_cluster = allow_single_cluster
        self.store_centers = store_centers
        self.n_jobs = n_jobs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Cluster samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                (n_samples, n_samples)
            Samples, or their distances with `metric="precomputed"`.

        y : None
            Ignored.

        Returns
        -------
        self : HDBSCAN
            The fitted estimator.
        """
        X = self._check(X, ensure_min_samples=2)
        if self.metric == "precomputed":
            if X.shape[0] != X.shape[1]:
                raise ValueError(
                    f"With metric='precomputed' X is a square matrix of distances, got shape "
                    f"{X.shape}."
                )
            if self.store_centers is not None:
                raise ValueError(
                    f"store_centers={self.store_centers!r} needs samples, not the distances of "
                    "metric='precomputed'; use store_centers=None."
                )
        self._fit_X = X
        if self.min_samples is None:
            self._min_samples = min(self.min_cluster_size, X.shape[0])
        elif self.min_samples <= X.shape[0]:
            self._min_samples = self.min_samples
        else:
            raise ValueError(
                f"min_samples={self.min_samples} needs as many samples, got "
                f"n_samples={X.shape[0]}; lower it."
            )
        self._reach = self._reachability(X, self._min_samples)
        self.core_distances_ = self._reach.core_distances()
        n_threads = self._n_threads(X)
        edges = self._reach.spanning_tree(X, n_threads)
        self.minimum_spanning_tree_ = MinimumSpanningTree(*edges)
        self.single_linkage_tree_ = SingleLinkageTree(single_linkage(*edges))
        self._dendrogram = Dendrogram(self.single_linkage_tree_.linkage)
        flat = self.reselect()
        self.labels_ = flat.labels
        self.probabilities_ = flat.probabilities
        self.cluster_persistence_ = flat.cluster_persistence
        self.condensed_tree_ = tree = flat.condensed_tree
        densest = subtree_death(tree.parent, tree.death)[tree.point_cluster]
        self.outlier_scores_ = np.zeros(len(densest), self.probabilities_.dtype)
        np.divide(
            densest - tree.point_lambda,
            densest,
            out=self.outlier_scores_,
            where=densest > 0,
            casting="same_kind",
        )
        self._store_centers(X)
        return self

    def _check(self, X, **kwargs):
        precomputed = self.metric == "precomputed"
        return validate_data(
            self,
            X,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            order=None if precomputed else "C",
            # Infinite distances are legitimate; NaN is found where the blocks are read.
            ensure_all_finite=not precomputed or issparse(X),
            **kwargs,
        )

    def _n_threads(self, X):
        # Threads that get fewer rows than this cost more than they save.
        return min(_openmp_effective_n_threads(self.n_jobs), 1 + X.shape[0] // 2000)

    def _reachability(self, X, min_samples):
        return reachability(
            X,
            self.metric,
            self.metric_params,
            min_samples,
            self.alpha,
            self.algorithm,
            self._n_threads(X),
        )

    def reselect(self, **params):
        """Choose clusters anew from the fitted hierarchy.

        The spanning tree does not depend on the parameters that condense it and choose from it, so
        that a sweep over their values costs little more than one fit. The estimator stays as it is.

        Parameters
        ----------
        **params : dict
            Values of `min_cluster_size`, `cluster_selection_epsilon`, `max_cluster_size`,
            `cluster_selection_method` and `allow_single_cluster`; those of the estimator by
            default. `min_samples` stays that of the fit, even where it was taken from
            `min_cluster_size`.

        Returns
        -------
        clustering : :class:`~sklearn.utils.Bunch`
            With `labels`, `probabilities`, `cluster_persistence` and `condensed_tree`, as the
            attributes of these names.

        Examples
        --------
        >>> from skdeepcluster import HDBSCAN
        >>> from sklearn.datasets import load_digits
        >>> X, _ = load_digits(return_X_y=True)
        >>> model = HDBSCAN(min_cluster_size=5).fit(X)
        >>> [len(model.reselect(min_cluster_size=m).cluster_persistence) for m in (5, 10, 20, 40)]
        [21, 15, 13, 10]
        """
        check_is_fitted(self, "core_distances_")
        names = (
            "min_cluster_size",
            "cluster_selection_epsilon",
            "max_cluster_size",
            "cluster_selection_method",
            "allow_single_cluster",
        )
        if unknown := sorted(params.keys() - set(names)):
            raise TypeError(f"{unknown} need another fit; reselect takes {', '.join(names)}.")
        params = {name: getattr(self, name) for name in names} | params
        validate_parameter_constraints(
            {name: self._parameter_constraints[name] for name in names}, params, "reselect"
        )
        epsilon = params["cluster_selection_epsilon"]
        clusters, member, leave = self._dendrogram.condense(params["min_cluster_size"])
        selected, flat_label = select(
            clusters["parent"],
            clusters["birth"],
            clusters["size"],
            clusters["stability"],
            params["cluster_selection_method"] == "leaf",
            epsilon,
            np.inf if params["max_cluster_size"] is None else params["max_cluster_size"],
            params["allow_single_cluster"],
        )
        tree = CondensedTree(
            **clusters,
            selected=selected,
            order=self._dendrogram.order,
            member=member,
            leave=leave,
            min_cluster_size=params["min_cluster_size"],
            flat_label=flat_label,
            # Of the whole data only what is as dense as its first split is a cluster.
            least_lambda=0.0
            if not selected[0]
            else 1 / epsilon
            if epsilon > 0
            else clusters["death"][0],
        )
        labels, probabilities, sizes = self._assign(tree, member, leave, tree.order)
        total = sizes * tree.death.max()
        persistence = np.ones(len(sizes))
        np.divide(tree.stability[selected], total, out=persistence, where=total > 0)
        return Bunch(
            labels=labels,
            probabilities=probabilities,
            cluster_persistence=persistence,
            condensed_tree=tree,
        )

    def _assign(self, tree, member, leave, order):
        """Labels, strengths and cluster sizes of points that leave the condensed tree."""
        # The last entry is for the label -1, whose strength is zero whatever stands there.
        densest = np.append(tree.death[tree.selected], 0)
        labels, strengths, sizes = assign(
            member,
            leave,
            order,
            tree.flat_label,
            densest[tree.flat_label],
            tree.least_lambda,
            len(densest) - 1,
        )
        return labels, strengths.astype(self._dtype, copy=False), sizes

    @property
    def _dtype(self):
        return np.float32 if self._fit_X.dtype == np.float32 else np.float64

    @property
    def exemplar_indices_(self):
        """Samples of highest density."""
        check_is_fitted(self, "core_distances_")
        tree = self.condensed_tree_
        if not tree.selected.any():
            return []
        cluster = tree.point_cluster
        label = tree.flat_label[cluster]
        densest = (label >= 0) & tree.leaves[cluster] & (tree.point_lambda == tree.death[cluster])
        found = np.flatnonzero(densest)
        ranked = found[np.argsort(label[found], kind="stable")]
        return np.split(ranked, np.searchsorted(label[ranked], np.arange(1, tree.selected.sum())))

    def _store_centers(self, X):
        if self.store_centers is None:
            return
        members = [np.flatnonzero(self.labels_ == k) for k in range(self.labels_.max() + 1)]
        if self.store_centers in ("centroid", "both"):
            self.centroids_ = np.empty((len(members), X.shape[1]), self._dtype)
            for center, rows in zip(self.centroids_, members, strict=True):
                weights = self.probabilities_[rows]
                center[:] = X[rows].T @ weights / weights.sum()
        if self.store_centers in ("medoid", "both"):
            medoids = np.empty(len(members), np.intp)
            for k, rows in enumerate(members):
                weights = self.probabilities_[rows]
                sums = pairwise_distances_chunked(
                    X[rows],
                    reduce_func=lambda block, _, weights=weights: block @ weights,
                    metric=self.metric,
                    **(self.metric_params or {}),
                )
                medoids[k] = rows[np.argmin(np.concatenate(list(sums)))]
            chosen = X[medoids]
            self.medoids_ = chosen.toarray() if issparse(chosen) else chosen

    def _join(self, X):
        """Where and when new samples would join the condensed tree."""
        tree = self.condensed_tree_
        n_threads = self._n_threads(X)
        neighbor, distance = self._reach.attach(X, n_threads, self._fit_X)
        with np.errstate(divide="ignore"):
            lam = np.minimum(1 / distance, self._dendrogram.max_lambda)
        cluster = attach(
            neighbor, lam, tree.point_cluster, tree.point_lambda, tree.parent, tree.birth
        )
        # It leaves no later than the sample that it hangs on.
        return cluster, np.minimum(lam, tree.point_lambda[neighbor])

    def _check_new(self, X):
        check_is_fitted(self)
        if self.metric == "precomputed" and issparse(self._fit_X):
            raise ValueError(
                "New samples cannot be placed by a sparse distance matrix; fit on a dense one."
            )
        return self._check(X, reset=False)

    def predict(self, X, return_probabilities=False):
        """Clusters of new samples in the fitted hierarchy, which does not change.

        A sample joins the hierarchy at its nearest fitted one under mutual reachability, where its
        own core distance is that to its `min_samples`-th fitted sample. Fitted samples get their
        `labels_`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                (n_samples, n_samples_fit)
            Samples, or their distances to the fitted ones with `metric="precomputed"`.

        return_probabilities : bool, default=False
            Whether to return the strength of the membership too.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Cluster of each sample, -1 for noise.

        probabilities : ndarray of shape (n_samples,)
            As `probabilities_`; only with `return_probabilities`.
        """
        X = self._check_new(X)
        cluster, lam = self._join(X)
        labels, probabilities, _ = self._assign(
            self.condensed_tree_, cluster, lam, np.arange(len(lam))
        )
        return (labels, probabilities) if return_probabilities else labels

    def predict_proba(self, X=None):
        r"""Soft clustering: how much each sample belongs to each cluster.

        .. math:: P(k \mid x) \propto \frac{1}{d_k(x)} \exp(e_k(x)), \quad
            e_k(x) = \exp\left(-\lambda_{\max} / h_k(x)\right),

        where :math:`d_k` is the distance to the nearest exemplar of the cluster, :math:`h_k` the
        :math:`\lambda` at which the sample's own place in the hierarchy and the cluster part, and
        :math:`\lambda_{\max}` the largest one where the sample lies. The row sums to the
        probability that the sample belongs to any cluster, :math:`\max_k h_k` relative to the
        largest :math:`\lambda` of that cluster, the nearest if several part last.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            New samples; by default the fitted ones.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_clusters)
            Nonnegative; the rows sum to at most 1, the rest being noise.
        """
        check_is_fitted(self)
        if self.metric == "precomputed":
            raise ValueError(
                "predict_proba measures distances to exemplars, which metric='precomputed' "
                "cannot; fit on samples with a metric."
            )
        tree = self.condensed_tree_
        if X is None:
            X, cluster, lam = self._fit_X, tree.point_cluster, tree.point_lambda
        else:
            if issparse(X):
                raise ValueError(
                    "predict_proba takes dense new rows, not a sparse matrix; pass X.toarray(), in "
                    "batches where it is large."
                )
            X = self._check_new(X)
            cluster, lam = self._join(X)
        chosen = np.flatnonzero(tree.selected)
        if len(chosen) == 0:
            return np.empty((X.shape[0], 0), self._dtype)

        parted = merge_lambdas(tree.parent, tree.birth, chosen)[cluster]
        parted = np.where(np.isnan(parted), lam[:, None], parted)
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.exp(np.exp(-tree.death[cluster, None] / parted))
        weight[parted == 0] = 1

        groups = [self._fit_X[rows] for rows in self.exemplar_indices_]
        distance = self._reach.nearest_of_groups(X, groups, self._n_threads(X))
        # Of the clusters that the sample parts from last, the nearest.
        height = parted.max(axis=1, keepdims=True)
        nearest = np.where(parted == height, distance, np.inf).argmin(axis=1)
        densest = np.maximum(tree.death[chosen[nearest]], lam)
        some = np.divide(height[:, 0], densest, out=np.ones_like(lam), where=densest > 0)
        # Relative to the least, so that an exemplar itself, at distance zero, is a limit.
        least = distance.min(axis=1, keepdims=True)
        weight *= np.divide(least, distance, out=np.ones_like(distance), where=distance > 0)
        weight *= (some / weight.sum(axis=1))[:, None]
        return weight.astype(self._dtype, copy=False)

    def dbscan_clustering(self, epsilon, min_cluster_size=5):
        """The clustering of DBSCAN, without its border points, for one radius.

        Parameters
        ----------
        epsilon : float
            Radius: samples are joined where their mutual reachability is at most this.

        min_cluster_size : int, default=5
            Smaller components are noise.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Component of each sample, -1 for noise.
        """
        check_is_fitted(self)
        return self.single_linkage_tree_.cut(epsilon, min_cluster_size)

    def score(self, X, y=None):
        """Mean strength with which samples belong to clusters, noise counting as zero.

        On samples that were held out this is small both for hierarchies cut too fine, whose
        clusters new samples miss, and for those cut too coarse, whose clusters are sparse or none.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                (n_samples, n_samples_fit)
            Samples, or their distances to the fitted ones with `metric="precomputed"`.

        y : None
            Ignored.

        Returns
        -------
        score : float
            From 0 to 1, the higher the better.
        """
        _, probabilities = self.predict(X, return_probabilities=True)
        return float(probabilities.mean())
