/* take.c - see take.h. */
#include "ops/index/take.h"
#include "base/pool.h"
#include <stdatomic.h>
#include <string.h>

enum { CHUNK_BYTES = 128 << 10, OFFSET_CHUNK = 8192 };

static bool is_indexed(int count, const int *dims, int d) {
    for (int i = 0; i < count; i++)
        if (dims[i] == d) return true;
    return false;
}

/* x's free dimensions are the dense side's others, in order. */
static void set_block(acn_take *take, const acn_tensor *x, const acn_tensor *dense, int count,
                      const int *dims, int first, int rank) {
    acn_walk_init(&take->outer, 2, 0, NULL);
    acn_walk_init(&take->inner, 2, 0, NULL);
    for (int d = 0, out = 0; d < x->rank; d++) {
        if (is_indexed(count, dims, d)) continue;
        if (out == first) out += rank;
        acn_walk_push(out < first ? &take->outer : &take->inner, x->dims[d],
                      (int64_t[]){dense->strides[out] * take->bytes, x->strides[d] * take->bytes});
        out++;
    }
    acn_walk_merge(&take->outer);
    acn_walk_sort(&take->inner, 0);
    acn_walk_merge(&take->inner);
}

acn_status acn_take_plan(acn_take *take, const acn_call *c, const acn_tensor *x,
                         const acn_tensor *dense, int count, const int *dims, const int *tensors,
                         int first, int rank) {
    *take = (acn_take){.count = count, .bytes = (int64_t)acn_dtype_bytes(x->dtype)};
    acn_walk_init(&take->picked, 1, 0, NULL);
    for (int d = first; d < first + rank; d++)
        acn_walk_push(&take->picked, dense->dims[d], (int64_t[]){dense->strides[d] * take->bytes});
    acn_walk_merge(&take->picked);
    take->positions = acn_walk_count(&take->picked);
    for (int i = 0; i < count; i++) {
        const acn_tensor *t = &c->tensors[tensors[i]];
        acn_take_index *index = &take->index[i];
        *index = (acn_take_index){.tensor = tensors[i],
                                  .dtype = t->dtype,
                                  .dim = dims[i],
                                  .size = x->dims[dims[i]],
                                  .stride_bytes = x->strides[dims[i]] * take->bytes};
        acn_walk_init(&index->walk, 1, rank, dense->dims + first);
        acn_walk_set(&index->walk, 0, t);
        acn_walk_merge(&index->walk);
    }
    set_block(take, x, dense, count, dims, first, rank);
    int64_t inner_bytes = acn_walk_count(&take->inner) * take->bytes;
    int64_t outer = acn_walk_count(&take->outer);
    if (inner_bytes == 0 || outer == 0 || take->positions == 0) return ACN_OK;
    take->segment = CHUNK_BYTES / inner_bytes > 1 ? CHUNK_BYTES / inner_bytes : 1;
    take->segments = (take->positions + take->segment - 1) / take->segment;
    take->chunks = take->segments * outer;
    return ACN_OK;
}

/* ---- offsets ------------------------------------------------------------------------------- */

typedef struct offsets_task {
    const acn_take_index *index;
    const char *data;
    int64_t *offsets, positions;
    bool is_first;
    atomic_bool has_bad;
} offsets_task;

static inline int64_t load_index(const char *p, acn_dtype dtype) {
    return dtype == ACN_I64 ? *(const int64_t *)p : *(const int32_t *)p;
}

/* One run of indices; how many of them are out of range. |dtype| is a constant for the caller. */
static inline int64_t run_as(const acn_take_index *index, acn_dtype dtype, bool is_first,
                             const char *from, int64_t stride, int64_t *offsets, int64_t n) {
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t value = load_index(from + i * stride, dtype);
        int64_t wrapped = value < 0 ? value + index->size : value;
        bad += (uint64_t)wrapped >= (uint64_t)index->size;
        offsets[i] = (is_first ? 0 : offsets[i]) + wrapped * index->stride_bytes;
    }
    return bad;
}

