/* op_pool.c - pooling, and what is computed by it. */
#include "graph/import/compose.h"
#include "graph/import/window.h"

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

/* Places in a plane, by rows, as they would be if the first spatial dimension came last. */
static acn_net_value *by_columns(acn_formula *f, const acn_tensor *x, acn_net_value *place) {
    int64_t steps[ACN_MAX_DIMS], step = 1;
    acn_net_value *total = NULL;
    for (int d = 2; d < x->rank; step *= x->dims[d++])
        steps[d] = step;
    for (int d = x->rank - 1; d >= 2; d--) {
        double size = (double)x->dims[d];
        acn_net_value *at = acn_f_with(f, "FloorMod", place, size);
        at = acn_f_with(f, "Mul", at, (double)steps[d]);
        place = acn_f_with(f, "FloorDiv", place, size);
        total = total ? acn_f2(f, "Add", total, at) : at;
    }
    return total;
}

/* MaxPooling says where in its plane an element lies; ONNX wants its place in the whole tensor. */
static acn_status place_in_tensor(acn_onnx_call *c, const acn_tensor *x, acn_net_value *place,
                                  acn_net_value **out) {
    acn_formula f = {.c = c};
    int64_t plane = 1, dims[ACN_MAX_DIMS];
    for (int d = 0; d < x->rank; d++) {
        dims[d] = d < 2 ? x->dims[d] : 1;
        plane *= d < 2 ? 1 : x->dims[d];
    }
    if (acn_onnx_int(c, "storage_order", 0)) place = by_columns(&f, x, place);
    acn_net_value *planes = acn_f_count_up(&f, dims[0] * dims[1]);
    planes = acn_f_with(&f, "Mul", planes, (double)plane);
    planes = acn_f_reshape(&f, planes, x->rank, dims);
    return acn_f_end(&f, acn_f2(&f, "Add", place, planes), out);
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
    return place_in_tensor(c, given, made[1], &c->out[1]);
}
ACN_ONNX(max_pool) = {.type = "MaxPool", .import = max_pool};

static acn_net_value *average(acn_formula *f, acn_net_value *x, const acn_onnx_window *w,
                              const char *attr, int64_t value) {
    acn_net_value *y = NULL;
    acn_node_builder b;
    if (f->status != ACN_OK) return NULL;
    acn_onnx_begin(f->c, &b, "AveragePooling");
    acn_node_input(&b, "x", x);
    put_window(f->c, &b, w);
    acn_node_int(&b, attr, value);
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    f->status = acn_node_end(&b, &y);
    return y;
}

static acn_status average_pool(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_onnx_window w;
    ACN_TRY(acn_onnx_window_read(c, &w));
    acn_net_value *y =
        average(&f, c->in[0], &w, "count_include_pad", acn_onnx_int(c, "count_include_pad", 0));
    return acn_f_end(&f, y, &c->out[0]);
}
ACN_ONNX(average_pool) = {.type = "AveragePool", .import = average_pool};

/* The p-th root of the sum of |x|^p: a mean with a divisor of 1 is the sum. */
static acn_status lp_pool(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_onnx_window w;
    double p = (double)acn_onnx_int(c, "p", 2);
    ACN_TRY(acn_onnx_window_read(c, &w));
    acn_net_value *x = acn_f_with(&f, "Pow", acn_f1(&f, "Abs", c->in[0]), p);
    acn_net_value *sum = average(&f, x, &w, "divisor_override", 1);
    return acn_f_end(&f, acn_f_with(&f, "Pow", sum, 1 / p), &c->out[0]);
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
    const acn_tensor *t = &c->in[0]->tensor;
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
    acn_formula f = {.c = c};
    acn_net_value *zeros = acn_f_broadcast(&f, acn_f_number(&f, 0, t->dtype), 1, &room);
    acn_net_value *places = acn_f_reshape(&f, c->in[1], 1, &count);
    acn_net_value *y =
        acn_f3(&f, "ScatterElements", zeros, places, acn_f_reshape(&f, c->in[0], 1, &count));
    ACN_TRY(acn_f_end(&f, acn_f_reshape(&f, y, t->rank, dims), &c->out[0]));
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
    acn_formula f = {.c = c};
    acn_net_value *x = c->in[0];
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
    acn_net_value *squares = acn_f_reshape(&f, acn_f2(&f, "Mul", x, x), 4, dims);
    acn_net_value *sum = average(&f, squares, &w, "count_include_pad", 1);
    sum = acn_f_with(&f, "Mul", sum, acn_onnx_float(c, "alpha", 1e-4));
    sum = acn_f_with(&f, "Add", sum, acn_onnx_float(c, "bias", 1));
    sum = acn_f_with(&f, "Pow", sum, acn_onnx_float(c, "beta", 0.75));
    sum = acn_f_reshape(&f, sum, t->rank, t->dims);
    return acn_f_end(&f, acn_f2(&f, "RealDiv", x, sum), &c->out[0]);
}
ACN_ONNX(lrn) = {.type = "LRN", .import = local_response};
