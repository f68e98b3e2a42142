"""What estimators share whose graph is given, or is one of nearest neighbors."""

import numpy as np

from skdeepcluster._sklearn import StrOptions
from skdeepcluster.algorithms.layouts import fuzzy_graph
from skdeepcluster.algorithms.neighbors import joined_neighbors
from skdeepcluster.base import param, parameters
from skdeepcluster.graph._neighbors import NeighborSearchMixin
from skdeepcluster.graph._subgraphs import Graph
from skdeepcluster.validation import FLOATS, as_adjacency, check_adjacency, check_rows


def unpacked(X, adjacency):
    """Rows and adjacency, of a `Graph` or as they are given."""
    if not isinstance(X, Graph):
        return X, adjacency
    if adjacency is not None:
        raise ValueError("X is a Graph, which has an adjacency; do not pass another one.")
    return X.X, X.adjacency


@parameters
class GivenGraphMixin(NeighborSearchMixin):
    """A graph that is given, or of nearest neighbors.

    Parameters
    ----------
    affinity : {"nearest_neighbors", "precomputed"}, default="nearest_neighbors"
        What `X` is: rows, which have edges to their nearest neighbors unless `fit` is given an
        `adjacency`; or the weights of the edges themselves.

    neighbor_graph : {"union", "mutual", "mean", "shared", "fuzzy"}, default="union"
        Edges of nearest neighbors: of weight 1 where either row is a neighbor of the other, or both
        are; 1/2 for the former and 1 for the latter; what the neighborhoods of two rows have in
        common, between 0 and 1; or UMAP's weights.

    Attributes
    ----------
    affinity_matrix_ : sparse array of shape (n_samples, n_samples)
        Weights of the edges.
    """

    affinity: str = param("nearest_neighbors", StrOptions({"nearest_neighbors", "precomputed"}))
    neighbor_graph: str = param("union", StrOptions({"union", "mutual", "mean", "shared", "fuzzy"}))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.affinity == "precomputed"
        tags.input_tags.positive_only = tags.input_tags.sparse = tags.input_tags.pairwise
        return tags

    def _fit_given(self, X, adjacency, *, directed=False):
        """The graph, and a generator for all that follows.

        Returns
        -------
        graph : csr_array of shape (n, n), float64
            Symmetric, unless it is directed. None of its weights is negative.
        rng : np.random.Generator
        """
        self.__dict__.pop("_search", None)
        X, adjacency = unpacked(X, adjacency)
        if self.affinity == "precomputed":
            if adjacency is not None:
                raise ValueError(
                    'With affinity="precomputed" X is the adjacency; do not pass another one.'
                )
            # A matrix like any other, for names and number of features; a graph becomes one.
            X = check_rows(self, as_adjacency(X), reset=True, ensure_min_samples=1)
            return check_adjacency(X, name="X", directed=directed), self._generator()
        if adjacency is not None:
            n = self._n_nodes(X)
            return check_adjacency(adjacency, n, directed=directed), self._generator()
        rng, distances = self._find_neighbors(X)
        if self.neighbor_graph == "fuzzy":
            graph = fuzzy_graph(distances, self.indices_, self._n_threads())
            return graph.astype(np.float64), rng
        graph = joined_neighbors(self.indices_, self.neighbor_graph)
        graph.sort_indices()
        return graph, rng

    def _n_nodes(self, X):
        """The number of rows beside a given graph."""
        return check_rows(self, X, reset=True, dtype=FLOATS, accept_sparse="csr").shape[0]
