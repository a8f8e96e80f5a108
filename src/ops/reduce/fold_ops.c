/* fold_ops.c - ReduceVar, ReduceStd, ReduceLogSumExp and ReduceNansum: rows over the fold engine.
 */
#include "ops/reduce/fold.h"
#include <math.h>

enum { AXES, KEEP_DIMS, CORRECTION, DTYPE = 2 };

static acn_status mask_of(const acn_call *c, uint32_t *mask) {
    int64_t count = 0;
    const int64_t *axes = c->attr[AXES].is_present ? acn_attr_ints(c, AXES, &count) : NULL;
    return acn_reduced_dims(c, AXES, axes, count, mask);
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    uint32_t mask;
    ACN_TRY(mask_of(c, &mask));
    bool is_float = acn_dtype_is_float(x->dtype);
    for (int i = 0; i < 2 && c->op->out[i].name; i++) {
        const acn_tensor *y = acn_out(c, i);
        acn_dtype own = ACN_HAS(c->op->out[i].dtypes, ACN_I64) ? ACN_I64 : ACN_F32;
        acn_dtype dtype = y ? y->dtype : is_float ? x->dtype : own;
        acn_reduced_out(c, i, dtype, x, mask, acn_attr_int(c, KEEP_DIMS));
    }
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    uint32_t mask;
    ACN_TRY(mask_of(c, &mask));
    return acn_fold_plan(c, mask);
}

static double sum_of(acn_class k, const void *x, int64_t n) {
    double d = 0;
    float f = 0;
    acn_kernels_get()->reduce[ACN_R_SUM][k](k == ACN_K_F32 ? (void *)&f : (void *)&d, x, n);
    return k == ACN_K_F32 ? f : d;
}

static void splat(acn_class k, void *tile, double value, int64_t n) {
    float narrow = (float)value;
    const void *pattern = k == ACN_K_F32 ? (const void *)&narrow : (const void *)&value;
    acn_kernels_get()->fill(tile, pattern, acn_class_bytes(k), (size_t)n);
}

/* Room for a tile of either class. */
typedef union tile {
    float f[ACN_READ_TILE];
    double d[ACN_READ_TILE];
} tile;

/* ---- variance: n elements, a their mean, b the sum of squares of what they differ from it ---- */

static void var_combine(acn_fold_state *s, const acn_fold_state *next) {
    double n = s->n + next->n, d = next->a - s->a;
    if (next->n == 0) return;
    s->a += d * (next->n / n);
    s->b += next->b + d * d * (s->n * next->n / n);
    s->n = n;
}

/* The mean that elements are compared with is rounded to their class; what that loses is in the
 * sum of the differences. */
static void var_take(acn_fold_state *s, acn_class k, const void *x, int64_t n) {
    const acn_kernels *kernels = acn_kernels_get();
    tile mean, difference;
    double guess = sum_of(k, x, n) / (double)n;
    if (k == ACN_K_F32) guess = (float)guess;
    splat(k, &mean, guess, n);
    kernels->micro[ACN_U_SUB][k](&difference, x, &mean, NULL, n);
    double sum = sum_of(k, &difference, n);
    kernels->micro[ACN_U_MUL][k](&difference, &difference, &difference, NULL, n);
    double count = (double)n, squares = sum_of(k, &difference, n) - sum * sum / count;
    acn_fold_state next = {count, guess + sum / count,
                           squares > 0 || squares != squares ? squares : 0};
    var_combine(s, &next);
}

static double variance(const acn_call *c, double squares, double n) {
    double divisor = n - (double)acn_attr_int(c, CORRECTION);
    return squares / (divisor > 0 ? divisor : 0);
}

static void var_finish(const acn_call *c, const acn_fold_state *s, double *results) {
    results[0] = s->n == 0 ? NAN : variance(c, s->b, s->n);
    results[1] = s->n == 0 ? NAN : s->a;
}

static void std_finish(const acn_call *c, const acn_fold_state *s, double *results) {
    var_finish(c, s, results);
    results[0] = sqrt(results[0]);
}

/* ---- log of the sum of e^x: a the largest, b the sum of e^(x - a) ---------------------------- */

static void lse_combine(acn_fold_state *s, const acn_fold_state *next) {
    if (isnan(s->a) || isnan(next->a)) {
        s->a = NAN;
        return;
    }
    double high = s->a > next->a ? s->a : next->a;
    if (isinf(high)) {
        s->a = high;
        return;
    }
    s->b = (s->b ? s->b * exp(s->a - high) : 0) + (next->b ? next->b * exp(next->a - high) : 0);
    s->a = high;
}

static void lse_take(acn_fold_state *s, acn_class k, const void *x, int64_t n) {
    const acn_kernels *kernels = acn_kernels_get();
    tile high, power;
    double d = -INFINITY;
    float f = -INFINITY;
    kernels->reduce[ACN_R_MAX][k](k == ACN_K_F32 ? (void *)&f : (void *)&d, x, n);
    acn_fold_state next = {.a = k == ACN_K_F32 ? f : d};
    if (isfinite(next.a)) {
        splat(k, &high, next.a, n);
        kernels->micro[ACN_U_SUB][k](&power, x, &high, NULL, n);
        kernels->micro[ACN_U_EXP][k](&power, &power, NULL, NULL, n);
        next.b = sum_of(k, &power, n);
    }
    lse_combine(s, &next);
}

