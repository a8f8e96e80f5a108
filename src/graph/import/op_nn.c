/* op_nn.c - convolution, products, normalisation, softmax, look-ups. */
#include "graph/import/importer.h"

#include <math.h>
#include <string.h>

/* ---- windows --------------------------------------------------------------------------------- */

/* One number for each spatial dimension, 1 at least; |fallback| when the node does not say. */
static acn_status spatial(const acn_onnx_call *c, const char *name, int count, int64_t fallback,
                          int64_t *out) {
    int given;
    const int64_t *numbers = acn_onnx_ints(c, name, &given);
    if (numbers && given != count)
        return acn_onnx_bad(c, "%s has %d numbers for %d dimensions", name, given, count);
    for (int d = 0; d < count; d++) {
        out[d] = numbers ? numbers[d] : fallback;
        if (out[d] < 1) return acn_onnx_bad(c, "%s has %lld", name, (long long)out[d]);
    }
    return ACN_OK;
}

/* Padding before and after each dimension, as pairs. */
static acn_status padding(const acn_onnx_call *c, const acn_tensor *x, int count,
                          const int64_t *kernel, const int64_t *stride, const int64_t *dilation,
                          int64_t *out) {
    int given;
    const int64_t *pads = acn_onnx_ints(c, "pads", &given);
    const char *how = acn_onnx_text(c, "auto_pad", "NOTSET");
    bool is_same = strncmp(how, "SAME", 4) == 0;
    if (pads && given != 2 * count)
        return acn_onnx_bad(c, "pads has %d numbers for %d dimensions", given, count);
    for (int d = 0; d < count; d++) {
        out[2 * d] = pads ? pads[d] : 0;
        out[2 * d + 1] = pads ? pads[d + count] : 0;
        if (!is_same) continue;
        int64_t size = x->dims[2 + d], steps = (size + stride[d] - 1) / stride[d];
        int64_t total = (steps - 1) * stride[d] + (kernel[d] - 1) * dilation[d] + 1 - size;
        total = total > 0 ? total : 0;
        out[2 * d] = strcmp(how, "SAME_LOWER") == 0 ? total - total / 2 : total / 2;
        out[2 * d + 1] = total - out[2 * d];
    }
    return ACN_OK;
}

