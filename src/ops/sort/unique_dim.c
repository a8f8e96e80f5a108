/* unique_dim.c - distinct slices of x along a dimension, in ascending order: UniqueDim; and of runs
 * of equal ones the first: UniqueConsecutive, which also takes all elements as one row. */
#include "ops/layout/copy.h"
#include "ops/sort/keys.h"
#include <string.h>

enum { RETURN_INVERSE, RETURN_COUNTS, DIM };
enum { Y, INVERSE, COUNTS, NO_DIM = 1000 /* aclnn's "none" */ };

static bool is_sorted(const acn_call *c) { return *(const bool *)c->op->family; }
static bool is_flat(const acn_call *c) {
    return !c->attr[DIM].is_present || acn_attr_int(c, DIM) == NO_DIM;
}

static acn_status dim_of(const acn_call *c, int *dim) {
    *dim = 0;
    return is_flat(c) ? ACN_OK
                      : acn_wrap_dim(c, DIM, acn_attr_int(c, DIM), acn_in(c, 0)->rank, dim);
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *inverse = acn_out(c, INVERSE),
                     *counts = acn_out(c, COUNTS);
    int dim;
    ACN_TRY(dim_of(c, &dim));
    int64_t all = acn_tensor_count(x), n = is_flat(c) ? all : x->rank ? x->dims[dim] : 1;
    if (is_flat(c))
        acn_out_is(c, Y, x->dtype, 1, &all);
    else
        acn_out_like(c, Y, x->dtype, x);
    bool wants_inverse = acn_attr_int(c, RETURN_INVERSE);
    if (inverse && wants_inverse && acn_tensor_count(inverse) != n)
        return acn_bad_output(c, INVERSE, "expected %lld elements", (long long)n);
    if (inverse)
        acn_out_like(c, INVERSE, ACN_I64, inverse);
    else
        acn_out_is(c, INVERSE, ACN_I64, 1, &n);
    bool wants_counts = acn_attr_int(c, RETURN_COUNTS);
    if (counts && wants_counts && acn_tensor_count(counts) < n)
        return acn_bad_output(c, COUNTS, "expected room for %lld elements", (long long)n);
    if (counts)
        acn_out_like(c, COUNTS, ACN_I64, counts);
    else
        acn_out_is(c, COUNTS, ACN_I64, 1, &n);
    return ACN_OK;
}

typedef struct unique_plan {
    int dim;
    int64_t slices, width; /* elements of one */
    acn_sorter sorter;
    acn_walk walk; /* x, a slice after the other */
} unique_plan;

static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    unique_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    ACN_TRY(dim_of(c, &p->dim));
    int64_t count = acn_tensor_count(x), bytes = (int64_t)acn_dtype_bytes(x->dtype);
    p->slices = is_flat(c) ? count : x->rank ? x->dims[p->dim] : 1;
    p->width = p->slices ? count / p->slices : 0;
    p->sorter = acn_sorter_of(x->dtype, false);
    acn_walk_init(&p->walk, 1, 0, NULL);
    if (!is_flat(c) && x->rank)
        acn_walk_push(&p->walk, x->dims[p->dim], (int64_t[]){x->strides[p->dim] * bytes});
    for (int d = 0; d < x->rank; d++)
        if (is_flat(c) || d != p->dim)
            acn_walk_push(&p->walk, x->dims[d], (int64_t[]){x->strides[d] * bytes});
    acn_walk_merge(&p->walk);
    c->plan->data = p;
    /* keys of all elements, then two lists of slices */
    c->plan->workspace_bytes = (uint64_t)(count + 2 * p->slices) * sizeof(uint64_t);
    c->plan->cost_us = (uint32_t)(count / 32 & 0x7fffffff);
    return ACN_OK;
}

/* Keys order as elements do; they come through the sorter's entries, some at a time. */
static void load_keys(const unique_plan *p, const char *x, uint64_t *keys) {
    enum { SOME = 256 };
    _Alignas(16) char entries[SOME * sizeof(acn_wide_entry)];
    int last = p->walk.rank - 1;
    int64_t inner = p->walk.dims[last], step = p->walk.strides[0][last];
    int64_t count = p->slices * p->width;
    acn_walk_at at = {0};
    for (int64_t i = 0; i < count; acn_walk_next(&p->walk, last, &at))
        for (int64_t j = 0; j < inner; j += SOME) {
            int64_t n = inner - j < SOME ? inner - j : SOME;
            acn_sorter_load(&p->sorter, entries, x + at.offset[0] + j * step, step, n, 0);
            for (int64_t k = 0; k < n; k++)
                keys[i++] = p->sorter.is_wide ? ((const acn_wide_entry *)entries)[k].key
                                              : ((const uint64_t *)entries)[k] >> 32;
        }
}

