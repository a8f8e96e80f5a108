/* conv.h - a convolution as every operator of this folder sees it.
 *
 * There is one geometry, that of the plain convolution y = x * w, with 1 to 3 spatial dimensions
 * brought to 3:
 *
 *   x[n, groups * ci, in]   w[groups * co, ci, kernel]   y[n, groups * co, out]
 *
 * and three products of it: y from x and w, x from y and w (the gradient of the input; also what a
 * transposed convolution computes), w from x and y. Padding is zeros that take part: 0 * inf = nan.
 */
#ifndef ACN_OPS_CONV_CONV_H
#define ACN_OPS_CONV_CONV_H

#include "ops/layout/stage.h"
#include "ops/op.h"

typedef struct acn_conv {
    int spatial; /* dimensions that the client gave; they are the last ones here */
    int64_t n, groups, ci, co;
    int64_t in[3], out[3], kernel[3], stride[3], dilation[3];
    int64_t before[3]; /* padding; the other end's follows from |out| */
} acn_conv;

static inline int64_t acn_conv_volume(const int64_t *dims) { return dims[0] * dims[1] * dims[2]; }

/* ---- geometry.c ------------------------------------------------------------------------------ */

/* Attribute slots that Convolution and its gradient share. */
enum {
    ACN_CONV_STRIDE,
    ACN_CONV_PADDING, /* one number for all dimensions, one for each, or a pair for each */
    ACN_CONV_DILATION,
    ACN_CONV_TRANSPOSED,
    ACN_CONV_OUTPUT_PADDING,
    ACN_CONV_GROUPS
};
/* clang-format off */
#define ACN_CONV_ATTRS                                                                             \
    {"strides", ACN_ATTR_INTS}, {"pads", ACN_ATTR_INTS}, {"dilations", ACN_ATTR_INTS},             \
    {"transposed", ACN_ATTR_BOOL}, {"output_padding", ACN_ATTR_INTS},                              \
    {"groups", ACN_ATTR_INT, .fallback = 1}
/* What a client allows (precision.h); behind an operator's other attributes. */
#define ACN_CONV_CUBE {"cube_math_type", ACN_ATTR_INT}
/* clang-format on */
#define ACN_CONV_TYPES (ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16))

/* Reads inputs |input| and |filter| and the attributes; fails naming what does not fit. With
 * "transposed", the input is y and the result is x. */
acn_status acn_conv_read(const acn_call *c, int input, int filter, acn_conv *out);
/* The same with a filter of another layout, of whose shape only |w| tells. */
acn_status acn_conv_read_as(const acn_call *c, int input, int filter, const acn_tensor *w,
                            acn_conv *out);
/* Shape of the convolution's result; its rank is 2 + spatial. */
void acn_conv_result_dims(const acn_conv *conv, bool is_transposed, int64_t *dims);
uint32_t acn_conv_cost_us(const acn_conv *conv);
/* The same with all positions in one row, if each has only itself behind it: rows then end nowhere
 * but where images do. |spatial| and the filter's shape stay. */
acn_conv acn_conv_flattened(const acn_conv *conv);
/* Each position has only itself behind it. */
bool acn_conv_is_flat(const acn_conv *conv);

/* ---- products on contiguous f32 -------------------------------------------------------------- */

typedef enum acn_conv_side { ACN_CONV_Y, ACN_CONV_X } acn_conv_side;

/* The product that gives |side| from the other one and w (product.c). */
typedef struct acn_conv_product acn_conv_product;
acn_status acn_conv_product_plan(acn_call *c, const acn_conv *conv, acn_conv_side side,
                                 bool has_bias, acn_conv_product **out);
uint64_t acn_conv_product_workspace_bytes(const acn_conv_product *p);
/* |bias|: one for each channel of the result; NULL when the plan has none. */
void acn_conv_product_run(const acn_conv_product *p, float *result, const float *source,
                          const float *w, const float *bias, char *workspace);

/* w's gradient (filter_grad.c); it lies at the workspace's begin and is seen as a view. */
typedef struct acn_conv_filter_grad acn_conv_filter_grad;
acn_status acn_conv_filter_grad_plan(acn_call *c, const acn_conv *conv, acn_conv_filter_grad **out);
uint64_t acn_conv_filter_grad_workspace_bytes(const acn_conv_filter_grad *p);
void acn_conv_filter_grad_run(const acn_conv_filter_grad *p, const float *x, const float *dy,
                              char *workspace);
acn_tensor acn_conv_filter_grad_view(const acn_conv_filter_grad *p, void *memory);

/* ---- naive.c: level 0, in double precision --------------------------------------------------- */

/* |bias| may be NULL. */
void acn_conv_naive(const acn_conv *conv, acn_conv_side side, const acn_tensor *result,
                    const acn_tensor *source, const acn_tensor *w, const acn_tensor *bias);
/* The same on the pool: integers have no faster way. */
void acn_conv_plain(const acn_conv *conv, acn_conv_side side, const acn_tensor *result,
                    const acn_tensor *source, const acn_tensor *w, const acn_tensor *bias);
void acn_conv_naive_filter(const acn_conv *conv, const acn_tensor *dw, const acn_tensor *x,
                           const acn_tensor *dy);

#endif
