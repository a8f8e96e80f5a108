/* quant_convolution.c - QuantConvolution: a convolution of bytes, whose sums are whole numbers,
 * made floats by a scale for each channel. Sums of few products are exact in f32 and go through the
 * fast convolution; longer ones through that of integers. */
#include "base/pool.h"
#include "ops/conv/conv.h"
#include "ops/steps.h"
#include <string.h>

/* ---- QuantConvolutionFinish: (sum + bias) * scale -------------------------------------------- */

enum { SUM, F_SCALE, F_BIAS };

static acn_status check_channels(const acn_call *c, int slot, int64_t channels) {
    const acn_tensor *t = acn_in(c, slot);
    if (!t || acn_tensor_count(t) == channels) return ACN_OK;
    return acn_bad_input(c, slot, "expected one number for each of the %lld channels",
                         (long long)channels);
}

static acn_status finish_infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, SUM);
    if (x->rank < 3) return acn_bad_input(c, SUM, "expected at least 3 dimensions");
    ACN_TRY(check_channels(c, F_SCALE, x->dims[1]));
    ACN_TRY(check_channels(c, F_BIAS, x->dims[1]));
    acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : ACN_F16, x);
    return ACN_OK;
}

/* A scale of 64 bits has the bits of a float in its lower half. */
static double scale_at(const acn_tensor *t, int64_t i) {
    acn_value v = acn_load_value(acn_tensor_at(t, i), t->dtype);
    if (acn_dtype_is_float(t->dtype)) return v.f;
    uint32_t bits = (uint32_t)(uint64_t)v.i;
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return scale;
}

static double number_at(const acn_tensor *t, int64_t i) {
    acn_value v = acn_load_value(acn_tensor_at(t, i), t->dtype);
    return acn_dtype_is_float(t->dtype) ? v.f : (double)v.i;
}

static int64_t plane_of(const acn_tensor *x) {
    int64_t plane = 1;
    for (int d = 2; d < x->rank; d++)
        plane *= x->dims[d];
    return plane;
}

/* All elements of one channel of one image. */
static void finish_plane(void *context, int64_t number, int worker) {
    (void)worker;
    const acn_call *c = context;
    const acn_tensor *x = acn_in(c, SUM), *y = acn_out(c, 0), *bias = acn_in(c, F_BIAS);
    int64_t plane = plane_of(x), channel = number % x->dims[1];
    double scale = scale_at(acn_in(c, F_SCALE), channel);
    double term = bias ? number_at(bias, channel) : 0;
    for (int64_t i = number * plane; i < (number + 1) * plane; i++)
        acn_store_value(acn_tensor_at(y, i), y->dtype,
                        (acn_value){.f = (number_at(x, i) + term) * scale});
}

static acn_status finish_run(acn_call *c) {
    const acn_tensor *x = acn_in(c, SUM);
    acn_pool_run(x->dims[0] * x->dims[1], finish_plane, c);
    return ACN_OK;
}

static acn_status finish_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, SUM);
    for (int64_t i = 0; i < x->dims[0] * x->dims[1]; i++)
        finish_plane(c, i, 0);
    return ACN_OK;
}

#define RESULTS (ACN_T(ACN_F16) | ACN_T(ACN_BF16) | ACN_T(ACN_F32))
#define SCALES  (ACN_T(ACN_F32) | ACN_T(ACN_I64) | ACN_T(ACN_U64))
#define TERMS   (ACN_T(ACN_I32) | RESULTS)

ACN_OP(QuantConvolutionFinish) = {
    .name = "QuantConvolutionFinish",
    .doc = "(sum + bias of the channel) * scale of the channel",
    .in = {{"sum", ACN_T(ACN_F32) | ACN_T(ACN_I32), ACN_UNALIASED},
           {"scale", SCALES},
           {"bias", TERMS, ACN_OPTIONAL}},
    .out = {{"y", RESULTS}},
    .infer = finish_infer,
    .run = finish_run,
    .run0 = finish_run0,
    .cases = "tolerance=relative i32[2,3,4,5]@-900..900,f32[3],i32[3]@-99..99->f16[2,3,4,5] "
             "f32[2,3,4,5],f32[3]->f32[2,3,4,5]",
};

/* ---- QuantConvolution ------------------------------------------------------------------------ */

enum { X, FILTER, BIAS, SCALE, OFFSET, OFFSET_X = ACN_CONV_GROUPS + 1, ROUND_MODE };
enum { MOST_EXACT = 1 << 24, LARGEST_PRODUCT = 128 * 128 };

