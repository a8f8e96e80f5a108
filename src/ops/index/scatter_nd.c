/* scatter_nd.c - ScatterNdUpdate: slices of var at places that the last dimension of indices gives,
 * one index for each of var's first dimensions. */
#include "ops/index/put.h"
#include <string.h>

enum { VAR, INDICES, UPDATES, Y_VIEW = 0, DENSE_VIEW, FIRST_INDEX, VIEWS = 2 + ACN_MAX_DIMS };

typedef struct nd_plan {
    acn_put put;
    acn_tensor views[VIEWS];
    int depth;
    int64_t step_bytes; /* between the indices of one place */
} nd_plan;

static acn_status infer(acn_call *c) {
    const acn_tensor *var = acn_in(c, VAR), *indices = acn_in(c, INDICES);
    const acn_tensor *updates = acn_in(c, UPDATES);
    if (indices->rank < 1) return acn_bad_input(c, INDICES, "expected at least one dimension");
    int64_t depth = indices->dims[indices->rank - 1];
    if (depth < 1 || depth > var->rank)
        return acn_bad_input(c, INDICES, "expected 1 to %d in the last dimension, an index each",
                             var->rank);
    if (updates->dtype != var->dtype)
        return acn_bad_input(c, UPDATES, "expected %s, the type of the input",
                             acn_dtype_name(var->dtype));
    int places = indices->rank - 1;
    bool fits = updates->rank == places + var->rank - (int)depth;
    for (int d = 0; fits && d < updates->rank; d++)
        fits = updates->dims[d] ==
               (d < places ? indices->dims[d] : var->dims[d - places + (int)depth]);
    if (!fits)
        return acn_bad_input(c, UPDATES,
                             "expected the dimensions of the indices but the last, then those of "
                             "the input that are not indexed");
    acn_out_like(c, 0, var->dtype, var);
    return ACN_OK;
}

/* The |k|-th index of each place. */
static acn_tensor part_of(const acn_tensor *indices, int k) {
    acn_tensor part = *indices;
    part.rank--;
    part.data = (char *)indices->data +
                k * indices->strides[part.rank] * (int64_t)acn_dtype_bytes(indices->dtype);
    return part;
}

/* The engine takes index tensors by their number in a call: |inner| is one that has the views. */
static acn_call inner_call(const acn_call *c, acn_tensor *views, int depth) {
    acn_call inner = *c;
    inner.tensors = views;
    inner.tensor_count = VIEWS;
    inner.in_first[INDICES] = FIRST_INDEX;
    inner.in_count[INDICES] = depth;
    inner.in_first[VAR] = Y_VIEW;
    inner.in_first[UPDATES] = DENSE_VIEW;
    return inner;
}

static acn_status plan(acn_call *c) {
    static const int dims[ACN_MAX_DIMS] = {0, 1, 2, 3, 4, 5, 6, 7};
    static const int numbers[ACN_MAX_DIMS] = {2, 3, 4, 5, 6, 7, 8, 9};
    const acn_tensor *indices = acn_in(c, INDICES);
    nd_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    c->plan->data = p;
    p->depth = (int)indices->dims[indices->rank - 1];
    p->views[Y_VIEW] = *acn_out(c, 0);
    p->views[DENSE_VIEW] = *acn_in(c, UPDATES);
    for (int k = 0; k < p->depth; k++)
        p->views[FIRST_INDEX + k] = part_of(indices, k);
    acn_call inner = inner_call(c, p->views, p->depth);
    bool is_empty = acn_tensor_count(&p->views[DENSE_VIEW]) == 0;
    ACN_TRY(acn_put_plan(&p->put, &inner, &p->views[Y_VIEW], acn_in(c, VAR),
                         is_empty ? NULL : &p->views[DENSE_VIEW], p->depth, dims, numbers, 0,
                         indices->rank - 1, false));
    c->plan->workspace_bytes = acn_put_workspace_bytes(&p->put);
    c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_in(c, UPDATES)) / 512 & 0x7fffffff);
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    const nd_plan *p = c->plan->data;
    acn_tensor views[VIEWS];
    memcpy(views, p->views, sizeof views);
    for (int k = 0; k < p->depth; k++)
        views[FIRST_INDEX + k].data = part_of(acn_in(c, INDICES), k).data;
    acn_call inner = inner_call(c, views, p->depth);
    return acn_put_run(&p->put, &inner, acn_out(c, 0)->data, acn_in(c, VAR)->data,
                       acn_in(c, UPDATES)->data, NULL, c->workspace);
}

static acn_status run0(acn_call *c) {
    const acn_tensor *var = acn_in(c, VAR), *y = acn_out(c, 0), *indices = acn_in(c, INDICES);
    const acn_tensor *updates = acn_in(c, UPDATES);
    int places = indices->rank - 1, depth = (int)indices->dims[places];
    if (y->data != var->data) acn_copy_naive(y, var);
    for (int64_t i = 0; i < acn_tensor_count(updates); i++) {
        int64_t at[ACN_MAX_DIMS], to[ACN_MAX_DIMS] = {0};
        acn_index_of(updates, i, at);
        for (int k = 0; k < depth; k++) {
            acn_tensor part = part_of(indices, k);
            acn_bounds bounds = acn_bounds_of(y->dims[k], true);
            ACN_TRY(acn_bounds_at(c, INDICES, 0, bounds, &part, at, &to[k]));
        }
        for (int d = depth; d < y->rank; d++)
            to[d] = at[places + d - depth];
        memcpy(acn_tensor_at_index(y, to), acn_tensor_at(updates, i), acn_dtype_bytes(y->dtype));
    }
    return ACN_OK;
}

ACN_OP(ScatterNdUpdate) = {
    .name = "ScatterNdUpdate",
    .doc = "var with updates at the places that indices name; the last of equal places stays",
    .in = {{"var", ACN_MOVABLE},
           {"indices", ACN_INDEX_TYPES, ACN_UNALIASED},
           {"updates", ACN_MOVABLE, ACN_UNALIASED}},
    .out = {{"var_out", ACN_MOVABLE}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[6,7],i64[4,1]@0..5,[4,7] [6,7],i32[4,2]@-6..5,[4] [5,6,7],i64[2,3,2]@0..4,[2,3,7] "
             "[9],i64[20,1]@0..8,[20] [6,7],i64[0,1],[0,7]",
};
