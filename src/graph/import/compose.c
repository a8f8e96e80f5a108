/* compose.c - see compose.h. */
#include "graph/import/compose.h"

#include <string.h>

acn_status acn_f_end(const acn_formula *f, acn_net_value *y, acn_net_value **out) {
    if (f->status == ACN_OK) *out = y;
    return f->status;
}

/* Begins |op| with its first inputs; false when something failed before. */
static bool begin(acn_formula *f, acn_node_builder *b, const char *op, acn_net_value **in,
                  int count) {
    if (f->status != ACN_OK) return false;
    acn_onnx_begin(f->c, b, op);
    for (int i = 0; i < count && b->status == ACN_OK; i++)
        acn_node_input(b, b->node->call.op->in[i].name, in[i]);
    return true;
}

/* Ends a node with one output, the operator's first. */
static acn_net_value *finish(acn_formula *f, acn_node_builder *b, acn_dtype dtype) {
    acn_net_value *y = NULL;
    if (b->status == ACN_OK) acn_node_output(b, b->node->call.op->out[0].name, dtype, NULL);
    f->status = acn_node_end(b, &y);
    return f->status == ACN_OK ? y : NULL;
}

acn_net_value *acn_f3(acn_formula *f, const char *op, acn_net_value *a, acn_net_value *b,
                      acn_net_value *d) {
    acn_node_builder n;
    acn_net_value *in[] = {a, b, d};
    return begin(f, &n, op, in, d ? 3 : b ? 2 : 1) ? finish(f, &n, a->tensor.dtype) : NULL;
}

acn_net_value *acn_f2(acn_formula *f, const char *op, acn_net_value *a, acn_net_value *b) {
    return acn_f3(f, op, a, b, NULL);
}

acn_net_value *acn_f1(acn_formula *f, const char *op, acn_net_value *x) {
    return acn_f3(f, op, x, NULL, NULL);
}

acn_net_value *acn_f1_int(acn_formula *f, const char *op, acn_net_value *x, const char *attr,
                          int64_t value) {
    acn_node_builder n;
    if (!begin(f, &n, op, &x, 1)) return NULL;
    acn_node_int(&n, attr, value);
    return finish(f, &n, x->tensor.dtype);
}

acn_net_value *acn_f1_float(acn_formula *f, const char *op, acn_net_value *x, const char *attr,
                            double value) {
    acn_node_builder n;
    if (!begin(f, &n, op, &x, 1)) return NULL;
    acn_node_float(&n, attr, value);
    return finish(f, &n, x->tensor.dtype);
}

acn_net_value *acn_f_truth(acn_formula *f, const char *op, acn_net_value *a, acn_net_value *b) {
    acn_node_builder n;
    acn_net_value *in[] = {a, b};
    return begin(f, &n, op, in, b ? 2 : 1) ? finish(f, &n, ACN_BOOL) : NULL;
}

acn_net_value *acn_f_select(acn_formula *f, acn_net_value *condition, acn_net_value *a,
                            acn_net_value *b) {
    acn_node_builder n;
    acn_net_value *in[] = {condition, a, b};
    return begin(f, &n, "SelectV2", in, 3) ? finish(f, &n, a->tensor.dtype) : NULL;
}

acn_net_value *acn_f_cast(acn_formula *f, acn_net_value *x, acn_dtype to) {
    acn_net_value *y = NULL;
    if (f->status == ACN_OK) f->status = acn_onnx_cast(f->c, x, to, &y);
    return y;
}

acn_net_value *acn_f_number(acn_formula *f, double value, acn_dtype dtype) {
    acn_net_value *y = NULL;
    if (f->status == ACN_OK) f->status = acn_onnx_number(f->c, value, dtype, &y);
    return y;
}

acn_net_value *acn_f_with(acn_formula *f, const char *op, acn_net_value *x, double number) {
    if (f->status != ACN_OK) return NULL;
    return acn_f2(f, op, x, acn_f_number(f, number, x->tensor.dtype));
}

acn_net_value *acn_f_ints(acn_formula *f, const int64_t *numbers, int64_t count) {
    acn_net_value *y = NULL;
    if (f->status == ACN_OK)
        f->status = acn_net_constant_ints(f->c->net, f->c->node->name, count, numbers, &y);
    return y;
}

acn_net_value *acn_f_count_up(acn_formula *f, int64_t n) {
    acn_net_value *y = NULL;
    if (f->status != ACN_OK) return NULL;
    int64_t *numbers = acn_arena_alloc(&f->c->net->arena, (size_t)(n + 1) * sizeof *numbers);
    if (numbers == NULL) {
        f->status = acn_fail(ACN_BAD_ALLOC, "no host memory for %lld numbers", (long long)n);
        return NULL;
    }
    for (int64_t i = 0; i < n; i++)
        numbers[i] = i;
    f->status = acn_net_constant(f->c->net, f->c->node->name, ACN_I64, 1, &n, numbers, &y);
    return y;
}

