/* arg.c - where the extreme stands along one dimension: ArgMaxV2, ArgMin, and with its value
 * ArgMaxWithValue, ArgMinWithValue. The first of equals wins; a NaN beats every number. */
#include "base/pool.h"
#include "ops/reduce/reduce.h"
#include <math.h>
#include <string.h>

enum { DIMENSION, KEEP_DIMS, LANES = ACN_READ_TILE, CHUNK_ELEMENTS = 1 << 16 };

typedef struct family {
    bool is_max, has_value;
} family;

typedef struct arg_plan {
    acn_walk walk;          /* indices, values, x over the kept dimensions */
    int64_t length, stride; /* of the reduced dimension, in bytes */
    acn_dtype dtype, index_dtype;
    acn_class klass;
    bool is_max, has_value, is_columns;
    int64_t width, tiles_a_run, tiles, tiles_a_chunk;
} arg_plan;

typedef struct task {
    const arg_plan *plan;
    char *indices, *values;
    const char *x;
    acn_reader reader;
} task;

static acn_status wrapped(const acn_call *c, int *dim) {
    return acn_wrap_dim(c, DIMENSION, acn_attr_int(c, DIMENSION), acn_in(c, 0)->rank, dim);
}

static acn_status infer(acn_call *c) {
    const family *f = c->op->family;
    const acn_tensor *x = acn_in(c, 0), *indices = acn_out(c, 0);
    int dim;
    ACN_TRY(wrapped(c, &dim));
    if (x->rank > 0 && x->dims[dim] == 0)
        return acn_bad_input(c, 0, "expected at least one element in dimension %d", dim);
    uint32_t mask = x->rank ? 1u << dim : 0;
    bool keeps_dims = acn_attr_int(c, KEEP_DIMS);
    acn_reduced_out(c, 0, indices ? indices->dtype : ACN_I64, x, mask, keeps_dims);
    if (f->has_value) acn_reduced_out(c, 1, x->dtype, x, mask, keeps_dims);
    return ACN_OK;
}

static void kept_walk(const acn_call *c, int dim, acn_walk *walk) {
    const family *f = c->op->family;
    const acn_tensor *x = acn_in(c, 0), *indices = acn_out(c, 0), *values = acn_out(c, 1);
    bool keeps_dims = indices->rank == x->rank;
    acn_walk_init(walk, 3, 0, NULL);
    for (int d = 0; d < x->rank; d++) {
        if (d == dim) continue;
        int out = keeps_dims || d < dim ? d : d - 1;
        int64_t strides[3] = {
            indices->strides[out] * (int64_t)acn_dtype_bytes(indices->dtype),
            f->has_value ? values->strides[out] * (int64_t)acn_dtype_bytes(values->dtype) : 0,
            x->strides[d] * (int64_t)acn_dtype_bytes(x->dtype)};
        acn_walk_push(walk, x->dims[d], strides);
    }
    acn_walk_sort(walk, 2);
    acn_walk_merge(walk);
}

static acn_status plan(acn_call *c) {
    const family *f = c->op->family;
    const acn_tensor *x = acn_in(c, 0);
    int dim;
    ACN_TRY(wrapped(c, &dim));
    arg_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    kept_walk(c, dim, &p->walk);
    p->length = x->rank ? x->dims[dim] : 1;
    p->stride = (x->rank ? x->strides[dim] : 1) * (int64_t)acn_dtype_bytes(x->dtype);
    p->dtype = x->dtype;
    p->index_dtype = acn_out(c, 0)->dtype;
    p->klass = acn_class_of(x->dtype);
    p->is_max = f->is_max;
    p->has_value = f->has_value;
    int last = p->walk.rank - 1;
    int64_t lanes = p->walk.dims[last], lane_stride = p->walk.strides[2][last];
    p->is_columns = lanes >= 4 && lane_stride != 0 && lane_stride < p->stride;
    p->width = p->is_columns ? LANES : 1;
    p->tiles_a_run = (lanes + p->width - 1) / p->width;
    p->tiles = p->tiles_a_run;
    for (int d = 0; d < last; d++)
        p->tiles *= p->walk.dims[d];
    p->tiles_a_chunk = CHUNK_ELEMENTS / (p->width * p->length) + 1;
    c->plan->data = p;
    c->plan->cost_us = (uint32_t)(acn_tensor_count(x) / 2048);
    acn_reader reader;
    if (!acn_reader_find(&reader, p->klass, p->dtype))
        return acn_fail(ACN_UNSUPPORTED_DATA_TYPE, "no comparison of %s", acn_dtype_name(p->dtype));
    return ACN_OK;
}

/* One vector of lanes: takes over what is better than the best so far. |is_nan| and |better| are
 * expressions in v (new) and b (best). */
