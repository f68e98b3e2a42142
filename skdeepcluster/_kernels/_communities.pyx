"""Communities of a graph: moves of single nodes, refinement, aggregation; the same for any number of
threads.

A graph is the arrays of a CSR matrix with symmetric weights, none negative. Each node has two masses
:math:`(a_v, b_v)`, and a community :math:`c` their sums :math:`(A_c, B_c)`. What a node gains by joining
it is

.. math:: \\sum_{u \\in c} w_{vu} - g (a_v B_c + b_v A_c),

from which modularity of undirected, directed and bipartite graphs and the constant Potts model follow.
Loops never matter for moves and are left out.
"""

import numpy as np

from cython.parallel cimport prange, threadid
from libc.math cimport exp
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from skdeepcluster._kernels._checks cimport (
    check_range,
    check_shape,
    check_size,
    check_threads,
)
from skdeepcluster._kernels._graphs cimport check_graph


cdef extern from "_random.h" nogil:
    """
    #if defined(__GNUC__)
    #define SOON(place) __builtin_prefetch(place)
    #else
    #define SOON(place) ((void) (place))
    #endif
    """
    uint64_t hash_bits(uint64_t x)
    double share_of(uint64_t bits)
    void SOON(const void *place)

cdef enum:
    QUEUED = 1
    # A neighbor has moved since the node was looked at.
    STALE = 2
    # Edges of a block below which no thread is woken.
    FEW_EDGES = 20_000
    MOST_IN_BLOCK = 4096
    # Nodes whose edges are asked for before they are read.
    AHEAD = 4
    # Visits per node after which moves end, whatever the weights are.
    MOST_VISITS = 200


cdef inline double uniform(uint64_t seed, uint64_t i) noexcept nogil:
    """From 0 up to, but without, 1."""
    return share_of(hash_bits(seed ^ hash_bits(i)))


cdef void shuffle(int32_t *order, Py_ssize_t n, uint64_t seed) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef int32_t swap
    for i in range(n - 1, 0, -1):
        j = <Py_ssize_t> (uniform(seed, i) * (i + 1))
        swap = order[i]
        order[i] = order[j]
        order[j] = swap


cdef struct Graph:
    Py_ssize_t n
    const int64_t *indptr
    const int32_t *indices
    const double *weights
    # Two for each node.
    const double *masses
    double resolution
    double least


cdef struct Choice:
    int32_t label
    double to_label
    double to_own


cdef inline double penalty(const Graph *graph, int32_t v, const double *totals, int32_t c,
                           bint member) noexcept nogil:
    """What the masses of a community take from the gain of a node, which is a member or not."""
    cdef double a = graph.masses[2 * v], b = graph.masses[2 * v + 1]
    if member:
        return graph.resolution * (a * (totals[2 * c + 1] - b) + b * (totals[2 * c] - a))
    return graph.resolution * (a * totals[2 * c + 1] + b * totals[2 * c])


cdef Choice best_label(const Graph *graph, int32_t v, const int32_t *labels, const double *totals,
                       const int32_t *sizes, double *to, int32_t *touched) noexcept nogil:
    """The community that a node gains most by, -1 for a new one; its own unless another is better.

    Of equal ones the first in the order of the edges. `to` is zero before and after.
    """
    cdef Py_ssize_t n_touched = 0, i
    cdef int64_t e
    cdef int32_t own = labels[v], c, u
    cdef double gain, best, stay
    cdef Choice choice
    for e in range(graph.indptr[v], graph.indptr[v + 1]):
        u = graph.indices[e]
        if u == v or not graph.weights[e] > 0:
            continue
        c = labels[u]
        if to[c] == 0:
            touched[n_touched] = c
            n_touched += 1
        to[c] += graph.weights[e]
    choice.label = own
    choice.to_own = to[own]
    choice.to_label = to[own]
    stay = to[own] - penalty(graph, v, totals, own, True)
    best = stay + graph.least
    if sizes[own] > 1 and best < 0:
        best = 0
        choice.label = -1
        choice.to_label = 0
    for i in range(n_touched):
        c = touched[i]
        if c != own:
            gain = to[c] - penalty(graph, v, totals, c, False)
            if gain > best:
                best = gain
                choice.label = c
                choice.to_label = to[c]
        to[c] = 0
    return choice


