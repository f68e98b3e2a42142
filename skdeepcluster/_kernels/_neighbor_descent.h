/* Nearest neighbors of many rows: leaves of random trees, then neighbors of neighbors.
 *
 * Each row keeps the k least of all rows that were ever offered to it, by (distance, index). Which
 * these are does not depend on the order of the offers, and what is offered in a pass is known
 * before it begins; so threads may offer in any order, a row locked for the few instructions of an
 * insertion. Random numbers are hashes of what they are for.
 */
#ifndef SKDEEPCLUSTER_NEIGHBOR_DESCENT_H
#define SKDEEPCLUSTER_NEIGHBOR_DESCENT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef _WIN32
#include <windows.h>
#define give_way() SwitchToThread()
#else
#include <sched.h>
#define give_way() sched_yield()
#endif
#include "_random.h"
#include "_simd.h"

/* Rows are padded by zeros to whole vectors of so many features. */
#define LANES 16
#define HALF 8

typedef struct {
    ptrdiff_t k;
    float *distances; /* (n, k): heaps, the largest first */
    int32_t *indices;
    uint8_t *fresh; /* whether it came in the last pass */
    uint8_t *locks; /* (n,) */
} neighbor_lists;

/* Squared, summed in one order. */
INLINED float distance_of(const float *a, const float *b, ptrdiff_t n_features)
{
    eight_floats even = {0}, odd = {0};
    for (ptrdiff_t f = 0; f < n_features; f += LANES) {
        eight_floats one = *(const eight_floats *)(a + f) - *(const eight_floats *)(b + f);
        eight_floats two =
            *(const eight_floats *)(a + f + HALF) - *(const eight_floats *)(b + f + HALF);
        even += one * one;
        odd += two * two;
    }
    return sum_of_eight(even + odd);
}

INLINED int is_less(float a, int32_t i, float b, int32_t j)
{
    return a < b || (a == b && i < j);
}

/* Put an entry at the root of a heap and let it sink; `marks` may be NULL. */
INLINED void sink(float *keys, int32_t *values, uint8_t *marks, ptrdiff_t size, float key,
                  int32_t value, uint8_t mark)
{
    ptrdiff_t place = 0;
    for (;;) {
        ptrdiff_t child = 2 * place + 1;
        if (child >= size)
            break;
        if (child + 1 < size &&
            is_less(keys[child], values[child], keys[child + 1], values[child + 1]))
            ++child;
        if (!is_less(key, value, keys[child], values[child]))
            break;
        if (place)
            keys[place] = keys[child];
        else
            __atomic_store(keys, keys + child, __ATOMIC_RELAXED);
        values[place] = values[child];
        if (marks)
            marks[place] = marks[child];
        place = child;
    }
    if (place)
        keys[place] = key;
    else
        __atomic_store(keys, &key, __ATOMIC_RELAXED);
    values[place] = value;
    if (marks)
        marks[place] = mark;
}

INLINED int contains(const int32_t *values, ptrdiff_t size, int32_t value)
{
    int found = 0;
    for (ptrdiff_t i = 0; i < size; ++i)
        found |= values[i] == value;
    return found;
}

