/* resample.c - Resample and ResampleGrad: interpolation of the last 1 to 3 dimensions (nearest,
 * linear, cubic, and the last two with an antialiasing filter). The gradient is the transposed map.
 */
#include "ops/resize/separable.h"

enum { SPATIAL, MODE, OUTPUT_SIZE, ALIGN_CORNERS, SCALE_D, SCALE_H, SCALE_W, INPUT_SIZE };

/* The sizes of the forward map, as the client and the input say them. */
static acn_status read_sizes(const acn_call *c, bool is_grad, int64_t *in, int64_t *out) {
    const acn_tensor *x = acn_in(c, 0);
    int spatial;
    int64_t out_count, in_count, given[3];
    const int64_t *out_size = acn_attr_ints(c, OUTPUT_SIZE, &out_count);
    const int64_t *in_size = acn_attr_ints(c, INPUT_SIZE, &in_count);
    ACN_TRY(acn_spatial_of(c, SPATIAL, 0, &spatial));
    if (x->rank != spatial + 2)
        return acn_bad_input(c, 0, "expected %d dimensions: batch, channels, space", spatial + 2);
    if (out_count != spatial)
        return acn_bad_attr(c, OUTPUT_SIZE, "has %lld numbers; expected %d", (long long)out_count,
                            spatial);
    if (is_grad && in_count != spatial + 2)
        return acn_bad_attr(c, INPUT_SIZE, "has %lld numbers; expected %d", (long long)in_count,
                            spatial + 2);
    acn_separable_dims(x, spatial, given);
    for (int d = 0; d < 3; d++) {
        int at = d - (3 - spatial);
        in[d] = at < 0 ? 1 : is_grad ? in_size[2 + at] : given[d];
        out[d] = at < 0 ? 1 : out_size[at];
        if (in[d] < 1 || out[d] < 1 || in[d] > INT32_MAX / 8 || out[d] > INT32_MAX / 8)
            return acn_bad_attr(c, is_grad ? INPUT_SIZE : OUTPUT_SIZE,
                                "asks for %lld elements from %lld; expected one or more",
                                (long long)out[d], (long long)in[d]);
        if (is_grad && given[d] != out[d])
            return acn_bad_input(c, 0, "expected the %lld elements of the output size",
                                 (long long)out[d]);
    }
    return ACN_OK;
}

static acn_status infer_either(acn_call *c, bool is_grad) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t in[3], out[3], dims[ACN_MAX_DIMS];
    ACN_TRY(read_sizes(c, is_grad, in, out));
    int spatial = (int)acn_attr_int(c, SPATIAL);
    dims[0] = x->dims[0];
    dims[1] = x->dims[1];
    for (int d = 0; d < spatial; d++)
        dims[2 + d] = (is_grad ? in : out)[3 - spatial + d];
    acn_out_is(c, 0, x->dtype, x->rank, dims);
    return ACN_OK;
}

static acn_status make_taps(const acn_call *c, acn_arena *arena, bool is_grad, acn_taps *taps) {
    int64_t in[3], out[3];
    ACN_TRY(read_sizes(c, is_grad, in, out));
    for (int d = 0; d < 3; d++) {
        acn_taps t;
        bool is_mapped = d >= 3 - (int)acn_attr_int(c, SPATIAL);
        double scale = acn_attr_float(c, SCALE_D + d);
        acn_resample_mode mode = (acn_resample_mode)acn_attr_int(c, MODE);
        if (is_mapped)
            ACN_TRY(acn_taps_resample(arena, &t, mode, in[d], out[d],
                                      acn_attr_int(c, ALIGN_CORNERS) != 0, scale));
        else
            ACN_TRY(acn_taps_identity(arena, &t, 1));
        if (is_grad)
            ACN_TRY(acn_taps_transpose(arena, &taps[d], &t));
        else
            taps[d] = t;
    }
    return ACN_OK;
}

static acn_status plan_either(acn_call *c, bool is_grad) {
    acn_separable *s = acn_plan_alloc(c, sizeof *s);
    if (!s) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    ACN_TRY(make_taps(c, &c->plan->arena, is_grad, s->taps));
    return acn_separable_plan(c, s, (int)acn_attr_int(c, SPATIAL));
}

