/* one_hot.c - OneHot: on_value at the class that x names, off_value at the others, in a new
 * dimension. A class that there is not leaves all of them off. */
#include "ops/layout/copy.h"

enum { X, ON, OFF, DEPTH = 0, AXIS };

static acn_status axis_of(const acn_call *c, int *axis) {
    int64_t wanted = acn_attr_int(c, AXIS);
    int rank = acn_in(c, X)->rank + 1;
    return acn_wrap_dim(c, AXIS, wanted, rank, axis);
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    int axis;
    int64_t depth = acn_attr_int(c, DEPTH), dims[ACN_MAX_DIMS];
    if (x->rank == ACN_MAX_DIMS)
        return acn_bad_input(c, X, "expected at most %d dimensions", ACN_MAX_DIMS - 1);
    if (depth < 0) return acn_bad_attr(c, DEPTH, "expected at least 0 classes");
    ACN_TRY(axis_of(c, &axis));
    for (int s = ON; s <= OFF; s++)
        if (acn_tensor_count(acn_in(c, s)) != 1) return acn_bad_input(c, s, "expected one element");
    for (int d = 0; d <= x->rank; d++)
        dims[d] = d == axis ? depth : x->dims[d < axis ? d : d - 1];
    acn_out_is(c, 0, acn_in(c, ON)->dtype, x->rank + 1, dims);
    return ACN_OK;
}

typedef struct hot_plan {
    acn_copy off;  /* broadcast over y */
    acn_walk walk; /* operand 0: y without the new dimension, 1: x */
    int64_t depth, step, bytes, count;
} hot_plan;

static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    hot_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    c->plan->data = p;
    int axis;
    ACN_TRY(axis_of(c, &axis));
    acn_tensor off = *acn_in(c, OFF);
    off.rank = 0;
    ACN_TRY(acn_copy_plan(&p->off, y, &off));
    p->bytes = (int64_t)acn_dtype_bytes(y->dtype);
    p->depth = y->dims[axis];
    p->step = y->strides[axis] * p->bytes;
    p->count = acn_tensor_count(x);
    acn_walk_init(&p->walk, 2, 0, NULL);
    for (int d = 0; d < x->rank; d++)
        acn_walk_push(&p->walk, x->dims[d],
                      (int64_t[]){y->strides[d < axis ? d : d + 1] * p->bytes,
                                  x->strides[d] * (int64_t)acn_dtype_bytes(x->dtype)});
    acn_walk_merge(&p->walk);
    c->plan->cost_us = (uint32_t)(acn_tensor_count(y) / 4096 & 0x7fffffff);
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    const hot_plan *p = c->plan->data;
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    const void *on = acn_in(c, ON)->data;
    acn_copy_run(&p->off, y->data, acn_in(c, OFF)->data);
    acn_walk_at at = {0};
    for (int64_t i = 0; i < p->count; i++, acn_walk_next(&p->walk, p->walk.rank, &at)) {
        int64_t class = acn_load_value((const char *)x->data + at.offset[1], x->dtype).i;
        if (class < 0 || class >= p->depth) continue;
        char *to = (char *)y->data + at.offset[0] + class * p->step;
        ACN_BY_BYTES(p->bytes, T, *(T *)to = *(const T *)on);
    }
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    int axis;
    ACN_TRY(axis_of(c, &axis));
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t index[ACN_MAX_DIMS] = {0}, of[ACN_MAX_DIMS] = {0};
        acn_index_of(y, i, index);
        for (int d = 0; d < x->rank; d++)
            of[d] = index[d < axis ? d : d + 1];
        int64_t class = acn_load_value(acn_tensor_at_index(x, of), x->dtype).i;
        const acn_tensor *value = acn_in(c, class == index[axis] ? ON : OFF);
        acn_convert_element(acn_tensor_at(y, i), y->dtype, value->data, value->dtype);
    }
    return ACN_OK;
}

ACN_OP(OneHot) = {
    .name = "OneHot",
    .doc = "y = on_value at the class that x names along a new dimension, off_value elsewhere",
    .in = {{"x", ACN_INTS, ACN_UNALIASED},
           {"on_value", ACN_ALL, ACN_UNALIASED},
           {"off_value", ACN_ALL, ACN_UNALIASED}},
    .out = {{"y", ACN_ALL}},
    .attr = {{"depth", ACN_ATTR_INT, .is_required = true}, {"axis", ACN_ATTR_INT, .fallback = -1}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "i64[4]@0..5,i64[1],i64[1]|depth=6 i32[3,4]@-1..7,f32[1],f32[1]|depth=6,axis=0 "
             "u8[2,3,4]@0..4,f16[],f16[]|depth=5,axis=1 i64[]@0..2,bool[1],bool[1]|depth=3 "
             "i64[0],i64[1],i64[1]|depth=3",
};
