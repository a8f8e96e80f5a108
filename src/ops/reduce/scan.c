/* scan.c - what comes so far along a dimension: Cumsum, Cumprod, and with the place Cummax, Cummin.
 *
 * Sums and products are carried in double (integers in 64 bits) and rounded where they are stored.
 * Rows are scanned one by one, or side by side where memory runs across the dimension. */
#include "base/pool.h"
#include "ops/reduce/reduce.h"
#include <math.h>
#include <string.h>

enum { AXIS, DTYPE, TILE = ACN_READ_TILE, CHUNK_ELEMENTS = 1 << 15 };

typedef enum scan_kind { SUM, PROD, MAX, MIN } scan_kind;

typedef struct scan_plan {
    acn_walk kept; /* operand 0: y, 1: indices, 2: x */
    int64_t length, strides[3];
    acn_class klass;
    acn_dtype x_dtype, own; /* |own|: the class's dtype */
    scan_kind kind;
    int64_t width, groups_a_run, groups, groups_a_chunk;
} scan_plan;

static scan_kind kind_of(const acn_call *c) { return *(const scan_kind *)c->op->family; }
static bool gives_place(scan_kind kind) { return kind >= MAX; }

static acn_status dim_of(const acn_call *c, int *dim) {
    return acn_wrap_dim(c, AXIS, acn_attr_int(c, AXIS), acn_in(c, 0)->rank, dim);
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int dim;
    ACN_TRY(dim_of(c, &dim));
    if (gives_place(kind_of(c))) {
        acn_out_like(c, 0, x->dtype, x);
        acn_out_like(c, 1, acn_out(c, 1) ? acn_out(c, 1)->dtype : ACN_I64, x);
        return ACN_OK;
    }
    acn_dtype dtype = acn_dtype_category(x->dtype) < 2 ? ACN_I64 : x->dtype;
    if (c->attr[DTYPE].is_present) dtype = (acn_dtype)acn_attr_int(c, DTYPE);
    if (dtype == ACN_UNDEFINED) dtype = y ? y->dtype : x->dtype;
    if (!ACN_HAS(c->op->out[0].dtypes, dtype))
        return acn_bad_attr(c, DTYPE, "is %s; expected a number's type", acn_dtype_name(dtype));
    acn_out_like(c, 0, dtype, x);
    return ACN_OK;
}

/* The class that carries the result. */
static acn_class class_of(const acn_call *c) {
    acn_dtype dtype = acn_out(c, 0)->dtype;
    if (gives_place(kind_of(c))) return acn_class_of(dtype);
    return acn_dtype_is_complex(dtype) ? ACN_K_C64
           : acn_dtype_is_float(dtype) ? ACN_K_F64
                                       : ACN_K_I64;
}

static int64_t step_of(const acn_tensor *t, int d) {
    return t && t->rank ? t->strides[d] * (int64_t)acn_dtype_bytes(t->dtype) : 0;
}

static acn_status plan(acn_call *c) {
    static const acn_dtype own[ACN_CLASS_COUNT] = {
        [ACN_K_F32] = ACN_F32, [ACN_K_F64] = ACN_F64, [ACN_K_I32] = ACN_I32,
        [ACN_K_I64] = ACN_I64, [ACN_K_C64] = ACN_C64, [ACN_K_B8] = ACN_BOOL};
    const acn_tensor *x = acn_in(c, 0), *operands[3] = {acn_out(c, 0), acn_out(c, 1), x};
    int dim;
    ACN_TRY(dim_of(c, &dim));
    scan_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    acn_walk_init(&p->kept, 3, 0, NULL);
    for (int d = 0; d < x->rank; d++) {
        int64_t strides[3];
        for (int k = 0; k < 3; k++)
            strides[k] = step_of(operands[k], d);
        if (d == dim)
            memcpy(p->strides, strides, sizeof strides);
        else
            acn_walk_push(&p->kept, x->dims[d], strides);
    }
    acn_walk_sort(&p->kept, 2);
    acn_walk_merge(&p->kept);
    p->length = x->rank ? x->dims[dim] : 1;
    p->klass = class_of(c);
    p->own = own[p->klass];
    p->x_dtype = x->dtype;
    p->kind = kind_of(c);
    int last = p->kept.rank - 1;
    int64_t lanes = p->kept.dims[last], step = p->kept.strides[2][last];
    bool is_columns = lanes >= 4 && p->length > 1 && step != 0 && step < p->strides[2];
    p->width = !is_columns ? 1 : lanes < TILE ? lanes : TILE;
    p->groups_a_run = (lanes + p->width - 1) / p->width;
    p->groups = p->length ? p->groups_a_run : 0;
    for (int d = 0; d < last; d++)
        p->groups *= p->kept.dims[d];
    p->groups_a_chunk = CHUNK_ELEMENTS / (p->width * (p->length + 8)) + 1;
    acn_reader reader;
    acn_route route;
    if (!acn_reader_find(&reader, p->klass, x->dtype) ||
        !acn_route_find(&route, operands[0]->dtype, p->own))
        return acn_fail(ACN_UNSUPPORTED_DATA_TYPE, "no scan of %s", acn_dtype_name(x->dtype));
    c->plan->data = p;
    c->plan->cost_us = (uint32_t)(acn_tensor_count(x) / 512 & 0x7fffffff);
    return ACN_OK;
}

