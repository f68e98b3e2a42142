/* Vector parts of the swap search for k medoids.
 *
 * The file includes itself once per floating type.
 */
#ifndef REAL

#ifndef SKDEEPCLUSTER_MEDOIDS_H
#define SKDEEPCLUSTER_MEDOIDS_H

#include <stddef.h>
#include <stdint.h>
#include "_simd.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

/* Values this far on are asked for early: they are read next, and the processor's own guesses end
 * at the borders of pages. Asking for what lies behind the end does no harm. */
#define AHEAD 256
#define ASK_FOR(place) __builtin_prefetch(place)
/* Entries compared at once before any of them is looked at. */
#define STRIP 32
/* Partial sums of a squared distance: four AVX-512 registers of floats, and one of AVX for what
 * the features leave over. */
#define SUMS 64
#define REST 8

#ifdef X86_LEVELS
#include <immintrin.h>
#define WIDE __attribute__((target("avx512f,avx512vl")))

/* Two instructions per vector: compare, and pack the positions of the hits. The packed register is
 * stored whole because a compressing store is slow on some processors; `hits` has room for it. */
WIDE static ptrdiff_t below_wide_float(const float *values, const float *bounds, float shift,
                                       ptrdiff_t n, int *hits)
{
    ptrdiff_t n_hits = 0, i = 0;
    const __m512 shifts = _mm512_set1_ps(shift);
    const __m512i step = _mm512_set1_epi32(16);
    __m512i position = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    for (; i + 16 <= n; i += 16) {
        ASK_FOR(values + i + AHEAD);
        const __m512 limit = _mm512_add_ps(_mm512_loadu_ps(bounds + i), shifts);
        const __mmask16 hit = _mm512_cmp_ps_mask(_mm512_loadu_ps(values + i), limit, _CMP_LT_OQ);
        _mm512_storeu_si512(hits + n_hits, _mm512_maskz_compress_epi32(hit, position));
        n_hits += __builtin_popcount(hit);
        position = _mm512_add_epi32(position, step);
    }
    for (; i < n; ++i)
        if (values[i] < bounds[i] + shift)
            hits[n_hits++] = (int)i;
    return n_hits;
}

WIDE static ptrdiff_t below_wide_double(const double *values, const double *bounds, double shift,
                                        ptrdiff_t n, int *hits)
{
    ptrdiff_t n_hits = 0, i = 0;
    const __m512d shifts = _mm512_set1_pd(shift);
    const __m256i step = _mm256_set1_epi32(8);
    __m256i position = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
    for (; i + 8 <= n; i += 8) {
        ASK_FOR(values + i + AHEAD);
        const __m512d limit = _mm512_add_pd(_mm512_loadu_pd(bounds + i), shifts);
        const __mmask8 hit = _mm512_cmp_pd_mask(_mm512_loadu_pd(values + i), limit, _CMP_LT_OQ);
        _mm256_storeu_si256((__m256i *)(hits + n_hits),
                            _mm256_maskz_compress_epi32(hit, position));
        n_hits += __builtin_popcount(hit);
        position = _mm256_add_epi32(position, step);
    }
    for (; i < n; ++i)
        if (values[i] < bounds[i] + shift)
            hits[n_hits++] = (int)i;
    return n_hits;
}
#endif

/* Side of the blocks of a matrix that are compared with their mirror images. */
#define BLOCK 64

/* Two vectors x and y of a square: x gets the first half of every 2 s entries of both, y the rest.
 * For s = 1, 2, 4, ... and all vectors s apart this transposes the square. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLE 1
#endif
#endif
#define EXCHANGE(x, y, first, rest)                              \
    do {                                                         \
        vector kept = __builtin_shufflevector(x, y, first);      \
        y = __builtin_shufflevector(x, y, rest);                 \
        x = kept;                                                \
    } while (0)
#define FIRST_4 0, 1, 2, 3, 8, 9, 10, 11
#define REST_4 4, 5, 6, 7, 12, 13, 14, 15
#define FIRST_2 0, 1, 8, 9, 4, 5, 12, 13
#define REST_2 2, 3, 10, 11, 6, 7, 14, 15
#define FIRST_1 0, 8, 2, 10, 4, 12, 6, 14
#define REST_1 1, 9, 3, 11, 5, 13, 7, 15

#define REAL float
#define BITS uint32_t
#include "_medoids.h"

#define REAL double
#define BITS uint64_t
#include "_medoids.h"

#endif

#else

/* Positions i with values[i] < bounds[i] + shift, in order. Few are expected: strips without one
 * are passed by. `hits` must have room for n + 16 entries. */
MULTIVERSIONED
static ptrdiff_t PASTE(below_narrow_, REAL)(const REAL *values, const REAL *bounds, REAL shift,
                                            ptrdiff_t n, int *hits)
{
    ptrdiff_t n_hits = 0;
    for (ptrdiff_t begin = 0; begin < n; begin += STRIP) {
        const ptrdiff_t end = begin + STRIP < n ? begin + STRIP : n;
        ASK_FOR(values + begin + AHEAD);
        ASK_FOR(values + begin + AHEAD + STRIP / 2);
        if (end - begin == STRIP) {
            int any = 0;
            for (ptrdiff_t i = 0; i < STRIP; ++i)
                any |= values[begin + i] < bounds[begin + i] + shift;
            if (!any)
                continue;
        }
        for (ptrdiff_t i = begin; i < end; ++i) {
            hits[n_hits] = (int)i;
            n_hits += values[i] < bounds[i] + shift;
        }
    }
    return n_hits;
}

