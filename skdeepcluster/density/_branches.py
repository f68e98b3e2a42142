"""Branches of clusters: arms along which they leave their center."""

from numbers import Integral

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._kernels._trees import single_linkage, spanning_forest
from skdeepcluster._sklearn import Interval, StrOptions, validate_parameter_constraints
from skdeepcluster.algorithms.groups import components
from skdeepcluster.algorithms.neighbors import nearest_neighbors
from skdeepcluster.trees import condensed_tree, flat_clusters

_CONSTRAINTS = {
    "min_branch_size": [Interval(Integral, 2, None, closed="left"), None],
    "method": [StrOptions({"eom", "leaf"})],
    "sides": ["boolean"],
}


class BranchMixin:
    """Branches of the flat clusters of a fit, which does not change."""

    def branches(self, min_branch_size=None, method="eom", sides=False):
        r"""Divide clusters into their branches (FLASC), arms that meet at a center.

        In each cluster, samples are connected with their nearest ones in it and along the spanning
        tree. From the distance :math:`e(x)` to the mean of the cluster, weighted by
        `probabilities_`, an edge has the length :math:`\max\{1 / e(x), 1 / e(y)\}`: outer samples
        are joined first, and the arms of a cluster only near its center. The hierarchy of single
        linkage by these lengths is condensed, and branches are chosen from it, as clusters are.

        Parameters
        ----------
        min_branch_size : int, default=None
            Smallest number of samples of a branch; by default that of a cluster.

        method : {"eom", "leaf"}, default="eom"
            As `cluster_selection_method`.

        sides : bool, default=False
            Whether two branches, which are the two ends of a long cluster, are branches too.

        Returns
        -------
        branches : :class:`~sklearn.utils.Bunch`
            With `labels` of shape (n_samples,), -1 for noise: a cluster without branches keeps one
            label, one with branches has one label for the samples at its center, if there are any,
            and one for each branch, in the order of the clusters; with the `clusters` of these
            labels, and `n_branches` of each cluster, 0 where it has none. Samples of weight 0 are
            in no branch but at the center.

        Notes
        -----
        Distances to the mean and between neighbors are Euclidean, of rows of length one with an
        angular metric.

        Differences from the paper: neighbors are the `min_samples` - 1 nearest within the cluster,
        not those of the whole set that happen to be in it; parts of a cluster that noise separates
        are joined at their rows nearest to the mean.

        References
        ----------
        .. [1] D. M. Bot, J. Peeters, J. Liesenborgs and J. Aerts, "FLASC: a flare-sensitive
           clustering algorithm", PeerJ Computer Science 11:e2792, 2025.

        Examples
        --------
        >>> import numpy as np
        >>> from skdeepcluster import HDBSCAN
        >>> rng = np.random.default_rng(0)
        >>> arms = np.repeat([[0, 1], [0.9, -0.5], [-0.9, -0.5]], 200, axis=0)
        >>> X = arms * rng.uniform(0, 9, (600, 1)) + rng.normal(scale=0.2, size=(600, 2))
        >>> model = HDBSCAN(25, allow_single_cluster=True).fit(X)
        >>> model.n_clusters_, model.branches().n_branches
        (1, array([3]))
        """
        check_is_fitted(self, "core_distances_")
        params = {"min_branch_size": min_branch_size, "method": method, "sides": sides}
        validate_parameter_constraints(_CONSTRAINTS, params, "branches")
        if self._sparse or self.metric in ("precomputed", "nan_euclidean") or callable(self.metric):
            what = "sparse samples" if self._sparse else f"metric={self.metric!r}"
            raise ValueError(f"branches needs dense samples and a metric of rows, not {what}.")
        size = min_branch_size or self.condensed_tree_.min_cluster_size
        labels, clusters = np.full(len(self.labels_), -1), []
        n_branches = np.zeros(self.n_clusters_, np.intp)
        for k in range(self.n_clusters_):
            rows = np.flatnonzero(self.labels_ == k)
            branch = self._branches_of(rows, int(size), method)
            n_found = branch.max() + 1
            if n_found > (1 if sides else 2):
                n_branches[k] = n_found
                # The center comes first.
                branch += (branch < 0).any()
            else:
                branch = np.zeros(len(rows), np.intp)
            labels[rows] = len(clusters) + branch
            clusters += [k] * int(branch.max() + 1)
        return Bunch(labels=labels, clusters=np.array(clusters, np.intp), n_branches=n_branches)

    def _branches_of(self, rows, size, method):
        """Branches of the rows of one cluster, -1 for those at its center."""
        branch = np.full(len(rows), -1, np.intp)
        # Numbers of the rows among those of the fitted hierarchy.
        fitted = np.isin(rows, self._rows)
        own = np.searchsorted(self._rows, rows[fitted])
        n = len(own)
        if n < 2:
            return branch
        X = np.ascontiguousarray(self._reach.X[own])
        weight = self.probabilities_[rows[fitted]].astype(np.float64)
        if self._weight is not None:
            weight *= self._weight[rows[fitted]]
        apart = X - np.average(X, axis=0, weights=weight)
        with np.errstate(divide="ignore"):
            lens = 1 / np.sqrt(np.einsum("ij,ij->i", apart, apart, dtype=np.float64))
        k = max(1, min(self._reach.n_neighbors - 1, n - 1))
        near = nearest_neighbors(X, k, self._threads_for(X))[1].ravel()
        place = np.full(len(self.labels_), -1)
        place[rows[fitted]] = np.arange(n)
        edges = self.minimum_spanning_tree_
        ends = place[np.stack([edges.source, edges.target])]
        ends = ends[:, (ends >= 0).all(axis=0)]
        source = np.concatenate([ends[0], np.repeat(np.arange(n), k)]).astype(np.int32)
        target = np.concatenate([ends[1], near]).astype(np.int32)
        group = components(n, source, target)
        if group.max():
            # Noise lies between parts of the cluster: they meet at their innermost rows.
            outward = np.lexsort((lens, group))
            inner = outward[np.cumsum(np.bincount(group)) - 1].astype(np.int32)
            center = inner[lens[inner].argmax()]
            inner = inner[inner != center]
            source = np.concatenate([source, inner])
            target = np.concatenate([target, np.full_like(inner, center)])
        length = np.maximum(lens[source], lens[target])
        order = np.argsort(length, kind="stable")
        kept = spanning_forest(n, source, target, order)
        linkage = single_linkage(
            source[kept].astype(np.int64), target[kept].astype(np.int64), length[kept]
        )
        tree = condensed_tree(linkage, min(size, n), method=method)
        branch[fitted] = flat_clusters(tree, tree.member, tree.leave, tree.order)[0]
        return branch
