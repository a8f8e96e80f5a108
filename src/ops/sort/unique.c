/* unique.c - UniqueWithCountsAndSorting (aclnnUnique, aclnnUnique2): the distinct elements of x in
 * ascending order, where each element of x went, and how often each comes. */
#include "ops/layout/copy.h"
#include "ops/sort/keys.h"
#include <string.h>

enum { RETURN_INVERSE, RETURN_COUNTS };
enum { Y, INDICES, COUNTS };

typedef struct unique_plan {
    acn_walk walk; /* x in row-major order */
    acn_sorter sorter;
    int64_t count;
} unique_plan;

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, Y);
    int64_t count = acn_tensor_count(x), none = 0;
    if (y && acn_tensor_count(y) < count)
        return acn_bad_output(c, Y, "expected room for %lld elements", (long long)count);
    acn_out_is(c, Y, x->dtype, 1, &count);
    const acn_tensor *inverse = acn_out(c, INDICES), *counts = acn_out(c, COUNTS);
    bool needs_inverse = acn_attr_int(c, RETURN_INVERSE);
    if (inverse && (needs_inverse || acn_tensor_count(inverse) != 0))
        acn_out_like(c, INDICES, ACN_I64, x);
    else
        acn_out_is(c, INDICES, ACN_I64, 1, &none);
    if (counts && (acn_attr_int(c, RETURN_COUNTS) || acn_tensor_count(counts) != 0))
        acn_out_is(c, COUNTS, ACN_I64, 1, &count);
    else
        acn_out_is(c, COUNTS, ACN_I64, 1, &none);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    unique_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    c->plan->data = p;
    acn_walk_init(&p->walk, 1, x->rank, x->dims);
    acn_walk_set(&p->walk, 0, x);
    acn_walk_merge(&p->walk);
    p->sorter = acn_sorter_of(x->dtype, false);
    p->count = acn_tensor_count(x);
    if (!p->sorter.is_wide && p->count > UINT32_MAX)
        return acn_bad_input(c, 0, "expected fewer than 2^32 elements");
    c->plan->workspace_bytes = (uint64_t)(2 * p->count * p->sorter.entry_bytes);
    c->plan->cost_us = (uint32_t)(p->count / 64);
    return ACN_OK;
}

static void load_all(const unique_plan *p, char *entries, const char *x) {
    int levels = p->walk.rank - 1;
    int64_t inner = p->walk.dims[levels], stride = p->walk.strides[0][levels];
    acn_walk_at at = {0};
    for (int64_t i = 0; i < p->count; i += inner, acn_walk_next(&p->walk, levels, &at))
        acn_sorter_load(&p->sorter, entries + i * p->sorter.entry_bytes, x + at.offset[0], stride,
                        inner, i);
}

static int64_t *count_at(const acn_tensor *counts, int64_t i) {
    return (int64_t *)counts->data + i * counts->strides[0];
}

/* The outputs hold their results from their first element on. */
static void tell_shapes(acn_call *c, int64_t distinct) {
    acn_out_set_shape(c, Y, 1, &distinct);
    if (acn_out(c, COUNTS) && acn_tensor_count(acn_out(c, COUNTS)) != 0)
        acn_out_set_shape(c, COUNTS, 1, &distinct);
}

static acn_status run(acn_call *c) {
    const unique_plan *p = c->plan->data;
    const acn_tensor *x = acn_in(c, 0), *inverse = acn_out(c, INDICES),
                     *counts = acn_out(c, COUNTS);
    char *entries = c->workspace, *y = acn_out(c, Y)->data;
    int64_t bytes = p->sorter.key_bytes, distinct = 0, first = 0;
    int64_t y_step = acn_out(c, Y)->strides[0] * bytes;
    bool gives_inverse = inverse && acn_tensor_count(inverse) == p->count;
    bool gives_counts = counts && acn_tensor_count(counts) != 0;
    load_all(p, entries, x->data);
    acn_sorter_sort(&p->sorter, entries, entries + p->count * p->sorter.entry_bytes, p->count);
    for (int64_t i = 0; i < p->count; i++) {
        int64_t index = acn_sorter_index(&p->sorter, entries, i);
        if (gives_inverse) *(int64_t *)acn_tensor_at(inverse, index) = distinct;
        if (i + 1 < p->count && acn_sorter_equal_next(&p->sorter, entries, i)) continue;
        memcpy(y + distinct * y_step,
               acn_tensor_at(x, acn_sorter_index(&p->sorter, entries, first)), (size_t)bytes);
        if (gives_counts) *count_at(counts, distinct) = i + 1 - first;
        first = i + 1;
        distinct++;
    }
    tell_shapes(c, distinct);
    return ACN_OK;
}

