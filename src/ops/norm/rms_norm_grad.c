/* rms_norm_grad.c - RmsNormGrad: gradients of RmsNorm for its input and factor.
 *
 *   g = dy * gamma,  dx = rstd (g - x rstd^2 mean of g x),  dgamma = sum over rows of dy x rstd
 *
 * The sums over rows are taken in a fixed number of blocks of rows, then block by block. */
#include "base/pool.h"
#include "ops/norm/rows.h"
#include <string.h>

enum { DY, X, RSTD, GAMMA, DX = 0, DGAMMA = 1, MAX_BLOCKS = 16 };

typedef struct rms_grad {
    acn_rows rows;
    acn_class klass;
    acn_row_side dy, x, gamma, dx, dgamma;
    int64_t blocks, rows_per_block, bytes; /* of one row in the class's type */
} rms_grad;

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *gamma = acn_in(c, GAMMA);
    if (!acn_tensor_same_shape(acn_in(c, DY), x))
        return acn_bad_input(c, DY, "expected the shape of the normalised input");
    int first = x->rank - gamma->rank;
    if (gamma->rank < 1 || first < 0 ||
        memcmp(gamma->dims, x->dims + first, sizeof *x->dims * (size_t)gamma->rank) != 0)
        return acn_bad_input(c, GAMMA, "expected the last sizes of the input's shape");
    int64_t length = acn_tensor_count(gamma);
    if (length && acn_tensor_count(acn_in(c, RSTD)) * length != acn_tensor_count(x))
        return acn_bad_input(c, RSTD, "expected one element for each row");
    acn_out_like(c, DX, acn_out(c, DX) ? ACN_UNDEFINED : x->dtype, x);
    acn_out_like(c, DGAMMA, acn_out(c, DGAMMA) ? ACN_UNDEFINED : ACN_F32, gamma);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    rms_grad *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    const acn_tensor *x = acn_in(c, X), *gamma = acn_in(c, GAMMA);
    uint32_t mask = 0;
    for (int d = x->rank - gamma->rank; d < x->rank; d++)
        mask |= 1u << d;
    p->klass = acn_rows_class(x, gamma);
    acn_rows_make(&p->rows, x, mask);
    acn_row_side_make(&p->dy, &p->rows, acn_in(c, DY), p->klass);
    acn_row_side_make(&p->x, &p->rows, x, p->klass);
    acn_row_side_make(&p->dx, &p->rows, acn_out(c, DX), p->klass);
    acn_row_side_make_inner(&p->gamma, &p->rows, gamma, p->klass);
    acn_row_side_make_inner(&p->dgamma, &p->rows, acn_out(c, DGAMMA), p->klass);
    p->blocks = p->rows.count < MAX_BLOCKS ? p->rows.count : MAX_BLOCKS;
    if (p->blocks < 1) p->blocks = 1;
    p->rows_per_block = (p->rows.count + p->blocks - 1) / p->blocks;
    p->bytes = p->rows.length * (int64_t)acn_class_bytes(p->klass);
    c->plan->data = p;
    c->plan->workspace_bytes = (uint64_t)(p->blocks * p->bytes);
    c->plan->cost_us = (uint32_t)(acn_tensor_count(x) / 700 & 0x7fffffff);
    return ACN_OK;
}

typedef struct row_view {
    const char *dy, *x;
    char *dx;
    double rstd;
} row_view;

/* Adds the row's part to |dgamma|; the mean of g x. */
static double add_row(const acn_call *c, const row_view *r, char *dgamma) {
    const rms_grad *p = c->plan->data;
    const acn_micro_fn(*micro)[ACN_CLASS_COUNT] = acn_kernels_get()->micro;
    acn_row_tile dy_tile, x_tile, gamma_tile, work, factor;
    double sum = 0;
    acn_row_splat(p->klass, &factor, r->rstd, acn_row_tile_count(&p->rows, 0));
    for (int64_t from = 0; from < p->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&p->rows, from);
        char *to = dgamma + from * (int64_t)acn_class_bytes(p->klass);
        const void *dy = acn_row_load(&p->rows, &p->dy, r->dy, from, n, &dy_tile);
        const void *x = acn_row_load(&p->rows, &p->x, r->x, from, n, &x_tile);
        const void *gamma =
            acn_row_load(&p->rows, &p->gamma, acn_in(c, GAMMA)->data, from, n, &gamma_tile);
        micro[ACN_U_MUL][p->klass](&work, dy, x, NULL, n);
        micro[ACN_U_FMA][p->klass](to, &work, &factor, to, n);
        micro[ACN_U_MUL][p->klass](&work, &work, gamma, NULL, n);
        sum += acn_row_sum(p->klass, &work, n);
    }
    return sum / (double)p->rows.length;
}

