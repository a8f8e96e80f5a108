/* convert.c - storage type -> class, class -> storage type, class -> class.
 *
 * Every storage type has one class it loads into without loss ("natural", acn_class_of); all other
 * pairs are that step and a cast, tile by tile through L1. Rules: integers wrap; floats round once,
 * to nearest even; float to integer truncates and saturates, NaN gives 0 (the language leaves both
 * undefined; PyTorch's CPU code gives INT_MIN on x86 and this on Arm, the NPU this); to bool is
 * x != 0; complex to real drops the imaginary part. U64 is carried in I64, bits unchanged; as
 * floats it has its true value.
 */
#include "base/float8.h"
#include "ops/kernels/converts.h"
#include "ops/kernels/loops.h"
#include "ops/kernels/math_f32.h"
#include "ops/kernels/pair.h"
#ifdef __F16C__
#include <immintrin.h>
#endif

#define DEFINE_CONVERT(name, to, from, value)                                                      \
    void ACN_KERNEL(name)(void *d_, const void *s_, int64_t n) {                                   \
        to *d = d_;                                                                                \
        const from *s = s_;                                                                        \
        ACN_LOOP(i, n) {                                                                           \
            from x = s[i];                                                                         \
            d[i] = (to)(value);                                                                    \
        }                                                                                          \
    }

/* ---- between classes ------------------------------------------------------------------------ */

/* |limit| is 2^31 or 2^63. One conversion, selected: gcc vectorises it. */
#define SATURATED(x, type, smallest, largest, limit)                                               \
    (x >= limit ? largest : x >= -(limit) ? (type)x : x < 0 ? smallest : 0)
#define TO_I32(x) SATURATED(x, int32_t, INT32_MIN, INT32_MAX, 0x1p31f)
#define TO_I64(x) SATURATED(x, int64_t, INT64_MIN, INT64_MAX, 0x1p63f)
#define REAL(x)   ((acn_pair){(float)(x), 0.0f})

#define DEFINE_COPY_CAST(name, type)                                                               \
    void ACN_KERNEL(name)(void *d, const void *s, int64_t n) {                                     \
        if (d != s) memcpy(d, s, (size_t)n * sizeof(type));                                        \
    }
#define DEFINE_PAIR_CAST(name, from)                                                               \
    void ACN_KERNEL(name)(void *d_, const void *s_, int64_t n) {                                   \
        acn_pair *d = d_;                                                                          \
        const from *s = s_;                                                                        \
        ACN_LOOP(i, n) d[i] = REAL(s[i]);                                                          \
    }

DEFINE_COPY_CAST(cast_F32_F32, float)
DEFINE_CONVERT(cast_F32_F64, double, float, x)
DEFINE_CONVERT(cast_F32_I32, int32_t, float, TO_I32(x))
DEFINE_CONVERT(cast_F32_I64, int64_t, float, TO_I64(x))
DEFINE_PAIR_CAST(cast_F32_C64, float)
DEFINE_CONVERT(cast_F32_B8, uint8_t, float, x != 0)

DEFINE_CONVERT(cast_F64_F32, float, double, x)
DEFINE_COPY_CAST(cast_F64_F64, double)
DEFINE_CONVERT(cast_F64_I32, int32_t, double, TO_I32(x))
DEFINE_CONVERT(cast_F64_I64, int64_t, double, TO_I64(x))
DEFINE_PAIR_CAST(cast_F64_C64, double)
DEFINE_CONVERT(cast_F64_B8, uint8_t, double, x != 0)

DEFINE_CONVERT(cast_I32_F32, float, int32_t, x)
DEFINE_CONVERT(cast_I32_F64, double, int32_t, x)
DEFINE_COPY_CAST(cast_I32_I32, int32_t)
DEFINE_CONVERT(cast_I32_I64, int64_t, int32_t, x)
DEFINE_PAIR_CAST(cast_I32_C64, int32_t)
DEFINE_CONVERT(cast_I32_B8, uint8_t, int32_t, x != 0)

