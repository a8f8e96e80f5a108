/* flat.c - elements of x by their number in row-major order, whatever x's shape and strides: Take
 * reads them, Put writes or adds them (in order, by one thread: numbers may come twice). */
#include "base/pool.h"
#include "ops/index/bounds.h"
#include "ops/layout/copy.h"
#include <stdatomic.h>
#include <string.h>

enum { X, INDEX, SOURCE, CHUNK = 8192 };

/* Where the |number|-th element of a tensor stands. */
typedef struct places {
    int rank;
    int64_t dims[ACN_MAX_DIMS], steps[ACN_MAX_DIMS]; /* in bytes */
    bool is_line;
} places;

static places places_of(const acn_tensor *t) {
    acn_walk w;
    acn_walk_init(&w, 1, t->rank, t->dims);
    acn_walk_set(&w, 0, t);
    acn_walk_merge(&w);
    places p = {.rank = w.rank, .is_line = w.rank == 1};
    memcpy(p.dims, w.dims, (size_t)w.rank * sizeof *p.dims);
    memcpy(p.steps, w.strides[0], (size_t)w.rank * sizeof *p.steps);
    return p;
}

static inline int64_t place_of(const places *p, int64_t number) {
    if (p->is_line) return number * p->steps[0];
    int64_t at = 0;
    for (int d = p->rank - 1; d >= 0; d--) {
        at += number % p->dims[d] * p->steps[d];
        number /= p->dims[d];
    }
    return at;
}

/* Numbers are in range here; negative ones count from the end. */
static inline int64_t load_number(const void *p, acn_dtype dtype, int64_t size) {
    int64_t number = dtype == ACN_I64 ? *(const int64_t *)p : *(const int32_t *)p;
    return number < 0 ? number + size : number;
}

static acn_status check_index(const acn_call *c) {
    const acn_tensor *index = acn_in(c, INDEX);
    if (acn_tensor_count(index) && !ACN_HAS(ACN_INDEX_TYPES, index->dtype))
        return acn_bad_input(c, INDEX, "expected i64 or i32");
    return ACN_OK;
}

/* ---- Take ------------------------------------------------------------------------------------ */

static acn_status take_infer(acn_call *c) {
    ACN_TRY(check_index(c));
    acn_out_like(c, 0, acn_in(c, X)->dtype, acn_in(c, INDEX));
    return ACN_OK;
}

typedef struct take_plan {
    places x;
    acn_walk walk; /* operand 0: y, 1: index */
    int64_t size, count, bytes;
    acn_dtype index_dtype;
} take_plan;

static acn_status take_plan_of(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *index = acn_in(c, INDEX);
    take_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    *p = (take_plan){.x = places_of(x),
                     .size = acn_tensor_count(x),
                     .count = acn_tensor_count(index),
                     .bytes = (int64_t)acn_dtype_bytes(x->dtype),
                     .index_dtype = index->dtype};
    acn_walk_init(&p->walk, 2, index->rank, index->dims);
    acn_walk_set(&p->walk, 0, acn_out(c, 0));
    acn_walk_set(&p->walk, 1, index);
    acn_walk_sort(&p->walk, 0);
    acn_walk_merge(&p->walk);
    c->plan->data = p;
    c->plan->cost_us = (uint32_t)(p->count / 256 & 0x7fffffff);
    return ACN_OK;
}

typedef struct take_task {
    const acn_call *call;
    atomic_bool has_bad;
} take_task;

static void take_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    take_task *t = context;
    const acn_call *c = t->call;
    const take_plan *p = c->plan->data;
    acn_bounds bounds = acn_bounds_of(p->size, true);
    int last = p->walk.rank - 1;
    int64_t from = chunk * CHUNK, end = from + CHUNK < p->count ? from + CHUNK : p->count;
    int64_t inner = p->walk.dims[last], i = from % inner;
    acn_walk_at at;
    acn_walk_seek(&p->walk, last, from / inner, &at);
    for (; from < end; acn_walk_next(&p->walk, last, &at), i = 0) {
        int64_t n = inner - i < end - from ? inner - i : end - from;
        int64_t y_step = p->walk.strides[0][last], index_step = p->walk.strides[1][last];
        char *y = (char *)acn_out(c, 0)->data + at.offset[0] + i * y_step;
        const char *index = (const char *)acn_in(c, INDEX)->data + at.offset[1] + i * index_step;
        const char *x = acn_in(c, X)->data;
        ACN_BY_BYTES(p->bytes, T, {
            for (int64_t j = 0; j < n; j++) {
                const char *at_index = index + j * index_step;
                int64_t number =
                    acn_bounds_wrap(bounds, p->index_dtype == ACN_I64 ? *(const int64_t *)at_index
                                                                      : *(const int32_t *)at_index);
                if (number < 0) {
                    atomic_store(&t->has_bad, true);
                    return;
                }
                *(T *)(y + j * y_step) = *(const T *)(x + place_of(&p->x, number));
            }
        });
        from += n;
    }
}

static acn_status take_run(acn_call *c) {
    const take_plan *p = c->plan->data;
    take_task t = {.call = c};
    acn_pool_run((p->count + CHUNK - 1) / CHUNK, take_chunk, &t);
    if (!atomic_load(&t.has_bad)) return ACN_OK;
    return acn_bounds_tell(c, INDEX, 0, acn_bounds_of(p->size, true));
}

