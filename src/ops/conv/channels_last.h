/* channels_last.h - what the convolutions of channels-last images share: attributes, and tensors
 * as images. Filters are packed when a model is compiled; graph passes make these operators.
 *
 * Tensors have the shape [n, c, h, w]; an image is one whose channels are neighbours, a constant
 * number of elements from pixel to pixel. Others are staged in the workspace. */
#ifndef ACN_OPS_CONV_CHANNELS_LAST_H
#define ACN_OPS_CONV_CHANNELS_LAST_H

#include "ops/conv/conv.h"
#include "ops/layout/stage.h"
#include "ops/panels.h"

enum { ACN_CL_MOST_STENCIL_TAPS = 512 }; /* of a depthwise kernel */

/* Slots: those of Convolution, with a packed filter, and what is added to the result. */
enum { ACN_CL_X, ACN_CL_FILTER, ACN_CL_BIAS, ACN_CL_ADDEND };
enum { ACN_CL_CHANNELS = ACN_CONV_GROUPS + 1, ACN_CL_KERNEL, ACN_CL_FINISH };
/* clang-format off */
#define ACN_CL_ATTRS                                                                               \
    ACN_CONV_ATTRS, {"channels", ACN_ATTR_INT, .is_required = true},                               \
    {"kernel", ACN_ATTR_INTS, .is_required = true}, ACN_PANELS_ATTRS
#define ACN_CL_INPUTS                                                                              \
    {"x", ACN_T(ACN_F32), ACN_UNALIASED}, {"filter", ACN_T(ACN_F32), ACN_UNALIASED},               \
    {"bias", ACN_T(ACN_F32), ACN_OPTIONAL | ACN_UNALIASED},                                        \
    {"addend", ACN_T(ACN_F32), ACN_OPTIONAL}
/* clang-format on */

/* Geometry, checked; two spatial dimensions, not transposed. */
acn_status acn_cl_read(const acn_call *c, acn_conv *out);
/* Checks everything but the filter and says the output's shape. */
acn_status acn_cl_infer(acn_call *c, acn_conv *out);

typedef struct acn_cl_image {
    bool is_direct, has_border;
    acn_copy copy;
    uint64_t offset, bytes;    /* in the workspace */
    int64_t pixel, row, image; /* strides */
    int64_t inside;            /* of the first pixel, behind the border */
} acn_cl_image;

/* With a border of zeros when |before| or |after| (y, x; may be NULL) are not 0, or |is_staged|. */
acn_status acn_cl_image_plan(acn_cl_image *image, const acn_tensor *t, const int64_t *before,
                             const int64_t *after, bool is_staged, bool is_output,
                             uint64_t *workspace_bytes);
/* Of the first pixel, or of the border's. */
float *acn_cl_image_in(const acn_cl_image *image, const acn_tensor *t, void *workspace);
float *acn_cl_image_room(const acn_cl_image *image, const acn_tensor *t, void *workspace);
void acn_cl_image_out(const acn_cl_image *image, const acn_tensor *t, void *workspace);

/* All tensors of such a convolution; the absent ones stay empty. */
typedef struct acn_cl_operands {
    acn_cl_image x, y, addend;
    acn_stage filter, bias;
    uint64_t staged_bytes; /* in the workspace */
} acn_cl_operands;

/* |before|, |after|, |is_staged|: of x, as for an image. */
acn_status acn_cl_operands_plan(acn_cl_operands *operands, const acn_call *c, const int64_t *before,
                                const int64_t *after, bool is_staged);

typedef struct acn_cl_numbers {
    const float *x, *filter, *bias, *addend; /* |bias|, |addend|: NULL when absent */
    float *y;
} acn_cl_numbers;

acn_cl_numbers acn_cl_operands_in(const acn_cl_operands *operands, const acn_call *c);
void acn_cl_operands_out(const acn_cl_operands *operands, const acn_call *c);

/* Level 0: |filter|(group, tap, channel, column) is the filter's number. */
typedef double (*acn_cl_filter_fn)(const acn_call *c, const acn_conv *conv, int64_t group,
                                   int64_t tap, int64_t channel, int64_t column);
acn_status acn_cl_naive(acn_call *c, acn_cl_filter_fn filter);

#endif
