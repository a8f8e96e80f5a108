/* backprop.c - a convolution's gradients one by one, as GE has them: ConvolutionBackpropInput and
 * ConvolutionBackpropFilter, whose result's sizes are given, since strides hide them. */
#include "ops/conv/conv.h"
#include "ops/steps.h"

enum { SIZE = ACN_CONV_GROUPS + 1 }; /* attribute: the result's sizes */
enum { FILTER, DY };                 /* inputs of the input's gradient */
enum { X = 0 };                      /* of the filter's, DY too */

/* The plain convolution whose gradient |c| is; |x| and |w| tell of shapes only. */
static acn_status read_plain(const acn_call *c, const acn_tensor *x, const acn_tensor *w,
                             acn_conv *out) {
    acn_call plain = *c;
    acn_tensor both[] = {*x, *w};
    char text[160];
    int64_t dims[ACN_MAX_DIMS];
    acn_tensor wanted;
    plain.tensors = both;
    plain.in_first[0] = 0, plain.in_first[1] = 1;
    ACN_TRY(acn_conv_read(&plain, 0, 1, out));
    acn_conv_result_dims(out, false, dims);
    acn_tensor_init(&wanted, NULL, acn_in(c, DY)->dtype, 2 + out->spatial, dims);
    if (acn_tensor_same_shape(acn_in(c, DY), &wanted)) return ACN_OK;
    return acn_bad_input(c, DY, "expected %s, the convolution's shape",
                         acn_tensor_describe(&wanted, text, sizeof text));
}

static acn_status result_shape(const acn_call *c, const acn_tensor *like, acn_tensor *out) {
    int64_t count;
    const int64_t *sizes = acn_attr_ints(c, SIZE, &count);
    if (count != like->rank)
        return acn_bad_attr(c, SIZE, "has %lld numbers; expected %d", (long long)count, like->rank);
    for (int d = 0; d < like->rank; d++)
        if (sizes[d] < 0 || sizes[d] > INT32_MAX)
            return acn_bad_attr(c, SIZE, "has %lld; expected sizes", (long long)sizes[d]);
    acn_tensor_init(out, NULL, like->dtype, like->rank, sizes);
    return ACN_OK;
}

/* What both say of strides and the like. */
static void step_window(acn_steps *s) {
    acn_step_attr(s, "strides", ACN_CONV_STRIDE);
    acn_step_attr(s, "pads", ACN_CONV_PADDING);
    acn_step_attr(s, "dilations", ACN_CONV_DILATION);
    acn_step_attr(s, "groups", ACN_CONV_GROUPS);
}

/* ---- of the input ---------------------------------------------------------------------------- */

static acn_status read_input(const acn_call *c, acn_conv *conv) {
    acn_tensor x;
    ACN_TRY(result_shape(c, acn_in(c, FILTER), &x));
    return read_plain(c, &x, acn_in(c, FILTER), conv);
}

static acn_status input_infer(acn_call *c) {
    acn_conv conv;
    int64_t count;
    ACN_TRY(read_input(c, &conv));
    const int64_t *sizes = acn_attr_ints(c, SIZE, &count);
    acn_out_is(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : acn_in(c, DY)->dtype, (int)count, sizes);
    return ACN_OK;
}

static acn_status input_plan(acn_call *c) {
    acn_conv conv;
    acn_steps *s;
    int64_t extra[3];
    ACN_TRY(read_input(c, &conv));
    ACN_TRY(acn_steps_begin(c, &s));
    /* What no window reached is the transposed one's extra padding. */
    acn_conv plain = conv;
    for (int d = 0; d < 3; d++) {
        int64_t used =
            (plain.out[d] - 1) * plain.stride[d] + (plain.kernel[d] - 1) * plain.dilation[d] + 1;
        int64_t count, pad = 2 * plain.before[d];
        const int64_t *pads = acn_attr_ints(c, ACN_CONV_PADDING, &count);
        int at = d - (3 - plain.spatial);
        if (at >= 0 && count == 2 * plain.spatial) pad = pads[2 * at] + pads[2 * at + 1];
        extra[d] = plain.in[d] + pad - used;
    }
    acn_step_binary(s, "Convolution", acn_steps_in(s, DY), acn_steps_in(s, FILTER),
                    acn_steps_out(s, 0));
    step_window(s);
    acn_step_number(s, "transposed", 1);
    acn_step_ints(s, "output_padding", extra + 3 - conv.spatial, conv.spatial);
    return acn_steps_end(s);
}

