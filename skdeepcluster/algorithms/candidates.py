"""Labels by several methods: how well each fits a graph, and how well others confirm it."""

import numpy as np
from sklearn.metrics.cluster import adjusted_rand_score

from skdeepcluster.algorithms.groups import members

# Labels are compared on so many rows.
COMPARED_ROWS = 10_000


def modularity(graph, labels, n_clusters):
    """Share of the weights within clusters less what would be expected without clusters.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Symmetric weights, some of them positive.
    labels : (n,) array of int
    n_clusters : int

    Returns
    -------
    modularity : float
        Less than 1.
    """
    member = members(labels, n_clusters)
    # Within clusters each edge counts from both of its ends.
    between = (member.T @ graph @ member).toarray()
    total = between.sum()
    return float(np.trace(between) / total - np.square(between.sum(axis=0) / total).sum())


def support(candidates, n_nearest):
    """How well the most similar other candidates agree with each.

    Parameters
    ----------
    candidates : list of (n,) arrays of int
    n_nearest : int

    Returns
    -------
    support : (n_candidates,) array
        Mean adjusted Rand index with the nearest others, all if there are fewer; 1 for a single
        one. Of many rows, some count.
    """
    n, step = len(candidates), -(-len(candidates[0]) // COMPARED_ROWS)
    if n == 1:
        return np.ones(1)
    agreement = np.full((n, n), -np.inf)
    for i in range(n):
        for j in range(i):
            pair = candidates[i][::step], candidates[j][::step]
            agreement[i, j] = agreement[j, i] = adjusted_rand_score(*pair)
    n_nearest = min(n_nearest, n - 1)
    return np.sort(agreement, axis=1)[:, -n_nearest:].mean(axis=1)