static inline ptrdiff_t PASTE(below_, REAL)(const REAL *values, const REAL *bounds, REAL shift,
                                            ptrdiff_t n, int *hits)
{
#ifdef X86_LEVELS
    if (X86_LEVEL >= 4)
        return PASTE(below_wide_, REAL)(values, bounds, shift, n, hits);
#endif
    return PASTE(below_narrow_, REAL)(values, bounds, shift, n, hits);
}

/* Squared Euclidean distances of x to the rows of X that `rows` lists (to the first n for NULL).
 * Sums of squared differences: equal rows are at distance 0, and x to y is y to x. */
MULTIVERSIONED
static void PASTE(squares_, REAL)(const REAL *restrict x, const REAL *restrict X,
                                  ptrdiff_t n_features, const int *rows, ptrdiff_t n,
                                  REAL *restrict squares)
{
    for (ptrdiff_t i = 0; i < n; ++i) {
        const REAL *restrict y = X + (rows ? rows[i] : i) * n_features;
        REAL rest[REST] = {0}, total = 0;
        ptrdiff_t j = 0;
        if (n_features >= SUMS) {
            REAL sums[SUMS] = {0};
            for (; j + SUMS <= n_features; j += SUMS)
                for (ptrdiff_t lane = 0; lane < SUMS; ++lane) {
                    const REAL difference = x[j + lane] - y[j + lane];
                    sums[lane] += difference * difference;
                }
            for (ptrdiff_t width = SUMS / 2; width >= REST; width /= 2)
                for (ptrdiff_t lane = 0; lane < width; ++lane)
                    sums[lane] += sums[lane + width];
            for (ptrdiff_t lane = 0; lane < REST; ++lane)
                rest[lane] = sums[lane];
        }
        for (; j + REST <= n_features; j += REST)
            for (ptrdiff_t lane = 0; lane < REST; ++lane) {
                const REAL difference = x[j + lane] - y[j + lane];
                rest[lane] += difference * difference;
            }
        for (; j < n_features; ++j) {
            const REAL difference = x[j] - y[j];
            total += difference * difference;
        }
        for (ptrdiff_t lane = 0; lane < REST; ++lane)
            total += rest[lane];
        squares[i] = total;
    }
}

/* The order of floats that are not negative is that of their bits, and negative ones, infinity and
 * nan come behind, so that integer maxima, which the compiler turns into vectors, find them. */
INLINED BITS PASTE(bits_, REAL)(REAL value)
{
    BITS bits;
    value += 0; /* -0 becomes 0 */
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The block of the matrix at (row, column), transposed. */
INLINED void PASTE(transpose_, REAL)(const REAL *D, ptrdiff_t n, ptrdiff_t row, ptrdiff_t column,
                                     ptrdiff_t height, ptrdiff_t width,
                                     REAL transposed[BLOCK][BLOCK])
{
#ifdef HAS_SHUFFLE
    typedef REAL vector __attribute__((vector_size(8 * sizeof(REAL))));
    if (height == BLOCK && width == BLOCK) {
        for (ptrdiff_t i = 0; i < BLOCK; i += 8)
            for (ptrdiff_t j = 0; j < BLOCK; j += 8) {
                vector square[8];
                for (int line = 0; line < 8; ++line) {
                    const REAL *place = D + (row + i + line) * n + column + j;
                    __builtin_memcpy(&square[line], place, sizeof(vector));
                    ASK_FOR(place + BLOCK * n); /* the block below is next */
                }
                for (int line = 0; line < 4; ++line)
                    EXCHANGE(square[line], square[line + 4], FIRST_4, REST_4);
                for (int line = 0; line < 8; line += line % 4 == 1 ? 3 : 1)
                    EXCHANGE(square[line], square[line + 2], FIRST_2, REST_2);
                for (int line = 0; line < 8; line += 2)
                    EXCHANGE(square[line], square[line + 1], FIRST_1, REST_1);
                for (int line = 0; line < 8; ++line)
                    __builtin_memcpy(&transposed[j + line][i], &square[line], sizeof(vector));
            }
        return;
    }
#endif
    for (ptrdiff_t i = 0; i < height; ++i)
        for (ptrdiff_t j = 0; j < width; ++j)
            transposed[j][i] = D[(row + i) * n + column + j];
}

/* A block of an n x n matrix and its mirror image: the largest entry and the largest difference.
 * An entry that is negative or not finite is the largest. */
MULTIVERSIONED
static void PASTE(inspect_block_, REAL)(const REAL *D, ptrdiff_t n, ptrdiff_t row, ptrdiff_t column,
                                        REAL *largest, REAL *asymmetry)
{
    const ptrdiff_t height = n - row < BLOCK ? n - row : BLOCK;
    const ptrdiff_t width = n - column < BLOCK ? n - column : BLOCK;
    REAL mirrored[BLOCK][BLOCK];
    BITS most = 0, worst = 0;
    PASTE(transpose_, REAL)(D, n, column, row, width, height, mirrored);
    for (ptrdiff_t i = 0; i < height; ++i) {
        const REAL *restrict line = D + (row + i) * n + column;
        for (ptrdiff_t j = 0; j < BLOCK; j += 16)
            ASK_FOR(line + BLOCK + j);
        for (ptrdiff_t j = 0; j < width; ++j) {
            const REAL difference = line[j] - mirrored[i][j];
            const BITS a = PASTE(bits_, REAL)(line[j]), b = PASTE(bits_, REAL)(mirrored[i][j]);
            const BITS gap = PASTE(bits_, REAL)(difference < 0 ? -difference : difference);
            most = most > a ? most : a;
            most = most > b ? most : b;
            worst = worst > gap ? worst : gap;
        }
    }
    __builtin_memcpy(largest, &most, sizeof most);
    __builtin_memcpy(asymmetry, &worst, sizeof worst);
}

#undef REAL
#undef BITS

#endif
