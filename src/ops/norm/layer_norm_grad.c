/* layer_norm_grad.c - LayerNormGradV3: gradients of LayerNormV3 for its input, factor and term.
 *
 *   xhat = (x - mean) * rstd,  g = dy * gamma
 *   dx = rstd * (g - mean of g - xhat * mean of g * xhat)      along each row
 *   dgamma = sum of dy * xhat,  dbeta = sum of dy              over the rows
 *
 * The sums over rows are taken in a fixed number of blocks of rows, then block by block, so they do
 * not depend on the number of threads. */
#include "base/pool.h"
#include "ops/kernels/norm.h"
#include "ops/norm/rows.h"
#include <string.h>

enum { DY, X, RSTD, MEAN, GAMMA, DX = 0, DGAMMA = 1, DBETA = 2, MAX_BLOCKS = 16 };
enum { ATTR_MASK, ATTR_SHAPE };

typedef struct layer_norm_grad {
    acn_rows rows;
    acn_row_side dy, x, gamma, dx, dgamma, dbeta;
    acn_class klass;
    int64_t blocks, rows_per_block;
    int64_t bytes; /* of one row in the class's type */
} layer_norm_grad;

static acn_status infer(acn_call *call) {
    const acn_tensor *x = acn_in(call, X), *gamma = acn_in(call, GAMMA);
    if (!acn_tensor_same_shape(acn_in(call, DY), x))
        return acn_bad_input(call, DY, "expected the shape of the normalised input");
    int64_t rows = acn_tensor_count(acn_in(call, RSTD)), elements = acn_tensor_count(x);
    if (acn_tensor_count(acn_in(call, MEAN)) != rows)
        return acn_bad_input(call, MEAN, "expected as many elements as the deviations have");
    int inner = gamma ? gamma->rank : 0;
    int64_t count = inner, length = 1;
    if (call->attr[ATTR_SHAPE].is_present) {
        (void)acn_attr_ints(call, ATTR_SHAPE, &count);
        inner = (int)count;
    }
    if (inner < 1 || inner > x->rank)
        return acn_bad_input(call, GAMMA, "it or the normalised shape must be given");
    for (int d = x->rank - inner; d < x->rank; d++)
        length *= x->dims[d];
    if (elements && rows * length != elements)
        return acn_bad_input(call, RSTD, "expected one element for each normalised row");
    const int64_t *sizes = x->dims + (x->rank - inner);
    if (gamma &&
        (gamma->rank != inner || memcmp(gamma->dims, sizes, sizeof *sizes * (size_t)inner) != 0))
        return acn_bad_input(call, GAMMA, "expected the normalised shape");
    acn_out_like(call, DX, ACN_UNDEFINED, x);
    acn_out_is(call, DGAMMA, ACN_UNDEFINED, inner, sizes);
    acn_out_is(call, DBETA, ACN_UNDEFINED, inner, sizes);
    return ACN_OK;
}

