/* One row's step in a layout of a graph, by negative sampling.
 *
 * A row reads where others, and itself, were before its block of rows, and moves itself only: so rows
 * may move in any order and on any thread. If it took one step for each edge instead, from where the
 * last one has led, clusters would be torn apart: its neighbors do not follow it.
 */
#ifndef SKDEEPCLUSTER_LAYOUT_H
#define SKDEEPCLUSTER_LAYOUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "_random.h"
#include "_simd.h"

/* Coordinates of a row, padded by zeros. */
#define WIDTH 16
#define HALF 8
typedef int32_t eight_ints __attribute__((vector_size(32), aligned(4)));

/* Forces by squared distance: values at the numbers whose last bits are zero, and lines between. */
#define LOWEST 0x2d800000u /* 2**-36 */
#define SHIFT 17
#define N_VALUES ((0x5d800000u - LOWEST) >> SHIFT) /* up to 2**60 */

INLINED float looked_up(const float *table, float square)
{
    uint32_t bits;
    memcpy(&bits, &square, sizeof(bits));
    if (bits < LOWEST)
        return table[0];
    bits -= LOWEST;
    uint32_t i = bits >> SHIFT;
    if (i >= N_VALUES - 1)
        return table[N_VALUES - 1];
    float share = (float)(bits & ((1u << SHIFT) - 1)) * (1.0f / (1u << SHIFT));
    return table[i] + share * (table[i + 1] - table[i]);
}

INLINED eight_floats clipped(eight_floats x)
{
    const eight_floats most = {4, 4, 4, 4, 4, 4, 4, 4};
    eight_ints above = x > most, below = x < -most;
    eight_ints within = (eight_ints)x & ~(above | below);
    return (eight_floats)(within | ((eight_ints)most & above) | ((eight_ints)(-most) & below));
}

/* `weights` are in parts of the largest: an edge acts in that share of the epochs. */
MULTIVERSIONED
static void move_row(const float *Z, ptrdiff_t n_rows, int32_t row, const int32_t *neighbors,
                     const float *weights, ptrdiff_t n_neighbors, ptrdiff_t epoch, uint64_t seed,
                     int n_negatives, float rate, const float *attraction, const float *repulsion,
                     float *moved)
{
    const float *z = Z + (ptrdiff_t)row * WIDTH;
    const eight_floats first = *(const eight_floats *)z, second = *(const eight_floats *)(z + HALF);
    eight_floats total_first = {0}, total_second = {0};
    uint64_t state = hash_bits(seed ^ hash_bits((uint64_t)epoch << 32 | (uint32_t)row));
    for (ptrdiff_t e = 0; e < n_neighbors; ++e) {
        int32_t other = neighbors[e];
        float phase = (float)(hash_bits(seed + 1 + pair_of(row, other)) >> 40) * 0x1p-24f;
        float before = (float)epoch * weights[e] + phase;
        if ((int64_t)(before + weights[e]) == (int64_t)before)
            continue;
        const float *there = Z + (ptrdiff_t)other * WIDTH;
        eight_floats one = *(const eight_floats *)there - first;
        eight_floats two = *(const eight_floats *)(there + HALF) - second;
        /* Twice: the edge pulls as often from its other end. */
        float force = looked_up(attraction, sum_of_eight(one * one + two * two));
        total_first += 2 * rate * clipped(force * one);
        total_second += 2 * rate * clipped(force * two);
        for (int i = 0; i < n_negatives; ++i) {
            state += GOLDEN;
            int32_t far = (int32_t)number_below(hash_bits(state), n_rows);
            if (far == row)
                continue;
            there = Z + (ptrdiff_t)far * WIDTH;
            one = first - *(const eight_floats *)there;
            two = second - *(const eight_floats *)(there + HALF);
            force = looked_up(repulsion, sum_of_eight(one * one + two * two));
            total_first += rate * clipped(force * one);
            total_second += rate * clipped(force * two);
        }
    }
    *(eight_floats *)moved = first + total_first;
    *(eight_floats *)(moved + HALF) = second + total_second;
}

#endif
