"""Spectral clustering of landmarks: groups of any shape, in memory linear in the rows."""

import numpy as np
from scipy.linalg import eigh
from sklearn.neighbors import kneighbors_graph
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

from skdeepcluster.assignment._kmeans import kmeans, lloyd, nearest_center

# Landmarks only have to cover the rows.
LANDMARK_ITERATIONS = 15


def landmark_spectral(
    Z, n_clusters, *, n_neighbors=5, max_landmarks=1000, seed=0, share=None, total=None
):
    r"""Labels by the normalised cut of a graph over landmarks.

    k-means with many centres gives the landmarks (all rows where there are few); the graph joins
    each to its nearest ones; rows of the leading eigenvectors of
    :math:`(D + \bar d)^{-1/2} (W + \bar d / m) (D + \bar d)^{-1/2}`, scaled to length one, are
    grouped by k-means [1]_, and a row follows its landmark. The regularisation by the mean degree
    :math:`\bar d` [2]_ keeps a few outlying landmarks from forming groups of their own.

    Parameters
    ----------
    Z : array of shape (n, n_components)
    n_clusters : int
    n_neighbors : int, default=5
        Neighbours of each landmark in the graph.
    max_landmarks : int, default=1000
        At most one landmark for four rows is used, but at least 500 where there are as many rows.
    seed : int
    share, total : optional
        As in `kmeans`.

    Returns
    -------
    labels : array of shape (n,), int32

    References
    ----------
    .. [1] Ng, Jordan, Weiss: On spectral clustering: analysis and an algorithm. NIPS 2001.
    .. [2] Amini, Chen, Bickel, Levina: Pseudo-likelihood methods for community detection in large
       sparse networks. Annals of Statistics 41, 2013.
    """
    n = len(Z)
    m = min(n, max(500, 5 * n_clusters, min(max_landmarks, n // 4)))
    if n_clusters == 1:
        return np.zeros(n, dtype=np.int32)
    Z = np.ascontiguousarray(Z)
    landmarks, nearest = Z, np.arange(n)
    if m < n:
        n_threads = _openmp_effective_n_threads()
        start = Z[np.random.RandomState(seed).permutation(n)[:m]]
        mine = Z if share is None else Z[share]
        landmarks, _ = lloyd(mine, start, LANDMARK_ITERATIONS, 0.0, n_threads, total)
        nearest = nearest_center(Z, landmarks, n_threads)
    graph = kneighbors_graph(landmarks, min(n_neighbors, m - 1)).toarray()
    graph = np.maximum(graph, graph.T)
    graph += graph.sum() / m**2
    scale = graph.sum(axis=1) ** -0.5
    _, vectors = eigh(graph * scale * scale[:, None], subset_by_index=[m - n_clusters, m - 1])
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return kmeans(vectors, n_clusters, n_init=10, seed=seed)[1][nearest]
