/* bounds.c - see bounds.h. */
#include "ops/index/bounds.h"
#include "base/pool.h"
#include "ops/layout/copy.h"
#include <stdatomic.h>
#include <stdio.h>

enum { CHUNK = 8192 };

typedef struct task {
    acn_walk walk; /* operand 0: the indices, in row-major order */
    const char *indices;
    acn_dtype dtype;
    int64_t count;
    acn_bounds bounds;
    _Atomic int64_t first_bad; /* position; count: none */
} task;

/* No branches, so that it runs at memory's speed. */
#define COUNT_BAD(type)                                                                            \
    for (int64_t i = 0; i < n; i++, at += stride) {                                                \
        int64_t index = *(const type *)at;                                                         \
        bad += (index < b.low) | (index >= b.size);                                                \
    }                                                                                              \
    break

/* Contiguous indices are asked for their extremes, by vector kernels. */
static bool are_inside(acn_bounds b, const void *at, acn_dtype dtype, int64_t n) {
    acn_class k = acn_class_of(dtype);
    int64_t low[2] = {b.size - 1, b.low}; /* what the extremes start from: inside, if anything is */
    int32_t narrow[2] = {(int32_t)low[0], (int32_t)low[1]};
    void *extremes = k == ACN_K_I64 ? (void *)low : (void *)narrow;
    size_t bytes = acn_class_bytes(k);
    if (b.size <= 0 || (k == ACN_K_I32 && b.size > INT32_MAX)) return false;
    acn_kernels_get()->reduce[ACN_R_MIN][k](extremes, at, n);
    acn_kernels_get()->reduce[ACN_R_MAX][k]((char *)extremes + bytes, at, n);
    int64_t least = k == ACN_K_I64 ? low[0] : narrow[0], most = k == ACN_K_I64 ? low[1] : narrow[1];
    return least >= b.low && most < b.size;
}

static int64_t count_bad(acn_bounds b, const char *at, int64_t stride, acn_dtype dtype, int64_t n) {
    int64_t bad = 0;
    bool is_native = dtype == ACN_I64 || dtype == ACN_I32;
    if (is_native && stride == (int64_t)acn_dtype_bytes(dtype) && are_inside(b, at, dtype, n))
        return 0;
    switch (dtype) {
    case ACN_I64:
        COUNT_BAD(int64_t);
    case ACN_I32:
        COUNT_BAD(int32_t);
    default:
        for (int64_t i = 0; i < n; i++)
            bad += acn_bounds_wrap(b, acn_load_value(at + i * stride, dtype).i) < 0;
    }
    return bad;
}

static void note(task *t, int64_t position) {
    int64_t seen = atomic_load(&t->first_bad);
    while (position < seen && !atomic_compare_exchange_weak(&t->first_bad, &seen, position)) {
    }
}

static void check_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    task *t = context;
    int levels = t->walk.rank - 1;
    int64_t inner = t->walk.dims[levels], stride = t->walk.strides[0][levels];
    int64_t position = chunk * CHUNK, end = position + CHUNK, column = position % inner;
    if (end > t->count) end = t->count;
    acn_walk_at at;
    acn_walk_seek(&t->walk, levels, position / inner, &at);
    for (; position < end; acn_walk_next(&t->walk, levels, &at), column = 0) {
        int64_t n = inner - column < end - position ? inner - column : end - position;
        const char *from = t->indices + at.offset[0] + column * stride;
        if (count_bad(t->bounds, from, stride, t->dtype, n) > 0) {
            int64_t i = 0;
            while (i < n && acn_bounds_wrap(t->bounds, acn_load_value(from, t->dtype).i) >= 0)
                i++, from += stride;
            if (i < n) note(t, position + i);
            return;
        }
        position += n;
    }
}

acn_status acn_bounds_fail(const acn_call *c, int slot, int item, acn_bounds b, int64_t index,
                           int64_t position) {
    char member[16] = "", expected[48] = "none, since there is no element";
    if (acn_in_count(c, slot) > 1) snprintf(member, sizeof member, "[%d]", item);
    if (b.size > 0)
        snprintf(expected, sizeof expected, "%lld to %lld", (long long)b.low,
                 (long long)b.size - 1);
    return acn_fail(ACN_EXECUTION, "%s%s holds index %lld, its element %lld; expected %s",
                    acn_input_name(c, slot), member, (long long)index, (long long)position,
                    expected);
}

acn_status acn_bounds_check(const acn_call *c, int slot, int item, acn_bounds b) {
    const acn_tensor *indices = acn_in_at(c, slot, item);
    int64_t count = acn_tensor_count(indices);
    task t = {.indices = indices->data,
              .dtype = indices->dtype,
              .count = count,
              .bounds = b,
              .first_bad = count};
    acn_walk_init(&t.walk, 1, indices->rank, indices->dims);
    acn_walk_set(&t.walk, 0, indices);
    acn_walk_merge(&t.walk);
    acn_pool_run((count + CHUNK - 1) / CHUNK, check_chunk, &t);
    int64_t position = atomic_load(&t.first_bad);
    if (position == count) return ACN_OK;
    int64_t index = acn_load_value(acn_tensor_at(indices, position), indices->dtype).i;
    return acn_bounds_fail(c, slot, item, b, index, position);
}

acn_status acn_bounds_tell(const acn_call *c, int slot, int item, acn_bounds b) {
    ACN_TRY(acn_bounds_check(c, slot, item, b));
    return acn_fail(ACN_EXECUTION,
                    "%s was written while it was read; let the stream end before you change it",
                    acn_input_name(c, slot));
}

acn_status acn_bounds_at(const acn_call *c, int slot, int item, acn_bounds b,
                         const acn_tensor *view, const int64_t *at, int64_t *out) {
    *out = acn_bounds_wrap(b, acn_load_value(acn_tensor_at_index(view, at), view->dtype).i);
    return *out >= 0 ? ACN_OK : acn_bounds_tell(c, slot, item, b);
}
