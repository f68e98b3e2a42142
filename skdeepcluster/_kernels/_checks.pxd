"""What every kernel checks of its arguments before it reads or writes by them.

A kernel trusts what it is given with raw memory, so no index, length or number of threads gets to
one unchecked. Each check takes time linear in the indices that it reads at most.
"""

from libc.stdint cimport int32_t, int64_t

ctypedef fused integer:
    int
    int32_t
    int64_t
    Py_ssize_t

cdef enum:
    # More threads than there are processors help nobody, and very many end the process.
    ALWAYS_ALLOWED = 64


cdef inline int check_threads(int n_threads) except -1:
    """The number of threads to start: what is asked for, within what a machine can bear."""
    if n_threads < 1:
        raise ValueError(f"n_threads must be at least 1, got {n_threads}")
    if n_threads > ALWAYS_ALLOWED:
        import os

        return min(n_threads, max(ALWAYS_ALLOWED, os.cpu_count() or 1))
    return n_threads


cdef inline int check_at_least(str name, Py_ssize_t value, Py_ssize_t least) except -1:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return 0


cdef inline int check_size(str name, Py_ssize_t size, Py_ssize_t expected) except -1:
    if size != expected:
        raise ValueError(f"{name} has {size} entries, expected {expected}")
    return 0


cdef inline int check_shape(
    str name, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t n_rows, Py_ssize_t n_columns
) except -1:
    if rows != n_rows or columns != n_columns:
        raise ValueError(f"{name} has shape {(rows, columns)}, expected {(n_rows, n_columns)}")
    return 0


cdef inline int check_range(
    str name, const integer[::1] values, Py_ssize_t least, Py_ssize_t stop
) except -1:
    """All values are indices from `least` up to, but without, `stop`."""
    cdef Py_ssize_t n = values.shape[0], i
    cdef bint outside = False
    with nogil:
        for i in range(n):
            outside |= (values[i] < least) | (values[i] >= stop)
    if outside:
        for i in range(n):
            if not least <= values[i] < stop:
                raise ValueError(
                    f"{name}[{i}] is {values[i]}, expected an index from {least} to {stop - 1}"
                )
    return 0


cdef inline int check_parents(const int64_t[::1] parent) except -1:
    """A tree: -1 for the root, which is first, and everything else behind its parent."""
    cdef Py_ssize_t n = parent.shape[0], c
    cdef bint outside = False
    check_at_least("the number of nodes", n, 1)
    with nogil:
        outside = parent[0] != -1
        for c in range(1, n):
            outside |= (parent[c] < 0) | (parent[c] >= c)
    if outside:
        raise ValueError("parent must be -1 for the root, the first node, and for every other node "
                         "one that stands before it")
    return 0
