"""Squared Euclidean distances between rows and centres."""

from cython cimport floating
from cython.parallel cimport prange


def argmin_sqeuclidean(
    const floating[:, ::1] X,
    const floating[:, ::1] centers,
    int[::1] labels,
    floating[::1] distances,
    int n_threads,
):
    cdef Py_ssize_t i, c, j, best_index
    cdef floating best, total, difference

    for i in prange(X.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        best = 0
        best_index = -1
        for c in range(centers.shape[0]):
            total = 0
            for j in range(X.shape[1]):
                difference = X[i, j] - centers[c, j]
                total = total + difference * difference
            if best_index < 0 or total < best:
                best = total
                best_index = c
        labels[i] = <int>best_index
        if distances is not None:
            distances[i] = best