static void store_dx(const acn_call *c, const row_view *r, double mean) {
    const rms_grad *p = c->plan->data;
    const acn_micro_fn(*micro)[ACN_CLASS_COUNT] = acn_kernels_get()->micro;
    acn_row_tile dy_tile, x_tile, gamma_tile, work, by;
    for (int64_t from = 0; from < p->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&p->rows, from);
        const void *dy = acn_row_load(&p->rows, &p->dy, r->dy, from, n, &dy_tile);
        const void *x = acn_row_load(&p->rows, &p->x, r->x, from, n, &x_tile);
        const void *gamma =
            acn_row_load(&p->rows, &p->gamma, acn_in(c, GAMMA)->data, from, n, &gamma_tile);
        micro[ACN_U_MUL][p->klass](&work, dy, gamma, NULL, n);
        acn_row_splat(p->klass, &by, -mean * r->rstd * r->rstd, n);
        micro[ACN_U_FMA][p->klass](&work, x, &by, &work, n);
        acn_row_splat(p->klass, &by, r->rstd, n);
        micro[ACN_U_MUL][p->klass](&work, &work, &by, NULL, n);
        acn_row_store(&p->rows, &p->dx, r->dx, from, n, &work);
    }
}

static void run_block(void *context, int64_t block, int worker) {
    (void)worker;
    const acn_call *c = context;
    const rms_grad *p = c->plan->data;
    const acn_tensor *rstd = acn_in(c, RSTD);
    char *dgamma = (char *)c->workspace + block * p->bytes;
    memset(dgamma, 0, (size_t)p->bytes);
    int64_t end = (block + 1) * p->rows_per_block;
    if (end > p->rows.count) end = p->rows.count;
    for (int64_t row = block * p->rows_per_block; row < end; row++) {
        row_view r = {acn_row_at(&p->rows, &p->dy, acn_in(c, DY)->data, row),
                      acn_row_at(&p->rows, &p->x, acn_in(c, X)->data, row),
                      acn_row_at(&p->rows, &p->dx, acn_out(c, DX)->data, row),
                      acn_load_value(acn_tensor_at(rstd, row), rstd->dtype).f};
        store_dx(c, &r, add_row(c, &r, dgamma));
    }
}

static acn_status run(acn_call *c) {
    const rms_grad *p = c->plan->data;
    char *first = c->workspace;
    if (!p->rows.length) return ACN_OK;
    acn_pool_run(p->blocks, run_block, c);
    for (int64_t b = 1; b < p->blocks; b++)
        acn_kernels_get()->micro[ACN_U_ADD][p->klass](first, first, first + b * p->bytes, NULL,
                                                      p->rows.length);
    for (int64_t from = 0; from < p->rows.length; from += ACN_ROW_TILE)
        acn_row_store(&p->rows, &p->dgamma, acn_out(c, DGAMMA)->data, from,
                      acn_row_tile_count(&p->rows, from),
                      first + from * (int64_t)acn_class_bytes(p->klass));
    return ACN_OK;
}

static double value_at(const acn_tensor *t, int64_t i) {
    return acn_load_value(acn_tensor_at(t, i), t->dtype).f;
}
static void store_at(const acn_tensor *t, int64_t i, double v) {
    acn_store_value(acn_tensor_at(t, i), t->dtype, (acn_value){.f = v});
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, X), *dy = acn_in(c, DY), *gamma = acn_in(c, GAMMA);
    int64_t length = acn_tensor_count(gamma), rows = acn_tensor_count(acn_in(c, RSTD));
    for (int64_t i = 0; i < length; i++) {
        double sum = 0;
        for (int64_t row = 0; row < rows; row++)
            sum += value_at(dy, row * length + i) * value_at(x, row * length + i) *
                   value_at(acn_in(c, RSTD), row);
        store_at(acn_out(c, DGAMMA), i, sum);
    }
    for (int64_t row = 0; row < rows; row++) {
        double mean = 0, rstd = value_at(acn_in(c, RSTD), row);
        for (int64_t i = 0; i < length; i++)
            mean += value_at(dy, row * length + i) * value_at(gamma, i) *
                    value_at(x, row * length + i) / (double)length;
        for (int64_t i = 0; i < length; i++) {
            int64_t at = row * length + i;
            double g = value_at(dy, at) * value_at(gamma, i);
            store_at(acn_out(c, DX), at, rstd * (g - value_at(x, at) * rstd * rstd * mean));
        }
    }
    return ACN_OK;
}

ACN_OP(RmsNormGrad) = {
    .name = "RmsNormGrad",
    .doc = "Gradients of RmsNorm for its input and factor.",
    .in = {{"dy", ACN_FLOATS, ACN_UNALIASED},
           {"x", ACN_FLOATS, ACN_UNALIASED},
           {"rstd", ACN_FLOATS, ACN_UNALIASED},
           {"gamma", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"dx", ACN_FLOATS}, {"dgamma", ACN_FLOATS}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [5,7],[5,7],[5,1]@0..1,[7] [40,3,5],[40,3,5],[40]@0..1,[3,5] "
             "f32+bf16[3,2000],[3,2000],f32[3]@0..1,[2000]",
};
