/* math_f64.h - f64 functions without branches, so that loops over them vectorise; within two units
 * of the last place, most within one (tests/unit/test_kernels.c). Series are Taylor's, long enough
 * for the reduced arguments; constants that are multiplied by whole numbers come in parts, of which
 * the first ones end in zeros, so that those products are exact. Private to this folder.
 */
#ifndef ACN_OPS_KERNELS_MATH_F64_H
#define ACN_OPS_KERNELS_MATH_F64_H

#include "ops/kernels/math_f32.h"

#define ACN_LN2_HIGH 0x1.62e42feep-1
#define ACN_LN2_LOW  0x1.a39ef35793c76p-33

/* (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2. */
static inline double exp_series(double r) {
    double q = 1.0 / 87178291200.0; /* 14! */
    q = q * r + 1.0 / 6227020800.0;
    q = q * r + 1.0 / 479001600.0;
    q = q * r + 1.0 / 39916800.0;
    q = q * r + 1.0 / 3628800.0;
    q = q * r + 1.0 / 362880.0;
    q = q * r + 1.0 / 40320.0;
    q = q * r + 1.0 / 5040.0;
    q = q * r + 1.0 / 720.0;
    q = q * r + 1.0 / 120.0;
    q = q * r + 1.0 / 24.0;
    q = q * r + 1.0 / 6.0;
    return q * r + 0.5;
}

/* y * 2^n for y near 1, in two factors: n reaches 1024 and, for subnormal results, -1075. |k| is n
 * with ACN_ROUNDER_F64 added. */
static inline double scale_f64(double y, double k) {
    uint64_t n = f64_bits(k) - f64_bits(ACN_ROUNDER_F64), half = (n + 4096u) / 2 - 2048u;
    return y * f64_from_bits((half + 1023u) << 52) * f64_from_bits((n - half + 1023u) << 52);
}

static inline double exp_f64(double x) {
    x = x > 710.0 ? 710.0 : x; /* NaN passes */
    x = x < -750.0 ? -750.0 : x;
    double rounded = x * 1.4426950408889634 + ACN_ROUNDER_F64, k = rounded - ACN_ROUNDER_F64;
    double high = x - k * ACN_LN2_HIGH, r = high - k * ACN_LN2_LOW;
    return scale_f64(exp_series(r) * r * r + r + 1.0, rounded);
}

static inline double exp2_f64(double x) {
    x = x > 1025.0 ? 1025.0 : x;
    x = x < -1080.0 ? -1080.0 : x;
    double rounded = x + ACN_ROUNDER_F64,
           r = (x - (rounded - ACN_ROUNDER_F64)) * 0.6931471805599453;
    return scale_f64(exp_series(r) * r * r + r + 1.0, rounded);
}

/* 2^k (e^r) - 1 with the whole part taken apart, halved so that 2^1024 stays in range. */
static inline double expm1_f64(double x) {
    double y = x > 710.0 ? 710.0 : x;
    y = y < -40.0 ? -40.0 : y;
    double rounded = y * 1.4426950408889634 + ACN_ROUNDER_F64, k = rounded - ACN_ROUNDER_F64;
    double high = y - k * ACN_LN2_HIGH, low = k * ACN_LN2_LOW;
    double r = high - low, lost = (high - r) - low;
    double part = r + (exp_series(r) * r * r + lost);
    uint64_t n = f64_bits(rounded) - f64_bits(ACN_ROUNDER_F64);
    double half = f64_from_bits((n + 1022u) << 52); /* 2^(k - 1) */
    double z = ((half - 0.5) + half * part) * 2.0;
    z = k == 0.0 ? part : z;
    return x == 0.0 ? x : z;
}

static inline double tanh_f64(double x) {
    double t = fabs(x) > 22.0 ? 22.0 : fabs(x), e = expm1_f64(t + t);
    double y = copysign(e / (e + 2.0), x);
    return x != x ? x : y;
}

/* log(u) + more, for a positive normal u; |more| is far below the last place of u. With
 * s = f / (2 + f), log(1 + f) = f - f^2 / 2 + s (f^2 / 2 + R), R = 2 s^2 / 3 + 2 s^4 / 5 + ... */
