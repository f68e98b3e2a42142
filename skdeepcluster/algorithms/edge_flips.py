"""Graphs released under differential privacy of their edges, and their leading eigenvectors."""

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.linalg import LinearOperator, eigsh

# Nodes up to which the matrix is dense.
FEW_NODES = 500
# Pairs that are drawn at a time.
BLOCK_PAIRS = 2**22


def flip_probability(epsilon):
    """With which each pair of nodes is flipped, so that the release has epsilon of privacy."""
    return float(np.exp(-np.logaddexp(0, epsilon)))


def flipped(graph, probability, rng):
    """Each pair of nodes, an edge or not, flipped independently.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Symmetric; entries are edges. What is on the diagonal does not count.
    probability : float
        At most 1/2.
    rng : np.random.Generator

    Returns
    -------
    released : csr_array of shape (n, n)
        Symmetric, of ones, with an empty diagonal.
    """
    n = graph.shape[0]
    size = max(1, BLOCK_PAIRS // max(n, 1))
    rows, columns = [], []
    for begin in range(0, n, size):
        numbers = np.arange(begin, min(begin + size, n))
        # Which numbers are drawn depends on n alone.
        flips = rng.random((len(numbers), n)) < probability
        edges = graph[begin : begin + size].toarray() != 0
        i, j = np.nonzero((edges != flips) & (np.arange(n) > numbers[:, None]))
        rows.append(i + begin)
        columns.append(j)
    i, j = np.concatenate(rows), np.concatenate(columns)
    entries = np.concatenate([i, j]), np.concatenate([j, i])
    released = csr_array(coo_array((np.ones(2 * len(i)), entries), shape=(n, n)))
    released.sort_indices()
    return released


def leading_vectors(released, probability, n_vectors, rng):
    r"""Eigenvectors of the largest eigenvalues of an unbiased estimate of the graph.

    .. math:: \frac{B - f (1 1^\top - I)}{1 - 2 f},

    which is never stored for many nodes: its product with a vector is that of :math:`B` and two
    more terms.

    Parameters
    ----------
    released : csr_array of shape (n, n)
    probability : float
        f.
    n_vectors : int
    rng : np.random.Generator

    Returns
    -------
    U : (n, n_vectors) array
    """
    n = released.shape[0]
    if n <= max(FEW_NODES, n_vectors):
        dense = released.toarray() - probability * (1 - np.eye(n))
        return np.linalg.eigh(dense)[1][:, ::-1][:, :n_vectors]

    def product(x):
        return released @ x - probability * (x.sum(axis=0) - x)

    operator = LinearOperator((n, n), matvec=product, dtype=np.float64)
    values, U = eigsh(operator, n_vectors, which="LA", v0=rng.normal(size=n))
    return U[:, np.argsort(-values)]
