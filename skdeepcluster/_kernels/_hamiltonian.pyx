"""Short closed tours through all points of a symmetric matrix of distances."""

import numpy as np

from libc.math cimport INFINITY, fabs
from libc.stdint cimport int32_t

from skdeepcluster._kernels._checks cimport check_at_least

cdef enum:
    LONGEST_SEGMENT = 3  # points that are moved together


cdef int check_distances(const double[:, ::1] D) except -1:
    """Without symmetry the moves of a tour may go on for ever, and NaN is no distance to any."""
    if not D.shape[0] == D.shape[1] > 0:
        raise ValueError(f"distances of shape {(D.shape[0], D.shape[1])} are no square matrix")
    # A few are added up at a time.
    if not (
        np.abs(D).max() <= np.finfo(float).max / 8 and np.array_equal(D, np.transpose(D))
    ):
        raise ValueError("distances must be finite, with room for their sums, and symmetric")
    return 0


def shortest_cycle(const double[:, ::1] D):
    """A shortest tour by dynamic programming over subsets (Held and Karp).

    Parameters
    ----------
    D : (n, n) array of float64, symmetric
        n is at most 30, and about 20 in practice: memory is n 2^n.

    Returns
    -------
    order : (n,) array of int32
        Beginning with 0.
    """
    cdef int32_t n = D.shape[0], m = n - 1, i, j, last = 0
    check_distances(D)
    if n > 30:
        raise ValueError(f"a shortest cycle through {n} points takes too much memory")
    cdef Py_ssize_t subset, rest, n_subsets = 1 << m
    order_ = np.zeros(n, np.int32)
    if n == 1:
        return order_
    cdef int32_t[::1] order = order_
    # The least length from point 0 through all points of a subset to one of them. Points from 1 on
    # are the bits from 0 on.
    cdef double[:, ::1] least = np.full((n_subsets, m), np.inf)
    cdef double length, best
    with nogil:
        for i in range(m):
            least[1 << i, i] = D[0, i + 1]
        for subset in range(1, n_subsets):
            for i in range(m):
                if not subset >> i & 1:
                    continue
                rest = subset ^ (1 << i)
                for j in range(m):
                    if rest >> j & 1:
                        length = least[rest, j] + D[j + 1, i + 1]
                        if length < least[subset, i]:
                            least[subset, i] = length
        subset = n_subsets - 1
        for rest in range(m, 0, -1):
            # The point before the one that was found last, at first before the return to 0.
            best = INFINITY
            i = -1
            for j in range(m):
                if subset >> j & 1 and (i < 0 or least[subset, j] + D[last, j + 1] < best):
                    best = least[subset, j] + D[last, j + 1]
                    i = j
            last = order[rest] = i + 1
            subset ^= 1 << i
    return order_


cdef void reverse(int32_t *tour, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    while first < last:
        tour[first], tour[last] = tour[last], tour[first]
        first += 1
        last -= 1


cdef bint two_opt(const double[:, ::1] D, int32_t *tour, Py_ssize_t n, double tol) noexcept nogil:
    """Reverse pieces of a tour where that makes it shorter; whether one was."""
    cdef Py_ssize_t i, j
    cdef int32_t a, b, c, d
    cdef bint better = False
    for i in range(n - 1):
        for j in range(i + 1, n):
            a, b = tour[i], tour[i + 1]
            c, d = tour[j], tour[(j + 1) % n]
            if D[a, c] + D[b, d] < D[a, b] + D[c, d] - tol:
                reverse(tour, i + 1, j)
                better = True
    return better


cdef bint or_opt(const double[:, ::1] D, int32_t *tour, Py_ssize_t n, double tol) noexcept nogil:
    """Move short pieces of a tour, either way round, where that makes it shorter."""
    cdef Py_ssize_t length, i, j, k
    cdef int32_t first, last, a, b, c, d
    cdef double saved
    cdef int32_t swap
    cdef bint better = False, moved
    for length in range(1, min(LONGEST_SEGMENT, n - 3) + 1):
        for i in range(n):
            # The piece comes first, by a rotation of the tour.
            swap = tour[0]
            for k in range(n - 1):
                tour[k] = tour[k + 1]
            tour[n - 1] = swap
            first, last = tour[0], tour[length - 1]
            a, b = tour[n - 1], tour[length]
            saved = D[a, first] + D[last, b] - D[a, b] - tol
            moved = False
            for j in range(length, n - 1):
                c, d = tour[j], tour[j + 1]
                if D[c, first] + D[last, d] - D[c, d] < saved:
                    moved = True
                elif D[c, last] + D[first, d] - D[c, d] < saved:
                    moved = True
                    reverse(tour, 0, length - 1)
                if moved:
                    # Exchange the piece and what lies between, which keep their directions.
                    reverse(tour, 0, length - 1)
                    reverse(tour, length, j)
                    reverse(tour, 0, j)
                    better = True
                    break
    return better


def short_cycle(const double[:, ::1] D, Py_ssize_t n_starts):
    """The best of tours to the nearest next point, improved by 2-opt and Or-opt moves.

    Parameters
    ----------
    D : (n, n) array of float64, symmetric
    n_starts : int
        How many first points are tried, evenly spaced.

    Returns
    -------
    order : (n,) array of int32
    """
    cdef Py_ssize_t n = D.shape[0], start, i, j, k
    check_distances(D)
    check_at_least("n_starts", n_starts, 1)
    tours = np.tile(np.arange(n, dtype=np.int32), (2, 1))
    cdef int32_t[:, ::1] tour = tours
    cdef double length, best = INFINITY, scale = 0, tol
    cdef int32_t swap
    cdef bint better
    with nogil:
        for i in range(n):
            for j in range(n):
                scale = max(scale, fabs(D[i, j]))
        # Differences of sums that rounding alone may cause.
        tol = 1e-12 * scale
        for start in range(n_starts):
            for i in range(n):
                tour[0, i] = <int32_t> i
            k = start * n // n_starts
            tour[0, 0], tour[0, k] = tour[0, k], tour[0, 0]
            for i in range(1, n - 1):
                k = i
                for j in range(i + 1, n):
                    if D[tour[0, i - 1], tour[0, j]] < D[tour[0, i - 1], tour[0, k]]:
                        k = j
                swap = tour[0, i]
                tour[0, i] = tour[0, k]
                tour[0, k] = swap
            better = True
            while better:
                better = two_opt(D, &tour[0, 0], n, tol)
                better |= or_opt(D, &tour[0, 0], n, tol)
            length = 0
            for i in range(n):
                length += D[tour[0, i], tour[0, (i + 1) % n]]
            if length < best - tol:
                best = length
                tour[1, :] = tour[0, :]
    return tours[1].copy()