def move_nodes(
    const int64_t[::1] indptr, const int32_t[::1] indices, const double[::1] weights,
    const double[:, ::1] masses, int32_t[::1] labels, const int32_t[::1] fixed,
    double resolution, double least, uint64_t seed, int n_threads,
):
    """Move nodes to communities that they gain by, until the queue of those to look at is empty.

    Nodes are taken from the queue in blocks. Threads look for the best move of each node of a block,
    which are then made one after another: a move is looked for again if a neighbor has moved since,
    or if it does not pay any more. So no move lowers the objective, and threads do not matter.

    Parameters
    ----------
    indptr, indices, weights : the arrays of a CSR matrix of shape (n, n)
        Symmetric.
    masses : (n, 2) array
    labels : (n,) array
        Communities, below n. Output too.
    fixed : (n,) array
        Nodes that do not move are not 0.
    resolution : float
        The factor of the masses.
    least : float
        Gains up to so much do not count: what is due to rounding must not move nodes for ever.
    seed : int
        Of the order of the nodes.
    n_threads : int

    Returns
    -------
    n_moves : int
    """
    cdef Py_ssize_t n = indptr.shape[0] - 1, n_moves = 0, i, first = 0, waiting = 0, n_block
    cdef Py_ssize_t n_empty = 0, most, n_visits = 0, most_visits, last
    cdef int32_t v, u, own, label
    cdef int64_t e, n_edges
    cdef int n_used, thread
    cdef Graph graph
    cdef Choice choice
    check_graph(indptr, indices, weights)
    check_shape("masses", masses.shape[0], masses.shape[1], n, 2)
    check_size("labels", labels.shape[0], n)
    check_size("fixed", fixed.shape[0], n)
    check_range("labels", labels, 0, n)
    n_threads = check_threads(n_threads)
    if not n or not indices.shape[0]:
        return 0
    # Few neighbors move within a block.
    most = min(max(1, <Py_ssize_t> (<double> n * n / (8.0 * indices.shape[0]))), MOST_IN_BLOCK)
    totals_ = np.zeros((n, 2))
    for i in range(2):
        totals_[:, i] = np.bincount(labels, np.asarray(masses)[:, i], n)
    cdef double[:, ::1] totals = totals_
    cdef int32_t[::1] sizes = np.bincount(labels, minlength=n).astype(np.int32)
    cdef int32_t[::1] queue = np.flatnonzero(np.asarray(fixed) == 0).astype(np.int32)
    cdef Py_ssize_t capacity = queue.shape[0]
    cdef int32_t[::1] empty = np.empty(n + 1, np.int32)
    cdef uint8_t[::1] state = np.zeros(n, np.uint8)
    cdef double[:, ::1] to = np.zeros((n_threads, n))
    cdef int32_t[:, ::1] touched = np.empty((n_threads, n), np.int32)
    cdef int32_t[::1] block = np.empty(most, np.int32)
    cdef int32_t[::1] chosen = np.empty(most, np.int32)
    cdef double[:, ::1] sums = np.empty((most, 2))
    if not capacity:
        return 0
    graph.n = n
    graph.indptr, graph.indices, graph.weights = &indptr[0], &indices[0], &weights[0]
    graph.masses = &masses[0, 0]
    graph.resolution, graph.least = resolution, least
    most_visits = MOST_VISITS * n
    with nogil:
        shuffle(&queue[0], capacity, seed)
        for i in range(capacity):
            state[queue[i]] = QUEUED
        for i in range(n - 1, -1, -1):
            if sizes[i] == 0:
                empty[n_empty] = <int32_t> i
                n_empty += 1
        waiting = capacity
        while waiting and n_visits < most_visits:
            n_block = min(most, waiting)
            n_edges = 0
            for i in range(n_block):
                v = queue[first]
                first = first + 1 if first + 1 < capacity else 0
                block[i] = v
                state[v] &= ~STALE
                n_edges += indptr[v + 1] - indptr[v]
            waiting -= n_block
            n_visits += n_block
            if n_threads > 1 and n_edges > FEW_EDGES:
                for i in prange(n_block, num_threads=n_threads, schedule="dynamic", chunksize=64):
                    thread = threadid()
                    look(&graph, block[i], &labels[0], &totals[0, 0], &sizes[0], &to[thread, 0],
                         &touched[thread, 0], &chosen[i], &sums[i, 0])
            else:
                for i in range(n_block):
                    if i + AHEAD < n_block:
                        SOON(graph.indices + indptr[block[i + AHEAD]])
                        SOON(graph.weights + indptr[block[i + AHEAD]])
                    look(&graph, block[i], &labels[0], &totals[0, 0], &sizes[0], &to[0, 0],
                         &touched[0, 0], &chosen[i], &sums[i, 0])
            for i in range(n_block):
                v = block[i]
                own = labels[v]
                label = chosen[i]
                if state[v] & STALE or (label != own and not pays(
                    &graph, v, own, label, &totals[0, 0], &sizes[0], &sums[i, 0]
                )):
                    choice = best_label(&graph, v, &labels[0], &totals[0, 0], &sizes[0], &to[0, 0],
                                        &touched[0, 0])
                    label = choice.label
                state[v] = 0
                if label == own:
                    continue
                if label < 0:
                    n_empty -= 1
                    label = empty[n_empty]
                n_moves += 1
                labels[v] = label
                sizes[own] -= 1
                sizes[label] += 1
                totals[own, 0] -= masses[v, 0]
                totals[own, 1] -= masses[v, 1]
                totals[label, 0] += masses[v, 0]
                totals[label, 1] += masses[v, 1]
                if sizes[own] == 0:
                    totals[own, 0] = 0
                    totals[own, 1] = 0
                    empty[n_empty] = own
                    n_empty += 1
                for e in range(indptr[v], indptr[v + 1]):
                    u = indices[e]
                    if state[u] & QUEUED:
                        state[u] |= STALE
                    elif labels[u] != label and u != v and not fixed[u]:
                        state[u] = QUEUED | STALE
                        last = first + waiting
                        queue[last if last < capacity else last - capacity] = u
                        waiting += 1
    return n_moves


