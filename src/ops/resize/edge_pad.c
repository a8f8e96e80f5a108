/* edge_pad.c - EdgePad and EdgePadGrad: a frame of the tensor's own elements, by reflection,
 * repetition of the edge, or wrapping. A frame of one value is PadV3's. */
#include "ops/resize/separable.h"

enum { SPATIAL, MODE, PADDING };
enum { X = 1 }; /* of the gradient */

static acn_status read_widths(const acn_call *c, int input, int64_t *in, int64_t *before,
                              int64_t *after) {
    const acn_tensor *x = acn_in(c, input);
    int spatial, mode = (int)acn_attr_int(c, MODE);
    int64_t count;
    const int64_t *pad = acn_attr_ints(c, PADDING, &count);
    ACN_TRY(acn_spatial_of(c, SPATIAL, input, &spatial));
    if (count != 2 * spatial)
        return acn_bad_attr(c, PADDING, "has %lld numbers; expected %d", (long long)count,
                            2 * spatial);
    acn_separable_dims(x, spatial, in);
    for (int d = 0; d < 3; d++) {
        int pair = 2 - d; /* the last dimension's come first */
        before[d] = pair < spatial ? pad[2 * pair] : 0;
        after[d] = pair < spatial ? pad[2 * pair + 1] : 0;
        int64_t most = mode == ACN_EDGE_REFLECT ? in[d] - 1
                       : mode == ACN_EDGE_WRAP  ? in[d]
                                                : INT32_MAX / 8;
        if (before[d] > most || after[d] > most)
            return acn_bad_attr(c, PADDING, "has %lld; expected at most %lld",
                                (long long)(before[d] > most ? before[d] : after[d]),
                                (long long)most);
        if (in[d] < 1 || in[d] + before[d] + after[d] < 1)
            return acn_bad_input(c, input, "has no elements left in a padded dimension");
    }
    return ACN_OK;
}

static void result_dims(const acn_tensor *x, int spatial, const int64_t *in, const int64_t *before,
                        const int64_t *after, int64_t *dims) {
    for (int d = 0; d < x->rank; d++) {
        int at = d - (x->rank - spatial) + 3 - spatial;
        dims[d] = d < x->rank - spatial ? x->dims[d] : in[at] + before[at] + after[at];
    }
}

static acn_status infer(acn_call *c) {
    int64_t in[3], before[3], after[3], dims[ACN_MAX_DIMS];
    ACN_TRY(read_widths(c, 0, in, before, after));
    const acn_tensor *x = acn_in(c, 0);
    result_dims(x, (int)acn_attr_int(c, SPATIAL), in, before, after, dims);
    acn_out_is(c, 0, x->dtype, x->rank, dims);
    return ACN_OK;
}

static acn_status infer_grad(acn_call *c) {
    int64_t in[3], before[3], after[3], dims[ACN_MAX_DIMS];
    ACN_TRY(read_widths(c, X, in, before, after));
    acn_tensor expected = *acn_in(c, X);
    result_dims(acn_in(c, X), (int)acn_attr_int(c, SPATIAL), in, before, after, dims);
    for (int d = 0; d < expected.rank; d++)
        expected.dims[d] = dims[d];
    char text[160];
    if (!acn_tensor_same_shape(acn_in(c, 0), &expected))
        return acn_bad_input(c, 0, "expected %s, the padded shape",
                             acn_tensor_describe(&expected, text, sizeof text));
    acn_out_like(c, 0, ACN_UNDEFINED, acn_in(c, X));
    return ACN_OK;
}

static acn_status make_taps(const acn_call *c, acn_arena *arena, bool is_grad, acn_taps *taps) {
    int64_t in[3], before[3], after[3];
    ACN_TRY(read_widths(c, is_grad ? X : 0, in, before, after));
    for (int d = 0; d < 3; d++) {
        acn_taps t;
        ACN_TRY(acn_taps_edge(arena, &t, (acn_edge_mode)acn_attr_int(c, MODE), in[d], before[d],
                              after[d]));
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

static acn_status plan(acn_call *c) { return plan_either(c, false); }
static acn_status plan_grad(acn_call *c) { return plan_either(c, true); }
static acn_status run0(acn_call *c) { return run0_either(c, false); }
static acn_status run0_grad(acn_call *c) { return run0_either(c, true); }

#define FLOATS (ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16))
/* clang-format off */
#define ATTRS                                                                                      \
    {"spatial", ACN_ATTR_INT, .fallback = 2}, {"mode", ACN_ATTR_INT},                              \
    {"paddings", ACN_ATTR_INTS, .is_required = true}
/* clang-format on */

ACN_OP(EdgePad) = {
    .name = "EdgePad",
    .doc = "A frame by mode 0 reflection, 1 repetition, 2 wrapping; paddings has pairs, the last "
           "dimension's first",
    .in = {{"x", ACN_ALL, ACN_UNALIASED}},
    .out = {{"y", ACN_ALL}},
    .attr = {ATTRS},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[2,3,5,7]|paddings=[2,1,4,0] f32[3,5]|spatial=1,paddings=[4,3] "
             "f32+i64[2,3,4,5]|spatial=3,paddings=[1,2,0,3,1,1] "
             "f32+bool[2,5,7]|mode=1,paddings=[9,1,0,6] f32+i8[2,5,7]|mode=2,paddings=[3,1,5,2] "
             "f32[2,5,7]|mode=1,paddings=[-2,1,0,-1]",
};

ACN_OP(EdgePadGrad) = {
    .name = "EdgePadGrad",
    .doc = "Gradient of EdgePad",
    .in = {{"grad", FLOATS, ACN_UNALIASED}, {"x", FLOATS}},
    .out = {{"y", FLOATS}},
    .attr = {ATTRS},
    .infer = infer_grad,
    .plan = plan_grad,
    .run = run,
    .run0 = run0_grad,
    .cases = "tolerance=reduction [2,3,9,10],[2,3,5,7]|paddings=[2,1,4,0] "
             "f32[3,12],[3,5]|spatial=1,paddings=[4,3] "
             "f32+f16[2,11,17],[2,5,7]|mode=1,paddings=[9,1,0,6] "
             "f32[2,12,11],[2,5,7]|mode=2,paddings=[3,1,5,2]",
};
