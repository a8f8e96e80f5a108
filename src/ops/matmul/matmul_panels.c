/* matmul_panels.c - MatMulPanels: rows times a matrix that was packed when a model was compiled,
 * with what follows it in most networks. Graph passes make it; no interface has it. */
#include "ops/layout/stage.h"
#include "ops/panels.h"

enum { X, PANELS, BIAS, ADDEND };
enum { COLUMNS, FINISH };

typedef struct product {
    acn_panels panels;
    int64_t x_row, addend_row, y_row; /* strides of rows in what is staged, or in the tensor */
    acn_stage x, b, bias, addend, y;
    uint64_t staged_bytes;
} product;

/* All dimensions but the last as one, a constant distance apart. */
static bool is_rows(const acn_tensor *t, int64_t *out_row) {
    int64_t row = 0, size = 1;
    if (t->dims[t->rank - 1] > 1 && t->strides[t->rank - 1] != 1) return false;
    for (int d = t->rank - 2; d >= 0; d--) {
        if (t->dims[d] == 1) continue;
        if (size == 1)
            row = t->strides[d];
        else if (t->strides[d] != row * size)
            return false;
        size *= t->dims[d];
    }
    *out_row = row;
    return true;
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *b = acn_in(c, PANELS), *bias = acn_in(c, BIAS);
    const acn_tensor *addend = acn_in(c, ADDEND);
    int64_t columns = acn_attr_int(c, COLUMNS), dims[ACN_MAX_DIMS];
    acn_panels_finish finish;
    if (x->rank < 1) return acn_bad_input(c, X, "expected rows of numbers");
    int64_t depth = x->dims[x->rank - 1];
    if (columns < 1 || columns > INT32_MAX)
        return acn_bad_attr(c, COLUMNS, "is %lld; expected at least 1", (long long)columns);
    if (acn_tensor_count(b) != acn_panels_packed_count(1, columns, depth))
        return acn_bad_input(c, PANELS, "expected panels of %lld columns of %lld numbers",
                             (long long)columns, (long long)depth);
    if (bias && acn_tensor_count(bias) != columns)
        return acn_bad_input(c, BIAS, "expected %lld numbers", (long long)columns);
    for (int d = 0; d < x->rank; d++)
        dims[d] = d == x->rank - 1 ? columns : x->dims[d];
    acn_tensor y;
    acn_tensor_init(&y, NULL, ACN_F32, x->rank, dims);
    if (addend && !acn_tensor_same_shape(addend, &y))
        return acn_bad_input(c, ADDEND, "expected the shape of the result");
    ACN_TRY(acn_panels_read_finish(c, FINISH, &finish));
    acn_out_is(c, 0, ACN_F32, x->rank, dims);
    return ACN_OK;
}

static acn_status stage(acn_stage *s, const acn_tensor *t, bool is_output, int64_t *row,
                        uint64_t *bytes) {
    s->is_direct = true;
    if (is_rows(t, row)) return ACN_OK;
    *row = t->dims[t->rank - 1];
    return acn_stage_plan(s, t, ACN_F32, is_output, bytes);
}

static acn_status plan(acn_call *c) {
    product *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for the plan of a matrix product");
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    const acn_tensor *bias = acn_in(c, BIAS), *addend = acn_in(c, ADDEND);
    int64_t depth = x->dims[x->rank - 1];
    ACN_TRY(acn_stage_plan(&p->b, acn_in(c, PANELS), ACN_F32, false, &p->staged_bytes));
    if (bias) ACN_TRY(acn_stage_plan(&p->bias, bias, ACN_F32, false, &p->staged_bytes));
    ACN_TRY(stage(&p->x, x, false, &p->x_row, &p->staged_bytes));
    ACN_TRY(stage(&p->y, y, true, &p->y_row, &p->staged_bytes));
    if (addend) ACN_TRY(stage(&p->addend, addend, false, &p->addend_row, &p->staged_bytes));
    p->panels = (acn_panels){.groups = 1,
                             .rows = depth ? acn_tensor_count(x) / depth : 0,
                             .cols = acn_attr_int(c, COLUMNS),
                             .segments = 1,
                             .steps = depth};
    if (depth == 0) p->panels.rows = acn_tensor_count(y) / p->panels.cols;
    acn_panels_plan(&p->panels);
    c->plan->workspace_bytes = p->staged_bytes + acn_panels_workspace_bytes(&p->panels);
    c->plan->cost_us = acn_panels_cost_us(&p->panels);
    c->plan->data = p;
    return ACN_OK;
}

