/* slices.c - whole slices of x along one dimension, named by a row of indices: IndexAdd adds to
 * them, IndexCopy and ScatterUpdate replace them, IndexFill gives them one value. */
#include "ops/index/put.h"
#include <string.h>

enum { X, INDICES, VALUES, AXIS = 0, SECOND, Y_VIEW = 0, X_VIEW, DENSE_VIEW, INDEX_VIEW, VIEWS };

typedef struct slice_plan {
    acn_put put;
    acn_tensor views[VIEWS]; /* addresses are set when it runs */
} slice_plan;

typedef enum slice_kind { ADDS, REPLACES, FILLS, FILLS_LISTED } slice_kind;
static slice_kind kind_of(const acn_call *c) { return *(const slice_kind *)c->op->family; }

/* A number counts as one dimension. */
static acn_tensor as_line(const acn_tensor *t) {
    acn_tensor line = *t;
    if (t->rank == 0) line.rank = 1, line.dims[0] = line.strides[0] = 1;
    return line;
}

static acn_tensor index_of(const acn_call *c) {
    if (kind_of(c) != FILLS_LISTED) return as_line(acn_in(c, INDICES));
    int64_t count = 0;
    const int64_t *items = acn_attr_ints(c, SECOND, &count);
    acn_tensor t;
    acn_tensor_init(&t, (void *)items, ACN_I64, 1, &count);
    return t;
}

/* Where the value or the values stand among the inputs. */
static int values_slot(const acn_call *c) { return kind_of(c) == FILLS_LISTED ? 1 : VALUES; }

static acn_status make_views(const acn_call *c, acn_tensor *views, int *dim) {
    const acn_tensor *x = acn_in(c, X), *values = acn_in(c, values_slot(c));
    acn_tensor index = index_of(c), y = as_line(acn_out(c, 0) ? acn_out(c, 0) : x);
    ACN_TRY(acn_wrap_dim(c, AXIS, acn_attr_int(c, AXIS), x->rank, dim));
    if (kind_of(c) != FILLS_LISTED && index.rank != 1)
        return acn_bad_input(c, INDICES, "expected one dimension");
    int64_t dims[ACN_MAX_DIMS];
    memcpy(dims, y.dims, sizeof dims);
    dims[*dim] = index.dims[0];
    acn_tensor dense = as_line(values);
    if (kind_of(c) >= FILLS) {
        if (acn_tensor_count(values) != 1)
            return acn_bad_input(c, values_slot(c), "expected one element");
        dense.rank = 0;
        dense.dtype = y.dtype;
        dense = acn_tensor_broadcast(&dense, y.rank, dims);
    } else if (values->dtype != x->dtype) {
        return acn_bad_input(c, VALUES, "expected %s, as %s has", acn_dtype_name(x->dtype),
                             c->op->in[X].name);
    }
    bool fits = dense.rank == y.rank;
    for (int d = 0; fits && d < y.rank; d++)
        fits = dense.dims[d] == dims[d];
    /* A number may stand for a slice of one element. */
    if (!fits && !(acn_tensor_count(&dense) == 1 && dims[*dim] == 1 && y.rank == 1))
        return acn_bad_input(c, VALUES,
                             "expected the shape of %s with %lld, the number of indices, in "
                             "dimension %d",
                             c->op->in[X].name, (long long)dims[*dim], *dim);
    views[Y_VIEW] = y;
    views[X_VIEW] = as_line(x);
    views[DENSE_VIEW] = dense;
    views[INDEX_VIEW] = index;
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    acn_tensor views[VIEWS];
    int dim;
    ACN_TRY(make_views(c, views, &dim));
    for (int64_t i = 0; kind_of(c) == FILLS_LISTED && i < views[INDEX_VIEW].dims[0]; i++) {
        int64_t value = ((const int64_t *)views[INDEX_VIEW].data)[i],
                size = views[Y_VIEW].dims[dim];
        if (acn_bounds_wrap(acn_bounds_of(size, true), value) < 0)
            return acn_bad_attr(c, SECOND, "has %lld; expected %lld to %lld", (long long)value,
                                (long long)-size, (long long)size - 1);
    }
    acn_out_like(c, 0, acn_in(c, X)->dtype, acn_in(c, X));
    return ACN_OK;
}

