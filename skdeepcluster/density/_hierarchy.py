"""Selections from a fitted density hierarchy, predictions and memberships."""

from dataclasses import replace

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._kernels._trees import attach, merge_lambdas
from skdeepcluster._sklearn import validate_parameter_constraints
from skdeepcluster.density._rows import all_distances, as_fitted, scaled, with_distances
from skdeepcluster.trees import condensed_tree, exemplars, flat_clusters, persistence


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


class HierarchyMixin:
    """Selections and predictions from a fitted hierarchy, which does not change."""

    def reselect(self, **params):
        """Select clusters from the fitted hierarchy by other parameters.

        The spanning tree does not depend on the parameters of condensing and selection, so a sweep
        over their values costs little more than one fit. The estimator does not change.

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
        tree = condensed_tree(
            self._dendrogram,
            # Of fewer samples nothing splits.
            min(params["min_cluster_size"], len(self._rows)),
            method=params["cluster_selection_method"],
            epsilon=scaled(float(params["cluster_selection_epsilon"]), -self._exponent),
            max_cluster_size=params["max_cluster_size"],
            allow_single_cluster=params["allow_single_cluster"],
        )
        labels, probabilities, sizes = flat_clusters(tree, tree.member, tree.leave, tree.order)
        changed = {}
        if tree.min_cluster_size != params["min_cluster_size"]:
            changed["min_cluster_size"] = params["min_cluster_size"]
        if self._exponent:
            for name in ("birth", "death", "stability", "leave", "least_lambda"):
                changed[name] = scaled(getattr(tree, name), -self._exponent)
        return tree, Bunch(
            labels=labels,
            probabilities=probabilities.astype(self._dtype, copy=False),
            cluster_persistence=persistence(tree, sizes),
            condensed_tree=replace(tree, **changed) if changed else tree,
        )

    @property
    def exemplar_indices_(self):
        """Samples of highest density."""
        check_is_fitted(self, "core_distances_")
        return exemplars(self._tree)

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
        labels, probabilities, _ = flat_clusters(self._tree, cluster, lam)
        probabilities = probabilities.astype(self._dtype, copy=False)
        return (labels, probabilities) if return_probabilities else labels

    @available_if(_measures_rows)
    def predict_proba(self, X=None):
        r"""Soft clustering: how much each sample belongs to each cluster.

        .. math:: P(k \mid x) \propto \frac{1}{d_k(x)} \exp(e_k(x)), \quad
            e_k(x) = \exp\left(-\lambda_{\max} / h_k(x)\right),

        where :math:`d_k` is the distance to the nearest exemplar of the cluster, :math:`h_k` the
        :math:`\lambda` at which the sample and the cluster separate in the hierarchy, and
        :math:`\lambda_{\max}` the largest one of the sample's last cluster. The row sums to the
        probability that the sample belongs to any cluster, :math:`\max_k h_k` relative to the
        largest :math:`\lambda` of that cluster, the nearest one in case of ties.

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

        split_at = merge_lambdas(tree.parent, tree.birth, chosen)[cluster]
        split_at = np.where(np.isnan(split_at), lam[:, None], split_at)
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.exp(np.exp(-tree.death[cluster, None] / split_at))
        weight[split_at == 0] = 1

        groups = [np.searchsorted(self._rows, rows) for rows in self.exemplar_indices_]
        distance = self._reach.nearest_of_groups(queries, groups, self._threads_for(lam))
        # Of the clusters from which the sample separates last, the nearest.
        height = split_at.max(axis=1, keepdims=True)
        nearest = np.where(split_at == height, distance, np.inf).argmin(axis=1)
        densest = np.maximum(tree.death[chosen[nearest]], lam)
        some = np.divide(height[:, 0], densest, out=np.ones_like(lam), where=densest > 0)
        # Relative to the smallest distance, which is 0 for an exemplar; all may be infinite.
        least = distance.min(axis=1, keepdims=True)
        weight *= np.divide(least, distance, out=np.ones_like(distance), where=distance > least)
        weight *= (some / weight.sum(axis=1))[:, None]
        probabilities[complete] = weight
        return probabilities

    @available_if(_places_rows)
    def score(self, X, y=None):
        """Mean strength with which samples belong to clusters, noise counting as zero.

        On held-out samples this is small both for clusterings that are too fine, whose clusters new
        samples miss, and for those too coarse, whose clusters are sparse or missing.

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

    def _join(self, X):
        """Where new samples join the condensed tree, and at which lambda.

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
        X, complete = with_distances(X, self.metric)
        if not complete.any():
            return None, complete, cluster, lam
        if self.metric == "precomputed":
            X = all_distances(X)
        else:
            X = as_fitted(X, self._sparse, self._dtype, self._row_exponent)
        tree = self._tree
        queries = self._reach.queries(X, n_threads)
        neighbor, distance = self._reach.attach(queries, n_threads)
        neighbor = self._rows[neighbor]
        with np.errstate(divide="ignore"):
            reached = np.minimum(1 / distance, self._dendrogram.max_lambda)
        cluster[complete] = attach(
            neighbor, reached, tree.point_cluster, tree.point_lambda, tree.parent, tree.birth
        )
        # It leaves no later than the sample that it is attached to.
        lam[complete] = np.minimum(reached, tree.point_lambda[neighbor])
        return queries, complete, cluster, lam