cdef void look(const Graph *graph, int32_t v, const int32_t *labels, const double *totals,
               const int32_t *sizes, double *to, int32_t *touched, int32_t *label,
               double *sums) noexcept nogil:
    """`best_label`, into arrays."""
    cdef Choice choice = best_label(graph, v, labels, totals, sizes, to, touched)
    label[0] = choice.label
    sums[0] = choice.to_label
    sums[1] = choice.to_own


cdef bint pays(const Graph *graph, int32_t v, int32_t own, int32_t label, const double *totals,
               const int32_t *sizes, const double *sums) noexcept nogil:
    """Whether a move still does, after others have changed masses of communities."""
    cdef double stay = sums[1] - penalty(graph, v, totals, own, True)
    if label < 0:
        return sizes[own] > 1 and 0 > stay + graph.least
    return sizes[label] > 0 and (
        sums[0] - penalty(graph, v, totals, label, False) > stay + graph.least
    )


cdef void sort_by(const int32_t[::1] labels, const int32_t[::1] nodes, int64_t[::1] starts,
                  int32_t[::1] order) noexcept nogil:
    """Nodes by their labels, those of a label in the given order; and where labels begin."""
    cdef Py_ssize_t i, n = nodes.shape[0], n_labels = starts.shape[0] - 1
    for i in range(n_labels + 1):
        starts[i] = 0
    for i in range(n):
        starts[labels[nodes[i]] + 1] += 1
    for i in range(n_labels):
        starts[i + 1] += starts[i]
    for i in range(n):
        order[starts[labels[nodes[i]]]] = nodes[i]
        starts[labels[nodes[i]]] += 1
    for i in range(n_labels, 0, -1):
        starts[i] = starts[i - 1]
    starts[0] = 0


