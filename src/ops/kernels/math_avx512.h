/* math_avx512.h - the most used f32 functions with what AVX-512 has for them and a compiler does
 * not find: scaling by 2^k, splitting into exponent and mantissa with all special cases, the
 * reciprocal estimate. Much the same polynomials as math_f32.h, two thirds of the instructions.
 * Private to this folder; empty at other levels.
 */
#ifndef ACN_OPS_KERNELS_MATH_AVX512_H
#define ACN_OPS_KERNELS_MATH_AVX512_H
#ifdef __AVX512F__

#include "ops/kernels/kernels.h"
#include <immintrin.h>

#define V(x) _mm512_set1_ps(x)

#define ACN_MICRO_512(name, value)                                                                 \
    void ACN_KERNEL(f32_##name)(void *d_, const void *a_, const void *b_, const void *c_,          \
                                int64_t n) {                                                       \
        float *d = d_;                                                                             \
        const float *a = a_;                                                                       \
        for (; n >= 16; n -= 16, a += 16, d += 16) {                                               \
            __m512 x = _mm512_loadu_ps(a);                                                         \
            _mm512_storeu_ps(d, value);                                                            \
        }                                                                                          \
        if (n > 0) {                                                                               \
            __mmask16 rest = (__mmask16)((1u << n) - 1u);                                          \
            __m512 x = _mm512_maskz_loadu_ps(rest, a);                                             \
            _mm512_mask_storeu_ps(d, rest, value);                                                 \
        }                                                                                          \
    }

/* e^r * 2^k, |r| <= ln(2) / 2 */
static inline __m512 exp_reduced_512(__m512 r, __m512 k) {
    __m512 q = _mm512_fmadd_ps(r, V(0x1.6db42ap-10f), V(0x1.123b56p-7f));
    q = _mm512_fmadd_ps(q, r, V(0x1.55545ep-5f));
    q = _mm512_fmadd_ps(q, r, V(0x1.55548ep-3f));
    q = _mm512_fmadd_ps(q, r, V(0.5f));
    q = _mm512_fmadd_ps(q, r, V(1.0f));
    q = _mm512_fmadd_ps(q, r, V(1.0f));
    return _mm512_scalef_ps(q, k);
}

/* For |x| <= 104. */
static inline __m512 exp_bounded_512(__m512 x) {
    __m512 k = _mm512_fmadd_ps(x, V(0x1.715476p0f), V(0x1.8p23f)) - V(0x1.8p23f);
    __m512 r = _mm512_fnmadd_ps(k, V(0x1.62e4p-1f), x);
    return exp_reduced_512(_mm512_fnmadd_ps(k, V(0x1.7f7d1cp-20f), r), k);
}

static inline __m512 exp_512(__m512 x) {
    x = _mm512_min_ps(V(89.0f), x); /* NaN is the second operand, and passes */
    return exp_bounded_512(_mm512_max_ps(V(-104.0f), x));
}

static inline __m512 exp2_512(__m512 x) {
    x = _mm512_max_ps(V(-200.0f), _mm512_min_ps(V(200.0f), x));
    __m512 k = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    return exp_reduced_512((x - k) * V(0x1.62e43p-1f), k);
}

/* log(x) = log(1 + f) + k log(2), log(1 + f) = f + tail.
 * Exponent and mantissa come out right for subnormals; 0 and infinity have infinite exponents, a
 * negative number a NaN for its mantissa. */
