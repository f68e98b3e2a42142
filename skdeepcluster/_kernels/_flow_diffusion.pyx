"""Diffusion of mass from nodes of a graph, in time that the nodes it reaches take."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t

from skdeepcluster._kernels._checks cimport check_at_least, check_range, check_size


cdef int check_lengths(
    const int64_t[::1] indptr, const int32_t[::1] indices, const double[::1] weights
) except -1:
    """Lengths alone: to look at all entries would take longer than the diffusion."""
    check_at_least("the number of nodes", indptr.shape[0] - 1, 1)
    check_size("weights", weights.shape[0], indices.shape[0])
    check_size("indices", indices.shape[0], indptr[indptr.shape[0] - 1])
    check_size("the part of indices before the first row", indptr[0], 0)
    return 0


cdef inline bint row_is_there(const int64_t *indptr, const int32_t *indices, Py_ssize_t n_entries,
                              Py_ssize_t n, int32_t v) noexcept nogil:
    cdef int64_t e
    if not 0 <= indptr[v] <= indptr[v + 1] <= n_entries:
        return False
    for e in range(indptr[v], indptr[v + 1]):
        if not 0 <= indices[e] < n:
            return False
    return True


def diffuse(
    const int64_t[::1] indptr, const int32_t[::1] indices, const double[::1] weights,
    const double[::1] degrees, const double[::1] sinks, const int32_t[::1] seeds,
    const double[::1] sources, double tol, double most_pushes,
):
    """Push mass that nodes cannot keep to their neighbors, until all keep what they have.

    The heights :math:`x` are the minimum of :math:`x^T L x / 2 - x^T (\\Delta - T)` over
    :math:`x \\ge 0`, found by exact minimization along one coordinate after another.

    Parameters
    ----------
    indptr, indices, weights : the arrays of a CSR matrix of shape (n, n)
        Symmetric. Rows are checked when they are read.
    degrees : (n,) array
        Sums of the weights of nodes, without loops.
    sinks : (n,) array
        Mass that a node keeps.
    seeds : (n_seeds,) array
        Different nodes.
    sources : (n_seeds,) array
        Mass that these have.
    tol : float
        Excess that does not count.
    most_pushes : float
        After so many pushes for each node that was reached, it ends.

    Returns
    -------
    nodes : (n_reached,) array of int32
        Nodes that have or had mass, in the order in which they were reached.
    heights, masses : (n_reached,) arrays
    n_pushes : int
    ending : {0, 1, 2}
        Converged; not converged; more mass than the component of the seeds can keep.
    """
    cdef Py_ssize_t n = indptr.shape[0] - 1, i, n_reached = 0, n_open = 0, first = 0, waiting = 0
    cdef Py_ssize_t last, n_pushes = 0
    cdef int64_t e
    cdef int32_t v, u
    cdef double pushed, total = 0, room = 0
    cdef int ending = 0
    check_lengths(indptr, indices, weights)
    check_size("degrees", degrees.shape[0], n)
    check_size("sinks", sinks.shape[0], n)
    check_size("sources", sources.shape[0], seeds.shape[0])
    check_range("seeds", seeds, 0, n)
    # Pages that no node is on are never touched.
    cdef double[::1] mass = np.zeros(n), height = np.zeros(n)
    cdef uint8_t[::1] state = np.zeros(n, np.uint8)
    cdef int32_t[::1] queue = np.empty(n, np.int32), reached = np.empty(n, np.int32)
    cdef bint broken = False
    with nogil:
        for i in range(seeds.shape[0]):
            v = seeds[i]
            if state[v] & 1:
                continue
            mass[v] = sources[i]
            total += sources[i]
            state[v] = 1
            reached[n_reached] = v
            n_reached += 1
            room += sinks[v]
            if mass[v] > sinks[v] + tol:
                state[v] |= 2
                queue[waiting] = v
                waiting += 1
        while waiting:
            if n_pushes > most_pushes * n_reached:
                ending = 1
                break
            v = queue[first]
            first = first + 1 if first + 1 < n else 0
            waiting -= 1
            state[v] &= ~2
            if not mass[v] > sinks[v] + tol:
                continue
            if not state[v] & 4:
                if not row_is_there(&indptr[0], &indices[0] if indices.shape[0] else NULL,
                                    indices.shape[0], n, v):
                    broken = True
                    break
                state[v] |= 4
                n_open += 1
            if not degrees[v] > 0:
                ending = 2
                break
            n_pushes += 1
            pushed = (mass[v] - sinks[v]) / degrees[v]
            height[v] += pushed
            mass[v] = sinks[v]
            for e in range(indptr[v], indptr[v + 1]):
                u = indices[e]
                if u == v or not weights[e] > 0:
                    continue
                mass[u] += weights[e] * pushed
                if not state[u] & 1:
                    state[u] |= 1
                    reached[n_reached] = u
                    n_reached += 1
                    room += sinks[u]
                if not state[u] & 2 and mass[u] > sinks[u] + tol:
                    state[u] |= 2
                    last = first + waiting
                    queue[last if last < n else last - n] = u
                    waiting += 1
            # All nodes that can be reached have been: what they cannot keep goes round for ever.
            if n_open == n_reached and total > room + tol * n_reached:
                ending = 2
                break
    if broken:
        raise ValueError("indptr or indices lead out of the graph")
    nodes = np.asarray(reached[:n_reached]).copy()
    return nodes, np.asarray(height)[nodes], np.asarray(mass)[nodes], n_pushes, ending


def sweep(
    const int64_t[::1] indptr, const int32_t[::1] indices, const double[::1] weights,
    const double[::1] degrees, const int32_t[::1] order,
):
    """Cut and volume of the first nodes of an order, for each number of them.

    Parameters
    ----------
    indptr, indices, weights : the arrays of a CSR matrix of shape (n, n)
    degrees : (n,) array
        Sums of the weights of nodes, without loops.
    order : (n_nodes,) array
        Different nodes.

    Returns
    -------
    cuts, volumes : (n_nodes,) arrays
    """
    cdef Py_ssize_t n = indptr.shape[0] - 1, i, m = order.shape[0]
    cdef int64_t e
    cdef double cut = 0, volume = 0
    cdef bint broken = False
    check_lengths(indptr, indices, weights)
    check_size("degrees", degrees.shape[0], n)
    check_range("order", order, 0, n)
    cuts_, volumes_ = np.empty(m), np.empty(m)
    cdef double[::1] cuts = cuts_, volumes = volumes_
    cdef uint8_t[::1] inside = np.zeros(n, np.uint8)
    with nogil:
        for i in range(m):
            if not row_is_there(&indptr[0], &indices[0] if indices.shape[0] else NULL,
                                indices.shape[0], n, order[i]):
                broken = True
                break
            cut += degrees[order[i]]
            volume += degrees[order[i]]
            for e in range(indptr[order[i]], indptr[order[i] + 1]):
                if inside[indices[e]] and indices[e] != order[i]:
                    cut -= 2 * weights[e]
            inside[order[i]] = 1
            cuts[i] = cut
            volumes[i] = volume
    if broken:
        raise ValueError("indptr or indices lead out of the graph")
    return cuts_, volumes_
