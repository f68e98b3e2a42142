"""Known labels, spread over a graph of nearest neighbors."""

import numpy as np
from scipy.sparse import diags_array
from sklearn.model_selection import StratifiedKFold

from skdeepcluster.algorithms.layouts import fuzzy_graph
from skdeepcluster.algorithms.neighbor_search import NeighborSearch
from skdeepcluster.validation import scaled_to_range

# Neighbors in the graph; the weight of each further step of a walk, and steps.
N_NEIGHBORS, WEIGHT, N_STEPS = 15, 0.99, 50
# Folds of the known labels by which labels that were spread are judged.
N_FOLDS = 5


def spread_where_better(X, labels, fixed, n_clusters, *, seed, n_threads):
    """Labels, or those that spread from the known ones if these tell held-out ones better.

    Parameters
    ----------
    X : C-contiguous array of shape (n, n_features), float32 or float64
    labels : array of shape (n,)
        Under the numbers of the known classes.
    fixed : array of shape (n,)
        Known labels, -1 for none.
    n_clusters : int
    seed : int
    n_threads : int

    Returns
    -------
    labels : array of shape (n,), intp
        Unchanged if a class has fewer than two known labels.
    """
    labels = np.asarray(labels, dtype=np.intp)
    rows = np.flatnonzero(fixed >= 0)
    least = np.bincount(fixed[rows], minlength=n_clusters).min()
    if least < 2:
        return labels
    graph = _graph(X, seed, n_threads)
    folds = StratifiedKFold(min(N_FOLDS, least), shuffle=True, random_state=seed)
    n_right = 0
    for _, test in folds.split(rows, fixed[rows]):
        held = rows[test]
        known = fixed.copy()
        known[held] = -1
        n_right += np.sum(spread_labels(graph, known, n_clusters)[held] == fixed[held])
    if n_right <= np.sum(labels[rows] == fixed[rows]):
        return labels
    found = spread_labels(graph, fixed, n_clusters)
    return np.where(found >= 0, found, labels)


def spread_labels(graph, fixed, n_clusters):
    r"""Labels by walks from known rows, which are as many for each class.

    With known classes :math:`Y`, whose columns sum to one, and :math:`S = D^{-1/2} W D^{-1/2}` of
    the graph, the scores are the sum of the first terms of :math:`\sum_t \alpha^t S^t Y`, with the
    columns scaled to equal sums.

    Parameters
    ----------
    graph : sparse array of shape (n, n)
        :math:`S`.
    fixed : array of shape (n,)
        Known labels, -1 for none; each class has some.
    n_clusters : int

    Returns
    -------
    labels : array of shape (n,), intp
        -1 for rows that no walk reaches.
    """
    known = np.flatnonzero(fixed >= 0)
    Y = np.zeros((len(fixed), n_clusters))
    Y[known, fixed[known]] = 1
    Y /= Y.sum(axis=0)
    scores = Y
    for _ in range(N_STEPS):
        scores = WEIGHT * (graph @ scores) + Y
    scores = scores / scores.sum(axis=0)
    labels = np.where(scores.any(axis=1), scores.argmax(axis=1), -1)
    labels[known] = fixed[known]
    return labels


def _graph(X, seed, n_threads):
    """The normalized graph of neighbors of rows."""
    X, _ = scaled_to_range(X)
    search = NeighborSearch(X, seed, n_threads)
    distances, indices = search.neighbors(min(N_NEIGHBORS, len(X) - 1), n_threads)
    W = fuzzy_graph(distances, indices, n_threads).astype(np.float64)
    degrees = np.asarray(W.sum(axis=1)).ravel()
    scale = diags_array(1 / np.sqrt(np.maximum(degrees, np.finfo(float).tiny)))
    return (scale @ W @ scale).tocsr()
