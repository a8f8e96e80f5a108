/* gemm.h - the one GEMM core: C = epilogue(alpha * A * B + beta * C), packed panels, any strides.
 *
 * A is (m, k), B is (k, n), C is (m, n), each with a row and a column stride in elements, so that
 * transposed and sliced operands need no copy. A descriptor is planned once and run many times, on
 * the process's pool; results do not depend on the number of threads. C must not overlap A or B.
 *
 * Classes: f32 f16 bf16 accumulate in f32 over the whole of k and round once (bf16 by the CPU's own
 * instructions if it has any, to which subnormal numbers are zero); f64; i8 u8 i16 i32
 * u32 in i32 and i64 u64 in i64, both wrapping; c64. C has the dtype of A and B or any other of the
 * same class (i8 x i8 -> i32, bf16 x bf16 -> f32 ...).
 */
#ifndef ACN_OPS_GEMM_H
#define ACN_OPS_GEMM_H

#include "base/status.h"
#include "ops/dtype.h"

enum { ACN_GEMM_MAX_BATCH_DIMS = 6 };

/* Strides are in elements, of rows, columns and batch dimensions. */
typedef struct acn_gemm_matrix {
    int64_t row_stride, col_stride;
    int64_t batch_stride[ACN_GEMM_MAX_BATCH_DIMS]; /* 0 repeats (broadcast); not in C */
} acn_gemm_matrix;

/* Called on each finished block of C while it is in cache: c[i * c_stride + j], block origin
 * (row, col) of C, rows x cols. Used for bias, activation, conversion to f16 / bf16. In a batch,
 * rows are counted through: row = batch * m + i. Only for classes that accumulate in f32. */
typedef void (*acn_gemm_epilogue)(void *context, float *c, int64_t c_stride, int64_t row,
                                  int64_t col, int64_t rows, int64_t cols);

/* Zero what is not needed: no batch, no epilogue. */
typedef struct acn_gemm {
    int64_t m, n, k;
    acn_dtype dtype;   /* of A and B */
    acn_dtype c_dtype; /* of the same class */
    acn_gemm_matrix a, b, c;
    double alpha, beta;          /* beta 0 never reads C */
    double alpha_im, beta_im;    /* imaginary parts; c64 only */
    int64_t alpha_int, beta_int; /* integer classes: when not 0, instead of alpha and beta */
    acn_gemm_epilogue epilogue;  /* may be NULL */
    void *epilogue_context;
    int batch_rank; /* as many batch dimensions; the product of their sizes runs as one job */
    int64_t batch_dims[ACN_GEMM_MAX_BATCH_DIMS];
} acn_gemm;

/* True if the core computes |dtype| x |dtype| -> |c_dtype|. */
bool acn_gemm_supports(acn_dtype dtype, acn_dtype c_dtype);
/* Packing buffers; 64-byte aligned memory that the caller gives to run. Depends on the pool's size
 * and the ISA level: ask again after either was changed. */
uint64_t acn_gemm_workspace_bytes(const acn_gemm *g);
uint32_t acn_gemm_cost_us(const acn_gemm *g);
void acn_gemm_run(const acn_gemm *g, const void *a, const void *b, void *c, void *workspace);

#endif