static acn_status plan(acn_call *call) {
    layer_norm_grad *p = acn_plan_alloc(call, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    const acn_tensor *x = acn_in(call, X), *gamma = acn_in(call, GAMMA);
    int inner = call->meta[DGAMMA].rank;
    uint32_t mask = 0;
    for (int d = x->rank - inner; d < x->rank; d++)
        mask |= 1u << d;
    p->klass = acn_rows_class(x, acn_in(call, DY));
    acn_rows_make(&p->rows, x, mask);
    acn_row_side_make(&p->x, &p->rows, x, p->klass);
    acn_row_side_make(&p->dy, &p->rows, acn_in(call, DY), p->klass);
    if (gamma) acn_row_side_make_inner(&p->gamma, &p->rows, gamma, p->klass);
    if (acn_out(call, DX)) acn_row_side_make(&p->dx, &p->rows, acn_out(call, DX), p->klass);
    if (acn_out(call, DGAMMA))
        acn_row_side_make_inner(&p->dgamma, &p->rows, acn_out(call, DGAMMA), p->klass);
    if (acn_out(call, DBETA))
        acn_row_side_make_inner(&p->dbeta, &p->rows, acn_out(call, DBETA), p->klass);
    p->blocks = p->rows.count < MAX_BLOCKS ? p->rows.count : MAX_BLOCKS;
    if (p->blocks < 1) p->blocks = 1;
    p->rows_per_block = (p->rows.count + p->blocks - 1) / p->blocks;
    p->bytes = p->rows.length * (int64_t)acn_class_bytes(p->klass);
    call->plan->data = p;
    call->plan->workspace_bytes = (uint64_t)(2 * p->blocks * p->bytes);
    call->plan->cost_us = (uint32_t)(acn_tensor_count(x) / 500 & 0x7fffffff);
    return ACN_OK;
}

/* ---- one row --------------------------------------------------------------------------------- */

typedef struct row_view {
    const layer_norm_grad *p;
    const acn_call *call;
    const char *x, *dy;
    char *dx;
    double mean, rstd;
} row_view;

typedef struct tiles {
    acn_row_tile x_room, dy_room, gamma_room;
    const void *x, *dy, *gamma;
} tiles;

static double statistic(const acn_tensor *t, int64_t row) {
    return acn_load_value(acn_tensor_at(t, row), t->dtype).f;
}

/* Elements [from, from + n) of the row; without a factor, ones. */
static void load_tiles(const row_view *r, int64_t from, int64_t n, tiles *t) {
    const layer_norm_grad *p = r->p;
    const acn_tensor *gamma = acn_in(r->call, GAMMA);
    t->x = acn_row_load(&p->rows, &p->x, r->x, from, n, &t->x_room);
    t->dy = acn_row_load(&p->rows, &p->dy, r->dy, from, n, &t->dy_room);
    t->gamma = &t->gamma_room;
    if (gamma)
        t->gamma = acn_row_load(&p->rows, &p->gamma, gamma->data, from, n, &t->gamma_room);
    else
        acn_row_splat(p->klass, &t->gamma_room, 1, n);
}

/* Adds the row to its block's sums and gives the means that dx needs. */
static void add_row(const row_view *r, char *dgamma, char *dbeta, double *mean_g, double *mean_gx) {
    const layer_norm_grad *p = r->p;
    int64_t element = (int64_t)acn_class_bytes(p->klass);
    double sums[2] = {0, 0};
    tiles t;
    for (int64_t from = 0; from < p->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&p->rows, from);
        load_tiles(r, from, n, &t);
        acn_kernels_get()->norm[p->klass].row_products(sums, dgamma + from * element,
                                                       dbeta + from * element, t.dy, t.x, t.gamma,
                                                       r->mean, r->rstd, n);
    }
    *mean_g = sums[0] / (double)p->rows.length;
    *mean_gx = sums[1] / (double)p->rows.length;
}

static void store_dx(const row_view *r, double mean_g, double mean_gx) {
    const layer_norm_grad *p = r->p;
    acn_row_tile room;
    tiles t;
    for (int64_t from = 0; from < p->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&p->rows, from);
        load_tiles(r, from, n, &t);
        void *dx = acn_row_target(&p->dx, r->dx, from, &room);
        acn_kernels_get()->norm[p->klass].row_blend(dx, t.dy, t.x, t.gamma, r->mean, r->rstd,
                                                    mean_g, mean_gx, n);
        acn_row_store(&p->rows, &p->dx, r->dx, from, n, dx);
    }
}

/* ---- blocks of rows -------------------------------------------------------------------------- */

static void run_block(void *context, int64_t block, int worker) {
    (void)worker;
    const acn_call *call = context;
    const layer_norm_grad *p = call->plan->data;
    char *dgamma = (char *)call->workspace + 2 * block * p->bytes, *dbeta = dgamma + p->bytes;
    memset(dgamma, 0, (size_t)(2 * p->bytes));
    int64_t end = (block + 1) * p->rows_per_block;
    if (end > p->rows.count) end = p->rows.count;
    for (int64_t row = block * p->rows_per_block; row < end; row++) {
        row_view r = {.p = p, .call = call};
        double mean_g, mean_gx;
        r.x = acn_row_at(&p->rows, &p->x, acn_in(call, X)->data, row);
        r.dy = acn_row_at(&p->rows, &p->dy, acn_in(call, DY)->data, row);
        r.mean = statistic(acn_in(call, MEAN), row);
        r.rstd = statistic(acn_in(call, RSTD), row);
        add_row(&r, dgamma, dbeta, &mean_g, &mean_gx);
        if (!acn_out(call, DX)) continue;
        r.dx = acn_row_at(&p->rows, &p->dx, acn_out(call, DX)->data, row);
        store_dx(&r, mean_g, mean_gx);
    }
}

