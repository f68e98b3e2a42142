"""Nearest neighbors of the rows of a matrix, the same for any number of threads."""

import numpy as np

from skdeepcluster._kernels._kdtree import KDTree


def nearest_neighbors(X, n_neighbors, n_threads=1):
    """Other rows that are nearest to each row.

    Parameters
    ----------
    X : C-contiguous array of shape (n, n_features), float32 or float64
    n_neighbors : int
        Less than n.
    n_threads : int

    Returns
    -------
    distances : (n, n_neighbors) array
        Squared Euclidean distances, increasing.
    indices : (n, n_neighbors) array of int64

    Raises
    ------
    ValueError
        If squared distances overflow.
    """
    tree = KDTree(X, "euclidean", n_threads)
    found, positions, _ = tree.knn(n_neighbors + 1, n_threads)
    if not np.isfinite(found).all():
        raise ValueError(
            f"Distances between rows of X overflow its dtype {X.dtype}; rescale X or pass it as "
            "float64."
        )
    # One too many: the row itself, unless it was lost among its copies.
    others = tree.index[positions] != tree.index[:, np.newaxis]
    others[others.all(axis=1), -1] = False
    distances = np.empty((len(X), n_neighbors), X.dtype)
    indices = np.empty((len(X), n_neighbors), np.int64)
    distances[tree.index] = found[others].reshape(distances.shape)
    indices[tree.index] = tree.index[positions][others].reshape(indices.shape)
    return distances, indices
