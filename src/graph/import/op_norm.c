/* op_norm.c - normalisation. */
#include "graph/import/compose.h"

#include <string.h>

/* A parameter of one number a channel, as [1, C, 1, ...]. */
static acn_net_value *by_channel(acn_formula *f, acn_net_value *v, int rank) {
    int64_t dims[ACN_MAX_DIMS];
    if (f->status != ACN_OK) return NULL;
    for (int d = 0; d < rank; d++)
        dims[d] = d == 1 ? acn_tensor_count(&v->tensor) : 1;
    return acn_f_reshape(f, v, rank, dims);
}

/* 1 / sqrt(variance + epsilon) */
static acn_net_value *inverse_deviation(acn_formula *f, acn_net_value *variance, double epsilon) {
    return acn_f1(f, "Rsqrt", acn_f_with(f, "Add", variance, epsilon));
}

/* part * momentum + other * (1 - momentum) */
static acn_net_value *running(acn_formula *f, acn_net_value *old, acn_net_value *now,
                              double momentum) {
    acn_net_value *kept = acn_f_with(f, "Mul", old, momentum);
    acn_net_value *added =
        acn_f_with(f, "Mul", acn_f_cast(f, now, old->tensor.dtype), 1 - momentum);
    return acn_f2(f, "Add", kept, added);
}

/* Statistics of the batch itself, and what the running ones become. */
static acn_status batch_norm_training(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_net_value *x = acn_f_cast(&f, c->in[0], ACN_F32);
    int rank = c->in[0]->tensor.rank, count = 0;
    int64_t axes[ACN_MAX_DIMS];
    for (int d = 0; d < rank; d++)
        if (d != 1) axes[count++] = d;
    acn_net_value *mean = acn_f_reduce(&f, "ReduceMean", x, axes, count, true);
    acn_net_value *centred = acn_f2(&f, "Sub", x, mean);
    acn_net_value *squares = acn_f2(&f, "Mul", centred, centred);
    acn_net_value *variance = acn_f_reduce(&f, "ReduceMean", squares, axes, count, true);
    acn_net_value *k = inverse_deviation(&f, variance, acn_onnx_float(c, "epsilon", 1e-5));
    acn_net_value *scale = acn_f_cast(&f, by_channel(&f, c->in[1], rank), ACN_F32);
    acn_net_value *bias = acn_f_cast(&f, by_channel(&f, c->in[2], rank), ACN_F32);
    acn_net_value *y = acn_f2(&f, "Mul", acn_f2(&f, "Mul", centred, k), scale);
    y = acn_f_cast(&f, acn_f2(&f, "Add", y, bias), c->in[0]->tensor.dtype);
    ACN_TRY(acn_f_end(&f, y, &c->out[0]));
    for (int i = 1; i < c->out_count && i < 3; i++) {
        acn_net_value *old = c->in[2 + i];
        acn_net_value *now =
            acn_f_reshape(&f, i == 1 ? mean : variance, old->tensor.rank, old->tensor.dims);
        now = running(&f, old, now, acn_onnx_float(c, "momentum", 0.9));
        ACN_TRY(acn_f_end(&f, now, &c->out[i]));
    }
    return f.status;
}

/* y = x * k + (bias - mean * k), k = scale / sqrt(variance + epsilon): k and the rest are constants
 * for a trained model, and are computed here. */
static acn_status batch_norm(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_net_value *x = c->in[0];
    acn_dtype dtype = x->tensor.dtype;
    if (acn_onnx_int(c, "training_mode", 0)) return batch_norm_training(c);
    acn_net_value *deviation =
        acn_f1(&f, "Sqrt", acn_f_with(&f, "Add", c->in[4], acn_onnx_float(c, "epsilon", 1e-5)));
    acn_net_value *k = acn_f2(&f, "RealDiv", c->in[1], deviation);
    acn_net_value *rest = acn_f2(&f, "Sub", c->in[2], acn_f2(&f, "Mul", c->in[3], k));
    k = acn_f_cast(&f, by_channel(&f, k, x->tensor.rank), dtype);
    rest = acn_f_cast(&f, by_channel(&f, rest, x->tensor.rank), dtype);
    return acn_f_end(&f, acn_f2(&f, "Add", acn_f2(&f, "Mul", x, k), rest), &c->out[0]);
}
ACN_ONNX(batch_normalization) = {.type = "BatchNormalization", .required = 5, .import = batch_norm};

