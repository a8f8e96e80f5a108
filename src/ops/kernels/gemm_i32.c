/* gemm_i32.c - the GEMM class of 32-bit integers, and of the narrower ones, whose products wrap to
 * the same result when they are cut at the end. Unsigned arithmetic, so that wrapping is defined.
 */
#include "ops/kernels/gemm_kernels.h"

#define GEMM(name) name##_i32
#define GEMM_T     uint32_t
#if defined(__AVX512F__)
#define GEMM_V  16
#define GEMM_MR 8
#elif defined(__AVX2__)
#define GEMM_V  8
#define GEMM_MR 6
#else
#define GEMM_V  4
#define GEMM_MR 4
#endif

#include "ops/kernels/gemm_tile.h"
#include "ops/kernels/gemm_transpose.h"

#define NARROW(name, type)                                                                         \
    typedef type name##_memory                                                                     \
        __attribute__((vector_size(sizeof(type) * GEMM_V), aligned(sizeof(type)), may_alias))
NARROW(i16, int16_t);
NARROW(i8, int8_t);
NARROW(u8, uint8_t);
typedef int32_t wide __attribute__((vector_size(4 * GEMM_V)));

/* Sign or zero extension is the storage type's. */
#define GET(type, p)    ((vec_i32) __builtin_convertvector(*(const type##_memory *)(p), wide))
#define PUT(type, p, x) (*(type##_memory *)(p) = __builtin_convertvector((wide)(x), type##_memory))

#define PACK(name)      name##_i32_i32
#define PACK_S          int32_t
#define PACK_GET(p)     ((vec_i32) * (const memory_i32 *)(p))
#define PACK_GET1(p)    ((uint32_t) * (p))
#define PACK_PUT(p, x)  (*(memory_i32 *)(p) = (x))
#define PACK_PUT1(p, x) (*(p) = (int32_t)(x))
#include "ops/kernels/gemm_pack.h"

#define PACK(name)      name##_i32_i16
#define PACK_S          int16_t
#define PACK_GET(p)     GET(i16, p)
#define PACK_GET1(p)    ((uint32_t) * (p))
#define PACK_PUT(p, x)  PUT(i16, p, x)
#define PACK_PUT1(p, x) (*(p) = (int16_t)(x))
#include "ops/kernels/gemm_pack.h"

#define PACK(name)      name##_i32_i8
#define PACK_S          int8_t
#define PACK_GET(p)     GET(i8, p)
#define PACK_GET1(p)    ((uint32_t) * (p))
#define PACK_PUT(p, x)  PUT(i8, p, x)
#define PACK_PUT1(p, x) (*(p) = (int8_t)(x))
#include "ops/kernels/gemm_pack.h"

#define PACK(name)      name##_i32_u8
#define PACK_S          uint8_t
#define PACK_GET(p)     GET(u8, p)
#define PACK_GET1(p)    ((uint32_t) * (p))
#define PACK_PUT(p, x)  PUT(u8, p, x)
#define PACK_PUT1(p, x) (*(p) = (uint8_t)(x))
#include "ops/kernels/gemm_pack.h"

const acn_gemm_class ACN_KERNEL(gemm_i32) = {
    .dtype = ACN_I32,
    .mr = GEMM_MR,
    .nr = GEMM_NR,
    .a_width = GEMM_A_WIDTH,
    .kc = 256,
    .is_direct = true,
    .tile = tile_i32,
    .pack = {[ACN_I32] = pack_i32_i32,
             [ACN_U32] = pack_i32_i32,
             [ACN_I16] = pack_i32_i16,
             [ACN_I8] = pack_i32_i8,
             [ACN_U8] = pack_i32_u8},
    .load = {[ACN_I32] = load_i32_i32,
             [ACN_U32] = load_i32_i32,
             [ACN_I16] = load_i32_i16,
             [ACN_I8] = load_i32_i8,
             [ACN_U8] = load_i32_u8},
    .store = {[ACN_I32] = store_i32_i32,
              [ACN_U32] = store_i32_i32,
              [ACN_I16] = store_i32_i16,
              [ACN_I8] = store_i32_i8,
              [ACN_U8] = store_i32_u8},
    .vector = {[ACN_I32] = vector_i32_i32,
               [ACN_U32] = vector_i32_i32,
               [ACN_I16] = vector_i32_i16,
               [ACN_I8] = vector_i32_i8,
               [ACN_U8] = vector_i32_u8},
};