def refine(
    const int64_t[::1] indptr, const int32_t[::1] indices, const double[::1] weights,
    const double[:, ::1] masses, const int32_t[::1] labels, double resolution, double least,
    double temperature, uint64_t seed, int n_threads,
):
    r"""Connected groups of nodes within communities, from each node alone.

    In random order each node that is still alone, and well connected to the rest of its community,
    joins a group of it that is well connected too. Groups are drawn with probabilities in proportion
    to :math:`\exp(\Delta / \theta)` among those with a gain :math:`\Delta` that is not negative; to
    stay alone gains 0. Communities do not depend on each other.

    Parameters
    ----------
    indptr, indices, weights, masses, resolution, least
        As in `move_nodes`.
    labels : (n,) array
        Communities, below n.
    temperature : float
        0 for the largest gain.
    seed : int
    n_threads : int

    Returns
    -------
    groups : (n,) array of int32
        One of its nodes for each group.
    """
    cdef Py_ssize_t n = indptr.shape[0] - 1, c
    cdef Graph graph
    check_graph(indptr, indices, weights)
    check_shape("masses", masses.shape[0], masses.shape[1], n, 2)
    check_size("labels", labels.shape[0], n)
    check_range("labels", labels, 0, n)
    n_threads = check_threads(n_threads)
    groups_ = np.arange(n, dtype=np.int32)
    if not n or not indices.shape[0]:
        return groups_
    cdef int32_t[::1] groups = groups_, nodes = np.arange(n, dtype=np.int32)
    cdef int32_t[::1] order = np.empty(n, np.int32), touched = np.empty(n, np.int32)
    cdef int32_t[::1] sizes = np.ones(n, np.int32)
    cdef int64_t[::1] starts = np.empty(n + 1, np.int64)
    cdef double[:, ::1] totals = np.array(masses)
    cdef double[::1] to = np.zeros(n), outside = np.zeros(n)
    graph.n = n
    graph.indptr, graph.indices, graph.weights = &indptr[0], &indices[0], &weights[0]
    graph.masses = &masses[0, 0]
    graph.resolution, graph.least = resolution, least
    with nogil:
        shuffle(&nodes[0], n, hash_bits(seed))
        sort_by(labels, nodes, starts, order)
        for c in prange(n, num_threads=n_threads, schedule="dynamic", chunksize=64):
            refine_community(&graph, &order[0] + starts[c], starts[c + 1] - starts[c], &labels[0],
                             temperature, seed, &groups[0], &sizes[0], &totals[0, 0], &outside[0],
                             &to[0], &touched[0] + starts[c])
    return groups_


cdef bint well_connected(const Graph *graph, const double *totals, int32_t c, double outside,
                         double a, double b) noexcept nogil:
    """Whether a group is joined to the rest of a community of masses a and b as if at random."""
    cdef double own_a = totals[2 * c], own_b = totals[2 * c + 1]
    return outside + graph.least >= graph.resolution * (own_a * (b - own_b) + own_b * (a - own_a))


cdef void refine_community(
    const Graph *graph, const int32_t *nodes, Py_ssize_t n, const int32_t *labels,
    double temperature, uint64_t seed, int32_t *groups, int32_t *sizes, double *totals,
    double *outside, double *to, int32_t *touched,
) noexcept nogil:
    """Groups of one community; `outside` are weights to the rest of it."""
    cdef Py_ssize_t i, j, n_touched
    cdef int64_t e
    cdef int32_t v, u, c, joined
    cdef double a = 0, b = 0, gain, largest, total, drawn, least_weight
    if n < 2:
        return
    for i in range(n):
        v = nodes[i]
        a += graph.masses[2 * v]
        b += graph.masses[2 * v + 1]
        for e in range(graph.indptr[v], graph.indptr[v + 1]):
            u = graph.indices[e]
            if u != v and labels[u] == labels[v] and graph.weights[e] > 0:
                outside[v] += graph.weights[e]
    for i in range(n):
        v = nodes[i]
        # A node that others have joined, or one without a place for others to be random.
        if sizes[v] != 1 or not well_connected(graph, totals, v, outside[v], a, b):
            continue
        n_touched = 0
        for e in range(graph.indptr[v], graph.indptr[v + 1]):
            u = graph.indices[e]
            if u != v and labels[u] == labels[v] and graph.weights[e] > 0:
                c = groups[u]
                if to[c] == 0:
                    touched[n_touched] = c
                    n_touched += 1
                to[c] += graph.weights[e]
        # Groups that may be joined come first.
        largest = 0
        j = 0
        joined = v
        for e in range(n_touched):
            c = touched[e]
            gain = to[c] - penalty(graph, v, totals, c, False)
            if gain >= 0 and well_connected(graph, totals, c, outside[c], a, b):
                touched[e] = touched[j]
                touched[j] = c
                j += 1
                if gain > largest:
                    largest = gain
                    joined = c
        if temperature > 0 and j:
            total = exp(-largest / temperature)
            for e in range(j):
                c = touched[e]
                gain = to[c] - penalty(graph, v, totals, c, False)
                total += exp((gain - largest) / temperature)
            drawn = uniform(seed, <uint64_t> v) * total - exp(-largest / temperature)
            if drawn < 0:
                joined = v
            else:
                for e in range(j):
                    joined = touched[e]
                    gain = to[joined] - penalty(graph, v, totals, joined, False)
                    drawn -= exp((gain - largest) / temperature)
                    if drawn < 0:
                        break
        if joined != v:
            groups[v] = joined
            sizes[v] = 0
            sizes[joined] += 1
            totals[2 * joined] += graph.masses[2 * v]
            totals[2 * joined + 1] += graph.masses[2 * v + 1]
            outside[joined] += outside[v] - 2 * to[joined]
        for e in range(n_touched):
            to[touched[e]] = 0


