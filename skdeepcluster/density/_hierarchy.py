"""Selections from a fitted density hierarchy, predictions and memberships."""

from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.utils import Bunch, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._kernels._trees import attach
from skdeepcluster._sklearn import Interval, validate_parameter_constraints
from skdeepcluster.density._membership import soft_memberships
from skdeepcluster.density._rows import all_distances, as_fitted, scaled, with_distances
from skdeepcluster.trees import (
    condensed_tree,
    exemplars,
    flat_clusters,
    labels_of_points,
    outlier_scores,
    persistence,
    relative_validity,
)
from skdeepcluster.validation import check_labels


class HierarchyMixin:
    """Selections and predictions from a fitted hierarchy, which does not change."""

    def reselect(self, **params):
        """Select clusters from the fitted hierarchy by other parameters.

        The spanning tree does not depend on the parameters of condensing and selection, so a sweep
        over their values costs little more than one fit. The estimator does not change.

        Parameters
        ----------
        **params : dict
            Values of `min_cluster_size`, `cluster_selection_epsilon`,
            `cluster_selection_epsilon_max`, `max_cluster_size`, `cluster_selection_method` and
            `allow_single_cluster`; those of the estimator by default. `min_samples` stays that of
            the fit, even where it was taken from `min_cluster_size`. By `n_clusters` so many
            clusters of greatest total stability are selected; None, the default, leaves their
            number open.

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
            "cluster_selection_epsilon_max",
            "max_cluster_size",
            "cluster_selection_method",
            "allow_single_cluster",
        )
        constraints = {name: self._parameter_constraints[name] for name in names}
        constraints["n_clusters"] = [Interval(Integral, 1, None, closed="left"), None]
        if unknown := sorted(params.keys() - constraints.keys()):
            raise TypeError(f"{unknown} need another fit; reselect takes {', '.join(constraints)}.")
        params = {"n_clusters": None, **{name: getattr(self, name) for name in names}} | params
        validate_parameter_constraints(constraints, params, "reselect")
        if params["n_clusters"] is not None and (
            params["cluster_selection_method"] != "eom" or params["cluster_selection_epsilon"] > 0
        ):
            raise ValueError(
                f"n_clusters={params['n_clusters']} selects clusters by their stability; it needs "
                "cluster_selection_method='eom' and cluster_selection_epsilon=0."
            )
        tree = condensed_tree(
            self._dendrogram,
            # Of fewer samples nothing splits.
            min(params["min_cluster_size"], self._n_counted),
            method=params["cluster_selection_method"],
            epsilon=scaled(float(params["cluster_selection_epsilon"]), -self._exponent),
            max_cluster_size=params["max_cluster_size"],
            allow_single_cluster=params["allow_single_cluster"],
            epsilon_max=scaled(
                float(params["cluster_selection_epsilon_max"] or np.inf), -self._exponent
            ),
            n_clusters=params["n_clusters"],
        )
        if self._weight is None:
            labels, probabilities, sizes = flat_clusters(tree, tree.member, tree.leave, tree.order)
        else:
            labels, probabilities, sizes = labels_of_points(tree, *self._points(tree), self._weight)
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

    def _points(self, tree):
        """The last cluster of each fitted sample in a tree, and when it leaves it."""
        cluster, lam = tree.point_cluster, tree.point_lambda
        if self._weightless is not None:
            rows, _, neighbor, reached = self._weightless
            cluster, lam = cluster.copy(), lam.copy()
            cluster[rows], lam[rows] = _attached(tree, neighbor, reached)
        return cluster, lam

    @property
    def exemplar_indices_(self):
        """Samples of highest density."""
        check_is_fitted(self, "core_distances_")
        return exemplars(self._tree)

    def relative_validity(self, labels=None):
        r"""How well clusters are separated along the spanning tree, to compare settings of one fit.

        .. math:: \sum_C \frac{n_C}{n} \frac{s(C) - l(C)}{\max\{s(C), l(C)\}},

        where :math:`l(C)` is the longest edge within a cluster and :math:`s(C)` the shortest one to
        another, or twice the longest of all if there is none: a fast approximation of
        :func:`~skdeepcluster.metrics.density_validity`. Fits by other metrics or `min_samples` have
        other trees, and their values cannot be compared.

        Parameters
        ----------
        labels : array-like of shape (n_samples,), default=None
            Those that `reselect` or `assign_noise` gives, -1 for noise; by default `labels_`.

        Returns
        -------
        validity : float
            From -1 to 1, the higher the better; 0 if all samples are noise.
        """
        check_is_fitted(self, "core_distances_")
        labels = self.labels_ if labels is None else check_labels(labels, "labels")
        check_consistent_length(labels, self.labels_)
        return relative_validity(self.minimum_spanning_tree_, labels, self._weight)

    def dbscan_clustering(self, epsilon, min_cluster_size=5):
        """The clustering of DBSCAN, without its border points, for one radius.

        Parameters
        ----------
        epsilon : float
            Radius: samples are joined where their mutual reachability is at most this.

        min_cluster_size : int, default=5
            Smaller components, or such of less weight, are noise.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Component of each sample, -1 for noise.
        """
        check_is_fitted(self)
        if self._weight is None:
            return self.single_linkage_tree_.cut(epsilon, min_cluster_size)
        labels = self.single_linkage_tree_.cut(epsilon, 1)
        # The copies that a weight stands for are apart outside of their core distance.
        mass = np.where(self.core_distances_ > epsilon, np.minimum(self._weight, 1), self._weight)
        large = np.bincount(labels, mass) >= min_cluster_size
        return np.where(large, np.cumsum(large) - 1, -1)[labels]

    def predict(self, X, return_probabilities=False):
        """Clusters of new samples in the fitted hierarchy, which does not change.

        A sample joins the hierarchy at its nearest fitted one under mutual reachability, where its
        own core distance is that to its `min_samples`-th fitted sample. Fitted samples get their
        `labels_` and `probabilities_`. A sample with missing or infinite values is noise. Of a
        sparse matrix of distances, what is not stored is infinite; fitted samples get their labels
        if their zero distance to themselves is stored.

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

    def predict_proba(self, X=None, noise=False):
        r"""Soft clustering: how much each sample belongs to each cluster.

        .. math:: P(k \mid x) \propto \left(\frac{h_k(x)}{\max_j h_j(x)}\right)^4
            \left(\frac{\min_j d_j(x)}{d_k(x)}\right)^e,

        where :math:`h_k` is the :math:`\lambda` until which the sample and the cluster are
        together in the hierarchy, and :math:`d_k` the distance to the nearest exemplar of the
        cluster. The exponent is the largest of 1, 1/2, 1/4 and 0 with which the cluster of the
        sample, which has the largest :math:`h`, has the largest membership too. So the largest
        entry of a row is that of the label that `predict` gives, unless this is noise. The row sums
        to the strength of the membership, `probabilities_`; for noise to :math:`\max_k h_k`
        relative to the largest :math:`\lambda` of that cluster, the nearest one in case of ties.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                (n_samples, n_samples_fit), default=None
            New samples, or their distances to the fitted ones with `metric="precomputed"`; by
            default the fitted ones.

        noise : bool, default=False
            Whether to append a column, the share of noise, with which rows sum to 1.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_clusters) or (n_samples, n_clusters + 1)
            Nonnegative; without `noise` the rows sum to at most 1, the rest being noise.
        """
        check_is_fitted(self)
        if X is None:
            parts = self._fitted_parts()
            cluster, lam = self._points(self._tree)
        else:
            queries, complete, cluster, lam = self._join(X)
            parts = [(np.flatnonzero(complete), queries)] if complete.any() else []
        n_clusters = int(self._tree.selected.sum())
        probabilities = np.zeros((len(lam), n_clusters + noise), self._dtype)
        if n_clusters:
            labels, strengths, _ = flat_clusters(self._tree, cluster, lam)
            for rows, distances in self._to_exemplars(parts):
                probabilities[rows, :n_clusters] = soft_memberships(
                    self._tree,
                    cluster[rows],
                    lam[rows],
                    labels[rows],
                    strengths[rows],
                    distances,
                    self._dtype,
                )
        if noise:
            probabilities[:, -1] = np.maximum(1 - probabilities[:, :-1].sum(axis=1), 0)
        return probabilities

    def _fitted_parts(self):
        """Fitted samples and the queries that they are: those with weight, then the others."""
        parts = [(self._rows, self._reach.fitted_queries())]
        return parts if self._weightless is None else [*parts, self._weightless[:2]]

    def _to_exemplars(self, parts):
        """Distances of samples to the nearest exemplar of each cluster, part by part."""
        groups = [np.searchsorted(self._rows, rows) for rows in self.exemplar_indices_]
        for rows, queries in parts:
            threads = self._threads_for(rows)
            yield rows, self._reach.nearest_of_groups(queries, groups, threads)

    def score_samples(self, X):
        r"""Minus the outlier scores of samples: how usual they are.

        A new sample that joins the hierarchy at :math:`\lambda_x` in the cluster :math:`C` has the
        score GLOSH :math:`1 - \lambda_x / \lambda_{\max}(C)`, with the largest :math:`\lambda` in
        or below the cluster; fitted samples have their `outlier_scores_`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                (n_samples, n_samples_fit)
            Samples, or their distances to the fitted ones with `metric="precomputed"`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            From -1, far from all fitted samples, to 0 in the densest region of a cluster.
        """
        _, _, cluster, lam = self._join(X)
        return -outlier_scores(self._tree, cluster, lam).astype(self._dtype, copy=False)

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
        cluster, lam = np.zeros(X.shape[0], np.int32), np.zeros(X.shape[0])
        X, complete = with_distances(X, self.metric)
        if not complete.any():
            return None, complete, cluster, lam
        queries, neighbor, reached = self._nearest(X)
        cluster[complete], lam[complete] = _attached(self._tree, neighbor, reached)
        return queries, complete, cluster, lam

    def _nearest(self, X):
        """New samples as queries, the samples that they join, and at which lambda."""
        n_threads = self._threads_for(X)
        if self.metric == "precomputed":
            X = X if self._sparse else all_distances(X)
            X = X if len(self._rows) == X.shape[1] else X[:, self._rows]
        else:
            X = as_fitted(X, self._sparse, self._dtype, self._row_exponent)
        queries = self._reach.queries(X, n_threads)
        neighbor, distance = self._reach.attach(queries, n_threads)
        with np.errstate(divide="ignore"):
            reached = np.minimum(1 / distance, self._dendrogram.max_lambda)
        return queries, self._rows[neighbor], reached


def _attached(tree, neighbor, reached):
    """The last cluster of points that join a tree at others, and the lambda when they leave it."""
    cluster = attach(
        neighbor, reached, tree.point_cluster, tree.point_lambda, tree.parent, tree.birth
    )
    # They leave no later than the point that they are attached to.
    return cluster, np.minimum(reached, tree.point_lambda[neighbor])
