"""What estimators over a graph of nearest neighbors share: parameters, search and layout."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._kernels._layout import fuzzy_weights
from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.algorithms.layouts import MAX_COMPONENTS, fuzzy_graph
from skdeepcluster.algorithms.neighbor_search import NeighborSearch
from skdeepcluster.algorithms.read_outs import N_COMPONENTS, N_NEIGHBORS
from skdeepcluster.base import RandomStateMixin, ThreadsMixin, param, parameters
from skdeepcluster.validation import (
    FLOATS,
    check_rows,
    largest_value,
    scaled_to_range,
    unit_rows,
    within_reach,
)


@parameters
class NeighborSearchMixin(RandomStateMixin, ThreadsMixin):
    """Nearest neighbors of rows, found once and kept for new rows.

    Parameters
    ----------
    n_neighbors : int, default=15
        Number of neighbors of each row in the graph, without itself; all other rows, if there are
        fewer.

    metric : {"euclidean", "cosine"}, default="euclidean"
        Distance of rows. "cosine" is the Euclidean distance of rows of length one.

    Attributes
    ----------
    distances_ : ndarray of shape (n_samples, n_neighbors)
        Distances of each training row to its neighbors, increasing; only where these are searched.

    indices_ : ndarray of shape (n_samples, n_neighbors)
        Indices of the neighbors; only where these are searched.
    """

    n_neighbors: int = param(N_NEIGHBORS, Interval(Integral, 1, None, closed="left"))
    metric: str = param("euclidean", StrOptions({"euclidean", "cosine"}))

    def _find_neighbors(self, X):
        """Search the neighbors of training rows.

        Returns
        -------
        rng : np.random.Generator
            For all that follows.
        distances : (n_samples, n_neighbors) array
            In units in which squares fit.
        """
        # Small integers, such as pixels, are exact in half of the memory.
        narrow = isinstance(X, np.ndarray) and X.dtype.kind in "biu" and X.dtype.itemsize <= 2
        dtype = np.float32 if narrow else FLOATS
        X = check_rows(self, X, reset=True, dtype=dtype, accept_sparse=False, ensure_min_samples=2)
        rng = self._generator()
        X, self._unit = (unit_rows(X), 1.0) if self.metric == "cosine" else scaled_to_range(X)
        n_neighbors = min(self.n_neighbors, len(X) - 1)
        n_threads = self._n_threads()
        self._search = NeighborSearch(X, int(rng.integers(2**31)), n_threads)
        distances, self.indices_ = self._search.neighbors(n_neighbors, n_threads)
        self.distances_ = distances * distances.dtype.type(self._unit)
        return rng, distances

    def _neighbors_of(self, X):
        """Training rows that are nearest to new rows, and their weights.

        A row equal to a training row has this one as its only neighbor of any weight.

        Returns
        -------
        weights : (n_queries, n_neighbors) array of float32
        indices : (n_queries, n_neighbors) array of int32
        distances : (n_queries, n_neighbors) array
            In the units of the rows.
        """
        check_is_fitted(self)
        search, n_threads = self._search, self._n_threads()
        dtype = search.X.dtype
        X = check_rows(self, X, reset=False, accept_sparse=False, dtype=dtype)
        if self.metric == "cosine":
            X = unit_rows(X)
        else:
            X = within_reach(X / dtype.type(self._unit), largest_value(search.X))
        X = np.ascontiguousarray(X, dtype)
        with self._limited_threads():
            distances, indices = search.query(X, self.indices_.shape[1], n_threads)
        weights = fuzzy_weights(distances.astype(np.float64), 0.0, n_threads)
        equal = distances[:, 0] == 0
        weights[equal] = 0
        weights[equal, 0] = 1
        return weights, indices, distances * dtype.type(self._unit)


@parameters
class NeighborGraphMixin(NeighborSearchMixin):
    """A graph of nearest neighbors and a layout of it.

    Parameters
    ----------
    n_components : int, default=10
        Number of dimensions of the layout, at most 16.

    min_dist : float, default=0.0
        Distance in the layout up to which similar rows need not come nearer, in units in which
        similarities fall off by a factor e. 0 lets clusters be dense; UMAP's default of 0.1 is for
        pictures.

    n_epochs : int, default=None
        Number of passes over the edges of a graph; None means 200, and 500 in a layout of up to
        10,000 rows.

    random_state : int, RandomState instance or None, default=None
        Determines the search for neighbors of more than 4,096 rows, and the layout. The result is
        the same for any number of threads.

    Attributes
    ----------
    distances_ : ndarray of shape (n_samples, n_neighbors)
        Distances of each training row to its neighbors, increasing.

    indices_ : ndarray of shape (n_samples, n_neighbors)
        Indices of the neighbors.

    graph_ : sparse array of shape (n_samples, n_samples)
        Weights of the undirected edges, from 0 to 1.
    """

    n_components: int = param(N_COMPONENTS, Interval(Integral, 1, MAX_COMPONENTS, closed="both"))
    min_dist: float = param(0.0, Interval(Real, 0, 3, closed="left"))
    n_epochs: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)

    def _fit_graph(self, X):
        """Search the neighbors of training rows, and weigh the edges to them.

        Returns
        -------
        rng : np.random.Generator
            For all that follows.
        """
        rng, distances = self._find_neighbors(X)
        self.graph_ = fuzzy_graph(distances, self.indices_, self._n_threads())
        return rng
