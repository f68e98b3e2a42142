"""Multicut of a complete graph whose costs are inner products of rows."""

import numpy as np
from sklearn.utils import gen_batches

from skdeepcluster._kernels._multicut import contract_all, contract_neighbors, move_rows
from skdeepcluster._sklearn import get_chunk_n_rows
from skdeepcluster.algorithms.neighbor_search import NeighborSearch


def objective(rows, labels, strength):
    r"""The cost of the pairs that are cut.

    :math:`\sum_{i < j, c_i \ne c_j} (\langle f_i, f_j \rangle - a)`, from sums over clusters.
    """

    def within(total, size):
        return (np.square(total).sum() - strength * np.square(size).sum()) / 2

    sums, sizes = cluster_sums(rows, labels, labels.max() + 1)
    inside = within(sums, sizes)
    return float(within(rows.sum(axis=0), np.array([len(rows)])) - inside)


def cluster_sums(rows, labels, n_clusters):
    """Sums and numbers of the rows of each cluster."""
    sums = np.zeros((n_clusters, rows.shape[1]))
    np.add.at(sums, labels, rows)
    return sums, np.bincount(labels, minlength=n_clusters).astype(np.float64)


def best_partners(sums, sizes, strength, n_neighbors):
    """Other clusters with the largest costs, block by block.

    Returns
    -------
    neighbors : (n, n_neighbors) array of int32
    """
    n = len(sums)
    found = np.empty((n, n_neighbors), np.int32)
    for rows in gen_batches(n, get_chunk_n_rows(16 * n, max_n_rows=n)):
        costs = sums[rows] @ sums.T - strength * np.outer(sizes[rows], sizes)
        costs[np.arange(len(costs)), np.arange(rows.start, rows.stop)] = -np.inf
        found[rows] = np.argpartition(-costs, n_neighbors - 1, axis=1)[:, :n_neighbors]
    return found


def exact_contraction(rows, strength):
    """Labels by joining the pair of the largest cost until none is positive."""
    parent, _ = contract_all(rows.copy(), np.ones(len(rows)), strength)
    return _roots(parent)


def lazy_contraction(rows, strength, n_neighbors, neighbors=None):
    """Labels by joining neighbors, which are looked for again when none is left.

    Parameters
    ----------
    rows : (n, n_features) array
    strength : float
    n_neighbors : int
    neighbors : (n, k) array of int32, optional
        Of the rows, for the first round.

    Returns
    -------
    labels : (n,) array of int32
    n_rounds : int
    """
    sums, sizes = rows.copy(), np.ones(len(rows))
    labels = np.arange(len(rows), dtype=np.int32)
    n_rounds = 0
    while len(sums) > 1:
        n_rounds += 1
        if neighbors is None:
            n_near = min(n_neighbors, len(sums) - 1)
            neighbors = best_partners(sums, sizes, strength, n_near)
        parent, gain = contract_neighbors(sums, sizes, strength, neighbors.copy())
        if not gain > 0:
            break
        roots = _roots(parent)
        first = np.unique(parent[parent == np.arange(len(parent))])
        sums, sizes = np.ascontiguousarray(sums[first]), sizes[first].copy()
        labels, neighbors = roots[labels], None
    return labels, n_rounds


def _roots(parent):
    """Clusters at the ends of the chains, numbered in their order."""
    while True:
        above = parent[parent]
        if np.array_equal(above, parent):
            return np.unique(parent, return_inverse=True)[1].astype(np.int32)
        parent = above


def near_rows(rows, n_neighbors, seed, n_threads):
    """The nearest rows of each, for rows of length one those of the largest products."""
    search = NeighborSearch(rows, seed, n_threads)
    return search.neighbors(min(n_neighbors, len(rows) - 1), n_threads)[1]


def local_search(rows, labels, strength, max_iter, neighbors=None):
    """Moves of single rows until none gains, or `max_iter` passes.

    Parameters
    ----------
    rows : (n, n_features) array
    labels : (n,) array of int32
        Overwritten.
    strength : float
    max_iter : int
    neighbors : (n, k) array of int32, optional
        Rows whose clusters are compared; by default all clusters are.

    Returns
    -------
    labels : (n,) array of int32
    n_iter : int
    """
    n = len(rows)
    sums, sizes = cluster_sums(rows, labels, n)
    if neighbors is None:
        neighbors = np.empty((n, 0), np.int32)
    for n_iter in range(1, max_iter + 1):  # noqa: B007
        if not move_rows(rows, labels, sums, sizes, strength, neighbors) > 0:
            break
    return labels, n_iter
