/* nonzero.c - NonZero: the indices of elements that differ from 0, one row each; transposed: one
 * row a dimension. The output is packed: its true shape is known after run. */
#include "base/pool.h"
#include "ops/reduce/reduce.h"

enum { TRANSPOSE, CHUNK_ELEMENTS = 32768, TILE = ACN_READ_TILE };

typedef struct nonzero_plan {
    acn_walk walk; /* x, in row-major order, dimensions as they are */
    acn_dtype dtype, index_dtype;
    int64_t count, chunks;
    int rank;
    bool is_transposed;
} nonzero_plan;

/* From one row, and from one dimension, to the next. */
typedef struct steps {
    int64_t row, dim;
} steps;

typedef struct task {
    const nonzero_plan *plan;
    const char *x;
    char *y;
    acn_reader reader;
    int64_t *found; /* a chunk: first how many it has, then the number of its first */
    int64_t total;
    steps steps;
    bool writes;
} task;

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    bool is_transposed = acn_attr_int(c, TRANSPOSE);
    int64_t dims[2];
    dims[is_transposed ? 1 : 0] = acn_tensor_count(x);
    dims[is_transposed ? 0 : 1] = x->rank;
    int rows = is_transposed ? 1 : 0; /* there may be more room than for all */
    bool needs_none = x->rank == 0;   /* its indices have no numbers */
    if (y && y->rank == 2 && (y->dims[rows] > dims[rows] || needs_none)) dims[rows] = y->dims[rows];
    acn_out_is(c, 0, y ? y->dtype : ACN_I64, 2, dims);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    nonzero_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    c->plan->data = p;
    acn_walk_init(&p->walk, 1, x->rank, x->dims);
    acn_walk_set(&p->walk, 0, x);
    if (x->rank == 0) acn_walk_merge(&p->walk);
    p->dtype = x->dtype;
    p->index_dtype = acn_out(c, 0)->dtype;
    p->rank = x->rank;
    p->is_transposed = acn_attr_int(c, TRANSPOSE);
    p->count = acn_tensor_count(x);
    p->chunks = (p->count + CHUNK_ELEMENTS - 1) / CHUNK_ELEMENTS;
    c->plan->workspace_bytes = (uint64_t)p->chunks * sizeof(int64_t);
    c->plan->cost_us = (uint32_t)(p->count / 512);
    return ACN_OK;
}

static void store(const task *t, int64_t row, int dim, int64_t index) {
    int64_t place = row * t->steps.row + dim * t->steps.dim;
    if (t->plan->index_dtype == ACN_I64)
        ((int64_t *)t->y)[place] = index;
    else
        ((int32_t *)t->y)[place] = (int32_t)index;
}

static void store_hits(const task *t, const acn_walk_at *at, int64_t column, const uint16_t *hit,
                       int64_t hits, int64_t found) {
    int last = t->plan->rank - 1;
    for (int d = 0; d < last; d++)
        for (int64_t j = 0; j < hits; j++)
            store(t, found + j, d, at->index[d]);
    for (int64_t j = 0; j < hits && last >= 0; j++)
        store(t, found + j, last, column + hit[j]);
}

static int64_t scan_run(const task *t, const acn_walk_at *at, int64_t column, int64_t n,
                        int64_t found) {
    const acn_walk *w = &t->plan->walk;
    int levels = w->rank - 1;
    int64_t stride = w->strides[0][levels];
    _Alignas(64) char room[TILE * 8];
    for (int64_t i = 0; i < n; i += TILE) {
        int64_t m = n - i < TILE ? n - i : TILE;
        const uint8_t *truth = acn_reader_get(
            &t->reader, t->x + at->offset[0] + (column + i) * stride, stride, m, room);
        int64_t hits = 0;
        if (!t->writes) {
            for (int64_t j = 0; j < m; j++)
                hits += truth[j];
        } else {
            uint16_t hit[TILE]; /* no branch on the data: it would be mispredicted */
            for (int64_t j = 0; j < m; j++) {
                hit[hits] = (uint16_t)j;
                hits += truth[j];
            }
            store_hits(t, at, column + i, hit, hits, found);
        }
        found += hits;
    }
    return found;
}