typedef struct source {
    const float *x;
    int64_t row;
} source;

static void point(const void *context, int64_t group, int64_t first, int count, int most,
                  const float **rows) {
    const source *s = context;
    for (int i = 0; i < count; i++)
        rows[i] = s->x + (first + i) * s->row;
}

static acn_status run(acn_call *c) {
    const product *p = c->plan->data;
    char *w = c->workspace;
    const acn_tensor *bias = acn_in(c, BIAS), *addend = acn_in(c, ADDEND);
    const source s = {acn_stage_in(&p->x, acn_in(c, X), w), p->x_row};
    acn_panels_operands o = {.point = point,
                             .context = &s,
                             .b = acn_stage_in(&p->b, acn_in(c, PANELS), w),
                             .bias = bias ? acn_stage_in(&p->bias, bias, w) : NULL,
                             .addend = addend ? acn_stage_in(&p->addend, addend, w) : NULL,
                             .c = acn_stage_room(&p->y, acn_out(c, 0), w),
                             .c_row = p->y_row,
                             .addend_row = p->addend_row};
    ACN_TRY(acn_panels_read_finish(c, FINISH, &o.finish));
    acn_panels_run(&p->panels, &o, w + p->staged_bytes);
    acn_stage_out(&p->y, acn_out(c, 0), w);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *y = acn_out(c, 0);
    const acn_tensor *bias = acn_in(c, BIAS), *addend = acn_in(c, ADDEND);
    const acn_tensor *b = acn_in(c, PANELS);
    int64_t columns = acn_attr_int(c, COLUMNS), depth = x->dims[x->rank - 1];
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t row = i / columns, col = i % columns;
        double sum = bias ? acn_load_value(acn_tensor_at(bias, col), ACN_F32).f : 0;
        for (int64_t p = 0; p < depth; p++) {
            int64_t at = (col / ACN_PANEL * depth + p) * ACN_PANEL + col % ACN_PANEL;
            sum += acn_load_value(acn_tensor_at(x, row * depth + p), ACN_F32).f *
                   acn_load_value(acn_tensor_at(b, at), ACN_F32).f;
        }
        if (addend) sum += acn_load_value(acn_tensor_at(addend, i), ACN_F32).f;
        acn_store_value(acn_tensor_at(y, i), ACN_F32,
                        (acn_value){.f = acn_panels_naive_finish(c, FINISH, sum)});
    }
    return ACN_OK;
}

ACN_OP(MatMulPanels) = {
    .name = "MatMulPanels",
    .doc = "Rows times a matrix in panels of 16 columns, then bias, addend and activation",
    .in = {{"x", ACN_T(ACN_F32), ACN_UNALIASED},
           {"panels", ACN_T(ACN_F32), ACN_UNALIASED},
           {"bias", ACN_T(ACN_F32), ACN_OPTIONAL | ACN_UNALIASED},
           {"addend", ACN_T(ACN_F32), ACN_OPTIONAL}},
    .out = {{"y", ACN_T(ACN_F32)}},
    .attr = {{"columns", ACN_ATTR_INT, .is_required = true}, ACN_PANELS_ATTRS},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=contraction [3,5,7],[2,7,16],[20],[3,5,20]|columns=20,low=0 "
             "[49,400],[3,400,16],[33]|columns=33,activation=gelu [1,9],[1,9,16]|columns=16 "
             "[13,600],[1,600,16],-,[13,5]|columns=5,low=0,high=6 [0,4],[1,4,16]|columns=3 "
             "[5,4]:strided,[2,4,16],[17]|columns=17,activation=hard_swish",
};
