/* One binary for every processor of an architecture.
 *
 * MULTIVERSIONED in front of a function compiles it once per instruction set; the loader picks the
 * widest the processor has. It vanishes where compiler or C library cannot do that.
 * INLINED belongs on what such a function calls in its loops: only what is inlined is compiled for
 * the wider sets too.
 * Functions that differ by more than the compiler's work are written once per instruction set
 * where X86_LEVELS is defined, and choose among them by X86_LEVEL: 1, 3 or 4.
 *
 * FORCED_LEVEL 1, 3 or 4 leaves no choice: see `tools/emulated_processors.py`.
 */
#ifndef SKDEEPCLUSTER_SIMD_H
#define SKDEEPCLUSTER_SIMD_H

#include <stdlib.h> /* defines __GLIBC__ where it applies */

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    __GNUC__ >= 12
#define X86_LEVELS
#endif

#if defined(X86_LEVELS) && !defined(FORCED_LEVEL)
#define MULTIVERSIONED \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define X86_LEVEL                                     \
    (__builtin_cpu_supports("x86-64-v4")   ? 4        \
     : __builtin_cpu_supports("x86-64-v3") ? 3        \
                                           : 1)
#elif defined(X86_LEVELS)
#define X86_LEVEL FORCED_LEVEL
#if FORCED_LEVEL == 4
#define MULTIVERSIONED __attribute__((target("arch=x86-64-v4")))
#elif FORCED_LEVEL == 3
#define MULTIVERSIONED __attribute__((target("arch=x86-64-v3")))
#else
#define MULTIVERSIONED
#endif
#else
#define MULTIVERSIONED
#endif

#if defined(__GNUC__)
#define INLINED static inline __attribute__((always_inline))
#else
#define INLINED static inline
#endif

#if defined(__GNUC__)
#include <string.h>

/* Eight floats anywhere in memory. Wider vectors are slow where a processor has no registers for
 * them: compilers take them apart entry by entry. */
typedef float eight_floats __attribute__((vector_size(32), aligned(4)));

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLES
#endif
#endif

/* The sum of the entries, always in one order. */
INLINED float sum_of_eight(eight_floats x)
{
#ifdef HAS_SHUFFLES
    x += __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3);
    x += __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5);
    x += __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
    return x[0];
#else
    float entries[8];
    memcpy(entries, &x, sizeof(x));
    for (int width = 4; width; width /= 2)
        for (int l = 0; l < width; ++l)
            entries[l] += entries[l + width];
    return entries[0];
#endif
}
#endif

#endif
