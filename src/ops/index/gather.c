/* gather.c - slices by number: GatherV2 (aclnnIndexSelect) and Embedding; element by element:
 * GatherElements (aclnnGather). */
#include "base/pool.h"
#include "ops/index/take.h"
#include <stdatomic.h>

enum { X, INDICES, CHUNK_ELEMENTS = 32768 };

/* ---- GatherV2, Embedding -------------------------------------------------------------------- */

/* A scalar x counts as one dimension, and so does a scalar index where the result keeps x's rank
 * (PyTorch's index_select). */
typedef struct slices {
    acn_tensor x, y;
    int axis, rank, result_rank;
    int64_t result[ACN_MAX_DIMS];
} slices;

static acn_status read_slices(const acn_call *c, slices *s) {
    const acn_tensor *x = acn_in(c, X), *indices = acn_in(c, INDICES), *y = acn_out(c, 0);
    s->x = *x;
    if (x->rank == 0) {
        s->x.rank = 1;
        s->x.dims[0] = s->x.strides[0] = 1;
    }
    s->axis = 0;
    if (c->op->attr[0].name) ACN_TRY(acn_wrap_dim(c, 0, acn_attr_int(c, 0), x->rank, &s->axis));
    s->rank = indices->rank;
    if (s->rank == 0 && y && y->rank == x->rank) s->rank = 1;
    s->result_rank = s->x.rank - 1 + s->rank;
    if (s->result_rank > ACN_MAX_DIMS)
        return acn_bad_input(c, INDICES, "gives a result of %d dimensions; expected at most %d",
                             s->result_rank, ACN_MAX_DIMS);
    for (int d = 0; d < s->result_rank; d++)
        if (d < s->axis)
            s->result[d] = s->x.dims[d];
        else if (d < s->axis + s->rank)
            s->result[d] = indices->rank ? indices->dims[d - s->axis] : 1;
        else
            s->result[d] = s->x.dims[d - s->rank + 1];
    if (!y) return ACN_OK;
    s->y = *y;
    if (x->rank == 0 && y->rank == 0) {
        s->y.rank = 1;
        s->y.dims[0] = s->y.strides[0] = 1;
    }
    return ACN_OK;
}

static acn_status infer_slices(acn_call *c) {
    slices s;
    ACN_TRY(read_slices(c, &s));
    bool is_scalar = acn_in(c, X)->rank == 0 && s.result_rank == 1 && s.result[0] == 1;
    acn_out_is(c, 0, s.x.dtype, is_scalar ? 0 : s.result_rank, s.result);
    return ACN_OK;
}

static acn_status plan_slices(acn_call *c) {
    slices s;
    ACN_TRY(read_slices(c, &s));
    acn_take *take = acn_plan_alloc(c, sizeof *take);
    if (!take) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    ACN_TRY(acn_take_plan(take, c, &s.x, &s.y, 1, &s.axis, &c->in_first[INDICES], s.axis, s.rank));
    c->plan->data = take;
    c->plan->workspace_bytes = acn_take_workspace_bytes(take);
    c->plan->cost_us = (uint32_t)(acn_tensor_count(&s.y) / 1024);
    return ACN_OK;
}

static acn_status run_slices(acn_call *c) {
    const acn_take *take = c->plan->data;
    if (take->chunks == 0) return ACN_OK;
    ACN_TRY(acn_take_offsets(take, c, c->workspace));
    acn_take_run(take, c->workspace, acn_out(c, 0)->data, acn_in(c, X)->data);
    return ACN_OK;
}

static acn_status run0_slices(acn_call *c) {
    slices s;
    ACN_TRY(read_slices(c, &s));
    acn_tensor indices = acn_tensor_broadcast(acn_in(c, INDICES), s.rank, s.result + s.axis);
    int64_t n = acn_tensor_count(&s.y), index[ACN_MAX_DIMS], from[ACN_MAX_DIMS];
    for (int64_t i = 0; i < n; i++) {
        acn_index_of(&s.y, i, index);
        for (int d = 0; d < s.x.rank; d++)
            from[d] = index[d <= s.axis ? d : d + s.rank - 1];
        ACN_TRY(acn_bounds_at(c, INDICES, 0, acn_bounds_of(s.x.dims[s.axis], true), &indices,
                              index + s.axis, &from[s.axis]));
        acn_convert_element(acn_tensor_at_index(&s.y, index), s.y.dtype,
                            acn_tensor_at_index(&s.x, from), s.x.dtype);
    }
    return ACN_OK;
}

/* ---- GatherElements ------------------------------------------------------------------------- */

