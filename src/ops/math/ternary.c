/* ternary.c - elementwise operators of three inputs. */
#include "ops/elementwise.h"

#define REF(id) static acn_value id##_ref(acn_class k, const acn_value *in, const acn_value *attr)
#define BODY(id)                                                                                   \
    static acn_reg id##_body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k)
#define CASES                                                                                      \
    "tolerance=compound [2,3],[2,3],[2,3] [5,7],[5,7],[5,7]:strided [4,3],[3],[1] [0,3],[3],[3] "  \
    "[],[],[] "                                                                                    \
    "[1030],[1030],[1030]"

REF(addcmul) {
    if (acn_is_float_class(k)) return acn_value_f(in[0].f + attr[0].f * in[1].f * in[2].f);
    return acn_value_i(
        acn_wrap_add(in[0].i, acn_wrap_mul(attr[0].i, acn_wrap_mul(in[1].i, in[2].i))));
}
BODY(addcmul) {
    acn_reg scaled = acn_p2(p, ACN_U_MUL, acn_p_attr(p, 0, k), in[1]);
    if (acn_is_float_class(k)) return acn_p3(p, ACN_U_FMA, scaled, in[2], in[0]);
    return acn_p2(p, ACN_U_ADD, in[0], acn_p2(p, ACN_U_MUL, scaled, in[2]));
}
static const acn_elementwise addcmul_definition = {.body = addcmul_body, .ref = addcmul_ref};
ACN_OP(addcmul) = {
    .name = "Addcmul",
    .doc = "y = input_data + value * x1 * x2",
    .in = {{"input_data", ACN_REALS, 0}, {"x1", ACN_REALS, 0}, {"x2", ACN_REALS, 0}},
    .out = {{"y", ACN_REALS, 0}},
    .attr = {{.name = "value", .kind = ACN_ATTR_SCALAR, .fallback = 1}},
    ACN_ELEMENTWISE(addcmul_definition),
    .cases = CASES,
};

REF(addcdiv) { return acn_value_f(in[0].f + attr[0].f * in[1].f / in[2].f); }
BODY(addcdiv) {
    acn_reg scaled = acn_p2(p, ACN_U_MUL, acn_p_attr(p, 0, k), in[1]);
    return acn_p2(p, ACN_U_ADD, in[0], acn_p2(p, ACN_U_DIV, scaled, in[2]));
}
static const acn_elementwise addcdiv_definition = {.body = addcdiv_body, .ref = addcdiv_ref};
ACN_OP(addcdiv) = {
    .name = "Addcdiv",
    .doc = "y = input_data + value * x1 / x2",
    .in = {{"input_data", ACN_FLOATS, 0}, {"x1", ACN_FLOATS, 0}, {"x2", ACN_FLOATS, 0}},
    .out = {{"y", ACN_FLOATS, 0}},
    .attr = {{.name = "value", .kind = ACN_ATTR_SCALAR, .fallback = 1}},
    ACN_ELEMENTWISE(addcdiv_definition),
    .cases = CASES,
};

/* PyTorch's formula: exact at both ends. */
REF(lerp) {
    double a = in[0].f, b = in[1].f, w = in[2].f;
    return acn_value_f(fabs(w) < 0.5 ? a + w * (b - a) : b - (b - a) * (1 - w));
}
BODY(lerp) {
    acn_reg a = in[0], b = in[1], w = in[2], span = acn_p2(p, ACN_U_SUB, b, a);
    acn_reg low = acn_p3(p, ACN_U_FMA, w, span, a);
    acn_reg rest = acn_p2(p, ACN_U_SUB, w, acn_p_const(p, 1, k));
    acn_reg high = acn_p3(p, ACN_U_FMA, span, rest, b);
    acn_reg is_low = acn_p2(p, ACN_U_LT, acn_p1(p, ACN_U_ABS, w), acn_p_const(p, 0.5, k));
    return acn_p3(p, ACN_U_SELECT, low, high, is_low);
}
static const acn_elementwise lerp_definition = {
    .body = lerp_body, .ref = lerp_ref, .has_exact_scalars = true};
ACN_OP(lerp) = {
    .name = "Lerp",
    .doc = "y = start + weight * (end - start)",
    .in = {{"start", ACN_FLOATS, 0}, {"end", ACN_FLOATS, 0}, {"weight", ACN_FLOATS, ACN_SCALARISH}},
    .out = {{"y", ACN_FLOATS, 0}},
    ACN_ELEMENTWISE(lerp_definition),
    .cases = CASES,
};

REF(threshold_grad) {
    if (acn_is_float_class(k)) return acn_value_f(in[1].f <= attr[0].f ? 0 : in[0].f);
    return acn_value_i(in[1].i <= attr[0].i ? 0 : in[0].i);
}
BODY(threshold_grad) {
    acn_reg is_low = acn_p2(p, ACN_U_LE, in[1], acn_p_attr(p, 0, k));
    return acn_p3(p, ACN_U_SELECT, acn_p_const(p, 0, k), in[0], is_low);
}
static const acn_elementwise threshold_grad_definition = {.body = threshold_grad_body,
                                                          .ref = threshold_grad_ref};
ACN_OP(threshold_grad) = {
    .name = "ThresholdGradV2D",
    .doc = "backprops = gradients where features > threshold (or NaN), else 0",
    .in = {{"gradients", ACN_REALS, 0}, {"features", ACN_REALS, 0}},
    .out = {{"backprops", ACN_REALS, 0}},
    .attr = {{.name = "threshold", .kind = ACN_ATTR_SCALAR, .is_required = true}},
    ACN_ELEMENTWISE(threshold_grad_definition),
    .cases = "[2,3],[2,3]|threshold=0.5 [5,7],[5,7]|threshold=-1 [0,3],[0,3]|threshold=0 "
             "[],[]|threshold=0 [1030],[1030]|threshold=0",
};