INLINED void offer(neighbor_lists lists, int32_t row, int32_t other, float distance)
{
    float *keys = lists.distances + row * lists.k, farthest;
    int32_t *values = lists.indices + row * lists.k;
    uint8_t *lock = lists.locks + row;
    /* The root only ever falls: a look without the lock may be late, never wrong. */
    __atomic_load(keys, &farthest, __ATOMIC_RELAXED);
    if (distance > farthest)
        return;
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
        give_way();
    if (is_less(distance, other, keys[0], values[0]) && !contains(values, lists.k, other))
        sink(keys, values, lists.fresh + row * lists.k, lists.k, distance, other, 1);
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

/* All pairs of some rows, or of the first `n_new` with all. `rows` has room for their features. */
MULTIVERSIONED
static void join(const float *X, ptrdiff_t n_features, const int32_t *members, ptrdiff_t n_new,
                 ptrdiff_t n_members, float *rows, neighbor_lists lists)
{
    for (ptrdiff_t i = 0; i < n_members; ++i)
        memcpy(rows + i * n_features, X + members[i] * n_features, n_features * sizeof(float));
    for (ptrdiff_t i = 0; i < n_new; ++i)
        for (ptrdiff_t j = i + 1; j < n_members; ++j) {
            if (members[i] == members[j])
                continue;
            float distance = distance_of(rows + i * n_features, rows + j * n_features, n_features);
            offer(lists, members[i], members[j], distance);
            offer(lists, members[j], members[i], distance);
        }
}

/* Offer all rows to some queries; of `others` a row is not its own neighbor. */
MULTIVERSIONED
static void compare(const float *X, ptrdiff_t n, const float *queries, ptrdiff_t begin,
                    ptrdiff_t end, ptrdiff_t n_features, int others, neighbor_lists lists)
{
    for (ptrdiff_t row = 0; row < n; ++row)
        for (ptrdiff_t query = begin; query < end; ++query)
            if (!others || row != query)
                offer(lists, (int32_t)query, (int32_t)row,
                      distance_of(X + row * n_features, queries + query * n_features, n_features));
}

/* The `n_most` of least priority among those offered; the heap grows until it is full. */
INLINED ptrdiff_t choose(uint32_t *priorities, int32_t *values, ptrdiff_t n_chosen,
                         ptrdiff_t n_most, uint32_t priority, int32_t value)
{
    /* Insertion into a sorted list: these are short. */
    ptrdiff_t place = n_chosen;
    if (n_chosen == n_most && (priority > priorities[n_most - 1] ||
                               (priority == priorities[n_most - 1] && value >= values[n_most - 1])))
        return n_chosen;
    while (place && (priorities[place - 1] > priority ||
                     (priorities[place - 1] == priority && values[place - 1] > value)))
        --place;
    if (place && priorities[place - 1] == priority && values[place - 1] == value)
        return n_chosen;
    if (n_chosen < n_most)
        ++n_chosen;
    for (ptrdiff_t i = n_chosen - 1; i > place; --i) {
        priorities[i] = priorities[i - 1];
        values[i] = values[i - 1];
    }
    priorities[place] = priority;
    values[place] = value;
    return n_chosen;
}

/* Those that a row brings together in a pass: up to `n_most` of its fresh neighbors and of the rows
 * that have it for one, and as many others. `members` gets the fresh ones first. */
static ptrdiff_t candidates(neighbor_lists lists, const int64_t *starts, const int32_t *reverse,
                            const uint8_t *reverse_fresh, int32_t row, uint64_t seed,
                            ptrdiff_t n_most, uint32_t *priorities, int32_t *members,
                            ptrdiff_t *n_new)
{
    int32_t *others = members + n_most;
    uint32_t *other_priorities = priorities + n_most;
    ptrdiff_t n_fresh = 0, n_others = 0;
    const int32_t *values = lists.indices + row * lists.k;
    const uint8_t *fresh = lists.fresh + row * lists.k;
    for (int from = 0; from < 2; ++from) {
        const int32_t *list = from ? reverse + starts[row] : values;
        const uint8_t *marks = from ? reverse_fresh + starts[row] : fresh;
        ptrdiff_t size = from ? starts[row + 1] - starts[row] : lists.k;
        for (ptrdiff_t i = 0; i < size; ++i) {
            if (list[i] == INT32_MAX)
                continue;
            uint32_t priority = (uint32_t)(hash_bits(seed ^ pair_of(row, list[i])) >> 32);
            if (marks[i])
                n_fresh = choose(priorities, members, n_fresh, n_most, priority, list[i]);
            else
                n_others = choose(other_priorities, others, n_others, n_most, priority, list[i]);
        }
    }
    *n_new = n_fresh;
    memmove(members + n_fresh, others, n_others * sizeof(int32_t));
    return n_fresh + n_others;
}

typedef struct {
    float place;
    int32_t row;
} placed;

INLINED int comes_first(placed a, placed b)
{
    return is_less(a.place, a.row, b.place, b.row);
}

/* Bring the `n_left` first to the front. */
static void part(placed *items, ptrdiff_t n, ptrdiff_t n_left)
{
    ptrdiff_t low = 0, high = n - 1;
    while (low < high) {
        placed pivot = items[low + (high - low) / 2];
        ptrdiff_t i = low, j = high;
        while (i <= j) {
            while (comes_first(items[i], pivot))
                ++i;
            while (comes_first(pivot, items[j]))
                --j;
            if (i <= j) {
                placed item = items[i];
                items[i++] = items[j];
                items[j--] = item;
            }
        }
        if (n_left <= j)
            high = j;
        else if (n_left >= i)
            low = i;
        else
            return;
    }
}

/* Places of rows along the line from one of them to another. */
MULTIVERSIONED
static void place_rows(const float *X, ptrdiff_t n_features, placed *items, ptrdiff_t n,
                       const float *from, const float *to, float *direction)
{
    for (ptrdiff_t f = 0; f < n_features; ++f)
        direction[f] = to[f] - from[f];
    for (ptrdiff_t i = 0; i < n; ++i) {
        const float *x = X + items[i].row * n_features;
        eight_floats even = {0}, odd = {0};
        for (ptrdiff_t f = 0; f < n_features; f += LANES) {
            even += *(const eight_floats *)(x + f) * *(const eight_floats *)(direction + f);
            odd += *(const eight_floats *)(x + f + HALF) *
                   *(const eight_floats *)(direction + f + HALF);
        }
        items[i].place = sum_of_eight(even + odd);
    }
}

/* Halve the rows again and again by hyperplanes across lines between two random ones. */
static void halve(const float *X, ptrdiff_t n_features, placed *items, ptrdiff_t n,
                  ptrdiff_t leaf_size, uint64_t seed, float *direction)
{
    while (n > leaf_size) {
        seed = hash_bits(seed);
        ptrdiff_t from = (ptrdiff_t)(hash_bits(seed + 1) % (uint64_t)n);
        ptrdiff_t to = (ptrdiff_t)(hash_bits(seed + 2) % (uint64_t)(n - 1));
        to += to >= from;
        place_rows(X, n_features, items, n, X + items[from].row * n_features,
                   X + items[to].row * n_features, direction);
        ptrdiff_t n_left = n / 2;
        part(items, n, n_left);
        halve(X, n_features, items, n_left, leaf_size, seed + 3, direction);
        items += n_left;
        n -= n_left;
        seed += 4;
    }
}

/* Exact distances of a row to others, summed in one order. */
#define EXACT(real)                                                                               \
    MULTIVERSIONED                                                                                \
    static void distances_to_##real(const real *X, ptrdiff_t n_features, const real *x,           \
                                    const int32_t *others, ptrdiff_t n, real *out)                \
    {                                                                                             \
        for (ptrdiff_t i = 0; i < n; ++i) {                                                       \
            const real *y = X + others[i] * n_features;                                           \
            real sums[LANES] = {0};                                                               \
            ptrdiff_t f = 0;                                                                      \
            for (; f + LANES <= n_features; f += LANES)                                           \
                for (int l = 0; l < LANES; ++l)                                                   \
                    sums[l] += (x[f + l] - y[f + l]) * (x[f + l] - y[f + l]);                     \
            for (int l = 0; f < n_features; ++f, ++l)                                             \
                sums[l] += (x[f] - y[f]) * (x[f] - y[f]);                                         \
            for (int width = LANES / 2; width; width /= 2)                                        \
                for (int l = 0; l < width; ++l)                                                   \
                    sums[l] += sums[l + width];                                                   \
            out[i] = sums[0];                                                                     \
        }                                                                                         \
    }
EXACT(float)
EXACT(double)

#endif
