/* convolution_grad.c - ConvolutionBackward: the gradients of input, filter and bias that the mask
 * asks for. Each is one of the products of conv.h; those of a transposed convolution are the plain
 * one's with input and output gradient in each other's place. */
#include "ops/conv/conv.h"
#include "ops/precision.h"
#include "ops/reduce/reduce.h"

enum { DY, X, FILTER };                    /* inputs */
enum { DX, DFILTER, DBIAS };               /* outputs, and places in the mask */
enum { MASK = ACN_CONV_GROUPS + 1, CUBE }; /* attributes */

typedef struct gradient {
    acn_conv conv;
    acn_conv_product *input;
    acn_conv_filter_grad *filter;
    acn_copy filter_out;
    acn_reduction bias;
    acn_stage dy, x, w, dx;
    uint64_t staged_bytes;
} gradient;

static bool is_transposed(const acn_call *c) { return acn_attr_int(c, ACN_CONV_TRANSPOSED) != 0; }

static bool wants(const acn_call *c, int output) {
    const acn_attr_value *mask = &c->attr[MASK];
    bool is_masked =
        mask->is_present && output < mask->count && !((const uint8_t *)mask->items)[output];
    return acn_out(c, output) && !is_masked;
}

static acn_status infer(acn_call *c) {
    acn_conv conv;
    int64_t dims[ACN_MAX_DIMS];
    ACN_TRY(acn_precision_check_cube(c, CUBE, X));
    ACN_TRY(acn_conv_read(c, X, FILTER, &conv));
    acn_conv_result_dims(&conv, is_transposed(c), dims);
    acn_tensor expected;
    char text[160];
    const acn_tensor *dy = acn_in(c, DY);
    acn_tensor_init(&expected, NULL, dy->dtype, 2 + conv.spatial, dims);
    if (!acn_tensor_same_shape(dy, &expected))
        return acn_bad_input(c, DY, "expected %s, the convolution's shape",
                             acn_tensor_describe(&expected, text, sizeof text));
    if (wants(c, DX)) acn_out_like(c, DX, ACN_UNDEFINED, acn_in(c, X));
    if (wants(c, DFILTER)) acn_out_like(c, DFILTER, ACN_UNDEFINED, acn_in(c, FILTER));
    if (wants(c, DBIAS)) acn_out_is(c, DBIAS, ACN_UNDEFINED, 1, &dims[1]);
    return ACN_OK;
}

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

static acn_status plan_bias(acn_call *c, gradient *p) {
    const acn_tensor *dy = acn_in(c, DY);
    uint32_t all_but_channels = ((1u << dy->rank) - 1) & ~2u;
    return acn_reduction_plan(&p->bias, acn_out(c, DBIAS), dy, all_but_channels, ACN_R_SUM,
                              dy->dtype);
}

static acn_status plan(acn_call *c) {
    gradient *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    ACN_TRY(acn_conv_read(c, X, FILTER, &p->conv));
    uint64_t staged = 0, work = 0;
    uint32_t cost = acn_conv_cost_us(&p->conv);
    if (wants(c, DX) || wants(c, DFILTER))
        ACN_TRY(acn_stage_plan(&p->dy, acn_in(c, DY), ACN_F32, false, &staged));
    if (wants(c, DX)) {
        ACN_TRY(acn_stage_plan(&p->w, acn_in(c, FILTER), ACN_F32, false, &staged));
        ACN_TRY(acn_stage_plan(&p->dx, acn_out(c, DX), ACN_F32, true, &staged));
        ACN_TRY(acn_conv_product_plan(c, &p->conv, is_transposed(c) ? ACN_CONV_Y : ACN_CONV_X,
                                      false, &p->input));
        work = larger(work, acn_conv_product_workspace_bytes(p->input));
        c->plan->cost_us += cost;
    }
    if (wants(c, DFILTER)) {
        ACN_TRY(acn_stage_plan(&p->x, acn_in(c, X), ACN_F32, false, &staged));
        ACN_TRY(acn_conv_filter_grad_plan(c, &p->conv, &p->filter));
        acn_tensor view = acn_conv_filter_grad_view(p->filter, NULL);
        ACN_TRY(acn_copy_plan(&p->filter_out, acn_out(c, DFILTER), &view));
        work = larger(work, acn_conv_filter_grad_workspace_bytes(p->filter));
        c->plan->cost_us += cost;
    }
    if (wants(c, DBIAS)) {
        ACN_TRY(plan_bias(c, p));
        work = larger(work, acn_reduction_workspace_bytes(&p->bias));
        c->plan->cost_us += acn_reduction_cost_us(&p->bias);
    }
    p->staged_bytes = staged;
    c->plan->workspace_bytes = staged + work;
    c->plan->data = p;
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    const gradient *p = c->plan->data;
    char *w = c->workspace, *work = w + p->staged_bytes;
    const float *dy = NULL;
    if (p->input || p->filter) dy = acn_stage_in(&p->dy, acn_in(c, DY), w);
    if (p->input) {
        acn_conv_product_run(p->input, acn_stage_room(&p->dx, acn_out(c, DX), w), dy,
                             acn_stage_in(&p->w, acn_in(c, FILTER), w), NULL, work);
        acn_stage_out(&p->dx, acn_out(c, DX), w);
    }
    if (p->filter) {
        const float *x = acn_stage_in(&p->x, acn_in(c, X), w);
        acn_conv_filter_grad_run(p->filter, is_transposed(c) ? dy : x, is_transposed(c) ? x : dy,
                                 work);
        acn_copy_run(&p->filter_out, acn_out(c, DFILTER)->data, work);
    }
    if (wants(c, DBIAS))
        acn_reduction_run(&p->bias, acn_out(c, DBIAS)->data, acn_in(c, DY)->data, work);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    acn_conv conv;
    ACN_TRY(acn_conv_read(c, X, FILTER, &conv));
    const acn_tensor *dy = acn_in(c, DY), *x = acn_in(c, X);
    bool swapped = is_transposed(c);
    if (wants(c, DX))
        acn_conv_naive(&conv, swapped ? ACN_CONV_Y : ACN_CONV_X, acn_out(c, DX), dy,
                       acn_in(c, FILTER), NULL);
    if (wants(c, DFILTER))
        acn_conv_naive_filter(&conv, acn_out(c, DFILTER), swapped ? dy : x, swapped ? x : dy);
    if (!wants(c, DBIAS)) return ACN_OK;
    int64_t channels = dy->dims[1], volume = 1;
    for (int d = 2; d < dy->rank; d++)
        volume *= dy->dims[d];
    for (int64_t channel = 0; channel < channels; channel++) {
        double total = 0;
        for (int64_t i = 0; i < dy->dims[0] * volume; i++)
            total += acn_load_value(
                         acn_tensor_at(dy, (i / volume * channels + channel) * volume + i % volume),
                         dy->dtype)
                         .f;
        acn_store_value(acn_tensor_at(acn_out(c, DBIAS), channel), acn_out(c, DBIAS)->dtype,
                        (acn_value){.f = total});
    }
    return ACN_OK;
}