/* ---- groups of channels ---------------------------------------------------------------------- */

static acn_status normalise_groups(acn_onnx_call *c, int64_t groups, acn_net_value *scale,
                                   acn_net_value *bias) {
    acn_node_builder b;
    acn_onnx_begin(c, &b, "GroupNormV2");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_input(&b, "gamma", scale);
    acn_node_input(&b, "beta", bias);
    acn_node_int(&b, "num_groups", groups);
    acn_node_float(&b, "eps", acn_onnx_float(c, "epsilon", 1e-5));
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}

static acn_status instance_norm(acn_onnx_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    if (x->rank < 2) return acn_onnx_bad(c, "its input has %d dimensions", x->rank);
    return normalise_groups(c, x->dims[1], c->in[1], c->in[2]);
}
ACN_ONNX(instance_normalization) = {
    .type = "InstanceNormalization", .required = 3, .import = instance_norm};

/* Before opset 21 scale and bias had one number for each group, now for each channel. */
static acn_status group_norm(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t groups = acn_onnx_int(c, "num_groups", 0);
    acn_net_value *parameter[2] = {c->in[1], c->in[2]};
    if (x->rank < 2 || groups < 1 || x->dims[1] % groups != 0)
        return acn_onnx_bad(c, "%lld groups do not divide its channels", (long long)groups);
    int64_t wide[2] = {groups, x->dims[1] / groups}, one[2] = {groups, 1};
    for (int i = 0; i < 2; i++) {
        int64_t count = acn_tensor_count(&parameter[i]->tensor);
        if (count == x->dims[1]) continue;
        if (count != groups)
            return acn_onnx_bad(c, "input %d has %lld numbers; expected %lld", 1 + i,
                                (long long)count, (long long)x->dims[1]);
        acn_net_value *each = acn_f_reshape(&f, parameter[i], 2, one);
        parameter[i] = acn_f_reshape(&f, acn_f_broadcast(&f, each, 2, wide), 1, &x->dims[1]);
    }
    ACN_TRY(f.status);
    return normalise_groups(c, groups, parameter[0], parameter[1]);
}
ACN_ONNX(group_normalization) = {.type = "GroupNormalization", .required = 3, .import = group_norm};

/* ---- the last dimensions --------------------------------------------------------------------- */

static bool covers(const acn_net_value *v, const acn_tensor *x, int axis) {
    size_t bytes = (size_t)(x->rank - axis) * sizeof *x->dims;
    return v == NULL || (v->tensor.rank == x->rank - axis && v->tensor.dtype == x->dtype &&
                         memcmp(v->tensor.dims, x->dims + axis, bytes) == 0);
}

/* Scale and bias that are of another shape than what is normalised are operators of their own. */
static acn_status layer_norm(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    const acn_tensor *x = &c->in[0]->tensor;
    acn_net_value *scale = c->in[1], *bias = c->in_count > 2 ? c->in[2] : NULL, *made[3];
    int axis, at = 1;
    acn_node_builder b;
    acn_tensor rows;
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", -1), x->rank, &axis));
    acn_tensor_init(&rows, NULL, ACN_F32, x->rank, x->dims);
    for (int d = axis; d < x->rank; d++)
        rows.dims[d] = 1;
    bool is_whole = covers(scale, x, axis) && covers(bias, x, axis);
    acn_onnx_begin(c, &b, "LayerNormV3");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_input(&b, "gamma", is_whole ? scale : NULL);
    acn_node_input(&b, "beta", is_whole ? bias : NULL);
    acn_node_ints(&b, "normalized_shape", x->dims + axis, x->rank - axis);
    acn_node_float(&b, "epsilon", acn_onnx_float(c, "epsilon", 1e-5));
    acn_node_output(&b, "y", x->dtype, NULL);
    if (c->out_count > 1) acn_node_output(&b, "mean", ACN_F32, &rows);
    if (c->out_count > 2) acn_node_output(&b, "rstd", ACN_F32, &rows);
    ACN_TRY(acn_node_end(&b, made));
    for (; at < c->out_count && at < 3; at++)
        c->out[at] = made[at];
    if (!is_whole) made[0] = acn_f2(&f, "Mul", made[0], scale);
    if (!is_whole && bias) made[0] = acn_f2(&f, "Add", made[0], bias);
    return acn_f_end(&f, made[0], &c->out[0]);
}
ACN_ONNX(layer_normalization) = {.type = "LayerNormalization", .required = 2, .import = layer_norm};

