"""Selections of clusters from a fitted density hierarchy."""

import warnings
from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._sklearn import Interval, validate_parameter_constraints
from skdeepcluster.algorithms.density_layers import MIN_SAMPLES, least_sizes, longest_ranges
from skdeepcluster.constraints import ConstraintMixin, check_partial_labels
from skdeepcluster.density._known import Known
from skdeepcluster.density._rows import scaled
from skdeepcluster.trees import (
    condensed_tree,
    flat_clusters,
    labels_of_points,
    persistence,
    relative_validity,
)
from skdeepcluster.validation import caller_level, check_labels


class SelectionMixin(ConstraintMixin):
    """Selections of clusters from a fitted hierarchy, which does not change."""

    # Partial labels and pairs, if there are any.
    _known = None

    def _learn(self, y, constraints, sample_ids, n):
        """Take what is known of samples; returns the pairs by position."""
        labels, self.classes_ = check_partial_labels(y, n)
        pairs = self._pairs(constraints, sample_ids, n)
        self._known = None
        if labels is not None or pairs.n_pairs:
            self._known = Known(labels, pairs)
            if self.cluster_selection_method != "eom" or self.cluster_selection_epsilon > 0:
                raise ValueError(
                    "Labels and pairs choose clusters with cluster_selection_method='eom' and "
                    "cluster_selection_epsilon=0 only."
                )
        return pairs

    def reselect(self, **params):
        """Select clusters from the fitted hierarchy by other parameters.

        The spanning tree does not depend on the parameters of condensing and selection, so a sweep
        over their values costs little more than one fit. The estimator does not change.

        Parameters
        ----------
        **params : dict
            Values of `min_cluster_size`, `cluster_selection_epsilon`,
            `cluster_selection_epsilon_max`, `cluster_selection_persistence`, `max_cluster_size`,
            `cluster_selection_method` and `allow_single_cluster`; those of the estimator by
            default. `min_samples` stays that of the fit, even where it was taken from
            `min_cluster_size`. By `n_clusters` so many clusters of greatest total stability are
            selected; None, the default, leaves their number open. Partial labels and pairs of the
            fit choose clusters with "eom" and without `n_clusters`, and
            `cluster_selection_epsilon` is not used then.

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

    def _selection(self, params):
        """Checked parameters of a selection, those of the estimator where none are given."""
        names = (
            "min_cluster_size",
            "cluster_selection_epsilon",
            "cluster_selection_epsilon_max",
            "cluster_selection_persistence",
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
        if params["cluster_selection_method"] == "cut" and not params["cluster_selection_epsilon"]:
            raise ValueError(
                "cluster_selection_method='cut' cuts the hierarchy at cluster_selection_epsilon; "
                "give it a positive value."
            )
        return params

    def _condensed(self, params):
        """The condensed tree in the units of the dendrogram."""
        return condensed_tree(
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
            satisfied=self._known and self._known.satisfied,
            persistence=scaled(float(params["cluster_selection_persistence"]), self._exponent),
        )

    def _ranges(self, params):
        """Least sizes of clusters, and ranges of them that give a number of clusters."""
        sizes = least_sizes(self._n_counted)
        trees = (self._condensed(params | {"min_cluster_size": size}) for size in sizes)
        return sizes, longest_ranges([int(tree.selected.sum()) for tree in trees])

    def _choose(self, **params):
        """The condensed tree in the units of the dendrogram, and what `reselect` returns."""
        params = self._selection(params)
        if params["min_cluster_size"] == "auto":
            # A given number is not looked for.
            sizes, ranges = self._ranges(params | {"n_clusters": None})
            # Of several that persist as long the one of most clusters.
            best = max(ranges, key=lambda k: (ranges[k].persistence, k), default=None)
            params["min_cluster_size"] = sizes[ranges[best].middle] if best else MIN_SAMPLES
        tree = self._condensed(params)
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

    def _warn_of_noise(self):
        """Warn where a fit found no cluster."""
        if self.n_clusters_:
            return
        size, samples = self.condensed_tree_.min_cluster_size, self._min_samples
        warnings.warn(
            "All samples are noise: they do not split into two groups of "
            f"min_cluster_size={size:g} that are denser than what is between them, with "
            f"min_samples={samples:g}. Lower these, or admit a single cluster by "
            "allow_single_cluster=True.",
            ConvergenceWarning,
            stacklevel=caller_level(),
        )

    def layers(self):
        """Clusterings of several granularities, one for each number of clusters that persists.

        `min_cluster_size` grows by a quarter each from 4, or 0.3 % of the samples, up to a third of
        them. Each number of clusters that some values give, two at least, makes a layer: the
        clustering by the middle of the longest range of values that give it. The other parameters
        of selection are those of the estimator. Nothing is fitted again.

        Returns
        -------
        layers : list of :class:`~sklearn.utils.Bunch`
            From many clusters to few, each with `labels`, `probabilities`, `cluster_persistence`
            and `condensed_tree` as `reselect` returns them, with the `min_cluster_size`, and with
            the `persistence`: the logarithm of the ratio of values that give this number of
            clusters. ``min_cluster_size="auto"`` takes the layer that persists longest.

        Examples
        --------
        >>> from skdeepcluster import HDBSCAN
        >>> from sklearn.datasets import make_blobs
        >>> centers = [[0, 0], [0, 6], [30, 0], [30, 6]]
        >>> X, _ = make_blobs(400, centers=centers, random_state=0)
        >>> model = HDBSCAN("auto", cluster_selection_method="leaf").fit(X)
        >>> [int(layer.labels.max()) + 1 for layer in model.layers()][-2:]
        [4, 2]
        """
        check_is_fitted(self, "core_distances_")
        sizes, ranges = self._ranges(self._selection({}))
        layers = []
        for number in sorted(ranges, reverse=True):
            found = ranges[number]
            size = sizes[found.middle]
            layer = self.reselect(min_cluster_size=size)
            layer.update(min_cluster_size=size, persistence=found.persistence)
            layers.append(layer)
        return layers

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
