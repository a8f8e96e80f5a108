/* micro_f64.c - micro-ops of class F64. The common transcendental functions are vectorised; the
 * others are the C library's: double is not a type that training or inference spends its time in.
 */
#include "ops/kernels/loops.h"
#include "ops/kernels/math_f64.h"
#include "ops/kernels/periodic.h"
#include "ops/kernels/special.h"

/* lgamma itself leaves the sign in a global variable. */
static inline double log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

ACN_MICRO_2(f64, ADD, double, double, x + y)
ACN_MICRO_2(f64, SUB, double, double, x - y)
ACN_MICRO_2(f64, MUL, double, double, x *y)
ACN_MICRO_2(f64, DIV, double, double, x / y)
ACN_MICRO_3(f64, FMA, double, double, x *y + z)
ACN_MICRO_2(f64, MAX, double, double, larger_f64(x, y))
ACN_MICRO_2(f64, MIN, double, double, smaller_f64(x, y))
ACN_MICRO_3(f64, CLAMP, double, double, smaller_f64(z, larger_f64(y, x)))
ACN_MICRO_2(f64, NUMBER, double, double, x == x ? x : y)
ACN_MICRO_1(f64, NEG, double, double, -x)
ACN_MICRO_1(f64, ABS, double, double, fabs(x))
ACN_MICRO_1(f64, SIGN, double, double, (double)((x > 0.0) - (x < 0.0)))
ACN_MICRO_1(f64, SQRT, double, double, sqrt(x))
ACN_MICRO_1(f64, RSQRT, double, double, 1.0 / sqrt(x))
ACN_MICRO_1(f64, RECIP, double, double, 1.0 / x)
ACN_MICRO_1(f64, FLOOR, double, double, floor(x))
ACN_MICRO_1(f64, CEIL, double, double, ceil(x))
ACN_MICRO_1(f64, TRUNC, double, double, trunc(x))
ACN_MICRO_1(f64, ROUND, double, double, rint(x))
ACN_MICRO_1(f64, EXP, double, double, exp_f64(x))
ACN_MICRO_1(f64, LOG, double, double, log_f64(x))
ACN_MICRO_1(f64, TANH, double, double, tanh_f64(x))
ACN_MICRO_PERIODIC(f64, SIN, double, ACN_SIN_LIMIT_F64, sin, signed_sin_f64(x))
ACN_MICRO_PERIODIC(f64, COS, double, ACN_SIN_LIMIT_F64, cos, sin_f64(x, 1))
ACN_MICRO_1(f64, ERF, double, double, erf(x))
ACN_MICRO_1(f64, ERFC, double, double, erfc(x))
ACN_MICRO_1(f64, ERFINV, double, double, special_erfinv(x))
ACN_MICRO_1(f64, EXPM1, double, double, expm1_f64(x))
ACN_MICRO_1(f64, LOG1P, double, double, log1p_f64(x))
ACN_MICRO_1(f64, EXP2, double, double, exp2_f64(x))
ACN_MICRO_1(f64, LOG2, double, double, log2(x))
ACN_MICRO_1(f64, LOG10, double, double, log10(x))
ACN_MICRO_1(f64, LGAMMA, double, double, log_gamma(x))
ACN_MICRO_1(f64, DIGAMMA, double, double, special_digamma(x))
ACN_MICRO_1(f64, TAN, double, double, tan(x))
ACN_MICRO_1(f64, ASIN, double, double, asin(x))
ACN_MICRO_1(f64, ACOS, double, double, acos(x))
ACN_MICRO_1(f64, ATAN, double, double, atan(x))
ACN_MICRO_1(f64, SINH, double, double, sinh(x))
ACN_MICRO_1(f64, COSH, double, double, cosh(x))
ACN_MICRO_1(f64, ASINH, double, double, asinh(x))
ACN_MICRO_1(f64, ACOSH, double, double, acosh(x))
ACN_MICRO_1(f64, ATANH, double, double, atanh(x))
ACN_MICRO_2(f64, ATAN2, double, double, atan2(x, y))
ACN_MICRO_2(f64, FMOD, double, double, fmod(x, y))
ACN_MICRO_2(f64, REMAINDER, double, double, special_remainder(fmod(x, y), y))
ACN_MICRO_2(f64, FLOOR_DIV, double, double, special_floor_divide(fmod(x, y), x, y))
ACN_MICRO_2(f64, POW, double, double, pow(x, y))
ACN_MICRO_1(f64, RELU, double, double, x > 0.0 ? x : (x != x ? x : 0.0))
ACN_MICRO_COMPARISONS(f64, double)
ACN_MICRO_1(f64, IS_FINITE, double, uint8_t, fabs(x) < INFINITY)
ACN_MICRO_1(f64, IS_NAN, double, uint8_t, x != x)
ACN_MICRO_SELECT(f64, double)
ACN_MICRO_COPY(f64, double)
