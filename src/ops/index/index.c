/* index.c - Index: PyTorch's advanced indexing with a list of index tensors, one for each leading
 * dimension of x. A dimension that stays whole has an empty 1-d placeholder of x's dtype. */
#include "ops/index/index.h"

enum { X, INDICES, MASK = 0 };

static bool is_placeholder(const acn_tensor *t, const acn_tensor *x) {
    return t->rank == 1 && t->dims[0] == 0 && t->dtype == x->dtype;
}

static acn_status too_many(const acn_call *c, int list_slot, int rank) {
    return acn_bad_input(c, list_slot,
                         "the list has %d entries for %d dimensions; expected at "
                         "most one each",
                         acn_in_count(c, list_slot), rank);
}

/* Entry i is for dimension i, or for the i-th dimension that the mask marks (GE's form). */
static acn_status read_dims(const acn_call *c, int x_slot, int list_slot, int mask_attr,
                            int *entry_dims) {
    int64_t marks;
    const int64_t *mask = acn_attr_ints(c, mask_attr, &marks);
    int entries = acn_in_count(c, list_slot), rank = acn_in(c, x_slot)->rank, found = 0;
    if (entries > rank) return too_many(c, list_slot, rank);
    if (!mask) {
        for (int i = 0; i < entries; i++)
            entry_dims[i] = i;
        return ACN_OK;
    }
    for (int d = 0; d < rank && d < marks; d++)
        if (mask[d] != 0 && found++ < entries) entry_dims[found - 1] = d;
    if (found == entries) return ACN_OK;
    return acn_bad_attr(c, mask_attr,
                        "marks %d of %d dimensions; expected one for each of %d index "
                        "tensors",
                        found, rank, entries);
}

acn_status acn_index_list_read(const acn_call *c, int x_slot, int list_slot, int mask_attr,
                               acn_index_list *list) {
    const acn_tensor *x = acn_in(c, x_slot);
    int entries = acn_in_count(c, list_slot), entry_dims[ACN_MAX_DIMS];
    *list = (acn_index_list){0};
    ACN_TRY(read_dims(c, x_slot, list_slot, mask_attr, entry_dims));
    for (int i = 0; i < entries; i++) {
        const acn_tensor *t = acn_in_at(c, list_slot, i);
        if (is_placeholder(t, x)) {
            if (ACN_HAS(ACN_INDEX_TYPES, t->dtype)) list->is_ambiguous = true;
            continue;
        }
        if (!ACN_HAS(ACN_INDEX_TYPES, t->dtype))
            return acn_bad_input(c, list_slot,
                                 "entry %d is %s; expected i64 or i32 (masks are "
                                 "indexed by their NonZero)",
                                 i, acn_dtype_name(t->dtype));
        if (!acn_shape_broadcast(&list->rank, list->positions, t->rank, t->dims))
            return acn_bad_input(c, list_slot, "entry %d does not broadcast with those before it",
                                 i);
        list->dims[list->count] = entry_dims[i];
        list->tensors[list->count++] = c->in_first[list_slot] + i;
    }
    bool is_adjacent = true;
    for (int i = 1; i < list->count; i++)
        is_adjacent = is_adjacent && list->dims[i] == list->dims[i - 1] + 1;
    list->first = list->count && is_adjacent ? list->dims[0] : 0;
    list->result_rank = x->rank - list->count + list->rank;
    if (list->result_rank > ACN_MAX_DIMS)
        return acn_bad_input(c, list_slot, "gives %d dimensions; expected at most %d",
                             list->result_rank, ACN_MAX_DIMS);
    int free_dim = 0, next = 0;
    for (int d = 0; d < list->result_rank; d++) {
        if (d >= list->first && d < list->first + list->rank) {
            list->result[d] = list->positions[d - list->first];
            continue;
        }
        while (next < list->count && list->dims[next] == free_dim) {
            next++;
            free_dim++;
        }
        list->result[d] = x->dims[free_dim++];
    }
    return ACN_OK;
}

acn_status acn_index_list_at(const acn_call *c, int list_slot, const acn_index_list *list, int i,
                             int64_t size, const int64_t *position, int64_t *out) {
    int item = list->tensors[i] - c->in_first[list_slot];
    acn_tensor t = acn_tensor_broadcast(acn_in_at(c, list_slot, item), list->rank, list->positions);
    return acn_bounds_at(c, list_slot, item, acn_bounds_of(size, true), &t, position, out);
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    acn_index_list list;
    ACN_TRY(acn_index_list_read(c, X, INDICES, MASK, &list));
    if (list.is_ambiguous && y && acn_tensor_count(y) == 0)
        acn_out_like(c, 0, x->dtype, y);
    else
        acn_out_is(c, 0, x->dtype, list.result_rank, list.result);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    acn_index_list list;
    ACN_TRY(acn_index_list_read(c, X, INDICES, MASK, &list));
    acn_take *take = acn_plan_alloc(c, sizeof *take);
    if (!take) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    c->plan->data = take;
    if (acn_tensor_count(acn_out(c, 0)) == 0) return ACN_OK;
    ACN_TRY(acn_take_plan(take, c, acn_in(c, X), acn_out(c, 0), list.count, list.dims, list.tensors,
                          list.first, list.rank));
    c->plan->workspace_bytes = acn_take_workspace_bytes(take);
    c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_out(c, 0)) / 512);
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    const acn_take *take = c->plan->data;
    if (take->chunks == 0) return ACN_OK;
    int64_t *offsets = c->workspace;
    if (take->count == 0) offsets[0] = 0;
    ACN_TRY(acn_take_offsets(take, c, offsets));
    acn_take_run(take, offsets, acn_out(c, 0)->data, acn_in(c, X)->data);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    acn_index_list list;
    ACN_TRY(acn_index_list_read(c, X, INDICES, MASK, &list));
    int64_t n = acn_tensor_count(y), index[ACN_MAX_DIMS], from[ACN_MAX_DIMS];
    for (int64_t i = 0; i < n; i++) {
        acn_index_of(y, i, index);
        for (int d = 0, next = 0, out = 0; d < x->rank; d++) {
            if (next < list.count && list.dims[next] == d) {
                ACN_TRY(acn_index_list_at(c, INDICES, &list, next++, x->dims[d], index + list.first,
                                          &from[d]));
                continue;
            }
            if (out == list.first) out += list.rank;
            from[d] = index[out++];
        }
        acn_convert_element(acn_tensor_at_index(y, index), y->dtype, acn_tensor_at_index(x, from),
                            x->dtype);
    }
    return ACN_OK;
}

ACN_OP(Index) = {
    .name = "Index",
    .doc = "y = x[indices], PyTorch's advanced indexing; negative indices count from the end",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}, {"indices", ACN_MOVABLE, ACN_LIST | ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"indexed_sizes", ACN_ATTR_INTS}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[6,7,3],{i64[4]@-6..5} [6,7,3],{[0],i64[4]@-7..6} [6,7,3],{i64[4]@0..5,i64[4]@-7..6} "
             "[6,7,3],{i64[2,1]@0..5,[0],i64[3]@-3..2} [6,7],{i64[]@0..5} [6,7],{i32[2,3]@-6..5} "
             "[9],{i64[700]@-9..8} [300,70],{i64[400]@0..299} "
             "[6,7,3],{i64[4]@0..5,i64[4]@-3..2}|indexed_sizes=[1,0,1]",
};
