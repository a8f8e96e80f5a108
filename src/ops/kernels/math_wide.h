/* math_wide.h - f32 functions by way of double, without branches, so that loops over them
 * vectorise.
 *
 * Where a float cannot carry what is in between (a logarithm to be multiplied, 1 + x, 1 - x^2)
 * double costs half the lanes and leaves less than 0.51 units of error after the one rounding at
 * the end. Inputs are floats: every finite one is a normal double, and squares do not overflow.
 * Polynomials are minimax fits of the functions named at each one. Private to this folder.
 */
#ifndef ACN_OPS_KERNELS_MATH_WIDE_H
#define ACN_OPS_KERNELS_MATH_WIDE_H

#include "ops/kernels/math_f32.h"

/* log2(x) for a positive normal x, to about 50 bits. */
static inline double log2_positive(double x) {
    /* The exponent field, biased so that a logical shift will do (AVX2 has no arithmetic one). */
    uint64_t shifted = f64_bits(x) - 0x3fe6a09e667f3bcdu + (UINT64_C(1024) << 52);
    double k = f64_from_bits((shifted >> 52) | 0x4330000000000000u) - (0x1p52 + 1024.0);
    double f = f64_from_bits((shifted & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0;
    double q = -0.059133135848028415; /* log2(1 + f) / f */
    q = q * f + 0.11709648786226011;
    q = q * f - 0.11873963552722389;
    q = q * f + 0.11025777906870207;
    q = q * f - 0.11793443135774792;
    q = q * f + 0.13098689777975492;
    q = q * f - 0.14443098312953628;
    q = q * f + 0.16031787847142676;
    q = q * f - 0.18033080975159566;
    q = q * f + 0.2060985507379379;
    q = q * f - 0.24044929287605402;
    q = q * f + 0.28853902093131267;
    q = q * f - 0.36067375914758254;
    q = q * f + 0.48089834688496008;
    q = q * f - 0.72134752044742567;
    q = q * f + 1.4426950408890382;
    return q * f + k;
}

/* (2^r - 1) / r for |r| <= 1/2. */
static inline double exp2_slope(double r) {
    double q = 1.0211387828398021e-07;
    q = q * r + 1.3258714269795144e-06;
    q = q * r + 1.5252642238356837e-05;
    q = q * r + 0.00015403439178716155;
    q = q * r + 0.0013333558257538646;
    q = q * r + 0.0096181291834635356;
    q = q * r + 0.055504108664272661;
    q = q * r + 0.24022650695714107;
    return q * r + 0.69314718055995228;
}

/* 2^x for |x| <= 1000. */
static inline double exp2_bounded(double x) {
    double k = x + ACN_ROUNDER_F64;
    uint64_t scale = (f64_bits(k) + 1023u) << 52;
    double r = x - (k - ACN_ROUNDER_F64);
    return (exp2_slope(r) * r + 1.0) * f64_from_bits(scale);
}

/* C's pow, with its special values. */
static inline float pow_f32(float x_, float y_) {
    double x = x_, y = y_, magnitude = fabs(x);
    double l = log2_positive(magnitude);
    l = magnitude == 0.0 ? -INFINITY : l;
    l = magnitude < INFINITY ? l : magnitude; /* infinity and NaN */
    double e = y * l;
    e = e > 200.0 ? 200.0 : e;
    e = e < -200.0 ? -200.0 : e;
    double p = exp2_bounded(e);
    p = e != e ? e : p;
    double whole = fabs(y) < 0x1p52 ? (fabs(y) + 0x1p52) - 0x1p52 : fabs(y);
    int is_whole = whole == fabs(y);
    double half = whole * 0.5;
    int is_odd = is_whole && ((half + 0x1p52) - 0x1p52 != half) && half < 0x1p52;
    p = (x < 0.0 && magnitude < INFINITY && !is_whole) ? NAN : p;
    double negated = is_odd ? -p : p;
    p = f64_bits(x) >> 63 ? negated : p;
    int is_one = x == 1.0 || y == 0.0 || (x == -1.0 && fabs(y) == INFINITY);
    return (float)(is_one ? 1.0 : p);
}

/* log(1 + x); what the sum drops is given back, so that small x keep their digits. */
static inline double log1p_wide(double x) {
    double u = 1.0 + x, lost = x < 1.0 ? x - (u - 1.0) : 0.0;
    double y = log2_positive(u) * 0.69314718055994531 + lost;
    y = x < INFINITY ? y : x; /* infinity and NaN */
    y = x == -1.0 ? -INFINITY : y;
    y = x < -1.0 ? NAN : y;
    return x == 0.0 ? x : y;
}

/* log2(x) with its special values, times |scale|. */
static inline float log_scaled(float x, double scale) {
    double l = log2_positive(x) * scale;
    l = x < INFINITY ? l : (double)x;
    l = x == 0.0f ? -INFINITY : l;
    return (float)(x < 0.0f ? NAN : l);
}

/* e^x - 1 for |x| <= 700; the rounded 2^k - 1 loses nothing that counts beside it. */
static inline double expm1_wide(double x) {
    double z = x * 1.4426950408889634, k = z + ACN_ROUNDER_F64;
    double scale = f64_from_bits((f64_bits(k) + 1023u) << 52);
    double r = z - (k - ACN_ROUNDER_F64);
    return scale * (exp2_slope(r) * r) + (scale - 1.0);
}

static inline float exp2_f32(float x) {
    double y = x > 200.0f ? 200.0f : x; /* NaN passes */
    return (float)exp2_bounded(y < -200.0 ? -200.0 : y);
}

static inline float expm1_f32(float x) {
    double y = x > 100.0f ? 100.0f : x;
    y = expm1_wide(y < -100.0 ? -100.0 : y);
    return x == 0.0f ? x : (float)y;
}

static inline float sinh_f32(float x) {
    double t = fabsf(x) > 100.0f ? 100.0f : fabsf(x), e = expm1_wide(t);
    return copysignf((float)(0.5 * (e + e / (e + 1.0))), x);
}

static inline float cosh_f32(float x) {
    double t = fabsf(x) > 100.0f ? 100.0f : fabsf(x), e = exp2_bounded(t * 1.4426950408889634);
    return (float)(0.5 * (e + 1.0 / e));
}

static inline float asinh_f32(float x) {
    double t = fabsf(x), square = t * t;
    double y = log1p_wide(t + square / (1.0 + sqrt(square + 1.0)));
    return copysignf(t < INFINITY ? (float)y : (float)t, x);
}

static inline float acosh_f32(float x) {
    double t = (double)x - 1.0;
    double y = log1p_wide(t + sqrt(t * (t + 2.0)));
    return x < 1.0f ? NAN : (float)y;
}

static inline float atanh_f32(float x) {
    double t = fabsf(x);
    double y = 0.5 * log1p_wide((t + t) / (1.0 - t));
    return copysignf(t > 1.0 ? NAN : (float)y, x);
}

/* The angle of (x, y), in all four quadrants; one division of the smaller by the larger. */
static inline double atan2_wide(double y, double x) {
    double s = fabs(y), c = fabs(x);
    double low = s < c ? s : c, high = s < c ? c : s;
    double t = low / high;
    t = high == 0.0 ? 0.0 : low == INFINITY ? 1.0 : t;
    double z = t * t;
    double q = -0.0006980472269581976; /* atan(t) / t */
    q = q * z + 0.0049237564021210887;
    q = q * z - 0.016284426452734403;
    q = q * z + 0.034441137465438573;
    q = q * z - 0.054471751966760171;
    q = q * z + 0.072560123260673071;
    q = q * z - 0.089837704758833237;
    q = q * z + 0.11093996184741017;
    q = q * z - 0.14284074859501722;
    q = q * z + 0.19999918063093816;
    q = q * z - 0.33333331720882908;
    q = q * z + 0.9999999999473892;
    double angle = q * t;
    angle = s > c ? 1.5707963267948966 - angle : angle;
    angle = f64_bits(x) >> 63 ? 3.1415926535897931 - angle : angle;
    angle = x != x || y != y ? NAN : angle;
    return copysign(angle, y);
}

/* exp(-x^2) times a polynomial in (|x| - 3) / (|x| + 3), which stays between -1 and 0.6. */
static inline float erfc_f32(float x) {
    double t = fabsf(x) > 11.0f ? 11.0 : fabsf(x), y = (t - 3.0) / (t + 3.0);
    double q = 3.703140511309114e-05; /* (1 + 2 t) exp(t^2) erfc(t) */
    q = q * y - 0.00017775961789043743;
    q = q * y - 0.0007375007191529801;
    q = q * y + 0.001949044289921981;
    q = q * y + 0.0025270245098846797;
    q = q * y - 0.02378815150150091;
    q = q * y + 0.06830649578943063;
    q = q * y - 0.11927148463100917;
    q = q * y + 0.12964537570403573;
    q = q * y - 0.04756239349298515;
    q = q * y - 0.13562111194076468;
    q = q * y + 1.2530080590311132;
    q = q * exp2_bounded(t * t * -1.4426950408889634) / (1.0 + 2.0 * t);
    q = x < 0.0f ? 2.0 - q : q;
    return x != x ? x : (float)q;
}

/* x times a function of w = -log(1 - x^2): up to 6 a polynomial in w, then one in its root. */
static inline float erfinv_f32(float x) {
    double t = x, w = log2_positive((1.0 - t) * (1.0 + t)) * -0.69314718055994531;
    double near = 3.533462405068464e-11;
    near = near * w - 4.865016369717909e-10;
    near = near * w - 9.200152762677385e-09;
    near = near * w + 2.6849698105019476e-07;
    near = near * w - 2.3758813142190166e-06;
    near = near * w + 5.6400030341229434e-06;
    near = near * w + 4.0607525273587185e-05;
    near = near * w - 0.00012191642762367925;
    near = near * w - 0.002338715938946364;
    near = near * w + 0.011550425112833105;
    near = near * w + 0.23201354149935569;
    near = near * w + 0.8862269277989078;
    double s = sqrt(w > 6.0 ? w : 6.0), far = 7.874188615296181e-05;
    far = far * s - 0.0023514052600504065;
    far = far * s + 0.030836618199099053;
    far = far * s - 0.23216773716069933;
    far = far * s + 1.099014808533037;
    far = far * s - 3.355936316124656;
    far = far * s + 6.477109788994017;
    far = far * s - 7.276064701061853;
    far = far * s + 4.748078762165012;
    far = far * s - 0.3501085837453739;
    float y = (float)(t * (w > 6.0 ? far : near));
    y = fabsf(x) == 1.0f ? copysignf(INFINITY, x) : y;
    return fabsf(x) <= 1.0f ? y : NAN;
}

/* For |x| <= ACN_TAN_LIMIT, where k times the first part of pi / 2 is exact. */
#define ACN_TAN_LIMIT 1e6f
static inline float tan_f32(float x) {
    double t = x, k = t * 0x1.45f306dc9c883p-1 + ACN_ROUNDER_F64;
    uint64_t quadrant = f64_bits(k);
    k -= ACN_ROUNDER_F64;
    double r = (t - k * 0x1.921fb544p0) - k * 0x1.0b4611a626331p-34;
    double s = sin_reduced(r), c = cos_reduced(r);
    double y = quadrant & 1u ? -c / s : s / c;
    return x == 0.0f ? x : (float)y;
}

#endif
