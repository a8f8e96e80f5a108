/* flatten.c - Flatten: the elements in their order as a matrix, whose rows are the dimensions
 * before an axis. Networks have views for that; a client that runs operator by operator has not. */
#include "ops/layout/copy.h"
#include <string.h>

/* Where the columns' dimensions begin. */
static acn_status read_axis(const acn_call *c, int *out) {
    int64_t axis = acn_attr_int(c, 0), rank = acn_in(c, 0)->rank;
    if (axis < -rank || axis > rank)
        return acn_bad_attr(c, 0, "is %lld; expected %lld to %lld", (long long)axis,
                            (long long)-rank, (long long)rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t dims[2] = {1, 1};
    int axis;
    ACN_TRY(read_axis(c, &axis));
    for (int d = 0; d < x->rank; d++)
        dims[d >= axis] *= x->dims[d];
    acn_out_is(c, 0, x->dtype, 2, dims);
    return ACN_OK;
}

/* Whatever its strides, the matrix has a view with x's dimensions. */
static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    acn_tensor view;
    int axis;
    ACN_TRY(read_axis(c, &axis));
    acn_tensor_init(&view, y->data, y->dtype, x->rank, x->dims);
    int64_t stride[2] = {y->strides[0], y->strides[1]};
    for (int d = x->rank - 1; d >= 0; d--) {
        view.strides[d] = stride[d >= axis];
        stride[d >= axis] *= x->dims[d];
    }
    if (!acn_moves_alloc(c, 1)) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    return acn_moves_add(c, c->out_first[0], &view, c->in_first[0], x);
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    for (int64_t i = 0; i < acn_tensor_count(x); i++) {
        int64_t from[ACN_MAX_DIMS], to[ACN_MAX_DIMS];
        acn_index_of(x, i, from);
        acn_index_of(y, i, to);
        memcpy(acn_tensor_at_index(y, to), acn_tensor_at_index(x, from), acn_dtype_bytes(x->dtype));
    }
    return ACN_OK;
}

ACN_OP(flatten) = {
    .name = "Flatten",
    .doc = "y = x as a matrix: dimensions before axis, and the others",
    .in = {{"x", ACN_MOVABLE}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{.name = "axis", .kind = ACN_ATTR_INT, .fallback = 1}},
    .infer = infer,
    .plan = plan,
    .run = acn_moves_run,
    .run0 = run0,
    .cases = "[2,3,4] [2,3,4]|axis=0 [2,3,4]|axis=3 [2,3,4,5]|axis=-1 [5] []|axis=0 [0,4] "
             "[70,33]:strided",
};
