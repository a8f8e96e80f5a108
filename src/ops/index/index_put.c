/* index_put.c - IndexPutV2: the inverse of Index, x[indices] = value or += value. */
#include "ops/index/index.h"
#include "ops/index/put.h"
#include <string.h>

enum { X, VALUE, INDICES, MASK = 1 };

static acn_status read_list(const acn_call *c, acn_index_list *list) {
    const acn_tensor *x = acn_in(c, X), *value = acn_in(c, VALUE);
    ACN_TRY(acn_index_list_read(c, X, INDICES, MASK, list));
    if (value->dtype != x->dtype)
        return acn_bad_input(c, VALUE, "expected the indexed tensor's type, %s",
                             acn_dtype_name(x->dtype));
    int rank = list->result_rank;
    int64_t dims[ACN_MAX_DIMS];
    memcpy(dims, list->result, sizeof dims);
    bool fits = acn_shape_broadcast(&rank, dims, value->rank, value->dims) &&
                rank == list->result_rank &&
                memcmp(dims, list->result, sizeof(int64_t) * (size_t)rank) == 0;
    if (!fits && !list->is_ambiguous)
        return acn_bad_input(c, VALUE,
                             "expected a shape that broadcasts to that of the indexed "
                             "elements");
    list->is_ambiguous = !fits;
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    acn_index_list list;
    ACN_TRY(read_list(c, &list));
    acn_out_like(c, 0, acn_in(c, X)->dtype, acn_in(c, X));
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    acn_index_list list;
    ACN_TRY(read_list(c, &list));
    acn_put *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    c->plan->data = p;
    acn_tensor dense = {0};
    if (!list.is_ambiguous)
        dense = acn_tensor_broadcast(acn_in(c, VALUE), list.result_rank, list.result);
    ACN_TRY(acn_put_plan(p, c, acn_out(c, 0), acn_in(c, X), list.is_ambiguous ? NULL : &dense,
                         list.count, list.dims, list.tensors, list.first, list.rank,
                         acn_attr_int(c, 0)));
    c->plan->workspace_bytes = acn_put_workspace_bytes(p);
    c->plan->cost_us = (uint32_t)(acn_tensor_count(&dense) / 256);
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    return acn_put_run(c->plan->data, c, acn_out(c, 0)->data, acn_in(c, X)->data,
                       acn_in(c, VALUE)->data, NULL, c->workspace);
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    acn_index_list list;
    ACN_TRY(read_list(c, &list));
    if (y->data != x->data) acn_copy_naive(y, x);
    if (list.is_ambiguous) return ACN_OK;
    acn_tensor value = acn_tensor_broadcast(acn_in(c, VALUE), list.result_rank, list.result);
    int64_t n = acn_tensor_count(&value), index[ACN_MAX_DIMS], to[ACN_MAX_DIMS];
    for (int64_t i = 0; i < n; i++) {
        acn_index_of(&value, i, index);
        for (int d = 0, next = 0, out = 0; d < x->rank; d++) {
            if (next < list.count && list.dims[next] == d) {
                ACN_TRY(acn_index_list_at(c, INDICES, &list, next++, x->dims[d], index + list.first,
                                          &to[d]));
                continue;
            }
            if (out == list.first) out += list.rank;
            to[d] = index[out++];
        }
        char *place = acn_tensor_at_index(y, to);
        acn_value b = acn_load_value(acn_tensor_at_index(&value, index), value.dtype);
        acn_value a = acn_load_value(place, y->dtype);
        if (!acn_attr_int(c, 0)) a = (acn_value){0};
        int64_t sum = (int64_t)((uint64_t)a.i + (uint64_t)b.i);
        acn_store_value(place, y->dtype,
                        (acn_value){.f = a.f + b.f,
                                    .im = a.im + b.im,
                                    .i = y->dtype == ACN_BOOL ? sum != 0 : sum});
    }
    return ACN_OK;
}

ACN_OP(IndexPutV2) = {
    .name = "IndexPutV2",
    .doc = "y = x with x[indices] = value, or += value; the last of equal positions wins",
    .in = {{"x", ACN_ALL},
           {"value", ACN_ALL, ACN_UNALIASED},
           {"indices", ACN_MOVABLE, ACN_LIST | ACN_UNALIASED}},
    .out = {{"y", ACN_ALL}},
    .attr = {{"accumulate", ACN_ATTR_BOOL}, {"indexed_sizes", ACN_ATTR_INTS}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases =
        "tolerance=reduction [6,7,3],[4,7,3],{i64[4]@-6..5} [6,7,3],[6,4,3],{[0],i64[4]@-7..6} "
        "[6,7,3],[3],{i64[4]@0..5,i64[4]@-7..6} [6,7],[],{i64[3]@0..5} "
        "[6,7,3],[2,3,7],{i64[2,1]@0..5,[0],i64[3]@-3..2} "
        "[6,7,3],[4,7,3],{i64[4]@-6..5}|accumulate=1 [9],[70],{i32[70]@-9..8}|accumulate=1 "
        "[6,7],[],{i64[3]@0..5}|accumulate=1",
};