/* ---- kernels --------------------------------------------------------------------------------- */

typedef struct pair {
    float re, im;
} pair;
static inline pair pair_add(pair a, pair b) { return (pair){a.re + b.re, a.im + b.im}; }
static inline pair pair_multiply(pair a, pair b) {
    return (pair){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* Along a row: out[i] = sum so far; the sum goes on in *state. */
#define ALONG(T, update)                                                                           \
    do {                                                                                           \
        const T *x = values;                                                                       \
        T *y = out, s = *(T *)state;                                                               \
        for (int64_t i = 0; i < n; i++) {                                                          \
            T v = x[i];                                                                            \
            s = update;                                                                            \
            y[i] = s;                                                                              \
        }                                                                                          \
        *(T *)state = s;                                                                           \
    } while (0)
/* Across: each lane has a state of its own. */
#define ACROSS(T, update)                                                                          \
    do {                                                                                           \
        const T *x = values;                                                                       \
        T *states = state;                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                          \
            T v = x[i], s = states[i];                                                             \
            states[i] = update;                                                                    \
        }                                                                                          \
    } while (0)
#define BY_CLASS(LOOP)                                                                             \
    do {                                                                                           \
        if (klass == ACN_K_F64 && kind == SUM)                                                     \
            LOOP(double, s + v);                                                                   \
        else if (klass == ACN_K_F64)                                                               \
            LOOP(double, s *v);                                                                    \
        else if (klass == ACN_K_C64 && kind == SUM)                                                \
            LOOP(pair, pair_add(s, v));                                                            \
        else if (klass == ACN_K_C64)                                                               \
            LOOP(pair, pair_multiply(s, v));                                                       \
        else if (kind == SUM)                                                                      \
            LOOP(uint64_t, s + v);                                                                 \
        else                                                                                       \
            LOOP(uint64_t, s *v);                                                                  \
    } while (0)

static void scan_along(acn_class klass, scan_kind kind, void *state, void *out, const void *values,
                       int64_t n) {
    BY_CLASS(ALONG);
}

static void scan_across(acn_class klass, scan_kind kind, void *state, const void *values,
                        int64_t n) {
    BY_CLASS(ACROSS);
}

/* Extremes, with their places: the last of equals counts, and a NaN stays. |along|: the state is
 * one lane's and every step is written to |out| and |places|; else each lane has its own. */
#define EXTREME(T, better)                                                                         \
    do {                                                                                           \
        const T *x = values;                                                                       \
        T *best = state, *y = out, b = best[0];                                                    \
        int64_t place = at[0];                                                                     \
        for (int64_t i = 0; along && i < n; i++) {                                                 \
            T v = x[i];                                                                            \
            if (better) b = v, place = start + i;                                                  \
            y[i] = b;                                                                              \
            places[i] = place;                                                                     \
        }                                                                                          \
        if (along) best[0] = b, at[0] = place;                                                     \
        for (int64_t i = 0; !along && i < n; i++) {                                                \
            T v = x[i];                                                                            \
            b = best[i];                                                                           \
            bool is_better = better;                                                               \
            best[i] = is_better ? v : b;                                                           \
            at[i] = is_better ? start : at[i];                                                     \
        }                                                                                          \
    } while (0)
#define FLOAT_EXTREME(T)                                                                           \
    do {                                                                                           \
        if (kind == MAX)                                                                           \
            EXTREME(T, v != v || (b == b && v >= b));                                              \
        else                                                                                       \
            EXTREME(T, v != v || (b == b && v <= b));                                              \
    } while (0)
#define WHOLE_EXTREME(T)                                                                           \
    do {                                                                                           \
        if (kind == MAX)                                                                           \
            EXTREME(T, v >= b);                                                                    \
        else                                                                                       \
            EXTREME(T, v <= b);                                                                    \
    } while (0)

static inline void extreme(acn_class klass, scan_kind kind, bool along, void *state, int64_t *at,
                           void *out, int64_t *places, const void *values, int64_t n,
                           int64_t start) {
    switch (klass) {
    case ACN_K_F32:
        FLOAT_EXTREME(float);
        break;
    case ACN_K_F64:
        FLOAT_EXTREME(double);
        break;
    case ACN_K_I32:
        WHOLE_EXTREME(int32_t);
        break;
    case ACN_K_I64:
        WHOLE_EXTREME(int64_t);
        break;
    default:
        WHOLE_EXTREME(uint8_t);
        break;
    }
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct task {
    const acn_call *call;
    const scan_plan *plan;
    acn_reader reader;
    acn_route store, store_place;
} task;

/* |n| results to memory where they stand |step| bytes apart. */
static void put(const acn_route *route, char *to, int64_t step, const void *from, int64_t n) {
    _Alignas(64) char packed[TILE * 8];
    int64_t bytes = route->to_bytes;
    acn_route_run(route, step == bytes ? to : packed, from, n);
    if (step == bytes) return;
    ACN_BY_BYTES(bytes, T, {
        for (int64_t i = 0; i < n; i++)
            *(T *)(to + i * step) = ((const T *)packed)[i];
    });
}

typedef struct lanes {
    _Alignas(64) char state[TILE * 8];
    int64_t at[TILE];
} lanes;

/* Takes the first element over as it is, so that no neutral one is needed. */
static void scan_row(const task *t, char *y, char *places, const char *x) {
    const scan_plan *p = t->plan;
    size_t bytes = acn_class_bytes(p->klass);
    _Alignas(64) char room[TILE * 8], out[TILE * 8];
    _Alignas(8) char state[8];
    int64_t place[TILE], at = 0;
    for (int64_t i = 0; i < p->length; i += TILE) {
        int64_t n = p->length - i < TILE ? p->length - i : TILE;
        const void *v = acn_reader_get(&t->reader, x + i * p->strides[2], p->strides[2], n, room);
        int64_t first = i == 0;
        if (first) memcpy(state, v, bytes), memcpy(out, v, bytes), place[0] = 0;
        const char *rest = (const char *)v + first * (int64_t)bytes;
        if (gives_place(p->kind)) {
            extreme(p->klass, p->kind, true, state, &at, out + first * (int64_t)bytes,
                    place + first, rest, n - first, i + first);
            put(&t->store_place, places + i * p->strides[1], p->strides[1], place, n);
        } else {
            scan_along(p->klass, p->kind, state, out + first * (int64_t)bytes, rest, n - first);
        }
        put(&t->store, y + i * p->strides[0], p->strides[0], out, n);
    }
}

static void scan_lanes(const task *t, char *y, char *places, const char *x, int64_t n) {
    const scan_plan *p = t->plan;
    int last = p->kept.rank - 1;
    lanes l;
    _Alignas(64) char room[TILE * 8];
    memset(l.at, 0, (size_t)n * sizeof l.at[0]);
    for (int64_t i = 0; i < p->length; i++) {
        const void *v =
            acn_reader_get(&t->reader, x + i * p->strides[2], p->kept.strides[2][last], n, room);
        if (i == 0)
            memcpy(l.state, v, (size_t)n * acn_class_bytes(p->klass));
        else if (gives_place(p->kind))
            extreme(p->klass, p->kind, false, l.state, l.at, NULL, NULL, v, n, i);
        else
            scan_across(p->klass, p->kind, l.state, v, n);
        put(&t->store, y + i * p->strides[0], p->kept.strides[0][last], l.state, n);
        if (gives_place(p->kind))
            put(&t->store_place, places + i * p->strides[1], p->kept.strides[1][last], l.at, n);
    }
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    const scan_plan *p = t->plan;
    int last = p->kept.rank - 1;
    int64_t end = (chunk + 1) * p->groups_a_chunk;
    if (end > p->groups) end = p->groups;
    for (int64_t g = chunk * p->groups_a_chunk; g < end; g++) {
        acn_walk_at at;
        acn_walk_seek(&p->kept, last, g / p->groups_a_run, &at);
        int64_t lane = g % p->groups_a_run * p->width, left = p->kept.dims[last] - lane;
        char *operand[3] = {acn_out(t->call, 0)->data,
                            acn_out(t->call, 1) ? acn_out(t->call, 1)->data : NULL,
                            acn_in(t->call, 0)->data};
        for (int k = 0; k < 3; k++)
            if (operand[k]) operand[k] += at.offset[k] + lane * p->kept.strides[k][last];
        if (p->width == 1)
            scan_row(t, operand[0], operand[1], operand[2]);
        else
            scan_lanes(t, operand[0], operand[1], operand[2], left < p->width ? left : p->width);
    }
}

static acn_status run(acn_call *c) {
    const scan_plan *p = c->plan->data;
    task t = {.call = c, .plan = p};
    acn_reader_find(&t.reader, p->klass, p->x_dtype);
    acn_route_find(&t.store, acn_out(c, 0)->dtype, p->own);
    if (acn_out(c, 1)) acn_route_find(&t.store_place, acn_out(c, 1)->dtype, ACN_I64);
    acn_pool_run((p->groups + p->groups_a_chunk - 1) / p->groups_a_chunk, run_chunk, &t);
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static bool takes_over(acn_dtype dtype, scan_kind kind, acn_value v, acn_value best) {
    if (!acn_dtype_is_float(dtype)) return kind == MAX ? v.i >= best.i : v.i <= best.i;
    if (isnan(v.f) || isnan(best.f)) return isnan(v.f);
    return kind == MAX ? v.f >= best.f : v.f <= best.f;
}

static acn_value joined(scan_kind kind, acn_value a, acn_value b) {
    if (kind == SUM)
        return (acn_value){
            .f = a.f + b.f, .im = a.im + b.im, .i = (int64_t)((uint64_t)a.i + (uint64_t)b.i)};
    return (acn_value){.f = a.f * b.f - a.im * b.im,
                       .im = a.f * b.im + a.im * b.f,
                       .i = (int64_t)((uint64_t)a.i * (uint64_t)b.i)};
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0), *places = acn_out(c, 1);
    scan_kind kind = kind_of(c);
    int dim;
    ACN_TRY(dim_of(c, &dim));
    for (int64_t i = acn_tensor_count(x) - 1; i >= 0; i--) { /* from behind: y may be x */
        int64_t index[ACN_MAX_DIMS] = {0}, place = 0;
        acn_index_of(x, i, index);
        int64_t own = x->rank ? index[dim] : 0;
        acn_value so_far = {0};
        for (int64_t j = 0; j <= own; j++) {
            index[dim] = j;
            _Alignas(16) char converted[16];
            acn_convert_element(converted, y->dtype, acn_tensor_at_index(x, index), x->dtype);
            acn_value v = acn_load_value(converted, y->dtype);
            if (j == 0 || (gives_place(kind) && takes_over(y->dtype, kind, v, so_far)))
                so_far = v, place = j;
            else if (!gives_place(kind))
                so_far = joined(kind, so_far, v);
        }
        acn_store_value(acn_tensor_at(y, i), y->dtype, so_far);
        if (gives_place(kind))
            acn_store_value(acn_tensor_at(places, i), places->dtype,
                            (acn_value){.f = (double)place, .i = place});
    }
    return ACN_OK;
}

#define CASES                                                                                      \
    "[7]|axis=0 [5,70]|axis=0 [5,700]|axis=1 [3,4,5]|axis=1 [2,3,4,2]|axis=-2 [0,3]|axis=0 "       \
    "[]|axis=0"
#define SCAN(id, kind, text, cases_text)                                                           \
    static const scan_kind family_##id = kind;                                                     \
    ACN_OP(id) = {                                                                                 \
        .name = #id,                                                                               \
        .doc = text,                                                                               \
        .in = {{"x", ACN_ALL}},                                                                    \
        .out = {{"y", ACN_NUMBERS}},                                                               \
        .attr = {{"axis", ACN_ATTR_INT}, {"dtype", ACN_ATTR_DTYPE, .fallback = ACN_UNDEFINED}},    \
        .infer = infer,                                                                            \
        .plan = plan,                                                                              \
        .run = run,                                                                                \
        .run0 = run0,                                                                              \
        .family = &family_##id,                                                                    \
        .cases = cases_text}
SCAN(Cumsum, SUM, "y = sums of x so far along axis", "tolerance=reduction " CASES);
SCAN(Cumprod, PROD, "y = products of x so far along axis",
     "tolerance=reduction [7]|axis=0 [5,9]|axis=0 [9,5]|axis=1 [3,4,5]|axis=1 [0,3]|axis=0 []");

#define EXTREME_SCAN(id, kind, text)                                                               \
    static const scan_kind family_##id = kind;                                                     \
    ACN_OP(id) = {                                                                                 \
        .name = #id,                                                                               \
        .doc = text,                                                                               \
        .in = {{"x", ACN_REALS | ACN_BOOLS, ACN_UNALIASED}},                                       \
        .out = {{"y", ACN_REALS | ACN_BOOLS}, {"argmax", ACN_T(ACN_I64) | ACN_T(ACN_I32)}},        \
        .attr = {{"dim", ACN_ATTR_INT}},                                                           \
        .infer = infer,                                                                            \
        .plan = plan,                                                                              \
        .run = run,                                                                                \
        .run0 = run0,                                                                              \
        .family = &family_##id,                                                                    \
        .cases = "[7]|dim=0 [5,70]|dim=0 [5,700]|dim=1 [3,4,5]|dim=1 [0,3]|dim=0 []"}
EXTREME_SCAN(Cummax, MAX, "y = greatest of x so far along dim, and where it stands (the last)");
EXTREME_SCAN(Cummin, MIN, "y = least of x so far along dim, and where it stands (the last)");
