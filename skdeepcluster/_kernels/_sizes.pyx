"""The cheapest assignment of rows to clusters whose sizes have bounds: a minimum-cost flow.

Rows are assigned by costs plus prices of clusters. A flow sends each row to its cluster and from
there to a sink, which takes between the least and the largest size from every cluster. Where sizes
are out of bounds, rows move along the shortest path between clusters; the shortest move from one
cluster to another is the top of a heap of the differences of its rows. So a path is found among
k + 1 nodes, whatever the number of rows, and each keeps all reduced costs nonnegative, which is the
proof of optimality.
"""

import numpy as np

from libc.math cimport INFINITY, isfinite
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc, realloc

from skdeepcluster._kernels._checks cimport check_at_least, check_range, check_size


cdef struct Heap:
    double *key
    int *row
    Py_ssize_t size
    Py_ssize_t room


cdef inline bint before(Heap *heap, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    if heap.key[i] != heap.key[j]:
        return heap.key[i] < heap.key[j]
    return heap.row[i] < heap.row[j]


cdef inline void swap(Heap *heap, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    heap.key[i], heap.key[j] = heap.key[j], heap.key[i]
    heap.row[i], heap.row[j] = heap.row[j], heap.row[i]


cdef void sink(Heap *heap, Py_ssize_t i) noexcept nogil:
    cdef Py_ssize_t child
    while 2 * i + 1 < heap.size:
        child = 2 * i + 1
        if child + 1 < heap.size and before(heap, child + 1, child):
            child += 1
        if before(heap, i, child):
            return
        swap(heap, i, child)
        i = child


cdef bint push(Heap *heap, double key, int row) noexcept nogil:
    """Whether there was memory."""
    cdef Py_ssize_t i = heap.size, parent, room
    cdef double *keys
    cdef int *rows
    if heap.size == heap.room:
        room = 2 * heap.room + 16
        keys = <double *>realloc(heap.key, room * sizeof(double))
        if keys == NULL:
            return False
        heap.key = keys
        rows = <int *>realloc(heap.row, room * sizeof(int))
        if rows == NULL:
            return False
        heap.row = rows
        heap.room = room
    heap.key[i] = key
    heap.row[i] = row
    heap.size += 1
    while i > 0:
        parent = (i - 1) // 2
        if before(heap, parent, i):
            return True
        swap(heap, i, parent)
        i = parent
    return True


cdef inline void pop(Heap *heap) noexcept nogil:
    heap.size -= 1
    heap.key[0] = heap.key[heap.size]
    heap.row[0] = heap.row[heap.size]
    sink(heap, 0)


cdef bint build(Heap *heaps, Py_ssize_t a, const double[:, ::1] costs,
                const int[::1] labels) noexcept nogil:
    """The heaps of all moves out of a cluster; whether there was memory."""
    cdef Py_ssize_t k = costs.shape[1], b, i, t, n = 0
    cdef Heap *heap
    for i in range(labels.shape[0]):
        n += labels[i] == a
    for b in range(k):
        if b == a:
            continue
        heap = &heaps[b]
        heap.room = n + 16
        heap.key = <double *>malloc(heap.room * sizeof(double))
        heap.row = <int *>malloc(heap.room * sizeof(int))
        if heap.key == NULL or heap.row == NULL:
            return False
    for i in range(labels.shape[0]):
        if labels[i] == a:
            for b in range(k):
                if b != a:
                    heap = &heaps[b]
                    heap.key[heap.size] = costs[i, b] - costs[i, a]
                    heap.row[heap.size] = <int>i
                    heap.size += 1
    for b in range(k):
        if b != a:
            for t in range(n // 2 - 1, -1, -1):
                sink(&heaps[b], t)
    return True


cdef void refresh(Heap *heaps, Py_ssize_t a, const int[::1] labels, double[:, ::1] least,
                  Py_ssize_t k) noexcept nogil:
    """The cheapest move from a cluster to each other; rows that have left it are dropped."""
    cdef Py_ssize_t b
    for b in range(k):
        if b == a:
            continue
        while heaps[b].size > 0 and labels[heaps[b].row[0]] != a:
            pop(&heaps[b])
        least[a, b] = heaps[b].key[0] if heaps[b].size > 0 else INFINITY


cdef Py_ssize_t shortest(Heap **heaps, bint[::1] built, const double[:, ::1] costs,
                         const int[::1] labels, double[:, ::1] least, const double[::1] price,
                         const int64_t[::1] flow, const int64_t[::1] low, const int64_t[::1] high,
                         const int64_t[::1] excess, double[::1] distance, Py_ssize_t[::1] origin,
                         bint[::1] done) noexcept nogil:
    """Dijkstra from all nodes of excess: the nearest node that lacks some, -1 without memory."""
    cdef Py_ssize_t k = costs.shape[1], u, v
    cdef double step
    for v in range(k + 1):
        distance[v] = 0.0 if excess[v] > 0 else INFINITY
        origin[v] = -1
        done[v] = False
    while True:
        u = -1
        for v in range(k + 1):
            if not done[v] and distance[v] < INFINITY and (u < 0 or distance[v] < distance[u]):
                u = v
        if u < 0:
            return -2
        if excess[u] < 0:
            return u
        done[u] = True
        if u == k:
            for v in range(k):
                if flow[v] > low[v] and not done[v]:
                    step = max(price[v] - price[k], 0)
                    if distance[u] + step < distance[v]:
                        distance[v] = distance[u] + step
                        origin[v] = u
            continue
        if not built[u]:
            if not build(heaps[u], u, costs, labels):
                return -1
            built[u] = True
            refresh(heaps[u], u, labels, least, k)
        for v in range(k):
            if v != u and not done[v] and least[u, v] < INFINITY:
                step = max(least[u, v] + price[v] - price[u], 0)
                if distance[u] + step < distance[v]:
                    distance[v] = distance[u] + step
                    origin[v] = u
        if flow[u] < high[u] and not done[k]:
            step = max(price[k] - price[u], 0)
            if distance[u] + step < distance[k]:
                distance[k] = distance[u] + step
                origin[k] = u


def bounded_assignment(
    const double[:, ::1] costs,
    const int64_t[::1] low,
    const int64_t[::1] high,
    double[::1] prices,
):
    """The cheapest assignment in which every cluster has a size between its bounds.

    Parameters
    ----------
    costs : (n, k) array of float64
        Finite.
    low, high : (k,) arrays of int64
        The least and the largest size of each cluster.
    prices : (k,) array of float64
        Where the search begins, such as the prices of similar costs, or 0; output: prices for which
        each row is in a cluster of least cost plus price.

    Returns
    -------
    labels : (n,) array of int32
    """
    cdef Py_ssize_t n = costs.shape[0], k = costs.shape[1]
    cdef Py_ssize_t i, j, u, v, target
    cdef int64_t total_low = 0, total_high = 0, amount
    cdef double best, value
    cdef int row
    check_at_least("the number of clusters", k, 1)
    check_size("low", low.shape[0], k)
    check_size("high", high.shape[0], k)
    check_size("prices", prices.shape[0], k)
    if n >= 2**31 - 1:
        raise ValueError(f"{n} rows are too many")
    for j in range(k):
        if not 0 <= low[j] <= high[j]:
            raise ValueError(f"cluster {j} has sizes from {low[j]} to {high[j]}")
        if not isfinite(prices[j]):
            raise ValueError("prices must be finite")
        total_low += low[j]
        total_high += min(high[j], n)
    if not total_low <= n <= total_high:
        raise ValueError(f"{n} rows do not fit sizes from {total_low} to {total_high} in all")

    labels_array = np.empty(n, dtype=np.int32)
    cdef int[::1] labels = labels_array
    cdef int64_t[::1] counts = np.zeros(k, dtype=np.int64)
    cdef bint finite = True
    with nogil:
        for i in range(n):
            best = INFINITY
            for j in range(k):
                finite &= isfinite(costs[i, j]) != 0
                value = costs[i, j] + prices[j]
                if value < best:
                    best = value
                    labels[i] = <int>j
            if not finite:
                break
            counts[labels[i]] += 1
    if not finite:
        raise ValueError("costs must be finite")

    cdef int64_t[::1] flow = np.zeros(k, dtype=np.int64)
    cdef int64_t[::1] excess = np.zeros(k + 1, dtype=np.int64)
    cdef int64_t n_excess = 0
    excess[k] = -n
    for j in range(k):
        if prices[j] > 0:
            flow[j] = min(high[j], n)
        elif prices[j] < 0:
            flow[j] = low[j]
        else:
            flow[j] = min(max(counts[j], low[j]), high[j])
        excess[j] = counts[j] - flow[j]
        excess[k] += flow[j]
    for j in range(k + 1):
        n_excess += max(excess[j], 0)
    if n_excess == 0:
        return labels_array

    cdef double[::1] price = np.append(prices, 0.0)
    cdef double[:, ::1] least = np.full((k, k), np.inf)
    cdef double[::1] distance = np.empty(k + 1)
    cdef Py_ssize_t[::1] origin = np.empty(k + 1, dtype=np.intp)
    cdef bint[::1] done = np.zeros(k + 1, dtype=np.intc)
    cdef bint[::1] built = np.zeros(k, dtype=np.intc)
    cdef int64_t[::1] limit = np.minimum(high, n)
    cdef bint moves, memory = True
    cdef Heap *all_heaps = <Heap *>malloc(k * k * sizeof(Heap))
    cdef Heap **heaps = <Heap **>malloc(k * sizeof(Heap *))
    if all_heaps == NULL or heaps == NULL:
        free(all_heaps)
        free(heaps)
        raise MemoryError()
    for j in range(k * k):
        all_heaps[j] = Heap(NULL, NULL, 0, 0)
    for j in range(k):
        heaps[j] = &all_heaps[j * k]

    with nogil:
        while n_excess > 0:
            target = shortest(heaps, built, costs, labels, least, price, flow, low,
                              limit, excess, distance, origin, done)
            if target < 0:
                memory = target != -1
                break
            for v in range(k + 1):
                price[v] -= min(distance[v], distance[target])
            # How much the path can take: one row, or more where no row moves.
            moves = False
            amount = -excess[target]
            v = target
            while origin[v] >= 0:
                u = origin[v]
                if u == k:
                    amount = min(amount, flow[v] - low[v])
                elif v == k:
                    amount = min(amount, limit[u] - flow[u])
                else:
                    moves = True
                v = u
            amount = 1 if moves else min(amount, excess[v])
            excess[v] -= amount
            excess[target] += amount
            n_excess -= amount
            v = target
            while origin[v] >= 0:
                u = origin[v]
                if u == k:
                    flow[v] -= amount
                elif v == k:
                    flow[u] += amount
                else:
                    row = heaps[u][v].row[0]
                    pop(&heaps[u][v])
                    labels[row] = <int>v
                    if built[v]:
                        for j in range(k):
                            if j != v:
                                memory &= push(&heaps[v][j], costs[row, j] - costs[row, v], row)
                v = u
            if not memory:
                break
            # After all moves, so that a row that came in counts where it is.
            v = target
            while v >= 0:
                if v < k and built[v]:
                    refresh(heaps[v], v, labels, least, k)
                v = origin[v]
        for j in range(k * k):
            free(all_heaps[j].key)
            free(all_heaps[j].row)
        free(all_heaps)
        free(heaps)
    if not memory:
        raise MemoryError()
    if n_excess > 0:
        raise RuntimeError("no path between clusters was found")
    for j in range(k):
        prices[j] = price[j] - price[k]
    return labels_array


def greedy_assignment(const Py_ssize_t[::1] order, Py_ssize_t n, const int64_t[::1] sizes,
                      const int64_t[::1] more):
    """Take pairs of a row and a cluster in a given order, where the row is free and there is room.

    Parameters
    ----------
    order : (n k,) array of intp
        The pairs, row * k + cluster, the best first.
    n : int
    sizes : (k,) array of int64
        The room of each cluster in a first pass over the pairs.
    more : (k,) array of int64
        The room in a second pass, for the rows that are left.

    Returns
    -------
    labels : (n,) array of int32
        -1 where no room was left.
    """
    cdef Py_ssize_t k = sizes.shape[0], t, row, cluster
    cdef int turn
    check_at_least("the number of clusters", k, 1)
    check_size("order", order.shape[0], n * k)
    check_size("more", more.shape[0], k)
    check_range("order", order, 0, n * k)
    cdef int64_t[::1] room = np.array(sizes)
    labels_array = np.full(n, -1, dtype=np.int32)
    cdef int[::1] labels = labels_array
    with nogil:
        for turn in range(2):
            for t in range(n * k):
                row = order[t] // k
                cluster = order[t] % k
                if labels[row] < 0 and room[cluster] > 0:
                    labels[row] = <int>cluster
                    room[cluster] -= 1
            for cluster in range(k):
                room[cluster] += more[cluster] - sizes[cluster]
    return labels_array
