/* op_activation.c - activations with numbers of their own; ONNX's defaults differ from our
 * operators'. Those without are rows of onnx_rows.c. */
#include "graph/import/compose.h"

#include <string.h>

/* Operators with one number: ONNX's attribute and its default, ours. */
#define WITH_NUMBER(id, onnx, ours, attribute, fallback, own)                                      \
    static acn_status id(acn_onnx_call *c) {                                                       \
        acn_formula f = {c, ACN_OK};                                                               \
        double number = acn_onnx_float(c, attribute, fallback);                                    \
        return acn_f_end(&f, acn_f1_float(&f, ours, c->in[0], own, number), c->out);               \
    }                                                                                              \
    ACN_ONNX(id) = {.type = onnx, .import = id}

WITH_NUMBER(celu, "Celu", "CeluV2", "alpha", 1, "alpha");
WITH_NUMBER(elu, "Elu", "Elu", "alpha", 1, "alpha");
WITH_NUMBER(leaky_relu, "LeakyRelu", "LeakyRelu", "alpha", 0.01, "negative_slope");
WITH_NUMBER(swish, "Swish", "Swish", "alpha", 1, "scale");

static acn_status hard_sigmoid(acn_onnx_call *c) {
    acn_node_builder b;
    acn_onnx_begin(c, &b, "HardSigmoid");
    acn_node_input(&b, "input_x", c->in[0]);
    acn_node_float(&b, "alpha", acn_onnx_float(c, "alpha", 0.2));
    acn_node_float(&b, "beta", acn_onnx_float(c, "beta", 0.5));
    acn_node_output(&b, "output_y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(hard_sigmoid) = {.type = "HardSigmoid", .import = hard_sigmoid};

static acn_status selu(acn_onnx_call *c) {
    acn_node_builder b;
    acn_onnx_begin(c, &b, "Elu");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_float(&b, "alpha", acn_onnx_float(c, "alpha", 1.67326319217681884765625));
    acn_node_float(&b, "scale", acn_onnx_float(c, "gamma", 1.05070102214813232421875));
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(selu) = {.type = "Selu", .import = selu};

static acn_status thresholded_relu(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_dtype dtype = c->in[0]->tensor.dtype;
    acn_net_value *alpha = acn_f_number(&f, acn_onnx_float(c, "alpha", 1), dtype);
    acn_net_value *zero = acn_f_number(&f, 0, dtype);
    return acn_f_end(&f, acn_f3(&f, "ThresholdV2", c->in[0], alpha, zero), c->out);
}
ACN_ONNX(thresholded_relu) = {.type = "ThresholdedRelu", .import = thresholded_relu};

/* x moved by bias towards 0 where |x| > lambd, else 0. */
static acn_status shrink(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_dtype dtype = c->in[0]->tensor.dtype;
    double lambd = acn_onnx_float(c, "lambd", 0.5), bias = acn_onnx_float(c, "bias", 0);
    if (lambd < 0) return acn_onnx_bad(c, "lambd is %g; expected 0 or more", lambd);
    acn_net_value *x = acn_dtype_is_float(dtype) ? c->in[0] : acn_f_cast(&f, c->in[0], ACN_F64);
    acn_net_value *kept = acn_f1_float(&f, "HardShrink", x, "lambd", lambd);
    if (bias != 0)
        kept = acn_f2(&f, "Sub", kept, acn_f_with(&f, "Mul", acn_f1(&f, "Sign", kept), bias));
    return acn_f_end(&f, acn_f_cast(&f, kept, dtype), c->out);
}
ACN_ONNX(shrink) = {.type = "Shrink", .import = shrink};

static acn_status softsign(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *below = acn_f_with(&f, "Add", acn_f1(&f, "Abs", c->in[0]), 1);
    return acn_f_end(&f, acn_f2(&f, "RealDiv", c->in[0], below), c->out);
}
ACN_ONNX(softsign) = {.type = "Softsign", .import = softsign};

/* One slope, or one a channel, is our operator; otherwise slopes broadcast in any way. */
static acn_status prelu(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *x = c->in[0], *slope = c->in[1];
    int rank = x->tensor.rank, first = rank - slope->tensor.rank;
    bool by_channel = rank >= 2 && first <= 1 && acn_dtype_is_float(x->tensor.dtype);
    for (int d = 0; d < slope->tensor.rank; d++)
        by_channel &= d + first == 1 || slope->tensor.dims[d] == 1;
    if (by_channel) {
        int64_t count = acn_tensor_count(&slope->tensor);
        slope = acn_f_reshape(&f, slope, 1, &count);
        return acn_f_end(&f, acn_f2(&f, "PRelu", x, slope), c->out);
    }
    acn_net_value *zero = acn_f_number(&f, 0, x->tensor.dtype);
    acn_net_value *is_negative = acn_f_truth(&f, "Less", x, zero);
    acn_net_value *y = acn_f_select(&f, is_negative, acn_f2(&f, "Mul", x, slope), x);
    return acn_f_end(&f, y, c->out);
}
ACN_ONNX(prelu) = {.type = "PRelu", .required = 2, .import = prelu};

/* 1 at the first greatest element along the axis, else 0. Before opset 13 everything from the axis
 * on was one row. */
static acn_status hardmax(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *x = c->in[0];
    bool is_old = c->opset < 13;
    int axis, rank = x->tensor.rank;
    int64_t dims[2] = {1, 1}, own[ACN_MAX_DIMS];
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", is_old ? 1 : -1), rank, &axis));
    memcpy(own, x->tensor.dims, sizeof own);
    acn_dtype dtype = x->tensor.dtype;
    for (int d = 0; is_old && d < rank; d++)
        dims[d >= axis] *= own[d];
    if (is_old) x = acn_f_reshape(&f, x, 2, dims), axis = 1;
    if (f.status != ACN_OK) return f.status;
    acn_node_builder b;
    acn_net_value *place;
    acn_onnx_begin(c, &b, "ArgMaxV2");
    acn_node_input(&b, "x", x);
    acn_node_int(&b, "dimension", axis);
    acn_node_int(&b, "keep_dims", 1);
    acn_node_output(&b, "y", ACN_I64, NULL);
    ACN_TRY(acn_node_end(&b, &place));
    acn_net_value *steps = acn_f_count_up(&f, x->tensor.dims[axis]);
    for (int d = axis + 1; d < x->tensor.rank; d++)
        steps = acn_f_unsqueeze(&f, steps, d - axis);
    acn_net_value *y = acn_f_cast(&f, acn_f_truth(&f, "Equal", place, steps), dtype);
    return acn_f_end(&f, is_old ? acn_f_reshape(&f, y, rank, own) : y, c->out);
}
ACN_ONNX(hardmax) = {.type = "Hardmax", .import = hardmax};

/* a * sigmoid(alpha * a) * b */
static acn_status swi_glu(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    double alpha = acn_onnx_float(c, "alpha", 1);
    acn_net_value *gate = acn_f1_float(&f, "Swish", c->in[0], "scale", alpha);
    return acn_f_end(&f, acn_f2(&f, "Mul", gate, c->in[1]), &c->out[0]);
}
ACN_ONNX(swi_glu) = {.type = "SwiGLU", .required = 2, .import = swi_glu};
