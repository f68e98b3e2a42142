"""Optimal intervals of a sorted sequence by dynamic programming.

``cost[m][j]`` is the least loss of the first j values in m + 1 intervals. The best start of the last
interval does not decrease with j, so the starts for some j bound those between them: level by
level, each with twice as many j as the one before, a row takes O(n log n) operations, and the j of a
level are independent of each other.
"""

import numpy as np

from cython.parallel cimport prange

from skdeepcluster._kernels._checks cimport check_threads


cdef extern from "_interval.h" nogil:
    Py_ssize_t best_start_squared(const double *before, const double *W, const double *S,
                                  const double *Q, Py_ssize_t end, Py_ssize_t low,
                                  Py_ssize_t high, double *total)


cdef enum:
    MIN_PARALLEL = 1 << 19  # values worth more than one thread


cdef inline Py_ssize_t median(const double[::1] W, Py_ssize_t begin, Py_ssize_t end,
                              Py_ssize_t at_least) noexcept nogil:
    """The lower weighted median of an interval, known not to come before `at_least`."""
    cdef double half = 0.5 * (W[begin] + W[end])
    cdef Py_ssize_t low = at_least, high = end - 1, step = 1
    # It is near where it was for the last interval.
    while low + step < high and W[low + step] < half:
        low += step
        step *= 2
    high = min(high, low + step)
    while low < high:
        if W[(low + high) // 2 + 1] < half:
            low = (low + high) // 2 + 1
        else:
            high = (low + high) // 2
    return low


cdef inline double absolute_cost(const double[::1] x, const double[::1] W, const double[::1] S,
                                 Py_ssize_t begin, Py_ssize_t center,
                                 Py_ssize_t end) noexcept nogil:
    cdef double cost = (x[center] * (W[center] - W[begin]) - (S[center] - S[begin])
                        + (S[end] - S[center]) - x[center] * (W[end] - W[center]))
    return max(cost, 0)


cdef Py_ssize_t best_start_absolute(const double[::1] before, const double[::1] x,
                                    const double[::1] W, const double[::1] S, Py_ssize_t end,
                                    Py_ssize_t low, Py_ssize_t high,
                                    double *total) noexcept nogil:
    cdef Py_ssize_t i, best = low, center = low
    cdef double value
    total[0] = before[low] + absolute_cost(x, W, S, low, median(W, low, end, low), end)
    for i in range(low, high + 1):
        center = median(W, i, end, max(center, i))
        value = before[i] + absolute_cost(x, W, S, i, center, end)
        if value <= total[0]:
            total[0] = value
            best = i
    return best


def optimal_intervals(const double[::1] x, const double[::1] W, const double[::1] S,
                      const double[::1] Q, const Py_ssize_t[::1] last, int n_intervals,
                      bint squared, int n_threads):
    """The best partitions of ascending values into contiguous intervals.

    Parameters
    ----------
    x : (n,) array of float64, ascending
    W, S, Q : (n + 1,) arrays of float64
        Prefix sums, from 0 on, of the positive weights w, of w x and of w x^2.
    last : (n + 1,) array of intp, not descending
        The last value that an interval may begin with if it ends before each; -1 for none.
    n_intervals : int
        At most n, and as many as there is room for.
    squared : bool
        Whether the loss is of squared deviations from the mean of an interval, or of absolute
        deviations from its median.
    n_threads : int

    Returns
    -------
    starts : (n_intervals, n + 1) array of int32
        Where the last of 1, 2, ... intervals begins that end before each value.
    losses : (n_intervals,) array of float64
        The least losses for 1, 2, ... intervals.
    """
    cdef Py_ssize_t n = x.shape[0], m, t, step, n_ends, begin = 0, first
    n_threads = check_threads(n_threads)
    if (not 1 <= n_intervals <= n
            or min(W.shape[0], S.shape[0], Q.shape[0], last.shape[0]) != n + 1):
        raise ValueError("arrays disagree about the number of values")
    if n >= 2**31 - 1:
        raise ValueError(f"{n} values are too many")
    for t in range(n + 1):
        if not -1 <= last[t] < max(t, 1) or (t and last[t] < last[t - 1]):
            raise ValueError("last starts must ascend and lie before their ends")
    # The least losses of the first j values, in the row before and in this one.
    cdef double[::1] before = np.full(n + 1, np.inf)
    cdef double[::1] now = np.full(n + 1, np.inf)
    starts = np.zeros((n_intervals, n + 1), dtype=np.int32)
    cdef int[:, ::1] start = starts
    losses = np.empty(n_intervals)
    cdef double[::1] loss = losses
    before[0] = 0
    for m in range(n_intervals):
        # An interval begins at the first end of those before it, or later.
        first = begin + 1
        while first <= n and last[first] < begin:
            first += 1
        if first > n:
            raise ValueError(f"there is no room for {n_intervals} intervals")
        now[:] = np.inf
        step = 1
        while step <= n:
            step *= 2
        while step > 1:
            step //= 2
            n_ends = (n // step + 1) // 2
            for t in prange(n_ends, nogil=True, num_threads=n_threads, schedule="dynamic",
                            chunksize=n_ends // (8 * n_threads) + 1,
                            use_threads_if=n >= MIN_PARALLEL):
                find_start(before, x, W, S, Q, last, begin, first, (2 * t + 1) * step, step,
                           squared, start[m], now)
        loss[m] = now[n]
        before, now = now, before
        begin = first
    return starts, losses


cdef void find_start(const double[::1] before, const double[::1] x, const double[::1] W,
                     const double[::1] S, const double[::1] Q, const Py_ssize_t[::1] last,
                     Py_ssize_t begin, Py_ssize_t first, Py_ssize_t end, Py_ssize_t step,
                     bint squared, int[::1] starts, double[::1] now) noexcept nogil:
    """The best start of an interval if it ends here, between those for the ends next to it."""
    cdef Py_ssize_t n = x.shape[0], low = begin, high = last[end]
    if end < first:  # no room for the intervals
        return
    if end - step >= first:
        low = starts[end - step]
    if end + step <= n:
        high = min(high, starts[end + step])
    if squared:
        starts[end] = <int>best_start_squared(&before[0], &W[0], &S[0], &Q[0], end, low, high,
                                              &now[end])
    else:
        starts[end] = <int>best_start_absolute(before, x, W, S, end, low, high, &now[end])
