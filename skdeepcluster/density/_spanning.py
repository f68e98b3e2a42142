"""Minimum spanning trees of the mutual reachability, by a KD tree or by blocks of distances."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, issparse
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import pairwise_distances
from sklearn.preprocessing import normalize

from skdeepcluster._kernels._boruvka import nearest_reachable, spanning_tree
from skdeepcluster._kernels._hdbscan_blocks import lighter_edges, nearest
from skdeepcluster._kernels._kdtree import KDTree
from skdeepcluster._kernels._trees import Dendrogram, single_linkage, spanning_forest

# Entries of a block of distances, and rows that are filtered by one state of the forest.
BLOCK_ENTRIES = 2**22
FILTER_ROWS = 32


@dataclass
class TreeMetric:
    """How a metric is computed from the reduced distances of a KD tree's own metrics."""

    metric: str
    unit_rows: bool = False
    power: float = 1.0
    factor: float = 1.0

    def prepare(self, X):
        return normalize(X) if self.unit_rows else X

    def distances(self, reduced):
        return self.factor * np.asarray(reduced, np.float64) ** self.power

    def scale(self, alpha):
        """The factor on reduced distances that divides distances by `alpha`."""
        return alpha ** (-1 / self.power)


TREE_METRICS = {
    "euclidean": TreeMetric("euclidean", power=0.5),
    "sqeuclidean": TreeMetric("euclidean"),
    "cosine": TreeMetric("euclidean", unit_rows=True, factor=0.5),
    "manhattan": TreeMetric("manhattan"),
    "chebyshev": TreeMetric("chebyshev"),
}
ALIASES = {"l2": "euclidean", "l1": "manhattan", "cityblock": "manhattan"}
MINKOWSKI = {1: "manhattan", 2: "euclidean", np.inf: "chebyshev"}


def tree_metric(metric, metric_params):
    """The `TreeMetric` of a metric, or None where no KD tree serves it."""
    params = dict(metric_params or {})
    if metric == "minkowski" and params.get("w") is None:
        metric = MINKOWSKI.get(params.pop("p", 2))
    metric = ALIASES.get(metric, metric) if isinstance(metric, str) else None
    return TREE_METRICS.get(metric) if not params else None


