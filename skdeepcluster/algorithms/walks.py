"""Vectors of the nodes of a graph by random walks: skip-gram, and the matrix that it factors."""

import numpy as np
from scipy.sparse import csr_array, diags_array, vstack

from skdeepcluster._kernels._walks import train, walks
from skdeepcluster.algorithms.smoothing import leading_directions

# Of the degrees, for negative samples.
NOISE_POWER = 0.75
LAST_RATE = 1e-4
# Entries of a block of rows that is dense.
BLOCK_ENTRIES = 2**22


def walks_from_all(graph, length, p, q, rng, n_threads):
    """A walk from each node, in random order.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Weights, none negative or stored zeros, indices sorted.
    length : int
    p, q : float
        Of node2vec: factors 1/p of steps back and 1/q of steps away from the neighbors of the node
        before.
    rng : np.random.Generator
    n_threads : int

    Returns
    -------
    found : (n, length) array of int32
        -1 behind the end of a walk that reaches a node without edges.
    """
    weights = graph.data
    # In a range in which sums are exact enough and do not overflow.
    largest = weights.max(initial=0)
    weighted = bool((weights != largest).any())
    return walks(
        graph.indptr.astype(np.int64), graph.indices.astype(np.int32, copy=False),
        weights / largest if weighted else weights, weighted,
        rng.permutation(graph.shape[0]).astype(np.int32), length, p, q,
        int(rng.integers(2**63)), n_threads,
    )  # fmt: skip


def skip_gram(
    graph, n_components, *, n_walks, length, p, q, window, n_negatives, learning_rate, rng,
    n_threads,
):  # fmt: skip
    """Vectors of nodes by skip-gram with negative samples on walks.

    Walks are drawn when they are needed, a pass over the nodes at a time.

    Returns
    -------
    Z : (n, n_components) array of float32
        Zero for nodes without edges.
    """
    n = graph.shape[0]
    degrees = graph.sum(axis=1)
    if not degrees.max(initial=0) > 0:
        return np.zeros((n, n_components), np.float32)
    width = -(-n_components // 8) * 8
    Z = np.zeros((n, width), np.float32)
    Z[:, :n_components] = (rng.random((n, n_components)) - 0.5) / n_components
    C = np.zeros((n, width), np.float32)
    noise = np.cumsum((degrees / degrees.max()) ** NOISE_POWER)
    rates = np.linspace(learning_rate, min(LAST_RATE, learning_rate), n_walks + 1)
    for first, last in zip(rates[:-1], rates[1:], strict=True):
        found = walks_from_all(graph, length, p, q, rng, n_threads)
        train(found, Z, C, window, n_negatives, noise, first, last, int(rng.integers(2**63)))
    Z[degrees == 0] = 0
    return np.ascontiguousarray(Z[:, :n_components])


def netmf_matrix(graph, window, n_negatives):
    r"""What skip-gram factors on walks of any length.

    .. math:: M = \log \max\left(1, \frac{\operatorname{vol}(A)}{b T}
        \sum_{r=1}^T (D^{-1} A)^r D^{-1}\right)

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Symmetric weights, none negative.
    window : int
        The longest distance T of a pair on a walk.
    n_negatives : int
        Negative samples b.

    Returns
    -------
    M : csr_array of shape (n, n)
    """
    n = graph.shape[0]
    degrees = graph.sum(axis=1)
    inverse = np.divide(1, degrees, out=np.zeros(n), where=degrees > 0)
    step = csr_array(diags_array(inverse) @ graph)
    turned = csr_array(step.T)
    scale = degrees.sum() / (n_negatives * window) * inverse
    size = max(1, BLOCK_ENTRIES // n)
    blocks = []
    for begin in range(0, n, size):
        reached = step[begin : begin + size].toarray().T
        total = reached.copy()
        for _ in range(window - 1):
            reached = turned @ reached
            total += reached
        blocks.append(csr_array(np.log(np.maximum(total.T * scale, 1))))
    return csr_array(vstack(blocks))


def netmf(graph, n_components, window, n_negatives, rng):
    """Vectors of nodes by the leading directions of `netmf_matrix`.

    Returns
    -------
    Z : (n, n_components) array
        Fewer columns if there are fewer nodes. Zero for nodes without edges.
    """
    M = netmf_matrix(graph, window, n_negatives)
    U = leading_directions(None, M, 0, n_components, rng)
    roots = np.sqrt(np.linalg.norm(U, axis=0))
    return np.divide(U, roots, out=np.zeros_like(U), where=roots > 0)