/* The engine takes index tensors by their number in a call: |inner| is one that has the views. */
static acn_call inner_call(const acn_call *c, acn_tensor *views) {
    acn_call inner = *c;
    inner.tensors = views;
    inner.tensor_count = VIEWS;
    inner.in_first[X] = X_VIEW;
    inner.in_first[values_slot(c)] = DENSE_VIEW;
    if (kind_of(c) != FILLS_LISTED) inner.in_first[INDICES] = INDEX_VIEW;
    return inner;
}

static acn_status plan(acn_call *c) {
    static const int index_number = INDEX_VIEW;
    slice_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    c->plan->data = p;
    int dim;
    ACN_TRY(make_views(c, p->views, &dim));
    acn_call inner = inner_call(c, p->views);
    bool is_empty = p->views[INDEX_VIEW].dims[0] == 0;
    ACN_TRY(acn_put_plan(&p->put, &inner, &p->views[Y_VIEW], &p->views[X_VIEW],
                         is_empty ? NULL : &p->views[DENSE_VIEW], 1, &dim, &index_number, dim, 1,
                         kind_of(c) == ADDS));
    c->plan->workspace_bytes = acn_put_workspace_bytes(&p->put);
    c->plan->cost_us = (uint32_t)(acn_tensor_count(&p->views[DENSE_VIEW]) / 512 & 0x7fffffff);
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    const slice_plan *p = c->plan->data;
    acn_tensor views[VIEWS];
    memcpy(views, p->views, sizeof views);
    acn_call inner = inner_call(c, views);
    views[INDEX_VIEW].data = index_of(c).data;
    const acn_tensor *values = acn_in(c, values_slot(c));
    _Alignas(16) char value[16];
    const void *dense = values->data;
    if (kind_of(c) >= FILLS) {
        acn_convert_element(value, acn_out(c, 0)->dtype, values->data, values->dtype);
        dense = value;
    }
    acn_scalar alpha = {.dtype = ACN_I64, .i = 1};
    if (kind_of(c) == ADDS) alpha = acn_attr_scalar(c, SECOND);
    return acn_put_run(&p->put, &inner, acn_out(c, 0)->data, acn_in(c, X)->data, dense, &alpha,
                       c->workspace);
}

static acn_value added(acn_dtype dtype, acn_value a, acn_value b, const acn_scalar *alpha) {
    double f = acn_scalar_f64(alpha), im = acn_scalar_imag(alpha);
    if (dtype != ACN_F64) f = (float)f;
    int64_t i = (int64_t)((uint64_t)a.i + (uint64_t)b.i * (uint64_t)acn_scalar_i64(alpha));
    return (acn_value){.f = a.f + f * b.f - im * b.im,
                       .im = a.im + f * b.im + im * b.f,
                       .i = dtype == ACN_BOOL ? i != 0 : i};
}

static acn_status run0(acn_call *c) {
    acn_tensor views[VIEWS];
    int dim;
    ACN_TRY(make_views(c, views, &dim));
    const acn_tensor *values = acn_in(c, values_slot(c));
    char value[16];
    acn_convert_element(value, acn_out(c, 0)->dtype, values->data, values->dtype);
    if (kind_of(c) >= FILLS) views[DENSE_VIEW].data = value;
    if (acn_out(c, 0)->data != acn_in(c, X)->data) acn_copy_naive(&views[Y_VIEW], &views[X_VIEW]);
    int64_t n = acn_tensor_count(&views[DENSE_VIEW]), at[ACN_MAX_DIMS];
    for (int64_t i = 0; i < n; i++) {
        acn_index_of(&views[DENSE_VIEW], i, at);
        acn_value v =
            acn_load_value(acn_tensor_at_index(&views[DENSE_VIEW], at), views[DENSE_VIEW].dtype);
        acn_bounds bounds = acn_bounds_of(views[Y_VIEW].dims[dim], true);
        if (kind_of(c) == FILLS_LISTED)
            at[dim] = acn_bounds_wrap(bounds, ((const int64_t *)views[INDEX_VIEW].data)[at[dim]]);
        else
            ACN_TRY(acn_bounds_at(c, INDICES, 0, bounds, &views[INDEX_VIEW], &at[dim], &at[dim]));
        char *place = acn_tensor_at_index(&views[Y_VIEW], at);
        acn_scalar alpha = {0};
        if (kind_of(c) == ADDS) {
            alpha = acn_attr_scalar(c, SECOND);
            v = added(views[Y_VIEW].dtype, acn_load_value(place, views[Y_VIEW].dtype), v, &alpha);
        }
        acn_store_value(place, views[Y_VIEW].dtype, v);
    }
    return ACN_OK;
}

