/* matmul.h - one matrix product, batched and broadcast, as every operator of this folder sees it:
 *
 *   C[b] = alpha * A[b] * B[b] + beta * D[b]      (D optional, broadcast onto C)
 *
 * Operators differ in slot names and in which ranks they take; view.c turns their tensors into one
 * acn_matmul, and the cores (the GEMM core, or plain.c for the operands that it does not take) see
 * only that. Transposed and sliced operands are strides here, never copies.
 */
#ifndef ACN_OPS_MATMUL_MATMUL_H
#define ACN_OPS_MATMUL_MATMUL_H

#include "ops/op.h"

/* What tells one operator of the family from another. Slots that it lacks are -1. */
typedef struct acn_matmul_form {
    int8_t addend, alpha, beta;      /* input slots */
    int8_t transpose_a, transpose_b; /* attribute slots */
    int8_t min_rank, max_rank;       /* of A and B */
} acn_matmul_form;

typedef struct acn_matmul_side {
    acn_dtype dtype;
    int64_t row, col;            /* strides in elements */
    int64_t batch[ACN_MAX_DIMS]; /* of each batch dimension; 0 repeats */
} acn_matmul_side;

typedef struct acn_matmul {
    int64_t m, n, k;
    int64_t batches; /* product of batch_dims */
    int batch_rank;
    int64_t batch_dims[ACN_MAX_DIMS];
    acn_matmul_side a, b, c, d;
    bool has_addend;
    acn_dtype compute; /* F64, I64 or C128: the class in which plain.c adds up */
} acn_matmul;

typedef struct acn_matmul_scales {
    acn_value alpha, beta;
} acn_matmul_scales;

/* Addresses of one batch's matrices. */
typedef struct acn_matmul_item {
    const char *a, *b, *d;
    char *c;
} acn_matmul_item;

/* The result's shape by torch.matmul's rules; fails naming the operand that does not fit. */
acn_status acn_matmul_shape(const acn_call *call, const acn_matmul_form *form, int *out_rank,
                            int64_t *out_dims);
/* Needs a call that passed acn_matmul_shape and whose output is checked. */
void acn_matmul_view(const acn_call *call, const acn_matmul_form *form, acn_matmul *out_view);
/* Addresses of the |index|-th batch, counted in row-major order of batch_dims. */
acn_matmul_item acn_matmul_at(const acn_matmul *view, const acn_call *call, int64_t index);
acn_matmul_scales acn_matmul_read_scales(const acn_call *call, const acn_matmul_form *form);

/* Any types; sums in double, complex double or wrapping 64-bit integers, rounds once. */
void acn_matmul_plain(const acn_matmul *view, const acn_call *call,
                      const acn_matmul_scales *scales);

#endif
