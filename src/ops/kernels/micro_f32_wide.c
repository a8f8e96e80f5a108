/* micro_f32_wide.c - micro-ops of class F32 that work by way of double, in blocks, or in the C
 * library. */
#include "ops/kernels/loops.h"
#include "ops/kernels/math_vector.h"
#include "ops/kernels/math_wide.h"
#include "ops/kernels/periodic.h"
#include "ops/kernels/special.h"

/* lgamma itself leaves the sign in a global variable. */
static inline float log_gamma(float x) {
    int sign;
    return lgammaf_r(x, &sign);
}

ACN_MICRO_2(f32, POW, float, float, pow_f32(x, y))
ACN_MICRO_1(f32, ASIN, float, float, asin_f32(x))
ACN_MICRO_1(f32, ACOS, float, float, acos_f32(x))
ACN_MICRO_1(f32, ATAN, float, float, (float)atan2_wide(x, 1.0))
ACN_MICRO_2(f32, ATAN2, float, float, (float)atan2_wide(x, y))
ACN_MICRO_1(f32, SINH, float, float, sinh_f32(x))
ACN_MICRO_1(f32, COSH, float, float, cosh_f32(x))
ACN_MICRO_1(f32, ASINH, float, float, asinh_f32(x))
ACN_MICRO_1(f32, ACOSH, float, float, acosh_f32(x))
ACN_MICRO_1(f32, ATANH, float, float, atanh_f32(x))
#ifdef ACN_HAS_VECTOR_MATH
ACN_MICRO_VECTOR(EXP2, exp2_v(x))
ACN_MICRO_VECTOR(EXPM1, expm1_v(x))
ACN_MICRO_VECTOR(LOG2, log2_v(x))
ACN_MICRO_VECTOR(LOG10, log10_v(x))
ACN_MICRO_VECTOR(LOG1P, log1p_v(x))
#else
ACN_MICRO_1(f32, EXP2, float, float, exp2_f32(x))
ACN_MICRO_1(f32, EXPM1, float, float, expm1_f32(x))
ACN_MICRO_1(f32, LOG2, float, float, log_scaled(x, 1.0))
ACN_MICRO_1(f32, LOG10, float, float, log_scaled(x, 0.30102999566398120))
ACN_MICRO_1(f32, LOG1P, float, float, (float)log1p_wide(x))
#endif
ACN_MICRO_1(f32, ERFC, float, float, erfc_f32(x))
ACN_MICRO_1(f32, ERFINV, float, float, erfinv_f32(x))
ACN_MICRO_1(f32, LGAMMA, float, float, log_gamma(x))
ACN_MICRO_1(f32, DIGAMMA, float, float, (float)special_digamma(x))

/* ---- periodic functions ---------------------------------------------------------------------- */

ACN_MICRO_PERIODIC(f32, SIN, float, ACN_SIN_LIMIT, sinf, signed_sin_f32(x))
ACN_MICRO_PERIODIC(f32, COS, float, ACN_SIN_LIMIT, cosf, sin_f32(x, 1))
ACN_MICRO_PERIODIC(f32, TAN, float, ACN_TAN_LIMIT, tanf, tan_f32(x))

/* ---- division with a remainder --------------------------------------------------------------- */

enum { BLOCK = 256 };

/* fmod where |x / y| < 2^29: the whole quotient times y is then exact in double. A quotient that
 * was rounded up to the next integer is taken back. */
static inline double short_fmod(double x, double y) {
    double r = fabs(x) - trunc(fabs(x / y)) * fabs(y);
    r = r < 0.0 ? r + fabs(y) : r;
    return copysign(r, x);
}

static bool has_long_quotient(const float *a, const float *b, int64_t n) {
    int is_long = 0;
    for (int64_t i = 0; i < n; i++) /* division by 0, infinity and NaN too */
        is_long |= !(fabsf(a[i]) < fabsf(b[i]) * 0x1p28f) | !(fabsf(b[i]) < INFINITY);
    return is_long;
}

#define DEFINE_DIVISION(name, value)                                                               \
    void ACN_KERNEL(f32_##name)(void *d_, const void *a_, const void *b_, const void *c_,          \
                                int64_t n) {                                                       \
        float *d = d_;                                                                             \
        const float *a = a_, *b = b_;                                                              \
        for (; n > 0; n -= BLOCK, d += BLOCK, a += BLOCK, b += BLOCK) {                            \
            int64_t m = n < BLOCK ? n : BLOCK;                                                     \
            if (has_long_quotient(a, b, m)) {                                                      \
                for (int64_t i = 0; i < m; i++) {                                                  \
                    double x = a[i], y = b[i], r = fmod(x, y);                                     \
                    d[i] = (float)(value);                                                         \
                }                                                                                  \
            } else {                                                                               \
                ACN_LOOP(i, m) {                                                                   \
                    double x = a[i], y = b[i], r = short_fmod(x, y);                               \
                    d[i] = (float)(value);                                                         \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

DEFINE_DIVISION(FMOD, ((void)y, r))
DEFINE_DIVISION(REMAINDER, special_remainder(r, y))
DEFINE_DIVISION(FLOOR_DIV, special_floor_divide(r, x, y))
