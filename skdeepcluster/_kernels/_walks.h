/* Random walks on a graph, and skip-gram with negative samples along them.
 *
 * Each walk draws from bits of its own, which follow from its number: walks are the same on any
 * number of threads.
 */
#ifndef SKDEEPCLUSTER_WALKS_H
#define SKDEEPCLUSTER_WALKS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include "_random.h"
#include "_simd.h"

/* Drawn candidates after which the steps of a node are enumerated. */
#define MOST_REJECTIONS 64
/* Inputs of the logistic function beyond which its value is that there. */
#define STEEPEST 15.0f

typedef struct {
    const int64_t *indptr;
    const int32_t *indices;
    const double *cumulative; /* Sums of weights up to each edge of a node, or NULL: all are 1. */
    double back, near, far, largest; /* Factors of the next edge's weight; their maximum. */
    int biased;
} WalkGraph;

INLINED uint64_t next_bits(uint64_t *state)
{
    *state += GOLDEN;
    return hash_bits(*state);
}

/* The first entry from `low` on that is greater than `value`, at most `high` - 1. */
INLINED int64_t first_above(const double *sums, int64_t low, int64_t high, double value)
{
    --high;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (sums[middle] > value)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

INLINED int is_neighbor(const WalkGraph *g, int32_t v, int32_t u)
{
    int64_t low = g->indptr[v], high = g->indptr[v + 1];
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (g->indices[middle] < u)
            low = middle + 1;
        else
            high = middle;
    }
    return low < g->indptr[v + 1] && g->indices[low] == u;
}

INLINED double factor_of(const WalkGraph *g, int32_t before, int32_t next)
{
    if (next == before)
        return g->back;
    return is_neighbor(g, before, next) ? g->near : g->far;
}

INLINED double weight_of(const WalkGraph *g, int64_t begin, int64_t e)
{
    if (!g->cumulative)
        return 1.0;
    return g->cumulative[e] - (e > begin ? g->cumulative[e - 1] : 0.0);
}

INLINED int32_t drawn_neighbor(const WalkGraph *g, int64_t begin, int64_t end, uint64_t *state)
{
    if (!g->cumulative)
        return g->indices[begin + number_below(next_bits(state), end - begin)];
    double value = share_of(next_bits(state)) * g->cumulative[end - 1];
    return g->indices[first_above(g->cumulative, begin, end, value)];
}

/* A step that depends on the one before, where rejection takes too long. */
static int32_t enumerated_step(const WalkGraph *g, int64_t begin, int64_t end, int32_t before,
                               uint64_t *state)
{
    double total = 0, sum = 0;
    int32_t last = g->indices[begin];
    for (int64_t e = begin; e < end; ++e)
        total += weight_of(g, begin, e) * factor_of(g, before, g->indices[e]);
    double value = share_of(next_bits(state)) * total;
    for (int64_t e = begin; e < end; ++e) {
        double weight = weight_of(g, begin, e) * factor_of(g, before, g->indices[e]);
        if (weight > 0)
            last = g->indices[e];
        sum += weight;
        if (sum > value)
            return last;
    }
    return last;
}

/* `walk` is filled by -1 where it ends early, at a node without edges. */
static void random_walk(const WalkGraph *g, int32_t start, int32_t *walk, ptrdiff_t length,
                        uint64_t bits)
{
    uint64_t state = bits;
    int32_t v = start, before = -1;
    ptrdiff_t t = 1;
    walk[0] = start;
    for (; t < length; ++t) {
        int64_t begin = g->indptr[v], end = g->indptr[v + 1];
        if (begin == end)
            break;
        int32_t next = drawn_neighbor(g, begin, end, &state);
        if (g->biased && before >= 0) {
            int n_rejections = 0;
            while (share_of(next_bits(&state)) * g->largest >= factor_of(g, before, next)) {
                if (++n_rejections == MOST_REJECTIONS) {
                    next = enumerated_step(g, begin, end, before, &state);
                    break;
                }
                next = drawn_neighbor(g, begin, end, &state);
            }
        }
        before = v;
        v = next;
        walk[t] = v;
    }
    for (; t < length; ++t)
        walk[t] = -1;
}

INLINED float logistic(float x)
{
    x = x > STEEPEST ? STEEPEST : x < -STEEPEST ? -STEEPEST : x;
    return 1.0f / (1.0f + expf(-x));
}

/* A node in proportion to its weight. Node `guide[j]` is the first whose cumulative weight is more
 * than `j` parts of `n` of the total, so that few are looked at. */
INLINED int32_t drawn_noise(const double *noise, const int32_t *guide, int64_t n, uint64_t *state)
{
    double share = share_of(next_bits(state));
    double value = share * noise[n - 1];
    int64_t i = guide[(int64_t)(share * (double)n)];
    while (i > 0 && noise[i - 1] > value)
        --i;
    while (i < n - 1 && noise[i] <= value)
        ++i;
    return (int32_t)i;
}

/* Steps for all pairs of a walk within a window that is shorter at random: near pairs weigh more.
 * Rows of Z and C have `n_blocks` blocks of eight; `gradient` has room for one. */
MULTIVERSIONED
static void train_walk(const int32_t *walk, ptrdiff_t length, float *Z, float *C,
                       ptrdiff_t n_blocks, int window, int n_negatives, const double *noise,
                       const int32_t *guide, int64_t n_nodes, float rate, uint64_t seed, float *gradient)
{
    ptrdiff_t width = 8 * n_blocks;
    uint64_t state = seed;
    for (ptrdiff_t t = 0; t < length && walk[t] >= 0; ++t) {
        ptrdiff_t reach = 1 + number_below(next_bits(&state), window);
        ptrdiff_t first = t < reach ? 0 : t - reach;
        ptrdiff_t last = t + reach < length ? t + reach : length - 1;
        float *z = Z + (ptrdiff_t)walk[t] * width;
        for (ptrdiff_t s = first; s <= last && walk[s] >= 0; ++s) {
            if (s == t)
                continue;
            for (ptrdiff_t k = 0; k < width; ++k)
                gradient[k] = 0;
            for (int i = 0; i <= n_negatives; ++i) {
                int32_t other = walk[s];
                if (i) {
                    other = drawn_noise(noise, guide, n_nodes, &state);
                    if (other == walk[s])
                        continue;
                }
                float *c = C + (ptrdiff_t)other * width;
                eight_floats sums = {0};
                for (ptrdiff_t b = 0; b < width; b += 8)
                    sums += *(eight_floats *)(z + b) * *(eight_floats *)(c + b);
                float step = rate * ((i ? 0.0f : 1.0f) - logistic(sum_of_eight(sums)));
                for (ptrdiff_t b = 0; b < width; b += 8) {
                    *(eight_floats *)(gradient + b) += step * *(eight_floats *)(c + b);
                    *(eight_floats *)(c + b) += step * *(eight_floats *)(z + b);
                }
            }
            for (ptrdiff_t b = 0; b < width; b += 8)
                *(eight_floats *)(z + b) += *(eight_floats *)(gradient + b);
        }
    }
}

#endif
