"""The bipartite cut of a table: groups of its rows and columns by singular vectors."""

import numpy as np
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import svds

from skdeepcluster.algorithms.kmeans import kmeans

# Up to so many rows or columns all singular vectors are computed, by a dense method.
DENSE_SIZE = 500


def bipartite_cut(table, n_clusters, *, n_init=10, seed=0):
    r"""Groups of rows and columns between which a table has little.

    .. math:: D_r^{-1/2} A D_c^{-1/2} \approx U S V^\top

    has the singular vectors of the relaxed normalized cut of the bipartite graph with the weights
    :math:`A`, whose degrees are :math:`D_r` and :math:`D_c`. K-means clusters the rows of U and of
    V together, scaled to length one, so that both sides have the same groups.

    Parameters
    ----------
    table : csr_array of shape (n_rows, n_columns), float64
        No entry is negative, and no row or column is zero.
    n_clusters : int
        At most the number of rows and columns together.
    n_init : int, default=10
        Runs of k-means.
    seed : int, default=0

    Returns
    -------
    rows : array of shape (n_rows,), int32
    columns : array of shape (n_columns,), int32
    """
    scales = [np.sqrt(np.asarray(table.sum(axis=axis)).ravel()) for axis in (1, 0)]
    scaled = csr_array(diags_array(1 / scales[0]) @ table @ diags_array(1 / scales[1]))
    U, V = _leading_vectors(scaled, n_clusters, seed)
    Z = np.concatenate([U, V])
    lengths = np.linalg.norm(Z, axis=1, keepdims=True)
    Z = np.ascontiguousarray(Z / np.where(lengths > 0, lengths, 1))
    _, labels = kmeans(Z, n_clusters, n_init=n_init, seed=seed)
    return np.split(labels.astype(np.int32), [len(U)])


def _leading_vectors(scaled, n_vectors, seed):
    """Left and right singular vectors of the largest values."""
    smallest = min(scaled.shape)
    n_vectors = min(n_vectors, smallest)
    if smallest <= max(DENSE_SIZE, 4 * n_vectors):
        U, _, V = np.linalg.svd(scaled.toarray(), full_matrices=False)
        return U[:, :n_vectors], V[:n_vectors].T
    start = np.random.default_rng(seed).normal(size=smallest)
    U, _, V = svds(scaled, n_vectors, v0=start, solver="arpack")
    return U, V.T