/* ---- level 0 ------------------------------------------------------------------------------- */

static bool is_less(acn_dtype dtype, acn_value a, acn_value b) {
    if (!acn_dtype_is_float(dtype)) return a.i < b.i;
    return b.f != b.f ? a.f == a.f : a.f < b.f;
}

/* How many distinct elements are less than x's |i|-th; NaNs are distinct, in their order. */
static int64_t group_of(const acn_tensor *x, int64_t n, int64_t i, bool *is_first) {
    acn_value v = acn_load_value(acn_tensor_at(x, i), x->dtype);
    int64_t group = 0;
    *is_first = true;
    for (int64_t j = 0; j < n; j++) {
        acn_value u = acn_load_value(acn_tensor_at(x, j), x->dtype);
        bool is_equal = !is_less(x->dtype, u, v) && !is_less(x->dtype, v, u);
        bool is_nan = acn_dtype_is_float(x->dtype) && u.f != u.f;
        if (is_equal && j < i) {
            group += is_nan;
            *is_first = *is_first && is_nan;
        }
        if (!is_less(x->dtype, u, v)) continue;
        bool seen = false;
        for (int64_t k = 0; k < j && !seen; k++) {
            acn_value w = acn_load_value(acn_tensor_at(x, k), x->dtype);
            seen = !is_less(x->dtype, u, w) && !is_less(x->dtype, w, u);
        }
        group += !seen;
    }
    return group;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *inverse = acn_out(c, INDICES),
                     *counts = acn_out(c, COUNTS);
    char *y = acn_out(c, Y)->data;
    int64_t n = acn_tensor_count(x), distinct = 0, bytes = (int64_t)acn_dtype_bytes(x->dtype);
    int64_t y_step = acn_out(c, Y)->strides[0] * bytes;
    bool gives_inverse = inverse && acn_tensor_count(inverse) == n;
    bool gives_counts = counts && acn_tensor_count(counts) != 0, is_first;
    for (int64_t i = 0; i < n; i++) {
        int64_t group = group_of(x, n, i, &is_first);
        if (gives_inverse) *(int64_t *)acn_tensor_at(inverse, i) = group;
        if (gives_counts) *count_at(counts, group) = is_first ? 1 : *count_at(counts, group) + 1;
        if (!is_first) continue;
        memcpy(y + group * y_step, acn_tensor_at(x, i), (size_t)bytes);
        distinct++;
    }
    tell_shapes(c, distinct);
    return ACN_OK;
}

ACN_OP(UniqueWithCountsAndSorting) = {
    .name = "UniqueWithCountsAndSorting",
    .doc = "y = the distinct elements of x, ascending; where each of x went; how often each comes",
    .in = {{"x", ACN_SORTABLE, ACN_UNALIASED}},
    .out = {{"y", ACN_SORTABLE},
            {"indices", ACN_T(ACN_I64), ACN_OPTIONAL},
            {"counts", ACN_T(ACN_I64), ACN_OPTIONAL}},
    .attr = {{"return_inverse", ACN_ATTR_BOOL},
             {"return_counts", ACN_ATTR_BOOL},
             {"sorted", ACN_ATTR_BOOL, .fallback = 1}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .flags = ACN_OP_DYNAMIC_OUT,
    .cases = "[7]|return_inverse=1,return_counts=1 [5,9]|return_counts=1,return_inverse=1 "
             "i8+i32+i64[300]@-9..9|return_inverse=1,return_counts=1 [0]|return_inverse=1 "
             "[]|return_counts=1,return_inverse=1 bool[50]|return_counts=1,return_inverse=1",
};