#define COMMON(id)     .infer = infer, .plan = plan, .run = run, .run0 = run0, .family = &kind_##id
#define KIND(id, kind) static const slice_kind kind_##id = kind
KIND(IndexAdd, ADDS);
ACN_OP(IndexAdd) = {
    .name = "InplaceIndexAdd",
    .doc = "var with alpha * updates added to the slices along axis that indices name, in order",
    .in = {{"var", ACN_ALL},
           {"indices", ACN_INDEX_TYPES, ACN_UNALIASED},
           {"updates", ACN_ALL, ACN_UNALIASED}},
    .out = {{"var_out", ACN_ALL}},
    .attr = {{"axis", ACN_ATTR_INT}, {.name = "alpha", .kind = ACN_ATTR_SCALAR, .fallback = 1}},
    COMMON(IndexAdd),
    .cases = "tolerance=reduction [6,7],i64[4]@-6..5,[4,7]|axis=0 "
             "[6,7,3],i32[9]@-7..6,[6,9,3]|axis=1,alpha=2 [6,7],i64[0],[6,0]|axis=-1 "
             "[5],i64[]@0..4,[1]|axis=0 [],i64[1]@0..0,[]|axis=0,alpha=3 "
             "f32+f16[30,600],i64[50]@0..29,[50,600]|axis=0,alpha=0.5",
};
#define REPLACE(id, ge_name, about)                                                                \
    KIND(id, REPLACES);                                                                            \
    ACN_OP(id) = {                                                                                 \
        .name = ge_name,                                                                           \
        .doc = about,                                                                              \
        .in = {{"var", ACN_MOVABLE},                                                               \
               {"indices", ACN_INDEX_TYPES, ACN_UNALIASED},                                        \
               {"updates", ACN_MOVABLE, ACN_UNALIASED}},                                           \
        .out = {{"var_out", ACN_MOVABLE}},                                                         \
        .attr = {{"axis", ACN_ATTR_INT}},                                                          \
        COMMON(id),                                                                                \
        .cases = "[6,7],i64[4]@-6..5,[4,7]|axis=0 [6,7,3],i32[9]@-7..6,[6,9,3]|axis=1 "            \
                 "[6,7],i64[0],[6,0]|axis=-1 [5],i64[]@0..4,[1]|axis=0",                           \
    }
REPLACE(IndexCopy, "IndexCopy", "var with the slices along axis that indices name from updates");
REPLACE(ScatterUpdate, "ScatterUpdate",
        "var with the slices along axis that indices name from updates");

KIND(IndexFill, FILLS);
ACN_OP(IndexFill) = {
    .name = "IndexFill",
    .doc = "x with one value in the slices along dim that indices name",
    .in = {{"x", ACN_ALL},
           {"indices", ACN_INDEX_TYPES, ACN_UNALIASED},
           {"value", ACN_ALL | ACN_T(ACN_C128), ACN_SCALARISH | ACN_UNALIASED}},
    .out = {{"y", ACN_ALL}},
    .attr = {{"dim", ACN_ATTR_INT}},
    COMMON(IndexFill),
    .cases = "[6,7],i64[4]@-6..5,2|dim=0 [6,7,3],i32[3]@-7..6,1|dim=1 [6,7],i64[0],1|dim=1 "
             "[],i64[1]@0..0,3|dim=0",
};
KIND(IndexFillD, FILLS_LISTED);
ACN_OP(IndexFillD) = {
    .name = "IndexFillD",
    .doc = "x with one value in the slices along dim that the list names",
    .in = {{"x", ACN_ALL}, {"value", ACN_ALL | ACN_T(ACN_C128), ACN_SCALARISH | ACN_UNALIASED}},
    .out = {{"y", ACN_ALL}},
    .attr = {{"dim", ACN_ATTR_INT}, {"indices", ACN_ATTR_INTS}},
    COMMON(IndexFillD),
    .cases = "[6,7],2|dim=0,indices=[1,-1,3] [6,7,3],1|dim=1,indices=[0]",
};