class TreeReachability:
    """Mutual reachability of dense rows through a KD tree.

    `order` gives the row at each position of the tree; `core` the reduced core distances by
    position.
    """

    def __init__(self, X, metric, min_samples, alpha, n_threads):
        self.metric = metric
        self.min_samples = min_samples
        self._scale = metric.scale(alpha)
        X = np.ascontiguousarray(metric.prepare(X))
        self.tree = KDTree(X, metric.metric, n_threads)
        self.order = self.tree.index
        self._neighbors = self.tree.knn(min_samples, n_threads)
        self.core = np.ascontiguousarray(self._neighbors[0][:, -1])
        if not np.isfinite(self.core[np.argmax(self.core)]):
            raise ValueError(
                f"Distances between rows of X overflow its dtype {X.dtype}; rescale X or pass it "
                "as float64."
            )

    def core_distances(self):
        core = np.empty(len(self.core))
        core[self.order] = self.metric.distances(self.core)
        return core

    def spanning_tree(self, X, n_threads):
        """Edges by increasing weight: two arrays of rows, one of weights."""
        neighbors, self._neighbors = self._neighbors, None
        twins = self._twins(X)
        if twins is None:
            source, target, weight = spanning_tree(
                self.tree, self.core, *neighbors, self._scale, n_threads
            )
            source, target = self.order[source], self.order[target]
        else:
            source, target, weight = self._without_twins(X, *twins, n_threads)
        order = np.argsort(weight, kind="stable")
        return source[order], target[order], self.metric.distances(weight[order])

    def _twins(self, X):
        """Rows whose core distance is zero, and for each the first row that equals it."""
        zero = np.sort(self.order[self.core == 0])
        if len(zero) == 0:
            return None
        _, first, inverse = np.unique(
            self.metric.prepare(X[zero]) + 0.0, axis=0, return_index=True, return_inverse=True
        )
        return zero, zero[first[inverse.ravel()]]

    def _without_twins(self, X, zero, first, n_threads):
        """The spanning tree where many rows are equal.

        Equal rows with core distance zero have the same distance to everything. One of each stands
        for all: among the copies nothing would prune a search.
        """
        twin = zero != first
        kept = np.setdiff1d(np.arange(len(X)), zero[twin], assume_unique=True)
        source, target = zero[twin], first[twin]
        weight = np.zeros(len(source), self.core.dtype)
        if len(kept) > 1:
            tree = KDTree(
                np.ascontiguousarray(self.metric.prepare(X[kept])), self.metric.metric, n_threads
            )
            core = np.empty_like(self.core)
            core[self.order] = self.core
            neighbors = tree.knn(min(self.min_samples, len(kept)), n_threads)
            edges = spanning_tree(tree, core[kept[tree.index]], *neighbors, self._scale, n_threads)
            source = np.concatenate([source, kept[tree.index[edges[0]]]])
            target = np.concatenate([target, kept[tree.index[edges[1]]]])
            weight = np.concatenate([weight, edges[2]])
        return source, target, weight

    def attach(self, X, n_threads, Y=None):
        """For new rows: the nearest row under mutual reachability, and that distance."""
        queries = KDTree(np.ascontiguousarray(self.metric.prepare(X)), self.tree.metric, n_threads)
        distances, _, _ = self.tree.knn(self.min_samples, n_threads, queries)
        core = np.ascontiguousarray(distances[:, -1])
        position, reached = nearest_reachable(
            self.tree, self.core, queries, core, self._scale, n_threads
        )
        neighbor = np.empty(len(X), np.int64)
        weight = np.empty(len(X))
        neighbor[queries.index] = self.order[position]
        weight[queries.index] = self.metric.distances(reached)
        return neighbor, weight

    def nearest_of_groups(self, X, groups, n_threads):
        """Distance of each row of `X` to the nearest row of each group."""
        queries = KDTree(np.ascontiguousarray(self.metric.prepare(X)), self.tree.metric, n_threads)
        result = np.empty((len(X), len(groups)))
        for column, rows in zip(result.T, groups, strict=True):
            tree = KDTree(
                np.ascontiguousarray(self.metric.prepare(rows)), self.tree.metric, n_threads
            )
            distances, _, _ = tree.knn(1, n_threads, queries)
            column[queries.index] = self.metric.distances(distances[:, 0])
        return result


