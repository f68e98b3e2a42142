"""Clusters for samples that are noise."""

from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._kernels._trees import spread_labels
from skdeepcluster._sklearn import Interval, StrOptions, validate_parameter_constraints

_CONSTRAINTS = {
    "strategy": [StrOptions({"exemplar", "probability", "density_path"})],
    "threshold": [Interval(Real, 0, 1, closed="both")],
}


class NoiseMixin:
    """Assignment of noise after a fit, which does not change."""

    def assign_noise(self, strategy="exemplar", threshold=0.0):
        r"""Clusters for the fitted samples that are noise, each with a confidence.

        Parameters
        ----------
        strategy : {"exemplar", "probability", "density_path"}, default="exemplar"
            How a sample finds its cluster: by the nearest exemplar, with the confidence
            :math:`1 - d_1 / d_2` for the distances to the exemplars of the two nearest clusters; by
            the largest entry of `predict_proba`, which is the confidence; or along the spanning
            tree, on the way to a cluster whose longest edge is the shortest possible, with the
            inverse of that edge relative to the largest :math:`\lambda` of the cluster.

        threshold : float, default=0.0
            Samples of less confidence, and of none, stay noise.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            As `labels_` for all samples that have a cluster.

        confidence : ndarray of shape (n_samples,)
            From 0 to 1; `probabilities_` for those that have a cluster.

        Examples
        --------
        >>> from skdeepcluster import HDBSCAN
        >>> from sklearn.datasets import make_blobs
        >>> X, _ = make_blobs(300, centers=3, random_state=0)
        >>> model = HDBSCAN(10).fit(X)
        >>> labels, confidence = model.assign_noise(threshold=0.2)
        >>> bool((labels < 0).sum() < (model.labels_ < 0).sum())
        True
        """
        check_is_fitted(self, "core_distances_")
        validate_parameter_constraints(
            _CONSTRAINTS, {"strategy": strategy, "threshold": threshold}, "assign_noise"
        )
        labels = self.labels_.copy()
        confidence = self.probabilities_.astype(np.float64)
        noise = np.flatnonzero(labels < 0)
        if self.n_clusters_ and len(noise):
            find = {
                "exemplar": self._by_exemplar,
                "probability": self._by_probability,
                "density_path": self._by_path,
            }[strategy]
            found, sure = find()
            kept = noise[(sure[noise] > 0) & (sure[noise] >= threshold)]
            labels[kept] = found[kept]
            confidence[noise] = sure[noise]
        return labels, confidence.astype(self._dtype, copy=False)

    def _by_exemplar(self):
        n = len(self.labels_)
        found, sure = np.zeros(n, np.int64), np.zeros(n)
        for rows, distance in self._to_exemplars(self._fitted_parts()):
            found[rows] = distance.argmin(axis=1)
            # Without another cluster nothing speaks against the nearest.
            alone = np.full((len(rows), 1), np.inf)
            first, second = np.sort(np.hstack([distance, alone]), axis=1)[:, :2].T
            ratio = np.divide(first, second, out=np.ones(len(rows)), where=first < second)
            sure[rows] = 1 - ratio
        return found, sure

    def _by_probability(self):
        soft = self.predict_proba()
        return soft.argmax(axis=1), soft.max(axis=1).astype(np.float64)

    def _by_path(self):
        edges, tree = self.minimum_spanning_tree_, self.condensed_tree_
        found, edge = spread_labels(
            edges.source.astype(np.int64), edges.target.astype(np.int64), self.labels_
        )
        densest = tree.death[tree.selected][found]
        with np.errstate(divide="ignore"):
            lam = 1 / edges.distance[edge]
        sure = np.divide(lam, densest, out=np.zeros_like(lam), where=densest > 0)
        return found, np.minimum(sure, 1)
