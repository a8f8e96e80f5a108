/* gemm_kernels.h - what one ISA level gives to the blocking driver (src/ops/gemm.c): for each
 * arithmetic class, the register tile and the packing of panels.
 *
 * A panel holds |width| lanes for each step of k: panel[p * width + lane]. Panels of B are |nr|
 * wide, panels of A |a_width| wide with the first |mr| lanes in use.
 * Every element of C is one chain of multiply-adds over k whatever tile it falls into, so neither
 * blocking nor threads change a result.
 */
#ifndef ACN_OPS_GEMM_KERNELS_H
#define ACN_OPS_GEMM_KERNELS_H

#include "ops/kernels/kernels.h"

/* c = alpha * (a * b) + beta * c for one tile. a[i * a_row + p * a_col] is A's element (i, p), so
 * that A can be read where it lies; b[p * b_row + j] has unit stride in j. Types are the class's.
 */
typedef struct acn_gemm_tile {
    int64_t k;
    const void *a, *b;
    int64_t a_row, a_col, b_row;
    void *b_copy; /* not NULL: packs b's panel there on the way; only with mr rows and nr columns */
    void *c;
    int64_t c_row;  /* unit stride in j */
    int rows, cols; /* 1..mr, 1..nr; b has nr readable lanes whatever cols is */
    bool is_beta_zero, is_beta_one;
    const void *alpha, *beta;
} acn_gemm_tile;

/* Packs k steps of |lanes| lanes into consecutive panels of |width| lanes; missing lanes are 0.
 * Source element (p, lane) is s[p * k_stride + lane * lane_stride]. */
typedef void (*acn_gemm_pack_fn)(void *panel, int width, const void *s, int64_t k_stride,
                                 int64_t lane_stride, int64_t k, int64_t lanes);
/* Between rows x cols of C at any strides and rows of the class's type with unit stride. */
typedef void (*acn_gemm_load_fn)(void *d, int64_t d_row, const void *s, int64_t s_row,
                                 int64_t s_col, int64_t rows, int64_t cols);
typedef void (*acn_gemm_store_fn)(void *d, int64_t d_row, int64_t d_col, const void *s,
                                  int64_t s_row, int64_t rows, int64_t cols);
/* y[j] = sum over p of x[p] * b[p * k_stride + j * lane_stride], where one of the strides is 1. */
typedef void (*acn_gemm_vector_fn)(void *y, const void *x, const void *b, int64_t k_stride,
                                   int64_t lane_stride, int64_t k, int64_t lanes);

enum { COPY_AHEAD = 16 }; /* steps by which B is fetched ahead where a tile reads it from afar */

typedef struct acn_gemm_class {
    acn_dtype dtype; /* the type of accumulators and panels */
    int mr, nr, a_width;
    int kc;         /* steps of k per pass: a panel of B and one of A stay in L1 */
    int k_unit;     /* not 0: panels hold so many steps of k, of the storage type, in one element */
    bool is_direct; /* the tile can read operands of |dtype| that are not packed */
    void (*tile)(const acn_gemm_tile *t);
    /* by storage dtype; NULL: not of this class */
    acn_gemm_pack_fn pack[ACN_DTYPE_COUNT];
    acn_gemm_load_fn load[ACN_DTYPE_COUNT];
    acn_gemm_store_fn store[ACN_DTYPE_COUNT];
    acn_gemm_vector_fn vector[ACN_DTYPE_COUNT]; /* NULL: the tile does it */
} acn_gemm_class;

struct acn_gemm_kernels {
    const acn_gemm_class *by_class[ACN_CLASS_COUNT];
    const acn_gemm_class *pairs; /* bf16 where acn_kernels_have_bf16; NULL: none at this level */
};

#endif
