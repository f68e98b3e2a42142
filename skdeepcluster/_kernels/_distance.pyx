"""Squared Euclidean distances between rows and centers.

Rows are cut into blocks whose borders depend on the shapes alone and whose results are joined in
order, so the number of threads does not change a bit of the outcome.
"""

import numpy as np

from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport INFINITY
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from skdeepcluster._kernels._bounded cimport squares
from skdeepcluster._kernels._checks cimport (
    check_at_least,
    check_range,
    check_shape,
    check_size,
    check_threads,
)


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


# Rows that are labeled, and then summed, while they are in the cache.
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
    """Centers in tiles of one vector's width, feature by feature; none is nearer than padding."""
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
    """The nearest center of each row, the first of equally near ones.

    Parameters
    ----------
    X : (n, d) array of float32 or float64, C-contiguous
    centers : (k, d) array of X's dtype, C-contiguous
    labels : (n,) array of int32
        Output: the index of the nearest center.
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
    """Assign each row to its nearest center and sum the rows of each, in one pass over X.

    Parameters
    ----------
    X : (n, d) array of float32 or float64, C-contiguous
    centers : (k, d) array of X's dtype, C-contiguous
    labels : (n,) array of int32
        Output: the index of the nearest center, the first of equally near ones.
    sums : (k, d) array of float64
        Output: the sum of the rows assigned to each center.
    counts : (k,) array of int64
        Output: the number of rows assigned to each center.
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


cdef inline void swap(floating **a, floating **b) noexcept nogil:
    cdef floating *c = a[0]
    a[0] = b[0]
    b[0] = c


cdef Py_ssize_t first_at_least(const double *values, Py_ssize_t n, double value) noexcept nogil:
    """The first of increasing values that is not less than one, the last where all are less."""
    cdef Py_ssize_t low = 0, high = n - 1, middle
    while low < high:
        middle = (low + high) // 2
        if values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


cdef void seed_centers(const floating *X, Py_ssize_t n, Py_ssize_t d, Py_ssize_t k,
                       Py_ssize_t first, const double *draws, Py_ssize_t n_trials,
                       floating *centers, floating **near, floating **found, floating **best,
                       double *sums) noexcept nogil:
    """Rows by k-means++: of several drawn each time, the one after which distances are least."""
    cdef Py_ssize_t c, t, i, row, chosen
    cdef double total, least
    memcpy(centers, X + first * d, d * sizeof(floating))
    squares(X + first * d, X, d, NULL, n, near[0])
    for c in range(1, k):
        total = 0
        for i in range(n):
            total = total + near[0][i]
            sums[i] = total
        least, chosen = INFINITY, 0
        for t in range(n_trials):
            row = first_at_least(sums, n, draws[(c - 1) * n_trials + t] * sums[n - 1])
            squares(X + row * d, X, d, NULL, n, found[0])
            total = 0
            for i in range(n):
                found[0][i] = min(found[0][i], near[0][i])
                total = total + found[0][i]
            if t == 0 or total < least:
                least, chosen = total, row
                swap(found, best)
        swap(near, best)
        memcpy(centers + c * d, X + chosen * d, d * sizeof(floating))


