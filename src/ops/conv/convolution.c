/* convolution.c - Convolution: plain and transposed, 1 to 3 dimensions, any groups and dilation. */
#include "ops/conv/conv.h"
#include "ops/precision.h"

enum { CUBE = ACN_CONV_GROUPS + 1 }; /* attribute */

typedef struct convolution {
    acn_conv conv;
    acn_conv_product *product;
    acn_stage input, filter, bias, output;
    uint64_t staged_bytes;
} convolution;

static bool is_transposed(const acn_call *c) { return acn_attr_int(c, ACN_CONV_TRANSPOSED) != 0; }

/* The types of all tensors that hold integers, or of none. */
static acn_status check_types(const acn_call *c) {
    bool is_whole = acn_dtype_is_integer(acn_in(c, 0)->dtype);
    for (int slot = 1; slot <= 2; slot++)
        if (acn_in(c, slot) && acn_dtype_is_integer(acn_in(c, slot)->dtype) != is_whole)
            return acn_bad_input(c, slot, "expected %s, as the input has",
                                 is_whole ? "integers" : "floats");
    if (acn_out(c, 0) && acn_dtype_is_integer(acn_out(c, 0)->dtype) != is_whole)
        return acn_bad_output(c, 0, "expected %s, as the input has",
                              is_whole ? "integers" : "floats");
    return ACN_OK;
}

static acn_status run_integers(acn_call *c);

static acn_status infer(acn_call *c) {
    acn_conv conv;
    int64_t dims[ACN_MAX_DIMS];
    ACN_TRY(acn_precision_check_cube(c, CUBE, 0));
    ACN_TRY(check_types(c));
    ACN_TRY(acn_conv_read(c, 0, 1, &conv));
    acn_conv_result_dims(&conv, is_transposed(c), dims);
    const acn_tensor *bias = acn_in(c, 2);
    if (bias && acn_tensor_count(bias) != dims[1])
        return acn_bad_input(c, 2, "expected one number for each of %lld channels",
                             (long long)dims[1]);
    acn_out_is(c, 0, ACN_UNDEFINED, 2 + conv.spatial, dims);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    convolution *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a convolution's plan");
    const acn_tensor *bias = acn_in(c, 2);
    ACN_TRY(acn_conv_read(c, 0, 1, &p->conv));
    c->plan->cost_us = acn_conv_cost_us(&p->conv);
    c->plan->data = p;
    if (acn_dtype_is_integer(acn_in(c, 0)->dtype)) {
        c->plan->run = run_integers;
        return ACN_OK;
    }
    ACN_TRY(acn_conv_product_plan(c, &p->conv, is_transposed(c) ? ACN_CONV_X : ACN_CONV_Y,
                                  bias != NULL, &p->product));
    uint64_t bytes = 0;
    ACN_TRY(acn_stage_plan(&p->input, acn_in(c, 0), ACN_F32, false, &bytes));
    ACN_TRY(acn_stage_plan(&p->filter, acn_in(c, 1), ACN_F32, false, &bytes));
    if (bias) ACN_TRY(acn_stage_plan(&p->bias, bias, ACN_F32, false, &bytes));
    ACN_TRY(acn_stage_plan(&p->output, acn_out(c, 0), ACN_F32, true, &bytes));
    p->staged_bytes = bytes;
    c->plan->workspace_bytes = bytes + acn_conv_product_workspace_bytes(p->product);
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    const convolution *p = c->plan->data;
    char *w = c->workspace;
    const acn_tensor *bias = acn_in(c, 2);
    acn_conv_product_run(p->product, acn_stage_room(&p->output, acn_out(c, 0), w),
                         acn_stage_in(&p->input, acn_in(c, 0), w),
                         acn_stage_in(&p->filter, acn_in(c, 1), w),
                         bias ? acn_stage_in(&p->bias, bias, w) : NULL, w + p->staged_bytes);
    acn_stage_out(&p->output, acn_out(c, 0), w);
    return ACN_OK;
}

