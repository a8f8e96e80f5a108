/* sigmoid.c - y = 1 / (1 + e^-x): an operator that is a formula of several micro-ops. */
#include "ops/elementwise.h"

static acn_reg body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k) {
    acn_reg e = acn_p1(p, ACN_U_EXP, acn_p1(p, ACN_U_NEG, in[0]));
    return acn_p1(p, ACN_U_RECIP, acn_p2(p, ACN_U_ADD, e, acn_p_const(p, 1, k)));
}

static acn_value ref(acn_class k, const acn_value *in, const acn_value *attr) {
    return acn_value_f(1 / (1 + exp(-in->f)));
}

static const acn_elementwise definition = {.compute = ACN_COMPUTE_FLOAT, .body = body, .ref = ref};

ACN_OP(sigmoid) = {
    .name = "Sigmoid",
    .doc = "y = 1 / (1 + e^-x)",
    .in = {{"x", ACN_REALS | ACN_BOOLS, 0}},
    .out = {{"y", ACN_FLOATS, 0}},
    ACN_ELEMENTWISE(definition),
    .cases = "[2,3] [5,7]:strided [3,1,4]:broadcast [0,3] [] [1030]",
};
