/* deformable.h - where the taps of a deformable convolution lie: each at an offset of its own from
 * its place in the grid, between the elements of the image, and weighed by a mask.
 *
 *   offsets[n, part, group, kh, kw, oh, ow]: part 0 is x's offset, 1 is y's, 2 the mask
 *   y[n, c, oh * KH + kh, ow * KW + kw] = mask * x[n, c] at (y, x), 0 outside
 */
#ifndef ACN_OPS_CONV_DEFORMABLE_H
#define ACN_OPS_CONV_DEFORMABLE_H

#include "ops/op.h"

typedef struct acn_deformed {
    int64_t n, channels, in[2], out[2], kernel[2], groups, parts;
    int64_t stride[2], dilation[2], before[2];
} acn_deformed;

/* Slots of the attributes; all operators of the file have them in this order. */
enum {
    ACN_DEFORM_STRIDES,
    ACN_DEFORM_PADS, /* top, bottom, left, right */
    ACN_DEFORM_KSIZE,
    ACN_DEFORM_DILATIONS,
    ACN_DEFORM_FORMAT,
    ACN_DEFORM_GROUPS,
    ACN_DEFORM_MODULATED
};

/* |x| and |offsets| are input slots. Dimensions lie as the format says: NHWC if |is_nhwc|. */
acn_status acn_deformed_read(const acn_call *c, int x, int offsets, bool is_nhwc,
                             acn_deformed *out);
bool acn_deformed_is_nhwc(const acn_call *c);
/* |t| with its channels before its space. */
acn_tensor acn_deformed_view(const acn_tensor *t, bool is_nhwc);

/* For level 0: element [n, c, h, w] of a view, and the weight that the tap at |position| gives to
 * the element at |h|; and how that changes with the position. */
double acn_deformed_at(const acn_tensor *t, int64_t n, int64_t c, int64_t h, int64_t w);
double acn_deformed_hat(double position, int64_t h);
double acn_deformed_slope(double position, int64_t h);
/* Position of a tap in dimension |d| (0: y), by plain reading of |offsets|; and its mask. */
double acn_deformed_position(const acn_deformed *d, const acn_tensor *offsets, int dim, int64_t n,
                             int64_t group, int64_t tap, int64_t oh, int64_t ow);
double acn_deformed_mask(const acn_deformed *d, const acn_tensor *offsets, int64_t n, int64_t group,
                         int64_t tap, int64_t oh, int64_t ow);

#endif
