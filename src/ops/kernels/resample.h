/* resample.h - weighted sums of rows and along rows. */
#ifndef ACN_OPS_KERNELS_RESAMPLE_H
#define ACN_OPS_KERNELS_RESAMPLE_H

#include "ops/kernels/kernels.h"

struct acn_resample_kernels {
    /* d[i] = s[i] * weight, or that added to it */
    void (*add_row)(float *d, const float *s, float weight, int64_t n, bool is_first);
    /* d[i] = sum over k < taps of weight[k * n + i] * s[index[k * n + i]] */
    void (*gather)(float *d, const float *s, const int32_t *index, const float *weight, int64_t n,
                   int32_t taps);
};

#endif
