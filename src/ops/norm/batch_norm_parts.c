/* batch_norm_parts.c - batch normalisation in steps, as processes that share a batch take them:
 * each sums its part (BatchNormStats, BNTrainingReduce, BatchNormReduceBackward), they exchange the
 * sums, and each applies the joint result (BatchNormElemt, BatchNormElemtBackward). */
#include "ops/norm/batch_norm.h"
#include <math.h>

enum { MEAN, FIRST, SECOND, A, B, C }; /* arrays */

static const acn_tensor *shape_input(const acn_call *c) { return acn_in(c, 0); }

/* Sums of every channel, plainly: x alone, or dy and x with a mean. */
static void naive_sums(const acn_tensor *dy, const acn_tensor *x, const acn_tensor *mean,
                       int64_t channel, double *first, double *second) {
    *first = *second = 0;
    for (int64_t i = 0; i < acn_tensor_count(x); i++) {
        if (acn_channel_of(x, i, false) != channel) continue;
        double v = acn_bn_value(x, i, 0), d = dy ? acn_bn_value(dy, i, 0) : v;
        *first += d;
        *second += d * (v - acn_bn_value(mean, channel, 0));
    }
}

static void out_per_channel(acn_call *c, int slot, const acn_tensor *x) {
    acn_out_is(c, slot, acn_out(c, slot) ? ACN_UNDEFINED : ACN_F32, 1, &x->dims[1]);
}

/* ---- statistics of one tensor ---------------------------------------------------------------- */

static acn_status stats_infer(acn_call *c) {
    ACN_TRY(acn_bn_check(c, 0));
    out_per_channel(c, 0, shape_input(c));
    out_per_channel(c, 1, shape_input(c));
    return ACN_OK;
}

static acn_status stats_plan(acn_call *c) {
    const acn_tensor *tensors[] = {acn_in(c, 0)};
    return acn_bn_plan(c, tensors[0], false, 1, tensors);
}

/* What a channel's mean and sum of squared deviations are given out as. */
static void store_stats(const acn_call *c, int64_t channel, double mean, double square,
                        double size) {
    bool sums = c->op->attr[0].name == NULL; /* BNTrainingReduce */
    acn_bn_store(acn_out(c, 0), channel, sums ? mean * size : mean);
    acn_bn_store(acn_out(c, 1), channel,
                 sums ? square + mean * mean * size
                      : 1 / sqrt(square / size + acn_attr_float(c, 0)));
}

static acn_status stats_run(acn_call *c) {
    const acn_batch_norm *p = c->plan->data;
    acn_channel_side x = acn_bn_side(c, 0, acn_in(c, 0));
    double *mean = acn_bn_array(c, MEAN), *square = acn_bn_array(c, FIRST);
    acn_channels_moments(&p->ch, &x, mean, square, acn_bn_room(c));
    for (int64_t i = 0; i < p->ch.channels; i++)
        store_stats(c, i, mean[i], square[i], (double)p->ch.size);
    return ACN_OK;
}

static acn_status stats_run0(acn_call *c) {
    const acn_tensor *x = shape_input(c);
    double size = (double)acn_tensor_count(x) / (double)x->dims[1];
    for (int64_t i = 0; i < x->dims[1]; i++) {
        double sum, squares, square = 0;
        naive_sums(NULL, x, NULL, i, &sum, &squares);
        for (int64_t at = 0; at < acn_tensor_count(x); at++)
            if (acn_channel_of(x, at, false) == i)
                square += pow(acn_bn_value(x, at, 0) - sum / size, 2);
        store_stats(c, i, sum / size, square, size);
    }
    return ACN_OK;
}

#define RUN(id) .infer = id##_infer, .plan = id##_plan, .run = id##_run, .run0 = id##_run0
#define MAYBE(name)                                                                                \
    { name, ACN_FLOATS, ACN_OPTIONAL }
#define TENSOR(name)                                                                               \
    { name, ACN_FLOATS, ACN_UNALIASED }
