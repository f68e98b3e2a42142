from libc.stdint cimport int32_t, int64_t, uint8_t


cdef extern from "_kdtree.h" nogil:
    enum:
        KD_LANES

    ctypedef struct kd_tree:
        int64_t n
        int32_t d
        int32_t n_leaves
        int32_t n_nodes
        void *points
        void *boxes
        int32_t *left
        int32_t *right
        int32_t *parent
        int32_t *leaf_node

    ctypedef struct kd_reachability:
        const void *core
        const void *node_core
        const int32_t *component
        const int32_t *node_component
        double scale
        void *bound

    ctypedef struct kd_item:
        double key
        int64_t row

    void kd_split_euclidean_64(
        const double *, const kd_tree *, kd_item *, int32_t, const int32_t *, const int32_t *
    )
    void kd_split_euclidean_32(
        const float *, const kd_tree *, kd_item *, int32_t, const int32_t *, const int32_t *
    )

    ctypedef void (*kd_knn_function)(
        const kd_tree *, const void *, const void *, int, int64_t, int, void *, int32_t *, void *
    ) noexcept nogil
    ctypedef void (*kd_foreign_function)(
        const kd_tree *, const void *, int, int64_t, int64_t, const kd_reachability *,
        const uint8_t *, const void *, const int32_t *, void *, void *, int32_t *, void *, void *
    ) noexcept nogil
    ctypedef void (*kd_distances_function)(
        const void *, int, const void *, int64_t, int, void *
    ) noexcept nogil
    const kd_knn_function kd_knn[2][3]
    const kd_foreign_function kd_foreign[2][3]
    const kd_distances_function kd_distances[2][3]
    bint KD_EDGE_BEFORE(
        double, double, int64_t, int64_t, double, double, int64_t, int64_t
    )


cdef class KDTree:
    cdef kd_tree c
    cdef bint single
    cdef int metric_code
    cdef readonly object index
    cdef readonly object dtype
    cdef readonly str metric
    cdef dict arrays

    cdef _lay_out(self, int64_t n, int64_t d, dtype, str metric)
    cdef _take(self, points, boxes, index)
    cdef int check_built(self) except -1
    cdef int check_queries(self, KDTree queries) except -1
