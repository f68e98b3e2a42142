"""Minimum spanning tree of the mutual reachability by Boruvka's algorithm over a KD tree."""

import numpy as np

from cython cimport floating
from cython.parallel cimport parallel, prange, threadid
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint8_t

from skdeepcluster._kernels._checks cimport check_range, check_shape, check_size, check_threads
from skdeepcluster._kernels._kdtree cimport (
    KD_EDGE_BEFORE,
    KD_LANES,
    KDTree,
    kd_foreign,
    kd_foreign_function,
    kd_reachability,
    kd_tree,
)


def spanning_tree(KDTree tree, core, distances, positions, reach, double scale, int n_threads):
    """Exact minimum spanning tree under max(core_i, core_j, scale * d_ij).

    Parameters
    ----------
    tree : KDTree
    core : ndarray of shape (n,)
        Reduced core distances by position.
    distances, positions, reach : ndarrays
        Nearest neighbours as given by ``KDTree.knn``.
    scale : float
        Factor on reduced distances.
    n_threads : int

    Returns
    -------
    source, target : ndarrays of shape (n - 1,), int32
        Positions.
    weight : ndarray of shape (n - 1,)
        Reduced mutual reachabilities.

    Notes
    -----
    Among equal weights the shorter distance, then the lower positions win: a total order, by which
    the tree does not depend on the number of threads or their timing.
    """
    n_threads = check_threads(n_threads)
    padded_core = pad(tree, core)
    n = tree.c.n
    node_core = np.empty(tree.c.n_nodes, tree.dtype)
    source = np.empty(n - 1, np.int32)
    target = np.empty(n - 1, np.int32)
    weight = np.empty(n - 1, tree.dtype)
    if tree.single:
        found = _spanning_tree[float](
            &tree.c, kd_foreign[1][tree.metric_code], padded_core, node_core, distances,
            positions, reach, scale, source, target, weight, n_threads,
        )
    else:
        found = _spanning_tree[double](
            &tree.c, kd_foreign[0][tree.metric_code], padded_core, node_core, distances,
            positions, reach, scale, source, target, weight, n_threads,
        )
    if found < n - 1:
        raise ValueError("distances overflow: X has values too large for its dtype; rescale X")
    return source, target, weight


cdef int32_t _find(int32_t[::1] parent, int32_t c) noexcept nogil:
    while parent[c] != c:
        parent[c] = parent[parent[c]]
        c = parent[c]
    return c


