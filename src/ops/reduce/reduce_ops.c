/* reduce_ops.c - ReduceSum, ReduceMean, ReduceProd, ReduceMax, ReduceMin, ReduceAll, ReduceAny:
 * rows of one table over the reduction engine. */
#include "ops/reduce/reduce.h"
#include <math.h>

enum { AXES, KEEP_DIMS, DTYPE, DIM, NOOP };

typedef struct family {
    acn_reduce_code code;
    bool is_mean;
    bool is_logical; /* computes on truth values, gives bool (uint8 from PyTorch's uint8) */
    bool has_dtype;
    bool needs_elements; /* has no result for nothing */
} family;

static acn_status mask_of(const acn_call *c, uint32_t *mask) {
    if (c->attr[DIM].is_present) {
        int64_t dim = acn_attr_int(c, DIM);
        return acn_reduced_dims(c, DIM, &dim, 1, mask);
    }
    int64_t count = 0;
    const int64_t *axes = c->attr[AXES].is_present ? acn_attr_ints(c, AXES, &count) : NULL;
    *mask = 0;
    if (count == 0 && acn_attr_int(c, NOOP)) return ACN_OK;
    return acn_reduced_dims(c, AXES, axes, count, mask);
}

/* The dtype that elements are brought to before they are folded. */
static acn_dtype compute_dtype(const acn_call *c) {
    const family *f = c->op->family;
    if (f->is_logical) return ACN_BOOL;
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    if (!f->has_dtype) return x->dtype;
    acn_dtype dtype = c->attr[DTYPE].is_present ? (acn_dtype)acn_attr_int(c, DTYPE) : ACN_UNDEFINED;
    if (dtype != ACN_UNDEFINED) return dtype;
    return y ? y->dtype : x->dtype;
}

static int64_t elements_behind(const acn_tensor *x, uint32_t mask) {
    int64_t n = 1;
    for (int d = 0; d < x->rank; d++)
        if (mask >> d & 1) n *= x->dims[d];
    return n;
}

static acn_status infer(acn_call *c) {
    const family *f = c->op->family;
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    uint32_t mask;
    ACN_TRY(mask_of(c, &mask));
    if (f->needs_elements && elements_behind(x, mask) == 0)
        return acn_bad_input(c, 0,
                             "expected at least one element to reduce; this reduction has no "
                             "result for none");
    acn_dtype dtype = compute_dtype(c);
    if (!ACN_HAS(c->op->out[0].dtypes, dtype))
        return acn_bad_attr(c, DTYPE, "is %s; expected a type that this reduction can give",
                            acn_dtype_name(dtype));
    if (f->is_logical && y && y->dtype == ACN_U8) dtype = ACN_U8;
    acn_reduced_out(c, 0, dtype, x, mask, acn_attr_int(c, KEEP_DIMS));
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    const family *f = c->op->family;
    const acn_tensor *x = acn_in(c, 0);
    uint32_t mask;
    ACN_TRY(mask_of(c, &mask));
    acn_reduction *r = acn_plan_alloc(c, sizeof *r);
    if (!r) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    ACN_TRY(acn_reduction_plan(r, acn_out(c, 0), x, mask, f->code, compute_dtype(c)));
    if (f->is_mean) r->divisor = r->length ? (double)r->length : NAN;
    c->plan->data = r;
    c->plan->workspace_bytes = acn_reduction_workspace_bytes(r);
    c->plan->cost_us = acn_reduction_cost_us(r);
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    acn_reduction_run(c->plan->data, acn_out(c, 0)->data, acn_in(c, 0)->data, c->workspace);
    return ACN_OK;
}

/* ---- level 0 ------------------------------------------------------------------------------- */

static acn_value fold(acn_reduce_code code, acn_value a, acn_value b) {
    switch (code) {
    case ACN_R_SUM:
        return (acn_value){
            .f = a.f + b.f, .im = a.im + b.im, .i = (int64_t)((uint64_t)a.i + (uint64_t)b.i)};
    case ACN_R_PROD:
        return (acn_value){.f = a.f * b.f - a.im * b.im,
                           .im = a.f * b.im + a.im * b.f,
                           .i = (int64_t)((uint64_t)a.i * (uint64_t)b.i)};
    case ACN_R_MAX:
        return (acn_value){.f = isnan(a.f) || a.f > b.f ? a.f : b.f, .i = a.i > b.i ? a.i : b.i};
    case ACN_R_MIN:
        return (acn_value){.f = isnan(a.f) || a.f < b.f ? a.f : b.f, .i = a.i < b.i ? a.i : b.i};
    case ACN_R_ANY:
        return (acn_value){.f = a.i | b.i, .i = a.i | b.i};
    default:
        return (acn_value){.f = a.i & b.i, .i = a.i & b.i};
    }
}

static acn_value neutral(acn_reduce_code code) {
    bool is_one = code == ACN_R_PROD || code == ACN_R_ALL;
    if (code == ACN_R_MAX) return (acn_value){.f = -INFINITY, .i = INT64_MIN};
    if (code == ACN_R_MIN) return (acn_value){.f = INFINITY, .i = INT64_MAX};
    return (acn_value){.f = is_one, .i = is_one};
}

