/* channels_last.h - pooling of images whose channels are neighbours: a window is a handful of
 * pixels, and all channels go through it at once. */
#ifndef ACN_OPS_POOL_CHANNELS_LAST_H
#define ACN_OPS_POOL_CHANNELS_LAST_H

#include "ops/pool/window.h"

typedef struct acn_pool_pixels {
    const acn_pool *pool;
    bool is_max, counts_padding;
    int64_t divisor;              /* of a mean; 0: the window's size */
    int64_t channels, x[4], y[4]; /* strides */
} acn_pool_pixels;

/* True when |x| and |y| are such images, in f32 and with two spatial dimensions. |pool| has its
 * windows. */
bool acn_pool_pixels_plan(acn_pool_pixels *p, const acn_pool *pool, const acn_tensor *x,
                          const acn_tensor *y);
void acn_pool_pixels_run(const acn_pool_pixels *p, float *y, const float *x);

#endif
