/* math_vector.h - the most used f32 functions in terms of vectors, because a compiler does not find
 * the minimum that lets NaN pass, and AVX-512's scaling by 2^k and splitting into exponent and
 * mantissa. Much the same polynomials as math_f32.h, two thirds of the instructions.
 * Private to this folder; empty at levels below AVX2.
 */
#ifndef ACN_OPS_KERNELS_MATH_VECTOR_H
#define ACN_OPS_KERNELS_MATH_VECTOR_H
#if defined(__AVX512F__) || defined(__AVX2__)
#define ACN_HAS_VECTOR_MATH 1

#include "ops/kernels/kernels.h"
#include <immintrin.h>
#include <math.h>

/* ---- what the two levels write differently --------------------------------------------------- */

#if defined(__AVX512F__)
enum { LANES = 16 };
typedef __m512 lanes;
typedef __mmask16 choice; /* of lanes */
#define V(x)                  _mm512_set1_ps(x)
#define V_FMA(a, b, c)        _mm512_fmadd_ps(a, b, c)
#define V_FNMA(a, b, c)       _mm512_fnmadd_ps(a, b, c) /* c - a * b */
#define V_MIN(a, b)           _mm512_min_ps(a, b)       /* a NaN in |b| passes */
#define V_MAX(a, b)           _mm512_max_ps(a, b)
#define V_ABS(x)              _mm512_abs_ps(x)
#define V_ROUND(x)            _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define V_COMPARE(a, sign, b) _mm512_cmp_ps_mask(a, b, sign)
#define V_BOTH(c, d)          ((choice)((c) & (d)))
#define V_CHOOSE(c, a, b)     _mm512_mask_mov_ps(b, c, a)
#define V_COPY_SIGN(y, x)     _mm512_or_ps(y, _mm512_and_ps(x, V(-0.0f)))
#define V_UNLESS_NAN(x, y)    V_CHOOSE(V_COMPARE(x, _CMP_UNORD_Q, x), x, y) /* y; NaN if x is */

static inline lanes load_rest(const float *p, int64_t n) {
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1u), p);
}

static inline void store_rest(float *p, int64_t n, lanes x) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1u), x);
}

static inline lanes scale(lanes y, lanes k) { return _mm512_scalef_ps(y, k); }
static inline lanes scale_normal(lanes y, lanes k) { return _mm512_scalef_ps(y, k); }

/* x^-1 to 28 bits: the estimate and one step of Newton's. */
static inline lanes reciprocal(lanes x) {
    lanes y = _mm512_rcp14_ps(x);
    return V_FMA(V_FNMA(x, y, V(1.0f)), y, y);
}

/* Exponent and mantissa come out right for subnormals; 0 and infinity have infinite exponents, a
 * negative number a NaN for its mantissa. */