def renumbered(const int32_t[::1] labels):
    """Labels numbered in the order of their first nodes.

    Parameters
    ----------
    labels : (n,) array
        Below n.

    Returns
    -------
    numbers : (n,) array of int32
    n_labels : int
    """
    cdef Py_ssize_t n = labels.shape[0], i
    cdef int32_t count = 0
    check_range("labels", labels, 0, n)
    numbers_ = np.empty(n, np.int32)
    cdef int32_t[::1] numbers = numbers_, number = np.full(n, -1, np.int32)
    with nogil:
        for i in range(n):
            if number[labels[i]] < 0:
                number[labels[i]] = count
                count += 1
            numbers[i] = number[labels[i]]
    return numbers_, count


def aggregated(
    const int64_t[::1] indptr, const int32_t[::1] indices, const double[::1] weights,
    const int32_t[::1] groups, Py_ssize_t n_groups, int n_threads,
):
    """The graph of groups of nodes, in which weights between two groups add up.

    Parameters
    ----------
    indptr, indices, weights : the arrays of a CSR matrix of shape (n, n)
    groups : (n,) array
        Below `n_groups`.
    n_groups : int
    n_threads : int

    Returns
    -------
    indptr, indices, weights : arrays
        Of shape (n_groups, n_groups), without weights within groups. Columns are in the order in
        which the nodes of a group have them.
    """
    cdef Py_ssize_t n = indptr.shape[0] - 1, c, i
    check_graph(indptr, indices, weights)
    check_size("groups", groups.shape[0], n)
    check_range("groups", groups, 0, n_groups)
    n_threads = check_threads(n_threads)
    out_indptr_ = np.zeros(n_groups + 1, np.int64)
    cdef int64_t[::1] out_indptr = out_indptr_
    cdef int64_t[::1] starts = np.zeros(n_groups + 1, np.int64)
    cdef int32_t[::1] order = np.empty(n, np.int32), nodes = np.arange(n, dtype=np.int32)
    # Which row a column was met in last, and its place there.
    cdef int32_t[:, ::1] met = np.full((n_threads, n_groups), -1, np.int32)
    if not n:
        return out_indptr_, np.empty(0, np.int32), np.empty(0)
    with nogil:
        sort_by(groups, nodes, starts, order)
        for c in prange(n_groups, num_threads=n_threads, schedule="dynamic", chunksize=64):
            out_indptr[c + 1] = width(<int32_t> c, &order[0] + starts[c], starts[c + 1] - starts[c],
                                      &indptr[0], &indices[0] if indices.shape[0] else NULL,
                                      &groups[0], &met[threadid(), 0])
        for c in range(n_groups):
            out_indptr[c + 1] += out_indptr[c]
    out_indices_ = np.empty(out_indptr_[n_groups], np.int32)
    out_weights_ = np.empty(out_indptr_[n_groups])
    if not len(out_indices_):
        return out_indptr_, out_indices_, out_weights_
    cdef int32_t[::1] out_indices = out_indices_
    cdef double[::1] out_weights = out_weights_
    met[:] = -1
    cdef int32_t[:, ::1] place = np.empty((n_threads, n_groups), np.int32)
    with nogil:
        for c in prange(n_groups, num_threads=n_threads, schedule="dynamic", chunksize=64):
            fill(<int32_t> c, &order[0] + starts[c], starts[c + 1] - starts[c], &indptr[0],
                 &indices[0], &weights[0], &groups[0], &met[threadid(), 0], &place[threadid(), 0],
                 &out_indices[0] + out_indptr[c], &out_weights[0] + out_indptr[c])
    return out_indptr_, out_indices_, out_weights_


