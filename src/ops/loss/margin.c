/* margin.c - losses of labels that are -1 or 1, and the divergence's gradient for its target. */
#include "ops/loss/loss.h"

#define REF(id) static acn_value id##_ref(acn_class k, const acn_value *in, const acn_value *attr)
#define BODY(id)                                                                                   \
    static acn_reg id##_body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k)
#define DEFINITION(id, gradient)                                                                   \
    static const acn_loss id##_definition = {{.body = id##_body, .ref = id##_ref}, gradient}

enum { ATTR_OWN = 2 };

REF(soft_margin) { return acn_value_f(log1p(exp(-in[1].f * in[0].f))); }
BODY(soft_margin) {
    acn_reg z = acn_p1(p, ACN_U_NEG, acn_p2(p, ACN_U_MUL, in[0], in[1]));
    return acn_p1(p, ACN_U_LOG1P, acn_p1(p, ACN_U_EXP, z));
}
DEFINITION(soft_margin, false);
ACN_OP(SoftMarginLoss) = {
    .name = "SoftMarginLoss",
    .doc = "log(1 + e^(-label * x)); none, mean or sum.",
    .in = {{"input_x", ACN_FLOATS}, {"input_y", ACN_FLOATS}},
    .out = {{"output_z", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION},
    ACN_LOSS(soft_margin_definition),
    .cases = "tolerance=reduction [3,5],[3,5] [3,5],[3,5]|reduction_mode=0 [3,5],[3,5]|"
             "reduction=sum [],[]",
};

/* -label / (1 + e^(label * x)) */
REF(soft_margin_grad) { return acn_value_f(-in[1].f / (1 + exp(in[1].f * in[0].f)) * in[2].f); }
BODY(soft_margin_grad) {
    acn_reg minus = acn_p1(p, ACN_U_NEG, in[1]);
    acn_reg gate = acn_p1(p, ACN_U_SIGMOID, acn_p2(p, ACN_U_MUL, minus, in[0]));
    return acn_p2(p, ACN_U_MUL, acn_p2(p, ACN_U_MUL, minus, gate), in[2]);
}
DEFINITION(soft_margin_grad, true);
ACN_OP(SoftMarginLossGrad) = {
    .name = "SoftMarginLossGrad",
    .doc = "Gradient of SoftMarginLoss for its input.",
    .in = {{"predict", ACN_FLOATS}, {"label", ACN_FLOATS}, {"dout", ACN_FLOATS}},
    .out = {{"gradient", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION},
    ACN_LOSS(soft_margin_grad_definition),
    .cases = "tolerance=reduction [3,5],[3,5],[] [3,5],[3,5],[3,5]|reduction_mode=0 "
             "[3,5],[3,5],[]|reduction=sum",
};

/* Of target (log target - x): log target + 1 - x; with a logarithm for target: e^t (t + 1 - x). */
REF(kl_target_grad) {
    double x = in[1].f, t = in[2].f;
    if (attr[ATTR_OWN].i) return acn_value_f(in[0].f * exp(t) * (t + 1 - x));
    return acn_value_f(t > 0 ? in[0].f * (log(t) + 1 - x) : 0);
}
BODY(kl_target_grad) {
    acn_reg t = in[2], one = acn_p_const(p, 1, k), zero = acn_p_const(p, 0, k);
    acn_reg rest = acn_p2(p, ACN_U_SUB, one, in[1]);
    if (acn_attr_int(c, ATTR_OWN)) {
        acn_reg slope =
            acn_p2(p, ACN_U_MUL, acn_p1(p, ACN_U_EXP, t), acn_p2(p, ACN_U_ADD, t, rest));
        return acn_p2(p, ACN_U_MUL, in[0], slope);
    }
    acn_reg slope = acn_p2(p, ACN_U_ADD, acn_p1(p, ACN_U_LOG, t), rest);
    return acn_p3(p, ACN_U_SELECT, acn_p2(p, ACN_U_MUL, in[0], slope), zero,
                  acn_p2(p, ACN_U_GT, t, zero));
}
DEFINITION(kl_target_grad, true);
ACN_OP(KlDivTargetLossGrad) = {
    .name = "KlDivTargetLossGrad",
    .doc = "Gradient of KLDivV2 for its target.",
    .in = {{"grad_output", ACN_FLOATS}, {"self", ACN_FLOATS}, {"target", ACN_FLOATS}},
    .out = {{"grad_target", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION, {.name = "log_target", .kind = ACN_ATTR_BOOL}},
    ACN_LOSS(kl_target_grad_definition),
    .cases = "tolerance=reduction [],[3,5],[3,5]@0..1 [3,5],[3,5],[3,5]@-2..0|reduction_mode=0,"
             "log_target=1",
};