#define OUT(name)                                                                                  \
    { name, ACN_FLOATS }

ACN_OP(BatchNormStats) = {
    .name = "BatchNormStats",
    .doc = "Mean and 1 / sqrt(variance + eps) of each channel.",
    .in = {TENSOR("x")},
    .out = {OUT("mean"), OUT("invstd")},
    .attr = {{.name = "eps", .kind = ACN_ATTR_FLOAT, .fallback = 1e-5, .is_value = true}},
    RUN(stats),
    .cases = "tolerance=reduction [4,3,5,2] [6,5]",
};

ACN_OP(BNTrainingReduce) = {
    .name = "BNTrainingReduce",
    .doc = "Sum and sum of squares of each channel.",
    .in = {TENSOR("x")},
    .out = {OUT("sum"), OUT("square_sum")},
    RUN(stats),
    .cases = "tolerance=reduction [4,3,5,2] [6,5]",
};

/* ---- applying -------------------------------------------------------------------------------- */

enum { X, WEIGHT, BIAS, E_MEAN, INVSTD };

static acn_status elemt_infer(acn_call *c) {
    ACN_TRY(acn_bn_check(c, X));
    for (int slot = WEIGHT; slot <= INVSTD; slot++)
        ACN_TRY(acn_bn_check_input(c, slot, acn_in(c, X)->dims[1]));
    acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : acn_in(c, X)->dtype, acn_in(c, X));
    return ACN_OK;
}

static acn_status elemt_plan(acn_call *c) {
    const acn_tensor *tensors[] = {acn_in(c, X), acn_out(c, 0)};
    return acn_bn_plan(c, tensors[0], false, 2, tensors);
}

static acn_status elemt_run(acn_call *c) {
    const acn_batch_norm *p = c->plan->data;
    acn_channel_side x = acn_bn_side(c, 0, acn_in(c, X)), y = acn_bn_side(c, 1, acn_out(c, 0));
    double *mean = acn_bn_array(c, MEAN), *scale = acn_bn_array(c, A), *shift = acn_bn_array(c, B);
    for (int64_t i = 0; i < p->ch.channels; i++) {
        mean[i] = acn_bn_value(acn_in(c, E_MEAN), i, 0);
        scale[i] = acn_bn_value(acn_in(c, INVSTD), i, 1) * acn_bn_value(acn_in(c, WEIGHT), i, 1);
        shift[i] = acn_bn_value(acn_in(c, BIAS), i, 0);
    }
    acn_channels_affine(&p->ch, &y, &x, mean, scale, shift, NULL, NULL, acn_bn_room(c));
    return ACN_OK;
}

static acn_status elemt_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    for (int64_t i = 0; i < acn_tensor_count(x); i++) {
        int64_t channel = acn_channel_of(x, i, false);
        double v = acn_bn_value(x, i, 0) - acn_bn_value(acn_in(c, E_MEAN), channel, 0);
        v *= acn_bn_value(acn_in(c, INVSTD), channel, 1) *
             acn_bn_value(acn_in(c, WEIGHT), channel, 1);
        acn_bn_store(acn_out(c, 0), i, v + acn_bn_value(acn_in(c, BIAS), channel, 0));
    }
    return ACN_OK;
}

ACN_OP(BatchNormElemt) = {
    .name = "BatchNormElemt",
    .doc = "(x - mean) * invstd * weight + bias, by channel.",
    .in = {TENSOR("x"), MAYBE("weight"), MAYBE("bias"), TENSOR("mean"), TENSOR("invstd")},
    .out = {OUT("y")},
    .attr = {{.name = "eps", .kind = ACN_ATTR_FLOAT, .is_value = true}},
    RUN(elemt),
    .cases = "tolerance=reduction [4,3,5,2],[3],[3],[3],[3] [6,5],-,-,[5],[5]",
};

/* ---- gradient: sums, then elements ----------------------------------------------------------- */

