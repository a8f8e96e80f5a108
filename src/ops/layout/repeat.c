/* repeat.c - each element, or slice along a dimension, several times: RepeatInterleave with one
 * number for all (a copy with one more dimension) or one for each; and the gradient of that. */
#include "base/pool.h"
#include "ops/index/take.h"
#include <string.h>

enum { X, REPEATS, REPEATS_ATTR = 0, DIM, OUTPUT_SIZE };

static bool is_flat(const acn_call *c) { return !c->attr[DIM].is_present; }

/* All elements as one row, where memory lets them be. */
static acn_tensor as_row(const acn_tensor *t) {
    acn_tensor row = *t;
    row.rank = 1;
    row.dims[0] = acn_tensor_count(t);
    row.strides[0] = 1;
    return row;
}

static acn_status dim_of(const acn_call *c, int *dim) {
    *dim = 0;
    return is_flat(c) ? ACN_OK
                      : acn_wrap_dim(c, DIM, acn_attr_int(c, DIM), acn_in(c, X)->rank, dim);
}

static int64_t slices_of(const acn_call *c, int dim) {
    const acn_tensor *x = acn_in(c, X);
    return is_flat(c) ? acn_tensor_count(x) : x->rank ? x->dims[dim] : 1;
}

static void out_with(acn_call *c, int dim, int64_t count) {
    const acn_tensor *x = acn_in(c, X);
    if (is_flat(c) || x->rank == 0) {
        acn_out_is(c, 0, x->dtype, 1, &count);
        return;
    }
    int64_t dims[ACN_MAX_DIMS];
    memcpy(dims, x->dims, sizeof dims);
    dims[dim] = count;
    acn_out_is(c, 0, x->dtype, x->rank, dims);
}

/* ---- the same number for all ----------------------------------------------------------------- */

static acn_status infer_same(acn_call *c) {
    int64_t repeats = acn_attr_int(c, REPEATS_ATTR), count;
    int dim;
    ACN_TRY(dim_of(c, &dim));
    if (repeats < 0 || __builtin_mul_overflow(slices_of(c, dim), repeats, &count))
        return acn_bad_attr(c, REPEATS_ATTR, "is %lld; expected the size of a tensor, at least 0",
                            (long long)repeats);
    out_with(c, dim, count);
    return ACN_OK;
}

static acn_status plan_same(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    int64_t repeats = acn_attr_int(c, REPEATS_ATTR), bytes = (int64_t)acn_dtype_bytes(x->dtype);
    int dim;
    ACN_TRY(dim_of(c, &dim));
    acn_walk walk;
    acn_walk_init(&walk, 2, 0, NULL);
    int64_t step = (y->rank ? y->strides[is_flat(c) ? 0 : dim] : 1) * bytes, flat = step * repeats;
    for (int d = x->rank - 1; is_flat(c) && d >= 0; d--)
        flat *= x->dims[d];
    for (int d = 0; d < x->rank; d++) {
        if (is_flat(c)) flat = x->dims[d] ? flat / x->dims[d] : 0;
        int64_t y_step = is_flat(c) ? flat : y->strides[d] * bytes * (d == dim ? repeats : 1);
        acn_walk_push(&walk, x->dims[d], (int64_t[]){y_step, x->strides[d] * bytes});
    }
    acn_walk_push(&walk, repeats, (int64_t[]){step, 0});
    if (!acn_moves_alloc(c, 1)) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    return acn_moves_add_walk(c, c->out_first[0], c->in_first[X], 0, &walk);
}

static const acn_tensor *origin_same(const acn_call *c, int output, const int64_t *index,
                                     int64_t *from) {
    const acn_tensor *x = acn_in(c, X);
    int64_t repeats = acn_attr_int(c, REPEATS_ATTR);
    int dim;
    (void)output;
    (void)dim_of(c, &dim);
    if (is_flat(c)) {
        acn_index_of(x, index[0] / repeats, from);
        return x;
    }
    for (int d = 0; d < x->rank; d++)
        from[d] = d == dim ? index[d] / repeats : index[d];
    return x;
}

static acn_status run0_same(acn_call *c) { return acn_moves_run0(c, origin_same); }

ACN_OP(repeat_same) = {
    .name = "RepeatInterleaveInt",
    .doc = "y = each slice of x along dim (none given: each element) repeats times",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"repeats", ACN_ATTR_INT, .is_required = true}, {"dim", ACN_ATTR_INT}},
    .infer = infer_same,
    .plan = plan_same,
    .run = acn_moves_run,
    .run0 = run0_same,
    .cases = "[7]|repeats=3 [3,5]|repeats=2 [3,5,4]|repeats=2,dim=1 [3,50]|repeats=3,dim=-1 "
             "[3]|repeats=0 [0,3]|repeats=2,dim=0 []|repeats=4",
};