static int compare(const uint64_t *keys, int64_t width, int64_t a, int64_t b) {
    const uint64_t *u = keys + a * width, *v = keys + b * width;
    for (int64_t i = 0; i < width; i++)
        if (u[i] != v[i]) return u[i] < v[i] ? -1 : 1;
    return 0;
}

/* A NaN equals nothing, not even itself. */
static bool is_same(const unique_plan *p, const uint64_t *keys, int64_t a, int64_t b) {
    if (compare(keys, p->width, a, b) != 0) return false;
    if (!acn_dtype_is_float(p->sorter.dtype)) return true;
    uint64_t nan = p->sorter.key_bytes == 8 ? UINT64_MAX : (1ull << 8 * p->sorter.key_bytes) - 1;
    for (int64_t i = 0; i < p->width; i++)
        if (keys[a * p->width + i] == nan) return false;
    return true;
}

/* Merges neighbouring runs that grow twice as long each time: stable. */
static int64_t *merge_sort(const unique_plan *p, const uint64_t *keys, int64_t *order,
                           int64_t *room) {
    for (int64_t run = 1; run < p->slices; run *= 2) {
        for (int64_t first = 0; first < p->slices; first += 2 * run) {
            int64_t middle = first + run < p->slices ? first + run : p->slices;
            int64_t end = first + 2 * run < p->slices ? first + 2 * run : p->slices;
            int64_t a = first, b = middle;
            for (int64_t i = first; i < end; i++) {
                bool takes_a =
                    b == end || (a < middle && compare(keys, p->width, order[a], order[b]) <= 0);
                room[i] = takes_a ? order[a++] : order[b++];
            }
        }
        int64_t *other = order;
        order = room;
        room = other;
    }
    return order;
}

/* The view of |t| that is its |i|-th slice; of a row of elements one of them. */
static acn_tensor slice_of(const acn_call *c, const acn_tensor *t, int dim, int64_t i) {
    if (!is_flat(c)) return t->rank ? acn_tensor_slice(t, dim, i, 1) : *t;
    acn_tensor one = *t;
    one.rank = 0;
    one.data = acn_tensor_at(t, i);
    return one;
}

/* |order|: slices in the order of the result; |group|: of each of them, its number. */
static acn_status give(acn_call *c, int dim, int64_t slices, const int64_t *order,
                       const int64_t *group) {
    const acn_tensor *x = acn_in(c, 0), *inverse = acn_out(c, INVERSE),
                     *counts = acn_out(c, COUNTS);
    int64_t distinct = slices ? group[slices - 1] + 1 : 0, dims[ACN_MAX_DIMS];
    const acn_tensor *y = acn_out_at(c, Y, 0);
    memcpy(dims, y->dims, sizeof dims);
    if (y->rank) dims[dim] = distinct;
    acn_out_set_shape(c, Y, y->rank, dims);
    bool gives_inverse = inverse && acn_tensor_count(inverse) == slices;
    bool gives_counts = counts && acn_tensor_count(counts) >= slices;
    if (gives_counts) acn_out_set_shape(c, COUNTS, 1, &distinct);
    for (int64_t i = 0, first = 0; i < slices; i++) {
        if (gives_inverse) *(int64_t *)acn_tensor_at(inverse, order[i]) = group[i];
        if (i > 0 && group[i] == group[i - 1]) continue;
        for (first = i; first < slices && group[first] == group[i]; first++) {
        }
        if (gives_counts) *(int64_t *)acn_tensor_at(counts, group[i]) = first - i;
        acn_tensor to = slice_of(c, y, dim, group[i]);
        acn_tensor from = slice_of(c, x, dim, order[i]);
        acn_copy copy;
        ACN_TRY(acn_copy_plan(&copy, &to, &from));
        acn_copy_run(&copy, to.data, from.data);
    }
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    const unique_plan *p = c->plan->data;
    uint64_t *keys = c->workspace;
    int64_t *order = (int64_t *)keys + p->slices * p->width, *room = order + p->slices;
    if (p->width) load_keys(p, acn_in(c, 0)->data, keys);
    for (int64_t i = 0; i < p->slices; i++)
        order[i] = i;
    if (is_sorted(c)) {
        int64_t *sorted = merge_sort(p, keys, order, room);
        if (sorted == room) room = order, order = sorted;
    }
    for (int64_t i = 0, group = 0; i < p->slices; i++) {
        if (i > 0 && !is_same(p, keys, order[i - 1], order[i])) group++;
        room[i] = group;
    }
    return give(c, p->dim, p->slices, order, room);
}

