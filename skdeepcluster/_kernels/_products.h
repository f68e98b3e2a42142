/* out += A B for a block of rows and columns, each entry summed in one order.
 *
 * The entries of a row of `out` lie across the lanes of a vector and every lane runs through the
 * depth from first to last, so that no entry depends on how many rows and columns there are, on
 * which of them it is, or on the size of the tile: only on its row of A and its column of B. Where
 * the processor multiplies and adds with one rounding (x86-64-v3 and above), all instruction sets
 * give the same bits.
 *
 * The file includes itself once per floating type and instruction set: these differ in the tile
 * whose sums fit into the registers.
 */
#ifndef REAL

#ifndef SKDEEPCLUSTER_PRODUCTS_H
#define SKDEEPCLUSTER_PRODUCTS_H

#ifndef __GNUC__
#error "skdeepcluster needs a compiler with vector types: GCC or Clang (on Windows: clang-cl)"
#endif

#include <stddef.h>
#include "_simd.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

/* Terms summed before their sum joins the total: the packed columns stay in the first cache, and
 * rounding errors grow with this number and the number of blocks instead of the whole depth. */
#define DEPTH 256

#define REAL float
#include "_products.h"
#undef REAL
#define REAL double
#include "_products.h"
#undef REAL

#endif

#elif !defined(TILE_ROWS)

#define TARGET
#define TILE_ROWS 6
#define VECTOR_BYTES 16
#define NAME(x) PASTE(PASTE(x##_, REAL), _v1)
#include "_products.h"

#ifdef X86_LEVELS
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define TILE_ROWS 6
#define VECTOR_BYTES 32
#define NAME(x) PASTE(PASTE(x##_, REAL), _v3)
#include "_products.h"

#define TARGET __attribute__((target("arch=x86-64-v4")))
#define TILE_ROWS 8
#define VECTOR_BYTES 64
#define NAME(x) PASTE(PASTE(x##_, REAL), _v4)
#include "_products.h"
#endif

/* Strides are in entries; rows of A and of out are contiguous. */
static void PASTE(add_product_, REAL)(const REAL *A, ptrdiff_t a_row, const REAL *B,
                                      ptrdiff_t b_row, ptrdiff_t b_column, REAL *out,
                                      ptrdiff_t out_row, ptrdiff_t n_rows, ptrdiff_t n_columns,
                                      ptrdiff_t depth)
{
#ifdef X86_LEVELS
    if (X86_LEVEL >= 4)
        PASTE(PASTE(block_, REAL), _v4)(A, a_row, B, b_row, b_column, out, out_row, n_rows,
                                        n_columns, depth);
    else if (X86_LEVEL >= 3)
        PASTE(PASTE(block_, REAL), _v3)(A, a_row, B, b_row, b_column, out, out_row, n_rows,
                                        n_columns, depth);
    else
#endif
        PASTE(PASTE(block_, REAL), _v1)(A, a_row, B, b_row, b_column, out, out_row, n_rows,
                                        n_columns, depth);
}

#else

#define LANES (VECTOR_BYTES / (ptrdiff_t)sizeof(REAL))
#define WIDTH (2 * LANES)
#define reals NAME(reals)

typedef REAL reals __attribute__((vector_size(VECTOR_BYTES)));

TARGET
static void NAME(block)(const REAL *A, ptrdiff_t a_row, const REAL *B, ptrdiff_t b_row,
                        ptrdiff_t b_column, REAL *out, ptrdiff_t out_row, ptrdiff_t n_rows,
                        ptrdiff_t n_columns, ptrdiff_t depth)
{
    reals columns[DEPTH][2];
    for (ptrdiff_t begin = 0; begin < depth; begin += DEPTH) {
        ptrdiff_t n_terms = begin + DEPTH < depth ? DEPTH : depth - begin;
        for (ptrdiff_t first = 0; first < n_columns; first += WIDTH) {
            ptrdiff_t width = first + WIDTH < n_columns ? WIDTH : n_columns - first;
            const REAL *source = B + begin * b_row + first * b_column;
            for (ptrdiff_t j = 0; j < WIDTH; ++j)
                /* Past the end the last column is met again. */
                for (ptrdiff_t k = 0; k < n_terms; ++k)
                    ((REAL *)columns)[k * WIDTH + j] =
                        source[k * b_row + (j < width ? j : width - 1) * b_column];

            for (ptrdiff_t top = 0; top < n_rows; top += TILE_ROWS) {
                const REAL *rows[TILE_ROWS];
                reals sums[TILE_ROWS][2] = {{{0}}};
                for (int r = 0; r < TILE_ROWS; ++r)
                    rows[r] = A + (top + r < n_rows ? top + r : n_rows - 1) * a_row + begin;
                for (ptrdiff_t k = 0; k < n_terms; ++k) {
                    reals left = columns[k][0], right = columns[k][1];
#pragma GCC unroll 8
                    for (int r = 0; r < TILE_ROWS; ++r) {
                        sums[r][0] += left * rows[r][k];
                        sums[r][1] += right * rows[r][k];
                    }
                }
                for (ptrdiff_t r = 0; r < TILE_ROWS && top + r < n_rows; ++r) {
                    REAL *entries = out + (top + r) * out_row + first;
                    for (ptrdiff_t j = 0; j < width; ++j)
                        entries[j] += ((REAL *)sums[r])[j];
                }
            }
        }
    }
}

#undef LANES
#undef WIDTH
#undef reals
#undef TARGET
#undef TILE_ROWS
#undef VECTOR_BYTES
#undef NAME

#endif
