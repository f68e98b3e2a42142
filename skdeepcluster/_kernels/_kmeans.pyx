"""Steps of k-means that compute only the distances that can matter.

The distance of a row x to a centre c is |x|^2 + |c|^2 - 2 (x, c). A product of narrow matrices
bounds -(x, c) from below for all pairs at once, and what might then be nearer than what is known
is computed from all features. So what comes out for a row depends neither on the rounding of the
product, for which `margins` make room, nor on other rows, nor on the number of threads.
"""

import numpy as np

from cython cimport floating
from cython.parallel cimport prange

from skdeepcluster._kernels._bounded cimport below, squares
from skdeepcluster._kernels._checks cimport (
    check_at_least,
    check_range,
    check_shape,
    check_size,
    check_threads,
)


cdef extern from "_distance.h" nogil:
    void add_rows_float(const float *X, Py_ssize_t n_rows, Py_ssize_t n_features,
                        const int *labels, double *sums)
    void add_rows_double(const double *X, Py_ssize_t n_rows, Py_ssize_t n_features,
                         const int *labels, double *sums)


cdef enum:
    TILE = 512     # rows that meet one candidate after the other
    SPARE = 16     # `below_*` may write this far past the last hit


cdef void improve_row(
    const floating *x, const floating[:, ::1] centers, Py_ssize_t first, const floating *products,
    const floating[::1] bounds, floating margin, bint start, int *label, floating *distance,
    int *hits,
) noexcept nogil:
    """The nearest of the centre known and those from `first` on, the first of equally near ones."""
    cdef Py_ssize_t n_features = centers.shape[1]
    cdef Py_ssize_t n = bounds.shape[0]
    cdef Py_ssize_t n_hits, h, j, best = 0
    cdef floating square
    cdef int center

    if label[0] < 0:
        for j in range(1, n):
            if products[j] - bounds[j] < products[best] - bounds[best]:
                best = j
        label[0] = <int>(first + best)
    if start:
        squares(x, &centers[label[0], 0], n_features, NULL, 1, distance)
    n_hits = below(products, &bounds[0], distance[0] / 2 + margin, n, hits)
    for h in range(n_hits):
        j = hits[h]
        center = <int>(first + j)
        # The distance may have fallen since.
        if center == label[0] or not products[j] < bounds[j] + (distance[0] / 2 + margin):
            continue
        squares(x, &centers[center, 0], n_features, NULL, 1, &square)
        if square < distance[0] or (square == distance[0] and center < label[0]):
            distance[0] = square
            label[0] = center


def nearest_center(
    const floating[:, ::1] X,
    const floating[:, ::1] centers,
    Py_ssize_t first,
    const floating[:, ::1] products,
    const floating[::1] bounds,
    const floating[::1] margins,
    int[::1] labels,
    floating[::1] distances,
    bint start,
):
    """The nearest centre of each row, among the one known and some others.

    Parameters
    ----------
    X : (n, d) array of float32 or float64
    centers : (k, d) array
    first : int
        The others are `centers[first : first + m]`.
    products : (n, m) array
        Lower bounds of minus the inner products of rows and centres.
    bounds : (m,) array
        Minus half the squared norms of the centres.
    margins : (n,) array
        Minus half the squared norm of each row, and what rounding may amount to.
    labels : (n,) array of int32
        The centre known, or -1; output: the nearest, the first of equally near ones.
    distances : (n,) array
        Squared distances to these.
    start : bool
        Whether the distances to the centres known are yet to be computed.
    """
    cdef Py_ssize_t n = X.shape[0], m = bounds.shape[0], i
    check_at_least("the number of features", X.shape[1], 1)
    check_at_least("the number of other centers", m, 1)
    check_shape("centers", centers.shape[0], centers.shape[1], centers.shape[0], X.shape[1])
    if not 0 <= first <= centers.shape[0] - m:
        raise ValueError(f"{m} centers from {first} on, of {centers.shape[0]}")
    check_shape("products", products.shape[0], products.shape[1], n, m)
    check_size("margins", margins.shape[0], n)
    check_size("labels", labels.shape[0], n)
    check_size("distances", distances.shape[0], n)
    check_range("labels", labels, -1, centers.shape[0])
    cdef int[::1] hits = np.empty(m + SPARE, np.int32)

    with nogil:
        for i in range(n):
            improve_row(&X[i, 0], centers, first, &products[i, 0], bounds, margins[i], start,
                        &labels[i], &distances[i], &hits[0])


