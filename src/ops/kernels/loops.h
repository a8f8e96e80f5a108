/* loops.h - how a vector kernel is written: one expression, one loop that gcc vectorises.
 *
 * Operands are either disjoint or exactly the same address (in place), never partly overlapping:
 * then no iteration reads what another one writes, which is what `ivdep` promises. Private to
 * this folder.
 */
#ifndef ACN_OPS_KERNELS_LOOPS_H
#define ACN_OPS_KERNELS_LOOPS_H

#include "ops/kernels/kernels.h"

#define ACN_LOOP(i, n) _Pragma("GCC ivdep") for (int64_t i = 0; i < (n); i++)

/* The larger and the smaller of two, NaN if either is, and the second where they are equal (which
 * tells zeros apart). As two plain choices each, because gcc makes single instructions of those and
 * none of one choice by a condition of two parts. */
#define ACN_EXTREMES(klass, type)                                                                  \
    static inline type larger_##klass(type x, type y) {                                            \
        type larger = x > y ? x : y;                                                               \
        return x != x ? x : larger;                                                                \
    }                                                                                              \
    static inline type smaller_##klass(type x, type y) {                                           \
        type smaller = x < y ? x : y;                                                              \
        return x != x ? x : smaller;                                                               \
    }
ACN_EXTREMES(f32, float)
ACN_EXTREMES(f64, double)

/* ACN_KERNEL(klass_name): d[i] = value, where |x|, |y|, |z| are a[i], b[i], c[i] of |type|. */
#define ACN_MICRO_1(klass, name, type, result, value)                                              \
    void ACN_KERNEL(klass##_##name)(void *d_, const void *a_, const void *b_, const void *c_,      \
                                    int64_t n) {                                                   \
        result *d = d_;                                                                            \
        const type *a = a_;                                                                        \
        ACN_LOOP(i, n) {                                                                           \
            type x = a[i];                                                                         \
            d[i] = (value);                                                                        \
        }                                                                                          \
    }

#define ACN_MICRO_2(klass, name, type, result, value)                                              \
    void ACN_KERNEL(klass##_##name)(void *d_, const void *a_, const void *b_, const void *c_,      \
                                    int64_t n) {                                                   \
        result *d = d_;                                                                            \
        const type *a = a_, *b = b_;                                                               \
        ACN_LOOP(i, n) {                                                                           \
            type x = a[i], y = b[i];                                                               \
            d[i] = (value);                                                                        \
        }                                                                                          \
    }

#define ACN_MICRO_3(klass, name, type, result, value)                                              \
    void ACN_KERNEL(klass##_##name)(void *d_, const void *a_, const void *b_, const void *c_,      \
                                    int64_t n) {                                                   \
        result *d = d_;                                                                            \
        const type *a = a_, *b = b_, *c = c_;                                                      \
        ACN_LOOP(i, n) {                                                                           \
            type x = a[i], y = b[i], z = c[i];                                                     \
            d[i] = (value);                                                                        \
        }                                                                                          \
    }

/* 64 lanes are combined into lane[0], always two halves: sizes are constants, so that the compiler
 * sees vectors. */
#define ACN_JOIN_HALVES(lane, width, combine)                                                      \
    for (int j = 0; j < (width); j++)                                                              \
    (lane)[j] = combine((lane)[j], (lane)[j + (width)])
#define ACN_JOIN_64(lane, combine)                                                                 \
    do {                                                                                           \
        ACN_JOIN_HALVES(lane, 32, combine);                                                        \
        ACN_JOIN_HALVES(lane, 16, combine);                                                        \
        ACN_JOIN_HALVES(lane, 8, combine);                                                         \
        ACN_JOIN_HALVES(lane, 4, combine);                                                         \
        ACN_JOIN_HALVES(lane, 2, combine);                                                         \
        ACN_JOIN_HALVES(lane, 1, combine);                                                         \
    } while (0)

/* d = c ? a : b, where c is a mask of bytes. */
#define ACN_MICRO_SELECT(klass, type)                                                              \
    void ACN_KERNEL(klass##_SELECT)(void *d_, const void *a_, const void *b_, const void *c_,      \
                                    int64_t n) {                                                   \
        type *d = d_;                                                                              \
        const type *a = a_, *b = b_;                                                               \
        const uint8_t *c = c_;                                                                     \
        ACN_LOOP(i, n) {                                                                           \
            type x = a[i], y = b[i];                                                               \
            d[i] = c[i] ? x : y;                                                                   \
        }                                                                                          \
    }

#define ACN_MICRO_COPY(klass, type)                                                                \
    void ACN_KERNEL(klass##_COPY)(void *d, const void *a, const void *b, const void *c,            \
                                  int64_t n) {                                                     \
        if (d != a) __builtin_memcpy(d, a, (size_t)n * sizeof(type));                              \
    }

#define ACN_MICRO_COMPARISONS(klass, type)                                                         \
    ACN_MICRO_2(klass, EQ, type, uint8_t, x == y)                                                  \
    ACN_MICRO_2(klass, NE, type, uint8_t, x != y)                                                  \
    ACN_MICRO_2(klass, LT, type, uint8_t, x < y)                                                   \
    ACN_MICRO_2(klass, LE, type, uint8_t, x <= y)                                                  \
    ACN_MICRO_2(klass, GT, type, uint8_t, x > y)                                                   \
    ACN_MICRO_2(klass, GE, type, uint8_t, x >= y)

#endif
