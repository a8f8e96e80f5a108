/* softmax.c - SoftmaxV2 and LogSoftmaxV2 over one dimension.
 *
 * Maximum, sum of exp(x - maximum), result; subtracting the maximum first keeps exp in range. Along
 * the last dimension that is one row at a time: in one go when it fits a tile, else in three
 * passes. Along another dimension the same steps run on many columns side by side. */
#include "ops/kernels/norm.h"
#include "ops/norm/rows.h"
#include <math.h>

enum { ATTR_AXES = 0, ATTR_DIM = 1 };

typedef struct softmax {
    bool uses_columns;
    acn_columns columns; /* then its rows, else |rows| */
    acn_rows rows;
    acn_row_side x, y;
    acn_class klass;
} softmax;

static acn_status read_dim(const acn_call *call, int *out_dim) {
    return acn_rows_axis(call, ATTR_AXES, ATTR_DIM, acn_in(call, 0)->rank, out_dim);
}

static acn_status infer(acn_call *call) {
    int dim;
    ACN_TRY(read_dim(call, &dim));
    acn_out_like(call, 0, ACN_UNDEFINED, acn_in(call, 0));
    return ACN_OK;
}

static acn_status plan(acn_call *call) {
    int dim;
    ACN_TRY(read_dim(call, &dim));
    softmax *s = acn_plan_alloc(call, sizeof *s);
    if (!s) return acn_fail(ACN_BAD_ALLOC, "no memory for the plan of a softmax");
    const acn_tensor *x = acn_in(call, 0), *y = acn_out(call, 0);
    s->klass = acn_rows_class(x, y);
    s->uses_columns = x->rank && acn_columns_make(&s->columns, x, dim);
    if (s->uses_columns)
        s->rows = s->columns.rows;
    else
        acn_rows_make(&s->rows, x, x->rank ? 1u << dim : 0);
    acn_row_side_make(&s->x, &s->rows, x, s->klass);
    acn_row_side_make(&s->y, &s->rows, y, s->klass);
    call->plan->data = s;
    call->plan->cost_us = (uint32_t)(acn_tensor_count(x) / 500 & 0x7fffffff);
    return ACN_OK;
}

typedef struct job {
    const softmax *s;
    void *x, *y;
    bool is_log;
} job;

static double row_max(const softmax *s, const char *row) {
    acn_row_tile scratch;
    double max = -INFINITY;
    for (int64_t from = 0; from < s->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&s->rows, from);
        max = acn_row_max(s->klass, acn_row_load(&s->rows, &s->x, row, from, n, &scratch), n, max);
    }
    return max;
}

/* tile = x - max, and exp of that when |is_exp|. */
static void shifted(const softmax *s, const char *row, int64_t from, int64_t n, double max,
                    bool is_exp, void *tile) {
    const acn_kernels *k = acn_kernels_get();
    acn_row_tile scratch;
    const void *x = acn_row_load(&s->rows, &s->x, row, from, n, &scratch);
    k->norm[s->klass].affine(tile, x, max, 1, 0, n);
    if (is_exp) k->micro[ACN_U_EXP][s->klass](tile, tile, NULL, NULL, n);
}

/* What the row's sum of powers makes of a shifted tile, in place. */
static void scaled(const job *j, double sum, void *tile, int64_t n) {
    const acn_norm_kernels *k = &acn_kernels_get()->norm[j->s->klass];
    k->affine(tile, tile, j->is_log ? log(sum) : 0, j->is_log ? 1 : 1 / sum, 0, n);
}

static double row_exp_sum(const softmax *s, const char *row, double max) {
    acn_row_tile tile;
    double sum = 0;
    for (int64_t from = 0; from < s->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&s->rows, from);
        shifted(s, row, from, n, max, true, &tile);
        sum += acn_row_sum(s->klass, &tile, n);
    }
    return sum;
}

static void run_short_row(const job *j, const char *from_row, char *to_row) {
    const softmax *s = j->s;
    const acn_kernels *k = acn_kernels_get();
    acn_row_tile scratch, work;
    int64_t n = s->rows.length;
    double max = row_max(s, from_row);
    void *tile = acn_row_target(&s->y, to_row, 0, &scratch);
    shifted(s, from_row, 0, n, max, !j->is_log, tile);
    if (j->is_log) k->micro[ACN_U_EXP][s->klass](&work, tile, NULL, NULL, n);
    double sum = acn_row_sum(s->klass, j->is_log ? &work : tile, n);
    scaled(j, sum, tile, n);
    acn_row_store(&s->rows, &s->y, to_row, 0, n, tile);
}

static void run_row(const void *context, int64_t index) {
    const job *j = context;
    const softmax *s = j->s;
    const char *from_row = acn_row_at(&s->rows, &s->x, j->x, index);
    char *to_row = acn_row_at(&s->rows, &s->y, j->y, index);
    if (s->rows.length <= ACN_ROW_TILE) {
        run_short_row(j, from_row, to_row);
        return;
    }
    double max = row_max(s, from_row);
    double sum = row_exp_sum(s, from_row, max);
    acn_row_tile scratch;
    for (int64_t from = 0; from < s->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&s->rows, from);
        void *tile = acn_row_target(&s->y, to_row, from, &scratch);
        shifted(s, from_row, from, n, max, !j->is_log, tile);
        scaled(j, sum, tile, n);
        acn_row_store(&s->rows, &s->y, to_row, from, n, tile);
    }
}

