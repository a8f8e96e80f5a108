/* op_reduce.c - reductions, places of extremes, running sums. */
#include "graph/import/compose.h"

#include <math.h>
#include <string.h>

/* What is done to the elements, how they are joined, what is done to the result. */
typedef struct reduction {
    const char *before; /* "" nothing; "Square" */
    const char *op;
    const char *after; /* "" nothing */
} reduction;

/* The result of joining no elements, where our operators have none. */
static double of_nothing(const char *op, acn_dtype dtype) {
    bool is_max = strcmp(op, "ReduceMax") == 0;
    switch (dtype) {
    case ACN_BOOL:
        return !is_max;
    case ACN_I8:
        return is_max ? INT8_MIN : INT8_MAX;
    case ACN_U8:
        return is_max ? 0 : UINT8_MAX;
    case ACN_I32:
        return is_max ? INT32_MIN : INT32_MAX;
    default:
        return is_max ? -INFINITY : INFINITY;
    }
}

static acn_net_value *reduced_nothing(acn_formula *f, const reduction *r, acn_net_value *x,
                                      const int64_t *axes, int count, bool keeps_dims) {
    int64_t dims[ACN_MAX_DIMS];
    int rank = 0;
    for (int d = 0; d < x->tensor.rank; d++) {
        bool goes = false;
        for (int i = 0; i < count; i++)
            goes |= axes[i] == d;
        if (!goes || keeps_dims) dims[rank++] = goes ? 1 : x->tensor.dims[d];
    }
    acn_dtype dtype = x->tensor.dtype;
    return acn_f_broadcast(f, acn_f_number(f, of_nothing(r->op, dtype), dtype), rank, dims);
}

/* Squares and roots want room: f16 and bf16 are joined in f32, integers with a root in f64. */
static acn_dtype work_type(const reduction *r, acn_dtype dtype) {
    if (!r->before[0] && !r->after[0]) return dtype;
    if (dtype == ACN_F16 || dtype == ACN_BF16) return ACN_F32;
    return acn_dtype_is_float(dtype) || !r->after[0] ? dtype : ACN_F64;
}

static acn_status reduce(acn_onnx_call *c, const reduction *r) {
    acn_formula f = {c, ACN_OK};
    acn_dtype dtype = c->in[0]->tensor.dtype;
    int axes[ACN_MAX_DIMS], count, rank = c->in[0]->tensor.rank;
    int64_t numbers[ACN_MAX_DIMS], elements = 1;
    bool keeps_dims = acn_onnx_int(c, "keepdims", 1);
    ACN_TRY(acn_onnx_axes(c, 1, rank, axes, &count));
    if (count == 0 && !acn_onnx_int(c, "noop_with_empty_axes", 0))
        for (; count < rank; count++)
            axes[count] = count;
    for (int i = 0; i < count; i++) {
        numbers[i] = axes[i];
        elements *= c->in[0]->tensor.dims[axes[i]];
    }
    acn_net_value *x = acn_f_cast(&f, c->in[0], work_type(r, dtype));
    if (strcmp(r->before, "Square") == 0)
        x = acn_f2(&f, "Mul", x, x);
    else if (r->before[0])
        x = acn_f1(&f, r->before, x);
    bool is_extreme = strcmp(r->op, "ReduceMax") == 0 || strcmp(r->op, "ReduceMin") == 0;
    if (x && is_extreme && elements == 0)
        x = reduced_nothing(&f, r, x, numbers, count, keeps_dims);
    else if (x)
        x = acn_f_reduce(&f, r->op, x, numbers, count, keeps_dims);
    if (r->after[0]) x = acn_f1(&f, r->after, x);
    return acn_f_end(&f, acn_f_cast(&f, x, dtype), c->out);
}

#define REDUCE(id, onnx, before, op, after)                                                        \
    static acn_status id(acn_onnx_call *c) {                                                       \
        return reduce(c, &(const reduction){before, op, after});                                   \
    }                                                                                              \
    ACN_ONNX(id) = {.type = onnx, .import = id}

