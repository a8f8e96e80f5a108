/* scatter.c - ScatterElements: y = x, and y[.., index[.., i, ..], ..] takes updates[.., i, ..]
 * along one dimension, set or reduced.
 *
 * Elements that meet in one place do so along the dimension only, so its lines are shared out
 * between threads and each is done in order: results are repeatable. */
#include "base/half.h"
#include "base/pool.h"
#include "ops/index/bounds.h"
#include "ops/layout/copy.h"
#include <math.h>
#include <string.h>

enum { X, INDICES, UPDATES, AXIS = 0, REDUCTION, INCLUDE_SELF, CHUNK_ELEMENTS = 16384 };

/* aclnn's numbers. */
typedef enum reduction { SET, ADD, MULTIPLY, MAX, MIN, MEAN, REDUCTIONS } reduction;

typedef struct scatter_plan {
    acn_copy copy;  /* x to y, when they are not the same */
    acn_walk lines; /* over the other dimensions; operand 0: y, 1: index, 2: updates */
    int64_t length, size, step[3]; /* along the dimension */
    int64_t bytes, count, lines_a_chunk;
    acn_dtype dtype, index_dtype;
    reduction how;
    int dim;
    bool has_scalar, resets, goes_across;
} scatter_plan;

/* ---- infer ----------------------------------------------------------------------------------- */

static int64_t size_at(const acn_tensor *t, int d) { return t->rank ? t->dims[d] : 1; }
static int64_t step_at(const acn_tensor *t, int d) {
    return t->rank ? t->strides[d] * (int64_t)acn_dtype_bytes(t->dtype) : 0;
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *index = acn_in(c, INDICES), *updates = acn_in(c, UPDATES);
    int dim, rank = x->rank ? x->rank : 1;
    ACN_TRY(acn_wrap_dim(c, AXIS, acn_attr_int(c, AXIS), x->rank, &dim));
    acn_out_like(c, 0, x->dtype, x);
    int64_t how = acn_attr_int(c, REDUCTION);
    if (how < 0 || how >= REDUCTIONS)
        return acn_bad_attr(c, REDUCTION,
                            "is %lld; expected 0 set, 1 add, 2 multiply, 3 max, 4 min or 5 mean",
                            (long long)how);
    if (acn_dtype_is_complex(x->dtype) && how > MULTIPLY)
        return acn_bad_input(c, X, "complex numbers have no order");
    if (acn_tensor_count(index) == 0) return ACN_OK; /* of any type and shape, as PyTorch has it */
    if (!ACN_HAS(ACN_INDEX_TYPES, index->dtype))
        return acn_bad_input(c, INDICES, "expected i64 or i32");
    bool is_scalar = acn_is_weak(c, UPDATES);
    if (!is_scalar && updates->dtype != x->dtype)
        return acn_bad_input(c, UPDATES, "expected %s, the type of %s", acn_dtype_name(x->dtype),
                             c->op->in[X].name);
    bool fits = (index->rank ? index->rank : 1) == rank &&
                (is_scalar || (updates->rank ? updates->rank : 1) == rank);
    for (int d = 0; fits && d < rank; d++)
        fits = (d == dim || size_at(index, d) <= size_at(x, d)) &&
               (is_scalar || size_at(index, d) <= size_at(updates, d));
    if (!fits)
        return acn_bad_input(c, INDICES,
                             "expected as many dimensions as the input has, none larger than the "
                             "input's (except dimension %d) or the updates'",
                             dim);
    return ACN_OK;
}

/* ---- plan ------------------------------------------------------------------------------------ */

