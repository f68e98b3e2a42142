"""Predictions and memberships by a fitted density hierarchy."""

from numbers import Integral

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._kernels._trees import attach
from skdeepcluster._sklearn import Interval, validate_parameter_constraints
from skdeepcluster.density._membership import (
    first_together,
    largest_memberships,
    soft_memberships,
    together,
)
from skdeepcluster.density._rows import all_distances, as_fitted, with_distances
from skdeepcluster.trees import exemplars, flat_clusters, outlier_scores

# Memberships that are computed at a time.
BATCH_ENTRIES = 2**20


class HierarchyMixin:
    """Predictions by a fitted hierarchy, which does not change."""

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

    def predict_proba(self, X=None, noise=False, top_k=None):
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
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            New samples, or with `metric="precomputed"` their distances to the fitted ones, of shape
            (n_samples, n_samples_fit); by default the fitted ones.

        noise : bool, default=False
            Whether to append a column, the share of noise, with which rows sum to 1.

        top_k : int, default=None
            Keep so many memberships of each sample, as a sparse array: for many clusters, as memory
            then does not grow with their number. They are the largest among the `top_k` clusters
            with which it is longest together and those of the exemplars nearest to it, and sum to
            what all would.

        Returns
        -------
        probabilities : {ndarray, csr_array} of shape (n_samples, n_clusters)
            Nonnegative, with a column more for `noise`; without it the rows sum to at most 1, the
            rest being noise.
        """
        check_is_fitted(self)
        validate_parameter_constraints(
            {"top_k": [Interval(Integral, 1, None, closed="left"), None]},
            {"top_k": top_k},
            "predict_proba",
        )
        if X is None:
            parts = self._fitted_parts()
            cluster, lam = self._points(self._tree)
        else:
            queries, complete, cluster, lam = self._join(X)
            parts = [(np.flatnonzero(complete), queries)] if complete.any() else []
        if top_k is not None:
            return self._largest(parts, cluster, lam, noise, top_k)
        n_clusters = int(self._tree.selected.sum())
        probabilities = np.zeros((len(lam), n_clusters + noise), self._dtype)
        if n_clusters:
            labels, strengths, _ = flat_clusters(self._tree, cluster, lam)
            densest = self._tree.death[self._tree.selected]
            for rows, distances in self._to_exemplars(parts):
                probabilities[rows, :n_clusters] = soft_memberships(
                    together(self._tree, cluster[rows], lam[rows]),
                    labels[rows],
                    strengths[rows],
                    distances,
                    densest,
                    self._dtype,
                )
        if noise:
            probabilities[:, -1] = np.maximum(1 - probabilities[:, :-1].sum(axis=1), 0)
        return probabilities

    def _largest(self, parts, cluster, lam, noise, top_k):
        """The largest soft memberships of samples, a sparse array."""
        groups = [np.searchsorted(self._rows, rows) for rows in self.exemplar_indices_]
        n, k = len(lam), len(groups)
        top_k = min(top_k, k)
        shares = np.zeros((n, top_k + noise), self._dtype)
        flat = np.full((n, top_k + noise), k)
        labels, strengths, _ = flat_clusters(self._tree, cluster, lam)
        found = first_together(self._tree, top_k)
        for rows, queries in parts if k else []:
            threads = self._threads_for(rows)
            for part in gen_batches(len(rows), max(1, BATCH_ENTRIES // min(k, 8 * top_k))):
                at = np.arange(part.start, part.stop)
                some = self._reach.subset(queries, at, threads)

                def reach(at, k, some=some, threads=threads):
                    few = self._reach.subset(some, at, threads)
                    return self._reach.nearest_of_groups(few, [groups[k]], threads)[:, 0]

                at = rows[part]
                shares[at, :top_k], flat[at, :top_k] = largest_memberships(
                    self._tree, cluster[at], lam[at], labels[at], strengths[at], found, reach,
                    self._reach.near_groups(some, groups, top_k, threads), top_k, self._dtype,
                )  # fmt: skip
        if noise:
            shares[:, -1] = np.maximum(1 - shares[:, :-1].sum(axis=1), 0)
        some = shares > 0
        starts = np.concatenate([[0], np.cumsum(some.sum(axis=1))])
        sparse = csr_array((shares[some], flat[some], starts), shape=(n, k + noise))
        sparse.sort_indices()
        return sparse

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
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples, or with `metric="precomputed"` their distances to the fitted ones, of shape
            (n_samples, n_samples_fit).

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