static acn_status input_run0(acn_call *c) {
    acn_conv conv;
    ACN_TRY(read_input(c, &conv));
    acn_conv_naive(&conv, ACN_CONV_X, acn_out(c, 0), acn_in(c, DY), acn_in(c, FILTER), NULL);
    return ACN_OK;
}

/* clang-format off */
#define OWN(name) {name, ACN_CONV_TYPES, ACN_UNALIASED}
/* clang-format on */

ACN_OP(ConvolutionBackpropInput) = {
    .name = "ConvolutionBackpropInput",
    .doc = "Gradient of a convolution's input, whose sizes are given",
    .in = {OWN("filter"), OWN("out_backprop")},
    .out = {{"y", ACN_CONV_TYPES}},
    .attr = {ACN_CONV_ATTRS, {"input_size", ACN_ATTR_INTS, .is_required = true}},
    .infer = input_infer,
    .plan = input_plan,
    .run = acn_steps_run,
    .run0 = input_run0,
    .cases = "tolerance=reduction [4,3,3,3],[2,4,7,9]|pads=[1,1,1,1],input_size=[2,3,7,9] "
             "[5,3,3,2],[2,5,2,4]|strides=[2,3],pads=[0,2],dilations=[2,1],input_size=[2,3,7,9] "
             "[6,2,3],[2,6,5]|pads=[2],strides=[2],groups=2,input_size=[2,4,8] "
             "[3,2,2,2,2],[1,3,2,3,4]|pads=[0,1,1,0,0,0],strides=[2,2,1],input_size=[1,2,4,6,5]",
};

/* ---- of the filter --------------------------------------------------------------------------- */

static acn_status read_filter(const acn_call *c, acn_tensor *w, acn_conv *conv) {
    ACN_TRY(result_shape(c, acn_in(c, X), w));
    return read_plain(c, acn_in(c, X), w, conv);
}

static acn_status filter_infer(acn_call *c) {
    acn_conv conv;
    acn_tensor w;
    ACN_TRY(read_filter(c, &w, &conv));
    acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : w.dtype, &w);
    return ACN_OK;
}

static acn_status filter_plan(acn_call *c) {
    acn_conv conv;
    acn_tensor w;
    acn_steps *s;
    const bool mask[] = {false, true, false};
    ACN_TRY(read_filter(c, &w, &conv));
    ACN_TRY(acn_steps_begin(c, &s));
    w.data = acn_steps_in(s, X).data; /* its shape is asked for, no element is read */
    acn_step(s, "ConvolutionBackward");
    acn_step_in(s, "grad_output", acn_steps_in(s, DY));
    acn_step_in(s, "input", acn_steps_in(s, X));
    acn_step_in(s, "weight", w);
    acn_step_out(s, "grad_weight", acn_steps_out(s, 0));
    step_window(s);
    acn_step_bools(s, "output_mask", mask, 3);
    return acn_steps_end(s);
}

static acn_status filter_run0(acn_call *c) {
    acn_conv conv;
    acn_tensor w;
    ACN_TRY(read_filter(c, &w, &conv));
    acn_conv_naive_filter(&conv, acn_out(c, 0), acn_in(c, X), acn_in(c, DY));
    return ACN_OK;
}

ACN_OP(ConvolutionBackpropFilter) = {
    .name = "ConvolutionBackpropFilter",
    .doc = "Gradient of a convolution's filter, whose sizes are given",
    .in = {OWN("x"), OWN("out_backprop")},
    .out = {{"y", ACN_CONV_TYPES}},
    .attr = {ACN_CONV_ATTRS, {"filter_size", ACN_ATTR_INTS, .is_required = true}},
    .infer = filter_infer,
    .plan = filter_plan,
    .run = acn_steps_run,
    .run0 = filter_run0,
    .cases = "tolerance=reduction [2,3,7,9],[2,4,7,9]|pads=[1,1,1,1],filter_size=[4,3,3,3] "
             "[2,3,7,9],[2,5,2,4]|strides=[2,3],pads=[0,2],dilations=[2,1],filter_size=[5,3,3,2] "
             "[2,4,8],[2,6,5]|pads=[2],strides=[2],groups=2,filter_size=[6,2,3]",
};
