/* gemm_i64.c - the GEMM class of 64-bit integers, which wrap. */
#include "ops/kernels/gemm_kernels.h"

#define GEMM(name) name##_i64
#define GEMM_T     uint64_t
#if defined(__AVX512F__)
#define GEMM_V  8
#define GEMM_MR 8
#elif defined(__AVX2__)
#define GEMM_V  4
#define GEMM_MR 4
#else
#define GEMM_V  2
#define GEMM_MR 4
#endif

#include "ops/kernels/gemm_tile.h"
#include "ops/kernels/gemm_transpose.h"

#define PACK(name)      name##_i64_i64
#define PACK_S          int64_t
#define PACK_GET(p)     ((vec_i64) * (const memory_i64 *)(p))
#define PACK_GET1(p)    ((uint64_t) * (p))
#define PACK_PUT(p, x)  (*(memory_i64 *)(p) = (x))
#define PACK_PUT1(p, x) (*(p) = (int64_t)(x))
#include "ops/kernels/gemm_pack.h"

const acn_gemm_class ACN_KERNEL(gemm_i64) = {
    .dtype = ACN_I64,
    .mr = GEMM_MR,
    .nr = GEMM_NR,
    .a_width = GEMM_A_WIDTH,
    .kc = 256,
    .is_direct = true,
    .tile = tile_i64,
    .pack = {[ACN_I64] = pack_i64_i64, [ACN_U64] = pack_i64_i64},
    .load = {[ACN_I64] = load_i64_i64, [ACN_U64] = load_i64_i64},
    .store = {[ACN_I64] = store_i64_i64, [ACN_U64] = store_i64_i64},
    .vector = {[ACN_I64] = vector_i64_i64, [ACN_U64] = vector_i64_i64},
};