static acn_status plan(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0), *index = acn_in(c, INDICES);
    const acn_tensor *updates = acn_in(c, UPDATES), *operands[3] = {y, index, updates};
    scatter_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    c->plan->data = p;
    ACN_TRY(acn_copy_plan(&p->copy, y, x));
    p->count = acn_tensor_count(index);
    if (p->count == 0) return ACN_OK;
    ACN_TRY(acn_wrap_dim(c, AXIS, acn_attr_int(c, AXIS), x->rank, &p->dim));
    p->has_scalar = acn_is_weak(c, UPDATES);
    acn_walk_init(&p->lines, 3, 0, NULL);
    for (int d = 0; d < (x->rank ? x->rank : 1); d++) {
        int64_t steps[3];
        for (int k = 0; k < 3; k++)
            steps[k] = k == 2 && p->has_scalar ? 0 : step_at(operands[k], d);
        if (d == p->dim)
            memcpy(p->step, steps, sizeof steps);
        else
            acn_walk_push(&p->lines, size_at(index, d), steps);
    }
    acn_walk_sort(&p->lines, 0);
    acn_walk_merge(&p->lines);
    p->length = size_at(index, p->dim);
    p->size = size_at(x, p->dim);
    p->bytes = (int64_t)acn_dtype_bytes(x->dtype);
    p->dtype = x->dtype;
    p->index_dtype = index->dtype;
    p->how = (reduction)acn_attr_int(c, REDUCTION);
    p->resets = p->how != SET && !acn_attr_int(c, INCLUDE_SELF);
    int last = p->lines.rank - 1;
    p->goes_across = p->lines.dims[last] >= 4 && p->lines.strides[0][last] < p->step[0];
    p->lines_a_chunk = CHUNK_ELEMENTS / p->length + 1;
    if (p->how == MEAN) c->plan->workspace_bytes = (uint64_t)acn_tensor_count(y) * sizeof(int32_t);
    c->plan->cost_us = (uint32_t)(p->count / 256 & 0x7fffffff);
    return ACN_OK;
}

/* ---- one block of lines ---------------------------------------------------------------------- */

typedef struct block {
    char *y;
    const char *index, *updates;
    int64_t lines, length, size;
    int64_t line_step[3], step[3];
    bool goes_across, is_wide;
} block;

/* One run of the inner loop; |index_type| is a type for the compiler. |body| sees T *to and the
 * update v. All indices are in range. */
#define RUN(T, index_type, body)                                                                   \
    for (int64_t n = 0; n < inner; n++, y += step[0], at += step[1], from += step[2]) {            \
        int64_t place = *(const index_type *)at;                                                   \
        place += place < 0 ? b->size : 0;                                                          \
        T *to = (T *)(y + place * b->step[0]);                                                     \
        T v = *(const T *)from;                                                                    \
        body;                                                                                      \
    }
#define EACH(T, body)                                                                              \
    do {                                                                                           \
        bool across = b->goes_across;                                                              \
        int64_t outer = across ? b->length : b->lines, inner = across ? b->lines : b->length;      \
        const int64_t *big = across ? b->step : b->line_step;                                      \
        const int64_t *small = across ? b->line_step : b->step;                                    \
        /* along the dimension, y's place is the index's alone */                                  \
        int64_t step[3] = {across ? small[0] : 0, small[1], small[2]};                             \
        for (int64_t o = 0; o < outer; o++) {                                                      \
            char *y = b->y + (across ? 0 : o * big[0]);                                            \
            const char *at = b->index + o * big[1], *from = b->updates + o * big[2];               \
            if (b->is_wide)                                                                        \
                RUN(T, int64_t, body)                                                              \
            else                                                                                   \
                RUN(T, int32_t, body)                                                              \
        }                                                                                          \
    } while (0)

#define SAME(x) (x)
#define REDUCERS(name, T, A, from, to_T, sum, product, ordered)                                    \
    static void reduce_##name(const block *b, reduction how) {                                     \
        switch (how) {                                                                             \
        case MULTIPLY:                                                                             \
            EACH(T, A x = from(*to); A u = from(v); *to = (T)to_T(product));                       \
            break;                                                                                 \
        case MAX:                                                                                  \
            if (ordered) EACH(T, A x = from(*to); A u = from(v); *to = LARGER(x, u) ? v : *to);    \
            break;                                                                                 \
        case MIN:                                                                                  \
            if (ordered) EACH(T, A x = from(*to); A u = from(v); *to = SMALLER(x, u) ? v : *to);   \
            break;                                                                                 \
        default:                                                                                   \
            EACH(T, A x = from(*to); A u = from(v); *to = (T)to_T(sum));                           \
        }                                                                                          \
    }