/* Element of |x| as it is after PyTorch's conversion to |dtype|. */
static acn_value element(const acn_tensor *x, const int64_t *index, acn_dtype dtype) {
    _Alignas(16) char converted[16];
    acn_convert_element(converted, dtype, acn_tensor_at_index(x, index), x->dtype);
    return acn_load_value(converted, dtype);
}

static acn_status run0(acn_call *c) {
    const family *f = c->op->family;
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    acn_dtype dtype = compute_dtype(c);
    uint32_t mask;
    ACN_TRY(mask_of(c, &mask));
    int64_t outputs = acn_tensor_count(y), length = elements_behind(x, mask);
    for (int64_t o = 0; o < outputs; o++) {
        acn_value sum = neutral(f->code);
        for (int64_t i = 0; i < length; i++) {
            int64_t index[ACN_MAX_DIMS], kept = o, reduced = i;
            for (int d = x->rank - 1; d >= 0; d--) {
                int64_t *linear = mask >> d & 1 ? &reduced : &kept;
                index[d] = *linear % x->dims[d];
                *linear /= x->dims[d];
            }
            sum = fold(f->code, sum, element(x, index, dtype));
        }
        if (f->is_mean)
            sum = (acn_value){.f = sum.f / (double)length,
                              .im = sum.im / (double)length,
                              .i = length ? sum.i / length : 0};
        acn_store_value(acn_tensor_at(y, o), y->dtype, sum);
    }
    return ACN_OK;
}

#define NUMERIC_CASES                                                                              \
    "tolerance=reduction [2,3]|axes=[1] [5,7,9]|axes=[0,2] [130,3]|axes=[0] [4,600]|axes=[-1] "    \
    "[3,4]|axes=[0]|keep_dims=1 [3,1000] [100,40]|axes=[0] []"
#define REDUCTION(id, types, gives, text, cases_text, ...)                                         \
    static const family family_##id = {__VA_ARGS__};                                               \
    ACN_OP(id) = {.name = #id,                                                                     \
                  .doc = text,                                                                     \
                  .in = {{"x", types}},                                                            \
                  .out = {{"y", gives}},                                                           \
                  .attr = {{"axes", ACN_ATTR_INTS},                                                \
                           {"keep_dims", ACN_ATTR_BOOL},                                           \
                           {"dtype", ACN_ATTR_DTYPE, .fallback = ACN_UNDEFINED},                   \
                           {"dim", ACN_ATTR_INT},                                                  \
                           {"noop_with_empty_axes", ACN_ATTR_BOOL}},                               \
                  .infer = infer,                                                                  \
                  .plan = plan,                                                                    \
                  .run = run,                                                                      \
                  .run0 = run0,                                                                    \
                  .family = &family_##id,                                                          \
                  .cases = cases_text}

REDUCTION(ReduceSum, ACN_ALL, ACN_ALL, "y = sum of x over axes (none given: all)",
          NUMERIC_CASES " [0,3]|axes=[0]", .code = ACN_R_SUM, .has_dtype = true);
REDUCTION(ReduceMean, ACN_ALL, ACN_NUMBERS, "y = mean of x over axes (none given: all)",
          NUMERIC_CASES " f32[0,3]|axes=[0]", .code = ACN_R_SUM, .is_mean = true,
          .has_dtype = true);
REDUCTION(ReduceProd, ACN_ALL, ACN_ALL, "y = product of x over axes (none given: all)",
          "tolerance=reduction [2,3]|axes=[1] [3,3]|axes=[0] [9,2]|axes=[1] [0,3]|axes=[0]",
          .code = ACN_R_PROD, .has_dtype = true);
REDUCTION(ReduceMax, ACN_REALS | ACN_BOOLS, ACN_REALS | ACN_BOOLS,
          "y = greatest of x over axes (none given: all); NaN wins", NUMERIC_CASES,
          .code = ACN_R_MAX, .needs_elements = true);
REDUCTION(ReduceMin, ACN_REALS | ACN_BOOLS, ACN_REALS | ACN_BOOLS,
          "y = least of x over axes (none given: all); NaN wins", NUMERIC_CASES, .code = ACN_R_MIN,
          .needs_elements = true);
REDUCTION(ReduceAll, ACN_ALL, ACN_BOOLS | ACN_T(ACN_U8),
          "y = whether all of x over axes (none given: all) differ from 0",
          "[4,5]|axes=[0] [3,4]|axes=[1] [7]|axes=[0] [0,3]|axes=[0] []", .code = ACN_R_ALL,
          .is_logical = true);
REDUCTION(ReduceAny, ACN_ALL, ACN_BOOLS | ACN_T(ACN_U8),
          "y = whether any of x over axes (none given: all) differs from 0",
          "[4,5]|axes=[0] [3,4]|axes=[1] [7]|axes=[0] [0,3]|axes=[0] []", .code = ACN_R_ANY,
          .is_logical = true);
