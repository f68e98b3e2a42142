/* One binary for every processor of an architecture.
 *
 * MULTIVERSIONED in front of a function compiles it once per instruction set; the loader picks the
 * widest the processor has. It vanishes where compiler or C library cannot do that.
 * INLINED belongs on what such a function calls in its loops: only what is inlined is compiled for
 * the wider sets too.
 */
#ifndef SKDEEPCLUSTER_SIMD_H
#define SKDEEPCLUSTER_SIMD_H

#include <stdlib.h> /* defines __GLIBC__ where it applies */

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    __GNUC__ >= 12
#define MULTIVERSIONED \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MULTIVERSIONED
#endif

#if defined(__GNUC__)
#define INLINED static inline __attribute__((always_inline))
#else
#define INLINED static inline
#endif

#endif