/* ---- a number for each ----------------------------------------------------------------------- */

/* How many slices there will be is known when the device reads the numbers; the client has told the
 * result's size before. */
static acn_status infer_each(acn_call *c) {
    const acn_tensor *repeats = acn_in(c, REPEATS), *y = acn_out(c, 0);
    int dim;
    ACN_TRY(dim_of(c, &dim));
    int64_t slices = slices_of(c, dim), given = acn_tensor_count(repeats);
    if (repeats->rank > 1 || (given != slices && given != 1))
        return acn_bad_input(c, REPEATS, "expected one number, or one for each of %lld slices",
                             (long long)slices);
    int64_t count = y && y->rank ? y->dims[is_flat(c) ? 0 : dim] : 0;
    out_with(c, dim, count);
    return ACN_OK;
}

static int64_t repeats_at(const acn_tensor *repeats, int64_t i) {
    return acn_load_value(acn_tensor_at(repeats, acn_tensor_count(repeats) == 1 ? 0 : i),
                          repeats->dtype)
        .i;
}

/* Fills |places|, of room |count|, with the number of the slice that each comes from. */
static acn_status list_places(const acn_tensor *repeats, int64_t slices, int64_t count,
                              int64_t *places) {
    int64_t total = 0;
    for (int64_t i = 0; i < slices; i++) {
        int64_t own = repeats_at(repeats, i);
        if (own < 0)
            return acn_fail(ACN_EXECUTION, "repeats has %lld; expected at least 0", (long long)own);
        if (own > count - total) {
            total = count + 1;
            break;
        }
        for (int64_t j = 0; j < own; j++)
            places[total++] = i;
    }
    if (total == count) return ACN_OK;
    return acn_fail(ACN_EXECUTION, "the sum of repeats is not %lld, the size of the result",
                    (long long)count);
}

typedef struct each_plan {
    acn_take take;
    acn_tensor views[3]; /* y, x, places */
    int64_t slices, count;
    bool by_elements; /* no stride runs through all of x */
} each_plan;

static acn_status plan_each(acn_call *c) {
    static const int places_number = 2;
    each_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    c->plan->data = p;
    int dim;
    ACN_TRY(dim_of(c, &dim));
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    bool is_row = is_flat(c) || x->rank == 0;
    p->slices = slices_of(c, dim);
    p->count = y->dims[is_flat(c) ? 0 : dim];
    p->by_elements = is_row && !acn_tensor_is_contiguous(x);
    p->views[0] = *y;
    p->views[1] = is_row ? as_row(x) : *x;
    acn_tensor_init(&p->views[2], NULL, ACN_I64, 1, &p->count);
    acn_call inner = *c;
    inner.tensors = p->views;
    ACN_TRY(acn_take_plan(&p->take, &inner, &p->views[1], y, 1, &dim, &places_number, dim, 1));
    c->plan->workspace_bytes = (uint64_t)(2 * p->count + 1) * sizeof(int64_t);
    c->plan->cost_us = (uint32_t)(acn_tensor_count(y) / 1024 & 0x7fffffff);
    return ACN_OK;
}

static acn_status run_each(acn_call *c) {
    const each_plan *p = c->plan->data;
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    int64_t *places = c->workspace, *offsets = places + p->count;
    ACN_TRY(list_places(acn_in(c, REPEATS), p->slices, p->count, places));
    if (acn_tensor_count(y) == 0) return ACN_OK;
    for (int64_t i = 0; p->by_elements && i < p->count; i++)
        memcpy(acn_tensor_at(y, i), acn_tensor_at(x, places[i]), acn_dtype_bytes(x->dtype));
    if (p->by_elements) return ACN_OK;
    acn_tensor views[3];
    memcpy(views, p->views, sizeof views);
    views[2].data = places;
    acn_call inner = *c;
    inner.tensors = views;
    ACN_TRY(acn_take_offsets(&p->take, &inner, offsets));
    acn_take_run(&p->take, offsets, y->data, x->data);
    return ACN_OK;
}

static acn_status run0_each(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    int dim;
    ACN_TRY(dim_of(c, &dim));
    int64_t count = y->dims[is_flat(c) ? 0 : dim], index[ACN_MAX_DIMS];
    int64_t *places = acn_arena_alloc(&c->arena, (size_t)(count + 1) * sizeof *places);
    if (!places) return acn_fail(ACN_BAD_ALLOC, "no host memory for places");
    ACN_TRY(list_places(acn_in(c, REPEATS), slices_of(c, dim), count, places));
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        acn_index_of(y, i, index);
        if (is_flat(c))
            acn_index_of(x, places[index[0]], index);
        else
            index[dim] = places[index[dim]];
        memcpy(acn_tensor_at(y, i), acn_tensor_at_index(x, index), acn_dtype_bytes(y->dtype));
    }
    return ACN_OK;
}