static inline __m512 log_parts_512(__m512 x, __m512 *k, __m512 *tail) {
    __m512 m = _mm512_getmant_ps(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
    *k = _mm512_getexp_ps(x) - _mm512_getexp_ps(m);
    __m512 f = m - V(1.0f);
    __m512 q = _mm512_fmadd_ps(f, V(0x1.34aaf6p-5f), V(-0x1.7574aap-4f));
    q = _mm512_fmadd_ps(q, f, V(0x1.df4bbcp-4f)); /* (log(1 + f) - f + f^2 / 2) / f^3 */
    q = _mm512_fmadd_ps(q, f, V(-0x1.04aad0p-3f));
    q = _mm512_fmadd_ps(q, f, V(0x1.24603cp-3f));
    q = _mm512_fmadd_ps(q, f, V(-0x1.5519a2p-3f));
    q = _mm512_fmadd_ps(q, f, V(0x1.999788p-3f));
    q = _mm512_fmadd_ps(q, f, V(-0x1.000070p-2f));
    q = _mm512_fmadd_ps(q, f, V(0x1.55555ap-2f));
    *tail = _mm512_fmadd_ps(q, f, V(-0.5f)) * (f * f);
    return f;
}

static inline __m512 log_512(__m512 x) {
    __m512 k, tail, f = log_parts_512(x, &k, &tail);
    return _mm512_fmadd_ps(k, V(0x1.62e4p-1f), f + _mm512_fmadd_ps(k, V(0x1.7f7d1cp-20f), tail));
}

/* x^-1 to 28 bits: the estimate and one step of Newton's. */
static inline __m512 reciprocal_512(__m512 x) {
    __m512 y = _mm512_rcp14_ps(x);
    return _mm512_fmadd_ps(_mm512_fnmadd_ps(x, y, V(1.0f)), y, y);
}

/* log(1 + x); what the sum drops comes back divided by the sum. */
static inline __m512 log1p_512(__m512 x) {
    __m512 u = x + V(1.0f), lost = x - (u - V(1.0f));
    __m512 k, tail, f = log_parts_512(u, &k, &tail);
    __mmask16 counts = _mm512_cmp_ps_mask(_mm512_abs_ps(lost), V(1.0f), _CMP_LE_OQ);
    counts &= _mm512_cmp_ps_mask(u, V(0.0f), _CMP_GT_OQ);
    __m512 rest = _mm512_maskz_mul_ps(counts, lost, reciprocal_512(u));
    rest = _mm512_fmadd_ps(k, V(0x1.7f7d1cp-20f), tail + rest);
    __m512 y = _mm512_fmadd_ps(k, V(0x1.62e4p-1f), f + rest);
    return _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(x, V(0.0f), _CMP_EQ_OQ), x);
}

static inline __m512 log2_512(__m512 x) {
    __m512 k, tail, f = log_parts_512(x, &k, &tail);
    __m512 rest = _mm512_fmadd_ps(f, V(0x1.4ae0cp-26f), tail * V(0x1.715476p0f)); /* log2(e) */
    return _mm512_fmadd_ps(f, V(0x1.715476p0f), rest) + k;
}

static inline __m512 log10_512(__m512 x) {
    __m512 k, tail, f = log_parts_512(x, &k, &tail);
    __m512 rest = _mm512_fmadd_ps(f, V(-0x1.5b235ep-27f), tail * V(0x1.bcb7b2p-2f)); /* log10(e) */
    rest = _mm512_fmadd_ps(k, V(0x1.3509f8p-18f), rest); /* log10(2) in two parts */
    return _mm512_fmadd_ps(k, V(0x1.344p-2f), _mm512_fmadd_ps(f, V(0x1.bcb7b2p-2f), rest));
}

static inline __m512 tanh_512(__m512 x) {
    __m512 t = _mm512_abs_ps(x), z = x * x;
    __m512 q = _mm512_fmadd_ps(z, V(0x1.197b7cp-9f), V(-0x1.0c2146p-7f));
    q = _mm512_fmadd_ps(q, z, V(0x1.6394dap-6f)); /* (tanh(t) / t - 1) / t^2, t < 0.625 */
    q = _mm512_fmadd_ps(q, z, V(-0x1.b9ef7cp-5f));
    q = _mm512_fmadd_ps(q, z, V(0x1.11106cp-3f));
    q = _mm512_fmadd_ps(q, z, V(-0x1.555554p-2f));
    __m512 small = _mm512_fmadd_ps(t, z * q, t);
    __m512 e = exp_bounded_512(_mm512_min_ps(V(20.0f), t + t)) + V(1.0f);
    __m512 large = _mm512_fnmadd_ps(V(2.0f), reciprocal_512(e), V(1.0f));
    __mmask16 is_large = _mm512_cmp_ps_mask(t, V(0.625f), _CMP_GE_OQ);
    __m512 y = _mm512_mask_mov_ps(small, is_large, large);
    return _mm512_or_ps(y, _mm512_and_ps(x, V(-0.0f)));
}

#undef V
#endif
#endif
