"""Random walks on a graph, the same on any number of threads, and skip-gram along them."""

import numpy as np

from cython.parallel cimport prange
from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t, uint64_t

from skdeepcluster._kernels._checks cimport (
    check_at_least,
    check_range,
    check_shape,
    check_size,
    check_threads,
)
from skdeepcluster._kernels._graphs cimport check_graph


cdef extern from "_walks.h" nogil:
    ctypedef struct WalkGraph:
        const int64_t *indptr
        const int32_t *indices
        const double *cumulative
        double back, near, far, largest
        int biased
    uint64_t hash_bits(uint64_t x)
    void random_walk(const WalkGraph *graph, int32_t start, int32_t *walk, Py_ssize_t length,
                     uint64_t bits)
    void train_walk(const int32_t *walk, Py_ssize_t length, float *Z, float *C, Py_ssize_t n_blocks,
                    int window, int n_negatives, const double *noise, const int32_t *guide,
                    int64_t n_nodes, float rate, uint64_t seed, float *gradient)


def walks(
    const int64_t[::1] indptr, const int32_t[::1] indices, const double[::1] weights, bint weighted,
    const int32_t[::1] starts, Py_ssize_t length, double p, double q, uint64_t seed, int n_threads,
):
    """Walks of the second order, as of node2vec; of the first where p = q = 1.

    From `v`, reached from `t`, a step to `x` has a probability in proportion to the weight of the
    edge, times 1/p if `x` is `t`, 1/q if `x` is no neighbor of `t`, and 1 otherwise. Candidates are
    drawn by weight and kept in proportion to these factors.

    Parameters
    ----------
    indptr, indices, weights : the arrays of a CSR matrix of shape (n, n)
        Indices of a row increase; no weight is negative, and those of a row are not all 0.
    weighted : bool
        Whether weights count, or all edges are alike.
    starts : (n_walks,) array
    length : int
        Nodes of a walk.
    p, q : float
    seed : int
    n_threads : int

    Returns
    -------
    walks : (n_walks, length) array of int32
        -1 behind the end of walks that reach a node without edges.
    """
    cdef Py_ssize_t n = indptr.shape[0] - 1, n_walks = starts.shape[0], i
    cdef int64_t e
    cdef int32_t v
    cdef WalkGraph graph
    cdef bint falls = False
    check_graph(indptr, indices, weights)
    check_range("starts", starts, 0, n)
    check_at_least("length", length, 1)
    n_threads = check_threads(n_threads)
    if not (p > 0 and q > 0 and isfinite(1 / p) and isfinite(1 / q)):
        raise ValueError(f"p and q must be positive, got {p} and {q}")
    found_ = np.empty((n_walks, length), np.int32)
    if not n_walks:
        return found_
    cdef int32_t[:, ::1] found = found_
    cdef double[::1] cumulative = np.empty(weights.shape[0] if weighted else 0)
    with nogil:
        for v in range(n):
            for e in range(indptr[v], indptr[v + 1]):
                if e > indptr[v]:
                    falls |= indices[e] <= indices[e - 1]
                if weighted:
                    falls |= not weights[e] >= 0
                    cumulative[e] = weights[e] + (cumulative[e - 1] if e > indptr[v] else 0)
            if weighted and indptr[v + 1] > indptr[v]:
                falls |= not (cumulative[indptr[v + 1] - 1] > 0
                              and isfinite(cumulative[indptr[v + 1] - 1]))
    if falls:
        raise ValueError("indices must increase within rows, and weights must not be negative or "
                         "all 0")
    graph.indptr = &indptr[0]
    graph.indices = &indices[0] if indices.shape[0] else NULL
    graph.cumulative = &cumulative[0] if cumulative.shape[0] else NULL
    graph.back, graph.near, graph.far = 1 / p, 1, 1 / q
    graph.largest = max(1 / p, 1, 1 / q)
    graph.biased = p != 1 or q != 1
    for i in prange(n_walks, num_threads=n_threads, schedule="dynamic", chunksize=64, nogil=True):
        random_walk(&graph, starts[i], &found[i, 0], length, hash_bits(seed ^ hash_bits(i)))
    return found_


def train(
    const int32_t[:, ::1] walks, float[:, ::1] Z, float[:, ::1] C, int window, int n_negatives,
    const double[::1] noise, double first_rate, double last_rate, uint64_t seed,
):
    r"""A pass of skip-gram with negative samples over walks, one step after another.

    For each pair of a node :math:`u` and one :math:`v` at most a random part of the window away,

    .. math:: \log \sigma(z_u^\top c_v) + \sum_{i} \log \sigma(-z_u^\top c_{n_i}).

    Parameters
    ----------
    walks : (n_walks, length) array
        -1 behind the end of a walk.
    Z, C : (n, width) arrays of float32
        Vectors of nodes and of contexts, of a width that is a multiple of 8. Output too.
    window : int
    n_negatives : int
    noise : (n,) array
        Cumulative weights by which negative samples are drawn.
    first_rate, last_rate : float
        Learning rates, between which it falls linearly.
    seed : int
    """
    cdef Py_ssize_t n = Z.shape[0], n_walks = walks.shape[0], length = walks.shape[1], i
    cdef double rate
    check_at_least("the number of nodes", n, 1)
    check_shape("C", C.shape[0], C.shape[1], n, Z.shape[1])
    check_size("noise", noise.shape[0], n)
    check_at_least("window", window, 1)
    check_at_least("n_negatives", n_negatives, 0)
    if Z.shape[1] % 8 or not Z.shape[1]:
        raise ValueError(f"the width must be a multiple of 8, got {Z.shape[1]}")
    if not n_walks or not length:
        return
    cdef const int32_t[::1] nodes = np.asarray(walks).reshape(-1)
    check_range("walks", nodes, -1, n)
    if not 0 < noise[n - 1] < np.inf:
        raise ValueError("noise must end with a positive sum")
    bounds = np.arange(n) * (noise[n - 1] / n)
    guide_ = np.searchsorted(noise, bounds, side="right").astype(np.int32)
    cdef int32_t[::1] guide = np.minimum(guide_, np.int32(n - 1))
    cdef float[::1] gradient = np.empty(Z.shape[1], np.float32)
    with nogil:
        for i in range(n_walks):
            rate = first_rate + (last_rate - first_rate) * i / n_walks
            train_walk(&walks[i, 0], length, &Z[0, 0], &C[0, 0], Z.shape[1] // 8, window,
                       n_negatives, &noise[0], &guide[0], n, <float> rate,
                       hash_bits(seed ^ hash_bits(i)), &gradient[0])
