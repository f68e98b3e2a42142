/* A pass over rows of costs: their exponentials relative to each row's largest, and column sums.
 *
 * The file includes itself once per floating type of the costs; arithmetic is in double. Rows are
 * read in vectors of LANES; the last one is filled up by columns of cost 0, whose potentials stand
 * in g beyond those of the costs (-infinity where there is no column).
 */
#ifndef REAL

#ifndef SKDEEPCLUSTER_TRANSPORT_H
#define SKDEEPCLUSTER_TRANSPORT_H

#ifndef __GNUC__
#error "skdeepcluster needs a compiler with vector types: GCC or Clang (on Windows: clang-cl)"
#endif

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include "_simd.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

#define VECTOR_BYTES 64
#define LANES (VECTOR_BYTES / (ptrdiff_t)sizeof(double))

typedef double doubles __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t integers __attribute__((vector_size(VECTOR_BYTES)));

/* Weights up to exp(HEADROOM) times the scale of the sums are added as they are. */
#define HEADROOM 200.0

/* Vectors go by pointers: how they would be passed by value depends on the instruction set. */
INLINED void raise_to(doubles *most, const doubles *x)
{
    integers more = *x > *most;
    *most = (doubles)(((integers)*x & more) | ((integers)*most & ~more));
}

/* exp(x) in the place of x <= 0, to about one unit in the last place: x = n ln 2 + r with
 * |r| <= ln 2 / 2, and the minimax polynomial of degree 11. What would be denormal is 0; NaN stays
 * NaN. */
INLINED void exponentiate(doubles *values)
{
    doubles x = *values;
    const double shift = 0x1.8p52; /* the sum's last bits are the nearest integer */
    doubles shifted = x * 0x1.71547652b82fep+0 + shift;
    doubles n = shifted - shift;
    doubles r = x - n * 0x1.62e42fefa38p-1 - n * 0x1.ef35793c7673p-45;
    doubles p = r * 0x1.af632a0f7e2cep-26 + 0x1.28b4101c77212p-22;
    p = p * r + 0x1.71ddf56d8deb5p-19;
    p = p * r + 0x1.a01991a10d9aep-16;
    p = p * r + 0x1.a01a01b1461c5p-13;
    p = p * r + 0x1.6c16c1880029fp-10;
    p = p * r + 0x1.111111110f21ep-7;
    p = p * r + 0x1.555555554f0bap-5;
    p = p * r + 0x1.555555555555ap-3;
    p = p * r + 0x1.0000000000011p-1;
    p = p * r + 1.0;
    p = p * r + 1.0;
    doubles power = (doubles)(((integers)shifted + 1023) << 52);
    integers vanishes = x < -708.0;
    *values = (doubles)((integers)(p * power) & ~vanishes);
}

/* Rows of equal mass whose potentials are summed by one logarithm. Sums of exponentials relative to
 * the largest are between 1 and the number of columns: their product holds. */
#define GROUP_ROWS 16

typedef struct {
    double mass, product, sum;
    ptrdiff_t size;
} group;

INLINED void close_group(group *rows, double reg, double *value)
{
    if (rows->mass > 0)
        *value += rows->mass *
                  (reg * (rows->size * log(rows->mass) - log(rows->product)) - rows->sum);
    rows->product = 1;
    rows->sum = 0;
    rows->size = 0;
}

#define REAL float
#include "_transport.h"

#define REAL double
#include "_transport.h"

#endif

#else

#define reals PASTE(reals_, REAL)
typedef REAL reals __attribute__((vector_size(LANES * sizeof(REAL))));

/* For each row i with costs c, potentials g and e_j = exp((g_j - c_j - m) / reg), m = max(g - c):
 *
 *     w = mass_i / sum(e)                                   where damping = 1 and cap = infinity,
 *     f = min(cap, damping (reg log(mass_i / sum(e)) - m)),  w = exp((f + m) / reg)  in general.
 *
 * sums[j] * exp(scale) grows by w e_j. What is not NULL is written: value, the sum of mass_i f_i,
 * potentials f, masses w sum(e) over the columns that have costs, labels, their best columns, and
 * plan, the rows w e.
 */
