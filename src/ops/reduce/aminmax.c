/* aminmax.c - the least and the greatest at once: two reductions of one input. */
#include "ops/reduce/reduce.h"
#include <math.h>

enum { AXES, KEEP_DIMS, DIM };

typedef struct both {
    acn_reduction side[2];
} both;

static acn_status mask_of(const acn_call *c, uint32_t *mask) {
    int64_t count = 0, dim = acn_attr_int(c, DIM);
    if (c->attr[DIM].is_present) return acn_reduced_dims(c, DIM, &dim, 1, mask);
    const int64_t *axes = c->attr[AXES].is_present ? acn_attr_ints(c, AXES, &count) : NULL;
    return acn_reduced_dims(c, AXES, axes, count, mask);
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    uint32_t mask;
    ACN_TRY(mask_of(c, &mask));
    for (int d = 0; d < x->rank; d++)
        if (mask >> d & 1 && x->dims[d] == 0)
            return acn_bad_input(c, 0, "expected at least one element in dimension %d", d);
    for (int i = 0; i < 2; i++)
        acn_reduced_out(c, i, x->dtype, x, mask, acn_attr_int(c, KEEP_DIMS));
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    uint32_t mask;
    ACN_TRY(mask_of(c, &mask));
    both *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    for (int i = 0; i < 2; i++) {
        const acn_tensor *x = acn_in(c, 0);
        ACN_TRY(acn_reduction_plan(&p->side[i], acn_out(c, i), x, mask, i ? ACN_R_MAX : ACN_R_MIN,
                                   x->dtype));
        uint64_t bytes = acn_reduction_workspace_bytes(&p->side[i]);
        if (bytes > c->plan->workspace_bytes) c->plan->workspace_bytes = bytes;
        c->plan->cost_us += acn_reduction_cost_us(&p->side[i]);
    }
    c->plan->data = p;
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    const both *p = c->plan->data;
    for (int i = 0; i < 2; i++)
        acn_reduction_run(&p->side[i], acn_out(c, i)->data, acn_in(c, 0)->data, c->workspace);
    return ACN_OK;
}

static bool beats(acn_dtype dtype, acn_value a, acn_value b, bool is_max) {
    if (!acn_dtype_is_float(dtype)) return is_max ? a.i > b.i : a.i < b.i;
    if (isnan(a.f) || isnan(b.f)) return isnan(a.f);
    return is_max ? a.f > b.f : a.f < b.f;
}

static acn_status run0(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    uint32_t mask;
    ACN_TRY(mask_of(c, &mask));
    for (int o = 0; o < 2; o++) {
        const acn_tensor *y = acn_out(c, o);
        for (int64_t at = 0; at < acn_tensor_count(y); at++) {
            acn_value best = {0};
            bool is_first = true;
            for (int64_t i = 0; i < acn_tensor_count(x); i++) {
                int64_t index[ACN_MAX_DIMS], kept = 0;
                acn_index_of(x, i, index);
                for (int d = 0; d < x->rank; d++)
                    if (!(mask >> d & 1)) kept = kept * x->dims[d] + index[d];
                if (kept != at) continue;
                acn_value v = acn_load_value(acn_tensor_at(x, i), x->dtype);
                if (is_first || beats(x->dtype, v, best, o)) best = v;
                is_first = false;
            }
            acn_store_value(acn_tensor_at(y, at), y->dtype, best);
        }
    }
    return ACN_OK;
}

ACN_OP(Aminmax) = {
    .name = "Aminmax",
    .doc = "min and max of x over axes or dim (none given: all); NaN wins",
    .in = {{"x", ACN_REALS | ACN_BOOLS, ACN_UNALIASED}},
    .out = {{"min", ACN_REALS | ACN_BOOLS}, {"max", ACN_REALS | ACN_BOOLS}},
    .attr = {{"axes", ACN_ATTR_INTS}, {"keep_dims", ACN_ATTR_BOOL}, {"dim", ACN_ATTR_INT}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[2,3]|dim=1 [5,7]|axes=[0] [3,4,2]|axes=[0,2]|keep_dims=1 [30] []",
};
