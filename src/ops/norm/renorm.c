/* renorm.c - slices whose norm is above a limit, scaled down to it: RenormV2 every slice along a
 * dimension, EmbeddingRenorm the rows of a table that indices name (each once, however often it is
 * named; the others stay).
 *
 *   y = x * limit / (norm + 1e-7)   where norm > limit, else x */
#include "ops/index/bounds.h"
#include "ops/norm/lp_norm.h"
#include <math.h>
#include <string.h>

enum { X, INDICES };
enum { ATTR_ORDER, ATTR_LIMIT, ATTR_DIM };

typedef struct renorm_plan {
    acn_rows rows;
    acn_row_side x, y;
} renorm_plan;

static acn_status check(const acn_call *c) {
    double order = acn_attr_float(c, ATTR_ORDER), limit = acn_attr_float(c, ATTR_LIMIT);
    if (!(order > 0)) return acn_bad_attr(c, ATTR_ORDER, "is %g; expected more than 0", order);
    if (!(limit >= 0)) return acn_bad_attr(c, ATTR_LIMIT, "is %g; expected at least 0", limit);
    return ACN_OK;
}

static acn_status slice_dim(const acn_call *c, int *out_dim) {
    return acn_wrap_dim(c, ATTR_DIM, acn_attr_int(c, ATTR_DIM), acn_in(c, X)->rank, out_dim);
}

static acn_status slices_infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    int dim;
    if (x->rank < 2) return acn_bad_input(c, X, "expected at least two dimensions");
    ACN_TRY(slice_dim(c, &dim));
    acn_out_like(c, 0, acn_out(c, 0) ? ACN_UNDEFINED : x->dtype, x);
    return ACN_OK;
}

static acn_status table_infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X);
    if (x->rank != 2) return acn_bad_input(c, X, "expected a table of two dimensions");
    acn_out_like(c, 0, x->dtype, x);
    return ACN_OK;
}

/* Slices along |dim| as rows. */
static acn_status plan_rows(acn_call *c, int dim) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    renorm_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    acn_rows_make(&p->rows, x, ((1u << x->rank) - 1) & ~(1u << dim));
    acn_class klass = acn_dtype_is_complex(x->dtype) ? ACN_K_C64 : acn_rows_class(x, y);
    acn_row_side_make(&p->x, &p->rows, x, klass);
    acn_row_side_make(&p->y, &p->rows, y, klass);
    c->plan->data = p;
    c->plan->cost_us = (uint32_t)(acn_tensor_count(x) / 2000 & 0x7fffffff);
    return ACN_OK;
}

static acn_status slices_plan(acn_call *c) {
    int dim;
    ACN_TRY(slice_dim(c, &dim));
    return plan_rows(c, dim);
}

static acn_status table_plan(acn_call *c) {
    c->plan->workspace_bytes = (uint64_t)acn_in(c, X)->dims[0]; /* which rows are named */
    return plan_rows(c, 0);
}

static double factor_of(double norm, double limit) {
    return norm > limit ? limit / (norm + 1e-7) : 1;
}

typedef struct renorm_job {
    const renorm_plan *plan;
    const acn_tensor *x, *y;
    const uint8_t *is_named; /* NULL: all rows */
    double order, limit;
} renorm_job;

static double norm_of(const renorm_job *j, const char *row) {
    const renorm_plan *p = j->plan;
    acn_row_tile scratch;
    double total = acn_norm_neutral(j->order);
    for (int64_t from = 0; from < p->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&p->rows, from);
        const void *tile = acn_row_load(&p->rows, &p->x, row, from, n, &scratch);
        total = acn_norm_combine(j->order, total, acn_norm_part(j->order, p->x.klass, tile, n));
    }
    return acn_norm_finish(j->order, total);
}

static void run_row(const void *job, int64_t index) {
    const renorm_job *j = job;
    const renorm_plan *p = j->plan;
    const char *x = acn_row_at(&p->rows, &p->x, j->x->data, index);
    char *y = acn_row_at(&p->rows, &p->y, j->y->data, index);
    double factor = 1;
    if (!j->is_named || j->is_named[index]) factor = factor_of(norm_of(j, x), j->limit);
    if (factor == 1 && x == y) return;
    acn_row_tile x_tile, y_tile, scale;
    if (p->x.klass == ACN_K_C64) {
        float pattern[2] = {(float)factor, 0};
        acn_kernels_get()->fill(&scale, pattern, sizeof pattern, ACN_ROW_TILE);
    } else {
        acn_row_splat(p->x.klass, &scale, factor, ACN_ROW_TILE);
    }
    for (int64_t from = 0; from < p->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&p->rows, from);
        const void *from_x = acn_row_load(&p->rows, &p->x, x, from, n, &x_tile);
        void *to = acn_row_target(&p->y, y, from, &y_tile);
        acn_kernels_get()->micro[ACN_U_MUL][p->x.klass](to, from_x, &scale, NULL, n);
        acn_row_store(&p->rows, &p->y, y, from, n, to);
    }
}

static renorm_job job_of(const acn_call *c, const uint8_t *is_named) {
    return (renorm_job){c->plan->data,
                        acn_in(c, X),
                        acn_out(c, 0),
                        is_named,
                        acn_attr_float(c, ATTR_ORDER),
                        acn_attr_float(c, ATTR_LIMIT)};
}

