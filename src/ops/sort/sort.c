/* sort.c - Sort, and TopKV2: sorted values along one dimension and where they stood. */
#include "base/pool.h"
#include "ops/layout/copy.h"
#include "ops/sort/keys.h"
#include <string.h>

enum { SORT_AXIS, SORT_DESCENDING };
enum { TOPK_K, TOPK_DIM, TOPK_LARGEST };
enum { MAX_CHUNKS = 16 };

typedef struct sort_plan {
    acn_walk walk; /* values, indices, x over the other dimensions */
    acn_sorter sorter;
    int64_t rows, length, kept;                   /* kept: how many of a row's are given */
    int64_t value_stride, index_stride, x_stride; /* along the dimension, in bytes */
    int64_t chunks;
    acn_dtype index_dtype;
} sort_plan;

typedef struct task {
    const sort_plan *plan;
    char *values, *indices, *workspace;
    const char *x;
} task;

static acn_status infer_along(acn_call *c, int dim, int64_t kept) {
    const acn_tensor *x = acn_in(c, 0), *indices = acn_out(c, 1);
    int64_t dims[ACN_MAX_DIMS] = {0};
    for (int d = 0; d < x->rank; d++)
        dims[d] = d == dim ? kept : x->dims[d];
    acn_out_is(c, 0, x->dtype, x->rank, dims);
    acn_out_is(c, 1, indices ? indices->dtype : ACN_I64, x->rank, dims);
    return ACN_OK;
}

static int64_t stride_along(const acn_tensor *t, int dim) {
    return t->rank ? t->strides[dim] * (int64_t)acn_dtype_bytes(t->dtype) : 0;
}

static acn_status plan_along(acn_call *c, int dim, int64_t kept, bool is_descending) {
    const acn_tensor *x = acn_in(c, 0);
    const acn_tensor *operands[3] = {acn_out(c, 0), acn_out(c, 1), x};
    sort_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    c->plan->data = p;
    p->sorter = acn_sorter_of(x->dtype, is_descending);
    p->length = x->rank ? x->dims[dim] : 1;
    p->kept = kept;
    if (!p->sorter.is_wide && p->length > UINT32_MAX)
        return acn_bad_input(c, 0, "expected fewer than 2^32 elements along the dimension");
    acn_walk_init(&p->walk, 3, 0, NULL);
    for (int d = 0; d < x->rank; d++) {
        if (d == dim) continue;
        int64_t strides[3];
        for (int k = 0; k < 3; k++)
            strides[k] = stride_along(operands[k], d);
        acn_walk_push(&p->walk, x->dims[d], strides);
    }
    acn_walk_merge(&p->walk);
    p->rows = p->length && kept ? acn_walk_count(&p->walk) : 0;
    p->value_stride = stride_along(operands[0], dim);
    p->index_stride = stride_along(operands[1], dim);
    p->x_stride = stride_along(x, dim);
    p->index_dtype = operands[1]->dtype;
    p->chunks = p->rows < MAX_CHUNKS ? p->rows : MAX_CHUNKS;
    c->plan->workspace_bytes = (uint64_t)(p->chunks * 2 * p->length * p->sorter.entry_bytes);
    c->plan->cost_us = (uint32_t)(p->rows * p->length / 64);
    return ACN_OK;
}

static void give_row(const task *t, const acn_walk_at *at, const void *entries) {
    const sort_plan *p = t->plan;
    char *values = t->values + at->offset[0], *indices = t->indices + at->offset[1];
    const char *x = t->x + at->offset[2];
    for (int64_t i = 0; i < p->kept; i++) {
        int64_t index = acn_sorter_index(&p->sorter, entries, i);
        if (p->index_dtype == ACN_I64)
            *(int64_t *)(indices + i * p->index_stride) = index;
        else
            *(int32_t *)(indices + i * p->index_stride) = (int32_t)index;
    }
    ACN_BY_BYTES(p->sorter.key_bytes, T, {
        for (int64_t i = 0; i < p->kept; i++)
            *(T *)(values + i * p->value_stride) =
                *(const T *)(x + acn_sorter_index(&p->sorter, entries, i) * p->x_stride);
    });
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    const sort_plan *p = t->plan;
    int64_t bytes = p->length * p->sorter.entry_bytes;
    char *entries = t->workspace + chunk * 2 * bytes, *room = entries + bytes;
    int64_t row = p->rows * chunk / p->chunks, end = p->rows * (chunk + 1) / p->chunks;
    acn_walk_at at;
    acn_walk_seek(&p->walk, p->walk.rank, row, &at);
    for (; row < end; row++, acn_walk_next(&p->walk, p->walk.rank, &at)) {
        acn_sorter_load(&p->sorter, entries, t->x + at.offset[2], p->x_stride, p->length, 0);
        if (p->kept < p->length)
            acn_sorter_select(&p->sorter, entries, room, p->length, p->kept);
        else
            acn_sorter_sort(&p->sorter, entries, room, p->length);
        give_row(t, &at, entries);
    }
}

static acn_status run(acn_call *c) {
    const sort_plan *p = c->plan->data;
    task t = {.plan = p,
              .values = acn_out(c, 0)->data,
              .indices = acn_out(c, 1)->data,
              .workspace = c->workspace,
              .x = acn_in(c, 0)->data};
    acn_pool_run(p->chunks, run_chunk, &t);
    return ACN_OK;
}

/* ---- level 0: the i-th is the one that i others stand before --------------------------------- */