DEFINE_CONVERT(cast_I64_F32, float, int64_t, x)
DEFINE_CONVERT(cast_I64_F64, double, int64_t, x)
DEFINE_CONVERT(cast_I64_I32, uint32_t, int64_t, x)
DEFINE_COPY_CAST(cast_I64_I64, int64_t)
DEFINE_PAIR_CAST(cast_I64_C64, int64_t)
DEFINE_CONVERT(cast_I64_B8, uint8_t, int64_t, x != 0)

DEFINE_CONVERT(cast_C64_F32, float, acn_pair, x.re)
DEFINE_CONVERT(cast_C64_F64, double, acn_pair, x.re)
DEFINE_CONVERT(cast_C64_I32, int32_t, acn_pair, TO_I32(x.re))
DEFINE_CONVERT(cast_C64_I64, int64_t, acn_pair, TO_I64(x.re))
DEFINE_COPY_CAST(cast_C64_C64, acn_pair)
DEFINE_CONVERT(cast_C64_B8, uint8_t, acn_pair, (x.re != 0) | (x.im != 0))

DEFINE_CONVERT(cast_B8_F32, float, uint8_t, x)
DEFINE_CONVERT(cast_B8_F64, double, uint8_t, x)
DEFINE_CONVERT(cast_B8_I32, int32_t, uint8_t, x)
DEFINE_CONVERT(cast_B8_I64, int64_t, uint8_t, x)
DEFINE_PAIR_CAST(cast_B8_C64, uint8_t)
DEFINE_COPY_CAST(cast_B8_B8, uint8_t)

/* ---- storage <-> natural class -------------------------------------------------------------- */

DEFINE_CONVERT(load_I8_I32, int32_t, int8_t, x)
DEFINE_CONVERT(load_U8_I32, int32_t, uint8_t, x)
DEFINE_CONVERT(load_I16_I32, int32_t, int16_t, x)
DEFINE_CONVERT(load_U16_I32, int32_t, uint16_t, x)
DEFINE_CONVERT(load_U32_I64, int64_t, uint32_t, x)
DEFINE_COPY_CAST(load_U64_I64, int64_t)
DEFINE_CONVERT(load_U64_F32, float, uint64_t, x)
DEFINE_CONVERT(load_U64_F64, double, uint64_t, x)
DEFINE_CONVERT(load_BOOL_B8, uint8_t, uint8_t, x != 0)
DEFINE_CONVERT(load_BF16_F32, float, uint16_t, acn_bf16_to_f32(x))
DEFINE_CONVERT(load_E5M2_F32, float, uint8_t, acn_e5m2_to_f32(x))
DEFINE_CONVERT(load_E4M3_F32, float, uint8_t, acn_e4m3_to_f32(x))

DEFINE_CONVERT(store_I8_I32, uint8_t, uint32_t, x)
DEFINE_CONVERT(store_U8_I32, uint8_t, uint32_t, x)
DEFINE_CONVERT(store_I16_I32, uint16_t, uint32_t, x)
DEFINE_CONVERT(store_U16_I32, uint16_t, uint32_t, x)
DEFINE_CONVERT(store_U32_I64, uint32_t, uint64_t, x)
DEFINE_COPY_CAST(store_U64_I64, int64_t)
DEFINE_COPY_CAST(store_BOOL_B8, uint8_t)
DEFINE_CONVERT(store_E5M2_F32, uint8_t, float, acn_f32_to_e5m2(x))
DEFINE_CONVERT(store_E4M3_F32, uint8_t, float, acn_f32_to_e4m3(x))

typedef struct wide_pair {
    double re, im;
} wide_pair;

void ACN_KERNEL(load_C128_C64)(void *d_, const void *s_, int64_t n) {
    acn_pair *d = d_;
    const wide_pair *s = s_;
    ACN_LOOP(i, n) d[i] = (acn_pair){(float)s[i].re, (float)s[i].im};
}

