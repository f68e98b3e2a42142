"""One clustering from several of the same rows."""

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_array, diags_array

from skdeepcluster.algorithms.kmeans import kmeans

# Directions with less than this share of the largest variance are rounding errors.
LEAST_VARIANCE = 1e-10


def consensus_labels(labels, n_clusters, *, seed=0, n_threads=None):
    r"""Clusters of the bipartite graph that joins rows with the clusters they are in.

    With the indicators :math:`Y` of all clusters of all clusterings side by side and their sizes
    :math:`D`, rows are represented by the leading left singular vectors of :math:`Y D^{-1/2}`, each
    scaled to length one, and k-means partitions them [1]_. Memory is linear in the rows.

    Parameters
    ----------
    labels : array of int of shape (n_clusterings, n)
        Not negative.
    n_clusters : int
    seed : int
        Of k-means.
    n_threads : int, optional
        By default as many as OpenMP would use; the result does not depend on it.

    Returns
    -------
    labels : array of shape (n,), int32

    References
    ----------
    .. [1] Fern, Brodley: Solving cluster ensemble problems by bipartite graph partitioning.
       ICML 2004.
    """
    m, n = labels.shape
    # Each clustering has numbers of its own, without gaps.
    shifts = np.cumsum([0, *(row.max() + 1 for row in labels[:-1])])
    _, column = np.unique((labels + shifts[:, np.newaxis]).T.ravel(), return_inverse=True)
    Y = csr_array((np.ones(m * n), column, np.arange(0, m * n + 1, m)))
    scale = diags_array(Y.sum(axis=0) ** -0.5)
    A = Y @ scale
    variances, vectors = eigh((A.T @ A).toarray())
    leading = slice(-min(n_clusters, len(variances)), None)
    kept = variances[leading] > LEAST_VARIANCE * variances[-1]
    Z = Y @ (scale @ (vectors[:, leading][:, kept] * variances[leading][kept] ** -0.5))
    Z /= np.maximum(np.linalg.norm(Z, axis=1, keepdims=True), 1e-12)
    return kmeans(Z, n_clusters, n_init=10, seed=seed, n_threads=n_threads)[1]
