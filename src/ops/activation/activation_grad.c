/* activation_grad.c - gradients of activations: elementwise formulas of the incoming gradient and
 * the activation's input or result, one row each. */
#include "ops/activation/formulas.h"

#define CASES(attrs)                                                                               \
    "tolerance=compound [2,3],[2,3]" attrs " [5,7],[5,7]:strided" attrs " [4,3],[3]" attrs         \
    " [0,3],[0,3]" attrs " [],[]" attrs " [1030],[1030]" attrs

#define GRADIENT(id, ge_name, about, in_1, in_2, out_name, attributes, examples)                   \
    DEFINITION(id);                                                                                \
    ACN_OP(id) = {                                                                                 \
        .name = ge_name,                                                                           \
        .doc = about,                                                                              \
        .in = {{in_1, ACN_FLOATS}, {in_2, ACN_FLOATS}},                                            \
        .out = {{out_name, ACN_FLOATS}},                                                           \
        .attr = attributes,                                                                        \
        ACN_ELEMENTWISE(id##_definition),                                                          \
        .cases = examples,                                                                         \
    }
#define ATTRS(...)                                                                                 \
    { __VA_ARGS__ }
#define NO_ATTRS                                                                                   \
    {                                                                                              \
        { .name = NULL }                                                                           \
    }

#define SELECT(yes, no, condition) acn_p3(p, ACN_U_SELECT, yes, no, condition)
#define MUL(a, b)                  acn_p2(p, ACN_U_MUL, a, b)
#define ZERO                       acn_p_const(p, 0, k)

/* ---- from the result ------------------------------------------------------------------------- */

REF(sigmoid_grad) { return acn_value_f(in[1].f * (1 - in[0].f) * in[0].f); }
BODY(sigmoid_grad) { return acn_p2(p, ACN_U_SIGMOID_GRAD, in[1], in[0]); }
GRADIENT(sigmoid_grad, "SigmoidGrad", "dy * y * (1 - y)", "y", "dy", "z", NO_ATTRS, CASES(""));

REF(tanh_grad) { return acn_value_f(in[1].f * (1 - in[0].f * in[0].f)); }
BODY(tanh_grad) { return acn_p2(p, ACN_U_TANH_GRAD, in[1], in[0]); }
GRADIENT(tanh_grad, "TanhGrad", "dy * (1 - y^2)", "y", "dy", "z", NO_ATTRS, CASES(""));

enum { ELU_ALPHA, ELU_SCALE, ELU_STEEP, ELU_IS_RESULT };

REF(elu_grad) {
    double g = in[0].f, x = in[1].f, low = attr[ELU_ALPHA].f * attr[ELU_SCALE].f;
    if (x > 0 || isnan(x)) return acn_value_f(g * attr[ELU_SCALE].f);
    double slope = attr[ELU_IS_RESULT].i ? x + low : low * exp(x * attr[ELU_STEEP].f);
    return acn_value_f(g * attr[ELU_STEEP].f * slope);
}
BODY(elu_grad) {
    acn_reg alpha = acn_p_attr(p, ELU_ALPHA, k), scale = acn_p_attr(p, ELU_SCALE, k);
    acn_reg steep = acn_p_attr(p, ELU_STEEP, k), low = MUL(alpha, scale), x = in[1];
    acn_reg slope = acn_attr_int(c, ELU_IS_RESULT) ? acn_p2(p, ACN_U_ADD, x, low)
                                                   : MUL(low, acn_p1(p, ACN_U_EXP, MUL(x, steep)));
    return SELECT(MUL(MUL(in[0], steep), slope), MUL(in[0], scale), acn_p2(p, ACN_U_LE, x, ZERO));
}
GRADIENT(elu_grad, "EluGradV2", "Gradient of Elu, from its input or its result", "grads",
         "activations", "y",
         ATTRS(NUMBER("alpha", 1), NUMBER("scale", 1), NUMBER("input_scale", 1),
               {.name = "is_result", .kind = ACN_ATTR_BOOL}),
         CASES("") " " CASES("|alpha=1.5,scale=1.25,input_scale=0.5,is_result=1"));

#define SELU_ALPHA 1.6732632423543772848
#define SELU_SCALE 1.0507009873554804934

REF(selu_grad) {
    double y = in[1].f;
    return acn_value_f(in[0].f * (y <= 0 ? y + SELU_ALPHA * SELU_SCALE : SELU_SCALE));
}
BODY(selu_grad) {
    acn_reg left = acn_p_plus(p, in[1], SELU_ALPHA * SELU_SCALE, k);
    acn_reg slope = SELECT(left, acn_p1(p, ACN_U_COPY, acn_p_const(p, SELU_SCALE, k)),
                           acn_p2(p, ACN_U_LE, in[1], ZERO));
    return MUL(in[0], slope);
}
GRADIENT(selu_grad, "SeluGrad", "Gradient of Selu, from its result", "gradients", "outputs", "y",
         NO_ATTRS, CASES(""));

/* ---- smooth, from the input ------------------------------------------------------------------ */

REF(silu_grad) { return acn_value_f(in[0].f * acn_silu_slope(in[1].f)); }
BODY(silu_grad) { return acn_p2(p, ACN_U_SILU_GRAD, in[0], in[1]); }
GRADIENT(silu_grad, "SiluGrad", "Gradient of x * sigmoid(x)", "dy", "x", "dx", NO_ATTRS, CASES(""));

enum { GELU_TEXT, GELU_MODE };

REF(gelu_grad) { return acn_value_f(in[0].f * acn_gelu_slope(in[1].f, attr[GELU_MODE].i)); }
BODY(gelu_grad) {
    bool by_tanh = false;
    if (acn_gelu_approximation(c, GELU_TEXT, GELU_MODE, &by_tanh) != ACN_OK) p->is_broken = true;
    return acn_p2(p, by_tanh ? ACN_U_GELU_TANH_GRAD : ACN_U_GELU_GRAD, in[0], in[1]);
}
GRADIENT(gelu_grad, "GeluGradV2", "Gradient of GeluV2", "dy", "x", "z",
         ATTRS({.name = "approximate", .kind = ACN_ATTR_STRING},
               {.name = "approximate_mode", .kind = ACN_ATTR_INT}),
         CASES("") " " CASES("|approximate_mode=1"));

/* GE gives the result too; the slope needs the input only. */
REF(gelu_exact_grad) { return acn_value_f(in[0].f * acn_gelu_slope(in[1].f, false)); }
BODY(gelu_exact_grad) { return acn_p2(p, ACN_U_GELU_GRAD, in[0], in[1]); }
DEFINITION(gelu_exact_grad);
ACN_OP(gelu_exact_grad) = {
    .name = "GeluGrad",
    .doc = "Gradient of Gelu",
    .in = {{"dy", ACN_FLOATS}, {"x", ACN_FLOATS}, {"y", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"z", ACN_FLOATS}},
    ACN_ELEMENTWISE(gelu_exact_grad_definition),
    .cases = CASES("") " [5,7],[5,7],[5,7]",
};

REF(fast_gelu_grad) {
    double x = in[1].f, s = acn_sigmoid(1.702 * x);
    return acn_value_f(in[0].f * (s + 1.702 * x * s * (1 - s)));
}
BODY(fast_gelu_grad) { return acn_p2(p, ACN_U_SILU_GRAD, in[0], acn_p_scale(p, in[1], 1.702, k)); }
GRADIENT(fast_gelu_grad, "FastGeluGrad", "Gradient of x * sigmoid(1.702 x)", "dy", "x", "z",
         NO_ATTRS, CASES(""));

REF(mish_grad) {
    double x = in[1].f, t = tanh(log1p(exp(x)));
    return acn_value_f(in[0].f * (t + x * acn_sigmoid(x) * (1 - t) * (1 + t)));
}
BODY(mish_grad) { return acn_p2(p, ACN_U_MISH_GRAD, in[0], in[1]); }
DEFINITION(mish_grad);
ACN_OP(mish_grad) = {
    .name = "MishGrad",
    .doc = "Gradient of x * tanh(log(1 + e^x))",
    .in = {{"grad", ACN_FLOATS}, {"x", ACN_FLOATS}, {"tanhx", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"x_grad", ACN_FLOATS}},
    ACN_ELEMENTWISE(mish_grad_definition),
    .cases = CASES(""),
};

REF(softplus_grad) {
    double z = in[1].f * attr[0].f;
    return acn_value_f(z > attr[1].f ? in[0].f : in[0].f * acn_sigmoid(z));
}
BODY(softplus_grad) {
    acn_reg z = MUL(in[1], acn_p_attr(p, 0, k));
    return SELECT(in[0], MUL(in[0], acn_p1(p, ACN_U_SIGMOID, z)),
                  acn_p2(p, ACN_U_GT, z, acn_p_attr(p, 1, k)));
}
GRADIENT(softplus_grad, "SoftplusV2Grad", "Gradient of SoftplusV2", "input_gradients",
         "input_features", "output_backprops", ATTRS(NUMBER("beta", 1), NUMBER("threshold", 20)),
         CASES("") " " CASES("|beta=0.5,threshold=2"));

REF(log_sigmoid_grad) { return acn_value_f(in[0].f * acn_sigmoid(-in[1].f)); }
BODY(log_sigmoid_grad) { return acn_p2(p, ACN_U_LOG_SIGMOID_GRAD, in[0], in[1]); }
GRADIENT(log_sigmoid_grad, "LogSigmoidGrad", "Gradient of log(sigmoid(x))", "grads", "features",
         "backprops", NO_ATTRS, CASES(""));

/* ---- piecewise linear ------------------------------------------------------------------------ */

REF(hard_sigmoid_grad) {
    double line = in[1].f * attr[0].f + attr[1].f;
    return acn_value_f(line > 0 && line < 1 ? in[0].f * attr[0].f : 0);
}
BODY(hard_sigmoid_grad) {
    acn_reg alpha = acn_p_attr(p, 0, k);
    acn_reg line = acn_p3(p, ACN_U_FMA, in[1], alpha, acn_p_attr(p, 1, k));
    acn_reg is_inside = acn_p2(p, ACN_U_AND, acn_p2(p, ACN_U_GT, line, ZERO),
                               acn_p2(p, ACN_U_LT, line, acn_p_const(p, 1, k)));
    return SELECT(MUL(in[0], alpha), ZERO, is_inside);
}
GRADIENT(hard_sigmoid_grad, "HardSigmoidGrad", "Gradient of HardSigmoid", "grads", "input_x", "y",
         ATTRS(NUMBER("alpha", 1.0 / 6), NUMBER("beta", 0.5)), CASES("|alpha=0.2,beta=0.4"));

REF(hard_swish_grad) {
    double g = in[0].f, x = in[1].f;
    return acn_value_f(x <= -3 ? 0 : x < 3 ? g * (x / 3 + 0.5) : g);
}
BODY(hard_swish_grad) { return acn_p2(p, ACN_U_HARD_SWISH_GRAD, in[0], in[1]); }
DEFINITION(hard_swish_grad);
#define HARD_SWISH_GRAD(id, ge_name, in_1, in_2, out_name)                                         \
    ACN_OP(id) = {                                                                                 \
        .name = ge_name,                                                                           \
        .doc = "Gradient of HardSwish",                                                            \
        .in = {{in_1, ACN_FLOATS}, {in_2, ACN_FLOATS}},                                            \
        .out = {{out_name, ACN_FLOATS}},                                                           \
        ACN_ELEMENTWISE(hard_swish_grad_definition),                                               \
        .cases = CASES(""),                                                                        \
    }
HARD_SWISH_GRAD(hard_swish_grad, "HardSwishGrad", "grad", "x", "y");
HARD_SWISH_GRAD(hard_swish_grad_v2, "HardSwishGradV2", "gradOutput", "self", "out");

REF(hard_tanh_grad) {
    double x = in[0].f;
    return acn_value_f(x <= attr[0].f || x >= attr[1].f ? 0 : in[1].f);
}
BODY(hard_tanh_grad) {
    acn_reg is_out = acn_p2(p, ACN_U_OR, acn_p2(p, ACN_U_LE, in[0], acn_p_attr(p, 0, k)),
                            acn_p2(p, ACN_U_GE, in[0], acn_p_attr(p, 1, k)));
    return SELECT(ZERO, in[1], is_out);
}
GRADIENT(hard_tanh_grad, "HardtanhGrad", "grad where min_val < result < max_val, else 0", "result",
         "grad", "y", ATTRS(NUMBER("min_val", -1), NUMBER("max_val", 1)),
         CASES("") " " CASES("|min_val=-2,max_val=0.5"));

REF(leaky_relu_grad) { return acn_value_f(in[1].f > 0 ? in[0].f : in[0].f * attr[0].f); }
BODY(leaky_relu_grad) {
    return acn_p3(p, ACN_U_LEAKY_RELU_GRAD, in[0], in[1], acn_p_attr(p, 0, k));
}
GRADIENT(leaky_relu_grad, "LeakyReluGrad", "Gradient of LeakyRelu, from its input or its result",
         "gradients", "features", "backprops", ATTRS(NUMBER("negative_slope", 0)),
         CASES("|negative_slope=0.1"));

/* The same for both shrinks. */
REF(shrink_grad) { return acn_value_f(fabs(in[1].f) <= attr[0].f ? 0 : in[0].f); }
BODY(shrink_grad) { return acn_p3(p, ACN_U_SHRINK_GRAD, in[0], in[1], acn_p_attr(p, 0, k)); }
DEFINITION(shrink_grad);
#define SHRINK_GRAD(id, ge_name, in_1, in_2, out_name)                                             \
    ACN_OP(id) = {                                                                                 \
        .name = ge_name,                                                                           \
        .doc = "The incoming gradient, or 0 where |x| <= lambd",                                   \
        .in = {{in_1, ACN_FLOATS}, {in_2, ACN_FLOATS}},                                            \
        .out = {{out_name, ACN_FLOATS}},                                                           \
        .attr = {NUMBER("lambd", 0.5)},                                                            \
        ACN_ELEMENTWISE(shrink_grad_definition),                                                   \
        .cases = CASES("") " " CASES("|lambd=1"),                                                  \
    }
SHRINK_GRAD(hard_shrink_grad, "HardShrinkGrad", "gradients", "features", "backprops");
SHRINK_GRAD(soft_shrink_grad, "SoftShrinkGrad", "input_grad", "input_x", "output_y");