static acn_status infer(acn_call *c) {
    acn_conv conv;
    int64_t dims[ACN_MAX_DIMS];
    if (acn_attr_int(c, ACN_CONV_TRANSPOSED))
        return acn_bad_attr(c, ACN_CONV_TRANSPOSED,
                            "is true; only plain convolutions are quantised");
    if (acn_attr_int(c, OFFSET_X) != 0)
        return acn_bad_attr(c, OFFSET_X, "is %lld; only 0 works",
                            (long long)acn_attr_int(c, OFFSET_X));
    if (acn_in(c, OFFSET)) return acn_bad_input(c, OFFSET, "expected NULL: results are floats");
    ACN_TRY(acn_conv_read(c, X, FILTER, &conv));
    acn_conv_result_dims(&conv, false, dims);
    ACN_TRY(check_channels(c, SCALE, dims[1]));
    ACN_TRY(check_channels(c, BIAS, dims[1]));
    acn_out_is(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : ACN_F16, 2 + conv.spatial, dims);
    return ACN_OK;
}

static acn_tensor as_floats(acn_steps *s, const acn_call *c, int slot) {
    const acn_tensor *t = acn_in(c, slot);
    acn_tensor room = acn_steps_room(s, ACN_F32, t->rank, t->dims);
    acn_step_unary(s, "TensorMove", acn_steps_in(s, slot), room);
    return room;
}

static acn_status plan(acn_call *c) {
    acn_conv conv;
    int64_t dims[ACN_MAX_DIMS];
    acn_steps *s;
    ACN_TRY(acn_conv_read(c, X, FILTER, &conv));
    acn_conv_result_dims(&conv, false, dims);
    ACN_TRY(acn_steps_begin(c, &s));
    int64_t products = conv.ci * acn_conv_volume(conv.kernel);
    bool is_exact = products <= MOST_EXACT / LARGEST_PRODUCT;
    acn_tensor sum = acn_steps_room(s, is_exact ? ACN_F32 : ACN_I32, 2 + conv.spatial, dims);
    acn_tensor x = is_exact ? as_floats(s, c, X) : acn_steps_in(s, X);
    acn_tensor w = is_exact ? as_floats(s, c, FILTER) : acn_steps_in(s, FILTER);
    acn_step_binary(s, "Convolution", x, w, sum);
    acn_step_attr(s, "strides", ACN_CONV_STRIDE);
    acn_step_attr(s, "pads", ACN_CONV_PADDING);
    acn_step_attr(s, "dilations", ACN_CONV_DILATION);
    acn_step_attr(s, "groups", ACN_CONV_GROUPS);
    acn_step_binary(s, "QuantConvolutionFinish", sum, acn_steps_in(s, SCALE), acn_steps_out(s, 0));
    if (acn_in(c, BIAS)) acn_step_in(s, "bias", acn_steps_in(s, BIAS));
    return acn_steps_end(s);
}

static acn_status run0(acn_call *c) {
    acn_conv conv;
    acn_tensor sum, *y = acn_out(c, 0);
    ACN_TRY(acn_conv_read(c, X, FILTER, &conv));
    void *memory = acn_arena_alloc(&c->arena, (size_t)acn_tensor_count(y) * 8 + 8);
    if (!memory) return acn_fail(ACN_BAD_ALLOC, "no host memory for sums");
    acn_tensor_init(&sum, memory, ACN_I64, y->rank, y->dims);
    acn_conv_naive(&conv, ACN_CONV_Y, &sum, acn_in(c, X), acn_in(c, FILTER), NULL);
    int64_t plane = plane_of(y);
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t channel = i / plane % y->dims[1];
        double v = number_at(&sum, i);
        if (acn_in(c, BIAS)) v += number_at(acn_in(c, BIAS), channel);
        acn_store_value(acn_tensor_at(y, i), y->dtype,
                        (acn_value){.f = v * scale_at(acn_in(c, SCALE), channel)});
    }
    return ACN_OK;
}

ACN_OP(QuantConvolution) = {
    .name = "QuantConvolution",
    .doc = "Convolution of bytes, made floats by a scale for each channel",
    .in = {{"x", ACN_T(ACN_I8), ACN_UNALIASED},
           {"filter", ACN_T(ACN_I8), ACN_UNALIASED},
           {"bias", TERMS, ACN_OPTIONAL},
           {"scale", SCALES},
           {"offset", ACN_ALL, ACN_OPTIONAL}},
    .out = {{"y", RESULTS}},
    .attr = {ACN_CONV_ATTRS, {"offset_x", ACN_ATTR_INT}, {"round_mode", ACN_ATTR_STRING}},
    .infer = infer,
    .plan = plan,
    .run = acn_steps_run,
    .run0 = run0,
    .cases = "tolerance=relative "
             "i8[2,3,7,9],i8[4,3,3,3],i32[4]@-99..99,f32[4]->f16[2,4,7,9]|pads=[1,1] "
             "i8[2,4,7,9],i8[6,2,3,2],-,f32[6]->f32[2,6,3,8]|strides=[2,1],groups=2 "
             "i8[1,600,3,3],i8[5,600,3,3],-,f32[5]->f32[1,5,1,1]",
};
