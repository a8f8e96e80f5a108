/* fill.c - one value everywhere: Fill (a scalar or a tensor of one element), ZerosLike, OnesLike.
 */
#include "ops/layout/copy.h"

static acn_status infer_fill(acn_call *c) {
    const acn_tensor *value = acn_in(c, 0), *y = acn_out(c, 0);
    if (acn_tensor_count(value) != 1) return acn_bad_input(c, 0, "expected one element");
    return acn_out_is_attr(c, 0, y ? y->dtype : value->dtype, 0);
}

static acn_status infer_like(acn_call *c) {
    acn_out_like(c, 0, acn_in(c, 0)->dtype, acn_in(c, 0));
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    acn_copy *copy = acn_plan_alloc(c, sizeof *copy);
    if (!copy) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    acn_tensor element;
    acn_tensor_init(&element, NULL, acn_out(c, 0)->dtype, 0, NULL);
    ACN_TRY(acn_copy_plan(copy, acn_out(c, 0), &element));
    c->plan->data = copy;
    c->plan->cost_us = acn_copy_cost_us(copy);
    return ACN_OK;
}

/* In the output's dtype, what |c| fills with: Fill's value, or the 0 or 1 of the *Like family. */
static void element_of(const acn_call *c, void *element) {
    acn_dtype dtype = acn_out(c, 0)->dtype;
    if (c->op->family) {
        acn_store_value(element, dtype, *(const acn_value *)c->op->family);
        return;
    }
    acn_convert_element(element, dtype, acn_in(c, 0)->data, acn_in(c, 0)->dtype);
}

static acn_status run(acn_call *c) {
    _Alignas(16) char element[16];
    element_of(c, element);
    acn_copy_run(c->plan->data, acn_out(c, 0)->data, element);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    _Alignas(16) char element[16];
    element_of(c, element);
    acn_tensor value;
    acn_tensor_init(&value, element, acn_out(c, 0)->dtype, 0, NULL);
    acn_copy_naive(acn_out(c, 0), &value);
    return ACN_OK;
}

static const acn_value zero = {.f = 0, .i = 0}, one = {.f = 1, .i = 1};

ACN_OP(Fill) = {
    .name = "Fill",
    .doc = "y = value everywhere, converted to y's dtype",
    .in = {{"value", ACN_ALL | ACN_T(ACN_C128), ACN_SCALARISH}},
    .out = {{"y", ACN_ALL}},
    .attr = {{"dims", ACN_ATTR_INTS}},
    .infer = infer_fill,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[]",
};

ACN_OP(ZerosLike) = {
    .name = "ZerosLike",
    .doc = "y = 0, in x's shape",
    .in = {{"x", ACN_MOVABLE}},
    .out = {{"y", ACN_MOVABLE}},
    .infer = infer_like,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .family = &zero,
    .cases = "[2,3] [] [0,4] [1000]",
};

ACN_OP(OnesLike) = {
    .name = "OnesLike",
    .doc = "y = 1, in x's shape",
    .in = {{"x", ACN_ALL}},
    .out = {{"y", ACN_ALL}},
    .infer = infer_like,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .family = &one,
    .cases = "[2,3] [] [0,4] [1000]",
};