ACN_OP(RepeatInterleave) = {
    .name = "RepeatInterleave",
    .doc = "y = each slice of x along axis (none given: each element) as often as repeats say",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}, {"repeats", ACN_INDEX_TYPES, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"output_size", ACN_ATTR_INT}, {"axis", ACN_ATTR_INT}},
    .infer = infer_each,
    .plan = plan_each,
    .run = run_each,
    .run0 = run0_each,
    .cases = "[7],i64[1]@3..3->[21] [3,5],i32[15]@2..2->[30] [3,5,4],i64[5]@2..2->[3,10,4]|axis=1 "
             "[3,50],i64[]@2..2->[6,50]|axis=0 [3],i64[3]@0..0->[0]",
};

/* ---- numbers of the slices themselves -------------------------------------------------------- */

static acn_status infer_numbers(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0);
    if (acn_in(c, 0)->rank != 1) return acn_bad_input(c, 0, "expected one dimension");
    int64_t count = y && y->rank == 1 ? y->dims[0] : 0;
    acn_out_is(c, 0, y ? y->dtype : acn_in(c, 0)->dtype, 1, &count);
    return ACN_OK;
}

static acn_status run_numbers(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0), *repeats = acn_in(c, 0);
    int64_t *places = acn_arena_alloc(&c->arena, (size_t)(y->dims[0] + 1) * sizeof *places);
    if (!places) return acn_fail(ACN_BAD_ALLOC, "no host memory for places");
    ACN_TRY(list_places(repeats, repeats->dims[0], y->dims[0], places));
    for (int64_t i = 0; i < y->dims[0]; i++)
        acn_store_value(acn_tensor_at(y, i), y->dtype,
                        (acn_value){.f = (double)places[i], .i = places[i]});
    return ACN_OK;
}

/* The number of sums of repeats that do not pass it. */
static acn_status run0_numbers(acn_call *c) {
    const acn_tensor *y = acn_out(c, 0), *repeats = acn_in(c, 0);
    int64_t all = 0;
    for (int64_t i = 0; i < repeats->dims[0]; i++)
        all += repeats_at(repeats, i);
    if (all != y->dims[0])
        return acn_fail(ACN_EXECUTION, "the sum of repeats is %lld, not %lld, the result's size",
                        (long long)all, (long long)y->dims[0]);
    for (int64_t i = 0; i < y->dims[0]; i++) {
        int64_t number = 0, sum = repeats_at(repeats, 0);
        while (sum <= i)
            sum += repeats_at(repeats, ++number);
        acn_store_value(acn_tensor_at(y, i), y->dtype,
                        (acn_value){.f = (double)number, .i = number});
    }
    return ACN_OK;
}

ACN_OP(repeat_numbers) = {
    .name = "RepeatInterleaveTensor",
    .doc = "y = 0, 1, 2 ..., each as often as repeats say",
    .in = {{"repeats", ACN_INDEX_TYPES, ACN_UNALIASED}},
    .out = {{"y", ACN_INDEX_TYPES}},
    .infer = infer_numbers,
    .run = run_numbers,
    .run0 = run0_numbers,
    .cases = "i64[5]@2..2->[10] i32[4]@3..3->[12] i64[3]@0..0->[0]",
};

/* ---- gradient: sums of the slices that came of one ------------------------------------------- */

enum { GRAD, GRAD_REPEATS, AXIS = 0 };

static acn_status infer_grad(acn_call *c) {
    const acn_tensor *g = acn_in(c, GRAD), *repeats = acn_in(c, GRAD_REPEATS), *y = acn_out(c, 0);
    int dim;
    ACN_TRY(acn_wrap_dim(c, AXIS, acn_attr_int(c, AXIS), g->rank, &dim));
    int64_t dims[ACN_MAX_DIMS], given = acn_tensor_count(repeats);
    memcpy(dims, g->dims, sizeof dims);
    dims[dim] = given == 1 && y && y->rank == g->rank ? y->dims[dim] : given;
    acn_out_is(c, 0, g->dtype, g->rank, dims);
    return ACN_OK;
}

typedef struct grad_plan {
    acn_walk walk; /* operand 0: y, 1: grad; without the dimension */
    int64_t steps[2], slices, count;
} grad_plan;

