/* distance.c - losses between a prediction and a label: squared, absolute, smooth absolute, and
 * Kullback-Leibler divergence, each with its gradient. */
#include "ops/loss/loss.h"

#define REF(id) static acn_value id##_ref(acn_class k, const acn_value *in, const acn_value *attr)
#define BODY(id)                                                                                   \
    static acn_reg id##_body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k)
#define DEFINITION(id, gradient)                                                                   \
    static const acn_loss id##_definition = {{.body = id##_body, .ref = id##_ref}, gradient}
#define FORWARD_CASES                                                                              \
    "tolerance=reduction [3,5],[3,5] [3,5],[3,5]|reduction_mode=0 [3,5],[3,5]|reduction=sum "      \
    "[4,3],[3]|reduction_mode=1 [],[] f32[0,3],[0,3]|reduction_mode=2 f32[200,170],[200,170]"
#define GRADIENT_CASES(grad_first, grad_last)                                                      \
    "tolerance=compound " grad_first "[3,5],[3,5]" grad_last " " grad_first                        \
    "[3,5],[3,5]" grad_last "|reduction_mode=0 " grad_first "[3,5],[3,5]" grad_last                \
    "|reduction=sum " grad_first "[0,5],[0,5]" grad_last
#define ATTR_SIGMA                                                                                 \
    { .name = "sigma", .kind = ACN_ATTR_FLOAT, .fallback = 1, .is_value = true }
#define ATTR_LOG_TARGET                                                                            \
    { .name = "log_target", .kind = ACN_ATTR_BOOL }

enum { ATTR_OWN = 2 };

static double sign(double x) { return (x > 0) - (x < 0); }

static acn_reg emit_sign(acn_program *p, acn_reg x, acn_class k) {
    acn_reg zero = acn_p_const(p, 0, k);
    return acn_p2(p, ACN_U_SUB, acn_p_cast(p, acn_p2(p, ACN_U_GT, x, zero), k),
                  acn_p_cast(p, acn_p2(p, ACN_U_LT, x, zero), k));
}

/* ---- squared --------------------------------------------------------------------------------- */

REF(mse) { return acn_value_f((in[0].f - in[1].f) * (in[0].f - in[1].f)); }
BODY(mse) {
    acn_reg difference = acn_p2(p, ACN_U_SUB, in[0], in[1]);
    return acn_p2(p, ACN_U_MUL, difference, difference);
}
DEFINITION(mse, false);
ACN_OP(MseLoss) = {
    .name = "MseLoss",
    .doc = "(predict - label)^2; none, mean or sum.",
    .in = {{"predict", ACN_FLOATS}, {"label", ACN_FLOATS}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION},
    ACN_LOSS(mse_definition),
    .cases = FORWARD_CASES,
};

REF(mse_grad) { return acn_value_f(2 * (in[0].f - in[1].f) * in[2].f); }
BODY(mse_grad) {
    acn_reg difference = acn_p2(p, ACN_U_SUB, in[0], in[1]);
    return acn_p2(p, ACN_U_MUL, acn_p2(p, ACN_U_ADD, difference, difference), in[2]);
}
DEFINITION(mse_grad, true);
ACN_OP(MseLossGrad) = {
    .name = "MseLossGrad",
    .doc = "Gradient of MseLoss for predict.",
    .in = {{"predict", ACN_FLOATS}, {"label", ACN_FLOATS}, {"dout", ACN_FLOATS}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION},
    ACN_LOSS(mse_grad_definition),
    .cases = GRADIENT_CASES("", ",[]") " [3,5],[3,5],[3,5]|reduction_mode=0",
};

/* ---- absolute -------------------------------------------------------------------------------- */

REF(l1) { return acn_value_f(fabs(in[0].f - in[1].f)); }
BODY(l1) { return acn_p1(p, ACN_U_ABS, acn_p2(p, ACN_U_SUB, in[0], in[1])); }
DEFINITION(l1, false);

