"""Weights of a graph of neighbors, and a layout of it, the same for any number of threads."""

import numpy as np

from cython.parallel cimport prange
from libc.math cimport exp, fabs, log2
from libc.stdint cimport int32_t, int64_t, uint64_t

from skdeepcluster._kernels._checks cimport (
    check_at_least,
    check_range,
    check_shape,
    check_size,
    check_threads,
)


cdef extern from "_layout.h" nogil:
    """
    static const uint32_t lowest = LOWEST, shift = SHIFT, n_values = N_VALUES;
    """
    enum:
        WIDTH
    const unsigned int lowest, shift, n_values
    void move_row(const float *Z, Py_ssize_t n_rows, int32_t row, const int32_t *neighbors,
                  const float *weights, Py_ssize_t n_neighbors, Py_ssize_t epoch, uint64_t seed,
                  int n_negatives, float rate, const float *attraction, const float *repulsion,
                  float *moved)

# Coordinates of a row in memory; those that are not used are zero.
PLACE_WIDTH = WIDTH

cdef enum:
    STEPS = 64


def fuzzy_weights(const double[:, ::1] distances, double local_connectivity, int n_threads):
    r"""Weights of directed edges to neighbors, whose sum is the same for all rows.

    .. math:: p_{ij} = \exp(-\max(0, d_{ij} - \rho_i) / \sigma_i), \quad
        \sum_j p_{ij} = \log_2(k + 1)

    with :math:`\rho_i` the smallest positive distance. The width :math:`\sigma_i` is at least a
    thousandth of the mean distance, of the row or, where :math:`\rho_i = 0`, of all; then the sum is
    larger.

    Parameters
    ----------
    distances : (n, k) array
        To the neighbors of each row, without itself; increasing.
    local_connectivity : float
        How many neighbors have weight 1: the smallest positive distance is that of the first, and
        others lie between it and the second and so on. With 0 none has for sure.
    n_threads : int

    Returns
    -------
    weights : (n, k) array of float32
    """
    cdef Py_ssize_t n = distances.shape[0], k = distances.shape[1], row, i, zeros, index
    n_threads = check_threads(n_threads)
    weights = np.empty((n, k), np.float32)
    if not n or not k:
        return weights
    cdef float[:, ::1] out = weights
    cdef double mean_of_all = np.mean(distances), target = log2(k + 1.0)
    cdef double rho, sigma, low, high, total, mean, gap
    cdef int step
    for row in prange(n, nogil=True, num_threads=n_threads, schedule="static"):
        zeros = 0
        mean = 0
        for i in range(k):
            zeros = zeros + (distances[row, i] == 0)
            mean = mean + distances[row, i]
        mean = mean / k
        rho = 0
        if local_connectivity > 0 and zeros < k:
            index = <Py_ssize_t> local_connectivity
            gap = local_connectivity - index
            if zeros + index > k:
                rho = distances[row, k - 1]
            elif index > 0:
                rho = distances[row, zeros + index - 1]
                if gap > 0 and zeros + index < k:
                    rho = rho + gap * (distances[row, zeros + index] - rho)
            else:
                rho = gap * distances[row, zeros]
        low = 0
        high = -1
        sigma = 1
        for step in range(STEPS):
            total = 0
            for i in range(k):
                total = total + (exp(-(distances[row, i] - rho) / sigma)
                                 if distances[row, i] > rho else 1.0)
            if fabs(total - target) < 1e-5:
                break
            if total > target:
                high = sigma
                sigma = (low + high) / 2
            else:
                low = sigma
                sigma = 2 * sigma if high < 0 else (low + high) / 2
        sigma = max(sigma, 1e-3 * (mean if rho > 0 else mean_of_all))
        for i in range(k):
            out[row, i] = <float> (exp(-(distances[row, i] - rho) / sigma)
                                   if distances[row, i] > rho else 1.0)
    return weights


def table_places():
    """The squared distances for which the tables of forces have values."""
    return ((np.arange(n_values, dtype=np.uint32) << shift) + lowest).view(np.float32)


def run_epochs(
    float[:, ::1] Z, const int64_t[::1] indptr, const int32_t[::1] indices,
    const float[::1] weights, const int32_t[::1] order, const int64_t[::1] blocks,
    Py_ssize_t n_epochs, uint64_t seed, int n_negatives, float learning_rate,
    const float[::1] attraction, const float[::1] repulsion, int n_threads,
):
    """Move rows along the edges that act in each epoch, and away from random rows.

    Parameters
    ----------
    Z : (n, PLACE_WIDTH) array
        Output: also where the rows are at the beginning.
    indptr, indices, weights : the arrays of a CSR matrix of shape (n, n)
        Symmetric; weights from 0 to 1.
    order : (n_moving,) array
        Rows that move, block after block. Rows that are not there stay where they are.
    blocks : (n_blocks + 1,) array
        Where blocks begin in `order`. The rows of a block see each other where they were before.
    n_epochs : int
        The rate falls to 0 towards the last one.
    seed : int
    n_negatives : int
        Random rows for each edge that acts.
    learning_rate : float
    attraction, repulsion : arrays
        Forces in parts of the difference, for the squared distances of `table_places`.
    n_threads : int
        It does not change the result.
    """
    cdef Py_ssize_t n = Z.shape[0], n_moving = order.shape[0], n_blocks = blocks.shape[0] - 1
    cdef Py_ssize_t epoch, block, i, row, begin, end, largest = 0, f
    cdef float rate
    check_shape("Z", Z.shape[0], Z.shape[1], n, WIDTH)
    check_size("indptr", indptr.shape[0], n + 1)
    check_size("weights", weights.shape[0], indices.shape[0])
    check_range("indices", indices, 0, n)
    check_range("indptr", indptr, 0, indices.shape[0] + 1)
    check_range("order", order, 0, n)
    check_at_least("the number of blocks", n_blocks, 1)
    check_range("blocks", blocks, 0, n_moving + 1)
    check_at_least("n_epochs", n_epochs, 0)
    check_at_least("n_negatives", n_negatives, 0)
    check_size("attraction", attraction.shape[0], n_values)
    check_size("repulsion", repulsion.shape[0], n_values)
    for row in range(n):
        check_at_least("the edges of a row", indptr[row + 1] - indptr[row], 0)
    for block in range(n_blocks):
        check_at_least("the size of a block", blocks[block + 1] - blocks[block], 0)
        largest = max(largest, blocks[block + 1] - blocks[block])
    n_threads = check_threads(n_threads)
    if not n or not largest:
        return
    cdef float[:, ::1] moved = np.empty((largest, WIDTH), np.float32)
    with nogil:
        for epoch in range(n_epochs):
            rate = <float> (learning_rate * (1 - <double> epoch / n_epochs))
            for block in range(n_blocks):
                begin, end = blocks[block], blocks[block + 1]
                for i in prange(begin, end, num_threads=n_threads, schedule="dynamic",
                                chunksize=256):
                    row = order[i]
                    move_row(&Z[0, 0], n, <int32_t> row, &indices[0] + indptr[row],
                             &weights[0] + indptr[row], indptr[row + 1] - indptr[row], epoch, seed,
                             n_negatives, rate, &attraction[0], &repulsion[0], &moved[i - begin, 0])
                for i in prange(begin, end, num_threads=n_threads, schedule="static"):
                    for f in range(WIDTH):
                        Z[order[i], f] = moved[i - begin, f]
