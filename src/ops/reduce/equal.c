/* equal.c - TensorEqual: one bool, whether two tensors have the same shape and elements. */
#include "base/pool.h"
#include "ops/reduce/reduce.h"
#include <stdatomic.h>

enum { CHUNK_ELEMENTS = 1 << 16, LANES = ACN_READ_TILE };

typedef struct equal_plan {
    bool same_shape;
    acn_walk walk;
    acn_dtype dtype[2];
    acn_class klass;
    int64_t segment, segments, units, units_a_chunk;
} equal_plan;

typedef struct task {
    const equal_plan *plan;
    const char *x[2];
    acn_reader reader[2];
    acn_micro_fn equal;
    acn_reduce_fn all;
    atomic_bool differs;
} task;

static acn_status infer(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0);
    static const int64_t one = 1;
    acn_out_is(c, 0, ACN_BOOL, y && y->rank == 1 ? 1 : 0, &one);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    const acn_tensor *a = acn_in(c, 0), *b = acn_in(c, 1);
    equal_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    c->plan->data = p;
    p->same_shape = acn_tensor_same_shape(a, b);
    if (!p->same_shape) return ACN_OK;
    p->dtype[0] = a->dtype;
    p->dtype[1] = b->dtype;
    p->klass =
        acn_class_of(a->dtype == b->dtype ? a->dtype : acn_dtype_promote(a->dtype, b->dtype));
    acn_walk_init(&p->walk, 2, a->rank, a->dims);
    acn_walk_set(&p->walk, 0, a);
    acn_walk_set(&p->walk, 1, b);
    acn_walk_sort(&p->walk, 0);
    acn_walk_merge(&p->walk);
    acn_reader reader;
    for (int i = 0; i < 2; i++)
        if (!acn_reader_find(&reader, p->klass, p->dtype[i]))
            return acn_bad_input(c, i, "expected a type that compares with the other input's");
    int64_t inner = p->walk.dims[p->walk.rank - 1], count = acn_walk_count(&p->walk);
    p->segment = inner < CHUNK_ELEMENTS ? inner : CHUNK_ELEMENTS;
    if (count == 0) return ACN_OK;
    p->segments = (inner + p->segment - 1) / p->segment;
    p->units = count / inner * p->segments;
    p->units_a_chunk = CHUNK_ELEMENTS / p->segment;
    c->plan->cost_us = (uint32_t)(count / 4096);
    return ACN_OK;
}

static void compare(task *t, const char *a, const char *b, int64_t n) {
    const acn_walk *w = &t->plan->walk;
    int64_t a_stride = w->strides[0][w->rank - 1], b_stride = w->strides[1][w->rank - 1];
    _Alignas(64) char room[2][LANES * 8];
    uint8_t equal[LANES], all = 1;
    for (int64_t i = 0; i < n; i += LANES) {
        int64_t m = n - i < LANES ? n - i : LANES;
        t->equal(equal, acn_reader_get(&t->reader[0], a + i * a_stride, a_stride, m, room[0]),
                 acn_reader_get(&t->reader[1], b + i * b_stride, b_stride, m, room[1]), NULL, m);
        t->all(&all, equal, m);
        if (all) continue;
        atomic_store_explicit(&t->differs, true, memory_order_relaxed);
        return;
    }
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    task *t = context;
    const equal_plan *p = t->plan;
    int levels = p->walk.rank - 1;
    int64_t unit = chunk * p->units_a_chunk, end = unit + p->units_a_chunk;
    if (end > p->units) end = p->units;
    for (; unit < end; unit++) {
        if (atomic_load_explicit(&t->differs, memory_order_relaxed)) return;
        acn_walk_at at;
        acn_walk_seek(&p->walk, levels, unit / p->segments, &at);
        int64_t start = unit % p->segments * p->segment, left = p->walk.dims[levels] - start;
        compare(t, t->x[0] + at.offset[0] + start * p->walk.strides[0][levels],
                t->x[1] + at.offset[1] + start * p->walk.strides[1][levels],
                left < p->segment ? left : p->segment);
    }
}

static acn_status run(acn_call *c) {
    const equal_plan *p = c->plan->data;
    const acn_kernels *k = acn_kernels_get();
    bool is_equal = p->same_shape;
    if (p->units > 0) {
        task t = {.plan = p,
                  .x = {acn_in(c, 0)->data, acn_in(c, 1)->data},
                  .equal = k->micro[ACN_U_EQ][p->klass],
                  .all = k->reduce[ACN_R_ALL][ACN_K_B8]};
        for (int i = 0; i < 2; i++)
            acn_reader_find(&t.reader[i], p->klass, p->dtype[i]);
        acn_pool_run((p->units + p->units_a_chunk - 1) / p->units_a_chunk, run_chunk, &t);
        is_equal = !atomic_load(&t.differs);
    }
    *(uint8_t *)acn_out(c, 0)->data = is_equal;
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *a = acn_in(c, 0), *b = acn_in(c, 1);
    bool is_equal = acn_tensor_same_shape(a, b);
    int64_t n = is_equal ? acn_tensor_count(a) : 0;
    for (int64_t i = 0; i < n && is_equal; i++) {
        acn_value x = acn_load_value(acn_tensor_at(a, i), a->dtype);
        acn_value y = acn_load_value(acn_tensor_at(b, i), b->dtype);
        bool is_float = acn_dtype_is_float(a->dtype) || acn_dtype_is_complex(a->dtype) ||
                        acn_dtype_is_float(b->dtype) || acn_dtype_is_complex(b->dtype);
        is_equal = is_float ? x.f == y.f && x.im == y.im : x.i == y.i;
    }
    *(uint8_t *)acn_out(c, 0)->data = is_equal;
    return ACN_OK;
}

ACN_OP(TensorEqual) = {
    .name = "TensorEqual",
    .doc = "whether input_x and input_y have the same shape and the same elements",
    .in = {{"input_x", ACN_ALL}, {"input_y", ACN_ALL}},
    .out = {{"output_z", ACN_BOOLS}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[2,3],[2,3] [5],[6] [],[] [0],[0]",
};