#define TAKE_LANES(T, better)                                                                      \
    do {                                                                                           \
        T *best = best_lanes;                                                                      \
        const T *value = value_lanes;                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            T v = value[i], b = best[i];                                                           \
            bool is_better = better;                                                               \
            best[i] = is_better ? v : b;                                                           \
            index[i] = is_better ? row : index[i];                                                 \
        }                                                                                          \
    } while (0)
#define TAKE(T, is_real)                                                                           \
    do {                                                                                           \
        if (is_max)                                                                                \
            TAKE_LANES(T, v > b || (is_real && v != v && b == b));                                 \
        else                                                                                       \
            TAKE_LANES(T, v < b || (is_real && v != v && b == b));                                 \
    } while (0)

static void take_lanes(acn_class klass, bool is_max, void *best_lanes, int64_t *index,
                       const void *value_lanes, int64_t n, int64_t row) {
    switch (klass) {
    case ACN_K_F32:
        TAKE(float, true);
        break;
    case ACN_K_F64:
        TAKE(double, true);
        break;
    case ACN_K_I32:
        TAKE(int32_t, false);
        break;
    case ACN_K_I64:
        TAKE(int64_t, false);
        break;
    default:
        TAKE(uint8_t, false);
        break;
    }
}

/* The same along a row: index[0], best[0] against value[0..n). */
#define SCAN_ROW(T, better)                                                                        \
    do {                                                                                           \
        const T *value = values;                                                                   \
        T b = *(T *)best;                                                                          \
        int64_t at = *index;                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                          \
            T v = value[i];                                                                        \
            if (!(better)) continue;                                                               \
            b = v;                                                                                 \
            at = start + i;                                                                        \
        }                                                                                          \
        *(T *)best = b;                                                                            \
        *index = at;                                                                               \
    } while (0)
#define SCAN(T, is_real)                                                                           \
    do {                                                                                           \
        if (is_max)                                                                                \
            SCAN_ROW(T, v > b || (is_real && v != v && b == b));                                   \
        else                                                                                       \
            SCAN_ROW(T, v < b || (is_real && v != v && b == b));                                   \
    } while (0)

static void scan_row(acn_class klass, bool is_max, void *best, int64_t *index, const void *values,
                     int64_t n, int64_t start) {
    switch (klass) {
    case ACN_K_F32:
        SCAN(float, true);
        break;
    case ACN_K_F64:
        SCAN(double, true);
        break;
    case ACN_K_I32:
        SCAN(int32_t, false);
        break;
    case ACN_K_I64:
        SCAN(int64_t, false);
        break;
    default:
        SCAN(uint8_t, false);
        break;
    }
}

/* A tile of a row can only matter if its extreme beats the best so far: the vector kernel asks. */
static bool may_improve(const task *t, const void *best, const void *values, int64_t n) {
    const arg_plan *p = t->plan;
    acn_reduce_fn fold = acn_kernels_get()->reduce[p->is_max ? ACN_R_MAX : ACN_R_MIN][p->klass];
    if (!fold || p->klass == ACN_K_B8) return true;
    _Alignas(8) char extreme[8];
    size_t bytes = acn_class_bytes(p->klass);
    memcpy(extreme, best, bytes);
    fold(extreme, values, n);
    return memcmp(extreme, best, bytes) != 0;
}

static void store_index(const arg_plan *p, char *to, int64_t index) {
    if (p->index_dtype == ACN_I64)
        *(int64_t *)to = index;
    else
        *(int32_t *)to = (int32_t)index;
}

static void run_tile(const task *t, int64_t number) {
    const arg_plan *p = t->plan;
    int last = p->walk.rank - 1;
    int64_t lane = number % p->tiles_a_run * p->width, lane_stride = p->walk.strides[2][last];
    int64_t n = p->walk.dims[last] - lane < p->width ? p->walk.dims[last] - lane : p->width;
    acn_walk_at at;
    acn_walk_seek(&p->walk, last, number / p->tiles_a_run, &at);
    const char *x = t->x + at.offset[2] + lane * lane_stride;
    _Alignas(64) char best[LANES * 8], room[LANES * 8];
    int64_t index[LANES];
    memset(index, 0, (size_t)n * sizeof index[0]);
    size_t bytes = acn_class_bytes(p->klass);
    if (p->is_columns) {
        memcpy(best, acn_reader_get(&t->reader, x, lane_stride, n, room), (size_t)n * bytes);
        for (int64_t row = 1; row < p->length; row++)
            take_lanes(p->klass, p->is_max, best, index,
                       acn_reader_get(&t->reader, x + row * p->stride, lane_stride, n, room), n,
                       row);
    } else {
        memcpy(best, acn_reader_get(&t->reader, x, p->stride, 1, room), bytes);
        for (int64_t i = 0; i < p->length; i += LANES) {
            int64_t m = p->length - i < LANES ? p->length - i : LANES;
            const void *values = acn_reader_get(&t->reader, x + i * p->stride, p->stride, m, room);
            if (m < 32 || may_improve(t, best, values, m))
                scan_row(p->klass, p->is_max, best, index, values, m, i);
        }
    }
    int64_t index_stride = p->walk.strides[0][last], value_stride = p->walk.strides[1][last];
    int64_t x_bytes = t->reader.bytes;
    for (int64_t i = 0; i < n; i++) {
        store_index(p, t->indices + at.offset[0] + (lane + i) * index_stride, index[i]);
        if (p->has_value)
            memcpy(t->values + at.offset[1] + (lane + i) * value_stride,
                   x + i * lane_stride + index[i] * p->stride, (size_t)x_bytes);
    }
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    int64_t end = (chunk + 1) * t->plan->tiles_a_chunk;
    if (end > t->plan->tiles) end = t->plan->tiles;
    for (int64_t i = chunk * t->plan->tiles_a_chunk; i < end; i++)
        run_tile(t, i);
}