static acn_status plan_grad(acn_call *c) {
    const acn_tensor *g = acn_in(c, GRAD), *y = acn_out(c, 0);
    grad_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    int dim;
    int64_t bytes = (int64_t)acn_dtype_bytes(g->dtype);
    ACN_TRY(acn_wrap_dim(c, AXIS, acn_attr_int(c, AXIS), g->rank, &dim));
    acn_walk_init(&p->walk, 2, 0, NULL);
    for (int d = 0; d < g->rank; d++)
        if (d != dim)
            acn_walk_push(&p->walk, g->dims[d],
                          (int64_t[]){y->strides[d] * bytes, g->strides[d] * bytes});
    acn_walk_merge(&p->walk);
    p->steps[0] = g->rank ? y->strides[dim] * bytes : 0;
    p->steps[1] = g->rank ? g->strides[dim] * bytes : 0;
    p->slices = g->rank ? y->dims[dim] : 1;
    p->count = g->rank ? g->dims[dim] : 1;
    c->plan->data = p;
    c->plan->workspace_bytes = (uint64_t)(p->slices + 1) * sizeof(int64_t);
    c->plan->cost_us = (uint32_t)(acn_tensor_count(g) / 256 & 0x7fffffff);
    return ACN_OK;
}

static void sum_slices(void *context, int64_t line, int worker) {
    (void)worker;
    const acn_call *c = context;
    const grad_plan *p = c->plan->data;
    const int64_t *ends = c->workspace;
    acn_dtype dtype = acn_out(c, 0)->dtype;
    acn_walk_at at;
    acn_walk_seek(&p->walk, p->walk.rank, line, &at);
    char *y = (char *)acn_out(c, 0)->data + at.offset[0];
    const char *g = (const char *)acn_in(c, GRAD)->data + at.offset[1];
    for (int64_t i = 0, from = 0; i < p->slices; i++) {
        acn_value sum = {0};
        for (; from < ends[i]; from++) {
            acn_value v = acn_load_value(g + from * p->steps[1], dtype);
            sum.f += v.f;
            sum.i += v.i;
        }
        acn_store_value(y + i * p->steps[0], dtype, sum);
    }
}

static acn_status run_grad(acn_call *c) {
    const grad_plan *p = c->plan->data;
    int64_t *ends = c->workspace, total = 0;
    for (int64_t i = 0; i < p->slices; i++) {
        int64_t own = repeats_at(acn_in(c, GRAD_REPEATS), i);
        if (own < 0 || own > p->count - total)
            return acn_fail(ACN_EXECUTION, "repeats do not add up to %lld", (long long)p->count);
        ends[i] = total += own;
    }
    if (total != p->count)
        return acn_fail(ACN_EXECUTION, "repeats add up to %lld, not to %lld", (long long)total,
                        (long long)p->count);
    acn_pool_run(acn_walk_count(&p->walk), sum_slices, c);
    return ACN_OK;
}

static acn_status run0_grad(acn_call *c) {
    const acn_tensor *g = acn_in(c, GRAD), *y = acn_out(c, 0), *repeats = acn_in(c, GRAD_REPEATS);
    int dim;
    ACN_TRY(acn_wrap_dim(c, AXIS, acn_attr_int(c, AXIS), g->rank, &dim));
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t index[ACN_MAX_DIMS] = {0}, first = 0;
        acn_index_of(y, i, index);
        int64_t slice = index[dim];
        for (int64_t j = 0; j < slice; j++)
            first += repeats_at(repeats, j);
        acn_value sum = {0};
        for (int64_t j = 0; j < repeats_at(repeats, slice); j++) {
            index[dim] = first + j;
            sum.f += acn_load_value(acn_tensor_at_index(g, index), g->dtype).f;
        }
        acn_store_value(acn_tensor_at(y, i), y->dtype, sum);
    }
    return ACN_OK;
}

ACN_OP(RepeatInterleaveGrad) = {
    .name = "RepeatInterleaveGrad",
    .doc = "x_grad = sums of the slices of y_grad that came of the same slice",
    .in = {{"y_grad", ACN_FLOATS, ACN_UNALIASED}, {"repeats", ACN_INDEX_TYPES, ACN_UNALIASED}},
    .out = {{"x_grad", ACN_FLOATS}},
    .attr = {{"axis", ACN_ATTR_INT, .fallback = -1}},
    .infer = infer_grad,
    .plan = plan_grad,
    .run = run_grad,
    .run0 = run0_grad,
    .cases = "tolerance=reduction [3,10,4],i64[5]@2..2|axis=1 [12,3],i32[4]@3..3|axis=0 "
             "[9],i64[9]@1..1",
};