typedef struct elements_plan {
    acn_walk walk; /* y, index, x (without the gathered dimension) */
    int64_t stride, bytes, count;
    acn_bounds bounds;
    int dim;
    acn_dtype index_dtype;
} elements_plan;

typedef struct task {
    const elements_plan *plan;
    char *y;
    const char *index, *x;
    atomic_bool has_bad;
} task;

static acn_status infer_elements(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *index = acn_in(c, INDICES);
    int dim;
    ACN_TRY(acn_wrap_dim(c, 0, acn_attr_int(c, 0), x->rank, &dim));
    /* PyTorch lets an empty index have any type */
    if (acn_tensor_count(index) != 0 && !ACN_HAS(ACN_INDEX_TYPES, index->dtype))
        return acn_bad_input(c, INDICES, "expected i64 or i32");
    bool fits = index->rank == x->rank || (x->rank == 0 && index->rank == 1) ||
                (index->rank == 0 && x->rank == 1);
    for (int d = 0; fits && d < index->rank && d < x->rank; d++)
        fits = d == dim || index->dims[d] <= x->dims[d];
    if (!fits && acn_tensor_count(index) != 0)
        return acn_bad_input(c, INDICES,
                             "expected as many dimensions as the input has, none "
                             "larger except dimension %d",
                             dim);
    acn_out_like(c, 0, x->dtype, index);
    return ACN_OK;
}

static acn_status plan_elements(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *index = acn_in(c, INDICES);
    elements_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    c->plan->data = p;
    ACN_TRY(acn_wrap_dim(c, 0, acn_attr_int(c, 0), x->rank, &p->dim));
    p->count = acn_tensor_count(index);
    p->bytes = (int64_t)acn_dtype_bytes(x->dtype);
    p->index_dtype = index->dtype;
    p->bounds = acn_bounds_of(x->rank ? x->dims[p->dim] : 1, true);
    p->stride = x->rank ? x->strides[p->dim] * p->bytes : 0;
    acn_walk_init(&p->walk, 3, index->rank, index->dims);
    acn_walk_set(&p->walk, 0, acn_out(c, 0));
    acn_walk_set(&p->walk, 1, index);
    for (int d = 0; d < index->rank && d < x->rank; d++)
        p->walk.strides[2][d] = d == p->dim ? 0 : x->strides[d] * p->bytes;
    acn_walk_sort(&p->walk, 0);
    acn_walk_merge(&p->walk);
    c->plan->cost_us = (uint32_t)(p->count / 512);
    return ACN_OK;
}

/* One run of the inner loop; |I| is the index's type. A place that does not exist is told at the
 * end, and until then the first one is read. */
#define RUN_ELEMENTS(T, I, y_step, index_step, x_step, stride)                                     \
    do {                                                                                           \
        for (int64_t j = 0; j < run; j++) {                                                        \
            int64_t place = *(const I *)(index + j * (index_step));                                \
            place += place < 0 ? size : 0;                                                         \
            bool is_bad = (uint64_t)place >= (uint64_t)size;                                       \
            place = is_bad ? 0 : place;                                                            \
            has_bad |= is_bad;                                                                     \
            *(T *)(y + j * (y_step)) = *(const T *)(x + j * (x_step) + place * (stride));          \
        }                                                                                          \
    } while (0)
#define RUN_INDEX(T, I)                                                                            \
    do {                                                                                           \
        if (is_dense && step[2] == 0 && stride == sizeof(T))                                       \
            RUN_ELEMENTS(T, I, (int64_t)sizeof(T), (int64_t)sizeof(I), 0, (int64_t)sizeof(T));     \
        else if (is_dense && step[2] == sizeof(T))                                                 \
            RUN_ELEMENTS(T, I, (int64_t)sizeof(T), (int64_t)sizeof(I), (int64_t)sizeof(T),         \
                         stride);                                                                  \
        else                                                                                       \
            RUN_ELEMENTS(T, I, step[0], step[1], step[2], stride);                                 \
    } while (0)

/* Whether all places exist. */
static bool run_elements_row(const elements_plan *p, const int64_t step[3], char *y,
                             const char *index, const char *x, int64_t run) {
    const int64_t size = p->bounds.size, stride = p->stride;
    const bool is_wide = p->index_dtype == ACN_I64;
    const bool is_dense = step[0] == p->bytes && step[1] == (is_wide ? 8 : 4);
    bool has_bad = false;
    if (size == 0) return false;
    if (is_wide)
        ACN_BY_BYTES(p->bytes, T, RUN_INDEX(T, int64_t));
    else
        ACN_BY_BYTES(p->bytes, T, RUN_INDEX(T, int32_t));
    return !has_bad;
}

