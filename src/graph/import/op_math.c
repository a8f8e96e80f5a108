/* op_math.c - elementwise operators that need more than a row, and reductions. */
#include "graph/import/importer.h"

#include <math.h>
#include <string.h>

static acn_status divide(acn_onnx_call *c) {
    if (acn_dtype_is_float(c->in[0]->tensor.dtype))
        return acn_onnx_binary(c, "RealDiv", c->in[0], c->in[1], &c->out[0]);
    /* Integers truncate: what is left after the remainder divides evenly, whatever the rounding. */
    acn_net_value *rest, *even;
    ACN_TRY(acn_onnx_binary(c, "Mod", c->in[0], c->in[1], &rest));
    ACN_TRY(acn_onnx_binary(c, "Sub", c->in[0], rest, &even));
    return acn_onnx_binary(c, "FloorDiv", even, c->in[1], &c->out[0]);
}
ACN_ONNX(div) = {.type = "Div", .required = 2, .import = divide};

static acn_status power(acn_onnx_call *c) {
    acn_net_value *base, *exponent, *result;
    acn_dtype dtype = c->in[0]->tensor.dtype, wide = c->in[1]->tensor.dtype;
    if (acn_dtype_is_float(dtype) || !acn_dtype_is_float(wide)) wide = dtype;
    ACN_TRY(acn_onnx_cast(c, c->in[0], wide, &base)); /* an integer's square root is a number */
    ACN_TRY(acn_onnx_cast(c, c->in[1], wide, &exponent));
    double two;
    if (acn_net_is_constant(exponent) && acn_tensor_count(&exponent->tensor) == 1 &&
        acn_onnx_constant_float(c, 1, 0, &two) == ACN_OK && two == 2)
        return acn_onnx_binary(c, "Mul", c->in[0], c->in[0], &c->out[0]);
    ACN_TRY(acn_onnx_binary(c, "Pow", base, exponent, &result));
    return acn_onnx_cast(c, result, dtype, &c->out[0]);
}
ACN_ONNX(pow) = {.type = "Pow", .required = 2, .import = power};

/* Sum, Min, Max of any number of inputs. */
static acn_status chain(acn_onnx_call *c, const char *op) {
    acn_net_value *result = c->in[0];
    for (int i = 1; i < c->in_count; i++)
        ACN_TRY(acn_onnx_binary(c, op, result, c->in[i], &result));
    c->out[0] = result;
    return ACN_OK;
}
static acn_status sum(acn_onnx_call *c) { return chain(c, "Add"); }
static acn_status minimum(acn_onnx_call *c) { return chain(c, "Minimum"); }
static acn_status maximum(acn_onnx_call *c) { return chain(c, "Maximum"); }
ACN_ONNX(sum) = {.type = "Sum", .import = sum};
ACN_ONNX(min) = {.type = "Min", .import = minimum};
ACN_ONNX(max) = {.type = "Max", .import = maximum};

static acn_status mean(acn_onnx_call *c) {
    acn_net_value *count;
    ACN_TRY(chain(c, "Add"));
    ACN_TRY(acn_onnx_number(c, c->in_count, c->in[0]->tensor.dtype, &count));
    return acn_onnx_binary(c, "RealDiv", c->out[0], count, &c->out[0]);
}
ACN_ONNX(mean) = {.type = "Mean", .import = mean};

static acn_status clip(acn_onnx_call *c) {
    acn_dtype dtype = c->in[0]->tensor.dtype;
    acn_net_value *low = c->in_count > 1 ? c->in[1] : NULL,
                  *high = c->in_count > 2 ? c->in[2] : NULL;
    c->out[0] = c->in[0];
    if (c->opset < 11) {
        ACN_TRY(acn_onnx_number(c, acn_onnx_float(c, "min", -INFINITY), dtype, &low));
        ACN_TRY(acn_onnx_number(c, acn_onnx_float(c, "max", INFINITY), dtype, &high));
    }
    if (low) ACN_TRY(acn_onnx_binary(c, "Maximum", c->out[0], low, &c->out[0]));
    if (high) ACN_TRY(acn_onnx_binary(c, "Minimum", c->out[0], high, &c->out[0]));
    return ACN_OK;
}
ACN_ONNX(clip) = {.type = "Clip", .import = clip};

static acn_status cast(acn_onnx_call *c) {
    acn_dtype to = acn_onnx_dtype((int)acn_onnx_int(c, "to", 0));
    if (to == ACN_UNDEFINED)
        return acn_onnx_bad(c, "to is %lld, a type that no device has",
                            (long long)acn_onnx_int(c, "to", 0));
    return acn_onnx_cast(c, c->in[0], to, &c->out[0]);
}
ACN_ONNX(cast) = {.type = "Cast", .import = cast};

