/* batch_norm.c - BatchNormV3: each channel gets mean 0 and variance 1 over all samples, then a
 * factor and a term of its own. In training the batch's own statistics are used, saved for the
 * gradient, and blended into the running ones, which an evaluation uses instead. */
#include "ops/norm/batch_norm.h"
#include <math.h>

enum { X, WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR };
enum { Y, NEW_MEAN, NEW_VAR, SAVE_MEAN, SAVE_RSTD };
enum { ATTR_EPSILON, ATTR_MOMENTUM, ATTR_TRAINING };
enum { MEAN, SQUARE, SCALE, SHIFT }; /* arrays */

/* Statistics that an evaluation has no use for may be of any size. */
static void infer_statistic(acn_call *call, int slot, bool is_needed) {
    int64_t channels = acn_in(call, X)->dims[1];
    acn_out_is(call, slot, acn_out(call, slot) ? ACN_UNDEFINED : ACN_F32, 1, &channels);
    if (!is_needed) call->meta[slot].rank = -1;
}

static acn_status infer(acn_call *call) {
    ACN_TRY(acn_bn_check(call, X));
    for (int slot = WEIGHT; slot <= RUNNING_VAR; slot++)
        ACN_TRY(acn_bn_check_input(call, slot, acn_in(call, X)->dims[1]));
    bool training = acn_attr_int(call, ATTR_TRAINING);
    if (!training && (!acn_in(call, RUNNING_MEAN) || !acn_in(call, RUNNING_VAR)))
        return acn_bad_attr(call, ATTR_TRAINING,
                            "is false; expected running statistics for an evaluation");
    acn_out_like(call, Y, ACN_UNDEFINED, acn_in(call, X));
    infer_statistic(call, NEW_MEAN, training);
    infer_statistic(call, NEW_VAR, training);
    infer_statistic(call, SAVE_MEAN, training);
    infer_statistic(call, SAVE_RSTD, training);
    return ACN_OK;
}

static acn_status plan(acn_call *call) {
    const acn_tensor *tensors[] = {acn_in(call, X), acn_out(call, Y)};
    return acn_bn_plan(call, tensors[0], false, 2, tensors);
}

/* What a channel's mean and variance lead to: outputs, and the line y = scale (x - mean) + shift.
 */
static void finish_channel(const acn_call *call, int64_t channel, double mean, double variance,
                           double count, double line[2]) {
    double rstd = 1 / sqrt(variance + acn_attr_float(call, ATTR_EPSILON));
    line[0] = rstd * acn_bn_value(acn_in(call, WEIGHT), channel, 1);
    line[1] = acn_bn_value(acn_in(call, BIAS), channel, 0);
    if (!acn_attr_int(call, ATTR_TRAINING)) return;
    double part = acn_attr_float(call, ATTR_MOMENTUM);
    double unbiased = count > 1 ? variance * count / (count - 1) : variance;
    double old_mean = acn_bn_value(acn_in(call, RUNNING_MEAN), channel, 0);
    double old_var = acn_bn_value(acn_in(call, RUNNING_VAR), channel, 0);
    acn_bn_store(acn_out(call, NEW_MEAN), channel, old_mean + part * (mean - old_mean));
    acn_bn_store(acn_out(call, NEW_VAR), channel, old_var + part * (unbiased - old_var));
    acn_bn_store(acn_out(call, SAVE_MEAN), channel, mean);
    acn_bn_store(acn_out(call, SAVE_RSTD), channel, rstd);
}

