/* softmax_grad.c - SoftmaxGrad and LogSoftmaxGrad: one weighted sum over a row, then the result.
 *
 *   softmax      dx = (g - sum(g * y)) * y
 *   log softmax  dx = g - exp(y) * sum(g)        with y the forward result */
#include "ops/norm/rows.h"
#include <math.h>

enum { ATTR_AXES = 0, ATTR_DIM = 1 };

/* Input slots differ between the two operators, as in GE. */
typedef struct form {
    int8_t grad, y;
    bool is_log;
} form;

static const form softmax_form = {1, 0, false}, log_softmax_form = {0, 1, true};

typedef struct softmax_grad {
    bool uses_columns;
    acn_columns columns; /* then its rows, else |rows| */
    acn_rows rows;
    acn_row_side g, y, dx;
    acn_class klass;
} softmax_grad;

static const form *form_of(const acn_call *call) { return call->op->family; }

static acn_status read_dim(const acn_call *call, int *out_dim) {
    return acn_rows_axis(call, ATTR_AXES, ATTR_DIM, acn_in(call, form_of(call)->y)->rank, out_dim);
}

static acn_status infer(acn_call *call) {
    const form *f = form_of(call);
    int dim;
    ACN_TRY(read_dim(call, &dim));
    if (!acn_tensor_same_shape(acn_in(call, f->grad), acn_in(call, f->y)))
        return acn_bad_input(call, f->grad, "expected the shape of the forward result");
    acn_out_like(call, 0, ACN_UNDEFINED, acn_in(call, f->y));
    return ACN_OK;
}

static acn_status plan(acn_call *call) {
    const form *f = form_of(call);
    int dim;
    ACN_TRY(read_dim(call, &dim));
    softmax_grad *s = acn_plan_alloc(call, sizeof *s);
    if (!s) return acn_fail(ACN_BAD_ALLOC, "no memory for the plan of a softmax gradient");
    const acn_tensor *g = acn_in(call, f->grad), *y = acn_in(call, f->y), *dx = acn_out(call, 0);
    s->klass = acn_rows_class(g, y);
    if (dx->dtype == ACN_F64) s->klass = ACN_K_F64;
    s->uses_columns = y->rank && acn_columns_make(&s->columns, y, dim);
    if (s->uses_columns)
        s->rows = s->columns.rows;
    else
        acn_rows_make(&s->rows, y, y->rank ? 1u << dim : 0);
    acn_row_side_make(&s->g, &s->rows, g, s->klass);
    acn_row_side_make(&s->y, &s->rows, y, s->klass);
    acn_row_side_make(&s->dx, &s->rows, dx, s->klass);
    call->plan->data = s;
    call->plan->cost_us = (uint32_t)(acn_tensor_count(y) / 800 & 0x7fffffff);
    return ACN_OK;
}

typedef struct job {
    const softmax_grad *s;
    void *g, *y, *dx;
    bool is_log;
} job;

static double row_sum(const job *j, const char *g_row, const char *y_row) {
    const softmax_grad *s = j->s;
    acn_row_tile g_tile, y_tile, product;
    double sum = 0;
    for (int64_t from = 0; from < s->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&s->rows, from);
        const void *g = acn_row_load(&s->rows, &s->g, g_row, from, n, &g_tile);
        if (!j->is_log) {
            const void *y = acn_row_load(&s->rows, &s->y, y_row, from, n, &y_tile);
            acn_kernels_get()->micro[ACN_U_MUL][s->klass](&product, g, y, NULL, n);
            g = &product;
        }
        sum += acn_row_sum(s->klass, g, n);
    }
    return sum;
}

/* dx from g, y and the sum; |work| is room. */
static void finish(const job *j, void *dx, const void *g, const void *y, const acn_row_tile *sum,
                   acn_row_tile *work, int64_t n) {
    acn_class c = j->s->klass;
    const acn_micro_fn(*micro)[ACN_CLASS_COUNT] = acn_kernels_get()->micro;
    if (j->is_log) {
        micro[ACN_U_EXP][c](work, y, NULL, NULL, n);
        micro[ACN_U_MUL][c](work, work, sum, NULL, n);
        micro[ACN_U_SUB][c](dx, g, work, NULL, n);
    } else {
        micro[ACN_U_SUB][c](work, g, sum, NULL, n);
        micro[ACN_U_MUL][c](dx, work, y, NULL, n);
    }
}

static void run_row(const void *context, int64_t index) {
    const job *j = context;
    const softmax_grad *s = j->s;
    const char *g_row = acn_row_at(&s->rows, &s->g, j->g, index);
    const char *y_row = acn_row_at(&s->rows, &s->y, j->y, index);
    char *dx_row = acn_row_at(&s->rows, &s->dx, j->dx, index);
    double sum = row_sum(j, g_row, y_row);
    acn_row_tile g_tile, y_tile, scratch, splat, work;
    acn_row_splat(s->klass, &splat, sum, acn_row_tile_count(&s->rows, 0));
    for (int64_t from = 0; from < s->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&s->rows, from);
        const void *g = acn_row_load(&s->rows, &s->g, g_row, from, n, &g_tile);
        const void *y = acn_row_load(&s->rows, &s->y, y_row, from, n, &y_tile);
        void *dx = acn_row_target(&s->dx, dx_row, from, &scratch);
        finish(j, dx, g, y, &splat, &work, n);
        acn_row_store(&s->rows, &s->dx, dx_row, from, n, dx);
    }
}