/* A NaN wins, and the first one stays. */
#define LARGER(x, u)  ((x) == (x) && ((u) > (x) || (u) != (u)))
#define SMALLER(x, u) ((x) == (x) && ((u) < (x) || (u) != (u)))
REDUCERS(f32, float, float, SAME, SAME, x + u, x *u, true)
REDUCERS(f64, double, double, SAME, SAME, x + u, x *u, true)
REDUCERS(f16, uint16_t, float, acn_f16_to_f32, acn_f32_to_f16, x + u, x *u, true)
REDUCERS(bf16, uint16_t, float, acn_bf16_to_f32, acn_f32_to_bf16, x + u, x *u, true)
REDUCERS(i64, int64_t, int64_t, SAME, SAME, (uint64_t)x + (uint64_t)u, (uint64_t)x *(uint64_t)u,
         true)
REDUCERS(i32, int32_t, int64_t, SAME, SAME, x + u, x *u, true)
REDUCERS(i16, int16_t, int32_t, SAME, SAME, x + u, x *u, true)
REDUCERS(i8, int8_t, int32_t, SAME, SAME, x + u, x *u, true)
REDUCERS(u8, uint8_t, int32_t, SAME, SAME, x + u, x *u, true)
REDUCERS(b8, uint8_t, uint8_t, SAME, SAME, x | u, (x) & (u), true)
#undef LARGER
#undef SMALLER
#define LARGER(x, u)  ((void)(x), (void)(u), false)
#define SMALLER(x, u) ((void)(x), (void)(u), false)
REDUCERS(c64, float _Complex, float _Complex, SAME, SAME, x + u, x *u, false)

static void reduce_block(const block *b, acn_dtype dtype, reduction how) {
    switch (dtype) {
    case ACN_F32:
        return reduce_f32(b, how);
    case ACN_F64:
        return reduce_f64(b, how);
    case ACN_F16:
        return reduce_f16(b, how);
    case ACN_BF16:
        return reduce_bf16(b, how);
    case ACN_I64:
        return reduce_i64(b, how);
    case ACN_I32:
        return reduce_i32(b, how);
    case ACN_I16:
        return reduce_i16(b, how);
    case ACN_I8:
        return reduce_i8(b, how);
    case ACN_BOOL:
        return reduce_b8(b, how);
    case ACN_C64:
        return reduce_c64(b, how);
    default:
        return reduce_u8(b, how);
    }
}

static void set_block(const block *b, int64_t bytes) { ACN_BY_BYTES(bytes, T, EACH(T, *to = v)); }

/* ---- running --------------------------------------------------------------------------------- */

typedef struct task {
    const scatter_plan *plan;
    char *y;
    const char *index, *updates;
    _Alignas(16) char scalar[16], neutral[16];
} task;

/* What a place that is hit holds before anything is reduced into it. */
static acn_value neutral_of(acn_dtype dtype, reduction how) {
    double end = how == MAX ? -INFINITY : INFINITY;
    int64_t bits = 8 * (int64_t)acn_dtype_bytes(dtype);
    int64_t least = dtype == ACN_U8 || dtype == ACN_BOOL ? 0 : (int64_t)(UINT64_MAX << (bits - 1));
    int64_t most = dtype == ACN_BOOL ? 1 : dtype == ACN_U8 ? 255 : ~least;
    if (how == MULTIPLY) return (acn_value){.f = 1, .i = 1};
    if (how == MAX || how == MIN) return (acn_value){.f = end, .i = how == MAX ? least : most};
    return (acn_value){0};
}