static acn_status run(acn_call *c) {
    const arg_plan *p = c->plan->data;
    task t = {.plan = p,
              .indices = acn_out(c, 0)->data,
              .values = p->has_value ? acn_out(c, 1)->data : NULL,
              .x = acn_in(c, 0)->data};
    acn_reader_find(&t.reader, p->klass, p->dtype);
    acn_pool_run((p->tiles + p->tiles_a_chunk - 1) / p->tiles_a_chunk, run_chunk, &t);
    return ACN_OK;
}

static bool beats(const family *f, acn_dtype dtype, acn_value a, acn_value b) {
    if (acn_dtype_is_float(dtype)) {
        if (isnan(a.f) || isnan(b.f)) return isnan(a.f) && !isnan(b.f);
        return f->is_max ? a.f > b.f : a.f < b.f;
    }
    return f->is_max ? a.i > b.i : a.i < b.i;
}

static acn_status run0(acn_call *c) {
    const family *f = c->op->family;
    const acn_tensor *x = acn_in(c, 0), *indices = acn_out(c, 0);
    int dim;
    ACN_TRY(wrapped(c, &dim));
    int64_t outputs = acn_tensor_count(indices), length = x->rank ? x->dims[dim] : 1;
    for (int64_t o = 0; o < outputs; o++) {
        int64_t index[ACN_MAX_DIMS] = {0}, kept = o, best = 0;
        for (int d = x->rank - 1; d >= 0; d--) {
            if (d == dim) continue;
            index[d] = kept % x->dims[d];
            kept /= x->dims[d];
        }
        acn_value extreme = acn_load_value(acn_tensor_at_index(x, index), x->dtype);
        for (int64_t i = 1; i < length; i++) {
            index[dim] = i;
            acn_value v = acn_load_value(acn_tensor_at_index(x, index), x->dtype);
            if (!beats(f, x->dtype, v, extreme)) continue;
            extreme = v;
            best = i;
        }
        acn_store_value(acn_tensor_at(indices, o), indices->dtype,
                        (acn_value){.f = (double)best, .i = best});
        if (f->has_value) acn_store_value(acn_tensor_at(acn_out(c, 1), o), x->dtype, extreme);
    }
    return ACN_OK;
}

#define ARG_OP(id, text, index_name, value_types, cases_text, ...)                                 \
    static const family family_##id = {__VA_ARGS__};                                               \
    ACN_OP(id) = {.name = #id,                                                                     \
                  .doc = text,                                                                     \
                  .in = {{"x", ACN_REALS | ACN_BOOLS}},                                            \
                  .out = {{index_name, ACN_T(ACN_I32) | ACN_T(ACN_I64)},                           \
                          {(value_types) ? "values" : NULL, value_types}},                         \
                  .attr = {{"dimension", ACN_ATTR_INT}, {"keep_dims", ACN_ATTR_BOOL}},             \
                  .infer = infer,                                                                  \
                  .plan = plan,                                                                    \
                  .run = run,                                                                      \
                  .run0 = run0,                                                                    \
                  .family = &family_##id,                                                          \
                  .cases = cases_text}
#define CASES                                                                                      \
    "[2,3]|dimension=1 [5,70]|dimension=0 [3,1000]|dimension=-1 [4,5,6]|dimension=1 "              \
    "[9]|dimension=0 [600,5]|dimension=0|keep_dims=1"
#define NO_VALUE 0
#define VALUE    ACN_REALS | ACN_BOOLS

ARG_OP(ArgMaxV2, "index of the greatest of x along dimension", "y", NO_VALUE, CASES,
       .is_max = true);
ARG_OP(ArgMin, "index of the least of x along dimension", "y", NO_VALUE, CASES, .is_max = false);
ARG_OP(ArgMaxWithValue, "the greatest of x along dimension, and its index", "indice", VALUE, CASES,
       .is_max = true, .has_value = true);
ARG_OP(ArgMinWithValue, "the least of x along dimension, and its index", "indice", VALUE, CASES,
       .is_max = false, .has_value = true);
