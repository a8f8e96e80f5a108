/* micro_f32.c - micro-ops of class F32. */
#include "ops/kernels/loops.h"
#include "ops/kernels/math_avx512.h"
#include "ops/kernels/math_f32.h"

ACN_MICRO_2(f32, ADD, float, float, x + y)
ACN_MICRO_2(f32, SUB, float, float, x - y)
ACN_MICRO_2(f32, MUL, float, float, x *y)
ACN_MICRO_2(f32, DIV, float, float, x / y)
ACN_MICRO_3(f32, FMA, float, float, x *y + z)
ACN_MICRO_2(f32, MAX, float, float, (x > y) | (x != x) ? x : y)
ACN_MICRO_2(f32, MIN, float, float, (x < y) | (x != x) ? x : y)
ACN_MICRO_1(f32, NEG, float, float, -x)
ACN_MICRO_1(f32, ABS, float, float, fabsf(x))
ACN_MICRO_1(f32, SQRT, float, float, sqrtf(x))
ACN_MICRO_1(f32, RSQRT, float, float, 1.0f / sqrtf(x))
ACN_MICRO_1(f32, RECIP, float, float, 1.0f / x)
ACN_MICRO_1(f32, FLOOR, float, float, floorf(x))
ACN_MICRO_1(f32, CEIL, float, float, ceilf(x))
ACN_MICRO_1(f32, TRUNC, float, float, truncf(x))
ACN_MICRO_1(f32, ROUND, float, float, rintf(x))
ACN_MICRO_1(f32, ERF, float, float, erf_f32(x))
ACN_MICRO_2(f32, POW, float, float, pow_f32(x, y))
ACN_MICRO_1(f32, RELU, float, float, x > 0.0f ? x : (x != x ? x : 0.0f))
#ifdef __AVX512F__
ACN_MICRO_512(EXP, exp_512(x))
ACN_MICRO_512(LOG, log_512(x))
ACN_MICRO_512(TANH, tanh_512(x))
#else
ACN_MICRO_1(f32, EXP, float, float, exp_f32(x))
ACN_MICRO_1(f32, LOG, float, float, log_f32(x))
ACN_MICRO_1(f32, TANH, float, float, tanh_f32(x))
#endif
ACN_MICRO_COMPARISONS(f32, float)
ACN_MICRO_1(f32, IS_FINITE, float, uint8_t, fabsf(x) < INFINITY)
ACN_MICRO_1(f32, IS_NAN, float, uint8_t, x != x)
ACN_MICRO_SELECT(f32, float)
ACN_MICRO_COPY(f32, float)

/* Large arguments need some 200 bits of pi and go through the C library, one by one. */
enum { SIN_BLOCK = 256 };

static bool has_large(const float *a, int64_t n) {
    int large = 0;
    for (int64_t i = 0; i < n; i++)
        large |= fabsf(a[i]) > ACN_SIN_LIMIT;
    return large;
}

static void replace_large(float *d, const float *a, int64_t n, float (*exact)(float)) {
    for (int64_t i = 0; i < n; i++)
        if (fabsf(a[i]) > ACN_SIN_LIMIT) d[i] = exact(a[i]);
}

#define DEFINE_PERIODIC(name, exact, value)                                                        \
    void ACN_KERNEL(f32_##name)(void *d_, const void *a_, const void *b_, const void *c_,          \
                                int64_t n) {                                                       \
        float *d = d_, copy[SIN_BLOCK];                                                            \
        const float *a = a_;                                                                       \
        for (; n > 0; n -= SIN_BLOCK, d += SIN_BLOCK, a += SIN_BLOCK) {                            \
            int64_t m = n < SIN_BLOCK ? n : SIN_BLOCK;                                             \
            bool is_large = has_large(a, m);                                                       \
            if (is_large) memcpy(copy, a, (size_t)m * sizeof(float)); /* d may be a */             \
            ACN_LOOP(i, m) {                                                                       \
                float x = a[i];                                                                    \
                d[i] = (value);                                                                    \
            }                                                                                      \
            if (is_large) replace_large(d, copy, m, exact);                                        \
        }                                                                                          \
    }

DEFINE_PERIODIC(SIN, sinf, signed_sin_f32(x))
DEFINE_PERIODIC(COS, cosf, sin_f32(x, 1))
