"""Mutual reachability by a graph of approximate nearest neighbors."""

import numpy as np

from skdeepcluster._kernels._trees import spanning_forest
from skdeepcluster._sklearn import threadpool_controller
from skdeepcluster.algorithms.groups import components, rows_of_each
from skdeepcluster.algorithms.neighbor_search import NeighborSearch
from skdeepcluster.density._spanning import BLOCK_ENTRIES, Forest, TreeReachability, add_blocks

# Edges of each row: so many more than the core distance needs, and no fewer than these.
MORE_NEIGHBORS, LEAST_NEIGHBORS = 10, 15
# Rows that stand for the components, where these are joined.
N_REPRESENTATIVES = 6000


class ApproximateReachability(TreeReachability):
    """Mutual reachability of dense rows by the edges of a graph of nearest neighbors.

    Core distances and edges come from an approximate search. The components of the graph are joined
    by short edges between them. Predictions search among all rows.
    """

    def _search(self, n_threads):
        n = len(self.order)
        n_neighbors = max(self.n_neighbors - 1 + MORE_NEIGHBORS, LEAST_NEIGHBORS)
        # In the order of the tree, so that neighbors are positions.
        X = np.ascontiguousarray(self.X[self.order])
        with threadpool_controller().limit(limits=1, user_api="blas"):
            search = NeighborSearch(X, 0, n_threads)
            distances, positions = search.neighbors(min(n_neighbors, n - 1), n_threads)
        own = np.arange(n, dtype=positions.dtype)[:, np.newaxis]
        squares = np.hstack([np.zeros((n, 1), distances.dtype), distances * distances])
        return squares, np.hstack([own, positions])

    def spanning_tree(self, n_threads):
        (squares, positions), self._neighbors = self._neighbors, None
        n, k = positions.shape
        source = np.repeat(np.arange(n, dtype=np.int32), k - 1)
        target = positions[:, 1:].ravel().astype(np.int32)
        weight = self._reached(squares[:, 1:].ravel(), source, target)
        order = np.argsort(weight, kind="stable")
        kept = spanning_forest(n, source, target, order)
        forest = source[kept], target[kept], weight[kept]
        group = components(n, *forest[:2])
        if group.max():
            forest = [
                np.concatenate(pair)
                for pair in zip(forest, self._joints(group, n_threads), strict=True)
            ]
        source, target, weight = forest
        order = np.argsort(weight, kind="stable")
        return (
            self.order[source[order]],
            self.order[target[order]],
            self.metric.distances(weight[order]),
        )

    def _reached(self, squares, source, target):
        return np.maximum(squares * self._scale, np.maximum(self.core[source], self.core[target]))

    def _joints(self, group, n_threads):
        """Edges that join the components of a graph, whose number each row has in `group`.

        They are those of the minimum spanning tree of some rows of each component, moved to rows
        nearby as long as they become shorter.
        """
        members = rows_of_each(group)
        most = max(1, N_REPRESENTATIVES // len(members))
        chosen = [
            rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.intp)]
            for rows in members
        ]
        sizes = np.array([len(rows) for rows in chosen])
        firsts = np.repeat(np.cumsum(sizes) - sizes, sizes).astype(np.int32)
        own = np.arange(len(firsts), dtype=np.int32)
        rows = np.concatenate(chosen)
        apart = own != firsts
        # Within a component nothing is left to join.
        inner = np.full(np.count_nonzero(apart), -1.0)
        forest = Forest(len(rows), firsts[apart], own[apart], inner)
        X = np.ascontiguousarray(self.X[self.order[rows]])
        core = self.core[rows].astype(np.float64)
        add_blocks(forest, X, self.metric, core, self._scale, n_threads)
        source, target, weight = forest.edges()
        between = weight >= 0
        pairs = zip(rows[source[between]], rows[target[between]], strict=True)
        found = [self._shortened(a, b, members, group, n_threads) for a, b in pairs]
        source, target, weight = zip(*found, strict=True)
        return np.array(source, np.int32), np.array(target, np.int32), np.array(weight)

    def _shortened(self, a, b, members, group, n_threads):
        """An edge between two rows, moved within their components as long as it gets shorter."""
        best = np.inf
        while True:
            others, x = members[group[b]], self.X[self.order[[a]]]
            # Copies of few rows at a time.
            n_parts = 1 + len(others) * x.shape[1] // BLOCK_ENTRIES
            parts = (self.X[self.order[rows]] for rows in np.array_split(others, n_parts))
            squares = np.hstack([self.metric.between(x, Y, n_threads)[0] for Y in parts])
            reached = self._reached(squares, np.full(len(others), a), others)
            nearest = reached.argmin()
            if not reached[nearest] < best:
                return a, b, best
            a, b, best = others[nearest], a, reached[nearest]

    def attach(self, queries, n_threads):
        neighbor, weight = super().attach(queries, n_threads)
        tree, _, _ = queries
        # A row that was fitted joins itself, however its core distance was found.
        squares, position, _ = self.tree.knn(1, n_threads, tree)
        equal = squares[:, 0] == 0
        rows, position = tree.index[equal], position[equal, 0]
        neighbor[rows] = self.order[position]
        weight[rows] = self.metric.distances(self.core[position])
        return neighbor, weight