/* A number's own index, checked. */
static acn_status number_at(const acn_call *c, int64_t i, int64_t *number) {
    int64_t at[ACN_MAX_DIMS] = {0};
    acn_index_of(acn_in(c, INDEX), i, at);
    acn_bounds bounds = acn_bounds_of(acn_tensor_count(acn_in(c, X)), true);
    return acn_bounds_at(c, INDEX, 0, bounds, acn_in(c, INDEX), at, number);
}

static acn_status take_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t number;
        ACN_TRY(number_at(c, i, &number));
        acn_convert_element(acn_tensor_at(y, i), y->dtype, acn_tensor_at(x, number), x->dtype);
    }
    return ACN_OK;
}

ACN_OP(Take) = {
    .name = "Take",
    .doc = "y = the elements of x, as one row, that index names",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}, {"index", ACN_MOVABLE, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .infer = take_infer,
    .plan = take_plan_of,
    .run = take_run,
    .run0 = take_run0,
    .cases = "[6,7],i64[4]@-42..41 [6,7,3],i32[5,9]@-126..125 [9],i64[]@0..8 [6,7],i64[0] "
             "[300,70],i64[4000]@-21000..20999",
};

/* ---- Put ------------------------------------------------------------------------------------- */

static acn_status put_infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *source = acn_in(c, SOURCE);
    ACN_TRY(check_index(c));
    if (source->dtype != x->dtype)
        return acn_bad_input(c, SOURCE, "expected %s, as %s has", acn_dtype_name(x->dtype),
                             c->op->in[X].name);
    if (acn_tensor_count(source) != acn_tensor_count(acn_in(c, INDEX)))
        return acn_bad_input(c, SOURCE, "expected as many elements as indices, %lld",
                             (long long)acn_tensor_count(acn_in(c, INDEX)));
    acn_out_like(c, 0, x->dtype, x);
    return ACN_OK;
}

typedef struct put_plan {
    acn_copy copy;
    places y, index, source;
} put_plan;

static acn_status put_plan_of(acn_call *c) {
    put_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    ACN_TRY(acn_copy_plan(&p->copy, acn_out(c, 0), acn_in(c, X)));
    p->y = places_of(acn_out(c, 0));
    p->index = places_of(acn_in(c, INDEX));
    p->source = places_of(acn_in(c, SOURCE));
    c->plan->data = p;
    c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_in(c, INDEX)) / 128 & 0x7fffffff);
    return ACN_OK;
}

static acn_value sum_of(acn_dtype dtype, acn_value a, acn_value b) {
    int64_t i = (int64_t)((uint64_t)a.i + (uint64_t)b.i);
    return (acn_value){.f = a.f + b.f, .im = a.im + b.im, .i = dtype == ACN_BOOL ? i != 0 : i};
}

static acn_status put_run(acn_call *c) {
    const put_plan *p = c->plan->data;
    const acn_tensor *x = acn_in(c, X), *index = acn_in(c, INDEX), *source = acn_in(c, SOURCE);
    acn_tensor *y = acn_out(c, 0);
    int64_t n = acn_tensor_count(index), size = acn_tensor_count(x);
    size_t bytes = acn_dtype_bytes(y->dtype);
    bool adds = acn_attr_int(c, 0);
    if (n) ACN_TRY(acn_bounds_check(c, INDEX, 0, acn_bounds_of(size, true)));
    if (y->data != x->data) acn_copy_run(&p->copy, y->data, x->data);
    for (int64_t i = 0; i < n; i++) {
        const char *from = (const char *)source->data + place_of(&p->source, i);
        const char *numbers = (const char *)index->data + place_of(&p->index, i);
        char *to = (char *)y->data + place_of(&p->y, load_number(numbers, index->dtype, size));
        if (!adds)
            memcpy(to, from, bytes);
        else
            acn_store_value(
                to, y->dtype,
                sum_of(y->dtype, acn_load_value(to, y->dtype), acn_load_value(from, y->dtype)));
    }
    return ACN_OK;
}

static acn_status put_run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0), *source = acn_in(c, SOURCE);
    if (y->data != x->data) acn_copy_naive(y, x);
    for (int64_t i = 0; i < acn_tensor_count(source); i++) {
        int64_t number;
        ACN_TRY(number_at(c, i, &number));
        char *to = acn_tensor_at(y, number);
        acn_value v = acn_load_value(acn_tensor_at(source, i), source->dtype);
        if (acn_attr_int(c, 0)) v = sum_of(y->dtype, acn_load_value(to, y->dtype), v);
        acn_store_value(to, y->dtype, v);
    }
    return ACN_OK;
}

ACN_OP(Put) = {
    .name = "Put",
    .doc = "y = x, whose elements that index names (as one row) are source, or get it added",
    .in = {{"x", ACN_ALL},
           {"index", ACN_MOVABLE, ACN_UNALIASED},
           {"source", ACN_ALL, ACN_UNALIASED}},
    .out = {{"y", ACN_ALL}},
    .attr = {{"accumulate", ACN_ATTR_BOOL}},
    .infer = put_infer,
    .plan = put_plan_of,
    .run = put_run,
    .run0 = put_run0,
    .cases =
        "tolerance=reduction [6,7],i64[4]@-42..41,[4] [6,7],i32[2,30]@-42..41,[60]|accumulate=1 "
        "[9],i64[]@0..8,[1] [6,7],i64[0],[0]",
};
