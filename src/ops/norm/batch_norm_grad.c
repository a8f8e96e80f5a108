/* batch_norm_grad.c - BatchNormGradV3: gradients of BatchNormV3 for its input, factor and term.
 *
 *   xmu = x - mean,  S = sum of dy,  P = sum of dy * xmu      over each channel of n elements
 *   dweight = P rstd,  dbias = S
 *   dx = weight rstd (dy - S / n - xmu rstd^2 P / n)          in training
 *   dx = weight rstd dy                                       with running statistics */
#include "ops/norm/batch_norm.h"
#include <math.h>

enum { DY, X, WEIGHT, RUNNING_MEAN, RUNNING_VAR, SAVE_MEAN, SAVE_RSTD };
enum { DX, DWEIGHT, DBIAS };
enum { ATTR_TRAINING, ATTR_EPSILON, ATTR_MASK };
enum { MEAN, SUM, PRODUCT, A, B, C }; /* arrays */

static acn_status infer(acn_call *call) {
    ACN_TRY(acn_bn_check(call, X));
    const acn_tensor *x = acn_in(call, X);
    if (!acn_tensor_same_shape(acn_in(call, DY), x))
        return acn_bad_input(call, DY, "expected the shape of the normalised input");
    bool training = acn_attr_int(call, ATTR_TRAINING);
    ACN_TRY(acn_bn_check_input(call, WEIGHT, x->dims[1]));
    int first = training ? SAVE_MEAN : RUNNING_MEAN;
    for (int slot = first; slot < first + 2; slot++) {
        if (!acn_in(call, slot))
            return acn_bad_attr(call, ATTR_TRAINING, "is %s; expected the %s statistics",
                                training ? "true" : "false", training ? "saved" : "running");
        ACN_TRY(acn_bn_check_input(call, slot, x->dims[1]));
    }
    acn_out_like(call, DX, ACN_UNDEFINED, x);
    acn_out_is(call, DWEIGHT, acn_out(call, DWEIGHT) ? ACN_UNDEFINED : ACN_F32, 1, &x->dims[1]);
    acn_out_is(call, DBIAS, acn_out(call, DBIAS) ? ACN_UNDEFINED : ACN_F32, 1, &x->dims[1]);
    return ACN_OK;
}

static acn_status plan(acn_call *call) {
    const acn_tensor *tensors[] = {acn_in(call, DY), acn_in(call, X), acn_out(call, DX)};
    return acn_bn_plan(call, tensors[1], false, 3, tensors);
}

static void statistics(const acn_call *call, int64_t channel, double *mean, double *rstd) {
    if (acn_attr_int(call, ATTR_TRAINING)) {
        *mean = acn_bn_value(acn_in(call, SAVE_MEAN), channel, 0);
        *rstd = acn_bn_value(acn_in(call, SAVE_RSTD), channel, 1);
        return;
    }
    *mean = acn_bn_value(acn_in(call, RUNNING_MEAN), channel, 0);
    double variance = acn_bn_value(acn_in(call, RUNNING_VAR), channel, 1);
    *rstd = 1 / sqrt(variance + acn_attr_float(call, ATTR_EPSILON));
}

/* dx = abc[0] dy + abc[1] xmu + abc[2], from the channel's sums; parameters' gradients are stored.
 */
static void finish_channel(const acn_call *call, int64_t channel, double sum, double product,
                           double count, double abc[3]) {
    double mean, rstd;
    statistics(call, channel, &mean, &rstd);
    acn_bn_store(acn_out(call, DWEIGHT), channel, product * rstd);
    acn_bn_store(acn_out(call, DBIAS), channel, sum);
    abc[0] = rstd * acn_bn_value(acn_in(call, WEIGHT), channel, 1);
    abc[1] = abc[2] = 0;
    if (!acn_attr_int(call, ATTR_TRAINING)) return;
    abc[1] = -abc[0] * rstd * rstd * product / count;
    abc[2] = -abc[0] * sum / count;
}

