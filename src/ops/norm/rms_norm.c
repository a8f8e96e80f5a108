/* rms_norm.c - RmsNorm and AddRmsNorm: each row (the dimensions of gamma) divided by its root mean
 * square, times a factor for each position; AddRmsNorm adds two inputs first and gives their sum
 * too. GemmaRmsNorm counts its factors from 1. */
#include "ops/norm/rows.h"
#include <math.h>
#include <string.h>

typedef struct rms_form {
    int8_t x1, x2, gamma; /* inputs; -1: none */
    int8_t y, second_y, rstd, sum;
    bool is_from_one; /* the factor is 1 + gamma */
} rms_form;

typedef struct rms_plan {
    acn_rows rows;
    acn_class klass;
    acn_row_side x1, x2, gamma, y, second_y, sum;
} rms_plan;

static const rms_form *form_of(const acn_call *c) { return c->op->family; }
static const acn_tensor *in(const acn_call *c, int slot) {
    return slot < 0 ? NULL : acn_in(c, slot);
}
static acn_tensor *out(const acn_call *c, int slot) { return slot < 0 ? NULL : acn_out(c, slot); }

static acn_status infer(acn_call *c) {
    const rms_form *f = form_of(c);
    const acn_tensor *x = acn_in(c, f->x1), *gamma = acn_in(c, f->gamma);
    if (f->x2 >= 0 && !acn_tensor_same_shape(acn_in(c, f->x2), x))
        return acn_bad_input(c, f->x2, "expected the shape of the first input");
    int first = x->rank - gamma->rank;
    if (gamma->rank < 1 || first < 0 ||
        memcmp(gamma->dims, x->dims + first, sizeof *x->dims * (size_t)gamma->rank) != 0)
        return acn_bad_input(c, f->gamma, "expected the last sizes of the input's shape");
    const int8_t like[] = {f->y, f->second_y, f->sum};
    for (size_t i = 0; i < sizeof like; i++)
        if (like[i] >= 0) acn_out_like(c, like[i], out(c, like[i]) ? ACN_UNDEFINED : x->dtype, x);
    int64_t dims[ACN_MAX_DIMS], rows = 1;
    for (int d = 0; d < x->rank; d++) {
        dims[d] = d < first ? x->dims[d] : 1;
        rows *= dims[d];
    }
    acn_out_is(c, f->rstd, out(c, f->rstd) ? ACN_UNDEFINED : ACN_F32, x->rank, dims);
    if (out(c, f->rstd) && acn_tensor_count(out(c, f->rstd)) == rows) c->meta[f->rstd].rank = -1;
    return ACN_OK;
}

static uint32_t inner_mask(const acn_tensor *x, int inner) {
    uint32_t mask = 0;
    for (int d = x->rank - inner; d < x->rank; d++)
        mask |= 1u << d;
    return mask;
}

static acn_status plan(acn_call *c) {
    const rms_form *f = form_of(c);
    rms_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    const acn_tensor *x = acn_in(c, f->x1), *gamma = acn_in(c, f->gamma);
    p->klass = acn_rows_class(x, gamma);
    acn_rows_make(&p->rows, x, inner_mask(x, gamma->rank));
    acn_row_side_make(&p->x1, &p->rows, x, p->klass);
    if (in(c, f->x2)) acn_row_side_make(&p->x2, &p->rows, in(c, f->x2), p->klass);
    acn_row_side_make_inner(&p->gamma, &p->rows, gamma, p->klass);
    acn_row_side_make(&p->y, &p->rows, acn_out(c, f->y), p->klass);
    if (out(c, f->second_y))
        acn_row_side_make(&p->second_y, &p->rows, out(c, f->second_y), p->klass);
    if (out(c, f->sum)) acn_row_side_make(&p->sum, &p->rows, out(c, f->sum), p->klass);
    c->plan->data = p;
    c->plan->cost_us = (uint32_t)(acn_tensor_count(x) / 1500 & 0x7fffffff);
    return ACN_OK;
}