static void run_block(const task *t, block *b) {
    const scatter_plan *p = t->plan;
    if (p->resets) {
        block reset = *b;
        reset.updates = t->neutral;
        reset.line_step[2] = reset.step[2] = 0;
        set_block(&reset, p->bytes);
    }
    if (p->how == SET)
        set_block(b, p->bytes);
    else
        reduce_block(b, p->dtype, p->how);
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const task *t = context;
    const scatter_plan *p = t->plan;
    int last = p->lines.rank - 1;
    int64_t inner = p->lines.dims[last], all = p->count / p->length;
    int64_t line = chunk * p->lines_a_chunk, end = line + p->lines_a_chunk;
    if (end > all) end = all;
    acn_walk_at at;
    int64_t i = line % inner;
    acn_walk_seek(&p->lines, last, line / inner, &at);
    for (; line < end; acn_walk_next(&p->lines, last, &at), i = 0) {
        const int64_t(*steps)[ACN_WALK_DIMS] = p->lines.strides;
        block b = {.y = t->y + at.offset[0] + i * steps[0][last],
                   .index = t->index + at.offset[1] + i * steps[1][last],
                   .updates = t->updates + at.offset[2] + i * steps[2][last],
                   .lines = inner - i < end - line ? inner - i : end - line,
                   .length = p->length,
                   .size = p->size,
                   .line_step = {steps[0][last], steps[1][last], steps[2][last]},
                   .step = {p->step[0], p->step[1], p->step[2]},
                   .goes_across = p->goes_across,
                   .is_wide = p->index_dtype == ACN_I64};
        run_block(t, &b);
        line += b.lines;
    }
}

/* How many elements met in each place of y: by one thread, MEAN is rare. */
static void count_hits(const acn_call *c, int dim, int32_t *counts) {
    const acn_tensor *y = acn_out(c, 0), *index = acn_in(c, INDICES);
    int32_t own = acn_attr_int(c, INCLUDE_SELF) ? 1 : 0;
    int64_t places = acn_tensor_count(y), hits = acn_tensor_count(index), at[ACN_MAX_DIMS] = {0};
    for (int64_t i = 0; i < places; i++)
        counts[i] = own;
    for (int64_t i = 0; i < hits; i++) {
        acn_index_of(index, i, at);
        int64_t value = acn_load_value(acn_tensor_at_index(index, at), index->dtype).i, linear = 0;
        at[dim] = value < 0 ? value + size_at(y, dim) : value;
        for (int d = 0; d < (y->rank ? y->rank : 1); d++)
            linear = linear * size_at(y, d) + at[d];
        counts[linear]++;
    }
}

/* Whole numbers are divided rounding down, as PyTorch does. */
static void divide_by_hits(const acn_tensor *y, const int32_t *counts) {
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        if (counts[i] <= 1) continue;
        acn_value v = acn_load_value(acn_tensor_at(y, i), y->dtype);
        v.f /= counts[i];
        v.im /= counts[i];
        int64_t quotient = v.i / counts[i];
        v.i = quotient - (v.i % counts[i] < 0);
        acn_store_value(acn_tensor_at(y, i), y->dtype, v);
    }
}

