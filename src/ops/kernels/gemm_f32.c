/* gemm_f32.c - the GEMM class of f32 accumulators: f32, and f16 and bf16 converted while packing.
 */
#include "base/half.h"
#include "ops/kernels/gemm_kernels.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

#define GEMM(name) name##_f32
#define GEMM_T     float
#if defined(__AVX512F__)
#define GEMM_V  16
#define GEMM_MR 14 /* 28 accumulators, 2 vectors of B and a broadcast of A in 32 registers */
#define GEMM_KC 384
#elif defined(__AVX2__)
#define GEMM_V  8
#define GEMM_MR 6
#define GEMM_KC 256
#else
#define GEMM_V 4
#if defined(__aarch64__)
#define GEMM_MR 12
#else
#define GEMM_MR 4
#endif
#define GEMM_KC 256
#endif

#include "ops/kernels/gemm_tile.h"
#include "ops/kernels/gemm_transpose.h"

typedef uint16_t half_memory
    __attribute__((vector_size(2 * GEMM_V), aligned(sizeof(uint16_t)), may_alias));
typedef uint32_t bits __attribute__((vector_size(4 * GEMM_V)));

static inline __attribute__((always_inline)) vec_f32 get_bf16(const uint16_t *s) {
    return (vec_f32)(__builtin_convertvector(*(const half_memory *)s, bits) << 16);
}

static inline __attribute__((always_inline)) void put_bf16(uint16_t *d, vec_f32 x) {
    bits u = (bits)x;
    bits rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16, quiet = (u >> 16) | 0x40;
    bits is_nan = (bits)((u & 0x7fffffff) > 0x7f800000);
    *(half_memory *)d =
        __builtin_convertvector((quiet & is_nan) | (rounded & ~is_nan), half_memory);
}

static inline __attribute__((always_inline)) vec_f32 get_f16(const uint16_t *s) {
#if defined(__AVX512F__)
    return (vec_f32)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i_u *)s));
#elif defined(__F16C__)
    return (vec_f32)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)s));
#else
    vec_f32 x;
    for (int i = 0; i < GEMM_V; i++)
        x[i] = acn_f16_to_f32(s[i]);
    return x;
#endif
}

static inline __attribute__((always_inline)) void put_f16(uint16_t *d, vec_f32 x) {
#if defined(__AVX512F__)
    _mm256_storeu_si256((__m256i_u *)d, _mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT));
#elif defined(__F16C__)
    _mm_storeu_si128((__m128i_u *)d, _mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT));
#else
    for (int i = 0; i < GEMM_V; i++)
        d[i] = acn_f32_to_f16(x[i]);
#endif
}

#define PACK(name)      name##_f32_f32
#define PACK_S          float
#define PACK_GET(p)     ((vec_f32) * (const memory_f32 *)(p))
#define PACK_GET1(p)    (*(p))
#define PACK_PUT(p, x)  (*(memory_f32 *)(p) = (x))
#define PACK_PUT1(p, x) (*(p) = (x))
#include "ops/kernels/gemm_pack.h"

#define PACK(name)      name##_f32_f16
#define PACK_S          uint16_t
#define PACK_GET(p)     get_f16(p)
#define PACK_GET1(p)    acn_f16_to_f32(*(p))
#define PACK_PUT(p, x)  put_f16(p, x)
#define PACK_PUT1(p, x) (*(p) = acn_f32_to_f16(x))
#include "ops/kernels/gemm_pack.h"

#define PACK(name)      name##_f32_bf16
#define PACK_S          uint16_t
#define PACK_GET(p)     get_bf16(p)
#define PACK_GET1(p)    acn_bf16_to_f32(*(p))
#define PACK_PUT(p, x)  put_bf16(p, x)
#define PACK_PUT1(p, x) (*(p) = acn_f32_to_bf16(x))
#include "ops/kernels/gemm_pack.h"

#define BY_STORAGE(name)                                                                           \
    { [ACN_F32] = name##_f32_f32, [ACN_F16] = name##_f32_f16, [ACN_BF16] = name##_f32_bf16 }

const acn_gemm_class ACN_KERNEL(gemm_f32) = {
    .dtype = ACN_F32,
    .mr = GEMM_MR,
    .nr = GEMM_NR,
    .a_width = GEMM_A_WIDTH,
    .kc = GEMM_KC,
    .is_direct = true,
    .tile = tile_f32,
    .pack = BY_STORAGE(pack),
    .load = BY_STORAGE(load),
    .store = BY_STORAGE(store),
    .vector = BY_STORAGE(vector),
};

#if defined(__AVX512F__) && __GNUC__ >= 10
#include "ops/kernels/gemm_pairs.h"

const acn_gemm_class ACN_KERNEL(gemm_pairs) = {
    .dtype = ACN_F32,
    .mr = GEMM_MR,
    .nr = GEMM_NR,
    .a_width = GEMM_A_WIDTH,
    .kc = 2 * GEMM_KC,
    .k_unit = 2,
    .tile = tile_pairs,
    .pack = {[ACN_BF16] = pack_pairs},
    .load = BY_STORAGE(load),
    .store = BY_STORAGE(store),
};
#endif
