"""Coordinate descent over rows whose costs depend on the clusters of their partners.

Rows take their cheapest clusters one after the other, given those of all others, so no sweep raises
the sum of the costs. The order is given: the outcome depends on it, and on nothing else.
"""

import numpy as np

from libc.math cimport INFINITY

from skdeepcluster._kernels._checks cimport (
    check_at_least,
    check_range,
    check_shape,
    check_size,
)


def sweep(
    const double[:, ::1] costs,
    const Py_ssize_t[::1] indptr,
    const Py_ssize_t[::1] partners,
    const unsigned char[::1] cannot,
    const double[:, ::1] penalties,
    const Py_ssize_t[::1] order,
    int[::1] labels,
    int max_sweeps,
):
    """Move rows to their cheapest clusters until none moves.

    A must-link costs a row in cluster j, whose partner is in h, (penalties[., j] + penalties[., h])
    / 2 if j is not h; a cannot-link costs it penalties[., j] if j is h. Infinity forbids.

    Parameters
    ----------
    costs : (n, k) array of float64
    indptr : (n + 1,) array of intp
        Where the partners of each row begin.
    partners : (m,) array of intp
    cannot : (m,) array of uint8
        1 for cannot-links, 0 for must-links.
    penalties : (m, k) or (m, 1) array of float64
        One column is for all clusters.
    order : (n_moved,) array of intp
        The rows that may move, in turn.
    labels : (n,) array of int32
        Where the sweeps begin, -1 for rows that have no cluster yet and count for nobody; output.
        A row without any cluster of finite cost keeps -1.
    max_sweeps : int

    Returns
    -------
    n_sweeps : int
    n_stuck : int
        How many rows found no cluster in the last sweep.
    """
    cdef Py_ssize_t n = costs.shape[0], k = costs.shape[1], m = partners.shape[0]
    cdef Py_ssize_t width = penalties.shape[1], t, i, j, e, n_stuck = 0
    cdef int h, best, n_sweeps = 0
    cdef bint moved = True
    cdef double base
    check_at_least("the number of clusters", k, 1)
    check_size("indptr", indptr.shape[0], n + 1)
    check_range("indptr", indptr, 0, m + 1)
    check_range("partners", partners, 0, n)
    check_size("cannot", cannot.shape[0], m)
    if width != 1:
        check_shape("penalties", penalties.shape[0], width, m, k)
    else:
        check_size("penalties", penalties.shape[0], m)
    check_range("order", order, 0, n)
    check_size("labels", labels.shape[0], n)
    check_range("labels", labels, -1, k)
    cdef double[::1] cost = np.empty(k)
    cdef bint narrow = width == 1

    with nogil:
        while moved and n_sweeps < max_sweeps:
            moved = False
            n_stuck = 0
            n_sweeps += 1
            for t in range(order.shape[0]):
                i = order[t]
                for j in range(k):
                    cost[j] = costs[i, j]
                for e in range(indptr[i], indptr[i + 1]):
                    h = labels[partners[e]]
                    if h < 0:
                        continue
                    if cannot[e]:
                        cost[h] += penalties[e, 0 if narrow else h]
                    elif narrow:
                        # For all clusters but one: one subtraction has the same order.
                        cost[h] -= penalties[e, 0]
                    else:
                        for j in range(k):
                            if j != h:
                                cost[j] += 0.5 * (penalties[e, j] + penalties[e, h])
                best = labels[i]
                base = cost[best] if best >= 0 else INFINITY
                for j in range(k):
                    if cost[j] < base:
                        base = cost[j]
                        best = <int>j
                n_stuck += best < 0
                if best != labels[i]:
                    labels[i] = best
                    moved = True
    return n_sweeps, n_stuck