static acn_status slices_run(acn_call *c) {
    renorm_job j = job_of(c, NULL);
    acn_rows_run(&j.plan->rows, run_row, &j);
    return ACN_OK;
}

static acn_status table_run(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *indices = acn_in(c, INDICES);
    uint8_t *is_named = c->workspace;
    ACN_TRY(acn_bounds_check(c, INDICES, 0, acn_bounds_of(x->dims[0], false)));
    if (x->dims[0] == 0) return ACN_OK;
    memset(is_named, 0, (size_t)x->dims[0]);
    for (int64_t i = 0, n = acn_tensor_count(indices); i < n; i++)
        is_named[acn_load_value(acn_tensor_at(indices, i), indices->dtype).i] = 1;
    renorm_job j = job_of(c, is_named);
    acn_rows_run(&j.plan->rows, run_row, &j);
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static acn_value load(const acn_tensor *t, int64_t i) {
    return acn_load_value(acn_tensor_at(t, i), t->dtype);
}

/* Element |i| of slice |slice|, of |size|; |inside|: elements behind the dimension. */
static int64_t element_of(int64_t slice, int64_t size, int64_t inside, int64_t i) {
    return (i / inside * size + slice) * inside + i % inside;
}

static void slice0(const acn_call *c, int dim, int64_t slice, bool is_named) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    double order = acn_attr_float(c, ATTR_ORDER), total = 0;
    int64_t size = x->dims[dim], inside = 1, count = acn_tensor_count(x) / size;
    for (int d = dim + 1; d < x->rank; d++)
        inside *= x->dims[d];
    for (int64_t i = 0; i < count; i++) {
        acn_value element = load(x, element_of(slice, size, inside, i));
        double v = sqrt(element.f * element.f + element.im * element.im);
        total = acn_norm_combine(order, total, isinf(order) ? v : pow(v, order));
    }
    double limit = acn_attr_float(c, ATTR_LIMIT);
    double factor = is_named ? factor_of(acn_norm_finish(order, total), limit) : 1;
    for (int64_t i = 0; i < count; i++) {
        int64_t at = element_of(slice, size, inside, i);
        acn_value element = load(x, at);
        element = (acn_value){.f = factor * element.f, .im = factor * element.im};
        acn_store_value(acn_tensor_at(y, at), y->dtype, element);
    }
}

static acn_status slices_run0(acn_call *c) {
    int dim;
    ACN_TRY(slice_dim(c, &dim));
    for (int64_t s = 0; s < acn_in(c, X)->dims[dim]; s++)
        slice0(c, dim, s, true);
    return ACN_OK;
}

static acn_status table_run0(acn_call *c) {
    const acn_tensor *indices = acn_in(c, INDICES);
    int64_t rows = acn_in(c, X)->dims[0], count = acn_tensor_count(indices);
    ACN_TRY(acn_bounds_check(c, INDICES, 0, acn_bounds_of(rows, false)));
    for (int64_t row = 0; row < rows; row++) {
        bool is_named = false;
        for (int64_t i = 0; i < count; i++)
            is_named |= acn_load_value(acn_tensor_at(indices, i), indices->dtype).i == row;
        slice0(c, 0, row, is_named);
    }
    return ACN_OK;
}

#define ATTRS                                                                                      \
    {.name = "p", .kind = ACN_ATTR_FLOAT, .fallback = 2, .is_value = true}, {                      \
        .name = "maxnorm", .kind = ACN_ATTR_FLOAT, .is_required = true, .is_value = true           \
    }

ACN_OP(RenormV2) = {
    .name = "RenormV2",
    .doc = "Slices along dim whose norm of order p is above maxnorm, scaled down to it.",
    .in = {{"x", ACN_FLOATS | ACN_COMPLEXES}},
    .out = {{"y", ACN_FLOATS | ACN_COMPLEXES}},
    .attr = {ATTRS, {.name = "dim", .kind = ACN_ATTR_INT, .is_required = true}},
    .infer = slices_infer,
    .check = check,
    .plan = slices_plan,
    .run = slices_run,
    .run0 = slices_run0,
    .cases =
        "tolerance=reduction [4,5]|dim=0,maxnorm=1.5 [3,4,5]|dim=1,p=1,maxnorm=4 "
        "[3,4,5]|dim=-1,p=3,maxnorm=0.5 [3,2]|p=inf,dim=0,maxnorm=1 f32[2,3000]|dim=0,maxnorm=9 "
        "f32[0,3]|dim=1,maxnorm=1 f32[3,0]|dim=0,maxnorm=1",
};

ACN_OP(EmbeddingRenorm) = {
    .name = "EmbeddingRenorm",
    .doc = "Rows that indices name, scaled down to a norm of maxnorm where theirs is above it.",
    .in = {{"x", ACN_FLOATS}, {"indices", ACN_INDEX_TYPES, ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {ATTRS},
    .infer = table_infer,
    .check = check,
    .plan = table_plan,
    .run = table_run,
    .run0 = table_run0,
    .cases = "tolerance=reduction [6,5],i64[3]@0..5|maxnorm=1.5 [6,5],i32[2,2]@0..5|p=1,maxnorm=2 "
             "[6,5],i64[0]|maxnorm=1 f32[3,2000],i64[4]@0..2|p=3.5,maxnorm=4",
};