static acn_status lp_infer(acn_call *call) {
    if (acn_attr_int(call, ATTR_OWN) != 1)
        return acn_bad_attr(call, ATTR_OWN, "is %lld; only the absolute loss, 1, is defined",
                            (long long)acn_attr_int(call, ATTR_OWN));
    return acn_loss_infer(call);
}

ACN_OP(LpLoss) = {
    .name = "LpLoss",
    .doc = "|predict - label|; none, mean or sum.",
    .in = {{"predict", ACN_FLOATS}, {"label", ACN_FLOATS}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION, {.name = "p", .kind = ACN_ATTR_INT, .fallback = 1}},
    .infer = lp_infer,
    .plan = acn_loss_plan,
    .run = acn_loss_run,
    .run0 = acn_loss_run0,
    .family = &l1_definition,
    .cases = FORWARD_CASES,
};

REF(l1_grad) { return acn_value_f(sign(in[1].f - in[2].f) * in[0].f); }
BODY(l1_grad) {
    return acn_p2(p, ACN_U_MUL, emit_sign(p, acn_p2(p, ACN_U_SUB, in[1], in[2]), k), in[0]);
}
DEFINITION(l1_grad, true);
ACN_OP(L1LossGrad) = {
    .name = "L1LossGrad",
    .doc = "Gradient of the absolute loss for predict: the sign of the difference.",
    .in = {{"grads", ACN_FLOATS}, {"predict", ACN_FLOATS}, {"label", ACN_FLOATS}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION},
    ACN_LOSS(l1_grad_definition),
    .cases = GRADIENT_CASES("[],", "") " [3,5],[3,5],[3,5]|reduction_mode=0",
};

/* ---- smooth absolute: squared within |sigma| of the label --------------------------------------
 */

