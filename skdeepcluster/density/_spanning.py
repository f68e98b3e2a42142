"""Minimum spanning trees of the mutual reachability, by a KD tree or by blocks of distances."""

import numpy as np

from skdeepcluster._kernels._boruvka import nearest_reachable, spanning_tree
from skdeepcluster._kernels._hdbscan_blocks import lighter_edges, nearest
from skdeepcluster._kernels._kdtree import KDTree
from skdeepcluster._kernels._trees import Dendrogram, single_linkage, spanning_forest
from skdeepcluster.algorithms.groups import components
from skdeepcluster.density._core import core_by_weight

# Models stored by version 0.1.0.dev0 look for the metric here.
from skdeepcluster.density._metrics import TreeMetric, zero_rows  # noqa: F401

# Entries of a block of distances, and rows that are filtered by one state of the forest.
BLOCK_ENTRIES = 2**22
FILTER_ROWS = 32
# Rows, for each group that is looked for, among which the nearest groups are found.
NEAR_ROWS = 3


class Reachability:
    """Mutual reachability of the rows of `X`, which are stored as the metric needs them.

    A core distance reaches rows of the weight `min_samples`, each of which weighs 1 if `weight` is
    None.
    """

    weight = None

    def __init__(self, X, metric, min_samples, alpha, weight=None):
        self.metric = metric
        self.min_samples = min_samples
        self.weight = weight
        self.X = metric.prepare(X)
        self._scale = metric.scale(alpha)

    @property
    def n_neighbors(self):
        """How many neighbors are looked for first."""
        return int(min(np.ceil(self.min_samples), self.X.shape[0]))

    def core_distances(self):
        raise NotImplementedError

    def spanning_tree(self, n_threads):
        """Edges by increasing weight: two arrays of rows, one of weights."""
        raise NotImplementedError

    def queries(self, X, n_threads):
        """New rows in the form that the other methods need."""
        return self.metric.prepare(X)

    def fitted_queries(self):
        """The rows themselves as queries."""
        return self.X

    def attach(self, queries, n_threads):
        """For new rows: the nearest row under mutual reachability, and that distance."""
        raise NotImplementedError

    def nearest_of_groups(self, queries, groups, n_threads):
        """Distance of each query to the nearest row of each group; groups are arrays of rows."""
        nearest = np.empty((queries.shape[0], len(groups)))
        for column, group in zip(nearest.T, groups, strict=True):
            rows = self.X[group]
            for part in _batches(queries.shape[0], len(group)):
                column[part] = self.metric.between(queries[part], rows, n_threads).min(axis=1)
        return self.metric.distances(nearest)

    def subset(self, queries, rows, n_threads):
        """Some of the queries."""
        return queries[rows]

    def near_groups(self, queries, groups, most, n_threads):
        """For each query groups among which those nearest to it are; by default all."""
        return np.broadcast_to(np.arange(len(groups)), (queries.shape[0], len(groups)))

    def weighted_sums(self, rows, weights, n_threads):
        """Sums of weighted distances from each of some rows to all of them."""
        X = self.X[rows]
        return np.concatenate(
            [
                self.metric.distances(self.metric.between(X[part], X, n_threads)) @ weights
                for part in _batches(len(rows), len(rows))
            ]
        )