/* ---- level 0: places by counting ------------------------------------------------------------- */

static int order_of(const acn_call *c, int dim, int64_t a, int64_t b, bool *has_nan) {
    acn_tensor u = slice_of(c, acn_in(c, 0), dim, a), v = slice_of(c, acn_in(c, 0), dim, b);
    *has_nan = false;
    for (int64_t i = 0; i < acn_tensor_count(&u); i++) {
        acn_value s = acn_load_value(acn_tensor_at(&u, i), u.dtype);
        acn_value t = acn_load_value(acn_tensor_at(&v, i), v.dtype);
        bool less = s.i<t.i, more = s.i> t.i;
        if (acn_dtype_is_float(u.dtype)) {
            bool s_nan = s.f != s.f, t_nan = t.f != t.f;
            *has_nan |= s_nan && t_nan;
            less = t_nan ? !s_nan : s.f < t.f;
            more = s_nan ? !t_nan : s.f > t.f;
        }
        if (less || more) return less ? -1 : 1;
    }
    return 0;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    int dim;
    ACN_TRY(dim_of(c, &dim));
    int64_t slices = is_flat(c) ? acn_tensor_count(x) : x->rank ? x->dims[dim] : 1;
    int64_t *order = acn_arena_alloc(&c->arena, (size_t)(2 * slices + 1) * sizeof *order);
    if (!order) return acn_fail(ACN_BAD_ALLOC, "no host memory for an order");
    int64_t *group = order + slices;
    bool has_nan;
    for (int64_t i = 0; i < slices; i++) {
        int64_t place = is_sorted(c) ? 0 : i;
        for (int64_t j = 0; is_sorted(c) && j < slices; j++) {
            int sign = order_of(c, dim, j, i, &has_nan);
            place += sign < 0 || (sign == 0 && j < i);
        }
        order[place] = i;
    }
    for (int64_t i = 0; i < slices; i++)
        group[i] = i == 0 ? 0
                   : order_of(c, dim, order[i - 1], order[i], &has_nan) == 0 && !has_nan
                       ? group[i - 1]
                       : group[i - 1] + 1;
    return give(c, dim, slices, order, group);
}

#define UNIQUE(id, sorts, about, cases_text)                                                       \
    static const bool sorts_##id = sorts;                                                          \
    ACN_OP(id) = {.name = #id,                                                                     \
                  .doc = about,                                                                    \
                  .in = {{"x", ACN_SORTABLE, ACN_UNALIASED}},                                      \
                  .out = {{"y", ACN_SORTABLE},                                                     \
                          {"idx", ACN_T(ACN_I64), ACN_OPTIONAL},                                   \
                          {"count", ACN_T(ACN_I64), ACN_OPTIONAL}},                                \
                  .attr = {{"return_idx", ACN_ATTR_BOOL},                                          \
                           {"return_counts", ACN_ATTR_BOOL},                                       \
                           {"axis", ACN_ATTR_INT, .fallback = NO_DIM},                             \
                           {"sorted", ACN_ATTR_BOOL, .fallback = 1}},                              \
                  .infer = infer,                                                                  \
                  .plan = plan,                                                                    \
                  .run = run,                                                                      \
                  .run0 = run0,                                                                    \
                  .family = &sorts_##id,                                                           \
                  .flags = ACN_OP_DYNAMIC_OUT,                                                     \
                  .cases = cases_text}
UNIQUE(UniqueDim, true, "y = the distinct slices of x along axis, ascending; where each went",
       "i32+i8+f32+bool[40,2]@0..3->[40,2],[40],[40]|axis=0,return_idx=1,return_counts=1 "
       "[2,30]@0..2->[2,30],[30],[30]|axis=1,return_idx=1,return_counts=1 "
       "[3,20,2]@0..1->[3,20,2],[20],[20]|axis=1,return_counts=1 "
       "[9]@0..3->[9],[9],[9]|axis=0,return_counts=1 [0]->[0],[0],[0]|axis=0,return_counts=1");
UNIQUE(UniqueConsecutive, false,
       "y = x without what equals its neighbour before, of all elements or of slices along axis",
       "i32+i8+f32+bool[40,2]@0..1->[80],[40,2],[80]|return_idx=1,return_counts=1 "
       "[90]@0..2->[90],[90],[90]|return_counts=1 "
       "[30,2]@0..1->[30,2],[30],[30]|axis=0,return_idx=1,return_counts=1 "
       "[2,30]@0..1->[2,30],[30],[30]|axis=1,return_counts=1 [0]->[0],[0],[0]|return_counts=1 "
       "[]->[1],[],[1]|return_counts=1");