static acn_status run(acn_call *c) {
    const scatter_plan *p = c->plan->data;
    const acn_tensor *x = acn_in(c, X), *updates = acn_in(c, UPDATES), *index = acn_in(c, INDICES);
    acn_tensor *y = acn_out(c, 0);
    if (p->count) ACN_TRY(acn_bounds_check(c, INDICES, 0, acn_bounds_of(p->size, true)));
    if (y->data != x->data) acn_copy_run(&p->copy, y->data, x->data);
    if (p->count == 0) return ACN_OK;
    task t = {.plan = p, .y = y->data, .index = index->data, .updates = updates->data};
    if (p->has_scalar) {
        acn_convert_element(t.scalar, y->dtype, updates->data, updates->dtype);
        t.updates = t.scalar;
    }
    acn_store_value(t.neutral, y->dtype, neutral_of(y->dtype, p->how));
    acn_pool_run((p->count / p->length + p->lines_a_chunk - 1) / p->lines_a_chunk, run_chunk, &t);
    if (p->how == MEAN) {
        count_hits(c, p->dim, c->workspace);
        divide_by_hits(y, c->workspace);
    }
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static acn_value joined(reduction how, acn_dtype dtype, acn_value a, acn_value b) {
    bool is_float = acn_dtype_is_float(dtype);
    switch (how) {
    case SET:
        return b;
    case MULTIPLY:
        return (acn_value){.f = a.f * b.f - a.im * b.im,
                           .im = a.f * b.im + a.im * b.f,
                           .i = (int64_t)((uint64_t)a.i * (uint64_t)b.i)};
    case MAX:
    case MIN:
        if (is_float && (isnan(a.f) || isnan(b.f))) return isnan(a.f) ? a : b;
        if (how == MAX) return (is_float ? b.f > a.f : b.i > a.i) ? b : a;
        return (is_float ? b.f < a.f : b.i < a.i) ? b : a;
    default: {
        int64_t sum = (int64_t)((uint64_t)a.i + (uint64_t)b.i);
        return (acn_value){
            .f = a.f + b.f, .im = a.im + b.im, .i = dtype == ACN_BOOL ? sum != 0 : sum};
    }
    }
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0), *index = acn_in(c, INDICES);
    reduction how = (reduction)acn_attr_int(c, REDUCTION);
    bool resets = how != SET && !acn_attr_int(c, INCLUDE_SELF);
    int dim;
    ACN_TRY(acn_wrap_dim(c, AXIS, acn_attr_int(c, AXIS), x->rank, &dim));
    if (y->data != x->data) acn_copy_naive(y, x);
    int64_t n = acn_tensor_count(index), at[ACN_MAX_DIMS] = {0};
    for (int pass = resets ? 0 : 1; pass < 2; pass++)
        for (int64_t i = 0; i < n; i++) {
            acn_index_of(index, i, at);
            acn_tensor updates = *acn_in(c, UPDATES);
            acn_value v = acn_load_value(
                acn_is_weak(c, UPDATES) ? updates.data : acn_tensor_at_index(&updates, at),
                updates.dtype);
            if (acn_is_weak(c, UPDATES)) {
                char converted[16];
                acn_convert_element(converted, y->dtype, updates.data, updates.dtype);
                v = acn_load_value(converted, y->dtype);
            }
            acn_bounds bounds = acn_bounds_of(size_at(x, dim), true);
            ACN_TRY(acn_bounds_at(c, INDICES, 0, bounds, index, at, &at[dim]));
            char *place = acn_tensor_at_index(y, at);
            acn_value old = acn_load_value(place, y->dtype);
            acn_store_value(place, y->dtype,
                            pass == 0 ? neutral_of(y->dtype, how) : joined(how, y->dtype, old, v));
        }
    if (how == MEAN) {
        int32_t *counts = acn_arena_alloc(&c->arena, (size_t)(acn_tensor_count(y) + 1) * 4);
        if (!counts) return acn_fail(ACN_BAD_ALLOC, "no host memory for counts");
        count_hits(c, dim, counts);
        divide_by_hits(y, counts);
    }
    return ACN_OK;
}

ACN_OP(ScatterElements) = {
    .name = "ScatterElements",
    .doc =
        "y = data, where y[.., indices[.., i, ..], ..] takes updates[.., i, ..] along axis: set, "
        "or reduced in order",
    .in = {{"data", ACN_ALL},
           {"indices", ACN_MOVABLE, ACN_UNALIASED},
           {"updates", ACN_ALL, ACN_SCALARISH | ACN_UNALIASED}},
    .out = {{"y", ACN_ALL}},
    .attr = {{"axis", ACN_ATTR_INT},
             {"reduction", ACN_ATTR_INT},
             {"include_self", ACN_ATTR_BOOL, .fallback = 1}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases =
        "tolerance=reduction [6,7],i64[3,7]@-6..5,[3,7]|axis=0 [6,7],i32[6,9]@0..6,[6,9]|axis=-1 "
        "[3,4,5],i64[2,4,5]@0..2,[3,4,5]|axis=0,reduction=1 "
        "[7],i64[90]@0..6,[90]|axis=0,reduction=1 "
        "[6,7],i64[6,3]@0..6,2|axis=1 [6,7],i64[0,7],[3,7]|axis=0 "
        "[6,7],i64[4,7]@0..5,[4,7]|axis=0,reduction=2,include_self=0 "
        "f32+f16+i32+u8+bool[6,7],i64[9,7]@0..5,[9,7]|axis=0,reduction=3 "
        "f32+bf16+i64+i8[6,7],i64[6,9]@0..6,[6,9]|axis=1,reduction=4,include_self=0 "
        "f32+f64+i32[6,7],i64[9,7]@0..5,[9,7]|axis=0,reduction=5 "
        "f32+i64[6,7],i64[9,7]@0..5,[9,7]|axis=0,reduction=5,include_self=0 "
        "f32[300,70],i64[400,70]@0..299,[400,70]|axis=0,reduction=1",
};
