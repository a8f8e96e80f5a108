/* math_f32.h - f32 functions in f32 arithmetic, without branches, so that loops over them
 * vectorise.
 *
 * Polynomials are minimax fits (Lawson's algorithm) of the functions named at each one. Errors are
 * asserted by tests/unit/test_kernels.c. Functions that need more digits on the way are in
 * math_wide.h. Private to this folder.
 */
#ifndef ACN_OPS_KERNELS_MATH_F32_H
#define ACN_OPS_KERNELS_MATH_F32_H

#include "base/half.h"
#include <math.h>

static inline uint64_t f64_bits(double x) {
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline double f64_from_bits(uint64_t u) {
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Adding 1.5 * 2^23 (2^52) leaves the nearest integer in the low bits of the sum. */
#define ACN_ROUNDER_F32 0x1.8p23f
#define ACN_ROUNDER_F64 0x1.8p52

/* e^x = y * 2^n with y near 1; |x| <= 104. */
static inline float exp_parts(float x, uint32_t *n) {
    float k = x * 0x1.715476p0f + ACN_ROUNDER_F32;
    *n = acn_f32_bits(k) - acn_f32_bits(ACN_ROUNDER_F32);
    k -= ACN_ROUNDER_F32;
    float r = x - k * 0x1.62e4p-1f; /* ln 2 in two parts; k times the first is exact */
    r -= k * 0x1.7f7d1cp-20f;
    float q = 0x1.6db42ap-10f; /* (e^r - 1 - r) / r^2 */
    q = q * r + 0x1.123b56p-7f;
    q = q * r + 0x1.55545ep-5f;
    q = q * r + 0x1.55548ep-3f;
    q = q * r + 0x1p-1f;
    return (q * r * r + r) + 1.0f;
}

/* For |x| <= 87, where the result is a normal number. */
static inline float exp_bounded(float x) {
    uint32_t n;
    float y = exp_parts(x, &n);
    return y * acn_f32_from_bits((n + 127u) << 23);
}

static inline float exp_f32(float x) {
    x = x > 89.0f ? 89.0f : x; /* NaN passes */
    x = x < -104.0f ? -104.0f : x;
    uint32_t n;
    float y = exp_parts(x, &n);
    /* 2^n in two factors: n reaches 128 and, for subnormal results, -150. */
    uint32_t half = (n + 256u) / 2 - 128u;
    return y * acn_f32_from_bits((half + 127u) << 23) * acn_f32_from_bits((n - half + 127u) << 23);
}

static inline float log_f32(float x) {
    int is_tiny = x < 0x1p-126f;
    float s = is_tiny ? x * 0x1p23f : x;
    int32_t shifted = (int32_t)(acn_f32_bits(s) - 0x3f3504f3u); /* bits of sqrt(1/2) */
    float k = (float)(shifted >> 23) - (is_tiny ? 23.0f : 0.0f);
    float f = acn_f32_from_bits(((uint32_t)shifted & 0x7fffffu) + 0x3f3504f3u) - 1.0f;
    float q = 0x1.145024p-4f; /* (log(1 + f) - f + f^2 / 2) / f^3 */
    q = q * f - 0x1.de39aap-4f;
    q = q * f + 0x1.e6f252p-4f;
    q = q * f - 0x1.fc228ep-4f;
    q = q * f + 0x1.233754p-3f;
    q = q * f - 0x1.555c48p-3f;
    q = q * f + 0x1.99a4b6p-3f;
    q = q * f - 0x1.000006p-2f;
    q = q * f + 0x1.555548p-2f;
    float z = f * f;
    float tail = f * z * q + k * 0x1.7f7d1cp-20f - 0.5f * z;
    float y = (f + tail) + k * 0x1.62e4p-1f;
    y = x == INFINITY ? INFINITY : y;
    y = x > 0.0f ? y : -INFINITY;
    return x >= 0.0f ? y : NAN;
}

static inline float tanh_f32(float x) {
    float t = fabsf(x), z = x * x;
    float q = 0x1.197b7cp-9f; /* (tanh(t) / t - 1) / t^2, t < 0.625 */
    q = q * z - 0x1.0c2146p-7f;
    q = q * z + 0x1.6394dap-6f;
    q = q * z - 0x1.b9ef7cp-5f;
    q = q * z + 0x1.11106cp-3f;
    q = q * z - 0x1.555554p-2f;
    float small = t + t * (z * q);
    float bounded = t > 10.0f ? 10.0f : t;
    float large = 1.0f - 2.0f / (exp_bounded(2.0f * bounded) + 1.0f);
    return copysignf(t < 0.625f ? small : large, x);
}

static inline float erf_f32(float x) {
    float t = fabsf(x), z = x * x;
    float q = 0x1.496a32p-14f; /* erf(t) / t - 1, t < 1 */
    q = q * z - 0x1.a3f700p-11f;
    q = q * z + 0x1.5405b2p-8f;
    q = q * z - 0x1.b7f90ep-6f;
    q = q * z + 0x1.ce2cf8p-4f;
    q = q * z - 0x1.81273ep-2f;
    q = q * z + 0.12837917f;
    float small = x + x * q;
    float u = t > 4.0f ? 4.0f : t;
    float p = 0x1.6c0696p-16f; /* -log(1 - erf(t)), 1 <= t <= 4 */
    p = p * u - 0x1.ceeaf4p-12f;
    p = p * u + 0x1.1398fcp-8f;
    p = p * u - 0x1.9d0bd6p-6f;
    p = p * u + 0x1.bc18d0p-4f;
    p = p * u + 0x1.4434f0p-1f;
    p = p * u + 0x1.212c2cp+0f;
    p = p * u - 0x1.8b3f3ep-13f;
    float large = copysignf(1.0f - exp_bounded(-p), x);
    return t < 1.0f ? small : large;
}

/* asin(|x|) = base + sign * asin_part, where the part is that of |x| up to 1/2 and twice that of
 * sqrt((1 - |x|) / 2) above. NaN for |x| > 1. */
static inline float asin_part(float t) {
    float z = t > 0.5f ? (1.0f - t) * 0.5f : t * t;
    float s = t > 0.5f ? sqrtf(z) : t;
    float q = 0x1.58c4p-5f; /* (asin(s) / s - 1) / s^2 */
    q = q * z + 0x1.8d1232p-6f;
    q = q * z + 0x1.7461ap-5f;
    q = q * z + 0x1.330356p-4f;
    q = q * z + 0x1.5555c2p-3f;
    s = t > 0.5f ? s + s : s;
    return s + s * (z * q);
}

static inline float asin_f32(float x) {
    float t = fabsf(x), part = asin_part(t);
    float large = (0x1.921fb6p0f - part) + -0x1.777a5cp-25f; /* pi / 2 in two parts */
    return copysignf(t > 0.5f ? large : part, x);
}

static inline float acos_f32(float x) {
    float t = fabsf(x), part = asin_part(t);
    float near_one = x < 0.0f ? (0x1.921fb6p1f - part) + -0x1.777a5cp-24f : part;
    float signed_part = x < 0.0f ? -part : part;
    float small = (0x1.921fb6p0f - signed_part) + -0x1.777a5cp-25f;
    return t > 0.5f ? near_one : small;
}

/* For |r| <= pi / 4, in double. */
static inline double sin_reduced(double r) {
    double z = r * r;
    double q = -2.4761069148687662e-08; /* (sin(r) / r - 1) / r^2 */
    q = q * z + 2.7555349851985135e-06;
    q = q * z - 1.9841263786601253e-04;
    q = q * z + 8.3333333252072275e-03;
    q = q * z - 1.6666666666631250e-01;
    return r + r * (z * q);
}

static inline double cos_reduced(double r) {
    double z = r * r;
    double q = 2.0647232142610554e-09; /* (cos(r) - 1 + r^2 / 2) / r^4 */
    q = q * z - 2.7555559703110292e-07;
    q = q * z + 2.4801580933493207e-05;
    q = q * z - 1.3888888878194499e-03;
    q = q * z + 4.1666666666601702e-02;
    return (q * z - 0.5) * z + 1.0;
}

/* sin(|x| + quadrants * pi / 2) for |x| <= ACN_SIN_LIMIT. The argument is reduced by pi / 2 in
 * three floats where multiply-adds are fused, else in double. */
#ifdef __FP_FAST_FMAF
#define ACN_SIN_LIMIT 3e4f
static inline float sin_f32(float x, uint32_t quadrants) {
    float t = fabsf(x);
    float k = fmaf(t, 0x1.45f306p-1f, ACN_ROUNDER_F32);
    uint32_t quadrant = acn_f32_bits(k) + quadrants;
    k -= ACN_ROUNDER_F32;
    float r = fmaf(k, -0x1.921fb6p0f, t);
    r = fmaf(k, 0x1.777a5cp-25f, r);
    r = fmaf(k, 0x1.ee59dap-50f, r);
    float z = r * r;
    float s = -0x1.994454p-13f; /* (sin(r) / r - 1) / r^2 */
    s = s * z + 0x1.110742p-7f;
    s = s * z - 0x1.555546p-3f;
    s = r + r * (z * s);
    float c = 0x1.99f90cp-16f; /* (cos(r) - 1 + r^2 / 2) / r^4 */
    c = c * z - 0x1.6c0c6cp-10f;
    c = c * z + 0x1.55554ap-5f;
    c = (c * z - 0.5f) * z + 1.0f;
    float y = quadrant & 1u ? c : s;
    return acn_f32_from_bits(acn_f32_bits(y) ^ (quadrant & 2u) << 30);
}
#else
#define ACN_SIN_LIMIT 1e6f
static inline float sin_f32(float x, uint32_t quadrants) {
    double t = fabsf(x);
    double k = t * 0x1.45f306dc9c883p-1 + ACN_ROUNDER_F64;
    uint64_t quadrant = f64_bits(k) + quadrants;
    k -= ACN_ROUNDER_F64;
    double r = t - k * 0x1.921fb544p0; /* the first part times k is exact */
    r -= k * 0x1.0b4611a626331p-34;
    double s = sin_reduced(r), c = cos_reduced(r);
    uint64_t odd = 0 - (quadrant & 1u); /* all ones or none: a blend that needs no compare */
    uint64_t bits = (f64_bits(c) & odd) | (f64_bits(s) & ~odd);
    return (float)f64_from_bits(bits ^ (quadrant & 2u) << 62);
}
#endif

/* sin(-x) = -sin(x), for -0 too. */
static inline float signed_sin_f32(float x) {
    uint32_t sign = acn_f32_bits(x) & 0x80000000u;
    return acn_f32_from_bits(acn_f32_bits(sin_f32(x, 0)) ^ sign);
}

#endif