static acn_status rms_norm(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    const acn_tensor *x = &c->in[0]->tensor;
    double epsilon = acn_onnx_float(c, "epsilon", 1e-5);
    int axis, count = 0;
    int64_t axes[ACN_MAX_DIMS];
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", -1), x->rank, &axis));
    if (covers(c->in[1], x, axis)) {
        acn_node_builder b;
        acn_onnx_begin(c, &b, "RmsNorm");
        acn_node_input(&b, "x", c->in[0]);
        acn_node_input(&b, "gamma", c->in[1]);
        acn_node_float(&b, "epsilon", epsilon);
        acn_node_output(&b, "y", x->dtype, NULL);
        return acn_node_end(&b, c->out);
    }
    for (int d = axis; d < x->rank; d++)
        axes[count++] = d;
    acn_net_value *wide = acn_f_cast(&f, c->in[0], ACN_F32);
    acn_net_value *squares =
        acn_f_reduce(&f, "ReduceMean", acn_f2(&f, "Mul", wide, wide), axes, count, true);
    acn_net_value *y = acn_f2(&f, "Mul", wide, inverse_deviation(&f, squares, epsilon));
    acn_net_value *scale = acn_f_cast(&f, c->in[1], ACN_F32);
    y = acn_f_cast(&f, acn_f2(&f, "Mul", y, scale), c->in[1]->tensor.dtype);
    return acn_f_end(&f, y, &c->out[0]);
}
ACN_ONNX(rms_normalization) = {.type = "RMSNormalization", .required = 2, .import = rms_norm};

/* ---- others ---------------------------------------------------------------------------------- */

/* Rows without length stay as they are: divided by the least number above 0. */
static acn_status lp_norm(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_net_value *x = c->in[0], *norm;
    int axis;
    acn_node_builder b;
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", -1), x->tensor.rank, &axis));
    acn_onnx_begin(c, &b, "LpNormV2");
    acn_node_input(&b, "x", x);
    acn_node_float(&b, "p", (double)acn_onnx_int(c, "p", 2));
    acn_node_ints(&b, "axes", &(int64_t){axis}, 1);
    acn_node_int(&b, "keepdim", 1);
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    ACN_TRY(acn_node_end(&b, &norm));
    norm = acn_f_with(&f, "Maximum", norm, x->tensor.dtype == ACN_F16 ? 0x1p-24 : 0x1p-126);
    return acn_f_end(&f, acn_f2(&f, "RealDiv", x, norm), &c->out[0]);
}
ACN_ONNX(lp_normalization) = {.type = "LpNormalization", .import = lp_norm};

static acn_status mean_variance(acn_onnx_call *c) {
    static const int64_t usual[] = {0, 2, 3};
    acn_formula f = {.c = c};
    acn_net_value *x = c->in[0];
    int count;
    const int64_t *axes = acn_onnx_ints(c, "axes", &count);
    if (axes == NULL) axes = usual, count = x->tensor.rank < 4 ? x->tensor.rank - 1 : 3;
    acn_net_value *centred =
        acn_f2(&f, "Sub", x, acn_f_reduce(&f, "ReduceMean", x, axes, count, true));
    acn_net_value *squares = acn_f2(&f, "Mul", centred, centred);
    acn_net_value *deviation =
        acn_f1(&f, "Sqrt", acn_f_reduce(&f, "ReduceMean", squares, axes, count, true));
    deviation = acn_f_with(&f, "Add", deviation, 1e-9);
    return acn_f_end(&f, acn_f2(&f, "RealDiv", centred, deviation), &c->out[0]);
}
ACN_ONNX(mean_variance_normalization) = {.type = "MeanVarianceNormalization",
                                         .import = mean_variance};
