/* micro_f32.c - micro-ops of class F32. */
#include "ops/kernels/loops.h"
#include "ops/kernels/math_f32.h"
#include "ops/kernels/math_vector.h"

ACN_MICRO_2(f32, ADD, float, float, x + y)
ACN_MICRO_2(f32, SUB, float, float, x - y)
ACN_MICRO_2(f32, MUL, float, float, x *y)
ACN_MICRO_2(f32, DIV, float, float, x / y)
ACN_MICRO_3(f32, FMA, float, float, x *y + z)
ACN_MICRO_3(f32, CLAMP, float, float, smaller_f32(z, larger_f32(y, x)))
ACN_MICRO_2(f32, NUMBER, float, float, x == x ? x : y)
ACN_MICRO_1(f32, NEG, float, float, -x)
ACN_MICRO_1(f32, ABS, float, float, fabsf(x))
ACN_MICRO_1(f32, SIGN, float, float, (float)((x > 0.0f) - (x < 0.0f)))
ACN_MICRO_1(f32, SQRT, float, float, sqrtf(x))
ACN_MICRO_1(f32, RSQRT, float, float, 1.0f / sqrtf(x))
ACN_MICRO_1(f32, RECIP, float, float, 1.0f / x)
ACN_MICRO_1(f32, FLOOR, float, float, floorf(x))
ACN_MICRO_1(f32, CEIL, float, float, ceilf(x))
ACN_MICRO_1(f32, TRUNC, float, float, truncf(x))
ACN_MICRO_1(f32, ROUND, float, float, rintf(x))
ACN_MICRO_1(f32, ERF, float, float, erf_f32(x))
ACN_MICRO_1(f32, RELU, float, float, x > 0.0f ? x : (x != x ? x : 0.0f))
#ifdef ACN_HAS_VECTOR_MATH
ACN_MICRO_VECTOR_2(MAX, V_UNLESS_NAN(x, V_MAX(x, y)))
ACN_MICRO_VECTOR_2(MIN, V_UNLESS_NAN(x, V_MIN(x, y)))
ACN_MICRO_VECTOR(EXP, exp_v(x))
ACN_MICRO_VECTOR(LOG, log_v(x))
ACN_MICRO_VECTOR(TANH, tanh_v(x))
#else
ACN_MICRO_2(f32, MAX, float, float, larger_f32(x, y))
ACN_MICRO_2(f32, MIN, float, float, smaller_f32(x, y))
ACN_MICRO_1(f32, EXP, float, float, exp_f32(x))
ACN_MICRO_1(f32, LOG, float, float, log_f32(x))
ACN_MICRO_1(f32, TANH, float, float, tanh_f32(x))
#endif
ACN_MICRO_COMPARISONS(f32, float)
ACN_MICRO_1(f32, IS_FINITE, float, uint8_t, fabsf(x) < INFINITY)
ACN_MICRO_1(f32, IS_NAN, float, uint8_t, x != x)
ACN_MICRO_SELECT(f32, float)
ACN_MICRO_COPY(f32, float)
