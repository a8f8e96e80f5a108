/* pool.h - rows of pooling: one tap of all windows of an output row at a time. */
#ifndef ACN_OPS_KERNELS_POOL_H
#define ACN_OPS_KERNELS_POOL_H

#include "ops/kernels/kernels.h"

struct acn_pool_kernels {
    /* For i < n: when x[i * step] is greater than best[i], or NaN, it becomes best[i], and |tap|
     * becomes at[i]. */
    void (*max_tap)(float *best, int32_t *at, const float *x, int64_t step, int32_t tap, int64_t n);
    /* sum[i] += x[i * step] */
    void (*add_tap)(float *sum, const float *x, int64_t step, int64_t n);
    /* y[i * step] += x[i] * scale[i] */
    void (*spread_tap)(float *y, int64_t step, const float *x, const float *scale, int64_t n);
};

#endif
