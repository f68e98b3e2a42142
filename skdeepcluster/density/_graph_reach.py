"""Mutual reachability by the stored entries of a sparse matrix of distances."""

import numpy as np
from scipy.sparse import csr_array, issparse

from skdeepcluster._kernels._trees import spanning_forest
from skdeepcluster.density._core import ENOUGH
from skdeepcluster.density._spanning import Reachability


class GraphReachability(Reachability):
    """Mutual reachability of a sparse precomputed matrix, whose missing entries are infinite."""

    def __init__(self, X, min_samples, alpha, weight=None):
        n = X.shape[0]
        # Rounding may have made it not quite symmetric.
        transposed = csr_array(X.T)
        transposed.sort_indices()
        distance = np.maximum(X.data, transposed.data).astype(np.float64)
        source = np.repeat(np.arange(n, dtype=np.int32), np.diff(X.indptr))
        target = X.indices.astype(np.int32)
        apart = source != target
        self._edges = source[apart], target[apart], distance[apart]
        self.alpha = alpha
        self.min_samples = min_samples
        self.weight = weight
        # Each row counts itself at distance zero, stored or not.
        self.core = self._core(n, *self._edges, np.ones(n) if weight is None else weight)

    def _core(self, n, source, target, distance, own):
        """Core distances of rows by their stored distances, and what they weigh themselves."""
        weight = np.ones(len(target)) if self.weight is None else self.weight[target]
        ranked = np.lexsort((distance, source))
        # Sums from each row's start; one before, which is the row itself.
        source, distance = source[ranked], distance[ranked]
        ends = np.searchsorted(source, np.arange(n + 1))
        sums = np.append(0, np.cumsum(weight[ranked]))
        reached = own[source] + sums[1:] - sums[ends[source]] >= self.min_samples * ENOUGH
        core = np.full(n, np.inf)
        at = np.flatnonzero(reached)[::-1]
        # The first that reaches it is written last.
        core[source[at]] = distance[at]
        core[own >= self.min_samples * ENOUGH] = 0
        return core

    def core_distances(self):
        return self.core

    def spanning_tree(self, n_threads):
        n = len(self.core)
        source, target, distance = self._edges
        weight = np.maximum(
            distance * (1 / self.alpha), np.maximum(self.core[source], self.core[target])
        )
        order = np.argsort(weight, kind="stable")
        order = order[np.isfinite(weight[order])]
        kept = spanning_forest(n, source, target, order)
        if len(kept) < n - 1:
            raise ValueError(
                f"The sparse distance matrix has {n - len(kept)} components that no mutual "
                f"reachability connects: fit them one by one, store more neighbors per row, or "
                "lower min_samples."
            )
        return source[kept].astype(np.int64), target[kept].astype(np.int64), weight[kept]

    def queries(self, X, n_threads):
        """New rows' distances to the fitted ones, in sparse form."""
        if issparse(X):
            return csr_array(X)
        n, m = X.shape
        stored = np.ravel(X), np.tile(np.arange(m), n), np.arange(0, n * m + 1, m)
        return csr_array(stored, shape=(n, m))

    def fitted_queries(self):
        """The distances of the fitted rows, their zeros to themselves stored."""
        n = len(self.core)
        own = np.arange(n, dtype=np.int32)
        source, target, distance = (
            np.concatenate([edge, more])
            for edge, more in zip(self._edges, (own, own, np.zeros(n)), strict=True)
        )
        order = np.lexsort((target, source))
        starts = np.searchsorted(source[order], np.arange(n + 1))
        return csr_array((distance[order], target[order], starts), shape=(n, n))

    def attach(self, queries, n_threads):
        """For new rows: the nearest row under mutual reachability, and that distance."""
        n = queries.shape[0]
        source = np.repeat(np.arange(n), np.diff(queries.indptr))
        target, distance = queries.indices, queries.data.astype(np.float64)
        core = self._core(n, source, target, distance, np.zeros(n))
        reach = np.maximum(distance * (1 / self.alpha), np.maximum(core[source], self.core[target]))
        # Of equally reachable rows the nearest.
        order = np.lexsort((target, distance, reach, source))
        first = np.searchsorted(source[order], np.arange(n))
        some = np.diff(queries.indptr) > 0
        neighbor, weight = np.zeros(n, np.int64), np.full(n, np.inf)
        best = order[first[some]]
        neighbor[some], weight[some] = target[best], reach[best]
        return neighbor, weight

    def nearest_of_groups(self, queries, groups, n_threads):
        """Distance of each query to the nearest row of each group; infinite if none is stored."""
        nearest = np.full((queries.shape[0], len(groups)), np.inf)
        group_of = np.full(queries.shape[1], -1)
        for k, group in enumerate(groups):
            group_of[group] = k
        source = np.repeat(np.arange(queries.shape[0]), np.diff(queries.indptr))
        group = group_of[queries.indices]
        of_groups = group >= 0
        np.minimum.at(nearest, (source[of_groups], group[of_groups]), queries.data[of_groups])
        return nearest