def sum_by_label(
    const floating[:, ::1] X, const int[::1] labels, double[:, ::1] sums, int n_threads
):
    """Add each row to the sum of its label, in the order of the rows.

    Parameters
    ----------
    X : (n, d) array of float32 or float64
    labels : (n,) array of int32
    sums : (k, d) array of float64
        Output: added to.
    n_threads : int

    Returns
    -------
    counts : (k,) array of int64
        The number of rows of each label.
    """
    cdef Py_ssize_t n_labels = sums.shape[0], d = X.shape[1], label, i
    cdef int zero = 0
    n_threads = check_threads(n_threads)
    check_at_least("the number of features", d, 1)
    check_shape("sums", sums.shape[0], sums.shape[1], n_labels, d)
    check_size("labels", labels.shape[0], X.shape[0])
    check_range("labels", labels, 0, n_labels)
    counts = np.bincount(labels, minlength=n_labels)
    cdef Py_ssize_t[::1] order = np.argsort(labels, kind="stable")
    cdef Py_ssize_t[::1] ends = np.cumsum(counts)
    # A label's sum is one thread's.
    for label in prange(n_labels, nogil=True, num_threads=n_threads, schedule="dynamic"):
        for i in range(ends[label - 1] if label else 0, ends[label]):
            if floating is float:
                add_rows_float(&X[order[i], 0], 1, d, &zero, &sums[label, 0])
            else:
                add_rows_double(&X[order[i], 0], 1, d, &zero, &sums[label, 0])
    return counts


def gains_of_candidates(
    const floating[:, ::1] X,
    const floating[:, ::1] candidates,
    const floating[:, ::1] products,
    const floating[::1] shifts,
    const floating[::1] bounds,
    floating[::1] near,
    bint update,
):
    """How much nearer candidates are to the rows than what is known, for each candidate alone.

    Parameters
    ----------
    X : (n, d) array of float32 or float64
    candidates : (t, d) array
    products : (t, n) array
        Lower bounds of minus the inner products of candidates and rows.
    shifts : (t,) array
        Minus half the squared norms of the candidates.
    bounds : (n,) array
        Half of `near`, minus half the squared norm of each row, and what rounding may amount to.
    near : (n,) array
        Squared distances to what is known.
    update : bool
        Whether the candidates are henceforth known.

    Returns
    -------
    gains : (t,) array of float64
        By how much the sum of `near` falls.
    """
    cdef Py_ssize_t n = X.shape[0], d = X.shape[1], n_candidates = candidates.shape[0]
    cdef Py_ssize_t tile, begin, size, t, h, i, n_hits
    check_at_least("the number of features", d, 1)
    check_shape("candidates", candidates.shape[0], candidates.shape[1], n_candidates, d)
    check_shape("products", products.shape[0], products.shape[1], n_candidates, n)
    check_size("shifts", shifts.shape[0], n_candidates)
    check_size("bounds", bounds.shape[0], n)
    check_size("near", near.shape[0], n)
    cdef double[::1] gains = np.zeros(n_candidates)
    cdef int[::1] hits = np.empty(TILE + SPARE, np.int32)
    cdef floating[::1] found = np.empty(TILE, np.asarray(X).dtype)

    with nogil:
        for tile in range((n + TILE - 1) // TILE):
            begin = tile * TILE
            size = min(TILE, n - begin)
            for t in range(n_candidates):
                n_hits = below(&products[t, begin], &bounds[begin], shifts[t], size, &hits[0])
                squares(&candidates[t, 0], &X[begin, 0], d, &hits[0], n_hits, &found[0])
                for h in range(n_hits):
                    i = begin + hits[h]
                    if found[h] < near[i]:
                        gains[t] += <double>near[i] - found[h]
                        if update:
                            near[i] = found[h]
    return np.asarray(gains)
