/* gemm_f64.c - the GEMM class of f64. */
#include "ops/kernels/gemm_kernels.h"

#define GEMM(name) name##_f64
#define GEMM_T     double
#if defined(__AVX512F__)
#define GEMM_V  8
#define GEMM_MR 14
#elif defined(__AVX2__)
#define GEMM_V  4
#define GEMM_MR 6
#else
#define GEMM_V 2
#if defined(__aarch64__)
#define GEMM_MR 12
#else
#define GEMM_MR 4
#endif
#endif

#include "ops/kernels/gemm_tile.h"
#include "ops/kernels/gemm_transpose.h"

#define PACK(name)      name##_f64_f64
#define PACK_S          double
#define PACK_GET(p)     ((vec_f64) * (const memory_f64 *)(p))
#define PACK_GET1(p)    (*(p))
#define PACK_PUT(p, x)  (*(memory_f64 *)(p) = (x))
#define PACK_PUT1(p, x) (*(p) = (x))
#include "ops/kernels/gemm_pack.h"

const acn_gemm_class ACN_KERNEL(gemm_f64) = {
    .dtype = ACN_F64,
    .mr = GEMM_MR,
    .nr = GEMM_NR,
    .a_width = GEMM_A_WIDTH,
    .kc = 256,
    .is_direct = true,
    .tile = tile_f64,
    .pack = {[ACN_F64] = pack_f64_f64},
    .load = {[ACN_F64] = load_f64_f64},
    .store = {[ACN_F64] = store_f64_f64},
    .vector = {[ACN_F64] = vector_f64_f64},
};
