"""Features smoothed over a graph, and their leading directions without computing them."""

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array, issparse

# Columns beyond those wanted, and passes of subspace iteration.
SPARE, N_PASSES = 10, 6


def normalized_adjacency(graph):
    r"""The matrix :math:`(D + I)^{-1/2} (A + I) (D + I)^{-1/2}` of a graph with symmetric weights.

    The loops weigh as much as the mean edge.
    """
    n = graph.shape[0]
    loop = graph.data.mean() if graph.nnz else 1.0
    looped = csr_array(graph + loop * eye_array(n))
    scale = diags_array(1 / np.sqrt(looped.sum(axis=1)))
    return csr_array(scale @ looped @ scale)


def smoothed(S, Z, order):
    """S applied to columns so many times."""
    for _ in range(order):
        Z = S @ Z
    return Z


def tf_idf(X):
    """Rows of counts, each feature by the logarithm of its inverse frequency, of length one.

    Parameters
    ----------
    X : array or sparse matrix of shape (n, n_features)
        None negative.

    Returns
    -------
    Z : csr_array of shape (n, n_features)
        Rows of zeros stay so.
    """
    X = csr_array(X, dtype=np.float64, copy=True)
    X.eliminate_zeros()
    n, d = X.shape
    frequency = np.bincount(X.indices, minlength=d)
    X = csr_array(X @ diags_array(np.log((1 + n) / (1 + frequency)) + 1))
    norms = np.sqrt(X.multiply(X).sum(axis=1))
    return csr_array(diags_array(1 / np.where(norms > 0, norms, 1)) @ X)


def standardized(X):
    """Features of mean 0 and variance 1; of sparse ones the mean square is 1."""
    if issparse(X):
        X = csr_array(X, dtype=np.float64)
        scale = np.sqrt(X.multiply(X).mean(axis=0))
        return csr_array(X @ diags_array(1 / np.where(scale > 0, scale, 1)))
    X = X.astype(np.float64)
    X = X - X.mean(axis=0)
    scale = X.std(axis=0)
    # Equal values differ by rounding.
    varies = scale > 1e-12 * max(scale.max(initial=0), np.finfo(np.float64).tiny)
    return np.where(varies, X / np.where(varies, scale, 1), 0)


def leading_directions(S, Z, order, n_components, rng):
    r"""The leading left singular vectors of :math:`S^t Z`, times their singular values.

    Only products with the sparse factors are needed, so the smoothed features are never stored.

    Parameters
    ----------
    S : csr_array of shape (n, n)
        Symmetric.
    Z : array or sparse matrix of shape (n, n_features)
    order : int
    n_components : int
    rng : np.random.Generator

    Returns
    -------
    U : (n, n_components) array
        Fewer columns if there are fewer nodes or features.
    """
    n, d = Z.shape
    width = min(n_components + SPARE, n, d)
    Q = rng.normal(size=(d, width)) if width < d else np.eye(d)
    if width < d:
        for _ in range(N_PASSES):
            Y = np.linalg.qr(smoothed(S, Z @ Q, order))[0]
            Q = np.linalg.qr(Z.T @ smoothed(S, Y, order))[0]
    U, values, _ = np.linalg.svd(smoothed(S, Z @ Q, order), full_matrices=False)
    return (U * values)[:, :n_components]


def unit_length(Z):
    """Rows divided by their lengths; those of zeros stay so."""
    norms = np.linalg.norm(Z, axis=1, keepdims=True)
    return Z / np.where(norms > 0, norms, 1)
