"""Power iteration clustering of rows, whose number of clusters follows from a graph."""

import numpy as np
from scipy.sparse import csr_array

from skdeepcluster.algorithms.groups import components
from skdeepcluster.algorithms.neighbor_search import graph_neighbors
from skdeepcluster.algorithms.neighbors import neighbor_matrix

# Of DeepCluster's form: neighbors, the width of the weights, the share of the graph in a step, and
# the number of steps.
N_NEIGHBORS, WIDTH, SHARE, N_STEPS = 5, 0.2, 1e-3, 200


def power_iteration_labels(X, *, seed=0, n_threads=1):
    r"""Clusters around the local maxima of a vector that power iteration spreads over a graph.

    .. math:: W_{ij} = e^{-\|x_i - x_j\|^2 / \sigma^2}, \quad A = W + W^\top, \quad
        v \leftarrow \frac{\alpha A v + (1 - \alpha) / n}{\|\cdot\|_1}, \quad
        i \to \arg\max_j A_{ij} (v_j - v_i)

    where :math:`j` is among the nearest neighbors of :math:`i`. A row points to itself if no
    neighbor has more; the rows that lead to one row are a cluster. A row alone joins the cluster of
    its nearest neighbor that is not alone; rows whose neighbors are all alone join the nearest one.

    Parameters
    ----------
    X : array of shape (n, n_features)
        Of rows of about length one.
    seed : int, default=0
        Of the search for neighbors of many rows.
    n_threads : int, default=1

    Returns
    -------
    labels : array of shape (n,), int64
        From 0; no cluster has one row alone, but for a single row.

    References
    ----------
    Lin, Cohen: Power iteration clustering. ICML 2010. Caron, Bojanowski, Joulin, Douze: Deep
    clustering for unsupervised learning of visual features. ECCV 2018.
    """
    n = len(X)
    if n == 1:
        return np.zeros(1, np.int64)
    k = min(N_NEIGHBORS, n - 1)
    distances, indices = graph_neighbors(np.ascontiguousarray(X), k, n_threads, seed)
    # Not 0: sums of sparse matrices leave such entries out.
    weights = np.exp(-np.square(distances / WIDTH)).clip(np.finfo(np.float64).tiny)
    graph = neighbor_matrix(weights, indices, n)
    graph = csr_array(graph + graph.T)
    root = _maxima(graph, _spread(graph))
    sizes = np.bincount(root, minlength=n)
    alone = sizes[root] == 1
    # Their nearest neighbor in a cluster of several rows; the nearest of all where there is none.
    target = indices[np.arange(n), np.argmax(~alone[indices], axis=1)]
    joined = np.where(alone, target, root)
    return components(n, np.arange(n), joined).astype(np.int64)


def _spread(graph):
    """The vector after all steps, of sum 1."""
    n = graph.shape[0]
    v = np.full(n, 1 / n)
    for _ in range(N_STEPS):
        v = SHARE * (graph @ v) + (1 - SHARE) / n
        v /= v.sum()
    return v


def _maxima(graph, v):
    """The row at which the pointers from each row end."""
    n = graph.shape[0]
    row = np.repeat(np.arange(n), np.diff(graph.indptr))
    gain = graph.data * (v[graph.indices] - v[row])
    # The largest gain of each row first, of equal ones the lowest row.
    order = np.lexsort((graph.indices, -gain, row))
    first = order[graph.indptr[:-1]]
    pointer = np.where(gain[first] > 0, graph.indices[first], np.arange(n))
    while True:
        # Values increase along pointers: there is no cycle.
        further = pointer[pointer]
        if np.array_equal(further, pointer):
            return pointer
        pointer = further