static void lse_finish(const acn_call *c, const acn_fold_state *s, double *results) {
    (void)c;
    results[0] = isfinite(s->a) ? s->a + log(s->b) : s->a;
}

/* ---- the sum without NaN --------------------------------------------------------------------- */

/* Whole numbers have no NaN: a sum. */
static acn_status run_whole_sum(acn_call *c) {
    acn_reduction_run(c->plan->data, acn_out(c, 0)->data, acn_in(c, 0)->data, c->workspace);
    return ACN_OK;
}

static acn_status nansum_plan(acn_call *c) {
    if (acn_dtype_is_float(acn_in(c, 0)->dtype)) return plan(c);
    uint32_t mask;
    ACN_TRY(mask_of(c, &mask));
    acn_reduction *r = acn_plan_alloc(c, sizeof *r);
    if (!r) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    const acn_tensor *y = acn_out(c, 0);
    ACN_TRY(acn_reduction_plan(r, y, acn_in(c, 0), mask, ACN_R_SUM, y->dtype));
    c->plan->run = run_whole_sum;
    c->plan->data = r;
    c->plan->workspace_bytes = acn_reduction_workspace_bytes(r);
    c->plan->cost_us = acn_reduction_cost_us(r);
    return ACN_OK;
}

/* A sum that is a number had no NaN to leave out. */
static void nansum_take(acn_fold_state *s, acn_class k, const void *x, int64_t n) {
    static const tile zero;
    double sum = sum_of(k, x, n);
    if (isnan(sum)) {
        tile kept;
        acn_kernels_get()->micro[ACN_U_NUMBER][k](&kept, x, &zero, NULL, n);
        sum = sum_of(k, &kept, n);
    }
    s->a += sum;
}

static void nansum_combine(acn_fold_state *s, const acn_fold_state *next) { s->a += next->a; }

static void nansum_finish(const acn_call *c, const acn_fold_state *s, double *results) {
    (void)c;
    results[0] = s->a;
}

/* ---- level 0: the definitions, in double ----------------------------------------------------- */

typedef struct family {
    acn_fold fold; /* first: the engine finds it here */
    void (*naive)(const acn_call *c, const double *x, int64_t n, double *results);
} family;

static void var_naive(const acn_call *c, const double *x, int64_t n, double *results) {
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    results[0] = n ? variance(c, squares, (double)n) : NAN;
    results[1] = n ? mean : NAN;
}

static void std_naive(const acn_call *c, const double *x, int64_t n, double *results) {
    var_naive(c, x, n, results);
    results[0] = sqrt(results[0]);
}

static void lse_naive(const acn_call *c, const double *x, int64_t n, double *results) {
    (void)c;
    double high = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (isnan(x[i]) || x[i] > high) high = x[i];
    for (int64_t i = 0; i < n && isfinite(high); i++)
        sum += exp(x[i] - high);
    results[0] = isfinite(high) ? high + log(sum) : high;
    for (int64_t i = 0; i < n; i++)
        if (isnan(x[i])) results[0] = NAN;
}

static void nansum_naive(const acn_call *c, const double *x, int64_t n, double *results) {
    (void)c;
    results[0] = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(x[i])) results[0] += x[i];
}

static acn_value stored(double result, acn_dtype dtype) {
    acn_value v = {.f = result};
    if (!acn_dtype_is_float(dtype)) v.i = (int64_t)result;
    return v;
}

static acn_status run0(acn_call *c) {
    const family *f = c->op->family;
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    uint32_t mask;
    ACN_TRY(mask_of(c, &mask));
    int64_t length = 1, outputs = acn_tensor_count(y);
    for (int d = 0; d < x->rank; d++)
        if (mask >> d & 1) length *= x->dims[d];
    double *row = acn_arena_alloc(&c->arena, (size_t)(length + 1) * sizeof *row), results[2];
    if (!row) return acn_fail(ACN_BAD_ALLOC, "no host memory for a row");
    for (int64_t o = 0; o < outputs; o++) {
        for (int64_t i = 0; i < length; i++) {
            int64_t index[ACN_MAX_DIMS], kept = o, reduced = i;
            for (int d = x->rank - 1; d >= 0; d--) {
                int64_t *linear = mask >> d & 1 ? &reduced : &kept;
                index[d] = *linear % x->dims[d];
                *linear /= x->dims[d];
            }
            row[i] = acn_load_value(acn_tensor_at_index(x, index), x->dtype).f;
        }
        f->naive(c, row, length, results);
        for (int i = 0; i < 2; i++)
            if (acn_out(c, i))
                acn_store_value(acn_tensor_at(acn_out(c, i), o), acn_out(c, i)->dtype,
                                stored(results[i], acn_out(c, i)->dtype));
    }
    return ACN_OK;
}

