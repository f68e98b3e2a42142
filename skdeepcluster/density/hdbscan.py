"""HDBSCAN*: hierarchical clustering by density, for any number and shape of clusters."""

from collections.abc import Callable
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.utils import Bunch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._kernels._trees import (
    Dendrogram,
    assign,
    attach,
    merge_lambdas,
    select,
    single_linkage,
    subtree_death,
)
from skdeepcluster._sklearn import (
    Interval,
    StrOptions,
    fit_context,
    validate_parameter_constraints,
)
from skdeepcluster.base import Clusterer, ThreadsMixin, param
from skdeepcluster.density._metrics import degree
from skdeepcluster.density._spanning import reachability
from skdeepcluster.trees import CondensedTree, MinimumSpanningTree, SingleLinkageTree
from skdeepcluster.validation import (
    METRICS,
    check_distance_matrix,
    check_rows,
    scaled_to_range,
    times_power_of_two,
)


def _measures_rows(estimator):
    """Whether there are exemplars to measure distances to."""
    if estimator.metric == "precomputed":
        raise AttributeError(
            "predict_proba measures distances to exemplars, which metric='precomputed' cannot; fit "
            "on samples with a metric."
        )
    return True


def _places_rows(estimator):
    """Whether new samples can be placed."""
    if estimator.metric == "precomputed" and getattr(estimator, "_sparse", False):
        raise AttributeError(
            "New samples cannot be placed by a sparse distance matrix; fit on a dense one."
        )
    return True


def _scaled(values, exponent):
    """Values times two to some power, infinite or zero where the type cannot hold them."""
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(values, exponent)


def _complete(X, *, missing):
    """Mark of the rows without infinite values, and without missing ones unless they may be."""
    values = X.data if issparse(X) else X
    bad = np.isinf(values) if missing else ~np.isfinite(values)
    if issparse(X):
        bad = csr_array((bad, X.indices, X.indptr), X.shape)
    return np.asarray(bad.sum(axis=1)).ravel() == 0


def _all_distances(X):
    """Distances as an array; those that a sparse matrix does not store are infinite."""
    if not issparse(X):
        return X
    X = X.tocoo()
    distances = np.full(X.shape, np.inf, X.dtype)
    distances[X.coords] = X.data
    return distances


