"""Squared Euclidean distances between rows and centres.

Rows are cut into blocks whose borders depend on the shapes alone and whose results are joined in
order, so the number of threads does not change a bit of the outcome.
"""

import numpy as np

from cython cimport floating
from cython.parallel cimport prange

from skdeepcluster._kernels._checks cimport check_at_least, check_size, check_threads


cdef extern from "_distance.h" nogil:
    const Py_ssize_t VECTOR_BYTES
    void nearest_float(const float *X, Py_ssize_t n_rows, Py_ssize_t n_features,
                       const float *tiles, Py_ssize_t n_tiles, int *labels, float *distances)
    void nearest_double(const double *X, Py_ssize_t n_rows, Py_ssize_t n_features,
                        const double *tiles, Py_ssize_t n_tiles, int *labels, double *distances)
    void add_rows_float(const float *X, Py_ssize_t n_rows, Py_ssize_t n_features,
                        const int *labels, double *sums)
    void add_rows_double(const double *X, Py_ssize_t n_rows, Py_ssize_t n_features,
                         const int *labels, double *sums)


# Rows that are labelled, and then summed, while they are in the cache.
cdef Py_ssize_t BLOCK_ROWS = 256
# Partial sums of a Lloyd step: enough for an even load on many threads.
cdef Py_ssize_t MAX_PARTS = 64


cdef inline void nearest(
    const floating[:, ::1] X, Py_ssize_t begin, Py_ssize_t end, const floating[:, :, ::1] tiles,
    int *labels, floating *distances,
) noexcept nogil:
    if floating is float:
        nearest_float(&X[begin, 0], end - begin, X.shape[1], &tiles[0, 0, 0], tiles.shape[0],
                      labels, distances)
    else:
        nearest_double(&X[begin, 0], end - begin, X.shape[1], &tiles[0, 0, 0], tiles.shape[0],
                       labels, distances)


cdef inline void add_rows(
    const floating[:, ::1] X, Py_ssize_t begin, Py_ssize_t end, const int *labels, double *sums
) noexcept nogil:
    if floating is float:
        add_rows_float(&X[begin, 0], end - begin, X.shape[1], labels, sums)
    else:
        add_rows_double(&X[begin, 0], end - begin, X.shape[1], labels, sums)


def pack(centers):
    """Centres in tiles of one vector's width, feature by feature; none is nearer than padding."""
    n_centers, n_features = centers.shape
    lanes = VECTOR_BYTES // centers.itemsize
    n_tiles = -(-n_centers // lanes)
    padded = np.full((n_tiles * lanes, n_features), np.inf, dtype=centers.dtype)
    padded[:n_centers] = centers
    return np.ascontiguousarray(padded.reshape(n_tiles, lanes, n_features).transpose(0, 2, 1))


cdef int check_shapes(
    const floating[:, ::1] X, const floating[:, ::1] centers, const int[::1] labels
) except -1:
    if X.shape[1] != centers.shape[1]:
        raise ValueError(f"X has {X.shape[1]} features, centers have {centers.shape[1]}")
    check_at_least("the number of features", X.shape[1], 1)
    check_at_least("the number of centers", centers.shape[0], 1)
    check_size("labels", labels.shape[0], X.shape[0])
    return 0


def argmin_sqeuclidean(
    const floating[:, ::1] X,
    const floating[:, ::1] centers,
    int[::1] labels,
    floating[::1] distances or None,
    int n_threads,
):
    """The nearest centre of each row, the first of equally near ones.

    Parameters
    ----------
    X : (n, d) array of float32 or float64, C-contiguous
    centers : (k, d) array of X's dtype, C-contiguous
    labels : (n,) array of int32
        Output: the index of the nearest centre.
    distances : (n,) array of X's dtype, or None
        Output: the squared distance to it.
    n_threads : int
    """
    cdef Py_ssize_t n_rows = X.shape[0]
    cdef Py_ssize_t n_blocks = (n_rows + BLOCK_ROWS - 1) // BLOCK_ROWS
    cdef Py_ssize_t block, begin
    cdef const floating[:, :, ::1] tiles

    n_threads = check_threads(n_threads)
    check_shapes(X, centers, labels)
    if distances is None:
        distances = np.empty(n_rows, dtype=np.asarray(X).dtype)
    check_size("distances", distances.shape[0], n_rows)

    tiles = pack(np.asarray(centers))
    for block in prange(n_blocks, nogil=True, num_threads=n_threads, schedule="dynamic"):
        begin = block * BLOCK_ROWS
        nearest(X, begin, min(begin + BLOCK_ROWS, n_rows), tiles, &labels[begin],
                &distances[begin])


def lloyd_step(
    const floating[:, ::1] X,
    const floating[:, ::1] centers,
    int[::1] labels,
    double[:, ::1] sums,
    long long[::1] counts,
    int n_threads,
):
    """Assign each row to its nearest centre and sum the rows of each, in one pass over X.

    Parameters
    ----------
    X : (n, d) array of float32 or float64, C-contiguous
    centers : (k, d) array of X's dtype, C-contiguous
    labels : (n,) array of int32
        Output: the index of the nearest centre, the first of equally near ones.
    sums : (k, d) array of float64
        Output: the sum of the rows assigned to each centre.
    counts : (k,) array of int64
        Output: the number of rows assigned to each centre.
    n_threads : int

    Returns
    -------
    inertia : float
        The sum of the squared distances.
    """
    cdef Py_ssize_t n_rows = X.shape[0]
    cdef Py_ssize_t n_centers = centers.shape[0]
    # Many rows for each part: its sums then take a quarter of its rows' place at most.
    cdef Py_ssize_t part_rows = max(BLOCK_ROWS, 8 * n_centers, (n_rows - 1) // MAX_PARTS + 1)
    cdef Py_ssize_t n_parts = (n_rows + part_rows - 1) // part_rows
    cdef Py_ssize_t part, begin, end, i
    cdef const floating[:, :, ::1] tiles
    cdef double[:, :, ::1] part_sums
    cdef double[::1] inertia
    cdef floating[:, ::1] distances

    n_threads = check_threads(n_threads)
    check_shapes(X, centers, labels)
    if sums.shape[0] != n_centers or sums.shape[1] != X.shape[1] or counts.shape[0] != n_centers:
        raise ValueError("sums and counts need one row for each center")

    tiles = pack(np.asarray(centers))
    part_sums = np.zeros((n_parts, n_centers, X.shape[1]))
    inertia = np.zeros(n_parts)
    distances = np.empty((n_parts, BLOCK_ROWS), dtype=np.asarray(X).dtype)

    for part in prange(n_parts, nogil=True, num_threads=n_threads, schedule="dynamic"):
        begin = part * part_rows
        while begin < min((part + 1) * part_rows, n_rows):
            end = min(begin + BLOCK_ROWS, (part + 1) * part_rows, n_rows)
            nearest(X, begin, end, tiles, &labels[begin], &distances[part, 0])
            add_rows(X, begin, end, &labels[begin], &part_sums[part, 0, 0])
            for i in range(end - begin):
                inertia[part] += distances[part, i]
            begin = end

    np.sum(part_sums, axis=0, out=np.asarray(sums))
    np.asarray(counts)[:] = np.bincount(labels, minlength=n_centers)
    return np.sum(inertia)
