/* gemm_table.c - the GEMM part of an ISA level's table. */
#include "ops/kernels/gemm_kernels.h"

extern const acn_gemm_class ACN_KERNEL(gemm_f32), ACN_KERNEL(gemm_f64), ACN_KERNEL(gemm_i32),
    ACN_KERNEL(gemm_i64), ACN_KERNEL(gemm_c64);

#if defined(__AVX512F__) && __GNUC__ >= 10
extern const acn_gemm_class ACN_KERNEL(gemm_pairs);
#define PAIRS &ACN_KERNEL(gemm_pairs)
#else
#define PAIRS NULL
#endif

const acn_gemm_kernels ACN_KERNEL(gemm) = {
    .by_class = {[ACN_K_F32] = &ACN_KERNEL(gemm_f32),
                 [ACN_K_F64] = &ACN_KERNEL(gemm_f64),
                 [ACN_K_I32] = &ACN_KERNEL(gemm_i32),
                 [ACN_K_I64] = &ACN_KERNEL(gemm_i64),
                 [ACN_K_C64] = &ACN_KERNEL(gemm_c64)},
    .pairs = PAIRS,
};