cdef int64_t width(int32_t c, const int32_t *nodes, Py_ssize_t n, const int64_t *indptr,
                   const int32_t *indices, const int32_t *groups, int32_t *met) noexcept nogil:
    """How many other groups the nodes of one have edges to."""
    cdef Py_ssize_t i
    cdef int64_t e, found = 0
    cdef int32_t g
    for i in range(n):
        for e in range(indptr[nodes[i]], indptr[nodes[i] + 1]):
            g = groups[indices[e]]
            if g != c and met[g] != c:
                met[g] = c
                found += 1
    return found


cdef void fill(int32_t c, const int32_t *nodes, Py_ssize_t n, const int64_t *indptr,
               const int32_t *indices, const double *weights, const int32_t *groups, int32_t *met,
               int32_t *place, int32_t *out_indices, double *out_weights) noexcept nogil:
    cdef Py_ssize_t i
    cdef int64_t e
    cdef int32_t g, found = 0
    for i in range(n):
        for e in range(indptr[nodes[i]], indptr[nodes[i] + 1]):
            g = groups[indices[e]]
            if g == c:
                continue
            if met[g] != c:
                met[g] = c
                place[g] = found
                out_indices[found] = g
                out_weights[found] = 0
                found += 1
            out_weights[place[g]] += weights[e]


def connected_parts(
    const int64_t[::1] indptr, const int32_t[::1] indices, const double[::1] weights,
    const int32_t[::1] labels,
):
    """Components of the communities, numbered in the order of their first nodes.

    Parameters
    ----------
    indptr, indices, weights : the arrays of a CSR matrix of shape (n, n)
        Symmetric; weights of 0 are no edges.
    labels : (n,) array
        Of any values.

    Returns
    -------
    parts : (n,) array of int32
    n_parts : int
    """
    cdef Py_ssize_t n = indptr.shape[0] - 1, i, top
    cdef int64_t e
    cdef int32_t v, u, count = 0
    check_graph(indptr, indices, weights)
    check_size("labels", labels.shape[0], n)
    parts_ = np.full(n, -1, np.int32)
    cdef int32_t[::1] parts = parts_, stack = np.empty(n, np.int32)
    with nogil:
        for i in range(n):
            if parts[i] >= 0:
                continue
            parts[i] = count
            stack[0] = <int32_t> i
            top = 1
            while top:
                top -= 1
                v = stack[top]
                for e in range(indptr[v], indptr[v + 1]):
                    u = indices[e]
                    if parts[u] < 0 and labels[u] == labels[v] and weights[e] > 0:
                        parts[u] = count
                        stack[top] = u
                        top += 1
            count += 1
    return parts_, count


def inner_weights(
    const int64_t[::1] indptr, const int32_t[::1] indices, const double[::1] weights,
    const int32_t[::1] labels, Py_ssize_t n_labels,
):
    """The weight of each community's entries: both directions of an edge, and loops once.

    Parameters
    ----------
    indptr, indices, weights : the arrays of a CSR matrix of shape (n, n)
    labels : (n,) array
        Below `n_labels`.
    n_labels : int

    Returns
    -------
    inner : (n_labels,) array
    """
    cdef Py_ssize_t n = indptr.shape[0] - 1, v
    cdef int64_t e
    cdef double total
    check_graph(indptr, indices, weights)
    check_size("labels", labels.shape[0], n)
    check_range("labels", labels, 0, n_labels)
    inner_ = np.zeros(n_labels)
    cdef double[::1] inner = inner_
    with nogil:
        for v in range(n):
            total = 0
            for e in range(indptr[v], indptr[v + 1]):
                if labels[indices[e]] == labels[v]:
                    total += weights[e]
            inner[labels[v]] += total
    return inner_