#define COMMON .infer = infer, .plan = plan, .run = acn_fold_run, .run0 = run0
#define AXES_AND_KEEP                                                                              \
    {"axes", ACN_ATTR_INTS}, { "keep_dims", ACN_ATTR_BOOL }
#define CASES                                                                                      \
    "[2,3]|axes=[1] [5,7,9]|axes=[0,2] [130,3]|axes=[0] [4,600]|axes=[-1] [3,40]|axes=[0]|"        \
    "keep_dims=1 [3,1000] [100,40]|axes=[0] f32[2,40000]|axes=[1] f32[40000,5]|axes=[0]"

#define MOMENTS(id, about)                                                                         \
    static const family family_##id = {                                                            \
        {.take = var_take, .combine = var_combine, .finish = id##_finish}, id##_naive}
MOMENTS(var, );
ACN_OP(ReduceVar) = {
    .name = "ReduceVar",
    .doc = "y = variance of x over axes (none given: all), with n - correction as the divisor",
    .in = {{"x", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS}, {"mean", ACN_FLOATS, ACN_OPTIONAL}},
    .attr = {AXES_AND_KEEP, {"correction", ACN_ATTR_INT, .fallback = 1}},
    COMMON,
    .family = &family_var,
    .cases = "tolerance=reduction " CASES " []|correction=0 f32[0,3]|axes=[0] [1,3]|axes=[0] "
             "[4,30]|axes=[1]|correction=0",
};
MOMENTS(std, );
ACN_OP(ReduceStd) = {
    .name = "ReduceStd",
    .doc = "y1 = standard deviation of x over axes (none given: all), y2 = the mean",
    .in = {{"x", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"y1", ACN_FLOATS}, {"y2", ACN_FLOATS, ACN_OPTIONAL}},
    .attr = {AXES_AND_KEEP, {"correction", ACN_ATTR_INT, .fallback = 1}},
    COMMON,
    .family = &family_std,
    .cases = "tolerance=reduction [2,3]|axes=[1] [5,7,9]|axes=[0,2] [130,3]|axes=[0] "
             "[4,600]|axes=[-1] [3,1000]",
};

static bool is_complex(const acn_call *c) { return acn_dtype_is_complex(acn_in(c, 0)->dtype); }

static acn_status lse_infer(acn_call *c) {
    ACN_TRY(infer(c));
    const acn_tensor *y = acn_out(c, 0);
    if (is_complex(c)) c->meta[0].dtype = acn_in(c, 0)->dtype;
    if (!is_complex(c) && y && acn_dtype_is_complex(y->dtype)) c->meta[0].dtype = ACN_F32;
    return ACN_OK;
}

static acn_status lse_complex_run(acn_call *c) {
    uint32_t mask;
    ACN_TRY(mask_of(c, &mask));
    acn_log_sum_complex(c, mask, true);
    return ACN_OK;
}

static acn_status lse_plan(acn_call *c) {
    if (!is_complex(c)) return plan(c);
    c->plan->run = lse_complex_run;
    c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_in(c, 0)) / 8 & 0x7fffffff);
    return ACN_OK;
}

static acn_status lse_run0(acn_call *c) {
    uint32_t mask;
    if (!is_complex(c)) return run0(c);
    ACN_TRY(mask_of(c, &mask));
    acn_log_sum_complex(c, mask, false);
    return ACN_OK;
}

static const family family_lse = {
    {.neutral = {.a = -INFINITY}, .take = lse_take, .combine = lse_combine, .finish = lse_finish},
    lse_naive};
ACN_OP(ReduceLogSumExp) = {
    .name = "ReduceLogSumExp",
    .doc = "y = log of the sum of e^x over axes (none given: all)",
    .in = {{"x", ACN_ALL, ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS | ACN_COMPLEXES}},
    .attr = {AXES_AND_KEEP},
    .infer = lse_infer,
    .plan = lse_plan,
    .run = acn_fold_run,
    .run0 = lse_run0,
    .family = &family_lse,
    .cases = "tolerance=reduction " CASES " [] f32[0,3]|axes=[0]",
};

static const family family_nansum = {
    {.take = nansum_take, .combine = nansum_combine, .finish = nansum_finish}, nansum_naive};
ACN_OP(ReduceNansum) = {
    .name = "ReduceNansum",
    .doc = "y = sum of x over axes (none given: all), NaN counting as 0",
    .in = {{"x", ACN_REALS | ACN_BOOLS, ACN_UNALIASED}},
    .out = {{"y", ACN_REALS}},
    .attr = {AXES_AND_KEEP, {"dtype", ACN_ATTR_DTYPE, .fallback = ACN_UNDEFINED}},
    .infer = infer,
    .plan = nansum_plan,
    .run = acn_fold_run,
    .run0 = run0,
    .family = &family_nansum,
    .cases = "tolerance=reduction " CASES " [] f32[0,3]|axes=[0]",
};