/* Output |slot| = the sum of the blocks' parts, |offset| bytes into each block. */
static void combine(const acn_call *call, int slot, const acn_row_side *side, int64_t offset) {
    const layer_norm_grad *p = call->plan->data;
    const acn_tensor *t = acn_out(call, slot);
    char *first = (char *)call->workspace + offset;
    if (!t) return;
    for (int64_t b = 1; b < p->blocks; b++)
        acn_kernels_get()->micro[ACN_U_ADD][p->klass](first, first, first + 2 * b * p->bytes, NULL,
                                                      p->rows.length);
    for (int64_t from = 0; from < p->rows.length; from += ACN_ROW_TILE)
        acn_row_store(&p->rows, side, t->data, from, acn_row_tile_count(&p->rows, from),
                      first + from * (int64_t)acn_class_bytes(p->klass));
}

static acn_status run(acn_call *call) {
    const layer_norm_grad *p = call->plan->data;
    if (p->rows.length == 0) return ACN_OK;
    acn_pool_run(p->blocks, run_block, call);
    combine(call, DGAMMA, &p->dgamma, 0);
    combine(call, DBETA, &p->dbeta, p->bytes);
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static double value_at(const acn_tensor *t, int64_t linear) {
    return acn_load_value(acn_tensor_at(t, linear), t->dtype).f;
}

static void store(const acn_tensor *t, int64_t linear, double v) {
    if (t) acn_store_value(acn_tensor_at(t, linear), t->dtype, (acn_value){.f = v});
}

static acn_status run0(acn_call *call) {
    const acn_tensor *x = acn_in(call, X), *dy = acn_in(call, DY), *gamma = acn_in(call, GAMMA);
    int64_t rows = acn_tensor_count(acn_in(call, RSTD));
    int64_t length = rows ? acn_tensor_count(x) / rows : 0;
    for (int64_t row = 0; row < rows; row++) {
        double mean = statistic(acn_in(call, MEAN), row), rstd = statistic(acn_in(call, RSTD), row);
        double mean_g = 0, mean_gx = 0;
        for (int64_t i = 0; i < length; i++) {
            double g = value_at(dy, row * length + i) * (gamma ? value_at(gamma, i) : 1);
            mean_g += g / (double)length;
            mean_gx += g * (value_at(x, row * length + i) - mean) * rstd / (double)length;
        }
        for (int64_t i = 0; i < length && acn_out(call, DX); i++) {
            double g = value_at(dy, row * length + i) * (gamma ? value_at(gamma, i) : 1);
            double xhat = (value_at(x, row * length + i) - mean) * rstd;
            store(acn_out(call, DX), row * length + i, rstd * (g - mean_g - xhat * mean_gx));
        }
    }
    for (int64_t i = 0; i < length; i++) {
        double dgamma = 0, dbeta = 0;
        for (int64_t row = 0; row < rows; row++) {
            double mean = statistic(acn_in(call, MEAN), row);
            double xhat =
                (value_at(x, row * length + i) - mean) * statistic(acn_in(call, RSTD), row);
            dgamma += value_at(dy, row * length + i) * xhat;
            dbeta += value_at(dy, row * length + i);
        }
        store(acn_out(call, DGAMMA), i, dgamma);
        store(acn_out(call, DBETA), i, dbeta);
    }
    return ACN_OK;
}

ACN_OP(LayerNormGradV3) = {
    .name = "LayerNormGradV3",
    .doc = "Gradients of LayerNormV3 for its input, factor and term.",
    .in = {{"dy", ACN_FLOATS, ACN_UNALIASED},
           {"x", ACN_FLOATS, ACN_UNALIASED},
           {"rstd", ACN_FLOATS},
           {"mean", ACN_FLOATS},
           {"gamma", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"pd_x", ACN_FLOATS, ACN_OPTIONAL},
            {"pd_gamma", ACN_FLOATS, ACN_OPTIONAL},
            {"pd_beta", ACN_FLOATS, ACN_OPTIONAL}},
    .attr = {{.name = "output_mask", .kind = ACN_ATTR_BOOLS},
             {.name = "normalized_shape", .kind = ACN_ATTR_INTS}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [5,7],[5,7],[5,1]@1..2,[5,1],[7] "
             "[5,7],[5,7],[5,1]@1..2,[5,1],-|normalized_shape=[7] "
             "[40,3,5],[40,3,5],[40]@1..2,[40],[3,5] "
             "f32+bf16[3,2000],[3,2000],f32[3]@1..2,f32[3],[2000]",
};