/* Elements [from, from + n) of what is normalised. */
static const void *load_sum(const acn_call *c, int64_t row, int64_t from, int64_t n,
                            acn_row_tile *a, acn_row_tile *b) {
    const rms_plan *p = c->plan->data;
    const rms_form *f = form_of(c);
    const char *row_1 = acn_row_at(&p->rows, &p->x1, acn_in(c, f->x1)->data, row);
    const void *x1 = acn_row_load(&p->rows, &p->x1, row_1, from, n, a);
    if (f->x2 < 0) return x1;
    const char *row_2 = acn_row_at(&p->rows, &p->x2, acn_in(c, f->x2)->data, row);
    const void *x2 = acn_row_load(&p->rows, &p->x2, row_2, from, n, b);
    acn_kernels_get()->micro[ACN_U_ADD][p->klass](a, x1, x2, NULL, n);
    return a;
}

static void store(const acn_call *c, const acn_row_side *side, int slot, int64_t row, int64_t from,
                  int64_t n, const void *tile) {
    const rms_plan *p = c->plan->data;
    acn_tensor *t = out(c, slot);
    if (t) acn_row_store(&p->rows, side, acn_row_at(&p->rows, side, t->data, row), from, n, tile);
}

static void run_row(const void *context, int64_t row) {
    const acn_call *c = context;
    const rms_plan *p = c->plan->data;
    const rms_form *f = form_of(c);
    const acn_micro_fn(*micro)[ACN_CLASS_COUNT] = acn_kernels_get()->micro;
    acn_row_tile a, b, work, factor;
    double squares = 0;
    for (int64_t from = 0; from < p->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&p->rows, from);
        const void *x = load_sum(c, row, from, n, &a, &b);
        micro[ACN_U_MUL][p->klass](&work, x, x, NULL, n);
        squares += acn_row_sum(p->klass, &work, n);
    }
    double rstd = 1 / sqrt(squares / (double)p->rows.length + acn_attr_float(c, 0));
    acn_row_splat(p->klass, &factor, rstd, acn_row_tile_count(&p->rows, 0));
    for (int64_t from = 0; from < p->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&p->rows, from);
        const void *x = load_sum(c, row, from, n, &a, &b);
        micro[ACN_U_MUL][p->klass](&work, x, &factor, NULL, n);
        const void *gamma =
            acn_row_load(&p->rows, &p->gamma, acn_in(c, f->gamma)->data, from, n, &b);
        if (f->is_from_one)
            micro[ACN_U_FMA][p->klass](&work, &work, gamma, &work, n);
        else
            micro[ACN_U_MUL][p->klass](&work, &work, gamma, NULL, n);
        store(c, &p->sum, f->sum, row, from, n, x); /* after the last look at this tile */
        store(c, &p->y, f->y, row, from, n, &work);
        store(c, &p->second_y, f->second_y, row, from, n, &work);
    }
    acn_tensor *r = out(c, f->rstd);
    if (r) acn_store_value(acn_tensor_at(r, row), r->dtype, (acn_value){.f = rstd});
}

static acn_status run(acn_call *c) {
    const rms_plan *p = c->plan->data;
    acn_rows_run(&p->rows, run_row, c);
    return ACN_OK;
}

static double value_at(const acn_tensor *t, int64_t i) {
    return t ? acn_load_value(acn_tensor_at(t, i), t->dtype).f : 0;
}
static void store_at(const acn_tensor *t, int64_t i, double v) {
    if (t) acn_store_value(acn_tensor_at(t, i), t->dtype, (acn_value){.f = v});
}

