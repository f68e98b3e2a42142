/* A KD tree whose leaves are the columns of small matrices.
 *
 * Points lie in the order of the tree, KD_LANES to a leaf, every leaf full but the last: one leaf
 * holds feature after feature, so that the distances from a point to a whole leaf are a few wide
 * instructions per feature. A point's place in this order is called its position. Nodes are
 * numbered in preorder, hence a parent before its children.
 *
 * Searches run for all points of a leaf at once. The walk through the tree and its tests are then
 * paid once for KD_LANES queries, and in high dimension, where no test prunes, a search
 * degenerates into tiles of the distance matrix.
 *
 * Distances are "reduced": squared for the Euclidean metric, themselves otherwise.
 */
#ifndef SKDEEPCLUSTER_KDTREE_H
#define SKDEEPCLUSTER_KDTREE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "_simd.h"

#define KD_LANES 32
#define KD_SAMPLE 256 /* rows that tell the widest feature of a node */
#define KD_STACK 256 /* the walk keeps fewer than three entries a level, and there are < 32 levels */

typedef struct {
    int64_t n;         /* points */
    int32_t d;         /* features */
    int32_t n_leaves;
    int32_t n_nodes;
    void *points;      /* (n_leaves, d, KD_LANES); the last leaf is padded with infinity */
    void *boxes;       /* (n_nodes, 2, d): lower and upper corner */
    int32_t *left;     /* child, or -1 in a leaf */
    int32_t *right;    /* child, or the leaf's number */
    int32_t *parent;   /* -1 at the root */
    int32_t *leaf_node; /* node of a leaf */
} kd_tree;

/* What a query brings along when it looks for its nearest foreign point under the mutual
 * reachability max(core_i, core_j, scale * d_ij). */
typedef struct {
    const void *core;          /* by position */
    const void *node_core;     /* least core of a node */
    const int32_t *component;  /* by position */
    const int32_t *node_component; /* common component of a node's points, or -1 */
    double scale;
    void *bound;               /* by component, shared between threads; NULL: no bound */
} kd_reachability;

/* Ordered by weight, then distance, then the pair's positions: a total order of the edges. */
#define KD_EDGE_BEFORE(w, d, a, b, w2, d2, a2, b2)                                   \
    ((w) < (w2) ||                                                                   \
     ((w) == (w2) && ((d) < (d2) || ((d) == (d2) && KD_PAIR_BEFORE(a, b, a2, b2)))))
#define KD_MIN(a, b) ((a) < (b) ? (a) : (b))
#define KD_MAX(a, b) ((a) > (b) ? (a) : (b))
#define KD_PAIR_BEFORE(a, b, a2, b2)             \
    (KD_MIN(a, b) < KD_MIN(a2, b2) ||            \
     (KD_MIN(a, b) == KD_MIN(a2, b2) && KD_MAX(a, b) < KD_MAX(a2, b2)))

typedef struct {
    double key;
    int64_t row;
} kd_item;

/* Partial order: items[:middle] <= items[middle:] by key (Hoare's selection). */
static inline void kd_select(kd_item *items, int64_t n, int64_t middle) {
    int64_t low = 0, high = n - 1;
    uint64_t state = (uint64_t)n;
    while (high > low) {
        /* Pivot: median of three places drawn by a fixed generator, so no input is known to be bad
         * and the tree depends on nothing but the data. */
        double p[3];
        for (int t = 0; t < 3; t++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            p[t] = items[low + (int64_t)((state >> 33) % (uint64_t)(high - low + 1))].key;
        }
        double pivot = KD_MAX(KD_MIN(p[0], p[1]), KD_MIN(KD_MAX(p[0], p[1]), p[2]));
        int64_t i = low, j = high;
        while (i <= j) {
            while (items[i].key < pivot) i++;
            while (items[j].key > pivot) j--;
            if (i <= j) {
                kd_item swap = items[i];
                items[i++] = items[j];
                items[j--] = swap;
            }
        }
        if (middle <= j)
            high = j;
        else if (middle >= i)
            low = i;
        else
            return;
    }
}