static acn_status run_integers(acn_call *c) {
    const convolution *p = c->plan->data;
    acn_conv_plain(&p->conv, is_transposed(c) ? ACN_CONV_X : ACN_CONV_Y, acn_out(c, 0),
                   acn_in(c, 0), acn_in(c, 1), acn_in(c, 2));
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    acn_conv conv;
    ACN_TRY(acn_conv_read(c, 0, 1, &conv));
    acn_conv_naive(&conv, is_transposed(c) ? ACN_CONV_X : ACN_CONV_Y, acn_out(c, 0), acn_in(c, 0),
                   acn_in(c, 1), acn_in(c, 2));
    return ACN_OK;
}

ACN_OP(Convolution) = {
    .name = "Convolution",
    .doc = "Convolution or transposed convolution of 1 to 3 dimensions, with groups and a bias",
    .in = {{"x", ACN_CONV_TYPES | ACN_INTS, ACN_UNALIASED},
           {"filter", ACN_CONV_TYPES | ACN_INTS, ACN_UNALIASED},
           {"bias", ACN_CONV_TYPES | ACN_INTS, ACN_OPTIONAL | ACN_UNALIASED}},
    .out = {{"y", ACN_CONV_TYPES | ACN_INTS}},
    .attr = {ACN_CONV_ATTRS, ACN_CONV_CUBE},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases =
        "tolerance=reduction "
        "[2,3,7,9],[4,3,3,3],[4]|strides=[1,1],pads=[1,1],dilations=[1,1] "
        "[2,3,7,9],[5,3,3,2]|strides=[2,3],pads=[0,2],dilations=[2,1] "
        "[2,4,10],[6,2,3],[6]|pads=[2],groups=2 "
        "[1,2,4,5,6],[3,2,2,3,3]|strides=[1,2,1],pads=[1,0,1] "
        "[2,4,5,6],[4,3,3,2],[6]|strides=[2,3],pads=[1,0],transposed=1,groups=2,"
        "output_padding=[1,2] "
        "[2,3,4,5],[3,2,2,2]|strides=[3,3],transposed=1,dilations=[2,2] "
        "f32[1,2,3,3,3],[2,3,2,3,1]|strides=[2,1,1],transposed=1 "
        "f32[2,3,5,6],[4,3,3,3]|pads=[1,0,2,1] f32[0,3,5,6],[4,3,3,3] "
        "f32+f16[2,40,9,9],[33,40,3,3],[33]|pads=[1,1] f32[3,17,28,28],[20,17,1,1] "
        "f32+f16[2,3,7,9],[6,1,3,2],[6]|strides=[1,2],pads=[2,1],groups=3 "
        "f32[2,3,7,9],[3,1,3,3]|strides=[2,2],pads=[1,1],groups=3,dilations=[1,2] "
        "f32[2,4,5,6],[4,1,3,2],[4]|strides=[2,3],pads=[1,0],transposed=1,groups=4 "
        "f32[2,8,5,6],[8,2,3,2]|strides=[2,1],transposed=1,groups=4 "
        "f32+f16[2,17,29,57],[33,17,3,3],[33]|pads=[2,0] f32[3,64,15,14],[31,64,3,3]|pads=[1,1] "
        "f32[2,20,13,11],[20,16,3,3],[16]|pads=[1,2],transposed=1 "
        "f32[1,5,70,70],[3,5,5,5]|pads=[2,2],strides=[2,2] f32[2,48,7,7],[50,48,1,1] "
        "f32[2,3,7,9],[4,3,3,3],[4]|strides=[1,2147483647],pads=[1,1] f32[1,3,5,6],[0,3,3,3] "
        "f32[2,0,5,6],[4,0,3,3],[4] f32[3,600,7,7],[40,600,1,1],[40] "
        "f32[1,32,7,7],[35,32,3,3]|pads=[1,1]",
};