static void scan_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    const acn_walk *w = &t->plan->walk;
    int levels = w->rank - 1;
    int64_t inner = w->dims[levels], i = chunk * CHUNK_ELEMENTS, end = i + CHUNK_ELEMENTS;
    if (end > t->plan->count) end = t->plan->count;
    int64_t found = t->writes ? t->found[chunk] : 0, column = i % inner;
    acn_walk_at at;
    acn_walk_seek(w, levels, i / inner, &at);
    for (; i < end; acn_walk_next(w, levels, &at), column = 0) {
        int64_t run = inner - column < end - i ? inner - column : end - i;
        found = scan_run(t, &at, column, run, found);
        i += run;
    }
    if (!t->writes) t->found[chunk] = found;
}

/* A contiguous output is packed to its true shape; a strided one keeps its strides. */
static steps steps_of(const acn_call *c, int64_t total) {
    const acn_tensor *y = acn_out(c, 0);
    bool is_transposed = acn_attr_int(c, TRANSPOSE);
    if (!acn_tensor_is_contiguous(y))
        return (steps){y->strides[is_transposed ? 1 : 0], y->strides[is_transposed ? 0 : 1]};
    return is_transposed ? (steps){1, total} : (steps){acn_in(c, 0)->rank, 1};
}

static void tell_count(acn_call *c, int64_t total) {
    bool is_transposed = acn_attr_int(c, TRANSPOSE);
    int64_t dims[2];
    dims[is_transposed ? 1 : 0] = total;
    dims[is_transposed ? 0 : 1] = acn_in(c, 0)->rank;
    acn_out_set_shape(c, 0, 2, dims);
}

static acn_status run(acn_call *c) {
    const nonzero_plan *p = c->plan->data;
    task t = {.plan = p, .x = acn_in(c, 0)->data, .y = acn_out(c, 0)->data, .found = c->workspace};
    acn_reader_find(&t.reader, ACN_K_B8, p->dtype);
    acn_pool_run(p->chunks, scan_chunk, &t);
    for (int64_t i = 0; i < p->chunks; i++) {
        int64_t found = t.found[i];
        t.found[i] = t.total;
        t.total += found;
    }
    t.steps = steps_of(c, t.total);
    tell_count(c, t.total);
    t.writes = true;
    acn_pool_run(p->chunks, scan_chunk, &t);
    return ACN_OK;
}

static bool differs(const acn_tensor *x, int64_t i) {
    uint8_t truth;
    acn_convert_element(&truth, ACN_BOOL, acn_tensor_at(x, i), x->dtype);
    return truth;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int64_t n = acn_tensor_count(x), total = 0, row = 0, bytes = (int64_t)acn_dtype_bytes(y->dtype);
    for (int64_t i = 0; i < n; i++)
        total += differs(x, i);
    steps step = steps_of(c, total);
    tell_count(c, total);
    for (int64_t i = 0; i < n; i++) {
        if (!differs(x, i)) continue;
        int64_t index[ACN_MAX_DIMS];
        acn_index_of(x, i, index);
        for (int d = 0; d < x->rank; d++) {
            int64_t place = row * step.row + d * step.dim;
            acn_store_value((char *)y->data + place * bytes, y->dtype,
                            (acn_value){.f = (double)index[d], .i = index[d]});
        }
        row++;
    }
    return ACN_OK;
}

ACN_OP(NonZero) = {
    .name = "NonZero",
    .doc = "y = the indices of x's elements other than 0, in row-major order",
    .in = {{"x", ACN_ALL, ACN_UNALIASED}},
    .out = {{"y", ACN_T(ACN_I64) | ACN_T(ACN_I32)}},
    .attr = {{"transpose", ACN_ATTR_BOOL}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .flags = ACN_OP_DYNAMIC_OUT,
    .cases = "[5,7] [5,7]|transpose=1 bool[2,3,4] bool[400,100]|transpose=1 [] [0,3] i8[200]@-1..1",
};