static void run_columns(const void *context, int64_t row, int64_t from, int64_t n) {
    const job *j = context;
    const softmax_grad *s = j->s;
    const acn_micro_fn(*micro)[ACN_CLASS_COUNT] = acn_kernels_get()->micro;
    acn_row_tile sum, g_tile, y_tile, work, scratch;
    acn_row_splat(s->klass, &sum, 0, n);
    for (int64_t i = row; i < row + s->columns.length; i++) {
        const char *g_row = acn_row_at(&s->rows, &s->g, j->g, i);
        const void *g = acn_row_load(&s->rows, &s->g, g_row, from, n, &g_tile);
        if (!j->is_log) {
            const char *y_row = acn_row_at(&s->rows, &s->y, j->y, i);
            const void *y = acn_row_load(&s->rows, &s->y, y_row, from, n, &y_tile);
            micro[ACN_U_MUL][s->klass](&work, g, y, NULL, n);
            g = &work;
        }
        micro[ACN_U_ADD][s->klass](&sum, &sum, g, NULL, n);
    }
    for (int64_t i = row; i < row + s->columns.length; i++) {
        const char *g_row = acn_row_at(&s->rows, &s->g, j->g, i);
        const char *y_row = acn_row_at(&s->rows, &s->y, j->y, i);
        char *dx_row = acn_row_at(&s->rows, &s->dx, j->dx, i);
        const void *g = acn_row_load(&s->rows, &s->g, g_row, from, n, &g_tile);
        const void *y = acn_row_load(&s->rows, &s->y, y_row, from, n, &y_tile);
        void *dx = acn_row_target(&s->dx, dx_row, from, &scratch);
        finish(j, dx, g, y, &sum, &work, n);
        acn_row_store(&s->rows, &s->dx, dx_row, from, n, dx);
    }
}

static acn_status run(acn_call *call) {
    const form *f = form_of(call);
    job j = {call->plan->data, acn_in(call, f->grad)->data, acn_in(call, f->y)->data,
             acn_out(call, 0)->data, f->is_log};
    if (j.s->uses_columns)
        acn_columns_run(&j.s->columns, run_columns, &j);
    else
        acn_rows_run(&j.s->rows, run_row, &j);
    return ACN_OK;
}

static double value_at(const acn_tensor *t, int64_t linear) {
    return acn_load_value(acn_tensor_at(t, linear), t->dtype).f;
}

static acn_status run0(acn_call *call) {
    const form *f = form_of(call);
    int dim;
    ACN_TRY(read_dim(call, &dim));
    const acn_tensor *g = acn_in(call, f->grad), *y = acn_in(call, f->y), *dx = acn_out(call, 0);
    int64_t length = y->rank ? y->dims[dim] : 1, step = 1;
    for (int d = dim + 1; d < y->rank; d++)
        step *= y->dims[d];
    for (int64_t first = 0; first < acn_tensor_count(y); first++) {
        if (first / step % length != 0) continue; /* not the first element of a row */
        double sum = 0;
        for (int64_t p = 0; p < length; p++) {
            int64_t at = first + p * step;
            sum += value_at(g, at) * (f->is_log ? 1 : value_at(y, at));
        }
        for (int64_t p = 0; p < length; p++) {
            int64_t at = first + p * step;
            double gv = value_at(g, at), yv = value_at(y, at);
            double v = f->is_log ? gv - exp(yv) * sum : (gv - sum) * yv;
            acn_store_value(acn_tensor_at(dx, at), dx->dtype, (acn_value){.f = v});
        }
    }
    return ACN_OK;
}

ACN_OP(SoftmaxGrad) = {
    .name = "SoftmaxGrad",
    .doc = "Gradient of SoftmaxV2 from its result and the incoming gradient.",
    .in = {{"softmax", ACN_FLOATS}, {"grad_softmax", ACN_FLOATS}},
    .out = {{"grad_x", ACN_FLOATS}},
    .attr = {{"axes", ACN_ATTR_INTS}, {"dim", ACN_ATTR_INT}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .family = &softmax_form,
    .cases = "tolerance=reduction [5,7]@0..1,[5,7]|dim=1 [5,7,3]@0..1,[5,7,3]|dim=1 "
             "[3,9,20]@0..1,[3,9,20]|dim=1 f32[]@0..1,[]|dim=0 f32[0,4],[0,4]|dim=1 "
             "f32[4,0],[4,0]|dim=1 f32[3,2000]@0..1,[3,2000]|axes=[-1]",
};

ACN_OP(LogSoftmaxGrad) = {
    .name = "LogSoftmaxGrad",
    .doc = "Gradient of LogSoftmaxV2 from its result and the incoming gradient.",
    .in = {{"grad", ACN_FLOATS}, {"x", ACN_FLOATS}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {{"axis", ACN_ATTR_INTS}, {"dim", ACN_ATTR_INT}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .family = &log_softmax_form,
    .cases = "tolerance=reduction [5,7],[5,7]@-4..0|dim=1 [5,7,3],[5,7,3]@-4..0|dim=0 "
             "[3,9,20],[3,9,20]@-4..0|dim=1 "
             "f32[3,2000],[3,2000]@-4..0|axis=[-1] f32[],[]@-4..0|dim=0 f32[0,4],[0,4]|dim=1 "
             "f32[4,0],[4,0]|dim=1",
};
