/* op_nn.c - products, softmax, look-ups. */
#include "graph/import/importer.h"

#include <string.h>

/* ---- products -------------------------------------------------------------------------------- */

static acn_status transposed(acn_onnx_call *c, acn_net_value *x, bool is_transposed,
                             acn_net_value **out) {
    *out = x;
    if (!is_transposed) return ACN_OK;
    acn_tensor shape = x->tensor;
    shape.data = NULL;
    shape.dims[0] = x->tensor.dims[1], shape.dims[1] = x->tensor.dims[0];
    shape.strides[0] = x->tensor.strides[1], shape.strides[1] = x->tensor.strides[0];
    return acn_net_view(c->net, x->name, x, &shape, out);
}

static acn_status gemm(acn_onnx_call *c) {
    acn_net_value *a, *x, *product, *scaled, *number;
    acn_dtype dtype = c->in[0]->tensor.dtype;
    double alpha = acn_onnx_float(c, "alpha", 1), beta = acn_onnx_float(c, "beta", 1);
    acn_net_value *bias = c->in_count > 2 ? c->in[2] : NULL;
    if (c->in[0]->tensor.rank != 2 || c->in[1]->tensor.rank != 2)
        return acn_onnx_bad(c, "its inputs are no matrices");
    ACN_TRY(transposed(c, c->in[0], acn_onnx_int(c, "transA", 0), &a));
    ACN_TRY(transposed(c, c->in[1], acn_onnx_int(c, "transB", 0), &x));
    bool is_plain = alpha == 1 && beta == 1 && bias && bias->tensor.rank == 1;
    acn_node_builder b;
    acn_onnx_begin(c, &b, "MatMulV2");
    acn_node_input(&b, "x1", a);
    acn_node_input(&b, "x2", x);
    acn_node_input(&b, "bias", is_plain ? bias : NULL);
    acn_node_output(&b, "y", dtype, NULL);
    ACN_TRY(acn_node_end(&b, &product));
    if (alpha != 1) {
        ACN_TRY(acn_onnx_number(c, alpha, dtype, &number));
        ACN_TRY(acn_onnx_binary(c, "Mul", product, number, &product));
    }
    c->out[0] = product;
    if (bias == NULL || is_plain) return ACN_OK;
    ACN_TRY(acn_onnx_number(c, beta, dtype, &number));
    scaled = bias;
    if (beta != 1) ACN_TRY(acn_onnx_binary(c, "Mul", bias, number, &scaled));
    return acn_onnx_binary(c, "Add", product, scaled, &c->out[0]);
}
ACN_ONNX(gemm) = {.type = "Gemm", .required = 2, .import = gemm};

/* ---- softmax --------------------------------------------------------------------------------- */

/* Before opset 13 everything from the axis on was one row. */
static acn_status softmax_as(acn_onnx_call *c, const char *op, const char *in, const char *out) {
    acn_net_value *x = c->in[0], *rows = x;
    bool is_old = c->opset < 13;
    int axis, rank = x->tensor.rank;
    int64_t dims[2] = {1, 1};
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", is_old ? 1 : -1), rank, &axis));
    if (is_old && axis != rank - 1) {
        for (int d = 0; d < rank; d++)
            dims[d >= axis] *= x->tensor.dims[d];
        ACN_TRY(acn_onnx_reshape(c, x, 2, dims, &rows));
        axis = 1;
    }
    acn_node_builder b;
    acn_onnx_begin(c, &b, op);
    acn_node_input(&b, in, rows);
    acn_node_ints(&b, "axes", &(int64_t){axis}, 1);
    acn_node_output(&b, out, x->tensor.dtype, NULL);
    ACN_TRY(acn_node_end(&b, c->out));
    if (rows == x) return ACN_OK;
    return acn_onnx_reshape(c, c->out[0], rank, x->tensor.dims, &c->out[0]);
}
static acn_status softmax(acn_onnx_call *c) { return softmax_as(c, "SoftmaxV2", "x", "y"); }
static acn_status log_softmax(acn_onnx_call *c) {
    return softmax_as(c, "LogSoftmaxV2", "logits", "logsoftmax");
}
ACN_ONNX(softmax) = {.type = "Softmax", .import = softmax};
ACN_ONNX(log_softmax) = {.type = "LogSoftmax", .import = log_softmax};

/* ---- look-ups -------------------------------------------------------------------------------- */

static acn_status gather(acn_onnx_call *c) {
    int axis;
    acn_node_builder b;
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", 0), c->in[0]->tensor.rank, &axis));
    acn_onnx_begin(c, &b, "GatherV2");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_input(&b, "indices", c->in[1]);
    acn_node_int(&b, "axis", axis);
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(gather) = {.type = "Gather", .required = 2, .import = gather};

static acn_status gather_elements(acn_onnx_call *c) {
    int axis;
    acn_node_builder b;
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", 0), c->in[0]->tensor.rank, &axis));
    acn_onnx_begin(c, &b, "GatherElements");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_input(&b, "index", c->in[1]);
    acn_node_int(&b, "dim", axis);
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(gather_elements) = {.type = "GatherElements", .required = 2, .import = gather_elements};

static acn_status gelu(acn_onnx_call *c) {
    acn_node_builder b;
    acn_onnx_begin(c, &b, "GeluV2");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_text(&b, "approximate", acn_onnx_text(c, "approximate", "none"));
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(gelu) = {.type = "Gelu", .import = gelu};