static acn_status run(acn_call *call) {
    const acn_batch_norm *p = call->plan->data;
    acn_channel_side dy = acn_bn_side(call, 0, acn_in(call, DY));
    acn_channel_side x = acn_bn_side(call, 1, acn_in(call, X));
    double *mean = acn_bn_array(call, MEAN), *sum = acn_bn_array(call, SUM);
    double *product = acn_bn_array(call, PRODUCT), *a = acn_bn_array(call, A);
    double *b = acn_bn_array(call, B), *c = acn_bn_array(call, C), rstd;
    for (int64_t i = 0; i < p->ch.channels; i++)
        statistics(call, i, &mean[i], &rstd);
    acn_channels_products(&p->ch, &dy, &x, mean, sum, product, acn_bn_room(call));
    for (int64_t i = 0; i < p->ch.channels; i++) {
        double abc[3];
        finish_channel(call, i, sum[i], product[i], (double)p->ch.size, abc);
        a[i] = abc[0], b[i] = abc[1], c[i] = abc[2];
    }
    if (!acn_out(call, DX)) return ACN_OK;
    acn_channel_side dx = acn_bn_side(call, 2, acn_out(call, DX));
    acn_channels_blend(&p->ch, &dx, &dy, &x, mean, a, b, c, acn_bn_room(call));
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static acn_status run0(acn_call *call) {
    const acn_tensor *x = acn_in(call, X), *dy = acn_in(call, DY), *dx = acn_out(call, DX);
    int64_t count = acn_tensor_count(x);
    for (int64_t channel = 0; channel < x->dims[1]; channel++) {
        double mean, rstd, sum = 0, product = 0, abc[3];
        statistics(call, channel, &mean, &rstd);
        for (int64_t i = 0; i < count; i++) {
            if (acn_channel_of(x, i, false) != channel) continue;
            sum += acn_bn_value(dy, i, 0);
            product += acn_bn_value(dy, i, 0) * (acn_bn_value(x, i, 0) - mean);
        }
        finish_channel(call, channel, sum, product, (double)(count / x->dims[1]), abc);
        for (int64_t i = 0; i < count; i++) {
            if (acn_channel_of(x, i, false) != channel) continue;
            double xmu = acn_bn_value(x, i, 0) - mean;
            acn_bn_store(dx, i, abc[0] * acn_bn_value(dy, i, 0) + abc[1] * xmu + abc[2]);
        }
    }
    return ACN_OK;
}

ACN_OP(BatchNormGradV3) = {
    .name = "BatchNormGradV3",
    .doc = "Gradients of BatchNormV3 for its input, factor and term.",
    .in = {{"dy", ACN_FLOATS, ACN_UNALIASED},
           {"x", ACN_FLOATS, ACN_UNALIASED},
           {"weight", ACN_FLOATS, ACN_OPTIONAL},
           {"running_mean", ACN_FLOATS, ACN_OPTIONAL},
           {"running_var", ACN_FLOATS, ACN_OPTIONAL},
           {"save_mean", ACN_FLOATS, ACN_OPTIONAL},
           {"save_rstd", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"dx", ACN_FLOATS, ACN_OPTIONAL},
            {"dweight", ACN_FLOATS, ACN_OPTIONAL},
            {"dbias", ACN_FLOATS, ACN_OPTIONAL}},
    .attr = {{.name = "is_training", .kind = ACN_ATTR_BOOL, .fallback = 1},
             {.name = "epsilon", .kind = ACN_ATTR_FLOAT, .fallback = 1e-5, .is_value = true},
             {.name = "output_mask", .kind = ACN_ATTR_BOOLS}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [4,3,5,2],[4,3,5,2],[3],-,-,[3]@-1..1,[3]@0..1 "
             "[6,5],[6,5],[5],-,-,[5]@-1..1,[5]@0..1 "
             "[4,3,5,2],[4,3,5,2],-,[3]@-1..1,[3]@0..1,-,-|is_training=0 "
             "f32+bf16[2,2,1500],[2,2,1500],f32[2],-,-,f32[2]@-1..1,f32[2]@0..1 "
             "f32[300,40],[300,40],[40],-,-,[40]@-1..1,[40]@0..1",
};
