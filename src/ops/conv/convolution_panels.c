/* convolution_panels.c - ConvolutionPanels: a convolution of channels-last images as rows times
 * panels. A row is a position; its segments are the taps' pixels, read where they lie.
 *
 * Images of few channels are copied into a frame of zeros, in which the pixels under a row of the
 * kernel are neighbours: one segment for all of them. */
#include "ops/conv/channels_last.h"

enum { LEAST_STEPS = 16 };

typedef struct convolution {
    acn_conv conv;
    acn_panels panels;
    acn_cl_operands of;
    bool is_joined;
    float *zeros; /* a pixel outside the image */
} convolution;

static acn_status infer(acn_call *c) {
    acn_conv v;
    ACN_TRY(acn_cl_infer(c, &v));
    int64_t depth = v.ci * acn_conv_volume(v.kernel);
    if (acn_tensor_count(acn_in(c, ACN_CL_FILTER)) !=
        acn_panels_packed_count(v.groups, v.co, depth))
        return acn_bad_input(c, ACN_CL_FILTER,
                             "expected %lld groups of panels of %lld columns of "
                             "%lld numbers",
                             (long long)v.groups, (long long)v.co, (long long)depth);
    return ACN_OK;
}

static acn_status plan_operands(acn_call *c, convolution *p) {
    const acn_conv *v = &p->conv;
    int64_t before[2], after[2];
    for (int d = 0; d < 2; d++) {
        int64_t end = (v->out[1 + d] - 1) * v->stride[1 + d] + v->kernel[1 + d] - v->before[1 + d];
        before[d] = v->before[1 + d];
        after[d] = end > v->in[1 + d] ? end - v->in[1 + d] : 0;
    }
    p->is_joined = v->groups == 1 && v->ci < LEAST_STEPS && v->kernel[2] > 1 &&
                   v->dilation[1] == 1 && v->dilation[2] == 1;
    /* Without a copy, pixels of a row must be neighbours, and rows that are not there are. */
    return acn_cl_operands_plan(&p->of, c, p->is_joined ? before : NULL, after, p->is_joined);
}

static acn_status plan(acn_call *c) {
    convolution *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    const acn_conv *v = &p->conv;
    ACN_TRY(acn_cl_read(c, &p->conv));
    ACN_TRY(plan_operands(c, p));
    p->zeros = acn_plan_alloc(c, sizeof(float) * (size_t)(v->ci + 1));
    if (!p->zeros) return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    p->panels = (acn_panels){.groups = v->groups,
                             .rows = v->n * v->out[1] * v->out[2],
                             .cols = v->co,
                             .segments = v->kernel[1] * (p->is_joined ? 1 : v->kernel[2]),
                             .steps = v->ci * (p->is_joined ? v->kernel[2] : 1)};
    acn_panels_plan(&p->panels);
    c->plan->workspace_bytes = p->of.staged_bytes + acn_panels_workspace_bytes(&p->panels);
    c->plan->cost_us = acn_panels_cost_us(&p->panels);
    c->plan->data = p;
    return ACN_OK;
}

typedef struct source {
    const convolution *p;
    const float *x;
} source;

static void point_joined(const void *context, int64_t group, int64_t first, int count, int most,
                         const float **rows) {
    const source *s = context;
    const acn_conv *v = &s->p->conv;
    for (int i = 0; i < count; i++) {
        int64_t at = first + i, x = at % v->out[2], y = at / v->out[2] % v->out[1];
        const float *from = s->x + at / v->out[2] / v->out[1] * s->p->of.x.image +
                            y * v->stride[1] * s->p->of.x.row + x * v->stride[2] * s->p->of.x.pixel;
        for (int64_t ky = 0; ky < v->kernel[1]; ky++)
            rows[ky * most + i] = from + ky * s->p->of.x.row;
    }
}

static void point(const void *context, int64_t group, int64_t first, int count, int most,
                  const float **rows) {
    const source *s = context;
    const acn_conv *v = &s->p->conv;
    for (int i = 0; i < count; i++) {
        int64_t at = first + i, x = at % v->out[2], y = at / v->out[2] % v->out[1];
        const float *image = s->x + at / v->out[2] / v->out[1] * s->p->of.x.image + group * v->ci;
        const float **to = rows + i;
        for (int64_t ky = 0; ky < v->kernel[1]; ky++) {
            int64_t sy = y * v->stride[1] + ky * v->dilation[1] - v->before[1];
            bool has_row = sy >= 0 && sy < v->in[1];
            for (int64_t kx = 0; kx < v->kernel[2]; kx++, to += most) {
                int64_t sx = x * v->stride[2] + kx * v->dilation[2] - v->before[2];
                bool is_inside = has_row && sx >= 0 && sx < v->in[2];
                *to = is_inside ? image + sy * s->p->of.x.row + sx * s->p->of.x.pixel : s->p->zeros;
            }
        }
    }
}

static acn_status run(acn_call *c) {
    const convolution *p = c->plan->data;
    const acn_cl_numbers at = acn_cl_operands_in(&p->of, c);
    const source s = {p, at.x};
    acn_panels_operands o = {
        .point = p->is_joined ? point_joined : point,
        .context = &s,
        .b = at.filter,
        .bias = at.bias,
        .addend = at.addend,
        .c = at.y,
        .c_row = p->of.y.pixel,
        .addend_row = p->of.addend.pixel,
    };
    ACN_TRY(acn_panels_read_finish(c, ACN_CL_FINISH, &o.finish));
    acn_panels_run(&p->panels, &o, (char *)c->workspace + p->of.staged_bytes);
    acn_cl_operands_out(&p->of, c);
    return ACN_OK;
}

static double filter(const acn_call *c, const acn_conv *v, int64_t group, int64_t tap, int64_t ci,
                     int64_t column) {
    int64_t panels = (v->co + ACN_PANEL - 1) / ACN_PANEL,
            depth = v->ci * acn_conv_volume(v->kernel);
    int64_t at = ((group * panels + column / ACN_PANEL) * depth + tap * v->ci + ci) * ACN_PANEL +
                 column % ACN_PANEL;
    return acn_load_value(acn_tensor_at(acn_in(c, ACN_CL_FILTER), at), ACN_F32).f;
}

static acn_status run0(acn_call *c) { return acn_cl_naive(c, filter); }

ACN_OP(ConvolutionPanels) = {
    .name = "ConvolutionPanels",
    .doc = "Convolution of channels-last images with a packed filter, bias, addend, activation",
    .in = {ACN_CL_INPUTS},
    .out = {{"y", ACN_T(ACN_F32)}},
    .attr = {ACN_CL_ATTRS},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases =
        "tolerance=contraction "
        "[2,20,7,9],[2,180,16],[18]|channels=18,kernel=[3,3],pads=[1,1],low=0 "
        "[1,3,13,11],[1,105,16],[7]|channels=7,kernel=[7,5],pads=[3,3,2,1],strides=[2,2] "
        "[2,40,5,6],[3,40,16],[40],[2,40,5,6]|channels=40,kernel=[1,1],low=0,high=6 "
        "[1,16,9,8],[2,64,16]|channels=20,kernel=[2,2],strides=[2,3],dilations=[2,1],"
        "activation=silu [1,12,4,5],[3,36,16],[27]|channels=27,kernel=[3,3],groups=3,pads=[1,1]"
        " [0,20,7,9],[1,20,16]|channels=3,kernel=[1,1] "
        "[1,70,8,8],[1,630,16],[10],[1,10,8,8]|channels=10,kernel=[3,3],pads=[1,1]",
};
