/* masked.c - MaskedFill: one value where a mask is true. MaskedSelect: the elements where it is. */
#include "base/pool.h"
#include "ops/layout/copy.h"
#include <string.h>

enum { X, MASK, VALUE, CHUNK_ELEMENTS = 32768, TILE = 512, BLOCK = 16 };

static bool broadcast_shape(const acn_call *c, int *rank, int64_t *dims) {
    const acn_tensor *x = acn_in(c, X), *mask = acn_in(c, MASK);
    *rank = x->rank;
    for (int d = 0; d < x->rank; d++)
        dims[d] = x->dims[d];
    return acn_shape_broadcast(rank, dims, mask->rank, mask->dims);
}

/* ---- MaskedFill ------------------------------------------------------------------------------ */

typedef struct fill_plan {
    acn_copy copy; /* x to y, when they are not the same */
    acn_walk walk; /* y, mask */
    int64_t bytes, segment, segments, units;
} fill_plan;

typedef struct fill_task {
    const fill_plan *plan;
    char *y;
    const char *mask;
    _Alignas(16) char value[16];
} fill_task;

static acn_status infer_fill(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    int rank;
    int64_t dims[ACN_MAX_DIMS];
    bool fits = broadcast_shape(c, &rank, dims) && rank == x->rank;
    for (int d = 0; fits && d < rank; d++)
        fits = dims[d] == x->dims[d];
    if (!fits) return acn_bad_input(c, MASK, "expected a shape that broadcasts to the input's");
    if (acn_tensor_count(acn_in(c, VALUE)) != 1)
        return acn_bad_input(c, VALUE, "expected one element");
    acn_out_like(c, 0, x->dtype, x);
    return ACN_OK;
}

static acn_status plan_fill(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0);
    fill_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    c->plan->data = p;
    ACN_TRY(acn_copy_plan(&p->copy, y, acn_in(c, X)));
    int64_t count = acn_tensor_count(y);
    if (count == 0) return ACN_OK;
    p->bytes = (int64_t)acn_dtype_bytes(y->dtype);
    acn_walk_init(&p->walk, 2, y->rank, y->dims);
    acn_walk_set(&p->walk, 0, y);
    acn_walk_set(&p->walk, 1, acn_in(c, MASK));
    acn_walk_sort(&p->walk, 0);
    acn_walk_merge(&p->walk);
    int64_t inner = p->walk.dims[p->walk.rank - 1];
    p->segment = inner < CHUNK_ELEMENTS ? inner : CHUNK_ELEMENTS;
    p->segments = (inner + p->segment - 1) / p->segment;
    p->units = count / inner * p->segments;
    c->plan->cost_us = (uint32_t)(count / 2048);
    return ACN_OK;
}

/* Whole blocks of a fixed size, which compilers turn into vectors. */
static void fill_run(const fill_task *t, char *y, int64_t stride, const uint8_t *mask,
                     int64_t mask_stride, int64_t n) {
    ACN_BY_BYTES(t->plan->bytes, T, {
        T value, block[BLOCK];
        int64_t i = 0;
        memcpy(&value, t->value, sizeof value);
        bool is_contiguous = stride == (int64_t)sizeof(T) && mask_stride == 1;
        for (; is_contiguous && i + BLOCK <= n; i += BLOCK) {
            memcpy(block, y + i * stride, sizeof block);
            for (int j = 0; j < BLOCK; j++)
                block[j] = mask[i + j] ? value : block[j];
            memcpy(y + i * stride, block, sizeof block);
        }
        for (; i < n; i++)
            if (mask[i * mask_stride]) *(T *)(y + i * stride) = value;
    });
}

static void fill_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const fill_task *t = context;
    const fill_plan *p = t->plan;
    const acn_walk *w = &p->walk;
    int levels = w->rank - 1;
    int64_t a_chunk = CHUNK_ELEMENTS / p->segment, unit = chunk * a_chunk;
    int64_t end = unit + a_chunk < p->units ? unit + a_chunk : p->units;
    for (; unit < end; unit++) {
        acn_walk_at at;
        acn_walk_seek(w, levels, unit / p->segments, &at);
        int64_t start = unit % p->segments * p->segment, left = w->dims[levels] - start;
        fill_run(t, t->y + at.offset[0] + start * w->strides[0][levels], w->strides[0][levels],
                 (const uint8_t *)t->mask + at.offset[1] + start * w->strides[1][levels],
                 w->strides[1][levels], left < p->segment ? left : p->segment);
    }
}

