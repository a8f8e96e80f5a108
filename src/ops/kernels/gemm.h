/* gemm.h - the one GEMM core: C = epilogue(A * B), packed panels, any strides.
 *
 * A is (m, k), B is (k, n), C is (m, n), each with a row and a column stride in elements, so that
 * transposed and sliced operands need no copy. A descriptor is planned once and run many times, on
 * the process's pool; results do not depend on the number of threads.
 */
#ifndef ACN_OPS_GEMM_H
#define ACN_OPS_GEMM_H

#include "base/status.h"
#include "ops/dtype.h"

typedef struct acn_gemm_matrix {
    int64_t row_stride, col_stride;
} acn_gemm_matrix;

/* Called on each finished block of C while it is in cache: c[i * c_stride + j], block origin
 * (row, col) of C, rows x cols. Used for bias, activation, conversion to f16 / bf16. */
typedef void (*acn_gemm_epilogue)(void *context, float *c, int64_t c_stride, int64_t row,
                                  int64_t col, int64_t rows, int64_t cols);

typedef struct acn_gemm {
    int64_t m, n, k;
    acn_dtype dtype;      /* of A and B: F32, F16, BF16 (both convert while packing) */
    acn_dtype c_dtype;    /* F32, F16, BF16 */
    acn_gemm_matrix a, b, c;
    float alpha, beta;    /* C = alpha * A * B + beta * C; beta 0 never reads C */
    acn_gemm_epilogue epilogue; /* may be NULL */
    void *epilogue_context;
} acn_gemm;

/* Packing buffers; 64-byte aligned memory that the caller gives to run. */
uint64_t acn_gemm_workspace_bytes(const acn_gemm *g);
uint32_t acn_gemm_cost_us(const acn_gemm *g);
void acn_gemm_run(const acn_gemm *g, const void *a, const void *b, void *c, void *workspace);

#endif
