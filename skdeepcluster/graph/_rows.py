"""The graph of the rows of a deep fit, where none is given."""

import numpy as np

from skdeepcluster._sklearn import effective_n_threads
from skdeepcluster.algorithms.neighbor_search import NeighborSearch
from skdeepcluster.algorithms.neighbors import joined_neighbors
from skdeepcluster.training import map_rows
from skdeepcluster.validation import scaled_to_range


def graph_of_rows(samples, n_neighbors):
    """Edges of weight 1 between rows of which either is a neighbor of the other.

    Parameters
    ----------
    samples : Samples
    n_neighbors : int
        All other rows, if there are fewer.

    Returns
    -------
    graph : csr_array of shape (n_samples, n_samples), float64
    """
    n = len(samples)
    if n < 2:
        raise ValueError(f"n_samples={n} is too few for a graph of nearest neighbors")
    rows = map_rows(lambda x: x.flatten(1), samples).cpu().numpy()
    X, n_threads = np.ascontiguousarray(scaled_to_range(rows)[0]), effective_n_threads()
    _, indices = NeighborSearch(X, 0, n_threads).neighbors(min(n_neighbors, n - 1), n_threads)
    return joined_neighbors(indices)