enum { R_DY, R_X, R_MEAN, R_INVSTD, R_WEIGHT };
enum { SUM_DY, SUM_DY_XMU, GRAD_WEIGHT, GRAD_BIAS };

static acn_status reduce_infer(acn_call *c) {
    ACN_TRY(acn_bn_check(c, R_X));
    const acn_tensor *x = acn_in(c, R_X);
    if (!acn_tensor_same_shape(acn_in(c, R_DY), x))
        return acn_bad_input(c, R_DY, "expected the shape of the input");
    for (int slot = R_MEAN; slot <= R_WEIGHT; slot++)
        ACN_TRY(acn_bn_check_input(c, slot, x->dims[1]));
    for (int slot = SUM_DY; slot <= GRAD_BIAS; slot++)
        out_per_channel(c, slot, x);
    return ACN_OK;
}

static acn_status reduce_plan(acn_call *c) {
    const acn_tensor *tensors[] = {acn_in(c, R_DY), acn_in(c, R_X)};
    return acn_bn_plan(c, tensors[1], false, 2, tensors);
}

static void store_reduced(const acn_call *c, int64_t channel, double sum, double product) {
    acn_bn_store(acn_out(c, SUM_DY), channel, sum);
    acn_bn_store(acn_out(c, SUM_DY_XMU), channel, product);
    acn_bn_store(acn_out(c, GRAD_WEIGHT), channel,
                 product * acn_bn_value(acn_in(c, R_INVSTD), channel, 1));
    acn_bn_store(acn_out(c, GRAD_BIAS), channel, sum);
}

static acn_status reduce_run(acn_call *c) {
    const acn_batch_norm *p = c->plan->data;
    acn_channel_side dy = acn_bn_side(c, 0, acn_in(c, R_DY)), x = acn_bn_side(c, 1, acn_in(c, R_X));
    double *mean = acn_bn_array(c, MEAN), *sum = acn_bn_array(c, FIRST);
    double *product = acn_bn_array(c, SECOND);
    for (int64_t i = 0; i < p->ch.channels; i++)
        mean[i] = acn_bn_value(acn_in(c, R_MEAN), i, 0);
    acn_channels_products(&p->ch, &dy, &x, mean, sum, product, acn_bn_room(c));
    for (int64_t i = 0; i < p->ch.channels; i++)
        store_reduced(c, i, sum[i], product[i]);
    return ACN_OK;
}

static acn_status reduce_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, R_X);
    for (int64_t i = 0; i < x->dims[1]; i++) {
        double sum, product;
        naive_sums(acn_in(c, R_DY), x, acn_in(c, R_MEAN), i, &sum, &product);
        store_reduced(c, i, sum, product);
    }
    return ACN_OK;
}

ACN_OP(BatchNormReduceBackward) = {
    .name = "BatchNormReduceBackward",
    .doc = "Sums of dy and of dy * (x - mean) of each channel, and the parameters' gradients.",
    .in = {TENSOR("dy"), TENSOR("x"), TENSOR("mean"), TENSOR("invstd"), MAYBE("weight")},
    .out = {MAYBE("sum_dy"), MAYBE("sum_dy_xmu"), MAYBE("grad_weight"), MAYBE("grad_bias")},
    RUN(reduce),
    .cases = "tolerance=reduction [4,3,5,2],[4,3,5,2],[3]@-1..1,[3]@0..1,[3] "
             "[6,5],[6,5],[5]@-1..1,[5]@0..1,-",
};

enum { B_DY, B_X, B_MEAN, B_INVSTD, B_WEIGHT, B_SUM, B_PRODUCT, B_COUNTS };

static acn_status back_infer(acn_call *c) {
    ACN_TRY(acn_bn_check(c, B_X));
    const acn_tensor *x = acn_in(c, B_X);
    if (!acn_tensor_same_shape(acn_in(c, B_DY), x))
        return acn_bad_input(c, B_DY, "expected the shape of the input");
    for (int slot = B_MEAN; slot <= B_PRODUCT; slot++)
        ACN_TRY(acn_bn_check_input(c, slot, x->dims[1]));
    acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : x->dtype, x);
    return ACN_OK;
}