def _batches(n_rows, n_columns):
    size = max(1, BLOCK_ENTRIES // max(n_columns, 1))
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


class TreeReachability(Reachability):
    """Mutual reachability of dense rows through a KD tree.

    `order` gives the row at each position of the tree; `core` the reduced core distances by
    position.
    """

    def __init__(self, X, metric, min_samples, alpha, n_threads, weight=None):
        super().__init__(X, metric, min_samples, alpha, weight)
        self.tree = KDTree(np.ascontiguousarray(self.X), metric.metric, n_threads)
        self.order = self.tree.index
        self._neighbors = self._search(n_threads)
        self.core = self._core(self._neighbors, self.X, self.tree, n_threads)

    def _search(self, n_threads):
        """Squares and positions of the neighbors of each row, itself first."""
        return self.tree.knn(self.n_neighbors, n_threads)

    def _core(self, found, X, queries, n_threads):
        """Core distances of the rows X, by their positions in the tree `queries`."""
        if self.weight is None:
            return np.ascontiguousarray(found[0][:, self.n_neighbors - 1])
        weight, n = self.weight[self.order], len(self.order)
        core, short = core_by_weight(found[0], weight[found[1]], self.min_samples)
        k = found[0].shape[1]
        # Light rows need more neighbors.
        while short.any() and k < n:
            k = min(2 * k, n)
            waiting = np.flatnonzero(short)
            for part in _batches(len(waiting), k):
                at = waiting[part]
                few = KDTree(np.ascontiguousarray(X[queries.index[at]]), self.tree.metric)
                lengths, positions, _ = self.tree.knn(k, n_threads, few)
                at = at[few.index]
                core[at], short[at] = core_by_weight(lengths, weight[positions], self.min_samples)
        return core

    def core_distances(self):
        core = np.empty(len(self.core))
        core[self.order] = self.metric.distances(self.core)
        return core

    def spanning_tree(self, n_threads):
        neighbors, self._neighbors = self._neighbors, None
        twins = self._twins()
        if twins is None:
            source, target, weight = spanning_tree(
                self.tree, self.core, *neighbors, self._scale, n_threads
            )
            source, target = self.order[source], self.order[target]
        else:
            source, target, weight = self._without_twins(*twins, n_threads)
        order = np.argsort(weight, kind="stable")
        return source[order], target[order], self.metric.distances(weight[order])

    def _twins(self):
        """Rows whose core distance is zero, and for each the first row that equals it."""
        zero = np.sort(self.order[self.core == 0])
        if len(zero) == 0:
            return None
        _, first, inverse = np.unique(
            self.X[zero] + 0.0, axis=0, return_index=True, return_inverse=True
        )
        return zero, zero[first[inverse.ravel()]]

    def _without_twins(self, zero, first, n_threads):
        """The spanning tree where many rows are equal.

        Equal rows with core distance zero have the same distance to all rows, so one of them
        represents them: among copies a search could prune nothing.
        """
        twin = zero != first
        kept = np.setdiff1d(np.arange(len(self.X)), zero[twin], assume_unique=True)
        source, target = zero[twin], first[twin]
        weight = np.zeros(len(source), self.core.dtype)
        if len(kept) > 1:
            tree = KDTree(np.ascontiguousarray(self.X[kept]), self.metric.metric, n_threads)
            core = np.empty_like(self.core)
            core[self.order] = self.core
            neighbors = tree.knn(min(self.n_neighbors, len(kept)), n_threads)
            edges = spanning_tree(tree, core[kept[tree.index]], *neighbors, self._scale, n_threads)
            source = np.concatenate([source, kept[tree.index[edges[0]]]])
            target = np.concatenate([target, kept[tree.index[edges[1]]]])
            weight = np.concatenate([weight, edges[2]])
        return source, target, weight

    def queries(self, X, n_threads):
        X = np.ascontiguousarray(self.metric.prepare(X))
        zero = zero_rows(X) if self.metric.unit_rows else []
        return KDTree(X, self.tree.metric, n_threads), zero, X

    def fitted_queries(self):
        return self.tree, [], self.X

    def attach(self, queries, n_threads):
        queries, zero, X = queries
        found = self.tree.knn(self.n_neighbors, n_threads, queries)
        core = self._core(found, X, queries, n_threads)
        position, reached = nearest_reachable(
            self.tree, self.core, queries, core, self._scale, n_threads
        )
        neighbor = np.empty(len(queries.index), np.int64)
        weight = np.empty(len(queries.index))
        # A row whose distances overflow has no position.
        neighbor[queries.index] = self.order[np.maximum(position, 0)]
        weight[queries.index] = self.metric.distances(reached)
        # A row of zeros has the same distance to all; the densest row serves as neighbor.
        reduced = max(2.0, 2.0 * self._scale, self.core.min())
        neighbor[zero] = self.order[self.core.argmin()]
        weight[zero] = self.metric.distances(reduced)
        return neighbor, weight

    def subset(self, queries, rows, n_threads):
        _, zero, X = queries
        X = np.ascontiguousarray(X[rows])
        zero = np.flatnonzero(np.isin(rows, zero)) if len(zero) else zero
        return KDTree(X, self.tree.metric, n_threads), zero, X

    def near_groups(self, queries, groups, most, n_threads):
        if len(groups) <= 2 * most:
            return super().near_groups(queries[2], groups, most, n_threads)
        rows = np.concatenate(groups)
        of_group = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        tree = KDTree(np.ascontiguousarray(self.X[rows]), self.tree.metric, n_threads)
        _, positions, _ = tree.knn(min(NEAR_ROWS * most, len(rows)), n_threads, queries[0])
        near = np.empty(positions.shape, np.int64)
        near[queries[0].index] = of_group[tree.index[positions]]
        return near

    def nearest_of_groups(self, queries, groups, n_threads):
        queries, zero, _ = queries
        nearest = np.empty((len(queries.index), len(groups)))
        for column, group in zip(nearest.T, groups, strict=True):
            tree = KDTree(np.ascontiguousarray(self.X[group]), self.tree.metric, n_threads)
            distances, _, _ = tree.knn(1, n_threads, queries)
            column[queries.index] = self.metric.distances(distances[:, 0])
            column[zero] = self.metric.distances(2)
        return nearest


class BlockReachability(Reachability):
    """Mutual reachability through blocks of rows of the distance matrix."""

    def __init__(self, X, metric, min_samples, alpha, n_threads, weight=None):
        super().__init__(X, metric, min_samples, alpha, weight)
        n = X.shape[0]
        parts, cores = [], []
        for rows in _batches(n, n):
            block = metric.among(self.X, rows, 0, n_threads)
            parts.append(nearest(block, self.n_neighbors, n_threads))
            if weight is not None:
                cores.append(self._core(block))
        self._distances, self._neighbors = (
            np.concatenate(part) for part in zip(*parts, strict=True)
        )
        self._scale = self._distances.dtype.type(self._scale)
        core = self._distances[:, -1] if weight is None else np.concatenate(cores)
        self.core = core.astype(np.float64)

    def _core(self, block):
        """Core distances of the rows of a block of reduced distances to all fitted rows."""
        if self.weight is None:
            k = self.min_samples - 1
            return np.partition(block, k, axis=1)[:, k]
        order = np.argsort(block, axis=1, kind="stable")
        lengths = np.take_along_axis(block, order, axis=1)
        return core_by_weight(lengths, self.weight[order], self.min_samples)[0]

    def core_distances(self):
        return self.metric.distances(self.core)

    def spanning_tree(self, n_threads):
        n = len(self.core)
        source = np.repeat(np.arange(n, dtype=np.int32), self._neighbors.shape[1])
        target = self._neighbors.ravel()
        weight = np.maximum(
            self._distances.ravel() * self._scale,
            np.maximum(self.core[source], self.core[target]),
        )
        self._distances = self._neighbors = None
        apart = np.isfinite(weight) & (source != target)
        forest = Forest(n, source[apart], target[apart], weight[apart])
        add_blocks(forest, self.X, self.metric, self.core, self._scale, n_threads)
        source, target, weight = forest.edges()
        return source, target, self.metric.distances(weight)

    def attach(self, queries, n_threads):
        neighbor = np.empty(queries.shape[0], np.int64)
        weight = np.empty(queries.shape[0])
        for rows in _batches(queries.shape[0], len(self.core)):
            block = self.metric.between(queries[rows], self.X, n_threads)
            core = self._core(block)
            reach = np.maximum(np.maximum(block * self._scale, self.core), core[:, None])
            least = reach.min(axis=1)
            # Of equally reachable rows the nearest.
            tied = np.where(reach == least[:, None], block, np.inf)
            neighbor[rows] = tied.argmin(axis=1)
            weight[rows] = least
        return neighbor, self.metric.distances(weight)


class Forest:
    """A minimum spanning forest to which lighter edges are added."""

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

    def _roots(self, source, target):
        """The first row of each tree of a forest."""
        return np.unique(components(self.n, source, target), return_index=True)[1]

    def layout(self):
        if self._layout is None:
            source, target, weight = (np.asarray(part) for part in self._edges)
            # Between the trees of the forest no path is short.
            roots = self._roots(source, target)
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
            # Only infinite distances are left; at lambda = 0 any of them is as good.
            roots = self._roots(source, target)
            source = np.concatenate([source, roots[:-1]])
            target = np.concatenate([target, roots[1:]])
            weight = np.concatenate([weight, np.full(len(roots) - 1, np.inf)])
        return source.astype(np.int64), target.astype(np.int64), weight


def add_blocks(forest, X, metric, core, scale, n_threads):
    """Add all edges of the mutual reachability to a forest, block by block of the distances.

    Parameters
    ----------
    forest : Forest
    X : array of shape (n, n_features)
        Rows that the metric has prepared.
    metric : TreeMetric or PairwiseMetric
    core : array of shape (n,), float64
    scale : float
        Of reduced distances, of their dtype.
    n_threads : int
    """
    for rows in _batches(X.shape[0], X.shape[0]):
        # The matrix is symmetric: its upper triangle has every edge.
        block = metric.among(X, rows, rows.start, n_threads)
        for start in range(0, block.shape[0], FILTER_ROWS):
            forest.add(
                lighter_edges(
                    block[start : start + FILTER_ROWS],
                    rows.start + start,
                    rows.start,
                    core,
                    scale,
                    *forest.layout(),
                    n_threads,
                )
            )


class PrecomputedReachability(BlockReachability):
    """Mutual reachability by a matrix of distances, whose columns are the fitted rows."""

    def nearest_of_groups(self, queries, groups, n_threads):
        nearest = [queries[:, group].min(axis=1) for group in groups]
        return np.stack(nearest, axis=1).astype(np.float64)
