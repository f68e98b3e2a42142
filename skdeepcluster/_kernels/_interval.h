/* Scan of the starts of the last interval, for the least sum of squares. */
#ifndef SKDEEPCLUSTER_INTERVAL_H
#define SKDEEPCLUSTER_INTERVAL_H

#include <math.h>
#include <stddef.h>
#include "_simd.h"

/* Starts that are compared side by side; the compiler makes vectors of them. */
#define LANES 16

/* The start i in [low, high] with the least before[i] + cost(i, end), the largest of equally good
 * ones. The cost of an interval comes from prefix sums of weights w, w x and w x^2. */
MULTIVERSIONED
static ptrdiff_t best_start_squared(const double *restrict before, const double *restrict W,
                                    const double *restrict S, const double *restrict Q,
                                    ptrdiff_t end, ptrdiff_t low, ptrdiff_t high, double *total)
{
    double least[LANES];
    ptrdiff_t where[LANES], i = low, best = low;
    const double w = W[end], s = S[end], q = Q[end];
    for (ptrdiff_t lane = 0; lane < LANES; ++lane) {
        least[lane] = INFINITY;
        where[lane] = low;
    }
    for (; i + LANES <= high + 1; i += LANES)
        for (ptrdiff_t lane = 0; lane < LANES; ++lane) {
            const double sum = s - S[i + lane];
            const double cost = q - Q[i + lane] - sum * sum / (w - W[i + lane]);
            const double value = before[i + lane] + (cost > 0 ? cost : 0);
            const int better = value <= least[lane];
            least[lane] = better ? value : least[lane];
            where[lane] = better ? i + lane : where[lane];
        }
    *total = INFINITY;
    for (ptrdiff_t lane = 0; lane < LANES; ++lane)
        if (least[lane] < *total || (least[lane] == *total && where[lane] > best)) {
            *total = least[lane];
            best = where[lane];
        }
    for (; i <= high; ++i) {
        const double sum = s - S[i];
        const double cost = q - Q[i] - sum * sum / (w - W[i]);
        const double value = before[i] + (cost > 0 ? cost : 0);
        if (value <= *total) {
            *total = value;
            best = i;
        }
    }
    return best;
}

#endif