REDUCE(reduce_sum, "ReduceSum", "", "ReduceSum", "");
REDUCE(reduce_mean, "ReduceMean", "", "ReduceMean", "");
REDUCE(reduce_max, "ReduceMax", "", "ReduceMax", "");
REDUCE(reduce_min, "ReduceMin", "", "ReduceMin", "");
REDUCE(reduce_prod, "ReduceProd", "", "ReduceProd", "");
REDUCE(reduce_l1, "ReduceL1", "Abs", "ReduceSum", "");
REDUCE(reduce_l2, "ReduceL2", "Square", "ReduceSum", "Sqrt");
REDUCE(reduce_log_sum, "ReduceLogSum", "", "ReduceSum", "Log");
REDUCE(reduce_log_sum_exp, "ReduceLogSumExp", "", "ReduceLogSumExp", "");
REDUCE(reduce_sum_square, "ReduceSumSquare", "Square", "ReduceSum", "");

/* The first of equals counts; the last one is the first from the other end. */
static acn_status arg_extreme(acn_onnx_call *c, const char *op) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *x = c->in[0], *place;
    acn_node_builder b;
    int axis;
    bool is_last = acn_onnx_int(c, "select_last_index", 0);
    ACN_TRY(acn_onnx_axis(c, acn_onnx_int(c, "axis", 0), x->tensor.rank, &axis));
    if (is_last) x = acn_f_reverse(&f, x, axis);
    if (f.status != ACN_OK) return f.status;
    acn_onnx_begin(c, &b, op);
    acn_node_input(&b, "x", x);
    acn_node_int(&b, "dimension", axis);
    acn_node_int(&b, "keep_dims", acn_onnx_int(c, "keepdims", 1));
    acn_node_output(&b, "y", ACN_I64, NULL);
    ACN_TRY(acn_node_end(&b, &place));
    if (is_last) {
        acn_net_value *last = acn_f_number(&f, (double)(x->tensor.dims[axis] - 1), ACN_I64);
        place = acn_f2(&f, "Sub", last, place);
    }
    return acn_f_end(&f, place, c->out);
}
static acn_status arg_max(acn_onnx_call *c) { return arg_extreme(c, "ArgMaxV2"); }
static acn_status arg_min(acn_onnx_call *c) { return arg_extreme(c, "ArgMin"); }
ACN_ONNX(arg_max) = {.type = "ArgMax", .import = arg_max};
ACN_ONNX(arg_min) = {.type = "ArgMin", .import = arg_min};

/* Without the element itself, what comes so far is that of the elements moved by one, after the
 * |neutral| one. */
static acn_status running(acn_onnx_call *c, const char *op, double neutral) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *x = c->in[0];
    int64_t number = 0;
    int axis, count;
    acn_node_builder b;
    bool is_reverse = acn_onnx_int(c, "reverse", 0);
    ACN_TRY(acn_onnx_constant_ints(c, 1, 1, &number, &count));
    ACN_TRY(acn_onnx_axis(c, number, x->tensor.rank, &axis));
    if (is_reverse) x = acn_f_reverse(&f, x, axis);
    if (x && acn_onnx_int(c, "exclusive", 0) && x->tensor.dims[axis] > 0) {
        int64_t dims[ACN_MAX_DIMS], length = x->tensor.dims[axis];
        memcpy(dims, x->tensor.dims, sizeof dims);
        dims[axis] = 1;
        acn_net_value *first = acn_f_number(&f, neutral, x->tensor.dtype);
        acn_net_value *parts[] = {acn_f_broadcast(&f, first, x->tensor.rank, dims),
                                  acn_f_part(&f, x, axis, 0, length - 1)};
        x = acn_f_concat(&f, parts, 2, axis);
    }
    if (f.status != ACN_OK) return f.status;
    acn_onnx_begin(c, &b, op);
    acn_node_input(&b, "x", x);
    acn_node_int(&b, "axis", axis);
    acn_node_int(&b, "dtype", x->tensor.dtype);
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    ACN_TRY(acn_node_end(&b, &x));
    if (is_reverse) x = acn_f_reverse(&f, x, axis);
    return acn_f_end(&f, x, c->out);
}
static acn_status running_sum(acn_onnx_call *c) { return running(c, "Cumsum", 0); }
static acn_status running_product(acn_onnx_call *c) { return running(c, "Cumprod", 1); }
ACN_ONNX(cum_sum) = {.type = "CumSum", .required = 2, .import = running_sum};
ACN_ONNX(cum_prod) = {.type = "CumProd", .required = 2, .import = running_product};
