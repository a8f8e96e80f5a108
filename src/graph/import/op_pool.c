/* op_pool.c - pooling, and what is computed by it. */
#include "graph/import/window.h"

#include <math.h>
#include <string.h>

/* ---- windows of the largest and of the mean -------------------------------------------------- */

static void put_window(acn_onnx_call *c, acn_node_builder *b, const acn_onnx_window *w) {
    acn_node_int(b, "spatial", w->count);
    acn_node_ints(b, "ksize", w->kernel, w->count);
    acn_node_ints(b, "strides", w->stride, w->count);
    acn_node_ints(b, "pads", w->pads, 2 * w->count);
    acn_node_ints(b, "dilations", w->dilation, w->count);
    acn_node_int(b, "ceil_mode", acn_onnx_int(c, "ceil_mode", 0));
}

/* MaxPooling says where in its plane an element lies, row by row; ONNX wants its place in the whole
 * tensor, or with |by_columns| the one that it had if the first spatial dimension came last. */
static acn_status place_in_tensor(acn_onnx_call *c, const acn_tensor *x, acn_net_value *place,
                                  bool by_columns, acn_net_value **out) {
    int spatial = x->rank - 2;
    int64_t plane = 1, dims[ACN_MAX_DIMS], step = 1;
    acn_net_value *rest = place, *at, *planes;
    for (int d = 0; d < x->rank; d++) {
        dims[d] = d < 2 ? x->dims[d] : 1;
        plane *= d < 2 ? 1 : x->dims[d];
    }
    if (by_columns) {
        int64_t steps[ACN_MAX_DIMS];
        for (int d = 0; d < spatial; step *= x->dims[2 + d++])
            steps[d] = step;
        place = NULL;
        for (int d = spatial - 1; d >= 0; d--) {
            double size = (double)x->dims[2 + d];
            ACN_TRY(acn_onnx_binary_number(c, "FloorMod", rest, size, &at));
            ACN_TRY(acn_onnx_binary_number(c, "FloorDiv", rest, size, &rest));
            ACN_TRY(acn_onnx_binary_number(c, "Mul", at, (double)steps[d], &at));
            if (place) ACN_TRY(acn_onnx_binary(c, "Add", place, at, &at));
            place = at;
        }
    }
    int64_t count = dims[0] * dims[1];
    int64_t *starts = acn_arena_alloc(&c->net->arena, (size_t)(count + 1) * sizeof *starts);
    if (starts == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a constant");
    for (int64_t i = 0; i < count; i++)
        starts[i] = i * plane;
    ACN_TRY(acn_net_constant(c->net, c->node->name, ACN_I64, x->rank, dims, starts, &planes));
    return acn_onnx_binary(c, "Add", place, planes, out);
}

/* Small integers are pooled as floats, which hold each of them. */
static acn_status max_pool(acn_onnx_call *c) {
    const acn_tensor *given = &c->in[0]->tensor;
    acn_net_value *x = c->in[0], *made[2] = {NULL, NULL};
    acn_node_builder b;
    acn_onnx_window w;
    if (given->dtype == ACN_I8 || given->dtype == ACN_U8) ACN_TRY(acn_onnx_cast(c, x, ACN_F32, &x));
    ACN_TRY(acn_onnx_window_read(c, &w));
    acn_onnx_begin(c, &b, "MaxPooling");
    acn_node_input(&b, "x", x);
    put_window(c, &b, &w);
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    if (c->out_count > 1) acn_node_output(&b, "argmax", ACN_I64, NULL);
    ACN_TRY(acn_node_end(&b, made));
    ACN_TRY(acn_onnx_cast(c, made[0], given->dtype, &c->out[0]));
    if (c->out_count < 2) return ACN_OK;
    return place_in_tensor(c, given, made[1], acn_onnx_int(c, "storage_order", 0), &c->out[1]);
}
ACN_ONNX(max_pool) = {.type = "MaxPool", .import = max_pool};

static acn_status average(acn_onnx_call *c, acn_net_value *x, const acn_onnx_window *w,
                          const char *attr, int64_t value, acn_net_value **out) {
    acn_node_builder b;
    acn_onnx_begin(c, &b, "AveragePooling");
    acn_node_input(&b, "x", x);
    put_window(c, &b, w);
    acn_node_int(&b, attr, value);
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    return acn_node_end(&b, out);
}

static acn_status average_pool(acn_onnx_call *c) {
    acn_onnx_window w;
    ACN_TRY(acn_onnx_window_read(c, &w));
    return average(c, c->in[0], &w, "count_include_pad", acn_onnx_int(c, "count_include_pad", 0),
                   &c->out[0]);
}
ACN_ONNX(average_pool) = {.type = "AveragePool", .import = average_pool};

/* The p-th root of the sum of |x|^p: a mean with a divisor of 1 is the sum. */
static acn_status lp_pool(acn_onnx_call *c) {
    acn_net_value *x = c->in[0];
    acn_onnx_window w;
    double p = (double)acn_onnx_int(c, "p", 2);
    ACN_TRY(acn_onnx_window_read(c, &w));
    ACN_TRY(acn_onnx_unary(c, "Abs", x, &x));
    ACN_TRY(acn_onnx_binary_number(c, "Pow", x, p, &x));
    ACN_TRY(average(c, x, &w, "divisor_override", 1, &x));
    return acn_onnx_binary_number(c, "Pow", x, 1 / p, &c->out[0]);
}
ACN_ONNX(lp_pool) = {.type = "LpPool", .import = lp_pool};

/* ---- whole planes ---------------------------------------------------------------------------- */

static acn_status global_pool(acn_onnx_call *c, const char *op, const char *keep) {
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t axes[ACN_MAX_DIMS];
    acn_node_builder b;
    for (int d = 2; d < x->rank; d++)
        axes[d - 2] = d;
    acn_onnx_begin(c, &b, op);
    acn_node_input(&b, "x", c->in[0]);
    acn_node_ints(&b, "axes", axes, x->rank - 2);
    acn_node_int(&b, keep, 1);
    if (strcmp(op, "LpNormV2") == 0) acn_node_float(&b, "p", (double)acn_onnx_int(c, "p", 2));
    acn_node_output(&b, "y", x->dtype, NULL);
    return acn_node_end(&b, c->out);
}
static acn_status global_average(acn_onnx_call *c) {
    return global_pool(c, "ReduceMean", "keep_dims");
}
static acn_status global_max(acn_onnx_call *c) { return global_pool(c, "ReduceMax", "keep_dims"); }
static acn_status global_lp(acn_onnx_call *c) { return global_pool(c, "LpNormV2", "keepdim"); }
ACN_ONNX(global_average_pool) = {.type = "GlobalAveragePool", .import = global_average};
ACN_ONNX(global_max_pool) = {.type = "GlobalMaxPool", .import = global_max};
ACN_ONNX(global_lp_pool) = {.type = "GlobalLpPool", .import = global_lp};

/* ---- back to where the largest was ----------------------------------------------------------- */

/* Indices count in the shape that the windows give; a larger one that the node asks for only adds
 * zeros behind. */
static acn_status max_unpool(acn_onnx_call *c) {
    acn_net_value *x = c->in[0], *indices, *zeros, *zero;
    const acn_tensor *t = &x->tensor;
    int64_t dims[ACN_MAX_DIMS], wanted[ACN_MAX_DIMS], frame[2 * ACN_MAX_DIMS] = {0};
    int64_t count = acn_tensor_count(t), room = 1;
    int given;
    acn_onnx_window w;
    acn_node_builder b;
    ACN_TRY(acn_onnx_window_read(c, &w));
    ACN_TRY(acn_onnx_constant_ints(c, 2, ACN_MAX_DIMS, wanted, &given));
    if (given && given != t->rank)
        return acn_onnx_bad(c, "output_shape has %d numbers for %d dimensions", given, t->rank);
    for (int d = 0; d < t->rank; d++) {
        dims[d] = d < 2 ? t->dims[d]
                        : (t->dims[d] - 1) * w.stride[d - 2] + w.kernel[d - 2] -
                              w.pads[2 * (d - 2)] - w.pads[2 * (d - 2) + 1];
        if (given) frame[2 * d + 1] = wanted[d] - dims[d];
        room *= dims[d];
    }
    ACN_TRY(acn_onnx_reshape(c, x, 1, &count, &x));
    ACN_TRY(acn_onnx_reshape(c, c->in[1], 1, &count, &indices));
    ACN_TRY(acn_onnx_number(c, 0, t->dtype, &zero));
    ACN_TRY(acn_onnx_spread(c, zero, 1, &room, &zeros));
    acn_onnx_begin(c, &b, "ScatterElements");
    acn_node_input(&b, "data", zeros);
    acn_node_input(&b, "indices", indices);
    acn_node_input(&b, "updates", x);
    acn_node_output(&b, "y", t->dtype, NULL);
    ACN_TRY(acn_node_end(&b, &x));
    ACN_TRY(acn_onnx_reshape(c, x, t->rank, dims, &c->out[0]));
    if (!given) return ACN_OK;
    acn_onnx_begin(c, &b, "PadV3");
    acn_node_input(&b, "x", c->out[0]);
    acn_node_ints(&b, "paddings", frame, 2 * t->rank);
    acn_node_output(&b, "y", t->dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(max_unpool) = {.type = "MaxUnpool", .required = 2, .import = max_unpool};

/* ---- neighbouring channels ------------------------------------------------------------------- */

/* x / (bias + alpha / size * sum of squares over |size| neighbouring channels)^beta. The sum over
 * size is a mean, over [N, 1, C, the rest], in which padding counts. */
static acn_status local_response(acn_onnx_call *c) {
    acn_net_value *x = c->in[0], *sum;
    const acn_tensor *t = &x->tensor;
    int64_t size = acn_onnx_int(c, "size", 1);
    if (t->rank < 2) return acn_onnx_bad(c, "its input has %d dimensions", t->rank);
    int64_t dims[4] = {t->dims[0], 1, t->dims[1], 1};
    for (int d = 2; d < t->rank; d++)
        dims[3] *= t->dims[d];
    acn_onnx_window w = {.count = 2,
                         .kernel = {size, 1},
                         .stride = {1, 1},
                         .dilation = {1, 1},
                         .pads = {(size - 1) / 2, size / 2, 0, 0}};
    ACN_TRY(acn_onnx_binary(c, "Mul", x, x, &sum));
    ACN_TRY(acn_onnx_reshape(c, sum, 4, dims, &sum));
    ACN_TRY(average(c, sum, &w, "count_include_pad", 1, &sum));
    ACN_TRY(acn_onnx_binary_number(c, "Mul", sum, acn_onnx_float(c, "alpha", 1e-4), &sum));
    ACN_TRY(acn_onnx_binary_number(c, "Add", sum, acn_onnx_float(c, "bias", 1), &sum));
    ACN_TRY(acn_onnx_binary_number(c, "Pow", sum, acn_onnx_float(c, "beta", 0.75), &sum));
    ACN_TRY(acn_onnx_reshape(c, sum, t->rank, t->dims, &sum));
    return acn_onnx_binary(c, "RealDiv", x, sum, &c->out[0]);
}
ACN_ONNX(lrn) = {.type = "LRN", .import = local_response};