static acn_status run_fill(acn_call *c) {
    const fill_plan *p = c->plan->data;
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0), *value = acn_in(c, VALUE);
    if (y->data != x->data) acn_copy_run(&p->copy, y->data, x->data);
    if (p->units == 0) return ACN_OK;
    fill_task t = {.plan = p, .y = y->data, .mask = acn_in(c, MASK)->data};
    acn_convert_element(t.value, y->dtype, value->data, value->dtype);
    int64_t a_chunk = CHUNK_ELEMENTS / p->segment;
    acn_pool_run((p->units + a_chunk - 1) / a_chunk, fill_chunk, &t);
    return ACN_OK;
}

static acn_status run0_fill(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0), *value = acn_in(c, VALUE);
    acn_tensor mask = acn_tensor_broadcast(acn_in(c, MASK), x->rank, x->dims);
    int64_t n = acn_tensor_count(x);
    for (int64_t i = 0; i < n; i++) {
        bool is_set = *(const uint8_t *)acn_tensor_at(&mask, i);
        acn_convert_element(acn_tensor_at(y, i), y->dtype,
                            is_set ? value->data : acn_tensor_at(x, i),
                            is_set ? value->dtype : x->dtype);
    }
    return ACN_OK;
}

/* ---- MaskedSelect ---------------------------------------------------------------------------- */

typedef struct select_plan {
    acn_walk walk; /* x, mask; in row-major order of the broadcast shape */
    int64_t count, chunks, bytes;
} select_plan;

typedef struct select_task {
    const select_plan *plan;
    const char *x;
    const uint8_t *mask;
    char *y;
    int64_t y_stride;
    int64_t *found; /* a chunk: first how many it has, then where its first one goes */
    bool writes;
} select_task;

static acn_status infer_select(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0);
    int rank;
    int64_t dims[ACN_MAX_DIMS], count = 1;
    if (!broadcast_shape(c, &rank, dims))
        return acn_bad_input(c, MASK, "expected a shape that broadcasts with the input's");
    for (int d = 0; d < rank; d++)
        count *= dims[d];
    if (y && y->rank == 1 && y->dims[0] > count) count = y->dims[0]; /* more room */
    acn_out_is(c, 0, acn_in(c, X)->dtype, 1, &count);
    return ACN_OK;
}

static acn_status plan_select(acn_call *c) {
    int rank;
    int64_t dims[ACN_MAX_DIMS];
    broadcast_shape(c, &rank, dims);
    select_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    c->plan->data = p;
    acn_walk_init(&p->walk, 2, rank, dims);
    acn_walk_set(&p->walk, 0, acn_in(c, X));
    acn_walk_set(&p->walk, 1, acn_in(c, MASK));
    acn_walk_merge(&p->walk);
    p->count = acn_walk_count(&p->walk);
    p->chunks = (p->count + CHUNK_ELEMENTS - 1) / CHUNK_ELEMENTS;
    p->bytes = (int64_t)acn_dtype_bytes(acn_in(c, X)->dtype);
    c->plan->workspace_bytes = (uint64_t)p->chunks * sizeof(int64_t);
    c->plan->cost_us = (uint32_t)(p->count / 512);
    return ACN_OK;
}

static int64_t select_run(const select_task *t, const char *x, int64_t x_stride,
                          const uint8_t *mask, int64_t mask_stride, int64_t n, int64_t found) {
    if (!t->writes) {
        for (int64_t i = 0; i < n; i++)
            found += mask[i * mask_stride] != 0;
        return found;
    }
    uint16_t hit[TILE]; /* no branch on the data: it would be mispredicted */
    for (int64_t i = 0; i < n; i += TILE, mask += TILE * mask_stride, x += TILE * x_stride) {
        int64_t m = n - i < TILE ? n - i : TILE, hits = 0;
        for (int64_t j = 0; j < m; j++) {
            hit[hits] = (uint16_t)j;
            hits += mask[j * mask_stride] != 0;
        }
        ACN_BY_BYTES(t->plan->bytes, T, {
            for (int64_t j = 0; j < hits; j++)
                *(T *)(t->y + (found + j) * t->y_stride) = *(const T *)(x + hit[j] * x_stride);
        });
        found += hits;
    }
    return found;
}