cdef double move_centers(const floating *X, Py_ssize_t n, Py_ssize_t d, Py_ssize_t k,
                         floating *centers, floating *tiles, int *labels, floating *distances,
                         double *sums, Py_ssize_t *counts, double *movement) noexcept nogil:
    """A step of Lloyd's: what `lloyd_step` sums in parts, in the order of the rows."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), begin, size, c, j, i
    cdef Py_ssize_t n_tiles = (k + lanes - 1) // lanes
    cdef double inertia = 0, mean, change
    cdef floating moved
    for c in range(n_tiles * lanes):
        for j in range(d):
            tiles[(c // lanes * d + j) * lanes + c % lanes] = (
                centers[c * d + j] if c < k else <floating>INFINITY
            )
    memset(sums, 0, k * d * sizeof(double))
    memset(counts, 0, k * sizeof(Py_ssize_t))
    begin = 0
    while begin < n:
        size = min(BLOCK_ROWS, n - begin)
        if floating is float:
            nearest_float(X + begin * d, size, d, tiles, n_tiles, labels, distances)
            add_rows_float(X + begin * d, size, d, labels, sums)
        else:
            nearest_double(X + begin * d, size, d, tiles, n_tiles, labels, distances)
            add_rows_double(X + begin * d, size, d, labels, sums)
        for i in range(size):
            inertia += distances[i]
            counts[labels[i]] += 1
        begin += size
    movement[0] = 0
    for c in range(k):
        if counts[c] == 0:
            continue
        for j in range(d):
            mean = sums[c * d + j] / counts[c]
            moved = <floating>mean
            change = <double>moved - centers[c * d + j]
            movement[0] += change * change
            centers[c * d + j] = moved
    return inertia


cdef double one_run(const floating *X, Py_ssize_t n, Py_ssize_t d, Py_ssize_t k, Py_ssize_t first,
                    const double *draws, Py_ssize_t n_trials, Py_ssize_t max_iter, double tol,
                    floating *centers) noexcept nogil:
    """The inertia of a run, or -1 without memory."""
    cdef Py_ssize_t width = VECTOR_BYTES // sizeof(floating), iteration
    cdef Py_ssize_t n_tiled = (k + width - 1) // width * width * d
    cdef floating *places = <floating *>malloc((3 * n + n_tiled) * sizeof(floating))
    cdef double *sums = <double *>malloc(max(n, k * d) * sizeof(double))
    cdef Py_ssize_t *counts = <Py_ssize_t *>malloc(k * sizeof(Py_ssize_t))
    cdef int *labels = <int *>malloc(BLOCK_ROWS * sizeof(int))
    cdef floating *near = places
    cdef floating *found = places + n
    cdef floating *best = places + 2 * n
    cdef double inertia = -1, movement
    if places != NULL and sums != NULL and counts != NULL and labels != NULL:
        seed_centers(X, n, d, k, first, draws, n_trials, centers, &near, &found, &best, sums)
        for iteration in range(max_iter):
            # A block has room for the distances of no more rows than there are.
            inertia = move_centers(X, n, d, k, centers, places + 3 * n, labels, places, sums,
                                   counts, &movement)
            if movement <= tol:
                break
    free(places)
    free(sums)
    free(counts)
    free(labels)
    return inertia


def kmeans_runs(
    const floating[:, ::1] X,
    const Py_ssize_t[::1] first,
    const double[:, :, ::1] draws,
    Py_ssize_t max_iter,
    double tol,
    floating[:, :, ::1] centers,
    int n_threads,
):
    """Runs of k-means from k-means++ starts, each on one thread.

    Parameters
    ----------
    X : (n, d) array of float32 or float64, C-contiguous
    first : (n_runs,) array of intp
        The row that is the first center of each run.
    draws : (n_runs, k - 1, n_trials) array of float64
        Uniform on [0, 1): which rows are tried as each further center.
    max_iter : int
        At least 1.
    tol : float
        A run ends when the centers' squared movement is not above it.
    centers : (n_runs, k, d) array of X's dtype
        Output.
    n_threads : int

    Returns
    -------
    inertia : (n_runs,) array of float64
        The sum of the squared distances before the centers' last movement.
    """
    cdef Py_ssize_t n = X.shape[0], d = X.shape[1], k = centers.shape[1], run
    cdef Py_ssize_t n_runs = first.shape[0], n_trials = draws.shape[2]
    n_threads = check_threads(n_threads)
    check_at_least("the number of features", d, 1)
    check_at_least("the number of clusters", k, 1)
    check_at_least("the number of rows", n, k)
    check_at_least("the number of trials", n_trials, 1)
    check_at_least("max_iter", max_iter, 1)
    check_range("first", first, 0, n)
    check_shape("draws", draws.shape[0], draws.shape[1], n_runs, k - 1)
    check_shape("centers", centers.shape[0], centers.shape[2], n_runs, d)
    cdef double[::1] inertia = np.empty(n_runs)
    for run in prange(n_runs, nogil=True, num_threads=n_threads, schedule="dynamic"):
        inertia[run] = one_run(&X[0, 0], n, d, k, first[run],
                               &draws[run, 0, 0] if k > 1 else NULL, n_trials, max_iter, tol,
                               &centers[run, 0, 0])
    if n_runs and np.min(inertia) < 0:
        raise MemoryError(f"no memory for {n_runs} runs of k-means on {n} rows")
    return np.asarray(inertia)