cdef int64_t _spanning_tree(
    kd_tree *tree,
    kd_foreign_function search,
    floating[::1] core,
    floating[::1] node_core,
    const floating[:, ::1] distances,
    const int32_t[:, ::1] neighbors,
    const floating[::1] reach,
    floating scale,
    int32_t[::1] source,
    int32_t[::1] target,
    floating[::1] weight,
    int n_threads,
):
    cdef int64_t n = tree.n, i, j, found = 0, base
    cdef int32_t node, leaf, c, other, n_components = n, left_out = -1, merged, lane, m
    cdef int32_t d = tree.d
    cdef floating least
    check_shape("distances", distances.shape[0], distances.shape[1], n, neighbors.shape[1])
    check_size("positions", neighbors.shape[0], n)
    check_size("reach", reach.shape[0], n)
    cdef const int32_t[::1] listed = np.asarray(neighbors).ravel()
    check_range("positions", listed, 0, n)
    dtype = np.asarray(core).dtype
    cdef floating[:, ::1] boxes = scratch(n_threads, 2 * d, dtype)
    cdef uint8_t[:, ::1] marks = scratch(n_threads, KD_LANES, np.dtype(np.uint8))
    cdef floating *box = NULL
    cdef uint8_t *marked = NULL
    cdef int32_t[::1] component = np.arange(core.shape[0], dtype=np.int32)
    cdef int32_t[::1] node_component = np.full(tree.n_nodes, -1, np.int32)
    # The candidate of each point, a bound on all its foreign weights, and whether they meet.
    cdef floating[::1] w = np.full(n, np.inf, dtype)
    cdef floating[::1] length = np.full(n, np.inf, dtype)
    cdef int32_t[::1] candidate = np.full(n, -1, np.int32)
    cdef floating[::1] lower = np.array(core[:n])
    cdef uint8_t[::1] settled = np.zeros(n, np.uint8)
    # By component.
    cdef floating[::1] bound = np.empty(n, dtype)
    cdef int32_t[::1] winner = np.empty(n, np.int32)
    cdef int32_t[::1] parent = np.empty(n, np.int32)
    cdef int32_t[::1] renamed = np.empty(n, np.int32)
    cdef int32_t[::1] size = np.empty(n, np.int32)
    cdef kd_reachability reachability
    reachability.core = &core[0]
    reachability.node_core = &node_core[0]
    reachability.component = &component[0]
    reachability.node_component = &node_component[0]
    reachability.scale = scale
    reachability.bound = &bound[0]

    with nogil:
        for node in range(tree.n_nodes - 1, -1, -1):
            if tree.left[node] >= 0:
                node_core[node] = min(node_core[tree.left[node]], node_core[tree.right[node]])
            else:
                base = <int64_t> tree.right[node] * KD_LANES
                least = core[base]
                for lane in range(1, KD_LANES):
                    least = min(least, core[base + lane])
                node_core[node] = least

        while n_components > 1:
            # What the stored neighbours tell about points whose candidate is gone.
            for leaf in prange(tree.n_leaves, schedule="static", num_threads=n_threads):
                base = <int64_t> leaf * KD_LANES
                _reseed(
                    base, min(base + KD_LANES, n), left_out, scale, component, core, distances,
                    neighbors, reach, w, length, candidate, lower, settled,
                )
            for c in range(n_components):
                bound[c] = <floating> INFINITY
                winner[c] = -1
            for i in range(n):
                c = component[i]
                if w[i] < bound[c]:
                    bound[c] = w[i]

            # The points that may still hold their component's lightest edge look for it.
            with parallel(num_threads=n_threads):
                box = &boxes[threadid(), 0]
                marked = &marks[threadid(), 0]
                for leaf in prange(tree.n_leaves, schedule="dynamic", chunksize=4):
                    base = <int64_t> leaf * KD_LANES
                    m = <int32_t> min(KD_LANES, n - base)
                    if _mark(base, m, left_out, component, bound, lower, settled, marked):
                        search(
                            tree, <floating *> tree.points + base * d, m, leaf, base,
                            &reachability, marked, &core[base], &component[base], &w[base],
                            &length[base], &candidate[base], &lower[base], box,
                        )
                        _settle(base, m, marked, w, lower, settled)

            for i in range(n):
                c = component[i]
                j = candidate[i]
                if c == left_out or j < 0:
                    continue
                other = winner[c]
                if other < 0 or KD_EDGE_BEFORE(
                    w[i], length[i], i, j, w[other], length[other], other, candidate[other]
                ):
                    winner[c] = i
            for c in range(n_components):
                parent[c] = c
            merged = 0
            for c in range(n_components):
                i = winner[c]
                if i < 0:
                    continue
                j = candidate[i]
                other = _find(parent, component[j])
                if _find(parent, c) == other:
                    continue
                parent[_find(parent, c)] = other
                source[found] = i
                target[found] = j
                weight[found] = w[i]
                found += 1
                merged += 1
            if merged == 0:
                break
            other = 0
            for c in range(n_components):
                if parent[c] == c:
                    renamed[c] = other
                    size[other] = 0
                    other += 1
            for c in range(n_components):
                winner[c] = renamed[_find(parent, c)]
            n_components = other
            for i in range(n):
                component[i] = winner[component[i]]
                size[component[i]] += 1
            # Every other component's edge is enough to go on; the largest would search most.
            left_out = 0
            for c in range(n_components):
                if size[c] > size[left_out]:
                    left_out = c
            for node in range(tree.n_nodes - 1, -1, -1):
                if tree.left[node] >= 0:
                    c = node_component[tree.left[node]]
                    node_component[node] = c if c == node_component[tree.right[node]] else -1
                else:
                    base = <int64_t> tree.right[node] * KD_LANES
                    c = component[base]
                    for lane in range(1, <int32_t> min(KD_LANES, n - base)):
                        if component[base + lane] != c:
                            c = -1
                            break
                    node_component[node] = c
    return found


cdef void _reseed(
    int64_t begin,
    int64_t end,
    int32_t left_out,
    floating scale,
    const int32_t[::1] component,
    const floating[::1] core,
    const floating[:, ::1] distances,
    const int32_t[:, ::1] neighbors,
    const floating[::1] reach,
    floating[::1] w,
    floating[::1] length,
    int32_t[::1] candidate,
    floating[::1] lower,
    uint8_t[::1] settled,
) noexcept nogil:
    cdef int64_t i
    cdef int32_t j, c, t, best
    cdef floating weight, least, distance, limit
    for i in range(begin, end):
        c = component[i]
        if c == left_out:
            continue
        best = candidate[i]
        if best >= 0 and component[best] != c:
            continue
        best = -1
        least = <floating> INFINITY
        distance = <floating> INFINITY
        for t in range(neighbors.shape[1]):
            j = neighbors[i, t]
            if component[j] == c:
                continue
            weight = distances[i, t] * scale
            if weight > least:
                break
            weight = max(weight, max(core[i], core[j]))
            if weight < least or (
                weight == least
                and KD_EDGE_BEFORE(weight, distances[i, t], i, j, least, distance, i, best)
            ):
                least = weight
                distance = distances[i, t]
                best = j
        candidate[i] = best
        w[i] = least
        length[i] = distance
        # Points that are not listed are farther than the reach, and so no better at this weight.
        limit = max(core[i], reach[i] * scale)
        settled[i] = least <= limit
        lower[i] = max(lower[i], least if settled[i] else limit)


