/* Nearest center by squared Euclidean distance, for a block of rows.
 *
 * The file includes itself once per floating type. Centers come packed in tiles of LANES, feature
 * by feature, so that one vector holds one feature of LANES centers; a tile meets ROWS rows at a
 * time and their ROWS vectors of sums stay in registers. Distances are sums of squared differences,
 * not the expanded form: equal rows are at distance exactly 0, and what comes out for a row does
 * not depend on the rows it is processed with.
 */
#ifndef REAL

#ifndef SKDEEPCLUSTER_DISTANCE_H
#define SKDEEPCLUSTER_DISTANCE_H

#ifndef __GNUC__
#error "skdeepcluster needs a compiler with vector types: GCC or Clang (on Windows: clang-cl)"
#endif

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include "_simd.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

/* Eight sums of 32 bytes hide the latency of their additions, fill the registers that AVX2 has,
 * and are as fast as wider ones on AVX-512. */
#define VECTOR_BYTES 32
#define ROWS 8
/* Features summed before their sum joins the total: a tile's features stay in the first cache, and
 * rounding errors grow with this number and the number of blocks instead of all features. */
#define FEATURES 256

#define REAL float
#define INTEGER int32_t
#include "_distance.h"

#define REAL double
#define INTEGER int64_t
#include "_distance.h"

#endif

#else

#define reals PASTE(reals_, REAL)
#define integers PASTE(integers_, REAL)
#define LANES (VECTOR_BYTES / (ptrdiff_t)sizeof(REAL))

typedef REAL reals __attribute__((vector_size(VECTOR_BYTES)));
typedef INTEGER integers __attribute__((vector_size(VECTOR_BYTES)));

INLINED void PASTE(add_squares_, REAL)(reals *sums, const REAL *tile, const REAL *const *rows,
                                       ptrdiff_t begin, ptrdiff_t end)
{
    reals block[ROWS] = {{0}};
    for (ptrdiff_t j = begin; j < end; ++j) {
        reals center;
        __builtin_memcpy(&center, tile + j * LANES, sizeof center); /* may be unaligned */
        for (int r = 0; r < ROWS; ++r) {
            reals difference = center - rows[r][j];
            block[r] += difference * difference;
        }
    }
    for (int r = 0; r < ROWS; ++r)
        sums[r] += block[r];
}

MULTIVERSIONED
static void PASTE(nearest_, REAL)(const REAL *X, ptrdiff_t n_rows, ptrdiff_t n_features,
                                  const REAL *tiles, ptrdiff_t n_tiles, int *labels,
                                  REAL *distances)
{
    for (ptrdiff_t first = 0; first < n_rows; first += ROWS) {
        const REAL *rows[ROWS];
        reals best[ROWS];
        integers best_tile[ROWS] = {{0}};
        for (int r = 0; r < ROWS; ++r) {
            /* Past the end the last row is met again: no second loop, no second rounding. */
            rows[r] = X + (first + r < n_rows ? first + r : n_rows - 1) * n_features;
            best[r] = (reals){0} + (REAL)INFINITY;
        }
        for (ptrdiff_t t = 0; t < n_tiles; ++t) {
            reals sums[ROWS] = {{0}};
            for (ptrdiff_t begin = 0; begin < n_features; begin += FEATURES) {
                ptrdiff_t end = begin + FEATURES < n_features ? begin + FEATURES : n_features;
                PASTE(add_squares_, REAL)(sums, tiles + t * n_features * LANES, rows, begin, end);
            }
            for (int r = 0; r < ROWS; ++r) {
                integers closer = sums[r] < best[r];
                best[r] = (reals)(((integers)sums[r] & closer) | ((integers)best[r] & ~closer));
                best_tile[r] = (((integers){0} + (INTEGER)t) & closer) | (best_tile[r] & ~closer);
            }
        }
        for (int r = 0; r < ROWS && first + r < n_rows; ++r) {
            REAL distance = best[r][0];
            ptrdiff_t label = best_tile[r][0] * LANES;
            for (ptrdiff_t lane = 1; lane < LANES; ++lane) {
                ptrdiff_t candidate = best_tile[r][lane] * LANES + lane;
                if (best[r][lane] < distance ||
                    (best[r][lane] == distance && candidate < label)) {
                    distance = best[r][lane];
                    label = candidate;
                }
            }
            labels[first + r] = (int)label;
            distances[first + r] = distance;
        }
    }
}

/* Rows added to the sum of their label, in the order of the rows. */
MULTIVERSIONED
static void PASTE(add_rows_, REAL)(const REAL *restrict X, ptrdiff_t n_rows, ptrdiff_t n_features,
                                   const int *labels, double *restrict sums)
{
    for (ptrdiff_t i = 0; i < n_rows; ++i) {
        const REAL *restrict row = X + i * n_features;
        double *restrict sum = sums + labels[i] * n_features;
        for (ptrdiff_t j = 0; j < n_features; ++j)
            sum[j] += row[j];
    }
}

#undef reals
#undef integers
#undef LANES
#undef REAL
#undef INTEGER

#endif
