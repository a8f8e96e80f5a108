/* convolution_stencil.c - ConvolutionStencil: depthwise convolutions of channels-last images, as
 * stencils whose vectors are channels. The filter is [kernel, channels]. */
#include "base/pool.h"
#include "ops/conv/channels_last.h"

enum { CHUNK_WORK = 1 << 16 };

typedef struct convolution {
    acn_conv conv;
    acn_cl_operands of;
    int64_t rows_a_chunk;
} convolution;

static acn_status infer(acn_call *c) {
    acn_conv v;
    ACN_TRY(acn_cl_infer(c, &v));
    int64_t taps = acn_conv_volume(v.kernel);
    if (v.ci != 1 || v.co != 1 || taps > ACN_CL_MOST_STENCIL_TAPS)
        return acn_bad_attr(c, ACN_CONV_GROUPS,
                            "is %lld; expected as many as channels, and a kernel of at most %d",
                            (long long)v.groups, ACN_CL_MOST_STENCIL_TAPS);
    if (acn_tensor_count(acn_in(c, ACN_CL_FILTER)) != taps * v.groups)
        return acn_bad_input(c, ACN_CL_FILTER, "expected %lld numbers",
                             (long long)(taps * v.groups));
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    convolution *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    ACN_TRY(acn_cl_read(c, &p->conv));
    ACN_TRY(acn_cl_operands_plan(&p->of, c, NULL, NULL, false));
    int64_t work = p->conv.out[2] * p->conv.groups * acn_conv_volume(p->conv.kernel);
    p->rows_a_chunk = CHUNK_WORK / (work + 1) + 1;
    c->plan->workspace_bytes = p->of.staged_bytes;
    c->plan->cost_us = acn_conv_cost_us(&p->conv);
    c->plan->data = p;
    return ACN_OK;
}

typedef struct job {
    const convolution *p;
    const float *x, *w;
    acn_panel_stencil stencil; /* what all share */
} job;

/* Some pixels of a row of the result whose taps are inside together, or one. */
static void run_pixels(const job *j, int64_t image, int64_t y, int64_t x, int pixels) {
    const convolution *p = j->p;
    const acn_conv *v = &p->conv;
    const float *from[ACN_CL_MOST_STENCIL_TAPS], *weight[ACN_CL_MOST_STENCIL_TAPS];
    acn_panel_stencil t = j->stencil;
    for (int64_t ky = 0; ky < v->kernel[1]; ky++) {
        int64_t sy = y * v->stride[1] + ky * v->dilation[1] - v->before[1];
        if (sy < 0 || sy >= v->in[1]) continue;
        const float *row = j->x + image * p->of.x.image + sy * p->of.x.row;
        for (int64_t kx = 0; kx < v->kernel[2]; kx++) {
            int64_t sx = x * v->stride[2] + kx * v->dilation[2] - v->before[2];
            if (sx < 0 || sx >= v->in[2]) continue;
            from[t.taps] = row + sx * p->of.x.pixel;
            weight[t.taps++] = j->w + (ky * v->kernel[2] + kx) * v->groups;
        }
    }
    int64_t at = (image * v->out[1] + y) * v->out[2] + x;
    t.x = from;
    t.w = weight;
    t.pixels = pixels;
    t.c += at * t.c_row;
    if (t.addend) t.addend += at * t.addend_row;
    acn_kernels_get()->panel->stencil(&t);
}

static void run_row(const job *j, int64_t image, int64_t y) {
    const acn_conv *v = &j->p->conv;
    int64_t reach = (v->kernel[2] - 1) * v->dilation[2] - v->before[2];
    for (int64_t x = 0; x < v->out[2];) {
        int64_t last = x + ACN_PANEL_MOST_PIXELS - 1;
        bool are_inside = x * v->stride[2] >= v->before[2] && last < v->out[2] &&
                          last * v->stride[2] + reach < v->in[2];
        int pixels = are_inside ? ACN_PANEL_MOST_PIXELS : 1;
        run_pixels(j, image, y, x, pixels);
        x += pixels;
    }
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    const job *j = context;
    const acn_conv *v = &j->p->conv;
    int64_t first = chunk * j->p->rows_a_chunk, last = first + j->p->rows_a_chunk;
    for (int64_t i = first; i < last && i < v->n * v->out[1]; i++)
        run_row(j, i / v->out[1], i % v->out[1]);
}

static void activate(const convolution *p, float *y, acn_micro_fn activation) {
    int64_t pixels = p->conv.n * p->conv.out[1] * p->conv.out[2], channels = p->conv.groups;
    if (p->of.y.pixel == channels) activation(y, y, NULL, NULL, pixels * channels);
    for (int64_t i = 0; p->of.y.pixel != channels && i < pixels; i++)
        activation(y + i * p->of.y.pixel, y + i * p->of.y.pixel, NULL, NULL, channels);
}

static acn_status run(acn_call *c) {
    const convolution *p = c->plan->data;
    acn_panels_finish finish;
    ACN_TRY(acn_panels_read_finish(c, ACN_CL_FINISH, &finish));
    const acn_cl_numbers at = acn_cl_operands_in(&p->of, c);
    job j = {.p = p,
             .x = at.x,
             .w = at.filter,
             .stencil = {.channels = p->conv.groups,
                         .pixel_step = p->conv.stride[2] * p->of.x.pixel,
                         .bias = at.bias,
                         .addend = at.addend,
                         .c = at.y,
                         .c_row = p->of.y.pixel,
                         .addend_row = p->of.addend.pixel,
                         .clamps = finish.clamps,
                         .low = finish.low,
                         .high = finish.high}};
    int64_t rows = p->conv.n * p->conv.out[1];
    acn_pool_run((rows + p->rows_a_chunk - 1) / p->rows_a_chunk, run_chunk, &j);
    if (finish.activation) activate(p, at.y, finish.activation);
    acn_cl_operands_out(&p->of, c);
    return ACN_OK;
}

static double filter(const acn_call *c, const acn_conv *v, int64_t group, int64_t tap, int64_t ci,
                     int64_t column) {
    return acn_load_value(acn_tensor_at(acn_in(c, ACN_CL_FILTER), tap * v->groups + group), ACN_F32)
        .f;
}

static acn_status run0(acn_call *c) { return acn_cl_naive(c, filter); }

ACN_OP(ConvolutionStencil) = {
    .name = "ConvolutionStencil",
    .doc = "Depthwise convolution of channels-last images, then bias, addend and activation",
    .in = {ACN_CL_INPUTS},
    .out = {{"y", ACN_T(ACN_F32)}},
    .attr = {ACN_CL_ATTRS},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=contraction "
             "[2,21,7,9],[9,21],[21]|channels=21,groups=21,kernel=[3,3],pads=[1,1],low=0,high=6 "
             "[1,37,12,11],[15,37],-,[1,37,6,5]|channels=37,groups=37,kernel=[3,5],pads=[1,1],"
             "strides=[2,2],activation=silu [1,8,9,14],[9,8]|channels=8,groups=8,kernel=[3,3],"
             "dilations=[2,2],pads=[2,2] [0,4,5,6],[9,4]|channels=4,groups=4,kernel=[3,3]",
};
