"""A graph beside the rows of a deep fit: given, or of nearest neighbors."""

from numbers import Integral

import numpy as np

from skdeepcluster._sklearn import Interval, StrOptions, effective_n_threads
from skdeepcluster.algorithms.neighbor_search import NeighborSearch
from skdeepcluster.algorithms.neighbors import joined_neighbors
from skdeepcluster.base import param, parameters
from skdeepcluster.graph._given import unpacked
from skdeepcluster.graph._subgraphs import Graph
from skdeepcluster.training import map_rows
from skdeepcluster.validation import check_adjacency, scaled_to_range, unit_rows


@parameters
class GraphBesideRowsMixin:
    """A deep estimator whose rows are the nodes of a graph.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbors of each row, without itself, in the graph that is made where none is
        given: edges join rows of which either is a neighbor of the other.

    metric : {"euclidean", "cosine"}, default="euclidean"
        Distance of rows in that graph. "cosine" compares directions from the mean of all rows.
    """

    n_neighbors: int = param(5, Interval(Integral, 1, None, closed="left"))
    metric: str = param("euclidean", StrOptions({"euclidean", "cosine"}))

    def fit(self, X, y=None, *, adjacency=None):
        """Train the network on the nodes of a graph.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix, Graph or \
                torch.utils.data.Dataset
            Features of the nodes, of shape (n_samples, n_features), or images of shape
            (n_samples, C, H, W) or (n_samples, H, W); or features and edges, a
            :class:`~skdeepcluster.Graph`.
        y : array-like of shape (n_samples,), default=None
            Passed to callbacks.
        adjacency : array-like, sparse matrix or graph, default=None
            Weights of the edges between the rows, of shape (n_samples, n_samples), none negative.
            None: edges to nearest neighbors.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return super().fit(X, y, adjacency=adjacency)

    def _as_rows(self, X):
        return X.X if isinstance(X, Graph) else X

    def _graph_of(self, samples, X, adjacency):
        """The symmetric graph, a csr_array, that is given or of the nearest rows."""
        _, adjacency = unpacked(X, adjacency)
        if adjacency is not None:
            return check_adjacency(adjacency, len(samples))
        return graph_of_rows(samples, self.n_neighbors, self.metric)


def graph_of_rows(samples, n_neighbors, metric="euclidean"):
    """Edges of weight 1 between rows of which either is a neighbor of the other.

    Parameters
    ----------
    samples : Samples
    n_neighbors : int
        All other rows, if there are fewer.
    metric : {"euclidean", "cosine"}

    Returns
    -------
    graph : csr_array of shape (n_samples, n_samples), float64
    """
    if len(samples) < 2:
        raise ValueError(
            f"n_samples={len(samples)} is too few for a graph of nearest neighbors. Pass more "
            "rows, or the edges."
        )
    rows = map_rows(lambda x: x.flatten(1), samples).cpu().numpy()
    rows = unit_rows(rows) if metric == "cosine" else scaled_to_range(rows)[0]
    n_threads = effective_n_threads()
    search = NeighborSearch(np.ascontiguousarray(rows), 0, n_threads)
    _, indices = search.neighbors(min(n_neighbors, len(rows) - 1), n_threads)
    return joined_neighbors(indices)
