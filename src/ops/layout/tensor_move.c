/* tensor_move.c - copies and casts: TensorMove (PyTorch's copy_: broadcasts and converts), Cast,
 * BroadcastTo. */
#include "ops/layout/copy.h"

static bool broadcasts_to(const acn_tensor *x, int rank, const int64_t *dims) {
    if (x->rank > rank) return false;
    for (int d = 0; d < x->rank; d++) {
        int64_t dim = dims[d + rank - x->rank];
        if (x->dims[d] != dim && x->dims[d] != 1) return false;
    }
    return true;
}

static acn_status infer_move(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    if (y == NULL) {
        acn_out_like(c, 0, x->dtype, x);
        return ACN_OK;
    }
    char text[128];
    if (!broadcasts_to(x, y->rank, y->dims))
        return acn_bad_input(c, 0, "expected a shape that broadcasts to the destination's %s",
                             acn_tensor_describe(y, text, sizeof text));
    acn_out_like(c, 0, y->dtype, y);
    return ACN_OK;
}

static acn_status infer_cast(acn_call *c) {
    acn_out_like(c, 0, (acn_dtype)acn_attr_int(c, 0), acn_in(c, 0));
    return ACN_OK;
}

static acn_status infer_broadcast(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t rank, dims[ACN_MAX_DIMS];
    const int64_t *shape = acn_attr_ints(c, 0, &rank);
    if (rank > ACN_MAX_DIMS || rank < x->rank)
        return acn_bad_attr(c, 0, "expected %d to %d sizes", x->rank, ACN_MAX_DIMS);
    for (int64_t d = 0; d < rank; d++) {
        int64_t own = d - (rank - x->rank);
        dims[d] = shape[d] == -1 && own >= 0 ? x->dims[own] : shape[d];
        if (dims[d] < 0) return acn_bad_attr(c, 0, "expected sizes of at least 0");
    }
    if (!broadcasts_to(x, (int)rank, dims))
        return acn_bad_input(c, 0, "expected a shape that broadcasts to the given sizes");
    acn_out_is(c, 0, x->dtype, (int)rank, dims);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    if (!acn_moves_alloc(c, 1)) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    return acn_moves_add(c, c->out_first[0], acn_out(c, 0), c->in_first[0], acn_in(c, 0));
}

static acn_status run0(acn_call *c) {
    acn_copy_naive(acn_out(c, 0), acn_in(c, 0));
    return ACN_OK;
}

ACN_OP(TensorMove) = {
    .name = "TensorMove",
    .doc = "y = x, broadcast to y's shape and converted to y's dtype",
    .in = {{"x", ACN_MOVABLE | ACN_FLOATS8}},
    .out = {{"y", ACN_MOVABLE | ACN_FLOATS8}},
    .infer = infer_move,
    .plan = plan,
    .run = acn_moves_run,
    .run0 = run0,
    .cases = "[2,3] [] [0,4] [129,65] [5,7]:strided f64[700]->c128[700] f32[5]->c128[5] "
             "i64[5]->c128[5] bool[5]->c128[5] c64[700]->c128[700] c128[700]->c64[700] "
             "c128[700]->f64[700] c128[5]->i32[5] c128[5]->f16[5]",
};

ACN_OP(Cast) = {
    .name = "Cast",
    .doc = "y = x converted to dst_type",
    .in = {{"x", ACN_ALL | ACN_UNSIGNED | ACN_FLOATS8}},
    .out = {{"y", ACN_ALL | ACN_UNSIGNED | ACN_FLOATS8}},
    .attr = {{"dst_type", ACN_ATTR_DTYPE, .is_required = true}},
    .infer = infer_cast,
    .plan = plan,
    .run = acn_moves_run,
    .run0 = run0,
    .cases = "[2,3]|dst_type=f16 [700]|dst_type=bf16 [5]|dst_type=i32 [9]|dst_type=f32 "
             "[3,5]|dst_type=bool [700]|dst_type=e5m2 [700]|dst_type=e4m3",
};

ACN_OP(BroadcastTo) = {
    .name = "BroadcastTo",
    .doc = "y = x repeated to the given shape; -1 keeps a size",
    .in = {{"x", ACN_MOVABLE}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"shape", ACN_ATTR_INTS, .is_required = true}},
    .infer = infer_broadcast,
    .plan = plan,
    .run = acn_moves_run,
    .run0 = run0,
    .cases = "[3,1]|shape=[2,3,4] []|shape=[5] [1,4]|shape=[0,4]",
};