static void elements_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    task *t = context;
    const elements_plan *p = t->plan;
    const acn_walk *w = &p->walk;
    int levels = w->rank - 1;
    const int64_t step[3] = {w->strides[0][levels], w->strides[1][levels], w->strides[2][levels]};
    int64_t inner = w->dims[levels], i = chunk * CHUNK_ELEMENTS, end = i + CHUNK_ELEMENTS;
    if (end > p->count) end = p->count;
    int64_t column = i % inner;
    acn_walk_at at;
    acn_walk_seek(w, levels, i / inner, &at);
    for (; i < end; acn_walk_next(w, levels, &at), column = 0) {
        int64_t run = inner - column < end - i ? inner - column : end - i;
        if (!run_elements_row(p, step, t->y + at.offset[0] + column * step[0],
                              t->index + at.offset[1] + column * step[1],
                              t->x + at.offset[2] + column * step[2], run)) {
            atomic_store(&t->has_bad, true);
            return;
        }
        i += run;
    }
}

static acn_status run_elements(acn_call *c) {
    const elements_plan *p = c->plan->data;
    task t = {.plan = p,
              .y = acn_out(c, 0)->data,
              .index = acn_in(c, INDICES)->data,
              .x = acn_in(c, X)->data};
    acn_pool_run((p->count + CHUNK_ELEMENTS - 1) / CHUNK_ELEMENTS, elements_chunk, &t);
    return atomic_load(&t.has_bad) ? acn_bounds_tell(c, INDICES, 0, p->bounds) : ACN_OK;
}

static acn_status run0_elements(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *indices = acn_in(c, INDICES), *y = acn_out(c, 0);
    int dim;
    ACN_TRY(acn_wrap_dim(c, 0, acn_attr_int(c, 0), x->rank, &dim));
    int64_t n = acn_tensor_count(indices), index[ACN_MAX_DIMS] = {0};
    acn_bounds bounds = acn_bounds_of(x->rank ? x->dims[dim] : 1, true);
    for (int64_t i = 0; i < n; i++) {
        acn_index_of(indices, i, index);
        char *to = acn_tensor_at_index(y, index);
        ACN_TRY(acn_bounds_at(c, INDICES, 0, bounds, indices, index, &index[dim]));
        acn_convert_element(to, y->dtype, acn_tensor_at_index(x, index), x->dtype);
    }
    return ACN_OK;
}

ACN_OP(GatherV2) = {
    .name = "GatherV2",
    .doc = "y = the slices of x along axis that indices name",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}, {"indices", ACN_INDEX_TYPES, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"axis", ACN_ATTR_INT}},
    .infer = infer_slices,
    .plan = plan_slices,
    .run = run_slices,
    .run0 = run0_slices,
    .cases = "[6,7],i64[4]@-6..5|axis=0 [6,7,3],i32[4]@-7..6|axis=1 [6,7],i64[2,3]@0..6|axis=-1 "
             "[5],i64[]@-5..4|axis=0 [5,0],i64[3]@0..4|axis=0 [5,3],i64[0]|axis=0 "
             "[300,70],i64[400]@-300..299|axis=0",
};

ACN_OP(Embedding) = {
    .name = "Embedding",
    .doc = "y = the rows of x that indices name",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}, {"indices", ACN_INDEX_TYPES, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .infer = infer_slices,
    .plan = plan_slices,
    .run = run_slices,
    .run0 = run0_slices,
    .cases = "[6,7],i64[4]@0..5 [6,7],i32[2,3]@0..5 [6,7],i64[]@0..5 [6,7],i64[0]",
};

ACN_OP(GatherElements) = {
    .name = "GatherElements",
    .doc = "y[.., i, ..] = x[.., index[.., i, ..], ..] along dim",
    .in = {{"x", ACN_MOVABLE, ACN_UNALIASED}, {"index", ACN_MOVABLE, ACN_UNALIASED}},
    .out = {{"y", ACN_MOVABLE}},
    .attr = {{"dim", ACN_ATTR_INT}},
    .infer = infer_elements,
    .plan = plan_elements,
    .run = run_elements,
    .run0 = run0_elements,
    .cases = "[6,7],i64[3,7]@-6..5|dim=0 [6,7],i32[6,9]@0..6|dim=-1 [3,4,5],i64[2,4,5]@0..2|dim=0 "
             "[7],i64[5]@0..6|dim=0 [6,7],i64[0,7]|dim=0",
};