class BlockReachability:
    """Mutual reachability through blocks of rows of the distance matrix.

    Parameters
    ----------
    X : matrix, dense or sparse
        Rows, or with ``metric="precomputed"`` the distances.
    """

    def __init__(self, X, metric, metric_params, min_samples, alpha, n_threads):
        self.metric = metric
        self.params = metric_params or {}
        self.min_samples = min_samples
        self.alpha = alpha
        n = X.shape[0]
        self._distances = np.empty((n, min_samples))
        self._neighbors = np.empty((n, min_samples), np.int32)
        for rows in self._batches(n, n):
            block = self._block(X, rows, X, n_threads)
            if metric == "precomputed":
                _check_distances(block, X, rows)
            self._distances[rows], self._neighbors[rows] = nearest(block, min_samples, n_threads)
        self.core = self._distances[:, -1].copy()

    @staticmethod
    def _batches(n_rows, n_columns):
        size = max(1, BLOCK_ENTRIES // max(n_columns, 1))
        for start in range(0, n_rows, size):
            yield slice(start, min(start + size, n_rows))

    def _block(self, X, rows, Y, n_threads):
        if self.metric == "precomputed":
            return np.asarray(X[rows])
        return pairwise_distances(
            X[rows],
            Y,
            metric=self.metric,
            n_jobs=n_threads if isinstance(self.metric, str) else 1,
            **self.params,
        )

    def core_distances(self):
        return self.core

    def spanning_tree(self, X, n_threads):
        n = X.shape[0]
        source = np.repeat(np.arange(n, dtype=np.int32), self._neighbors.shape[1])
        target = self._neighbors.ravel()
        weight = self._weights(source, target, self._distances.ravel())
        self._distances = self._neighbors = None
        apart = np.isfinite(weight) & (source != target)
        forest = _Forest(n, source[apart], target[apart], weight[apart])
        for rows in self._batches(n, n):
            # The matrix is symmetric: its upper triangle has every edge.
            if self.metric == "precomputed":
                block = np.asarray(X[rows, rows.start :])
            else:
                block = self._block(X, rows, X[rows.start :], n_threads)
            for start in range(0, block.shape[0], FILTER_ROWS):
                forest.add(
                    lighter_edges(
                        block[start : start + FILTER_ROWS],
                        rows.start + start,
                        rows.start,
                        self.core,
                        1 / self.alpha,
                        *forest.layout(),
                        n_threads,
                    )
                )
        return forest.edges()

    def _weights(self, source, target, distances):
        return np.maximum(distances / self.alpha, np.maximum(self.core[source], self.core[target]))

    def _new_blocks(self, X, Y, n_threads):
        for rows in self._batches(X.shape[0], len(self.core)):
            yield rows, self._block(X, rows, Y, n_threads)

    def attach(self, X, n_threads, Y):
        neighbor = np.empty(X.shape[0], np.int64)
        weight = np.empty(X.shape[0])
        for rows, block in self._new_blocks(X, Y, n_threads):
            k = self.min_samples - 1
            core = np.partition(block, k, axis=1)[:, k]
            reach = np.maximum(np.maximum(block / self.alpha, self.core), core[:, None])
            least = reach.min(axis=1)
            # Of equally reachable rows the nearest.
            tied = np.where(reach == least[:, None], block, np.inf)
            neighbor[rows] = tied.argmin(axis=1)
            weight[rows] = least
        return neighbor, weight

    def nearest_of_groups(self, X, groups, n_threads):
        return np.column_stack(
            [
                np.concatenate(
                    [
                        self._block(X, rows, group, n_threads).min(axis=1)
                        for rows in self._batches(X.shape[0], group.shape[0])
                    ]
                )
                for group in groups
            ]
        )


class _Forest:
    """A spanning forest that takes lighter edges."""

    def __init__(self, n, source, target, weight):
        self.n = n
        self._edges = (source[:0], target[:0], weight[:0])
        self._waiting = [(source, target, weight)]
        self._flush()

    def _flush(self):
        parts = [self._edges, *self._waiting]
        source, target, weight = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.argsort(weight, kind="stable")
        kept = spanning_forest(self.n, source, target, order)
        self._edges = source[kept], target[kept], weight[kept]
        self._waiting = []
        self._n_waiting = 0
        self._layout = None

    def add(self, edges):
        self._waiting.append(edges)
        self._n_waiting += len(edges[0])
        if self._n_waiting > self.n // 2:
            self._flush()

    def layout(self):
        if self._layout is None:
            source, target, weight = (np.asarray(part) for part in self._edges)
            _, tree = connected_components(
                csr_array((np.ones(len(source)), (source, target)), shape=(self.n, self.n)),
                directed=False,
            )
            # Between the trees of the forest no path is short.
            _, roots = np.unique(tree, return_index=True)
            dendrogram = Dendrogram(
                single_linkage(
                    np.concatenate([source, roots[:-1]]).astype(np.int64),
                    np.concatenate([target, roots[1:]]).astype(np.int64),
                    np.concatenate([weight, np.full(len(roots) - 1, np.inf)]),
                )
            )
            place = np.empty(self.n, np.int64)
            place[dendrogram.order] = np.arange(self.n)
            self._layout = dendrogram.order, place, dendrogram.height
        return self._layout

    def edges(self):
        self._flush()
        source, target, weight = self._edges
        if len(weight) < self.n - 1:
            # Only infinite distances are left; at lambda = 0 any of them will do.
            _, tree = connected_components(
                csr_array((np.ones(len(source)), (source, target)), shape=(self.n, self.n)),
                directed=False,
            )
            _, roots = np.unique(tree, return_index=True)
            source = np.concatenate([source, roots[:-1]])
            target = np.concatenate([target, roots[1:]])
            weight = np.concatenate([weight, np.full(len(roots) - 1, np.inf)])
        return source.astype(np.int64), target.astype(np.int64), weight


class GraphReachability:
    """Mutual reachability of a sparse precomputed matrix, whose missing entries are infinite."""

    def __init__(self, X, min_samples, alpha):
        n = X.shape[0]
        X = csr_array(X)
        X.sum_duplicates()
        X.sort_indices()
        if (X.data < 0).any():
            raise ValueError("Precomputed distances must not be negative.")
        transposed = csr_array(X.T)
        transposed.sort_indices()
        if not (
            np.array_equal(X.indptr, transposed.indptr)
            and np.array_equal(X.indices, transposed.indices)
            and np.allclose(X.data, transposed.data)
        ):
            raise ValueError(
                "The precomputed distances are not symmetric; pass X.minimum(X.T) or "
                "X.maximum(X.T), as the missing entries require."
            )
        source = np.repeat(np.arange(n, dtype=np.int32), np.diff(X.indptr))
        target = X.indices.astype(np.int32)
        apart = source != target
        self._edges = source[apart], target[apart], X.data[apart].astype(np.float64)
        self.alpha = alpha
        self.core = self._core(n, min_samples)

    def _core(self, n, min_samples):
        """Each row counts itself at distance zero, whether or not the diagonal is stored."""
        source, _, distance = self._edges
        if min_samples == 1:
            return np.zeros(n)
        core = np.full(n, np.inf)
        ranked = np.lexsort((distance, source))
        starts = np.searchsorted(source[ranked], np.arange(n + 1))
        at = starts[:-1] + min_samples - 2
        enough = at < starts[1:]
        core[enough] = distance[ranked[at[enough]]]
        return core

    def core_distances(self):
        return self.core

    def spanning_tree(self, X, n_threads):
        n = X.shape[0]
        source, target, distance = self._edges
        weight = np.maximum(distance / self.alpha, np.maximum(self.core[source], self.core[target]))
        order = np.argsort(weight, kind="stable")
        order = order[np.isfinite(weight[order])]
        kept = spanning_forest(n, source, target, order)
        if len(kept) < n - 1:
            raise ValueError(
                f"The sparse distance matrix falls into {n - len(kept)} parts that no mutual "
                f"reachability joins: fit them one by one, store more neighbors per row, or lower "
                "min_samples."
            )
        return source[kept].astype(np.int64), target[kept].astype(np.int64), weight[kept]


def _check_distances(block, X, rows):
    if np.isnan(block).any():
        raise ValueError("The precomputed distances contain NaN.")
    if (block < 0).any():
        raise ValueError("Precomputed distances must not be negative.")
    if not np.allclose(block, np.asarray(X[:, rows]).T):
        raise ValueError(
            "The precomputed distances are not symmetric; pass np.minimum(X, X.T) or a symmetric "
            "distance."
        )


def reachability(X, metric, metric_params, min_samples, alpha, algorithm, n_threads):
    """The cheapest exact way to the mutual reachabilities of `X`."""
    if metric == "precomputed":
        if issparse(X):
            return GraphReachability(X, min_samples, alpha)
        return BlockReachability(X, metric, None, min_samples, alpha, n_threads)
    by_tree = None if issparse(X) else tree_metric(metric, metric_params)
    if by_tree is not None and by_tree.unit_rows and not X.any(axis=1).all():
        by_tree = None  # a row of zeros has no direction
    if algorithm == "kd_tree" and by_tree is None:
        raise ValueError(
            f"algorithm='kd_tree' needs dense rows and one of the metrics "
            f"{sorted([*TREE_METRICS, *ALIASES])}, got metric={metric!r}; use algorithm='auto'."
        )
    if by_tree is not None and algorithm != "brute":
        return TreeReachability(X, by_tree, min_samples, alpha, n_threads)
    return BlockReachability(X, metric, metric_params, min_samples, alpha, n_threads)