/* Columns [from, from + n): every step of the dimension is one vector operation on all of them. */
static void run_columns(const void *context, int64_t row, int64_t from, int64_t n) {
    const job *j = context;
    const softmax *s = j->s;
    acn_class c = s->klass;
    const acn_micro_fn(*micro)[ACN_CLASS_COUNT] = acn_kernels_get()->micro;
    acn_row_tile max, sum, work, scratch;
    acn_row_splat(c, &max, -INFINITY, n);
    acn_row_splat(c, &sum, 0, n);
    for (int64_t i = row; i < row + s->columns.length; i++) {
        const char *at = acn_row_at(&s->rows, &s->x, j->x, i);
        micro[ACN_U_MAX][c](&max, &max, acn_row_load(&s->rows, &s->x, at, from, n, &scratch), NULL,
                            n);
    }
    for (int64_t i = row; i < row + s->columns.length; i++) {
        const char *at = acn_row_at(&s->rows, &s->x, j->x, i);
        const void *x = acn_row_load(&s->rows, &s->x, at, from, n, &scratch);
        micro[ACN_U_SUB][c](&work, x, &max, NULL, n);
        micro[ACN_U_EXP][c](&work, &work, NULL, NULL, n);
        micro[ACN_U_ADD][c](&sum, &sum, &work, NULL, n);
    }
    if (j->is_log) micro[ACN_U_LOG][c](&sum, &sum, NULL, NULL, n);
    for (int64_t i = row; i < row + s->columns.length; i++) {
        const char *at = acn_row_at(&s->rows, &s->x, j->x, i);
        char *to = acn_row_at(&s->rows, &s->y, j->y, i);
        void *y = acn_row_target(&s->y, to, from, &work);
        micro[ACN_U_SUB][c](y, acn_row_load(&s->rows, &s->x, at, from, n, &scratch), &max, NULL, n);
        if (!j->is_log) micro[ACN_U_EXP][c](y, y, NULL, NULL, n);
        micro[j->is_log ? ACN_U_SUB : ACN_U_DIV][c](y, y, &sum, NULL, n);
        acn_row_store(&s->rows, &s->y, to, from, n, y);
    }
}

static acn_status run_any(acn_call *call, bool is_log) {
    job j = {call->plan->data, acn_in(call, 0)->data, acn_out(call, 0)->data, is_log};
    if (j.s->uses_columns)
        acn_columns_run(&j.s->columns, run_columns, &j);
    else
        acn_rows_run(&j.s->rows, run_row, &j);
    return ACN_OK;
}

static acn_status run_softmax(acn_call *call) { return run_any(call, false); }
static acn_status run_log_softmax(acn_call *call) { return run_any(call, true); }

/* ---- level 0 --------------------------------------------------------------------------------- */

static double value_at(const acn_tensor *t, int64_t linear) {
    return acn_load_value(acn_tensor_at(t, linear), t->dtype).f;
}

static acn_status run0_any(acn_call *call, bool is_log) {
    int dim;
    ACN_TRY(read_dim(call, &dim));
    const acn_tensor *x = acn_in(call, 0), *y = acn_out(call, 0);
    int64_t length = x->rank ? x->dims[dim] : 1, step = 1;
    for (int d = dim + 1; d < x->rank; d++)
        step *= x->dims[d];
    for (int64_t first = 0; first < acn_tensor_count(x); first++) {
        if (first / step % length != 0) continue; /* not the first element of a row */
        double max = -INFINITY, sum = 0;
        for (int64_t p = 0; p < length; p++) {
            double v = value_at(x, first + p * step);
            if (!(v <= max) && !isnan(max)) max = v;
        }
        for (int64_t p = 0; p < length; p++)
            sum += exp(value_at(x, first + p * step) - max);
        for (int64_t p = 0; p < length; p++) {
            double v = value_at(x, first + p * step) - max;
            acn_store_value(acn_tensor_at(y, first + p * step), y->dtype,
                            (acn_value){.f = is_log ? v - log(sum) : exp(v) / sum});
        }
    }
    return ACN_OK;
}

static acn_status run0_softmax(acn_call *call) { return run0_any(call, false); }
static acn_status run0_log_softmax(acn_call *call) { return run0_any(call, true); }

ACN_OP(SoftmaxV2) = {
    .name = "SoftmaxV2",
    .doc = "exp(x) divided by its sum over one dimension.",
    .in = {{"x", ACN_FLOATS}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {{"axes", ACN_ATTR_INTS}, {"dim", ACN_ATTR_INT}, {"half_to_float", ACN_ATTR_BOOL}},
    .infer = infer,
    .plan = plan,
    .run = run_softmax,
    .run0 = run0_softmax,
    .cases = "tolerance=relative [5,7]|dim=1 [5,7,3]|dim=-2 [3,9,20]|dim=1 f32+bf16[4,6,300]|dim=0 "
             "f32[3,2000]|axes=[-1] "
             "f32+f16[2,1500,2]|dim=1 f32[]|dim=0 f32[0,4]|dim=1 f32[4,0]|dim=1 "
             "f32[2,1,2,1,2,1,2,3]|dim=4",
};

ACN_OP(LogSoftmaxV2) = {
    .name = "LogSoftmaxV2",
    .doc = "x minus the logarithm of the sum of exp(x) over one dimension.",
    .in = {{"logits", ACN_FLOATS}},
    .out = {{"logsoftmax", ACN_FLOATS}},
    .attr = {{"axes", ACN_ATTR_INTS}, {"dim", ACN_ATTR_INT}},
    .infer = infer,
    .plan = plan,
    .run = run_log_softmax,
    .run0 = run0_log_softmax,
    .cases = "tolerance=compound [5,7]|dim=1 [5,7,3]|dim=0 [3,9,20]|dim=1 f32+bf16[4,6,300]|dim=0 "
             "f32[3,2000]|axes=[-1] "
             "f32+f16[2,1500,2]|dim=1 f32[]|dim=0 f32[0,4]|dim=1 f32[4,0]|dim=1",
};
