/* index_put.c - IndexPutV2: the inverse of Index, x[indices] = value or += value.
 *
 * Positions may name an element twice: the last value stays, and sums are taken in order, so
 * positions are never shared out between threads; only blocks outside them are.
 */
#include "base/half.h"
#include "base/pool.h"
#include "ops/index/index.h"
#include <string.h>

enum { X, VALUE, INDICES, MASK = 1 };

typedef struct put_plan {
    acn_copy copy; /* x to y, when they are not the same */
    acn_take take; /* dense side: value, broadcast; indexed side: y */
    acn_dtype dtype;
    bool accumulates;
} put_plan;

typedef struct task {
    const put_plan *plan;
    const int64_t *offsets;
    const char *value;
    char *y;
} task;

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
    put_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    c->plan->data = p;
    p->dtype = acn_out(c, 0)->dtype;
    p->accumulates = acn_attr_int(c, 0);
    ACN_TRY(acn_copy_plan(&p->copy, acn_out(c, 0), acn_in(c, X)));
    if (list.is_ambiguous) return ACN_OK;
    acn_tensor dense = acn_tensor_broadcast(acn_in(c, VALUE), list.result_rank, list.result);
    ACN_TRY(acn_take_plan(&p->take, c, acn_out(c, 0), &dense, list.count, list.dims, list.tensors,
                          list.first, list.rank));
    c->plan->workspace_bytes = acn_take_workspace_bytes(&p->take);
    c->plan->cost_us = (uint32_t)(acn_tensor_count(&dense) / 256);
    return ACN_OK;
}

#define ADD_RUN(T, sum)                                                                            \
    for (int64_t i = 0; i < n; i++) {                                                              \
        T *place = (T *)(to + i * to_stride);                                                      \
        T a = *place, b = *(const T *)(from + i * from_stride);                                    \
        *place = (T)(sum);                                                                         \
    }                                                                                              \
    break

static void add_run(acn_dtype dtype, char *to, int64_t to_stride, const char *from,
                    int64_t from_stride, int64_t n) {
    switch (dtype) {
    case ACN_F32:
        ADD_RUN(float, a + b);
    case ACN_F64:
        ADD_RUN(double, a + b);
    case ACN_F16:
        ADD_RUN(uint16_t, acn_f32_to_f16(acn_f16_to_f32(a) + acn_f16_to_f32(b)));
    case ACN_BF16:
        ADD_RUN(uint16_t, acn_f32_to_bf16(acn_bf16_to_f32(a) + acn_bf16_to_f32(b)));
    case ACN_C64:
        ADD_RUN(float _Complex, a + b);
    case ACN_I64:
        ADD_RUN(uint64_t, a + b);
    case ACN_I32:
        ADD_RUN(uint32_t, a + b);
    case ACN_I16:
        ADD_RUN(uint16_t, a + b);
    case ACN_BOOL:
        ADD_RUN(uint8_t, a | b);
    default:
        ADD_RUN(uint8_t, a + b);
    }
}

static void put_run(const put_plan *p, char *to, int64_t to_stride, const char *from,
                    int64_t from_stride, int64_t n) {
    if (p->accumulates) {
        add_run(p->dtype, to, to_stride, from, from_stride, n);
        return;
    }
    ACN_BY_BYTES(p->take.bytes, T, {
        for (int64_t i = 0; i < n; i++)
            *(T *)(to + i * to_stride) = *(const T *)(from + i * from_stride);
    });
}

static void put_block(const put_plan *p, char *to, const char *from) {
    const acn_walk *w = &p->take.inner;
    int last = w->rank - 1;
    int64_t rows = 1;
    for (int d = 0; d < last; d++)
        rows *= w->dims[d];
    acn_walk_at at = {0};
    for (int64_t r = 0; r < rows; r++, acn_walk_next(w, last, &at))
        put_run(p, to + at.offset[1], w->strides[1][last], from + at.offset[0], w->strides[0][last],
                w->dims[last]);
}

static void put_outer(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    const acn_take *take = &t->plan->take;
    acn_walk_at outer, at = {0};
    acn_walk_seek(&take->outer, take->outer.rank, chunk, &outer);
    for (int64_t i = 0; i < take->positions;
         i++, acn_walk_next(&take->picked, take->picked.rank, &at))
        put_block(t->plan, t->y + outer.offset[1] + t->offsets[i],
                  t->value + outer.offset[0] + at.offset[0]);
}

static acn_status run(acn_call *c) {
    const put_plan *p = c->plan->data;
    acn_tensor *y = acn_out(c, 0);
    const acn_tensor *x = acn_in(c, X);
    int64_t *offsets = c->workspace;
    if (p->take.chunks > 0) {
        if (p->take.count == 0) offsets[0] = 0;
        ACN_TRY(acn_take_offsets(&p->take, c, offsets));
    }
    if (y->data != x->data) acn_copy_run(&p->copy, y->data, x->data);
    if (p->take.chunks == 0) return ACN_OK;
    task t = {.plan = p, .offsets = offsets, .value = acn_in(c, VALUE)->data, .y = y->data};
    acn_pool_run(acn_walk_count(&p->take.outer), put_outer, &t);
    return ACN_OK;
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