static acn_status where(acn_onnx_call *c) {
    /* y where the condition does not hold, x elsewhere: two masked fills would need numbers, so
     * the definition of SelectV2 is used. */
    acn_node_builder b;
    acn_onnx_begin(c, &b, "SelectV2");
    acn_node_input(&b, "condition", c->in[0]);
    acn_node_input(&b, "then", c->in[1]);
    acn_node_input(&b, "else", c->in[2]);
    acn_node_output(&b, "result", c->in[1]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(where) = {.type = "Where", .required = 3, .import = where};

/* Activations with numbers; ONNX's defaults differ from the operators'. */
static acn_status activation(acn_onnx_call *c, const char *op, const char *input,
                             const char *output, const char *attr, const char *own,
                             double fallback) {
    acn_node_builder b;
    acn_onnx_begin(c, &b, op);
    acn_node_input(&b, input, c->in[0]);
    acn_node_float(&b, own, acn_onnx_float(c, attr, fallback));
    if (strcmp(op, "HardSigmoid") == 0) acn_node_float(&b, "beta", acn_onnx_float(c, "beta", 0.5));
    acn_node_output(&b, output, c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
static acn_status leaky_relu(acn_onnx_call *c) {
    return activation(c, "LeakyRelu", "x", "y", "alpha", "negative_slope", 0.01);
}
static acn_status hard_sigmoid(acn_onnx_call *c) {
    return activation(c, "HardSigmoid", "input_x", "output_y", "alpha", "alpha", 0.2);
}
ACN_ONNX(leaky_relu) = {.type = "LeakyRelu", .import = leaky_relu};
ACN_ONNX(hard_sigmoid) = {.type = "HardSigmoid", .import = hard_sigmoid};

static acn_status reduce(acn_onnx_call *c, const char *op) {
    acn_net_value *x = c->in[0];
    int axes[ACN_MAX_DIMS], count;
    int64_t numbers[ACN_MAX_DIMS];
    acn_node_builder b;
    ACN_TRY(acn_onnx_axes(c, 1, x->tensor.rank, axes, &count));
    if (count == 0 && acn_onnx_int(c, "noop_with_empty_axes", 0)) {
        c->out[0] = x;
        return ACN_OK;
    }
    if (count == 0)
        for (; count < x->tensor.rank; count++)
            axes[count] = count;
    for (int i = 0; i < count; i++)
        numbers[i] = axes[i];
    acn_onnx_begin(c, &b, op);
    acn_node_input(&b, "x", x);
    acn_node_ints(&b, "axes", numbers, count);
    acn_node_int(&b, "keep_dims", acn_onnx_int(c, "keepdims", 1));
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
static acn_status reduce_sum(acn_onnx_call *c) { return reduce(c, "ReduceSum"); }
static acn_status reduce_mean(acn_onnx_call *c) { return reduce(c, "ReduceMean"); }
static acn_status reduce_max(acn_onnx_call *c) { return reduce(c, "ReduceMax"); }
static acn_status reduce_min(acn_onnx_call *c) { return reduce(c, "ReduceMin"); }
static acn_status reduce_prod(acn_onnx_call *c) { return reduce(c, "ReduceProd"); }
ACN_ONNX(reduce_sum) = {.type = "ReduceSum", .import = reduce_sum};
ACN_ONNX(reduce_mean) = {.type = "ReduceMean", .import = reduce_mean};
ACN_ONNX(reduce_max) = {.type = "ReduceMax", .import = reduce_max};
ACN_ONNX(reduce_min) = {.type = "ReduceMin", .import = reduce_min};
ACN_ONNX(reduce_prod) = {.type = "ReduceProd", .import = reduce_prod};

static acn_status arg_max(acn_onnx_call *c) {
    acn_net_value *x = c->in[0];
    acn_node_builder b;
    int axis;
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", 0), x->tensor.rank, &axis));
    if (acn_onnx_int(c, "select_last_index", 0))
        return acn_onnx_bad(c, "select_last_index is not supported; the first index is taken");
    acn_onnx_begin(c, &b, "ArgMaxV2");
    acn_node_input(&b, "x", x);
    acn_node_int(&b, "dimension", axis);
    acn_node_int(&b, "keep_dims", acn_onnx_int(c, "keepdims", 1));
    acn_node_output(&b, "y", ACN_I64, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(arg_max) = {.type = "ArgMax", .import = arg_max};
