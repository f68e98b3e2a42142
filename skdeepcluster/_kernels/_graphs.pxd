"""What kernels check of the arrays of a graph."""

from libc.stdint cimport int32_t, int64_t

from skdeepcluster._kernels._checks cimport check_at_least, check_range, check_size


cdef inline int check_graph(
    const int64_t[::1] indptr, const int32_t[::1] indices, const double[::1] weights
) except -1:
    """A square CSR matrix."""
    cdef Py_ssize_t n = indptr.shape[0] - 1, i
    cdef bint falls
    check_at_least("the number of nodes", n, 0)
    check_size("weights", weights.shape[0], indices.shape[0])
    check_range("indices", indices, 0, n)
    check_range("indptr", indptr, 0, indices.shape[0] + 1)
    check_size("indices", indices.shape[0], indptr[n])
    falls = indptr[0] != 0
    for i in range(n):
        falls |= indptr[i + 1] < indptr[i]
    if falls:
        raise ValueError("indptr must begin with 0 and not decrease")
    return 0
