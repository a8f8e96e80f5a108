/* channel_shuffle.c - ShuffleChannel: channels, seen as groups times members, are transposed. */
#include "ops/layout/copy.h"

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t groups = acn_attr_int(c, 0);
    if (x->rank < 3 || x->rank >= ACN_MAX_DIMS)
        return acn_bad_input(c, 0, "expected 3 to %d dimensions", ACN_MAX_DIMS - 1);
    if (groups < 1 || x->dims[1] % groups != 0)
        return acn_bad_attr(c, 0, "is %lld; expected a divisor of %lld channels", (long long)groups,
                            (long long)x->dims[1]);
    acn_out_like(c, 0, x->dtype, x);
    return ACN_OK;
}

/* |t| with its channels as two dimensions. */
static acn_tensor split(const acn_tensor *t, int64_t outer) {
    acn_tensor s = *t;
    int64_t inner = t->dims[1] / outer;
    for (int d = t->rank; d > 1; d--) {
        s.dims[d] = t->dims[d - 1];
        s.strides[d] = t->strides[d - 1];
    }
    s.rank = t->rank + 1;
    s.dims[1] = outer;
    s.dims[2] = inner;
    s.strides[1] = inner * t->strides[1];
    s.strides[2] = t->strides[1];
    return s;
}

static acn_status plan(acn_call *c) {
    acn_copy *copy = acn_plan_alloc(c, sizeof *copy);
    if (!copy) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    int64_t groups = acn_attr_int(c, 0);
    acn_tensor from = split(acn_in(c, 0), groups);
    acn_tensor to = split(acn_out(c, 0), acn_in(c, 0)->dims[1] / groups);
    int64_t dim = from.dims[1], stride = from.strides[1];
    from.dims[1] = from.dims[2];
    from.strides[1] = from.strides[2];
    from.dims[2] = dim;
    from.strides[2] = stride;
    ACN_TRY(acn_copy_plan(copy, &to, &from));
    c->plan->cost_us = acn_copy_cost_us(copy);
    c->plan->data = copy;
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    acn_copy_run(c->plan->data, acn_out(c, 0)->data, acn_in(c, 0)->data);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int64_t groups = acn_attr_int(c, 0), members = x->dims[1] / groups, index[ACN_MAX_DIMS];
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        acn_index_of(y, i, index);
        char *to = acn_tensor_at_index(y, index);
        index[1] = index[1] % groups * members + index[1] / groups;
        acn_convert_element(to, y->dtype, acn_tensor_at_index(x, index), x->dtype);
    }
    return ACN_OK;
}

ACN_OP(ShuffleChannel) = {
    .name = "ShuffleChannel",
    .doc = "Channels, seen as groups times members, transposed",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"group", ACN_ATTR_INT, .fallback = 1}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[2,6,3,4]|group=3 f32[1,8,5]|group=2",
};