static inline lanes split(lanes x, lanes *k) {
    lanes m = _mm512_getmant_ps(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
    *k = _mm512_getexp_ps(x) - _mm512_getexp_ps(m);
    return m;
}
#else
enum { LANES = 8 };
typedef __m256 lanes;
typedef __m256 choice;
#define V(x)                  _mm256_set1_ps(x)
#define V_FMA(a, b, c)        _mm256_fmadd_ps(a, b, c)
#define V_FNMA(a, b, c)       _mm256_fnmadd_ps(a, b, c)
#define V_MIN(a, b)           _mm256_min_ps(a, b)
#define V_MAX(a, b)           _mm256_max_ps(a, b)
#define V_ABS(x)              _mm256_andnot_ps(V(-0.0f), x)
#define V_ROUND(x)            _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define V_COMPARE(a, sign, b) _mm256_cmp_ps(a, b, sign)
#define V_BOTH(c, d)          _mm256_and_ps(c, d)
#define V_CHOOSE(c, a, b)     _mm256_blendv_ps(b, a, c)
#define V_COPY_SIGN(y, x)     _mm256_or_ps(y, _mm256_and_ps(x, V(-0.0f)))
#define V_UNLESS_NAN(x, y)    _mm256_or_ps(y, V_COMPARE(x, _CMP_UNORD_Q, x))

static inline __m256i first_lanes(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline lanes load_rest(const float *p, int64_t n) {
    return _mm256_maskload_ps(p, first_lanes(n));
}

static inline void store_rest(float *p, int64_t n, lanes x) {
    _mm256_maskstore_ps(p, first_lanes(n), x);
}

static inline lanes power_of_2(__m256i n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

/* y * 2^k for |k| <= 252; only the second product rounds. */
static inline lanes scale(lanes y, lanes k) {
    __m256i n = _mm256_cvtps_epi32(k), half = _mm256_srai_epi32(n, 1);
    return y * power_of_2(half) * power_of_2(_mm256_sub_epi32(n, half));
}

/* The same where 2^k is a normal number. */
static inline lanes scale_normal(lanes y, lanes k) { return y * power_of_2(_mm256_cvtps_epi32(k)); }

static inline lanes reciprocal(lanes x) { return V(1.0f) / x; }

static inline lanes split(lanes x, lanes *k) {
    choice is_tiny = V_COMPARE(x, _CMP_LT_OQ, V(0x1p-126f));
    __m256i bits = _mm256_castps_si256(V_CHOOSE(is_tiny, x * V(0x1p23f), x));
    const __m256i least = _mm256_castps_si256(V(0.75f));
    bits = _mm256_sub_epi32(bits, least);
    lanes e = _mm256_cvtepi32_ps(_mm256_srai_epi32(bits, 23));
    e -= _mm256_and_ps(is_tiny, V(23.0f));
    bits = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffff));
    lanes m = _mm256_castsi256_ps(_mm256_add_epi32(bits, least));
    e = V_CHOOSE(V_COMPARE(x, _CMP_EQ_OQ, V(INFINITY)), x, e);
    *k = V_CHOOSE(V_COMPARE(x, _CMP_EQ_OQ, V(0.0f)), V(-INFINITY), e);
    return _mm256_or_ps(m, V_COMPARE(x, _CMP_NGE_UQ, V(0.0f))); /* all bits set: NaN */
}
#endif

typedef float lanes_in_memory
    __attribute__((vector_size(sizeof(lanes)), aligned(sizeof(float)), may_alias));

#define ACN_MICRO_VECTOR(name, value)                                                              \
    void ACN_KERNEL(f32_##name)(void *d_, const void *a_, const void *b_, const void *c_,          \
                                int64_t n) {                                                       \
        float *d = d_;                                                                             \
        const float *a = a_;                                                                       \
        for (; n >= LANES; n -= LANES, a += LANES, d += LANES) {                                   \
            lanes x = *(const lanes_in_memory *)a;                                                 \
            *(lanes_in_memory *)d = value;                                                         \
        }                                                                                          \
        if (n > 0) {                                                                               \
            lanes x = load_rest(a, n);                                                             \
            store_rest(d, n, value);                                                               \
        }                                                                                          \
    }

/* The same of two operands. */
#define ACN_MICRO_VECTOR_2(name, value)                                                            \
    void ACN_KERNEL(f32_##name)(void *d_, const void *a_, const void *b_, const void *c_,          \
                                int64_t n) {                                                       \
        float *d = d_;                                                                             \
        const float *a = a_, *b = b_;                                                              \
        _Pragma("GCC unroll 4") for (; n >= LANES;                                                 \
                                     n -= LANES, a += LANES, b += LANES, d += LANES) {             \
            lanes x = *(const lanes_in_memory *)a, y = *(const lanes_in_memory *)b;                \
            *(lanes_in_memory *)d = value;                                                         \
        }                                                                                          \
        if (n > 0) {                                                                               \
            lanes x = load_rest(a, n), y = load_rest(b, n);                                        \
            store_rest(d, n, value);                                                               \
        }                                                                                          \
    }

/* ---- the functions --------------------------------------------------------------------------- */

/* (e^r - 1 - r) / r^2, |r| <= ln(2) / 2 */
static inline lanes exp_tail(lanes r) {
    lanes q = V_FMA(r, V(0x1.6db42ap-10f), V(0x1.123b56p-7f));
    q = V_FMA(q, r, V(0x1.55545ep-5f));
    q = V_FMA(q, r, V(0x1.55548ep-3f));
    return V_FMA(q, r, V(0.5f));
}

/* e^r */
static inline lanes exp_near_0(lanes r) {
    lanes q = V_FMA(exp_tail(r), r, V(1.0f));
    return V_FMA(q, r, V(1.0f));
}

/* x = r + k log(2), |x| <= 104. */
static inline lanes exp_reduce(lanes x, lanes *k) {
    *k = V_FMA(x, V(0x1.715476p0f), V(0x1.8p23f)) - V(0x1.8p23f);
    lanes r = V_FNMA(*k, V(0x1.62e4p-1f), x);
    return V_FNMA(*k, V(0x1.7f7d1cp-20f), r);
}

/* e^x = y * 2^k */
static inline lanes exp_split(lanes x, lanes *k) { return exp_near_0(exp_reduce(x, k)); }

static inline lanes exp_v(lanes x) {
    x = V_MAX(V(-104.0f), V_MIN(V(89.0f), x)); /* NaN is the second operand, and passes */
    lanes k, y = exp_split(x, &k);
    return scale(y, k);
}

/* 2^k e^r - 1 = 2 (h (e^r - 1) + h - 1/2), where h = 2^k / 2 is never infinite and h - 1/2 rounds
 * only where it does not count. */
static inline lanes expm1_v(lanes x) {
    lanes k, r = exp_reduce(V_MAX(V(-18.0f), V_MIN(V(89.0f), x)), &k);
    lanes p = V_FMA(r * r, exp_tail(r), r), h = scale_normal(V(1.0f), k - V(1.0f));
    lanes y = V_FMA(h, p, h - V(0.5f));
    return V_CHOOSE(V_COMPARE(V_ABS(x), _CMP_LT_OQ, V(0x1p-26f)), x, y + y);
}

static inline lanes exp2_v(lanes x) {
    x = V_MAX(V(-200.0f), V_MIN(V(200.0f), x));
    lanes k = V_ROUND(x);
    return scale(exp_near_0((x - k) * V(0x1.62e43p-1f)), k);
}

/* log(x) = log(1 + f) + k log(2), log(1 + f) = f + tail. */
static inline lanes log_parts(lanes x, lanes *k, lanes *tail) {
    lanes f = split(x, k) - V(1.0f);
    lanes q = V_FMA(f, V(0x1.34aaf6p-5f), V(-0x1.7574aap-4f));
    q = V_FMA(q, f, V(0x1.df4bbcp-4f)); /* (log(1 + f) - f + f^2 / 2) / f^3 */
    q = V_FMA(q, f, V(-0x1.04aad0p-3f));
    q = V_FMA(q, f, V(0x1.24603cp-3f));
    q = V_FMA(q, f, V(-0x1.5519a2p-3f));
    q = V_FMA(q, f, V(0x1.999788p-3f));
    q = V_FMA(q, f, V(-0x1.000070p-2f));
    q = V_FMA(q, f, V(0x1.55555ap-2f));
    *tail = V_FMA(q, f, V(-0.5f)) * (f * f);
    return f;
}

static inline lanes log_v(lanes x) {
    lanes k, tail, f = log_parts(x, &k, &tail);
    return V_FMA(k, V(0x1.62e4p-1f), f + V_FMA(k, V(0x1.7f7d1cp-20f), tail));
}

/* log(1 + x); what the sum drops comes back divided by the sum. */
static inline lanes log1p_v(lanes x) {
    lanes u = x + V(1.0f), lost = x - (u - V(1.0f));
    lanes k, tail, f = log_parts(u, &k, &tail);
    choice counts =
        V_BOTH(V_COMPARE(V_ABS(lost), _CMP_LE_OQ, V(1.0f)), V_COMPARE(u, _CMP_GT_OQ, V(0.0f)));
    lanes rest = V_CHOOSE(counts, lost * reciprocal(u), V(0.0f));
    rest = V_FMA(k, V(0x1.7f7d1cp-20f), tail + rest);
    lanes y = V_FMA(k, V(0x1.62e4p-1f), f + rest);
    return V_CHOOSE(V_COMPARE(x, _CMP_EQ_OQ, V(0.0f)), x, y);
}

static inline lanes log2_v(lanes x) {
    lanes k, tail, f = log_parts(x, &k, &tail);
    lanes rest = V_FMA(f, V(0x1.4ae0cp-26f), tail * V(0x1.715476p0f)); /* log2(e) */
    return V_FMA(f, V(0x1.715476p0f), rest) + k;
}

static inline lanes log10_v(lanes x) {
    lanes k, tail, f = log_parts(x, &k, &tail);
    lanes rest = V_FMA(f, V(-0x1.5b235ep-27f), tail * V(0x1.bcb7b2p-2f)); /* log10(e) */
    rest = V_FMA(k, V(0x1.3509f8p-18f), rest); /* log10(2) in two parts */
    return V_FMA(k, V(0x1.344p-2f), V_FMA(f, V(0x1.bcb7b2p-2f), rest));
}

static inline lanes tanh_v(lanes x) {
    lanes t = V_ABS(x), z = x * x;
    lanes q = V_FMA(z, V(0x1.197b7cp-9f), V(-0x1.0c2146p-7f));
    q = V_FMA(q, z, V(0x1.6394dap-6f)); /* (tanh(t) / t - 1) / t^2, t < 0.625 */
    q = V_FMA(q, z, V(-0x1.b9ef7cp-5f));
    q = V_FMA(q, z, V(0x1.11106cp-3f));
    q = V_FMA(q, z, V(-0x1.555554p-2f));
    lanes small = V_FMA(t, z * q, t);
    lanes k, y = exp_split(V_MIN(V(20.0f), t + t), &k);
    lanes large = V_FNMA(V(2.0f), reciprocal(scale_normal(y, k) + V(1.0f)), V(1.0f));
    return V_COPY_SIGN(V_CHOOSE(V_COMPARE(t, _CMP_GE_OQ, V(0.625f)), large, small), x);
}

#endif
#endif