class HDBSCAN(ThreadsMixin, Clusterer):
    r"""Hierarchical density-based clustering, exact and accelerated by space trees.

    Clusters are regions of high density; their number, shapes and densities need not be known, and
    points of sparse regions are noise. The one parameter that matters is the size from which on a
    group is a cluster.

    With the core distance :math:`c(x)`, the distance from :math:`x` to its `min_samples`-th nearest
    neighbor, itself counted, the mutual reachability is

    .. math:: m(x, y) = \max\{c(x), c(y), d(x, y) / \alpha\}.

    Single linkage under :math:`m` is the hierarchy of all DBSCAN clusterings (without border
    points) over their radius :math:`1 / \lambda`. It is condensed to the splits into two or more
    parts of at least `min_cluster_size` points, all else being points that fall out of a cluster. A
    cluster :math:`C` born at :math:`\lambda_C`, out of which the point :math:`p` falls at
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
        "minkowski" with the `p` of these. A function must be symmetric; with "nan_euclidean" rows
        may have missing values.

    metric_params : dict, default=None
        Further arguments of the metric. The variances `V` of "seuclidean" and the inverse `VI` of
        the covariances of "mahalanobis" are those of the samples of `fit` by default.

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

    probabilities_ : ndarray of shape (n_samples,)
        Strength of the membership: :math:`\lambda_p` relative to the largest in the cluster; 0 for
        noise.

    outlier_scores_ : ndarray of shape (n_samples,)
        GLOSH [4]_: how much sparser the place of a sample is than the densest one of the cluster
        that it last belonged to, from 0 to 1.

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

    See Also
    --------
    sklearn.cluster.HDBSCAN : The same clustering through all pairs of distances.

    Notes
    -----
    The package hdbscan does not count a sample as its own neighbor; `min_samples` is larger by one
    here, as in scikit-learn.

    Many edges have the same mutual reachability, so more than one spanning tree is minimal. Merges
    at one distance that meet are one merge of several parts here: what they would make one by one
    are clusters that exist at no radius. So labels and probabilities depend on the data alone, and
    neither on `algorithm`, nor on the order of the samples but for the clusters' numbers, nor on
    the number of threads. The packages hdbscan and scikit-learn take such merges one by one, in the
    order of their spanning trees, and differ in a few labels.

    A sample with an infinite value, or with a missing one under another metric than
    "nan_euclidean", has no distances. It is noise with a probability of 0, as in the package
    hdbscan, leaves the hierarchy at :math:`\lambda = 0` and changes nothing for the others. In
    scikit-learn its label is -2 or -3.

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

    min_cluster_size: int = param(5, Interval(Integral, 2, None, closed="left"), positional=True)
    min_samples: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    cluster_selection_epsilon: float = param(0.0, Interval(Real, 0, None, closed="left"))
    max_cluster_size: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    metric: str | Callable = param("euclidean", StrOptions(METRICS | {"precomputed"}), callable)
    metric_params: dict | None = param(None, dict, None)
    alpha: float = param(1.0, Interval(Real, 0, None, closed="neither"))
    algorithm: str = param("auto", StrOptions({"auto", "kd_tree", "brute"}))
    cluster_selection_method: str = param("eom", StrOptions({"eom", "leaf"}))
    allow_single_cluster: bool = param(False, "boolean")
    store_centers: str | None = param(None, StrOptions({"centroid", "medoid", "both"}), None)

    def __setstate__(self, state):
        if "core_distances_" in state and "_exponent" not in state:
            raise ValueError(
                "This HDBSCAN was fitted and stored by skdeepcluster 0.1.0.dev0, whose hierarchies "
                "were other ones. Load it with that version, or fit it anew."
            )
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.pairwise = self.metric == "precomputed"
        tags.input_tags.allow_nan = self.metric != "precomputed"
        return tags

    @fit_context(prefer_skip_nested_validation=True)
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
        X = self._check(X, reset=True, ensure_min_samples=2)
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
        rows, complete = self._select_rows(X)
        self._rows, left_out = np.flatnonzero(complete), np.flatnonzero(~complete)
        if rows.shape[0] < 2:
            raise ValueError(
                f"Of {X.shape[0]} samples {len(left_out)} have missing or infinite values; HDBSCAN "
                "needs 2 others at least."
            )
        self._sparse, self._dtype = issparse(X), X.dtype
        # What distances and values are powers of two of, so that their squares are numbers.
        self._exponent = self._row_exponent = 0
        power = degree(self.metric, self.metric_params)
        if power is not None:
            rows, factor = scaled_to_range(rows)
            self._row_exponent = int(np.frexp(factor)[1]) - 1
            self._exponent = power * self._row_exponent
        n = rows.shape[0]
        if self.min_samples is None:
            self._min_samples = min(self.min_cluster_size, n)
        elif self.min_samples <= n:
            self._min_samples = self.min_samples
        else:
            raise ValueError(
                f"min_samples={self.min_samples} needs as many samples, got n_samples={n}; lower "
                "it."
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
        )
        self.core_distances_ = np.full(X.shape[0], np.inf)
        self.core_distances_[complete] = _scaled(self._reach.core_distances(), self._exponent)
        source, target, distance = self._reach.spanning_tree(n_threads)
        if len(left_out):
            # Farther from the others than anything.
            source = np.append(self._rows[source], np.full(len(left_out), self._rows[0]))
            target = np.append(self._rows[target], left_out)
            distance = np.append(distance, np.full(len(left_out), np.inf))
        linkage = single_linkage(source, target, distance)
        self._dendrogram = Dendrogram(linkage)
        self.minimum_spanning_tree_ = MinimumSpanningTree(
            source, target, _scaled(distance, self._exponent)
        )
        linkage[:, 2] = _scaled(linkage[:, 2], self._exponent)
        self.single_linkage_tree_ = SingleLinkageTree(linkage)
        self._tree, flat = self._choose()
        self.labels_ = flat.labels
        self.probabilities_ = flat.probabilities
        self.cluster_persistence_ = flat.cluster_persistence
        self.condensed_tree_ = flat.condensed_tree
        densest = subtree_death(self._tree.parent, self._tree.death)[self._tree.point_cluster]
        self.outlier_scores_ = np.zeros(len(densest), self._dtype)
        np.divide(
            densest - self._tree.point_lambda,
            densest,
            out=self.outlier_scores_,
            where=densest > 0,
            casting="same_kind",
        )
        self._store_centers(X)
        return self

    def _check(self, X, **kwargs):
        precomputed = self.metric == "precomputed"
        return check_rows(
            self,
            X,
            order=None if precomputed else "C",
            # Infinite distances are legitimate, and those that are missing are found later.
            ensure_all_finite=precomputed and issparse(X),
            **kwargs,
        )

    def _select_rows(self, X):
        """The rows that have distances, and a mark of them."""
        if self.metric == "precomputed":
            return X, np.ones(X.shape[0], bool)
        complete = _complete(X, missing=self.metric == "nan_euclidean")
        return X if complete.all() else X[complete], complete

    def _threads_for(self, X):
        # Threads that get fewer rows than this cost more than they save.
        return min(self._n_threads(), 1 + X.shape[0] // 2000)

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
        [20, 15, 13, 10]
        """
        check_is_fitted(self, "core_distances_")
        return self._choose(**params)[1]

    def _choose(self, **params):
        """The condensed tree in the units of the dendrogram, and what `reselect` returns."""
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
        epsilon = _scaled(float(params["cluster_selection_epsilon"]), -self._exponent)
        clusters, member, leave = self._dendrogram.condense(
            # Of fewer samples nothing splits.
            min(params["min_cluster_size"], len(self._rows))
        )
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
        public = tree
        if self._exponent:
            lambdas = {
                name: _scaled(getattr(tree, name), -self._exponent)
                for name in ("birth", "death", "stability", "leave", "least_lambda")
            }
            public = replace(tree, **lambdas)
        return tree, Bunch(
            labels=labels,
            probabilities=probabilities,
            cluster_persistence=persistence,
            condensed_tree=public,
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
    def exemplar_indices_(self):
        """Samples of highest density."""
        check_is_fitted(self, "core_distances_")
        tree = self._tree
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
                sums = self._reach.weighted_sums(
                    np.searchsorted(self._rows, rows),
                    self.probabilities_[rows],
                    self._threads_for(X),
                )
                medoids[k] = rows[np.argmin(sums)]
            chosen = X[medoids]
            self.medoids_ = chosen.toarray() if issparse(chosen) else chosen

    def _join(self, X):
        """Where and when new samples join the condensed tree.

        Returns
        -------
        queries : object
            Those that have distances, as `_reach` takes them; None if there are none.
        complete : ndarray of shape (n_samples,)
            Mark of these.
        cluster, lam : ndarrays of shape (n_samples,)
            The last cluster of each sample and the lambda at which it leaves it.
        """
        check_is_fitted(self)
        X = self._check(X, reset=False)
        n_threads = self._threads_for(X)
        cluster, lam = np.zeros(X.shape[0], np.int32), np.zeros(X.shape[0])
        X, complete = self._select_rows(X)
        if not complete.any():
            return None, complete, cluster, lam
        X = _all_distances(X) if self.metric == "precomputed" else self._as_fitted(X)
        tree = self._tree
        queries = self._reach.queries(X, n_threads)
        neighbor, distance = self._reach.attach(queries, n_threads)
        neighbor = self._rows[neighbor]
        with np.errstate(divide="ignore"):
            reached = np.minimum(1 / distance, self._dendrogram.max_lambda)
        cluster[complete] = attach(
            neighbor, reached, tree.point_cluster, tree.point_lambda, tree.parent, tree.birth
        )
        # It leaves no later than the sample that it hangs on.
        lam[complete] = np.minimum(reached, tree.point_lambda[neighbor])
        return queries, complete, cluster, lam

    def _as_fitted(self, X):
        """Rows in the form, the units and the type of those of `fit`."""
        if issparse(X) and not self._sparse:
            X = X.toarray()
        elif self._sparse and not issparse(X):
            X = csr_array(X)
        if self._row_exponent:
            with np.errstate(over="ignore", under="ignore"):
                X = times_power_of_two(X, -self._row_exponent)
        # What is too large for the type is far from everything, and stays a number.
        largest = np.finfo(self._dtype).max
        values = X.data if issparse(X) else X
        values = np.clip(values, -largest, largest).astype(self._dtype, copy=False)
        return csr_array((values, X.indices, X.indptr), X.shape) if issparse(X) else values

    @available_if(_places_rows)
    def predict(self, X, return_probabilities=False):
        """Clusters of new samples in the fitted hierarchy, which does not change.

        A sample joins the hierarchy at its nearest fitted one under mutual reachability, where its
        own core distance is that to its `min_samples`-th fitted sample. Fitted samples get their
        `labels_` and `probabilities_`. A sample with missing or infinite values is noise. There is
        no such method after a fit on a sparse matrix of distances.

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
        _, _, cluster, lam = self._join(X)
        labels, probabilities, _ = self._assign(self._tree, cluster, lam, np.arange(len(lam)))
        return (labels, probabilities) if return_probabilities else labels

    @available_if(_measures_rows)
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
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            New samples; by default the fitted ones. There is no such method with
            `metric="precomputed"`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_clusters)
            Nonnegative; the rows sum to at most 1, the rest being noise.
        """
        check_is_fitted(self)
        tree = self._tree
        chosen = np.flatnonzero(tree.selected)
        if X is None:
            queries, cluster, lam = (
                self._reach.fitted_queries(),
                tree.point_cluster,
                tree.point_lambda,
            )
            complete = np.zeros(len(lam), bool)
            complete[self._rows] = True
        else:
            queries, complete, cluster, lam = self._join(X)
        probabilities = np.zeros((len(lam), len(chosen)), self._dtype)
        if len(chosen) == 0 or not complete.any():
            return probabilities
        cluster, lam = cluster[complete], lam[complete]

        parted = merge_lambdas(tree.parent, tree.birth, chosen)[cluster]
        parted = np.where(np.isnan(parted), lam[:, None], parted)
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.exp(np.exp(-tree.death[cluster, None] / parted))
        weight[parted == 0] = 1

        groups = [np.searchsorted(self._rows, rows) for rows in self.exemplar_indices_]
        distance = self._reach.nearest_of_groups(queries, groups, self._threads_for(lam))
        # Of the clusters that the sample parts from last, the nearest.
        height = parted.max(axis=1, keepdims=True)
        nearest = np.where(parted == height, distance, np.inf).argmin(axis=1)
        densest = np.maximum(tree.death[chosen[nearest]], lam)
        some = np.divide(height[:, 0], densest, out=np.ones_like(lam), where=densest > 0)
        # Relative to the least, so that an exemplar itself, at distance zero, is a limit; all may
        # be infinite.
        least = distance.min(axis=1, keepdims=True)
        weight *= np.divide(least, distance, out=np.ones_like(distance), where=distance > least)
        weight *= (some / weight.sum(axis=1))[:, None]
        probabilities[complete] = weight
        return probabilities

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

    @available_if(_places_rows)
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