static acn_status run(acn_call *c) {
    acn_separable_run(c->plan->data, c);
    return ACN_OK;
}

static acn_status run0_either(acn_call *c, bool is_grad) {
    acn_taps taps[3];
    ACN_TRY(make_taps(c, &c->arena, is_grad, taps));
    acn_separable_naive(c, taps);
    return ACN_OK;
}

static acn_status infer(acn_call *c) { return infer_either(c, false); }
static acn_status infer_grad(acn_call *c) { return infer_either(c, true); }
static acn_status plan(acn_call *c) { return plan_either(c, false); }
static acn_status plan_grad(acn_call *c) { return plan_either(c, true); }
static acn_status run0(acn_call *c) { return run0_either(c, false); }
static acn_status run0_grad(acn_call *c) { return run0_either(c, true); }

#define TYPES (ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16) | ACN_T(ACN_U8))
/* clang-format off */
#define ATTRS                                                                                      \
    {"spatial", ACN_ATTR_INT, .fallback = 2}, {"mode", ACN_ATTR_INT},                              \
    {"output_size", ACN_ATTR_INTS}, {"align_corners", ACN_ATTR_BOOL},                              \
    {"scale_d", ACN_ATTR_FLOAT}, {"scale_h", ACN_ATTR_FLOAT}, {"scale_w", ACN_ATTR_FLOAT},         \
    {"input_size", ACN_ATTR_INTS}
/* clang-format on */

ACN_OP(Resample) = {
    .name = "Resample",
    .doc = "Interpolation; mode: 0 nearest, 1 nearest exact, 2 linear, 3 cubic, 4 linear and 5 "
           "cubic with antialiasing",
    .in = {{"x", TYPES, ACN_UNALIASED}},
    .out = {{"y", TYPES}},
    .attr = {ATTRS},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases =
        "tolerance=reduction [2,3,5,7]|mode=0,output_size=[10,9] "
        "f32+f16[2,3,5,7]|mode=1,output_size=[3,20] f32+f16[2,3,5,7]|mode=2,output_size=[10,9] "
        "f32+bf16[2,3,5,7]|mode=2,output_size=[3,13],align_corners=1 "
        "f32[2,3,5,7]|mode=3,output_size=[10,4] f32[2,3,9,20]|mode=4,output_size=[4,25] "
        "f32[2,3,9,20]|mode=5,output_size=[4,25] f32[2,3,9]|spatial=1,mode=2,output_size=[20] "
        "f32[1,2,9,9]|mode=4,output_size=[4,4],scale_h=1e-30,scale_w=1e-12 "
        "f32[1,2,3,4,5]|spatial=3,mode=2,output_size=[6,3,10] "
        "f32[1,2,9,9]|mode=2,output_size=[18,27],scale_h=2.1,scale_w=3.0 "
        "f32[1,2,3,4,5]|spatial=3,mode=1,output_size=[6,3,10] f32[0,2,3,4]|output_size=[6,8]",
};

ACN_OP(ResampleGrad) = {
    .name = "ResampleGrad",
    .doc = "Gradient of Resample",
    .in = {{"grad", TYPES & ~ACN_T(ACN_U8), ACN_UNALIASED}},
    .out = {{"y", TYPES & ~ACN_T(ACN_U8)}},
    .attr = {ATTRS},
    .infer = infer_grad,
    .plan = plan_grad,
    .run = run,
    .run0 = run0_grad,
    .cases = "tolerance=reduction "
             "[2,3,10,9]|mode=0,output_size=[10,9],input_size=[2,3,5,7] "
             "f32+f16[2,3,10,9]|mode=2,output_size=[10,9],input_size=[2,3,5,7] "
             "f32[2,3,10,4]|mode=3,output_size=[10,4],input_size=[2,3,5,7] "
             "f32[2,3,4,25]|mode=5,output_size=[4,25],input_size=[2,3,9,20] "
             "f32[1,2,6,3,10]|spatial=3,mode=2,output_size=[6,3,10],input_size=[1,2,3,4,5]",
};