static void offsets_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    offsets_task *t = context;
    const acn_take_index *index = t->index;
    const acn_walk *w = &index->walk;
    int levels = w->rank - 1;
    int64_t position = chunk * OFFSET_CHUNK, end = position + OFFSET_CHUNK, bad = 0;
    if (end > t->positions) end = t->positions;
    int64_t inner = w->dims[levels], stride = w->strides[0][levels], i = position % inner;
    acn_walk_at at;
    acn_walk_seek(w, levels, position / inner, &at);
    for (; position < end; acn_walk_next(w, levels, &at), i = 0) {
        int64_t n = inner - i < end - position ? inner - i : end - position;
        const char *from = t->data + at.offset[0] + i * stride;
        if (index->dtype == ACN_I64)
            bad += run_as(index, ACN_I64, t->is_first, from, stride, t->offsets + position, n);
        else
            bad += run_as(index, ACN_I32, t->is_first, from, stride, t->offsets + position, n);
        position += n;
    }
    if (bad) atomic_store(&t->has_bad, true);
}

static acn_status tell_bad(const acn_take_index *index, const acn_call *c) {
    int slot = 0;
    while (index->tensor < c->in_first[slot] ||
           index->tensor >= c->in_first[slot] + c->in_count[slot])
        slot++;
    return acn_bounds_tell(c, slot, index->tensor - c->in_first[slot],
                           acn_bounds_of(index->size, true));
}

acn_status acn_take_offsets(const acn_take *take, const acn_call *c, int64_t *offsets) {
    for (int i = 0; i < take->count; i++) {
        const acn_take_index *index = &take->index[i];
        offsets_task t = {.index = index,
                          .data = c->tensors[index->tensor].data,
                          .offsets = offsets,
                          .positions = take->positions,
                          .is_first = i == 0};
        acn_pool_run((take->positions + OFFSET_CHUNK - 1) / OFFSET_CHUNK, offsets_chunk, &t);
        if (atomic_load(&t.has_bad)) return tell_bad(index, c);
    }
    return ACN_OK;
}

/* ---- blocks -------------------------------------------------------------------------------- */

typedef struct take_task {
    const acn_take *take;
    const int64_t *offsets;
    char *dense;
    const char *x;
} take_task;

static void copy_row(const acn_take *take, char *dense, const char *x) {
    const acn_walk *w = &take->inner;
    int last = w->rank - 1;
    int64_t n = w->dims[last], to = w->strides[0][last], from = w->strides[1][last];
    if (to == take->bytes && from == take->bytes) {
        memcpy(dense, x, (size_t)(n * take->bytes));
        return;
    }
    ACN_BY_BYTES(take->bytes, T, {
        for (int64_t i = 0; i < n; i++)
            *(T *)(dense + i * to) = *(const T *)(x + i * from);
    });
}

static void copy_block(const acn_take *take, char *dense, const char *x) {
    const acn_walk *w = &take->inner;
    if (w->rank == 1) {
        copy_row(take, dense, x);
        return;
    }
    int64_t rows = 1;
    for (int d = 0; d < w->rank - 1; d++)
        rows *= w->dims[d];
    acn_walk_at at = {0};
    for (int64_t r = 0; r < rows; r++, acn_walk_next(w, w->rank - 1, &at))
        copy_row(take, dense + at.offset[0], x + at.offset[1]);
}

/* Blocks of one element at positions that are one run of the dense side. */
static void copy_elements(const acn_take *take, const int64_t *offsets, char *dense, const char *x,
                          int64_t n) {
    int64_t stride = take->picked.strides[0][0];
    ACN_BY_BYTES(take->bytes, T, {
        for (int64_t i = 0; i < n; i++)
            *(T *)(dense + i * stride) = *(const T *)(x + offsets[i]);
    });
}

static void take_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const take_task *t = context;
    const acn_take *take = t->take;
    acn_walk_at outer, at;
    acn_walk_seek(&take->outer, take->outer.rank, chunk / take->segments, &outer);
    int64_t position = chunk % take->segments * take->segment, end = position + take->segment;
    if (end > take->positions) end = take->positions;
    acn_walk_seek(&take->picked, take->picked.rank, position, &at);
    char *dense = t->dense + outer.offset[0];
    const char *x = t->x + outer.offset[1];
    if (take->picked.rank == 1 && acn_walk_count(&take->inner) == 1) {
        copy_elements(take, t->offsets + position, dense + at.offset[0], x, end - position);
        return;
    }
    for (; position < end; position++, acn_walk_next(&take->picked, take->picked.rank, &at))
        copy_block(take, dense + at.offset[0], x + t->offsets[position]);
}

void acn_take_run(const acn_take *take, const int64_t *offsets, void *dense, const void *x) {
    take_task t = {.take = take, .offsets = offsets, .dense = dense, .x = x};
    acn_pool_run(take->chunks, take_chunk, &t);
}
