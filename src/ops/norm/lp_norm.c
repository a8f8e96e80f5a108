/* lp_norm.c - LpNormV2: the p-norm over some dimensions.
 *
 * Long rows are cut into fixed pieces, whose parts are combined in order, so the result does not
 * depend on the number of threads. The order of the norm is read when the call runs. */
#include "ops/norm/lp_norm.h"
#include "base/pool.h"
#include "ops/reduce/reduce.h"
#include <math.h>

enum { ATTR_ORDER, ATTR_AXES, ATTR_KEEP, ATTR_DTYPE, PIECE = 32 * ACN_ROW_TILE };

double acn_norm_combine(double order, double a, double b) {
    if (isinf(order)) return isnan(a) || isnan(b) ? NAN : order > 0 ? fmax(a, b) : fmin(a, b);
    return a + b;
}

double acn_norm_neutral(double order) { return isinf(order) && order < 0 ? INFINITY : 0; }

double acn_norm_part(double order, acn_class c, const void *x, int64_t n) {
    const acn_kernels *k = acn_kernels_get();
    acn_row_tile work, powers;
    if (c == ACN_K_C64) {
        k->micro[ACN_U_ABS][c](&work, x, NULL, NULL, n);
        k->cast[c][ACN_K_F32](&powers, &work, n);
        return acn_norm_part(order, ACN_K_F32, &powers, n);
    }
    if (order == 2) {
        k->micro[ACN_U_MUL][c](&work, x, x, NULL, n);
        return acn_row_sum(c, &work, n);
    }
    k->micro[ACN_U_ABS][c](&work, x, NULL, NULL, n);
    if (order == 1) return acn_row_sum(c, &work, n);
    if (isinf(order)) {
        if (order > 0) return acn_row_max(c, &work, n, 0);
        k->micro[ACN_U_NEG][c](&work, &work, NULL, NULL, n);
        return -acn_row_max(c, &work, n, -INFINITY);
    }
    if (order == 0) { /* how many are not 0 */
        double count = 0;
        for (int64_t i = 0; i < n; i++)
            count += (c == ACN_K_F32 ? work.f[i] : work.d[i]) != 0;
        return count;
    }
    acn_row_splat(c, &powers, order, n);
    k->micro[ACN_U_POW][c](&work, &work, &powers, NULL, n);
    return acn_row_sum(c, &work, n);
}

double acn_norm_finish(double order, double total) {
    if (order == 2) return sqrt(total);
    return order == 0 || order == 1 || isinf(order) ? total : pow(total, 1 / order);
}

/* ---- the operator ---------------------------------------------------------------------------- */

typedef struct lp_norm {
    acn_rows rows;
    acn_row_side x;
    int64_t pieces; /* of a row */
} lp_norm;

static acn_status mask_of(const acn_call *call, uint32_t *out_mask) {
    int64_t count = 0;
    const int64_t *axes =
        call->attr[ATTR_AXES].is_present ? acn_attr_ints(call, ATTR_AXES, &count) : NULL;
    return acn_reduced_dims(call, ATTR_AXES, axes, count, out_mask);
}

static double order_of(const acn_call *call) {
    acn_scalar order = acn_attr_scalar(call, ATTR_ORDER);
    return acn_scalar_f64(&order);
}

static acn_status infer(acn_call *call) {
    uint32_t mask;
    ACN_TRY(mask_of(call, &mask));
    const acn_tensor *x = acn_in(call, 0), *y = acn_out(call, 0);
    acn_dtype own = acn_dtype_is_complex(x->dtype) ? ACN_F32 : x->dtype;
    acn_reduced_out(call, 0, y ? y->dtype : own, x, mask, acn_attr_int(call, ATTR_KEEP));
    return ACN_OK;
}

