/* window.h - pooling windows: which elements of the input each element of the output looks at.
 *
 * 1 to 3 spatial dimensions are brought to 3, everything before them to planes. Windows are the
 * same product of ranges for regular pooling (kernel, stride, padding, dilation) and for adaptive
 * pooling (output size). A tap is an element's number within a whole kernel.
 */
#ifndef ACN_OPS_POOL_WINDOW_H
#define ACN_OPS_POOL_WINDOW_H

#include "ops/layout/stage.h"
#include "ops/op.h"

#define ACN_POOL_TYPES (ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16))

/* Attribute slots that all pooling operators share. */
enum {
    ACN_POOL_SPATIAL, /* dimensions, the last of the tensor's */
    ACN_POOL_KERNEL,  /* absent: adaptive */
    ACN_POOL_STRIDE,  /* absent or empty: the kernel's */
    ACN_POOL_PADDING, /* one number for all dimensions, one for each, or a pair for each */
    ACN_POOL_CEIL_MODE,
    ACN_POOL_OUTPUT_SIZE, /* of adaptive pooling; a number below 0 keeps the input's */
    ACN_POOL_OWN          /* the first slot that an operator may use for itself */
};
/* clang-format off */
#define ACN_POOL_ATTRS                                                                             \
    {"spatial", ACN_ATTR_INT, .fallback = 2}, {"ksize", ACN_ATTR_INTS}, {"strides", ACN_ATTR_INTS}, \
    {"pads", ACN_ATTR_INTS}, {"ceil_mode", ACN_ATTR_BOOL}, {"output_size", ACN_ATTR_INTS}
/* clang-format on */

/* Of one output position in one dimension: elements start + i * dilation for 0 <= i < count, which
 * are taps first_tap + i. |size| counts padding, too (the mean's divisor). */
typedef struct acn_window {
    int32_t start, count, first_tap, size;
} acn_window;

typedef struct acn_pool {
    int spatial;
    bool is_adaptive;
    int64_t planes, in[3], out[3];
    int64_t kernel[3], stride[3], padding[3], after[3], dilation[3];
    /* |padding| lies before, |after| behind */
    acn_window *window[3]; /* of each output position; made by acn_pool_plan */
} acn_pool;

/* Reads the attributes for an input |x|; |dilation_slot| is -1 where there is none. */
acn_status acn_pool_read(const acn_call *c, int input, int dilation_slot, acn_pool *out);
acn_window acn_pool_window(const acn_pool *p, int dim, int64_t position);
/* The windows as tables that live as long as the plan. */
acn_status acn_pool_plan(acn_call *c, acn_pool *p);
/* |x|'s shape with the output's space. */
void acn_pool_result(const acn_call *c, int slot, const acn_pool *p, const acn_tensor *x);

static inline int64_t acn_pool_in(const acn_pool *p) { return p->in[0] * p->in[1] * p->in[2]; }
static inline int64_t acn_pool_out(const acn_pool *p) { return p->out[0] * p->out[1] * p->out[2]; }
/* Position |linear| of the output, by dimension. */
static inline void acn_pool_at(const acn_pool *p, int64_t linear, int64_t *at) {
    at[2] = linear % p->out[2];
    at[1] = linear / p->out[2] % p->out[1];
    at[0] = linear / p->out[2] / p->out[1];
}
/* Planes that one chunk of work takes: some 16 Ki elements. */
static inline int64_t acn_pool_planes_a_chunk(int64_t plane_elements) {
    return plane_elements >= 16384 ? 1 : 16384 / (plane_elements + 1) + 1;
}
uint32_t acn_pool_cost_us(const acn_pool *p);

#endif
