/* layer_norm.c - LayerNormV3: each row (the trailing dimensions) gets mean 0 and variance 1, then a
 * factor and a term of its own for each position.
 *
 * The variance is summed from the deviations, not from squares: no cancellation. Sums of a tile are
 * the class's own, sums of tiles are double. */
#include "ops/kernels/norm.h"
#include "ops/norm/rows.h"
#include <math.h>
#include <string.h>

enum { X, GAMMA, BETA, Y = 0, MEAN = 1, RSTD = 2 };
enum { ATTR_AXIS, ATTR_PARAMS_AXIS, ATTR_EPSILON, ATTR_SHAPE };

typedef struct layer_norm {
    acn_rows rows;
    acn_row_side x, gamma, beta, y;
    acn_class klass;
} layer_norm;

/* The first normalised dimension: GE counts it, aclnn gives the sizes from there on. */
static acn_status first_dim(const acn_call *call, int *out_dim) {
    const acn_tensor *x = acn_in(call, X);
    if (!call->attr[ATTR_SHAPE].is_present)
        return acn_wrap_dim(call, ATTR_AXIS, acn_attr_int(call, ATTR_AXIS), x->rank, out_dim);
    int64_t count;
    const int64_t *sizes = acn_attr_ints(call, ATTR_SHAPE, &count);
    if (count < 1 || count > x->rank ||
        memcmp(sizes, x->dims + (x->rank - count), sizeof *sizes * (size_t)count) != 0)
        return acn_bad_attr(call, ATTR_SHAPE, "expected the last sizes of the input's shape");
    *out_dim = x->rank - (int)count;
    return ACN_OK;
}

static acn_status check_parameter(const acn_call *call, int slot, int first) {
    const acn_tensor *x = acn_in(call, X), *t = acn_in(call, slot);
    if (!t) return ACN_OK;
    if (t->rank == x->rank - first &&
        memcmp(t->dims, x->dims + first, sizeof *t->dims * (size_t)t->rank) == 0)
        return ACN_OK;
    return acn_bad_input(call, slot, "expected the normalised shape");
}

/* Mean and rstd: one number a row, in the row's place or as a plain list. */
static acn_status infer_statistic(acn_call *call, int slot, int first) {
    const acn_tensor *x = acn_in(call, X), *t = acn_out(call, slot);
    int64_t dims[ACN_MAX_DIMS], rows = 1;
    for (int d = 0; d < x->rank; d++) {
        dims[d] = d < first ? x->dims[d] : 1;
        rows *= dims[d];
    }
    acn_out_is(call, slot, t ? ACN_UNDEFINED : ACN_F32, x->rank, dims);
    if (t && acn_tensor_count(t) == rows) call->meta[slot].rank = -1;
    return ACN_OK;
}

static acn_status infer(acn_call *call) {
    int first;
    ACN_TRY(first_dim(call, &first));
    ACN_TRY(check_parameter(call, GAMMA, first));
    ACN_TRY(check_parameter(call, BETA, first));
    acn_out_like(call, Y, ACN_UNDEFINED, acn_in(call, X));
    ACN_TRY(infer_statistic(call, MEAN, first));
    return infer_statistic(call, RSTD, first);
}

static acn_status plan(acn_call *call) {
    int first;
    ACN_TRY(first_dim(call, &first));
    layer_norm *p = acn_plan_alloc(call, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    const acn_tensor *x = acn_in(call, X), *y = acn_out(call, Y);
    uint32_t inner = 0;
    for (int d = first; d < x->rank; d++)
        inner |= 1u << d;
    p->klass = acn_rows_class(x, y);
    acn_rows_make(&p->rows, x, inner);
    acn_row_side_make(&p->x, &p->rows, x, p->klass);
    acn_row_side_make(&p->y, &p->rows, y, p->klass);
    if (acn_in(call, GAMMA))
        acn_row_side_make_inner(&p->gamma, &p->rows, acn_in(call, GAMMA), p->klass);
    if (acn_in(call, BETA))
        acn_row_side_make_inner(&p->beta, &p->rows, acn_in(call, BETA), p->klass);
    call->plan->data = p;
    call->plan->cost_us = (uint32_t)(acn_tensor_count(x) / 1000 & 0x7fffffff);
    return ACN_OK;
}

static void store_statistic(const acn_tensor *t, int64_t row, double v) {
    if (t) acn_store_value(acn_tensor_at(t, row), t->dtype, (acn_value){.f = v});
}

/* Mean and variance of a row; moments of tiles are joined as Chan, Golub and LeVeque do. */
static void row_moments(const layer_norm *p, const char *row, double *out_mean,
                        double *out_variance) {
    const acn_norm_kernels *k = &acn_kernels_get()->norm[p->klass];
    acn_row_tile scratch;
    double mean = 0, square = 0;
    for (int64_t from = 0; from < p->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&p->rows, from);
        double tile[2], all = (double)(from + n);
        k->moments(tile, acn_row_load(&p->rows, &p->x, row, from, n, &scratch), n);
        double delta = tile[0] - mean;
        square += tile[1] + delta * delta * (double)from * (double)n / all;
        mean += delta * (double)n / all;
    }
    *out_mean = mean;
    *out_variance = square / (double)p->rows.length;
}

