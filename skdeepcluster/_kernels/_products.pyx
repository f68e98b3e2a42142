"""Products of matrices in which a row's result depends on that row alone.

The libraries of matrix products round an entry differently in blocks of different shapes, at
different places of a block, and on different processors. Here each entry is summed in one order.
"""

from cython cimport floating
from cython.parallel cimport prange

from skdeepcluster._kernels._checks cimport check_threads


cdef extern from "_products.h" nogil:
    void add_product_float(const float *A, Py_ssize_t a_row, const float *B, Py_ssize_t b_row,
                           Py_ssize_t b_column, float *out, Py_ssize_t out_row, Py_ssize_t n_rows,
                           Py_ssize_t n_columns, Py_ssize_t depth)
    void add_product_double(const double *A, Py_ssize_t a_row, const double *B, Py_ssize_t b_row,
                            Py_ssize_t b_column, double *out, Py_ssize_t out_row,
                            Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t depth)


# The part of a product that one thread computes, at most: its rows of A stay in the second cache.
cdef Py_ssize_t BLOCK_ROWS = 256
cdef Py_ssize_t BLOCK_COLUMNS = 256
# Fewer rows are not worth that each thread packs the columns of B for itself, nor fewer terms that
# it wakes up.
cdef Py_ssize_t MIN_ROWS = 24
cdef Py_ssize_t MIN_TERMS = 2**20


def add_products(
    const floating[:, :, ::1] A,
    const floating[:, :, :] B,
    floating[:, :, ::1] out,
    int n_threads,
):
    """Add to each matrix of a stack the product of two others.

    Parameters
    ----------
    A : (n, rows, depth) array of float32 or float64, C-contiguous
    B : (n, depth, columns) array of A's dtype
    out : (n, rows, columns) array of A's dtype, C-contiguous
        Output: added to.
    n_threads : int
        It does not change the result.
    """
    cdef Py_ssize_t n = A.shape[0], n_rows = A.shape[1], depth = A.shape[2]
    cdef Py_ssize_t n_columns = B.shape[2]
    cdef Py_ssize_t size = sizeof(floating)
    cdef Py_ssize_t b_row = B.strides[1] // size, b_column = B.strides[2] // size
    cdef Py_ssize_t block_rows = BLOCK_ROWS, row_blocks, column_blocks, n_tasks
    cdef Py_ssize_t task, item, top, first

    if (
        B.shape[0] != n or B.shape[1] != depth
        or out.shape[0] != n or out.shape[1] != n_rows or out.shape[2] != n_columns
    ):
        raise ValueError(
            f"shapes {tuple(A.shape)[:3]} and {tuple(B.shape)[:3]} of the factors and "
            f"{tuple(out.shape)[:3]} of the product do not match"
        )
    n_threads = check_threads(n_threads)
    if not (n and n_rows and n_columns and depth):
        return

    n_threads = <int>max(1, min(<Py_ssize_t>n_threads, n * n_rows * n_columns * depth // MIN_TERMS))
    column_blocks = (n_columns + BLOCK_COLUMNS - 1) // BLOCK_COLUMNS
    if n * column_blocks < n_threads:
        block_rows = min(BLOCK_ROWS, max(MIN_ROWS, (n_rows + n_threads - 1) // n_threads))
    row_blocks = (n_rows + block_rows - 1) // block_rows
    n_tasks = n * row_blocks * column_blocks
    n_threads = <int>min(<Py_ssize_t>n_threads, n_tasks)
    for task in prange(n_tasks, nogil=True, num_threads=n_threads, schedule="dynamic"):
        item = task // (row_blocks * column_blocks)
        top = task // column_blocks % row_blocks * block_rows
        first = task % column_blocks * BLOCK_COLUMNS
        if floating is float:
            add_product_float(&A[item, top, 0], depth, &B[item, 0, first], b_row, b_column,
                              &out[item, top, first], n_columns, min(block_rows, n_rows - top),
                              min(BLOCK_COLUMNS, n_columns - first), depth)
        else:
            add_product_double(&A[item, top, 0], depth, &B[item, 0, first], b_row, b_column,
                               &out[item, top, first], n_columns, min(block_rows, n_rows - top),
                               min(BLOCK_COLUMNS, n_columns - first), depth)
