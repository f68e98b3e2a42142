/* Random bits that are a function of what they are for, and of no state that threads would share. */
#ifndef SKDEEPCLUSTER_RANDOM_H
#define SKDEEPCLUSTER_RANDOM_H

#include <stdint.h>
#include "_simd.h"

/* A step of the generator SplitMix64: the next bits are those of `x + GOLDEN`. */
#define GOLDEN 0x9e3779b97f4a7c15u

INLINED uint64_t hash_bits(uint64_t x)
{
    x += GOLDEN;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* From 0 up to, but without, `n`, a number of 32 bits. */
INLINED int64_t number_below(uint64_t bits, int64_t n)
{
    return (int64_t)(((bits >> 32) * (uint64_t)n) >> 32);
}

/* From 0 up to, but without, 1. */
INLINED double share_of(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

/* What stands for a pair of rows, in either order. */
INLINED uint64_t pair_of(int32_t i, int32_t j)
{
    uint64_t low = i < j ? i : j, high = i < j ? j : i;
    return low << 32 | high;
}

#endif