static acn_status run(acn_call *call) {
    const acn_batch_norm *p = call->plan->data;
    acn_channel_side x = acn_bn_side(call, 0, acn_in(call, X));
    acn_channel_side y = acn_bn_side(call, 1, acn_out(call, Y));
    double *mean = acn_bn_array(call, MEAN), *square = acn_bn_array(call, SQUARE);
    double *scale = acn_bn_array(call, SCALE), *shift = acn_bn_array(call, SHIFT);
    bool training = acn_attr_int(call, ATTR_TRAINING);
    if (!p->ch.size) return ACN_OK;
    if (training) acn_channels_moments(&p->ch, &x, mean, square, acn_bn_room(call));
    for (int64_t c = 0; c < p->ch.channels; c++) {
        double line[2], variance = square[c] / (double)p->ch.size;
        if (!training) {
            mean[c] = acn_bn_value(acn_in(call, RUNNING_MEAN), c, 0);
            variance = acn_bn_value(acn_in(call, RUNNING_VAR), c, 1);
        }
        finish_channel(call, c, mean[c], variance, (double)p->ch.size, line);
        scale[c] = line[0];
        shift[c] = line[1];
    }
    acn_channels_affine(&p->ch, &y, &x, mean, scale, shift, NULL, NULL, acn_bn_room(call));
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static void naive_moments(const acn_tensor *x, int64_t channel, double *mean, double *variance) {
    int64_t count = acn_tensor_count(x), size = count / x->dims[1];
    *mean = *variance = 0;
    for (int64_t i = 0; i < count; i++)
        if (acn_channel_of(x, i, false) == channel) *mean += acn_bn_value(x, i, 0) / (double)size;
    for (int64_t i = 0; i < count; i++)
        if (acn_channel_of(x, i, false) == channel)
            *variance += pow(acn_bn_value(x, i, 0) - *mean, 2) / (double)size;
}

static acn_status run0(acn_call *call) {
    const acn_tensor *x = acn_in(call, X), *y = acn_out(call, Y);
    int64_t count = acn_tensor_count(x);
    for (int64_t c = 0; c < x->dims[1] && count; c++) {
        double line[2], mean = acn_bn_value(acn_in(call, RUNNING_MEAN), c, 0);
        double variance = acn_bn_value(acn_in(call, RUNNING_VAR), c, 1);
        if (acn_attr_int(call, ATTR_TRAINING)) naive_moments(x, c, &mean, &variance);
        finish_channel(call, c, mean, variance, (double)(count / x->dims[1]), line);
        for (int64_t i = 0; i < count; i++)
            if (acn_channel_of(x, i, false) == c)
                acn_bn_store(y, i, (acn_bn_value(x, i, 0) - mean) * line[0] + line[1]);
    }
    return ACN_OK;
}

ACN_OP(BatchNormV3) = {
    .name = "BatchNormV3",
    .doc = "(x - mean) / sqrt(variance + epsilon) * weight + bias, by channel.",
    .in = {{"x", ACN_FLOATS, ACN_UNALIASED},
           {"weight", ACN_FLOATS, ACN_OPTIONAL},
           {"bias", ACN_FLOATS, ACN_OPTIONAL},
           {"running_mean", ACN_FLOATS, ACN_OPTIONAL},
           {"running_var", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"y", ACN_FLOATS},
            {"running_mean", ACN_FLOATS, ACN_OPTIONAL},
            {"running_var", ACN_FLOATS, ACN_OPTIONAL},
            {"save_mean", ACN_FLOATS, ACN_OPTIONAL},
            {"save_rstd", ACN_FLOATS, ACN_OPTIONAL}},
    .attr = {{.name = "epsilon", .kind = ACN_ATTR_FLOAT, .fallback = 1e-5, .is_value = true},
             {.name = "momentum", .kind = ACN_ATTR_FLOAT, .fallback = 0.1, .is_value = true},
             {.name = "is_training", .kind = ACN_ATTR_BOOL, .fallback = 1}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [4,3,5,2],[3],[3],[3],[3]@0..2 [6,5],[5],[5],[5],[5]@0..2 "
             "[4,3,5,2],[3],[3],[3],[3]@0..2|is_training=0 [2,4,9],-,-,-,-|momentum=0.3 "
             "[6,5],-,-,[5],[5]@0..2|is_training=0,epsilon=0.1 "
             "f32+bf16[2,2,1500],f32[2],f32[2],f32[2],f32[2]@0..2 f32[300,40],[40],[40],-,- "
             "f32[0,3,4],[3],[3],-,-",
};
