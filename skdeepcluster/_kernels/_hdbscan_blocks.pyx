"""Nearest neighbours and spanning trees from blocks of rows of a distance matrix.

Neither needs the matrix as a whole. The spanning tree starts from any forest, such as that of the
nearest neighbours: an edge can enter the minimum spanning tree only if it is lighter than the
heaviest edge on the forest's path between its ends. Along the order in which the forest's
dendrogram lays out the points that path's maximum is a running maximum, so a row is filtered in one
sweep, and few edges are left for Kruskal's algorithm.
"""

import numpy as np

from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport NAN, sqrt
from libc.stdint cimport int32_t, int64_t

from skdeepcluster._kernels._checks cimport (
    check_at_least,
    check_range,
    check_size,
    check_threads,
)


def nearest(const floating[:, :] block, int k, int n_threads):
    """The k least entries of each row, increasing, and their columns.

    NaN and infinity are no entries: where there are too few, distances are infinite and columns 0.
    """
    cdef int64_t n_rows = block.shape[0], r
    n_threads = check_threads(n_threads)
    if not 1 <= k <= block.shape[1] < 2**31:
        raise ValueError(f"k must be from 1 to {block.shape[1]}, the number of columns, got {k}")
    dtype = np.float32 if floating is float else np.float64
    distances_ = np.full((n_rows, k), np.inf, dtype)
    columns_ = np.zeros((n_rows, k), np.int32)
    cdef floating[:, ::1] distances = distances_
    cdef int32_t[:, ::1] columns = columns_
    for r in prange(n_rows, schedule="static", num_threads=n_threads, nogil=True):
        _nearest(block[r], distances[r], columns[r])
    return distances_, columns_


cdef void _nearest(
    const floating[:] row, floating[::1] distances, int32_t[::1] columns
) noexcept nogil:
    cdef int32_t k = distances.shape[0], at
    cdef int64_t j
    cdef floating x
    for j in range(row.shape[0]):
        x = row[j]
        if x < distances[k - 1]:
            at = k - 1
            while at > 0 and distances[at - 1] > x:
                distances[at] = distances[at - 1]
                columns[at] = columns[at - 1]
                at -= 1
            distances[at] = x
            columns[at] = <int32_t> j


def lighter_edges(
    const floating[:, :] block,
    int64_t first_row,
    int64_t first_column,
    const double[::1] core,
    double scale,
    const int64_t[::1] order,
    const int64_t[::1] place,
    const double[::1] height,
    int n_threads,
):
    """Edges to later rows that are lighter than the forest's path between their ends.

    Parameters
    ----------
    block : ndarray of shape (n_rows, n_columns)
        Distances of some rows to the points from `first_column` on.
    core : ndarray of shape (n,)
    scale : float
        Factor on distances, whose products are rounded to the type of the block.
    order, place, height : ndarrays of shape (n,)
        The forest's dendrogram: points in its order, their places in it, and the heights at the
        boundaries before them.
    n_threads : int

    Returns
    -------
    source, target : ndarrays, int32
    weight : ndarray
    """
    cdef int64_t n_rows = block.shape[0], n = order.shape[0], r
    n_threads = check_threads(n_threads)
    if not 0 <= first_row <= n - n_rows or not 0 <= first_column == n - block.shape[1]:
        raise ValueError(
            f"a block of shape {(n_rows, block.shape[1])} from row {first_row} and column "
            f"{first_column} on is no part of a matrix of {n} points"
        )
    check_size("core", core.shape[0], n)
    check_size("place", place.shape[0], n)
    check_size("height", height.shape[0], n)
    check_range("order", order, 0, n)
    check_range("place", place, 0, n)
    target_ = np.empty((n_rows, n), np.int32)
    weight_ = np.empty((n_rows, n))
    count_ = np.zeros(n_rows, np.int64)
    cdef int32_t[:, ::1] target = target_
    cdef double[:, ::1] weight = weight_
    cdef int64_t[::1] count = count_
    for r in prange(n_rows, schedule="dynamic", num_threads=n_threads, nogil=True):
        count[r] = _lighter(
            block[r], first_row + r, first_column, core, scale, order, place, height, target[r],
            weight[r],
        )
    kept = np.arange(n) < count_[:, None]
    source = np.repeat(np.arange(first_row, first_row + n_rows, dtype=np.int32), count_)
    return source, target_[kept], weight_[kept]


cdef int64_t _lighter(
    const floating[:] row,
    int64_t i,
    int64_t first_column,
    const double[::1] core,
    double scale,
    const int64_t[::1] order,
    const int64_t[::1] place,
    const double[::1] height,
    int32_t[::1] target,
    double[::1] weight,
) noexcept nogil:
    cdef int64_t n = order.shape[0], j, p, found = 0
    cdef double heaviest = 0, w
    cdef floating factor = <floating> scale
    for p in range(place[i] + 1, n):
        heaviest = max(heaviest, height[p])
        j = order[p]
        if j > i and j >= first_column and core[i] < heaviest:
            w = max(<floating> (row[j - first_column] * factor), max(core[i], core[j]))
            if w < heaviest:
                target[found] = <int32_t> j
                weight[found] = w
                found += 1
                # The path onwards may go by this edge.
                heaviest = w
    heaviest = 0
    for p in range(place[i] - 1, -1, -1):
        heaviest = max(heaviest, height[p + 1])
        j = order[p]
        if j > i and j >= first_column and core[i] < heaviest:
            w = max(<floating> (row[j - first_column] * factor), max(core[i], core[j]))
            if w < heaviest:
                target[found] = <int32_t> j
                weight[found] = w
                found += 1
                heaviest = w
    return found


def nan_euclidean(const floating[:, ::1] X, const floating[:, ::1] Y, int n_threads):
    """Euclidean distances by the features that neither row lacks, scaled up for the others.

    NaN for two rows without a common feature. To the last bit the same both ways.
    """
    cdef int64_t n = X.shape[0], m = Y.shape[0], i, j
    n_threads = check_threads(n_threads)
    check_at_least("the number of features", X.shape[1], 1)
    check_size("a row of Y", Y.shape[1], X.shape[1])
    distances_ = np.empty((n, m))
    cdef double[:, ::1] distances = distances_
    for i in prange(n, schedule="static", num_threads=n_threads, nogil=True):
        for j in range(m):
            distances[i, j] = _nan_euclidean(&X[i, 0], &Y[j, 0], X.shape[1])
    return distances_


cdef double _nan_euclidean(const floating *x, const floating *y, int64_t d) noexcept nogil:
    cdef int64_t f, common = 0
    cdef double gap, total = 0
    for f in range(d):
        gap = <double> x[f] - <double> y[f]
        if gap == gap:
            total += gap * gap
            common += 1
    return sqrt(total / common * d) if common else NAN