typedef void (*kd_knn_function)(const kd_tree *, const void *, const void *, int, int64_t, int,
                                void *, int32_t *, void *);
typedef void (*kd_foreign_function)(const kd_tree *, const void *, int, int64_t, int64_t,
                                    const kd_reachability *, const uint8_t *, const void *,
                                    const int32_t *, void *, void *, int32_t *, void *, void *);

typedef void (*kd_distances_function)(const void *, int, const void *, int64_t, int, void *);

#define KD_PASTE_(a, b) a##_##b
#define KD_PASTE(a, b) KD_PASTE_(a, b)
#define KD(name) KD_PASTE(kd_##name, KD_SUFFIX)

/* Lanes are handled KD_WIDTH at a time as vectors of the compiler, one by one where it has none. */
#if defined(__GNUC__)
#define KD_WIDTH (32 / (int)sizeof(REAL))
#define KD_VECTOR(bytes) __attribute__((vector_size(bytes)))
#define KD_UNALIGNED __attribute__((aligned(4), may_alias))
#define KD_BOOLS(condition) (condition)
#define KD_SELECT(mask, a, b) \
    ((KD(reals))(((KD(bools))(a) & (mask)) | ((KD(bools))(b) & ~(mask))))
#define KD_POSITIVE(a) ((KD(reals))((KD(bools))(a) & ((a) > 0)))
#define KD_WIDEN(a) __builtin_convertvector(a, KD(bools))
#else
#define KD_WIDTH 1
#define KD_VECTOR(bytes)
#define KD_UNALIGNED
#define KD_BOOLS(condition) (-(REAL_INT)(condition))
#define KD_SELECT(mask, a, b) ((mask) ? (a) : (b))
#define KD_POSITIVE(a) ((a) > 0 ? (a) : 0)
#define KD_WIDEN(a) ((REAL_INT)(a))
#endif
#define KD_VECTORS (KD_LANES / KD_WIDTH)

#define KD_EUCLIDEAN 0
#define KD_MANHATTAN 1
#define KD_CHEBYSHEV 2

#define REAL double
#define REAL_INT int64_t
#define KD_METRIC KD_EUCLIDEAN
#define KD_SUFFIX euclidean_64
#include "_kdtree_search.h"
#define KD_METRIC KD_MANHATTAN
#define KD_SUFFIX manhattan_64
#include "_kdtree_search.h"
#define KD_METRIC KD_CHEBYSHEV
#define KD_SUFFIX chebyshev_64
#include "_kdtree_search.h"
#undef REAL
#undef REAL_INT

#define REAL float
#define REAL_INT int32_t
#define KD_METRIC KD_EUCLIDEAN
#define KD_SUFFIX euclidean_32
#include "_kdtree_search.h"
#define KD_METRIC KD_MANHATTAN
#define KD_SUFFIX manhattan_32
#include "_kdtree_search.h"
#define KD_METRIC KD_CHEBYSHEV
#define KD_SUFFIX chebyshev_32
#include "_kdtree_search.h"
#undef REAL
#undef REAL_INT

static const kd_knn_function kd_knn[2][3] = {
    {kd_knn_euclidean_64, kd_knn_manhattan_64, kd_knn_chebyshev_64},
    {kd_knn_euclidean_32, kd_knn_manhattan_32, kd_knn_chebyshev_32}};
static const kd_foreign_function kd_foreign[2][3] = {
    {kd_foreign_euclidean_64, kd_foreign_manhattan_64, kd_foreign_chebyshev_64},
    {kd_foreign_euclidean_32, kd_foreign_manhattan_32, kd_foreign_chebyshev_32}};
static const kd_distances_function kd_distances[2][3] = {
    {kd_distances_euclidean_64, kd_distances_manhattan_64, kd_distances_chebyshev_64},
    {kd_distances_euclidean_32, kd_distances_manhattan_32, kd_distances_chebyshev_32}};

#endif
