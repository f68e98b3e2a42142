"""Sweeps of entropic transport: row potentials from column potentials, and the columns' masses.

Rows are cut into parts whose borders depend on the shape alone and whose sums are joined in order,
so the number of threads does not change a bit of the outcome.
"""

import numpy as np

from cython cimport floating
from cython.parallel cimport prange
from libc.stdint cimport int64_t

from skdeepcluster._kernels._checks cimport check_at_least, check_threads


cdef extern from "_transport.h" nogil:
    const Py_ssize_t LANES
    const Py_ssize_t VECTOR_BYTES
    void sweep_float(const float *costs, Py_ssize_t n_rows, Py_ssize_t n_columns, const double *g,
                     Py_ssize_t n_vectors, double reg, const double *mass, double damping,
                     double cap, double *row, double *sums, double *scale, double *value,
                     double *potentials, double *masses, int64_t *labels, float *plan)
    void sweep_double(const double *costs, Py_ssize_t n_rows, Py_ssize_t n_columns,
                      const double *g, Py_ssize_t n_vectors, double reg, const double *mass,
                      double damping, double cap, double *row, double *sums, double *scale,
                      double *value, double *potentials, double *masses, int64_t *labels, double *plan)


# Enough for an even load on many threads, and rows enough for each.
cdef Py_ssize_t MAX_PARTS = 64
cdef Py_ssize_t MIN_PART_ROWS = 32
# Entries that are worth another thread.
cdef Py_ssize_t MIN_THREAD_ENTRIES = 1 << 16


def aligned(*shape, fill=0.0):
    """An array of doubles that begins where a vector may."""
    size = int(np.prod(shape))
    memory = np.full(size + LANES, fill)
    begin = -memory.ctypes.data % VECTOR_BYTES // memory.itemsize
    return memory[begin:begin + size].reshape(shape)


def sweep(
    const floating[:, ::1] costs,
    const double[::1] g,
    double reg,
    const double[::1] mass,
    double damping,
    double cap,
    int n_threads,
    bint evaluate=False,
    double[::1] potentials=None,
    double[::1] masses=None,
    int64_t[::1] labels=None,
    floating[:, ::1] plan=None,
):
    """One pass over costs; see _transport.h for the equations.

    Parameters
    ----------
    costs : (n, k) array of float32 or float64, C-contiguous
    g : (k,) array, or longer
        Potentials of the columns; those beyond the k-th are of columns with cost 0.
    reg : float
    mass : (n,) array
    damping, cap : float
        Of the rows' potentials.
    n_threads : int
    evaluate : bool, default=False
        Whether the value below is wanted.
    potentials, masses : (n,) array, optional
        Output: potentials of the rows, and their masses in the columns that have costs.
    labels : (n,) array of int64, optional
        Output: the column of the largest entry of each row.
    plan : (n, k) array of costs' dtype, optional
        Output: the plan.

    Returns
    -------
    sums : (g.size,) array
        Masses of the columns, divided by exp(scale).
    scale : float
    value : float
        Scalar product of masses and potentials of the rows.
    """
    cdef Py_ssize_t n_rows = costs.shape[0]
    cdef Py_ssize_t n_columns = costs.shape[1]
    cdef Py_ssize_t n_vectors = (g.shape[0] + LANES - 1) // LANES
    cdef Py_ssize_t part_rows = max(MIN_PART_ROWS, (n_rows + MAX_PARTS - 1) // MAX_PARTS)
    cdef Py_ssize_t n_parts = (n_rows + part_rows - 1) // part_rows
    cdef Py_ssize_t part, begin, size
    cdef double[:, ::1] part_sums
    cdef double[:, ::1] rows
    cdef double[::1] scales, values, padded

    check_at_least("the number of rows", n_rows, 1)
    check_at_least("the number of columns", n_columns, 1)
    if g.shape[0] < n_columns or mass.shape[0] != n_rows:
        raise ValueError("costs, g and mass do not fit each other")
    if (
        (potentials is not None and potentials.shape[0] != n_rows)
        or (masses is not None and masses.shape[0] != n_rows)
        or (labels is not None and labels.shape[0] != n_rows)
        or (plan is not None and (plan.shape[0] != n_rows or plan.shape[1] != n_columns))
    ):
        raise ValueError("an output does not have the shape of costs")

    n_threads = max(1, min(check_threads(n_threads), n_rows * n_columns // MIN_THREAD_ENTRIES))
    padded = aligned(n_vectors * LANES, fill=-np.inf)
    padded[:g.shape[0]] = g
    part_sums = aligned(n_parts, n_vectors * LANES)
    rows = aligned(n_parts, n_vectors * LANES)
    scales, values = np.zeros(n_parts), np.zeros(n_parts)
    if damping != 1 or cap < np.inf:
        scales[:] = -np.inf

    for part in prange(n_parts, nogil=True, num_threads=n_threads, schedule="dynamic"):
        begin = part * part_rows
        size = min(part_rows, n_rows - begin)
        if floating is float:
            sweep_float(
                &costs[begin, 0], size, n_columns, &padded[0], n_vectors, reg, &mass[begin],
                damping, cap, &rows[part, 0], &part_sums[part, 0], &scales[part],
                &values[part] if evaluate else NULL,
                NULL if potentials is None else &potentials[begin],
                NULL if masses is None else &masses[begin],
                NULL if labels is None else &labels[begin],
                NULL if plan is None else &plan[begin, 0],
            )
        else:
            sweep_double(
                &costs[begin, 0], size, n_columns, &padded[0], n_vectors, reg, &mass[begin],
                damping, cap, &rows[part, 0], &part_sums[part, 0], &scales[part],
                &values[part] if evaluate else NULL,
                NULL if potentials is None else &potentials[begin],
                NULL if masses is None else &masses[begin],
                NULL if labels is None else &labels[begin],
                NULL if plan is None else &plan[begin, 0],
            )

    scale = np.max(scales)
    if scale == -np.inf:
        return np.zeros(g.shape[0]), 0.0, np.sum(values)
    sums = (np.exp(np.asarray(scales) - scale)[:, None] * np.asarray(part_sums)).sum(axis=0)
    return sums[:g.shape[0]], scale, np.sum(values)