static acn_status plan(acn_call *call) {
    uint32_t mask;
    ACN_TRY(mask_of(call, &mask));
    lp_norm *p = acn_plan_alloc(call, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    const acn_tensor *x = acn_in(call, 0);
    acn_rows_make(&p->rows, x, mask);
    bool is_complex = acn_dtype_is_complex(x->dtype);
    acn_row_side_make(&p->x, &p->rows, x,
                      is_complex ? ACN_K_C64 : acn_rows_class(x, acn_out(call, 0)));
    p->pieces = p->rows.length ? (p->rows.length + PIECE - 1) / PIECE : 1;
    call->plan->data = p;
    call->plan->workspace_bytes = (uint64_t)(p->rows.count * p->pieces) * sizeof(double);
    call->plan->cost_us = (uint32_t)(acn_tensor_count(x) / 2000 & 0x7fffffff);
    return ACN_OK;
}

static void run_piece(void *context, int64_t index, int worker) {
    (void)worker;
    const acn_call *call = context;
    const lp_norm *p = call->plan->data;
    double order = order_of(call), part = acn_norm_neutral(order);
    const char *row = acn_row_at(&p->rows, &p->x, acn_in(call, 0)->data, index / p->pieces);
    int64_t from = index % p->pieces * PIECE, end = from + PIECE;
    if (end > p->rows.length) end = p->rows.length;
    for (; from < end; from += ACN_ROW_TILE) {
        acn_row_tile scratch;
        int64_t n = end - from < ACN_ROW_TILE ? end - from : ACN_ROW_TILE;
        const void *tile = acn_row_load(&p->rows, &p->x, row, from, n, &scratch);
        part = acn_norm_combine(order, part, acn_norm_part(order, p->x.klass, tile, n));
    }
    ((double *)call->workspace)[index] = part;
}

static acn_status run(acn_call *call) {
    const lp_norm *p = call->plan->data;
    const acn_tensor *y = acn_out(call, 0);
    const double *parts = call->workspace;
    double order = order_of(call);
    acn_pool_run(p->rows.count * p->pieces, run_piece, call);
    for (int64_t row = 0; row < p->rows.count; row++) {
        double total = p->rows.length ? acn_norm_neutral(order) : 0;
        for (int64_t i = 0; i < p->pieces; i++)
            total = acn_norm_combine(order, total, parts[row * p->pieces + i]);
        acn_store_value(acn_tensor_at(y, row), y->dtype,
                        (acn_value){.f = acn_norm_finish(order, total)});
    }
    return ACN_OK;
}

static acn_status run0(acn_call *call) {
    const acn_tensor *x = acn_in(call, 0), *y = acn_out(call, 0);
    double order = order_of(call);
    uint32_t mask;
    ACN_TRY(mask_of(call, &mask));
    for (int64_t out = 0; out < acn_tensor_count(y); out++) {
        double total = acn_tensor_count(x) ? acn_norm_neutral(order) : 0;
        for (int64_t i = 0; i < acn_tensor_count(x); i++) {
            int64_t kept = 0, step = 1, rest = i; /* the output that element i belongs to */
            for (int d = x->rank - 1; d >= 0; d--) {
                if (!(mask >> d & 1u)) {
                    kept += rest % x->dims[d] * step;
                    step *= x->dims[d];
                }
                rest /= x->dims[d];
            }
            if (kept != out) continue;
            acn_value element = acn_load_value(acn_tensor_at(x, i), x->dtype);
            double v = acn_dtype_is_complex(x->dtype)
                           ? sqrt(element.f * element.f + element.im * element.im)
                           : fabs(element.f);
            total = acn_norm_combine(order, total,
                                     isinf(order) ? v
                                     : order == 0 ? v != 0
                                                  : pow(v, order));
        }
        acn_store_value(acn_tensor_at(y, out), y->dtype,
                        (acn_value){.f = acn_norm_finish(order, total)});
    }
    return ACN_OK;
}

ACN_OP(LpNormV2) = {
    .name = "LpNormV2",
    .doc = "The norm of order p over axes (none given: all): 0, 1, 2, infinity and others.",
    .in = {{"x", ACN_FLOATS | ACN_COMPLEXES, ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {{.name = "p", .kind = ACN_ATTR_SCALAR, .fallback = 2},
             {.name = "axes", .kind = ACN_ATTR_INTS},
             {.name = "keepdim", .kind = ACN_ATTR_BOOL},
             {.name = "dtype", .kind = ACN_ATTR_DTYPE, .fallback = ACN_UNDEFINED}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases =
        "tolerance=reduction [5,7] [5,7]|axes=[1] [5,7,3]|axes=[0,2],keepdim=1,p=1 "
        "[5,7]|p=inf,axes=[0] "
        "[5,7]|p=0,axes=[1] [5,7]|p=3.5 f32[0,3]|axes=[0] [] f32[70000] f32[2,40000]|axes=[1],p=1",
};