static acn_status convolution(acn_onnx_call *c) {
    const acn_tensor *x = &c->in[0]->tensor, *w = &c->in[1]->tensor;
    int count = x->rank - 2;
    int64_t stride[ACN_MAX_DIMS], dilation[ACN_MAX_DIMS], pads[2 * ACN_MAX_DIMS];
    acn_node_builder b;
    if (count < 1 || count > 3 || w->rank != x->rank)
        return acn_onnx_bad(c, "its input has %d dimensions, its filter %d; 3 to 5 work", x->rank,
                            w->rank);
    ACN_TRY(spatial(c, "strides", count, 1, stride));
    ACN_TRY(spatial(c, "dilations", count, 1, dilation));
    ACN_TRY(padding(c, x, count, w->dims + 2, stride, dilation, pads));
    acn_net_value *filter;
    ACN_TRY(acn_onnx_contiguous(c, c->in[1], &filter));
    acn_onnx_begin(c, &b, "Convolution");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_input(&b, "filter", filter);
    acn_node_input(&b, "bias", c->in_count > 2 ? c->in[2] : NULL);
    acn_node_ints(&b, "strides", stride, count);
    acn_node_ints(&b, "pads", pads, 2 * count);
    acn_node_ints(&b, "dilations", dilation, count);
    acn_node_int(&b, "groups", acn_onnx_int(c, "group", 1));
    acn_node_output(&b, "y", x->dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(conv) = {.type = "Conv", .required = 2, .import = convolution};

typedef struct window {
    int count;
    int64_t kernel[ACN_MAX_DIMS], stride[ACN_MAX_DIMS], dilation[ACN_MAX_DIMS];
    int64_t pads[2 * ACN_MAX_DIMS];
} window;

static acn_status read_window(const acn_onnx_call *c, window *w) {
    const acn_tensor *x = &c->in[0]->tensor;
    w->count = x->rank - 2;
    if (w->count < 1 || w->count > 3)
        return acn_onnx_bad(c, "its input has %d dimensions; 3 to 5 work", x->rank);
    ACN_TRY(spatial(c, "kernel_shape", w->count, 1, w->kernel));
    ACN_TRY(spatial(c, "strides", w->count, 1, w->stride));
    ACN_TRY(spatial(c, "dilations", w->count, 1, w->dilation));
    return padding(c, x, w->count, w->kernel, w->stride, w->dilation, w->pads);
}

/* Padding before and after, which pooling itself only has equal: as an operator of its own. */
static acn_status pad_spatial(acn_onnx_call *c, acn_net_value *x, window *w, double value,
                              acn_net_value **out) {
    int64_t pairs[2 * ACN_MAX_DIMS] = {0};
    acn_net_value *number;
    acn_node_builder b;
    memcpy(pairs + 4, w->pads, 2 * (size_t)w->count * sizeof *pairs);
    memset(w->pads, 0, sizeof w->pads);
    ACN_TRY(acn_onnx_number(c, value, x->tensor.dtype, &number));
    acn_onnx_begin(c, &b, "PadV3");
    acn_node_input(&b, "x", x);
    acn_node_input(&b, "constant_values", number);
    acn_node_ints(&b, "paddings", pairs, 2 * x->tensor.rank);
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    return acn_node_end(&b, out);
}

static bool has_even_padding(const window *w) {
    for (int d = 0; d < w->count; d++)
        if (w->pads[2 * d] != w->pads[2 * d + 1]) return false;
    return true;
}

static acn_status pool(acn_onnx_call *c, const char *op, acn_net_value *x, const window *w,
                       bool counts_padding, acn_net_value **out) {
    int64_t before[ACN_MAX_DIMS];
    acn_node_builder b;
    for (int d = 0; d < w->count; d++)
        before[d] = w->pads[2 * d];
    acn_onnx_begin(c, &b, op);
    acn_node_input(&b, "x", x);
    acn_node_int(&b, "spatial", w->count);
    acn_node_ints(&b, "ksize", w->kernel, w->count);
    acn_node_ints(&b, "strides", w->stride, w->count);
    acn_node_ints(&b, "pads", before, w->count);
    acn_node_int(&b, "ceil_mode", acn_onnx_int(c, "ceil_mode", 0));
    if (strcmp(op, "MaxPooling") == 0)
        acn_node_ints(&b, "dilations", w->dilation, w->count);
    else
        acn_node_int(&b, "count_include_pad", counts_padding);
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    return acn_node_end(&b, out);
}

/* What is larger than nothing, in each type that ONNX pools. */
static double lowest(acn_dtype dtype) {
    return dtype == ACN_I8 ? INT8_MIN : dtype == ACN_U8 ? 0 : -INFINITY;
}

static acn_status max_pool(acn_onnx_call *c) {
    acn_net_value *x = c->in[0];
    window w;
    ACN_TRY(read_window(c, &w));
    if (c->out_count > 1) return acn_onnx_bad(c, "its indices are no output here");
    if (!has_even_padding(&w)) ACN_TRY(pad_spatial(c, x, &w, lowest(x->tensor.dtype), &x));
    return pool(c, "MaxPooling", x, &w, false, &c->out[0]);
}

/* With uneven padding that does not count, the mean is that of the padded input over that of
 * padded ones. */
static acn_status average_pool(acn_onnx_call *c) {
    acn_net_value *x = c->in[0], *ones, *share;
    bool counts = acn_onnx_int(c, "count_include_pad", 0);
    window w;
    ACN_TRY(read_window(c, &w));
    for (int d = 0; d < w.count; d++)
        if (w.dilation[d] != 1) return acn_onnx_bad(c, "it has dilations");
    if (has_even_padding(&w)) return pool(c, "AveragePooling", x, &w, counts, &c->out[0]);
    window again = w;
    acn_tensor shape = x->tensor;
    ACN_TRY(acn_onnx_number(c, 1, x->tensor.dtype, &ones));
    shape.data = NULL;
    memset(shape.strides, 0, sizeof shape.strides);
    shape.dims[0] = shape.dims[1] = 1;
    ACN_TRY(acn_net_view(c->net, c->node->name, ones, &shape, &ones));
    ACN_TRY(pad_spatial(c, x, &w, 0, &x));
    ACN_TRY(pool(c, "AveragePooling", x, &w, true, &c->out[0]));
    if (counts) return ACN_OK;
    ACN_TRY(pad_spatial(c, ones, &again, 0, &ones));
    ACN_TRY(pool(c, "AveragePooling", ones, &again, true, &share));
    return acn_onnx_binary(c, "RealDiv", c->out[0], share, &c->out[0]);
}
ACN_ONNX(max_pool) = {.type = "MaxPool", .import = max_pool};
ACN_ONNX(average_pool) = {.type = "AveragePool", .import = average_pool};

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

/* ---- normalisation --------------------------------------------------------------------------- */

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

static acn_status global_pool(acn_onnx_call *c, const char *op) {
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t axes[ACN_MAX_DIMS];
    acn_node_builder b;
    for (int d = 2; d < x->rank; d++)
        axes[d - 2] = d;
    acn_onnx_begin(c, &b, op);
    acn_node_input(&b, "x", c->in[0]);
    acn_node_ints(&b, "axes", axes, x->rank - 2);
    acn_node_int(&b, "keep_dims", 1);
    acn_node_output(&b, "y", x->dtype, NULL);
    return acn_node_end(&b, c->out);
}
static acn_status global_average(acn_onnx_call *c) { return global_pool(c, "ReduceMean"); }
static acn_status global_max(acn_onnx_call *c) { return global_pool(c, "ReduceMax"); }
ACN_ONNX(global_average_pool) = {.type = "GlobalAveragePool", .import = global_average};
ACN_ONNX(global_max_pool) = {.type = "GlobalMaxPool", .import = global_max};

/* x / (bias + alpha / size * sum of squares over |size| neighbouring channels)^beta. The sum is a
 * pooling over [N, 1, C, the rest]. */
static acn_status local_response(acn_onnx_call *c) {
    acn_net_value *x = c->in[0], *square, *sum, *number;
    const acn_tensor *t = &x->tensor;
    acn_dtype dtype = t->dtype;
    int64_t size = acn_onnx_int(c, "size", 1);
    int64_t dims[4] = {t->dims[0], 1, t->dims[1], 1};
    if (t->rank < 2) return acn_onnx_bad(c, "its input has %d dimensions", t->rank);
    for (int d = 2; d < t->rank; d++)
        dims[3] *= t->dims[d];
    window w = {.count = 2,
                .kernel = {size, 1},
                .stride = {1, 1},
                .dilation = {1, 1},
                .pads = {(size - 1) / 2, size / 2, 0, 0}};
    ACN_TRY(acn_onnx_binary(c, "Mul", x, x, &square));
    ACN_TRY(acn_onnx_reshape(c, square, 4, dims, &square));
    if (!has_even_padding(&w)) ACN_TRY(pad_spatial(c, square, &w, 0, &square));
    ACN_TRY(pool(c, "AveragePooling", square, &w, true, &sum)); /* the sum over size */
    ACN_TRY(acn_onnx_number(c, acn_onnx_float(c, "alpha", 1e-4), dtype, &number));
    ACN_TRY(acn_onnx_binary(c, "Mul", sum, number, &sum));
    ACN_TRY(acn_onnx_number(c, acn_onnx_float(c, "bias", 1), dtype, &number));
    ACN_TRY(acn_onnx_binary(c, "Add", sum, number, &sum));
    ACN_TRY(acn_onnx_number(c, acn_onnx_float(c, "beta", 0.75), dtype, &number));
    ACN_TRY(acn_onnx_binary(c, "Pow", sum, number, &sum));
    ACN_TRY(acn_onnx_reshape(c, sum, t->rank, t->dims, &sum));
    return acn_onnx_binary(c, "RealDiv", x, sum, &c->out[0]);
}
ACN_ONNX(lrn) = {.type = "LRN", .import = local_response};

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
