/* node.c - what the importers of operators share: a node's attributes, constants among its inputs,
 * and short ways to build calls. */
#include "graph/import/importer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int64_t acn_onnx_int(const acn_onnx_call *c, const char *name, int64_t fallback) {
    const acn_onnx_attr *a = acn_onnx_attr_find(c->node, name);
    return a ? a->i : fallback;
}

double acn_onnx_float(const acn_onnx_call *c, const char *name, double fallback) {
    const acn_onnx_attr *a = acn_onnx_attr_find(c->node, name);
    return a ? (double)a->f : fallback;
}

const char *acn_onnx_text(const acn_onnx_call *c, const char *name, const char *fallback) {
    const acn_onnx_attr *a = acn_onnx_attr_find(c->node, name);
    return a ? a->text : fallback;
}

const int64_t *acn_onnx_ints(const acn_onnx_call *c, const char *name, int *out_count) {
    const acn_onnx_attr *a = acn_onnx_attr_find(c->node, name);
    *out_count = a ? a->count : 0;
    return a ? a->ints : NULL;
}

acn_status acn_onnx_bad(const acn_onnx_call *c, const char *format, ...) {
    char what[384];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return acn_fail(ACN_INVALID_ARGUMENT, "node \"%s\" (%s): %s", c->node->name, c->node->type,
                    what);
}

acn_status acn_onnx_await(const acn_onnx_call *c, int input, const char *what) {
    char text[512];
    const acn_net_value *v = c->in[input];
    if (acn_net_is_constant(v)) return ACN_OK;
    snprintf(text, sizeof text,
             "node \"%s\" (%s): input %d (%s) must be %s or follow from the inputs' shapes",
             c->node->name, c->node->type, input, v->name, what);
    return acn_net_await(c->net, v, text);
}

acn_status acn_onnx_constant_ints(const acn_onnx_call *c, int input, int most, int64_t *out,
                                  int *out_count) {
    const acn_net_value *v = input < c->in_count ? c->in[input] : NULL;
    *out_count = 0;
    if (v == NULL) return ACN_OK;
    int64_t count = acn_tensor_count(&v->tensor);
    ACN_TRY(acn_onnx_await(c, input, "a constant"));
    if (count > most) return acn_onnx_bad(c, "input %d has %lld numbers", input, (long long)count);
    for (int64_t i = 0; i < count; i++)
        out[i] = acn_load_value(acn_tensor_at(&v->tensor, i), v->tensor.dtype).i;
    *out_count = (int)count;
    return ACN_OK;
}

acn_status acn_onnx_constant_float(const acn_onnx_call *c, int input, double fallback,
                                   double *out) {
    const acn_net_value *v = input < c->in_count ? c->in[input] : NULL;
    *out = fallback;
    if (v == NULL || acn_tensor_count(&v->tensor) == 0) return ACN_OK;
    ACN_TRY(acn_onnx_await(c, input, "one constant number"));
    if (acn_tensor_count(&v->tensor) != 1)
        return acn_onnx_bad(c, "input %d (%s) must be one number", input, v->name);
    acn_value number = acn_load_value(v->tensor.data, v->tensor.dtype);
    *out = acn_dtype_is_float(v->tensor.dtype) ? number.f : (double)number.i;
    return ACN_OK;
}

acn_status acn_onnx_axis(const acn_onnx_call *c, int64_t axis, int rank, int *out) {
    if (axis < -rank || axis >= rank)
        return acn_onnx_bad(c, "axis %lld does not exist in %d dimensions", (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return ACN_OK;
}

acn_status acn_onnx_axes(const acn_onnx_call *c, int input, int rank, int *out_axes,
                         int *out_count) {
    int64_t numbers[ACN_MAX_DIMS];
    int count;
    const int64_t *axes = acn_onnx_ints(c, "axes", &count);
    if (axes == NULL) {
        ACN_TRY(acn_onnx_constant_ints(c, input, ACN_MAX_DIMS, numbers, &count));
        axes = numbers;
    }
    if (count > ACN_MAX_DIMS) return acn_onnx_bad(c, "there are %d axes", count);
    for (int i = 0; i < count; i++)
        ACN_TRY(acn_onnx_axis(c, axes[i], rank, &out_axes[i]));
    *out_count = count;
    return ACN_OK;
}

void acn_onnx_begin(acn_onnx_call *c, acn_node_builder *b, const char *op) {
    acn_node_begin(b, c->net, op, c->node->name[0] ? c->node->name : c->node->outputs.items[0]);
}

acn_status acn_onnx_unary(acn_onnx_call *c, const char *op, acn_net_value *x, acn_net_value **out) {
    acn_node_builder b;
    acn_onnx_begin(c, &b, op);
    const acn_op *definition = acn_op_find(op);
    if (definition == NULL) return acn_node_end(&b, out);
    acn_node_input(&b, definition->in[0].name, x);
    acn_node_output(&b, definition->out[0].name, x->tensor.dtype, NULL);
    return acn_node_end(&b, out);
}

acn_status acn_onnx_binary(acn_onnx_call *c, const char *op, acn_net_value *a, acn_net_value *x,
                           acn_net_value **out) {
    acn_node_builder b;
    acn_onnx_begin(c, &b, op);
    acn_node_input(&b, "x1", a);
    acn_node_input(&b, "x2", x);
    acn_node_output(&b, "y", a->tensor.dtype, NULL);
    return acn_node_end(&b, out);
}

acn_status acn_onnx_cast(acn_onnx_call *c, acn_net_value *x, acn_dtype to, acn_net_value **out) {
    acn_node_builder b;
    *out = x;
    if (x->tensor.dtype == to) return ACN_OK;
    acn_onnx_begin(c, &b, "Cast");
    acn_node_input(&b, "x", x);
    acn_node_int(&b, "dst_type", to);
    acn_node_output(&b, "y", to, NULL);
    return acn_node_end(&b, out);
}

/* Infinity is no number of integers. */
static int64_t whole(double value) { return fabs(value) < 0x1p63 ? (int64_t)value : 0; }

acn_status acn_onnx_number(acn_onnx_call *c, double value, acn_dtype dtype, acn_net_value **out) {
    void *data = acn_arena_alloc(&c->net->arena, 16);
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a constant");
    acn_store_value(data, dtype, (acn_value){.f = value, .i = whole(value)});
    return acn_net_constant(c->net, c->node->name, dtype, 0, NULL, data, out);
}

acn_status acn_onnx_contiguous(acn_onnx_call *c, acn_net_value *of, acn_net_value **out) {
    return acn_net_contiguous(c->net, c->node->name[0] ? c->node->name : of->name, of, out);
}

acn_status acn_onnx_reshape(acn_onnx_call *c, acn_net_value *of, int rank, const int64_t *dims,
                            acn_net_value **out) {
    return acn_net_reshape(c->net, c->node->outputs.items[0], of, rank, dims, out);
}
