/* trace.c - the sum of a matrix's diagonal: a reduction of a view. */
#include "ops/reduce/reduce.h"

static acn_dtype result_of(const acn_tensor *x) {
    return acn_dtype_category(x->dtype) < 2 ? ACN_I64 : x->dtype;
}

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    if (x->rank != 2) return acn_bad_input(c, 0, "expected a matrix");
    acn_out_is(c, 0, result_of(x), 0, NULL);
    return ACN_OK;
}

static acn_tensor diagonal(const acn_tensor *x) {
    acn_tensor d = *x;
    d.rank = 1;
    d.dims[0] = x->dims[0] < x->dims[1] ? x->dims[0] : x->dims[1];
    d.strides[0] = x->strides[0] + x->strides[1];
    return d;
}

static acn_status plan(acn_call *c) {
    acn_tensor d = diagonal(acn_in(c, 0));
    acn_reduction *r = acn_plan_alloc(c, sizeof *r);
    if (!r) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    ACN_TRY(acn_reduction_plan(r, acn_out(c, 0), &d, 1, ACN_R_SUM, acn_out(c, 0)->dtype));
    c->plan->data = r;
    c->plan->workspace_bytes = acn_reduction_workspace_bytes(r);
    c->plan->cost_us = acn_reduction_cost_us(r);
    return ACN_OK;
}

static acn_status run(acn_call *c) {
    acn_reduction_run(c->plan->data, acn_out(c, 0)->data, acn_in(c, 0)->data, c->workspace);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    acn_tensor d = diagonal(acn_in(c, 0));
    acn_value sum = {0};
    for (int64_t i = 0; i < d.dims[0]; i++) {
        acn_value v = acn_load_value(acn_tensor_at(&d, i), d.dtype);
        sum.f += v.f;
        sum.im += v.im;
        sum.i = (int64_t)((uint64_t)sum.i + (uint64_t)v.i);
    }
    acn_store_value(acn_out(c, 0)->data, acn_out(c, 0)->dtype, sum);
    return ACN_OK;
}

ACN_OP(Trace) = {
    .name = "Trace",
    .doc = "y = sum of x's diagonal; of integers and bool an i64",
    .in = {{"x", ACN_ALL, ACN_UNALIASED}},
    .out = {{"y", ACN_ALL}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [2,3] [5,5] [0,3] [40,30]",
};