static void select_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const select_task *t = context;
    const acn_walk *w = &t->plan->walk;
    int levels = w->rank - 1;
    int64_t inner = w->dims[levels], i = chunk * CHUNK_ELEMENTS, end = i + CHUNK_ELEMENTS;
    if (end > t->plan->count) end = t->plan->count;
    int64_t found = t->writes ? t->found[chunk] : 0, column = i % inner;
    int64_t x_stride = w->strides[0][levels], mask_stride = w->strides[1][levels];
    acn_walk_at at;
    acn_walk_seek(w, levels, i / inner, &at);
    for (; i < end; acn_walk_next(w, levels, &at), column = 0) {
        int64_t run = inner - column < end - i ? inner - column : end - i;
        found = select_run(t, t->x + at.offset[0] + column * x_stride, x_stride,
                           t->mask + at.offset[1] + column * mask_stride, mask_stride, run, found);
        i += run;
    }
    if (!t->writes) t->found[chunk] = found;
}

static acn_status run_select(acn_call *c) {
    const select_plan *p = c->plan->data;
    select_task t = {.plan = p,
                     .x = acn_in(c, X)->data,
                     .mask = acn_in(c, MASK)->data,
                     .y = acn_out(c, 0)->data,
                     .y_stride = acn_out(c, 0)->strides[0] * p->bytes,
                     .found = c->workspace};
    acn_pool_run(p->chunks, select_chunk, &t);
    int64_t total = 0;
    for (int64_t i = 0; i < p->chunks; i++) {
        int64_t found = t.found[i];
        t.found[i] = total;
        total += found;
    }
    acn_out_set_shape(c, 0, 1, &total);
    t.writes = true;
    acn_pool_run(p->chunks, select_chunk, &t);
    return ACN_OK;
}

static acn_status run0_select(acn_call *c) {
    int rank;
    int64_t dims[ACN_MAX_DIMS], found = 0;
    broadcast_shape(c, &rank, dims);
    acn_tensor x = acn_tensor_broadcast(acn_in(c, X), rank, dims);
    acn_tensor mask = acn_tensor_broadcast(acn_in(c, MASK), rank, dims);
    acn_tensor *y = acn_out(c, 0);
    int64_t n = acn_tensor_count(&x);
    for (int64_t i = 0; i < n; i++)
        found += *(const uint8_t *)acn_tensor_at(&mask, i) != 0;
    acn_out_set_shape(c, 0, 1, &found);
    for (int64_t i = 0, at = 0; i < n; i++)
        if (*(const uint8_t *)acn_tensor_at(&mask, i))
            acn_convert_element(acn_tensor_at(y, at++), y->dtype, acn_tensor_at(&x, i), x.dtype);
    return ACN_OK;
}

ACN_OP(MaskedFill) = {
    .name = "MaskedFill",
    .doc = "y = value where mask is true, else x",
    .in = {{"x", ACN_ALL},
           {"mask", ACN_BOOLS | ACN_T(ACN_U8)},
           {"value", ACN_ALL | ACN_T(ACN_C128), ACN_SCALARISH}},
    .out = {{"y", ACN_ALL}},
    .infer = infer_fill,
    .plan = plan_fill,
    .run = run_fill,
    .run0 = run0_fill,
    .cases = "[5,7],bool[5,7],2 [5,7],bool[7],1 [5,7],bool[5,1],-1 [5,7],bool[],[] [0,3],bool[3],0 "
             "[],bool[],1 f32+f16[1030],bool[1030],-0.5",
};

ACN_OP(MaskedSelect) = {
    .name = "MaskedSelect",
    .doc = "y = the elements of x where mask is true, in row-major order",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}, {"mask", ACN_BOOLS | ACN_T(ACN_U8), ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .infer = infer_select,
    .plan = plan_select,
    .run = run_select,
    .run0 = run0_select,
    .flags = ACN_OP_DYNAMIC_OUT,
    .cases = "[5,7],bool[5,7] [5,7],bool[7] [5,1],bool[7] [],bool[3] [0,3],bool[3] [],bool[] "
             "[400,100],bool[400,100]",
};