MULTIVERSIONED
static void PASTE(sweep_, REAL)(const REAL *restrict costs, ptrdiff_t n_rows, ptrdiff_t n_columns,
                                const double *restrict g, ptrdiff_t n_vectors, double reg,
                                const double *restrict mass, double damping, double cap,
                                double *restrict row, double *restrict sums, double *restrict scale,
                                double *restrict value, double *restrict potentials,
                                double *restrict masses, int64_t *restrict labels,
                                REAL *restrict plan)
{
    const double per_reg = 1 / reg;
    const int exact = damping == 1 && cap == INFINITY;
    doubles *restrict e = (doubles *)row;
    doubles *restrict total = (doubles *)sums;
    const doubles *restrict potential = (const doubles *)g;
    group rows = {0, 1, 0, 0};

    for (ptrdiff_t i = 0; i < n_rows; ++i) {
        const REAL *restrict cost = costs + i * n_columns;
        doubles most = (doubles){0} - INFINITY;
        ptrdiff_t v = 0;
        for (; (v + 1) * LANES <= n_columns; ++v) {
            reals c;
            __builtin_memcpy(&c, cost + v * LANES, sizeof c); /* may be unaligned */
            e[v] = potential[v] - __builtin_convertvector(c, doubles);
            raise_to(&most, &e[v]);
        }
        for (; v < n_vectors; ++v) {
            doubles c = {0};
            for (ptrdiff_t lane = 0; v * LANES + lane < n_columns && lane < LANES; ++lane)
                c[lane] = cost[v * LANES + lane];
            e[v] = potential[v] - c;
            raise_to(&most, &e[v]);
        }
        double m = most[0];
        for (int lane = 1; lane < LANES; ++lane)
            m = most[lane] > m ? most[lane] : m;

        if (labels) {
            ptrdiff_t best = 0;
            while (best < n_columns && row[best] != m)
                ++best;
            if (best == n_columns) { /* m is that of a column without costs */
                best = 0;
                for (ptrdiff_t j = 1; j < n_columns; ++j)
                    best = row[j] > row[best] ? j : best;
            }
            labels[i] = best;
        }

        doubles sum = {0};
        for (v = 0; v < n_vectors; ++v) {
            e[v] = (e[v] - m) * per_reg;
            exponentiate(&e[v]);
            sum += e[v];
        }
        double s = 0;
        for (int lane = 0; lane < LANES; ++lane)
            s += sum[lane];

        double w = mass[i] / s, log_w = 0;
        if (!exact || potentials) {
            log_w = log(w);
            if (!exact) {
                double limit = (cap + m) / reg;
                log_w = damping * log_w + (1 - damping) * m / reg;
                log_w = log_w > limit ? limit : log_w;
                w = exp(log_w);
            }
        }
        double scaled = w;
        if (!exact) {
            if (log_w > *scale + HEADROOM) {
                double factor = exp(*scale - log_w);
                for (v = 0; v < n_vectors; ++v)
                    total[v] *= factor;
                *scale = log_w;
            }
            scaled = log_w == -INFINITY ? 0 : exp(log_w - *scale);
        }
        for (v = 0; v < n_vectors; ++v)
            total[v] += scaled * e[v];

        if (value && exact) {
            if (rows.size == GROUP_ROWS || rows.mass != mass[i])
                close_group(&rows, reg, value);
            rows.mass = mass[i];
            rows.product *= s;
            rows.sum += m;
            ++rows.size;
        } else if (value && mass[i] > 0) {
            *value += mass[i] * (reg * log_w - m);
        }
        if (potentials)
            potentials[i] = reg * log_w - m;
        if (masses) {
            double other = 0, real = 0;
            for (ptrdiff_t j = n_columns; j < n_vectors * LANES; ++j)
                other += row[j];
            if (other > 0)
                for (ptrdiff_t j = 0; j < n_columns; ++j)
                    real += row[j];
            masses[i] = w * (other > 0 ? real : s);
        }
        if (plan)
            for (ptrdiff_t j = 0; j < n_columns; ++j)
                plan[i * n_columns + j] = (REAL)(w * row[j]);
    }
    if (value && exact)
        close_group(&rows, reg, value);
}

#undef reals
#undef REAL

#endif