static bool is_before(const acn_tensor *x, int64_t *index, int dim, int64_t a, int64_t b,
                      bool is_descending) {
    index[dim] = a;
    acn_value u = acn_load_value(acn_tensor_at_index(x, index), x->dtype);
    index[dim] = b;
    acn_value v = acn_load_value(acn_tensor_at_index(x, index), x->dtype);
    bool less, greater;
    if (acn_dtype_is_float(x->dtype)) {
        bool u_nan = u.f != u.f, v_nan = v.f != v.f;
        less = v_nan ? !u_nan : u.f < v.f;
        greater = u_nan ? !v_nan : u.f > v.f;
    } else {
        less = u.i < v.i;
        greater = u.i > v.i;
    }
    if (less || greater) return is_descending ? greater : less;
    return a < b;
}

static acn_status run0_along(acn_call *c, int dim, int64_t kept, bool is_descending) {
    const acn_tensor *x = acn_in(c, 0), *values = acn_out(c, 0), *indices = acn_out(c, 1);
    int64_t n = acn_tensor_count(x), length = x->rank ? x->dims[dim] : 1, index[ACN_MAX_DIMS] = {0};
    for (int64_t i = 0; i < n; i++) {
        acn_index_of(x, i, index);
        int64_t self = x->rank ? index[dim] : 0, place = 0;
        char *element = acn_tensor_at_index(x, index);
        for (int64_t j = 0; j < length; j++)
            place += j != self && is_before(x, index, dim, j, self, is_descending);
        if (place >= kept) continue;
        index[dim] = place;
        acn_convert_element(acn_tensor_at_index(values, index), x->dtype, element, x->dtype);
        acn_store_value(acn_tensor_at_index(indices, index), indices->dtype,
                        (acn_value){.f = (double)self, .i = self});
    }
    return ACN_OK;
}

/* ---- Sort ---------------------------------------------------------------------------------- */

static acn_status sort_dim(const acn_call *c, int *dim, int64_t *length) {
    const acn_tensor *x = acn_in(c, 0);
    ACN_TRY(acn_wrap_dim(c, SORT_AXIS, acn_attr_int(c, SORT_AXIS), x->rank, dim));
    *length = x->rank ? x->dims[*dim] : 1;
    return ACN_OK;
}

static acn_status infer_sort(acn_call *c) {
    int dim;
    int64_t length;
    ACN_TRY(sort_dim(c, &dim, &length));
    return infer_along(c, dim, length);
}

static acn_status plan_sort(acn_call *c) {
    int dim;
    int64_t length;
    ACN_TRY(sort_dim(c, &dim, &length));
    return plan_along(c, dim, length, acn_attr_int(c, SORT_DESCENDING));
}

static acn_status run0_sort(acn_call *c) {
    int dim;
    int64_t length;
    ACN_TRY(sort_dim(c, &dim, &length));
    return run0_along(c, dim, length, acn_attr_int(c, SORT_DESCENDING));
}

/* ---- TopKV2 -------------------------------------------------------------------------------- */

static acn_status topk_dim(const acn_call *c, int *dim, int64_t *k) {
    const acn_tensor *x = acn_in(c, 0);
    ACN_TRY(acn_wrap_dim(c, TOPK_DIM, acn_attr_int(c, TOPK_DIM), x->rank, dim));
    int64_t length = x->rank ? x->dims[*dim] : 1;
    *k = acn_attr_int(c, TOPK_K);
    if (*k < 0 || *k > length)
        return acn_bad_attr(c, TOPK_K, "is %lld; expected 0 to %lld, the dimension's size",
                            (long long)*k, (long long)length);
    return ACN_OK;
}

static acn_status infer_topk(acn_call *c) {
    int dim;
    int64_t k;
    ACN_TRY(topk_dim(c, &dim, &k));
    return infer_along(c, dim, k);
}

static acn_status plan_topk(acn_call *c) {
    int dim;
    int64_t k;
    ACN_TRY(topk_dim(c, &dim, &k));
    return plan_along(c, dim, k, acn_attr_int(c, TOPK_LARGEST));
}

static acn_status run0_topk(acn_call *c) {
    int dim;
    int64_t k;
    ACN_TRY(topk_dim(c, &dim, &k));
    return run0_along(c, dim, k, acn_attr_int(c, TOPK_LARGEST));
}

ACN_OP(Sort) = {
    .name = "Sort",
    .doc = "y1 = x sorted along axis, always stable; y2 = where each stood",
    .in = {{"x", ACN_SORTABLE, ACN_UNALIASED}},
    .out = {{"y1", ACN_SORTABLE}, {"y2", ACN_T(ACN_I64) | ACN_T(ACN_I32)}},
    .attr = {{"axis", ACN_ATTR_INT, .fallback = -1},
             {"descending", ACN_ATTR_BOOL},
             {"stable", ACN_ATTR_BOOL}},
    .infer = infer_sort,
    .plan = plan_sort,
    .run = run,
    .run0 = run0_sort,
    .cases = "[7] [5,70]|axis=0 [5,70]|axis=-1|descending=1 [2,3,4]|axis=1 [0,3] []",
};

ACN_OP(TopKV2) = {
    .name = "TopKV2",
    .doc = "the k greatest (or least) of x along dim in order, and where they stood",
    .in = {{"x", ACN_SORTABLE, ACN_UNALIASED}},
    .out = {{"values", ACN_SORTABLE}, {"indices", ACN_T(ACN_I64) | ACN_T(ACN_I32)}},
    .attr = {{"k", ACN_ATTR_INT, .is_required = true},
             {"dim", ACN_ATTR_INT, .fallback = -1},
             {"largest", ACN_ATTR_BOOL, .fallback = 1},
             {"sorted", ACN_ATTR_BOOL, .fallback = 1}},
    .infer = infer_topk,
    .plan = plan_topk,
    .run = run,
    .run0 = run0_topk,
    .cases = "[7]|k=3 [5,700]|k=9|dim=1 [3,700]|k=40 [70,5]|k=1|dim=0|largest=0 [2,3]|k=0",
};