static inline double log_parts_f64(double u, double more, double k_more) {
    uint64_t shifted = f64_bits(u) - 0x3fe6a09e667f3bcdu + (UINT64_C(2048) << 52);
    double k = f64_from_bits((shifted >> 52) | 0x4330000000000000u) - (0x1p52 + 2048.0) + k_more;
    double f = f64_from_bits((shifted & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0;
    double s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    double q = 2.0 / 23;
    q = q * z + 2.0 / 21;
    q = q * z + 2.0 / 19;
    q = q * z + 2.0 / 17;
    q = q * z + 2.0 / 15;
    q = q * z + 2.0 / 13;
    q = q * z + 2.0 / 11;
    q = q * z + 2.0 / 9;
    q = q * z + 2.0 / 7;
    q = q * z + 2.0 / 5;
    q = q * z + 2.0 / 3;
    double low = s * (half + q * z) + (k * ACN_LN2_LOW + more);
    return k * ACN_LN2_HIGH - ((half - low) - f);
}

static inline double log_f64(double x) {
    int is_tiny = x < 0x1p-1022;
    double y = log_parts_f64(is_tiny ? x * 0x1p54 : x, 0.0, is_tiny ? -54.0 : 0.0);
    y = x < INFINITY ? y : x; /* infinity and NaN */
    y = x == 0.0 ? -INFINITY : y;
    return x < 0.0 ? NAN : y;
}

/* What the sum drops comes back divided by it. */
static inline double log1p_f64(double x) {
    double u = 1.0 + x, lost = x < 0x1p53 ? x - (u - 1.0) : 0.0;
    double y = log_parts_f64(u, lost / u, 0.0);
    y = x < INFINITY ? y : x;
    y = x == -1.0 ? -INFINITY : y;
    y = x < -1.0 ? NAN : y;
    return x == 0.0 ? x : y;
}

/* sin(|x| + quadrants * pi / 2) for |x| <= ACN_SIN_LIMIT_F64: pi / 2 in parts of 33 bits, and what
 * the difference drops. */
#define ACN_SIN_LIMIT_F64 1e5
static inline double sin_f64(double x, uint64_t quadrants) {
    double t = fabs(x), rounded = t * 0.63661977236758138 + ACN_ROUNDER_F64;
    double k = rounded - ACN_ROUNDER_F64;
    uint64_t quadrant = f64_bits(rounded) + quadrants;
    double first = t - k * 0x1.921fb544p0, second = k * 0x1.0b4611a6p-34;
    double rest = first - second, lost = (first - rest) - second;
    double third = k * 0x1.3198a2e037073p-69 - lost, r = rest - third;
    double tail = (rest - r) - third, z = r * r;
    double s = 1.0 / 355687428096000.0; /* 17! */
    s = s * z - 1.0 / 1307674368000.0;
    s = s * z + 1.0 / 6227020800.0;
    s = s * z - 1.0 / 39916800.0;
    s = s * z + 1.0 / 362880.0;
    s = s * z - 1.0 / 5040.0;
    s = s * z + 1.0 / 120.0;
    s = r + (r * z * (s * z - 1.0 / 6.0) + tail * (1.0 - 0.5 * z));
    double c = -1.0 / 6402373705728000.0; /* 18! */
    c = c * z + 1.0 / 20922789888000.0;
    c = c * z - 1.0 / 87178291200.0;
    c = c * z + 1.0 / 479001600.0;
    c = c * z - 1.0 / 3628800.0;
    c = c * z + 1.0 / 40320.0;
    c = c * z - 1.0 / 720.0;
    c = c * z + 1.0 / 24.0;
    double half = 0.5 * z, whole = 1.0 - half;
    c = whole + (((1.0 - whole) - half) + (z * z * c - r * tail));
    uint64_t odd = 0 - (quadrant & 1u); /* all ones or none */
    uint64_t bits = (f64_bits(c) & odd) | (f64_bits(s) & ~odd);
    return f64_from_bits(bits ^ (quadrant & 2u) << 62);
}

/* sin(-x) = -sin(x), for -0 too. */
static inline double signed_sin_f64(double x) {
    return f64_from_bits(f64_bits(sin_f64(x, 0)) ^ (f64_bits(x) & UINT64_C(1) << 63));
}

#endif