cdef bint _mark(
    int64_t base,
    int32_t m,
    int32_t left_out,
    const int32_t[::1] component,
    const floating[::1] bound,
    const floating[::1] lower,
    const uint8_t[::1] settled,
    uint8_t *marked,
) noexcept nogil:
    cdef bint found = False
    cdef int32_t lane, c
    for lane in range(m):
        c = component[base + lane]
        marked[lane] = (
            c != left_out and not settled[base + lane] and lower[base + lane] <= bound[c]
        )
        found = found or marked[lane]
    return found


cdef void _settle(
    int64_t base,
    int32_t m,
    const uint8_t *marked,
    const floating[::1] w,
    const floating[::1] lower,
    uint8_t[::1] settled,
) noexcept nogil:
    cdef int32_t lane
    for lane in range(m):
        if marked[lane]:
            settled[base + lane] = w[base + lane] <= lower[base + lane]


cdef pad(KDTree tree, core):
    """Core distances of the points of a tree, infinite where its last leaf is padded."""
    core = np.asarray(core)
    padded = np.full(tree.n_padded, np.inf, tree.dtype)
    if core.ndim != 1 or core.dtype != tree.dtype:
        raise ValueError(
            f"core distances must be a vector of dtype {tree.dtype}, got shape {core.shape} and "
            f"dtype {core.dtype}"
        )
    check_size("core", len(core), tree.c.n)
    padded[: tree.c.n] = core
    return padded


cdef scratch(int n_threads, Py_ssize_t size, dtype):
    """A row for each thread, none in the same cache line as another's."""
    return np.empty((n_threads, size + 128 // dtype.itemsize), dtype)


def nearest_reachable(KDTree tree, core, KDTree queries, query_core, double scale, int n_threads):
    """For other points: the nearest of the tree under max(core_i, core_j, scale * d_ij).

    Parameters
    ----------
    tree : KDTree
    core : ndarray of shape (n,)
        Reduced core distances by position of `tree`.
    queries : KDTree
        The points that look for a neighbour.
    query_core : ndarray of shape (n_queries,)
        Theirs, by position of `queries`.
    scale : float
    n_threads : int

    Returns
    -------
    position : ndarray of shape (n_queries,), int32
        By position of `queries`; of equally reachable points the nearest.
    weight : ndarray of shape (n_queries,)
        Reduced mutual reachability.
    """
    tree.check_queries(queries)
    n_threads = check_threads(n_threads)
    padded_core, padded_query_core = pad(tree, core), pad(queries, query_core)
    cdef int64_t n = queries.c.n, base, item = tree.dtype.itemsize
    cdef int32_t leaf, m, d = tree.c.d
    # No point shares a component with a query, and no node's cores prune.
    cdef int32_t[::1] component = np.zeros(tree.n_padded, np.int32)
    cdef int32_t[::1] node_component = np.full(tree.c.n_nodes, -1, np.int32)
    cdef int32_t[::1] query_component = np.full(queries.n_padded, -2, np.int32)
    node_core = np.zeros(tree.c.n_nodes, tree.dtype)
    position_ = np.full(n, -1, np.int32)
    weight_ = np.full(n, np.inf, tree.dtype)
    length_ = np.full(n, np.inf, tree.dtype)
    lower_ = np.empty(n, tree.dtype)
    cdef int32_t[::1] position = position_
    cdef char *weight = <char *> <size_t> weight_.ctypes.data
    cdef char *length = <char *> <size_t> length_.ctypes.data
    cdef char *lower = <char *> <size_t> lower_.ctypes.data
    cdef char *cores = <char *> <size_t> padded_query_core.ctypes.data
    cdef char *points = <char *> queries.c.points
    boxes_ = scratch(n_threads, 2 * d, tree.dtype)
    cdef char *boxes = <char *> <size_t> boxes_.ctypes.data
    cdef char *box = NULL
    cdef int64_t stride = boxes_.strides[0]
    cdef uint8_t[::1] marked = np.ones(KD_LANES, np.uint8)
    cdef kd_foreign_function search = kd_foreign[tree.single][tree.metric_code]
    cdef kd_reachability reachability
    reachability.core = <void *> <size_t> padded_core.ctypes.data
    reachability.node_core = <void *> <size_t> node_core.ctypes.data
    reachability.component = &component[0]
    reachability.node_component = &node_component[0]
    reachability.scale = scale
    reachability.bound = NULL
    with nogil, parallel(num_threads=n_threads):
        box = boxes + threadid() * stride
        for leaf in prange(queries.c.n_leaves, schedule="dynamic", chunksize=4):
            base = <int64_t> leaf * KD_LANES
            m = <int32_t> min(KD_LANES, n - base)
            # Positions of queries count on from those of the tree, for the order of the edges.
            search(
                &tree.c, points + base * d * item, m, -1, tree.c.n + base, &reachability,
                &marked[0], cores + base * item, &query_component[base], weight + base * item,
                length + base * item, &position[base], lower + base * item, box,
            )
    return position_, weight_