acn_net_value *acn_f_reduce(acn_formula *f, const char *op, acn_net_value *x, const int64_t *axes,
                            int count, bool keeps_dims) {
    acn_node_builder n;
    if (count == 0) return x;
    if (!begin(f, &n, op, &x, 1)) return NULL;
    acn_node_ints(&n, "axes", axes, count);
    acn_node_int(&n, "keep_dims", keeps_dims);
    return finish(f, &n, x->tensor.dtype);
}

acn_net_value *acn_f_gather(acn_formula *f, acn_net_value *x, int axis, acn_net_value *indices) {
    acn_node_builder n;
    acn_net_value *in[] = {x, indices};
    if (!begin(f, &n, "GatherV2", in, 2)) return NULL;
    acn_node_int(&n, "axis", axis);
    return finish(f, &n, x->tensor.dtype);
}

acn_net_value *acn_f_concat(acn_formula *f, acn_net_value **values, int count, int axis) {
    acn_node_builder n;
    if (!begin(f, &n, "ConcatD", NULL, 0)) return NULL;
    acn_node_inputs(&n, "x", values, count);
    acn_node_int(&n, "concat_dim", axis);
    return finish(f, &n, values[0]->tensor.dtype);
}

acn_net_value *acn_f_reverse(acn_formula *f, acn_net_value *x, int axis) {
    acn_node_builder n;
    if (!begin(f, &n, "ReverseV2", &x, 1)) return NULL;
    acn_node_ints(&n, "axis", &(int64_t){axis}, 1);
    return finish(f, &n, x->tensor.dtype);
}

void acn_f_want_constant(acn_formula *f, int input) {
    if (f->status == ACN_OK) f->status = acn_onnx_await(f->c, input, "a constant");
}

/* ---- views ----------------------------------------------------------------------------------- */

acn_net_value *acn_f_view(acn_formula *f, acn_net_value *x, const acn_tensor *shape) {
    acn_net_value *y = NULL;
    if (f->status == ACN_OK)
        f->status = acn_net_view(f->c->net, f->c->node->outputs.items[0], x, shape, &y);
    return y;
}

acn_net_value *acn_f_reshape(acn_formula *f, acn_net_value *x, int rank, const int64_t *dims) {
    acn_net_value *y = NULL;
    if (f->status == ACN_OK) f->status = acn_onnx_reshape(f->c, x, rank, dims, &y);
    return y;
}

acn_net_value *acn_f_permute(acn_formula *f, acn_net_value *x, const int *perm) {
    if (f->status != ACN_OK) return NULL;
    acn_tensor shape = x->tensor;
    shape.data = NULL;
    for (int d = 0; d < shape.rank; d++) {
        shape.dims[d] = x->tensor.dims[perm[d]];
        shape.strides[d] = x->tensor.strides[perm[d]];
    }
    return acn_f_view(f, x, &shape);
}

acn_net_value *acn_f_broadcast(acn_formula *f, acn_net_value *x, int rank, const int64_t *dims) {
    if (f->status != ACN_OK) return NULL;
    acn_tensor shape = x->tensor;
    int64_t to[ACN_MAX_DIMS];
    int to_rank = rank;
    memcpy(to, dims, (size_t)rank * sizeof *dims);
    if (!acn_shape_broadcast(&to_rank, to, x->tensor.rank, x->tensor.dims)) {
        f->status = acn_onnx_bad(f->c, "its input does not broadcast to the shape");
        return NULL;
    }
    shape.data = NULL;
    shape.rank = to_rank;
    for (int d = to_rank - 1, from = x->tensor.rank - 1; d >= 0; d--, from--) {
        bool repeats = from < 0 || (x->tensor.dims[from] == 1 && to[d] != 1);
        shape.strides[d] = repeats ? 0 : x->tensor.strides[from];
        shape.dims[d] = to[d];
    }
    return acn_f_view(f, x, &shape);
}

acn_net_value *acn_f_part(acn_formula *f, acn_net_value *x, int axis, int64_t begin_at,
                          int64_t count) {
    if (f->status != ACN_OK) return NULL;
    acn_tensor shape = x->tensor;
    int64_t bytes = begin_at * shape.strides[axis] * (int64_t)acn_dtype_bytes(shape.dtype);
    shape.data = count ? (void *)(intptr_t)bytes : NULL;
    shape.dims[axis] = count;
    return acn_f_view(f, x, &shape);
}

acn_net_value *acn_f_unsqueeze(acn_formula *f, acn_net_value *x, int axis) {
    if (f->status != ACN_OK) return NULL;
    acn_tensor shape = x->tensor;
    if (shape.rank == ACN_MAX_DIMS) {
        f->status = acn_onnx_bad(f->c, "it needs more than %d dimensions", ACN_MAX_DIMS);
        return NULL;
    }
    shape.data = NULL;
    shape.rank++;
    for (int d = shape.rank - 1; d >= axis; d--) {
        shape.dims[d] = d == axis ? 1 : x->tensor.dims[d - 1];
        shape.strides[d] = d == axis ? 1 : x->tensor.strides[d - 1];
    }
    return acn_f_view(f, x, &shape);
}