ACN_OP(ConvolutionBackward) = {
    .name = "ConvolutionBackward",
    .doc = "Gradients of Convolution's input, filter and bias; output_mask says which are wanted",
    .in = {{"grad_output", ACN_CONV_TYPES, ACN_UNALIASED},
           {"input", ACN_CONV_TYPES, ACN_UNALIASED},
           {"weight", ACN_CONV_TYPES, ACN_UNALIASED}},
    .out = {{"grad_input", ACN_CONV_TYPES, ACN_OPTIONAL},
            {"grad_weight", ACN_CONV_TYPES, ACN_OPTIONAL},
            {"grad_bias", ACN_CONV_TYPES, ACN_OPTIONAL}},
    .attr = {ACN_CONV_ATTRS, {"output_mask", ACN_ATTR_BOOLS}, ACN_CONV_CUBE},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction "
             "[2,4,7,9],[2,3,7,9],[4,3,3,3]|pads=[1,1] "
             "[2,5,2,4],[2,3,7,9],[5,3,3,2]|strides=[2,3],pads=[0,2],dilations=[2,1] "
             "[2,6,12],[2,4,10],[6,2,3]|pads=[2],groups=2 "
             "[1,3,5,2,6],[1,2,4,5,6],[3,2,2,3,3]|strides=[1,2,1],pads=[1,0,1] "
             "[2,6,10,19],[2,4,5,6],[4,3,3,2]|strides=[2,3],pads=[1,0],transposed=1,groups=2,"
             "output_padding=[1,2] "
             "f32[2,4,4,7],[2,3,5,6],[4,3,3,3]|pads=[1,0,2,1],output_mask=[0,1,1] "
             "f32+f16[2,33,9,9],[2,40,9,9],[33,40,3,3]|pads=[1,1] "
             "f32[3,20,14,14],[3,17,28,28],[20,17,1,1]|strides=[2,2] "
             "f32+f16[2,6,9,5],[2,3,7,9],[6,1,3,2]|strides=[1,2],pads=[2,1],groups=3 "
             "f32[2,3,4,4],[2,3,7,9],[3,1,3,3]|strides=[2,2],pads=[1,1],groups=3,dilations=[1,2] "
             "f32[0,4,3,4],[0,3,5,6],[4,3,3,3] f32[2,1,1],[2,1,1],[1,1,1]|strides=[10],pads=[3] "
             "f32[2,1,1,1],[2,1,1,1],[1,1,1,1]|strides=[9],pads=[3] "
             "f32[2,0,3,4],[2,3,5,6],[0,3,3,3] f32[2,4,1,1],[2,3,5,6],[4,3,3,3]|"
             "strides=[2147483647,2147483647] f32[2,4,1,1],[2,4,3,5],[4,1,3,3]|strides=[9,9],"
             "groups=4 f32[3,40,7,7],[3,600,7,7],[40,600,1,1]",
};