REF(smooth_l1) {
    double d = fabs(in[0].f - in[1].f), beta = attr[ATTR_OWN].f;
    return acn_value_f(d < beta ? 0.5 * d * d / beta : d - 0.5 * beta);
}
BODY(smooth_l1) {
    acn_reg beta = acn_p_attr(p, ATTR_OWN, k), half = acn_p_const(p, 0.5, k);
    acn_reg d = acn_p1(p, ACN_U_ABS, acn_p2(p, ACN_U_SUB, in[0], in[1]));
    acn_reg square = acn_p2(p, ACN_U_MUL, acn_p2(p, ACN_U_MUL, half, d), d);
    acn_reg near = acn_p2(p, ACN_U_DIV, square, beta);
    acn_reg far = acn_p2(p, ACN_U_SUB, d, acn_p2(p, ACN_U_MUL, half, beta));
    return acn_p3(p, ACN_U_SELECT, near, far, acn_p2(p, ACN_U_LT, d, beta));
}
DEFINITION(smooth_l1, false);
ACN_OP(SmoothL1LossV2) = {
    .name = "SmoothL1LossV2",
    .doc = "d^2 / (2 sigma) where d = |predict - label| < sigma, else d - sigma / 2.",
    .in = {{"predict", ACN_FLOATS}, {"label", ACN_FLOATS}},
    .out = {{"loss", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION, ATTR_SIGMA},
    ACN_LOSS(smooth_l1_definition),
    .cases = FORWARD_CASES " f32[3,5],[3,5]|sigma=0 f32[3,5],[3,5]|sigma=0.5,reduction_mode=0",
};

REF(smooth_l1_grad) {
    double d = in[0].f - in[1].f, beta = attr[ATTR_OWN].f;
    return acn_value_f((fabs(d) < beta ? d / beta : sign(d)) * in[2].f);
}
BODY(smooth_l1_grad) {
    acn_reg beta = acn_p_attr(p, ATTR_OWN, k), d = acn_p2(p, ACN_U_SUB, in[0], in[1]);
    acn_reg is_near = acn_p2(p, ACN_U_LT, acn_p1(p, ACN_U_ABS, d), beta);
    acn_reg slope =
        acn_p3(p, ACN_U_SELECT, acn_p2(p, ACN_U_DIV, d, beta), emit_sign(p, d, k), is_near);
    return acn_p2(p, ACN_U_MUL, slope, in[2]);
}
DEFINITION(smooth_l1_grad, true);
ACN_OP(SmoothL1LossGradV2) = {
    .name = "SmoothL1LossGradV2",
    .doc = "Gradient of SmoothL1LossV2 for predict.",
    .in = {{"predict", ACN_FLOATS}, {"label", ACN_FLOATS}, {"dout", ACN_FLOATS}},
    .out = {{"gradient", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION, ATTR_SIGMA},
    ACN_LOSS(smooth_l1_grad_definition),
    .cases = GRADIENT_CASES("", ",[]") " f32[3,5],[3,5],[3,5]|reduction_mode=0,sigma=0.5",
};

/* ---- divergence: the input is a logarithm, the target one only if log_target -------------------
 */

REF(kl_div) {
    double x = in[0].f, t = in[1].f;
    if (attr[ATTR_OWN].i) return acn_value_f(exp(t) * (t - x));
    return acn_value_f((t == 0 ? 0 : t * log(t)) - t * x);
}
BODY(kl_div) {
    acn_reg x = in[0], t = in[1];
    if (acn_attr_int(c, ATTR_OWN))
        return acn_p2(p, ACN_U_MUL, acn_p1(p, ACN_U_EXP, t), acn_p2(p, ACN_U_SUB, t, x));
    acn_reg zero = acn_p_const(p, 0, k), entropy = acn_p2(p, ACN_U_MUL, t, acn_p1(p, ACN_U_LOG, t));
    entropy = acn_p3(p, ACN_U_SELECT, zero, entropy, acn_p2(p, ACN_U_EQ, t, zero));
    return acn_p2(p, ACN_U_SUB, entropy, acn_p2(p, ACN_U_MUL, t, x));
}
DEFINITION(kl_div, false);
ACN_OP(KLDivV2) = {
    .name = "KLDivV2",
    .doc = "target * (log(target) - x); none, mean (over elements) or sum.",
    .in = {{"x", ACN_FLOATS}, {"target", ACN_FLOATS}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION, ATTR_LOG_TARGET},
    ACN_LOSS(kl_div_definition),
    .cases = "tolerance=reduction [3,5],[3,5]@0..1 [3,5],[3,5]@0..1|reduction_mode=0 "
             "[3,5],[3,5]@-3..0|log_target=1,reduction=sum",
};

REF(kl_div_grad) {
    double t = in[2].f;
    return acn_value_f(-(attr[ATTR_OWN].i ? exp(t) : t > 0 ? t : 0) * in[0].f);
}
BODY(kl_div_grad) {
    acn_reg t = in[2], zero = acn_p_const(p, 0, k);
    acn_reg slope = acn_attr_int(c, ATTR_OWN)
                        ? acn_p1(p, ACN_U_EXP, t)
                        : acn_p3(p, ACN_U_SELECT, t, zero, acn_p2(p, ACN_U_GT, t, zero));
    return acn_p2(p, ACN_U_MUL, acn_p1(p, ACN_U_NEG, slope), in[0]);
}
DEFINITION(kl_div_grad, true);
ACN_OP(KlDivLossGrad) = {
    .name = "KlDivLossGrad",
    .doc = "Gradient of KLDivV2 for its input.",
    .in = {{"grad", ACN_FLOATS}, {"input", ACN_FLOATS}, {"target", ACN_FLOATS}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION, ATTR_LOG_TARGET},
    ACN_LOSS(kl_div_grad_definition),
    .cases = GRADIENT_CASES("[],", "") " [3,5],[3,5],[3,5]|reduction_mode=0,log_target=1",
};