static void run_row(const void *context, int64_t row) {
    const acn_call *call = context;
    const layer_norm *p = call->plan->data;
    const acn_micro_fn(*micro)[ACN_CLASS_COUNT] = acn_kernels_get()->micro;
    const acn_tensor *gamma = acn_in(call, GAMMA), *beta = acn_in(call, BETA);
    const char *x_row = acn_row_at(&p->rows, &p->x, acn_in(call, X)->data, row);
    char *y_row = acn_row_at(&p->rows, &p->y, acn_out(call, Y)->data, row);
    acn_row_tile scratch, more, out;
    double mean, variance;
    row_moments(p, x_row, &mean, &variance);
    double rstd = 1 / sqrt(variance + acn_attr_float(call, ATTR_EPSILON));
    for (int64_t from = 0; from < p->rows.length; from += ACN_ROW_TILE) {
        int64_t n = acn_row_tile_count(&p->rows, from);
        const void *x = acn_row_load(&p->rows, &p->x, x_row, from, n, &scratch);
        const void *g = NULL, *b = NULL;
        void *y = acn_row_target(&p->y, y_row, from, &out);
        acn_kernels_get()->norm[p->klass].affine(y, x, mean, rstd, 0, n);
        if (gamma) g = acn_row_load(&p->rows, &p->gamma, gamma->data, from, n, &scratch);
        if (beta) b = acn_row_load(&p->rows, &p->beta, beta->data, from, n, &more);
        if (g && b)
            micro[ACN_U_FMA][p->klass](y, y, g, b, n);
        else if (g)
            micro[ACN_U_MUL][p->klass](y, y, g, NULL, n);
        else if (b)
            micro[ACN_U_ADD][p->klass](y, y, b, NULL, n);
        acn_row_store(&p->rows, &p->y, y_row, from, n, y);
    }
    store_statistic(acn_out(call, MEAN), row, mean);
    store_statistic(acn_out(call, RSTD), row, rstd);
}

static acn_status run(acn_call *call) {
    const layer_norm *p = call->plan->data;
    acn_rows_run(&p->rows, run_row, call);
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static double value_at(const acn_tensor *t, int64_t linear) {
    return acn_load_value(acn_tensor_at(t, linear), t->dtype).f;
}

static acn_status run0(acn_call *call) {
    int first;
    ACN_TRY(first_dim(call, &first));
    const acn_tensor *x = acn_in(call, X), *y = acn_out(call, Y);
    const acn_tensor *gamma = acn_in(call, GAMMA), *beta = acn_in(call, BETA);
    int64_t length = 1;
    for (int d = first; d < x->rank; d++)
        length *= x->dims[d];
    int64_t rows = length ? acn_tensor_count(x) / length : 0;
    for (int64_t row = 0; row < rows; row++) {
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < length; i++)
            mean += value_at(x, row * length + i);
        mean /= (double)length;
        for (int64_t i = 0; i < length; i++) {
            double deviation = value_at(x, row * length + i) - mean;
            variance += deviation * deviation / (double)length;
        }
        double rstd = 1 / sqrt(variance + acn_attr_float(call, ATTR_EPSILON));
        for (int64_t i = 0; i < length; i++) {
            double v = (value_at(x, row * length + i) - mean) * rstd;
            if (gamma) v *= value_at(gamma, i);
            if (beta) v += value_at(beta, i);
            acn_store_value(acn_tensor_at(y, row * length + i), y->dtype, (acn_value){.f = v});
        }
        store_statistic(acn_out(call, MEAN), row, mean);
        store_statistic(acn_out(call, RSTD), row, rstd);
    }
    return ACN_OK;
}

ACN_OP(LayerNormV3) = {
    .name = "LayerNormV3",
    .doc = "(x - mean) / sqrt(variance + epsilon) * gamma + beta over the last dimensions.",
    .in = {{"x", ACN_FLOATS},
           {"gamma", ACN_FLOATS, ACN_OPTIONAL},
           {"beta", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"y", ACN_FLOATS},
            {"mean", ACN_FLOATS, ACN_OPTIONAL},
            {"rstd", ACN_FLOATS, ACN_OPTIONAL}},
    .attr = {{.name = "begin_norm_axis", .kind = ACN_ATTR_INT},
             {.name = "begin_params_axis", .kind = ACN_ATTR_INT},
             {.name = "epsilon", .kind = ACN_ATTR_FLOAT, .fallback = 1e-5, .is_value = true},
             {.name = "normalized_shape", .kind = ACN_ATTR_INTS}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [5,7],[7],[7]|begin_norm_axis=1 [5,7]|begin_norm_axis=-1 "
             "[4,3,5],[3,5],[3,5]|normalized_shape=[3,5] "
             "f32+bf16[3,2000],[2000]|normalized_shape=[2000] "
             "f32[0,5]|begin_norm_axis=1 f32[3,4],-,[4]|begin_norm_axis=1,epsilon=0.1",
};