static acn_status run0(acn_call *c) {
    const rms_form *f = form_of(c);
    const acn_tensor *x1 = acn_in(c, f->x1), *x2 = in(c, f->x2), *gamma = acn_in(c, f->gamma);
    int64_t length = acn_tensor_count(gamma);
    int64_t rows = length ? acn_tensor_count(x1) / length : 0;
    for (int64_t row = 0; row < rows; row++) {
        double squares = 0;
        for (int64_t i = 0; i < length; i++)
            squares += pow(value_at(x1, row * length + i) + value_at(x2, row * length + i), 2);
        double rstd = 1 / sqrt(squares / (double)length + acn_attr_float(c, 0));
        for (int64_t i = 0; i < length; i++) {
            int64_t at = row * length + i;
            double x = value_at(x1, at) + value_at(x2, at);
            double y = x * rstd * (value_at(gamma, i) + f->is_from_one);
            store_at(out(c, f->sum), at, x);
            store_at(out(c, f->y), at, y);
            store_at(out(c, f->second_y), at, y);
        }
        store_at(out(c, f->rstd), row, rstd);
    }
    return ACN_OK;
}

#define RUN(form) .infer = infer, .plan = plan, .run = run, .run0 = run0, .family = &(form)
#define TENSOR(name)                                                                               \
    { name, ACN_FLOATS }
#define MAYBE(name)                                                                                \
    { name, ACN_FLOATS, ACN_OPTIONAL }
#define ATTR_EPSILON                                                                               \
    {                                                                                              \
        { .name = "epsilon", .kind = ACN_ATTR_FLOAT, .fallback = 1e-6, .is_value = true }          \
    }
#define ONE_CASES                                                                                  \
    "tolerance=reduction [5,7],[7] [4,3,5],[3,5]|epsilon=0.1 f32+bf16[3,2000],[2000] f32[0,5],[5]"
#define TWO_CASES "tolerance=reduction [5,7],[5,7],[7] f32+bf16[3,2000],[3,2000],[2000]"

static const rms_form one_form = {0, -1, 1, 0, -1, 1, -1, false};
ACN_OP(RmsNorm) = {.name = "RmsNorm",
                   .doc = "x / sqrt(mean of x^2 + epsilon) * gamma",
                   .in = {TENSOR("x"), TENSOR("gamma")},
                   .out = {TENSOR("y"), MAYBE("rstd")},
                   .attr = ATTR_EPSILON,
                   RUN(one_form),
                   .cases = ONE_CASES};

static const rms_form gemma_form = {0, -1, 1, 0, -1, 1, -1, true};
ACN_OP(GemmaRmsNorm) = {.name = "GemmaRmsNorm",
                        .doc = "x / sqrt(mean of x^2 + epsilon) * (1 + gamma)",
                        .in = {TENSOR("x"), TENSOR("gamma")},
                        .out = {TENSOR("y"), MAYBE("rstd")},
                        .attr = ATTR_EPSILON,
                        RUN(gemma_form),
                        .cases = ONE_CASES};

static const rms_form add_form = {0, 1, 2, 0, -1, 1, 2, false};
ACN_OP(AddRmsNorm) = {.name = "AddRmsNorm",
                      .doc = "RmsNorm of x1 + x2, and the sum",
                      .in = {TENSOR("x1"), TENSOR("x2"), TENSOR("gamma")},
                      .out = {TENSOR("y"), MAYBE("rstd"), MAYBE("x")},
                      .attr = ATTR_EPSILON,
                      RUN(add_form),
                      .cases = TWO_CASES};

static const rms_form cast_form = {0, 1, 2, 0, 1, 2, 3, false};
ACN_OP(AddRmsNormCast) = {.name = "AddRmsNormCast",
                          .doc = "AddRmsNorm with its result in two types",
                          .in = {TENSOR("x1"), TENSOR("x2"), TENSOR("gamma")},
                          .out = {TENSOR("y1"), TENSOR("y2"), MAYBE("rstd"), MAYBE("x")},
                          .attr = ATTR_EPSILON,
                          RUN(cast_form),
                          .cases = TWO_CASES};
