"""Multicut of a complete graph whose costs are inner products: contraction and moves of single rows.

A cluster is the sum of its rows and their number, and the cost of two clusters
:math:`\\langle s, s' \\rangle - a m m'`; so nothing is stored for a pair.
"""

import numpy as np

from libc.math cimport INFINITY, fabs
from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc, realloc

from skdeepcluster._kernels._checks cimport check_range, check_shape, check_size


cdef inline double cost_of(const double *sums, const double *sizes, Py_ssize_t d, double strength,
                           Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    cdef Py_ssize_t f
    cdef double total = 0
    for f in range(d):
        total += sums[i * d + f] * sums[j * d + f]
    return total - strength * sizes[i] * sizes[j]


cdef void join(double *sums, double *sizes, Py_ssize_t d, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    cdef Py_ssize_t f
    for f in range(d):
        sums[i * d + f] += sums[j * d + f]
    sizes[i] += sizes[j]


cdef int32_t root_of(int32_t *parent, int32_t i) noexcept nogil:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


def contract_all(double[:, ::1] sums, double[::1] sizes, double strength):
    """Join the two clusters of the largest cost, as long as one is positive.

    Each cluster knows its best partner; those whose partner was joined look for another one. Of equal
    costs the pair with the first cluster counts.

    Parameters
    ----------
    sums : (n, d) array
        Output too: of the cluster with the lower number of each pair that was joined.
    sizes : (n,) array
        Likewise.
    strength : float

    Returns
    -------
    parent : (n,) array of int32
        The cluster that each was joined to, not later than itself; its own number at the end of the
        chain.
    gain : float
        Sum of the costs of the pairs.
    """
    cdef Py_ssize_t n = sums.shape[0], d = sums.shape[1], i, j, p
    cdef double best, found, gain = 0
    check_size("sizes", sizes.shape[0], n)
    parent_ = np.arange(n, dtype=np.int32)
    if n < 2 or not d:
        return parent_, 0.0
    cdef int32_t[::1] parent = parent_
    cdef int32_t[::1] partner = np.full(n, -1, np.int32)
    cdef double[::1] cost = np.full(n, -np.inf)
    with nogil:
        for i in range(n):
            for j in range(i):
                found = cost_of(&sums[0, 0], &sizes[0], d, strength, i, j)
                if found > cost[i]:
                    cost[i] = found
                    partner[i] = <int32_t> j
                if found > cost[j]:
                    cost[j] = found
                    partner[j] = <int32_t> i
        while True:
            best = 0
            i = -1
            for p in range(n):
                if parent[p] == p and cost[p] > best:
                    best = cost[p]
                    i = p
            if i < 0:
                break
            j = partner[i]
            if j < i:
                i, j = j, i
            gain += best
            join(&sums[0, 0], &sizes[0], d, i, j)
            parent[j] = <int32_t> i
            for p in range(n):
                if parent[p] != p or p == i:
                    continue
                if partner[p] == i or partner[p] == j:
                    search(&sums[0, 0], &sizes[0], d, n, strength, &parent[0], p, &partner[p],
                           &cost[p])
                else:
                    found = cost_of(&sums[0, 0], &sizes[0], d, strength, p, i)
                    if found > cost[p]:
                        cost[p] = found
                        partner[p] = <int32_t> i
            search(&sums[0, 0], &sizes[0], d, n, strength, &parent[0], i, &partner[i], &cost[i])
    return parent_, gain


cdef void search(const double *sums, const double *sizes, Py_ssize_t d, Py_ssize_t n,
                 double strength, const int32_t *parent, Py_ssize_t p, int32_t *partner,
                 double *cost) noexcept nogil:
    """The best partner of a cluster."""
    cdef Py_ssize_t j
    cdef double found
    cost[0] = -INFINITY
    partner[0] = -1
    for j in range(n):
        if j != p and parent[j] == j:
            found = cost_of(sums, sizes, d, strength, p, j)
            if found > cost[0]:
                cost[0] = found
                partner[0] = <int32_t> j


cdef struct Pair:
    double cost
    int32_t i
    int32_t j
    # How often each had been joined.
    int32_t age_i
    int32_t age_j


cdef struct Heap:
    Pair *pairs
    Py_ssize_t n
    Py_ssize_t capacity


cdef inline bint before(const Pair *a, const Pair *b) noexcept nogil:
    if a.cost != b.cost:
        return a.cost > b.cost
    return a.i < b.i or (a.i == b.i and a.j < b.j)


cdef int push(Heap *heap, Pair pair) noexcept nogil:
    cdef Py_ssize_t at = heap.n, up
    cdef Pair *larger
    cdef Pair swap
    if heap.n == heap.capacity:
        larger = <Pair *> realloc(heap.pairs, 2 * heap.capacity * sizeof(Pair))
        if larger == NULL:
            return -1
        heap.pairs = larger
        heap.capacity *= 2
    heap.pairs[at] = pair
    heap.n += 1
    while at:
        up = (at - 1) // 2
        if not before(&heap.pairs[at], &heap.pairs[up]):
            break
        swap = heap.pairs[at]
        heap.pairs[at] = heap.pairs[up]
        heap.pairs[up] = swap
        at = up
    return 0


cdef Pair pop(Heap *heap) noexcept nogil:
    cdef Pair top = heap.pairs[0], swap
    cdef Py_ssize_t at = 0, down
    heap.n -= 1
    heap.pairs[0] = heap.pairs[heap.n]
    while 2 * at + 1 < heap.n:
        down = 2 * at + 1
        if down + 1 < heap.n and before(&heap.pairs[down + 1], &heap.pairs[down]):
            down += 1
        if not before(&heap.pairs[down], &heap.pairs[at]):
            break
        swap = heap.pairs[at]
        heap.pairs[at] = heap.pairs[down]
        heap.pairs[down] = swap
        at = down
    return top


def contract_neighbors(
    double[:, ::1] sums, double[::1] sizes, double strength, int32_t[:, ::1] neighbors
):
    """Join clusters in the order of costs, only with what is among the neighbors of either.

    A cluster keeps the best of the neighbors of the two that it was joined from. Costs of pairs whose
    clusters have changed since are computed anew when their turn comes.

    Parameters
    ----------
    sums, sizes, strength
        As in `contract_all`.
    neighbors : (n, k) array
        Other clusters; -1 where there are fewer. Overwritten.

    Returns
    -------
    parent : (n,) array of int32
    gain : float
    """
    cdef Py_ssize_t n = sums.shape[0], d = sums.shape[1], k = neighbors.shape[1], i, s, m, t
    cdef int32_t a, b, p
    cdef double gain = 0, found
    cdef Pair pair, top
    cdef Heap heap
    cdef int failed = 0
    check_size("sizes", sizes.shape[0], n)
    check_shape("neighbors", neighbors.shape[0], neighbors.shape[1], n, k)
    cdef const int32_t[::1] near = np.asarray(neighbors).ravel()
    check_range("neighbors", near, -1, n)
    parent_ = np.arange(n, dtype=np.int32)
    if n < 2 or not d or not k:
        return parent_, 0.0
    cdef int32_t[::1] parent = parent_, age = np.zeros(n, np.int32)
    cdef int32_t[::1] others = np.empty(2 * k, np.int32), seen = np.full(n, -1, np.int32)
    cdef double[::1] costs = np.empty(2 * k)
    heap.n = 0
    heap.capacity = n * k + 16
    heap.pairs = <Pair *> malloc(heap.capacity * sizeof(Pair))
    if heap.pairs == NULL:
        raise MemoryError
    with nogil:
        for i in range(n):
            for s in range(k):
                if neighbors[i, s] < 0 or neighbors[i, s] == i:
                    continue
                pair.i, pair.j = <int32_t> min(i, neighbors[i, s]), <int32_t> max(i, neighbors[i, s])
                pair.age_i = pair.age_j = 0
                pair.cost = cost_of(&sums[0, 0], &sizes[0], d, strength, pair.i, pair.j)
                if pair.cost > 0:
                    failed |= push(&heap, pair)
        while heap.n and not failed:
            top = pop(&heap)
            a, b = root_of(&parent[0], top.i), root_of(&parent[0], top.j)
            if a == b:
                continue
            if a > b:
                a, b = b, a
            if a != top.i or b != top.j or age[a] != top.age_i or age[b] != top.age_j:
                top.i, top.j, top.age_i, top.age_j = a, b, age[a], age[b]
                top.cost = cost_of(&sums[0, 0], &sizes[0], d, strength, a, b)
                if top.cost > 0:
                    failed |= push(&heap, top)
                continue
            gain += top.cost
            join(&sums[0, 0], &sizes[0], d, a, b)
            parent[b] = a
            age[a] += 1
            # The neighbors of both, each once.
            m = 0
            seen[a] = a
            for s in range(2 * k):
                p = neighbors[a, s] if s < k else neighbors[b, s - k]
                if p < 0:
                    continue
                p = root_of(&parent[0], p)
                if seen[p] == a:
                    continue
                seen[p] = a
                found = cost_of(&sums[0, 0], &sizes[0], d, strength, a, p)
                # In decreasing order.
                t = m
                while t and costs[t - 1] < found:
                    costs[t] = costs[t - 1]
                    others[t] = others[t - 1]
                    t -= 1
                costs[t] = found
                others[t] = p
                m += 1
            for s in range(m):
                seen[others[s]] = -1
            seen[a] = -1
            for s in range(k):
                neighbors[a, s] = others[s] if s < m else -1
                if s < m and costs[s] > 0:
                    pair.i, pair.j = min(a, others[s]), max(a, others[s])
                    pair.age_i, pair.age_j = age[pair.i], age[pair.j]
                    pair.cost = costs[s]
                    failed |= push(&heap, pair)
        free(heap.pairs)
    if failed:
        raise MemoryError
    return parent_, gain


def move_rows(
    const double[:, ::1] rows, int32_t[::1] labels, double[:, ::1] sums, double[::1] sizes,
    double strength, const int32_t[:, ::1] neighbors,
):
    """One pass in which each row moves to the cluster that it gains most by, or alone.

    Parameters
    ----------
    rows : (n, d) array
    labels : (n,) array
        Clusters, below n. Output too.
    sums : (n, d) array, sizes : (n,) array
        Of the clusters; output too. There is room for n of them.
    strength : float
    neighbors : (n, k) array
        Rows whose clusters are compared with a row's own; with k = 0 all clusters are.

    Returns
    -------
    gain : float
        What the moves gain, not negative.
    """
    cdef Py_ssize_t n = rows.shape[0], d = rows.shape[1], k = neighbors.shape[1], i, f, s, free_at = 0
    cdef Py_ssize_t n_compared
    cdef int32_t own, c, best
    cdef double stay, found, top, gain = 0, least, largest = 0
    check_size("labels", labels.shape[0], n)
    check_range("labels", labels, 0, n)
    check_shape("sums", sums.shape[0], sums.shape[1], n, d)
    check_size("sizes", sizes.shape[0], n)
    check_shape("neighbors", neighbors.shape[0], neighbors.shape[1], n, k)
    cdef const int32_t[::1] near = np.asarray(neighbors).ravel()
    check_range("neighbors", near, -1, n)
    if not n or not d:
        return 0.0
    n_compared = k if k else n
    with nogil:
        # Rounding is no gain.
        for i in range(n):
            for f in range(d):
                largest = max(largest, fabs(rows[i, f]))
        least = 1e-12 * (largest * largest * d + fabs(strength)) * n
        for i in range(n):
            own = labels[i]
            for f in range(d):
                sums[own, f] -= rows[i, f]
            sizes[own] -= 1
            stay = row_cost(&rows[i, 0], &sums[own, 0], sizes[own], d, strength)
            top = stay + least
            best = own
            for s in range(n_compared):
                if k:
                    if neighbors[i, s] < 0:
                        continue
                    c = labels[neighbors[i, s]]
                else:
                    c = <int32_t> s
                if c == own or sizes[c] < 0.5:
                    continue
                found = row_cost(&rows[i, 0], &sums[c, 0], sizes[c], d, strength)
                if found > top:
                    top = found
                    best = c
            if top < 0 and sizes[own] > 0.5 and -stay > least:
                while free_at < n and sizes[free_at] > 0.5:
                    free_at += 1
                if free_at == n:
                    # Some were left since.
                    free_at = 0
                    while free_at < n and sizes[free_at] > 0.5:
                        free_at += 1
                if free_at < n:
                    best = <int32_t> free_at
                    top = 0
                    for f in range(d):
                        sums[best, f] = 0
            if best != own:
                gain += top - stay
                labels[i] = best
            for f in range(d):
                sums[best, f] += rows[i, f]
            sizes[best] += 1
    return gain


cdef inline double row_cost(const double *row, const double *total, double size, Py_ssize_t d,
                            double strength) noexcept nogil:
    cdef Py_ssize_t f
    cdef double found = 0
    for f in range(d):
        found += row[f] * total[f]
    return found - strength * size