void ACN_KERNEL(store_C128_C64)(void *d_, const void *s_, int64_t n) {
    wide_pair *d = d_;
    const acn_pair *s = s_;
    ACN_LOOP(i, n) d[i] = (wide_pair){s[i].re, s[i].im};
}

/* base/half.h's conversions without branches, so that loops over them vectorise. */
static inline float f16_to_f32(uint16_t h) {
    float magnitude = acn_f32_from_bits((uint32_t)(h & 0x7fffu) << 13) * 0x1p112f;
    uint32_t special = (h & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0; /* infinity and NaN */
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    return acn_f32_from_bits(acn_f32_bits(magnitude) | special | sign);
}

static inline uint16_t f32_to_f16(float x) {
    uint32_t u = acn_f32_bits(x), a = u & 0x7fffffffu;
    uint32_t normal = (a - 0x38000000u + 0xfffu + ((a >> 13) & 1u)) >> 13;
    uint32_t subnormal = acn_f32_bits(acn_f32_from_bits(a) + 0.5f) - 0x3f000000u;
    uint32_t nan = 0x7e00u | ((a >> 13) & 0x1ffu);
    uint32_t y = a < 0x38800000u ? subnormal : normal;
    y = a >= 0x477ff000u ? 0x7c00u : y;
    y = a > 0x7f800000u ? nan : y;
    return (uint16_t)(y | (u >> 16 & 0x8000u));
}

static inline uint16_t f32_to_bf16(float x) {
    uint32_t u = acn_f32_bits(x);
    uint32_t y = x != x ? u | 0x400000u : u + 0x7fffu + (u >> 16 & 1u);
    return (uint16_t)(y >> 16);
}

#ifdef __AVX512BW__
/* 32 numbers in one vector of upper halves and one of lower ones: what rounds up is more than half
 * of the last place, or half of it beside an odd upper half. */
static inline __m512i bf16_of_32(__m512i low, __m512i high) {
    static const uint16_t even[32] = {0,  2,  4,  6,  8,  10, 12, 14, 16, 18, 20,
                                      22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42,
                                      44, 46, 48, 50, 52, 54, 56, 58, 60, 62};
    __m512i index = _mm512_loadu_si512(even), one = _mm512_set1_epi16(1);
    __m512i lower = _mm512_permutex2var_epi16(low, index, high);
    __m512i upper = _mm512_permutex2var_epi16(low, _mm512_or_si512(index, one), high);
    __m512i half = _mm512_adds_epu16(lower, _mm512_and_si512(upper, one));
    __mmask32 is_up = _mm512_cmpgt_epu16_mask(half, _mm512_set1_epi16((short)0x8000));
    return _mm512_mask_add_epi16(upper, is_up, upper, one);
}
#endif

void ACN_KERNEL(store_BF16_F32)(void *d_, const void *s_, int64_t n) {
    uint16_t *d = d_;
    const float *s = s_;
    int64_t i = 0;
#ifdef __AVX512BW__
    for (; i + 32 <= n; i += 32) {
        __m512 low = _mm512_loadu_ps(s + i), high = _mm512_loadu_ps(s + i + 16);
        if (__builtin_expect(_mm512_cmp_ps_mask(low, high, _CMP_UNORD_Q) != 0, 0))
            for (int64_t j = i; j < i + 32; j++)
                d[j] = f32_to_bf16(s[j]);
        else
            _mm512_storeu_si512(d + i, bf16_of_32((__m512i)low, (__m512i)high));
    }
#endif
    ACN_LOOP(j, n - i) d[i + j] = f32_to_bf16(s[i + j]);
}

void ACN_KERNEL(load_F16_F32)(void *d_, const void *s_, int64_t n) {
    float *d = d_;
    const uint16_t *s = s_;
    int64_t i = 0;
#ifdef __AVX512F__
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_ps(d + i, _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(s + i))));
#endif
#ifdef __F16C__
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(d + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(s + i))));
#endif
    for (; i < n; i++)
        d[i] = f16_to_f32(s[i]);
}

