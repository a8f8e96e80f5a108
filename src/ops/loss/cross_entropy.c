/* cross_entropy.c - binary cross entropy of probabilities and of logits, with their gradients. */
#include "ops/loss/loss.h"

#define REF(id) static acn_value id##_ref(acn_class k, const acn_value *in, const acn_value *attr)
#define BODY(id)                                                                                   \
    static acn_reg id##_body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k)
#define DEFINITION(id, gradient)                                                                   \
    static const acn_loss id##_definition = {{.body = id##_body, .ref = id##_ref}, gradient}

static acn_reg times_if_given(acn_program *p, const acn_call *c, const acn_reg *in, int slot,
                              acn_reg x) {
    return c->in_count[slot] ? acn_p2(p, ACN_U_MUL, x, in[slot]) : x;
}

/* ---- of probabilities ------------------------------------------------------------------------ */

/* Logarithms are cut at -100, so that a certain wrong answer costs much, not infinitely much. */
REF(bce) {
    double x = in[0].f, t = in[1].f;
    return acn_value_f(-in[2].f * (t * fmax(log(x), -100) + (1 - t) * fmax(log1p(-x), -100)));
}
BODY(bce) {
    acn_reg x = in[0], t = in[1], one = acn_p_const(p, 1, k), least = acn_p_const(p, -100, k);
    acn_reg yes = acn_p2(p, ACN_U_MAX, acn_p1(p, ACN_U_LOG, x), least);
    acn_reg no = acn_p1(p, ACN_U_LOG1P, acn_p1(p, ACN_U_NEG, x));
    no = acn_p2(p, ACN_U_MAX, no, least);
    acn_reg rest = acn_p2(p, ACN_U_MUL, acn_p2(p, ACN_U_SUB, one, t), no);
    acn_reg sum = acn_p3(p, ACN_U_FMA, t, yes, rest);
    return times_if_given(p, c, in, 2, acn_p1(p, ACN_U_NEG, sum));
}
DEFINITION(bce, false);
ACN_OP(BinaryCrossEntropy) = {
    .name = "BinaryCrossEntropy",
    .doc = "-weight * (y * log(x) + (1 - y) * log(1 - x)); none, mean or sum.",
    .in = {{"x", ACN_FLOATS}, {"y", ACN_FLOATS}, {"weight", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"output", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION},
    ACN_LOSS(bce_definition),
    .cases = "tolerance=reduction [3,5]@0..1,[3,5]@0..1 [3,5]@0..1,[3,5]@0..1,[5] "
             "[3,5]@0..1,[3,5]@0..1,[3,5]|reduction_mode=0 [3,5]@0..1,[3,5]@0..1|reduction=sum",
};

REF(bce_grad) {
    double x = in[0].f, t = in[1].f;
    return acn_value_f(in[2].f * in[3].f * (x - t) / fmax((1 - x) * x, 1e-12));
}
BODY(bce_grad) {
    acn_reg x = in[0], one = acn_p_const(p, 1, k), least = acn_p_const(p, 1e-12, k);
    acn_reg slope = acn_p2(p, ACN_U_MUL, acn_p2(p, ACN_U_SUB, one, x), x);
    slope =
        acn_p2(p, ACN_U_DIV, acn_p2(p, ACN_U_SUB, x, in[1]), acn_p2(p, ACN_U_MAX, slope, least));
    return times_if_given(p, c, in, 3, acn_p2(p, ACN_U_MUL, slope, in[2]));
}
DEFINITION(bce_grad, true);
ACN_OP(BinaryCrossEntropyGrad) = {
    .name = "BinaryCrossEntropyGrad",
    .doc = "Gradient of BinaryCrossEntropy for x.",
    .in = {{"x", ACN_FLOATS},
           {"y", ACN_FLOATS},
           {"grad_output", ACN_FLOATS},
           {"weight", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"output", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION},
    ACN_LOSS(bce_grad_definition),
    .cases = "tolerance=reduction [3,5]@0..1,[3,5]@0..1,[] [3,5]@0..1,[3,5]@0..1,[],[5] "
             "[3,5]@0..1,[3,5]@0..1,[3,5]|reduction_mode=0",
};

/* ---- of logits ------------------------------------------------------------------------------- */

/* (1 - t) x + (1 + (pos_weight - 1) t) * (log(1 + exp(-|x|)) + max(-x, 0)) never overflows. */
REF(logits) {
    double x = in[0].f, t = in[1].f, scale = 1 + (in[3].f - 1) * t;
    return acn_value_f(in[2].f * ((1 - t) * x + scale * (log1p(exp(-fabs(x))) + fmax(-x, 0))));
}
BODY(logits) {
    acn_reg x = in[0], t = in[1], one = acn_p_const(p, 1, k), minus = acn_p1(p, ACN_U_NEG, x);
    acn_reg tail = acn_p1(p, ACN_U_EXP, acn_p2(p, ACN_U_MIN, x, minus));
    acn_reg cost = acn_p2(p, ACN_U_ADD, acn_p1(p, ACN_U_LOG1P, tail), acn_p1(p, ACN_U_RELU, minus));
    if (c->in_count[3]) {
        acn_reg scale = acn_p3(p, ACN_U_FMA, acn_p2(p, ACN_U_SUB, in[3], one), t, one);
        cost = acn_p2(p, ACN_U_MUL, scale, cost);
    }
    cost = acn_p3(p, ACN_U_FMA, acn_p2(p, ACN_U_SUB, one, t), x, cost);
    return times_if_given(p, c, in, 2, cost);
}
DEFINITION(logits, false);
ACN_OP(SigmoidCrossEntropyWithLogitsV2) = {
    .name = "SigmoidCrossEntropyWithLogitsV2",
    .doc = "Binary cross entropy of sigmoid(predict), weighted; none, mean or sum.",
    .in = {{"predict", ACN_FLOATS},
           {"target", ACN_FLOATS},
           {"weight", ACN_FLOATS, ACN_OPTIONAL},
           {"pos_weight", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"loss", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION},
    ACN_LOSS(logits_definition),
    .cases = "tolerance=reduction [3,5],[3,5]@0..1 [3,5],[3,5]@0..1,[5],[5]@0..3 "
             "[3,5],[3,5]@0..1,-,[5]@0..3|reduction_mode=0 [3,5],[3,5]@0..1|reduction=sum",
};

REF(logits_grad) {
    double x = in[0].f, t = in[1].f, yes = in[4].f * t;
    return acn_value_f(in[2].f * in[3].f * ((yes + 1 - t) / (1 + exp(-x)) - yes));
}
BODY(logits_grad) {
    acn_reg t = in[1], one = acn_p_const(p, 1, k);
    acn_reg grown = acn_p1(p, ACN_U_EXP, acn_p1(p, ACN_U_NEG, in[0]));
    acn_reg sigmoid = acn_p2(p, ACN_U_DIV, one, acn_p2(p, ACN_U_ADD, one, grown));
    acn_reg yes = times_if_given(p, c, in, 4, t);
    if (c->in_count[4]) {
        acn_reg all = acn_p2(p, ACN_U_ADD, yes, acn_p2(p, ACN_U_SUB, one, t));
        sigmoid = acn_p2(p, ACN_U_MUL, all, sigmoid);
    }
    acn_reg slope = acn_p2(p, ACN_U_MUL, acn_p2(p, ACN_U_SUB, sigmoid, yes), in[2]);
    return times_if_given(p, c, in, 3, slope);
}
DEFINITION(logits_grad, true);
ACN_OP(SigmoidCrossEntropyWithLogitsGradV2) = {
    .name = "SigmoidCrossEntropyWithLogitsGradV2",
    .doc = "Gradient of SigmoidCrossEntropyWithLogitsV2 for predict.",
    .in = {{"predict", ACN_FLOATS},
           {"target", ACN_FLOATS},
           {"dout", ACN_FLOATS},
           {"weight", ACN_FLOATS, ACN_OPTIONAL},
           {"pos_weight", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"gradient", ACN_FLOATS}},
    .attr = {ACN_LOSS_REDUCTION},
    ACN_LOSS(logits_grad_definition),
    .cases = "tolerance=reduction [3,5],[3,5]@0..1,[] [3,5],[3,5]@0..1,[],[5],[5]@0..3 "
             "[3,5],[3,5]@0..1,[3,5],-,[5]@0..3|reduction_mode=0",
};