static acn_status back_plan(acn_call *c) {
    const acn_tensor *tensors[] = {acn_in(c, B_DY), acn_in(c, B_X), acn_out(c, 0)};
    return acn_bn_plan(c, tensors[1], false, 3, tensors);
}

/* dx = abc[0] dy + abc[1] (x - mean) + abc[2]; the counts of all processes are added up. */
static void back_line(const acn_call *c, int64_t channel, double abc[3]) {
    const acn_tensor *counts = acn_in(c, B_COUNTS);
    double all = 0, invstd = acn_bn_value(acn_in(c, B_INVSTD), channel, 1);
    for (int64_t i = 0; i < acn_tensor_count(counts); i++) {
        acn_value v = acn_load_value(acn_tensor_at(counts, i), counts->dtype);
        all += acn_dtype_is_integer(counts->dtype) ? (double)v.i : v.f;
    }
    abc[0] = invstd * acn_bn_value(acn_in(c, B_WEIGHT), channel, 1);
    abc[1] = -abc[0] * invstd * invstd * acn_bn_value(acn_in(c, B_PRODUCT), channel, 0) / all;
    abc[2] = -abc[0] * acn_bn_value(acn_in(c, B_SUM), channel, 0) / all;
}

static acn_status back_run(acn_call *c) {
    const acn_batch_norm *p = c->plan->data;
    acn_channel_side dy = acn_bn_side(c, 0, acn_in(c, B_DY)), x = acn_bn_side(c, 1, acn_in(c, B_X));
    acn_channel_side dx = acn_bn_side(c, 2, acn_out(c, 0));
    double *mean = acn_bn_array(c, MEAN), *a = acn_bn_array(c, A), *b = acn_bn_array(c, B);
    double *shift = acn_bn_array(c, C);
    for (int64_t i = 0; i < p->ch.channels; i++) {
        double abc[3];
        back_line(c, i, abc);
        mean[i] = acn_bn_value(acn_in(c, B_MEAN), i, 0);
        a[i] = abc[0], b[i] = abc[1], shift[i] = abc[2];
    }
    acn_channels_blend(&p->ch, &dx, &dy, &x, mean, a, b, shift, acn_bn_room(c));
    return ACN_OK;
}

static acn_status back_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, B_X);
    for (int64_t i = 0; i < acn_tensor_count(x); i++) {
        double abc[3];
        int64_t channel = acn_channel_of(x, i, false);
        back_line(c, channel, abc);
        double xmu = acn_bn_value(x, i, 0) - acn_bn_value(acn_in(c, B_MEAN), channel, 0);
        acn_bn_store(acn_out(c, 0), i,
                     abc[0] * acn_bn_value(acn_in(c, B_DY), i, 0) + abc[1] * xmu + abc[2]);
    }
    return ACN_OK;
}

ACN_OP(BatchNormElemtBackward) = {
    .name = "BatchNormElemtBackward",
    .doc = "Gradient of BatchNormElemt for x, from sums over all processes.",
    .in = {TENSOR("dy"),
           TENSOR("x"),
           TENSOR("mean"),
           TENSOR("invstd"),
           MAYBE("weight"),
           TENSOR("sum_dy"),
           TENSOR("sum_dy_xmu"),
           {"counter", ACN_FLOATS | ACN_T(ACN_I32) | ACN_T(ACN_I64)}},
    .out = {OUT("dx")},
    RUN(back),
    .cases = "tolerance=reduction "
             "[4,3,5,2],[4,3,5,2],[3]@-1..1,[3]@0..1,[3],[3],[3],i32[2]@20..30 "
             "[6,5],[6,5],[5]@-1..1,[5]@0..1,-,[5],[5],i32[1]@6..9",
};