void ACN_KERNEL(store_F16_F32)(void *d_, const void *s_, int64_t n) {
    uint16_t *d = d_;
    const float *s = s_;
    int64_t i = 0;
#ifdef __AVX512F__
    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((void *)(d + i), _mm512_cvtps_ph(_mm512_loadu_ps(s + i), 0));
#endif
#ifdef __F16C__
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((void *)(d + i), _mm256_cvtps_ph(_mm256_loadu_ps(s + i), 0));
#endif
    for (; i < n; i++)
        d[i] = f32_to_f16(s[i]);
}

/* ---- pairs that would round twice ----------------------------------------------------------- */

/* To float with "round to odd": whatever is rounded next sees that the value was inexact. */
static inline float to_odd(double x) {
    float y = (float)x;
    uint32_t u = acn_f32_bits(y);
    uint32_t odd = (u - (fabs((double)y) > fabs(x))) | 1u; /* infinity becomes the largest float */
    return (double)y < x || (double)y > x ? acn_f32_from_bits(odd) : y;
}

/* x with at most 48 significant bits, exact in a double: in large numbers one bit, far below the
 * last that a float keeps, says that bits were set below it. Then rounding twice is rounding once.
 */
static inline int64_t sticky(int64_t x) {
    uint64_t u = (uint64_t)x, shortened = (u & ~UINT64_C(0xffff)) | ((u & 0xffff) != 0) << 15;
    return (int64_t)(u + (UINT64_C(1) << 40) < UINT64_C(1) << 41 ? u : shortened);
}

DEFINE_CONVERT(store_F16_F64, uint16_t, double, f32_to_f16(to_odd(x)))
DEFINE_CONVERT(store_BF16_F64, uint16_t, double, f32_to_bf16(to_odd(x)))
DEFINE_CONVERT(store_BF16_I32, uint16_t, int32_t, f32_to_bf16(to_odd((double)x)))
DEFINE_CONVERT(store_BF16_I64, uint16_t, int64_t, f32_to_bf16(to_odd((double)sticky(x))))

/* ---- all other pairs: two steps ------------------------------------------------------------- */

static void two_steps(void *d, const void *s, int64_t n, acn_convert_fn first,
                      acn_convert_fn second, size_t s_bytes, size_t d_bytes) {
    enum { STEP = 256 };
    _Alignas(64) char middle[STEP * sizeof(double)];
    for (int64_t i = 0; i < n; i += STEP) {
        int64_t m = n - i < STEP ? n - i : STEP;
        first(middle, (const char *)s + (size_t)i * s_bytes, m);
        second((char *)d + (size_t)i * d_bytes, middle, m);
    }
}

#define DEFINE_LOAD(dtype, bytes, natural, klass, klass_bytes)                                     \
    void ACN_KERNEL(load_##dtype##_##klass)(void *d, const void *s, int64_t n) {                   \
        two_steps(d, s, n, ACN_KERNEL(load_##dtype##_##natural),                                   \
                  ACN_KERNEL(cast_##natural##_##klass), bytes, klass_bytes);                       \
    }
#define DEFINE_STORE(dtype, bytes, natural, klass, klass_bytes)                                    \
    void ACN_KERNEL(store_##dtype##_##klass)(void *d, const void *s, int64_t n) {                  \
        two_steps(d, s, n, ACN_KERNEL(cast_##klass##_##natural),                                   \
                  ACN_KERNEL(store_##dtype##_##natural), klass_bytes, bytes);                      \
    }
ACN_INDIRECT_LOADS(DEFINE_LOAD)
ACN_INDIRECT_STORES(DEFINE_STORE)
