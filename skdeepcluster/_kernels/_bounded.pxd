"""Which values are below bounds, and exact distances to those: what searches by bounds share."""

from cython cimport floating


cdef extern from "_medoids.h" nogil:
    Py_ssize_t below_float(const float *values, const float *bounds, float shift, Py_ssize_t n,
                           int *hits)
    Py_ssize_t below_double(const double *values, const double *bounds, double shift,
                            Py_ssize_t n, int *hits)
    void squares_float(const float *x, const float *X, Py_ssize_t n_features, const int *rows,
                       Py_ssize_t n, float *squares)
    void squares_double(const double *x, const double *X, Py_ssize_t n_features, const int *rows,
                        Py_ssize_t n, double *squares)


cdef inline Py_ssize_t below(const floating *values, const floating *bounds, floating shift,
                             Py_ssize_t n, int *hits) noexcept nogil:
    if floating is float:
        return below_float(values, bounds, shift, n, hits)
    else:
        return below_double(values, bounds, shift, n, hits)


cdef inline void squares(const floating *x, const floating *X, Py_ssize_t n_features,
                         const int *rows, Py_ssize_t n, floating *out) noexcept nogil:
    if floating is float:
        squares_float(x, X, n_features, rows, n, out)
    else:
        squares_double(x, X, n_features, rows, n, out)
