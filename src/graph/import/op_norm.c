/* op_norm.c - normalisation. */
#include "graph/import/importer.h"

/* A parameter of one number a channel, as [1, C, 1, ...]. */
static acn_status by_channel(acn_onnx_call *c, acn_net_value *v, int rank, acn_net_value **out) {
    int64_t dims[ACN_MAX_DIMS];
    for (int d = 0; d < rank; d++)
        dims[d] = d == 1 ? acn_tensor_count(&v->tensor) : 1;
    return acn_onnx_reshape(c, v, rank, dims, out);
}

/* y = x * k + (bias - mean * k), k = scale / sqrt(variance + epsilon): k and the rest are constants
 * for a trained model, and are computed here. */
static acn_status batch_norm(acn_onnx_call *c) {
    acn_net_value *x = c->in[0], *scale = c->in[1], *bias = c->in[2], *average = c->in[3];
    acn_net_value *k, *rest, *epsilon;
    if (c->in_count < 5 || acn_onnx_int(c, "training_mode", 0))
        return acn_onnx_bad(c, "it trains, which a model for inference does not");
    ACN_TRY(
        acn_onnx_number(c, acn_onnx_float(c, "epsilon", 1e-5), c->in[4]->tensor.dtype, &epsilon));
    ACN_TRY(acn_onnx_binary(c, "Add", c->in[4], epsilon, &k));
    ACN_TRY(acn_onnx_unary(c, "Sqrt", k, &k));
    ACN_TRY(acn_onnx_binary(c, "RealDiv", scale, k, &k));
    ACN_TRY(acn_onnx_binary(c, "Mul", average, k, &rest));
    ACN_TRY(acn_onnx_binary(c, "Sub", bias, rest, &rest));
    ACN_TRY(by_channel(c, k, x->tensor.rank, &k));
    ACN_TRY(by_channel(c, rest, x->tensor.rank, &rest));
    ACN_TRY(acn_onnx_binary(c, "Mul", x, k, &x));
    return acn_onnx_binary(c, "Add", x, rest, &c->out[0]);
}
ACN_ONNX(batch_normalization) = {.type = "BatchNormalization", .required = 5, .import = batch_norm};

static acn_status layer_norm(acn_onnx_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    int axis;
    acn_node_builder b;
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", -1), x->rank, &axis));
    if (c->out_count > 1) return acn_onnx_bad(c, "its mean is no output here");
    acn_onnx_begin(c, &b, "LayerNormV3");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_input(&b, "gamma", c->in[1]);
    acn_node_input(&b, "beta", c->in_count > 2 ? c->in[2] : NULL);
    acn_node_ints(&b, "normalized_shape", x->dims + axis, x->rank - axis);
    acn_node_float(&b, "epsilon", acn_onnx_float(c, "epsilon", 1e-5));
    acn_node_output(&b, "y", x->dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(layer_normalization) = {.type = "LayerNormalization", .required = 2, .import = layer_norm};
