/* activation.c - activations: elementwise formulas of one input, one row each. Their gradients are
 * in activation_grad.c. */
#include "ops/activation/formulas.h"
#include <complex.h>

#define CASES(attrs)                                                                               \
    "tolerance=compound [2,3]" attrs " [5,7]:strided" attrs " [3,1,4]:broadcast" attrs             \
    " [0,3]" attrs " []" attrs " [1030]" attrs

#define ACTIVATION(id, ge_name, about, in_name, out_name, attributes, examples)                    \
    DEFINITION(id);                                                                                \
    ACN_OP(id) = {                                                                                 \
        .name = ge_name,                                                                           \
        .doc = about,                                                                              \
        .in = {{in_name, ACN_FLOATS}},                                                             \
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

/* ---- exponential on the left ----------------------------------------------------------------- */

REF(elu) {
    double x = in->f, alpha = attr[0].f, scale = attr[1].f;
    return acn_value_f(x <= 0 ? alpha * scale * expm1(x * attr[2].f) : x * scale);
}
BODY(elu) {
    acn_reg alpha = acn_p_attr(p, 0, k), scale = acn_p_attr(p, 1, k), steep = acn_p_attr(p, 2, k);
    acn_reg left = acn_p1(p, ACN_U_EXPM1, acn_p2(p, ACN_U_MUL, in[0], steep));
    left = acn_p2(p, ACN_U_MUL, left, acn_p2(p, ACN_U_MUL, alpha, scale));
    return SELECT(left, acn_p2(p, ACN_U_MUL, in[0], scale),
                  acn_p2(p, ACN_U_LE, in[0], acn_p_const(p, 0, k)));
}
ACTIVATION(elu, "Elu", "scale * (x > 0 ? x : alpha * (e^(input_scale x) - 1))", "x", "y",
           ATTRS(NUMBER("alpha", 1), NUMBER("scale", 1), NUMBER("input_scale", 1)),
           CASES("") " " CASES("|alpha=1.5,scale=1.25,input_scale=0.5"));

REF(celu) {
    double x = in->f, alpha = attr[0].f;
    return acn_value_f(x <= 0 ? alpha * expm1(x / alpha) : x);
}
BODY(celu) {
    acn_reg alpha = acn_p_attr(p, 0, k);
    acn_reg left = acn_p1(p, ACN_U_EXPM1, acn_p2(p, ACN_U_DIV, in[0], alpha));
    return SELECT(acn_p2(p, ACN_U_MUL, left, alpha), in[0],
                  acn_p2(p, ACN_U_LE, in[0], acn_p_const(p, 0, k)));
}
ACTIVATION(celu, "CeluV2", "x > 0 ? x : alpha * (e^(x / alpha) - 1)", "x", "y",
           ATTRS(NUMBER("alpha", 1)), CASES("") " " CASES("|alpha=0.5"));

#define SELU_ALPHA 1.6732632423543772848
#define SELU_SCALE 1.0507009873554804934

REF(selu) {
    double x = in->f;
    return acn_value_f(SELU_SCALE * (x <= 0 ? SELU_ALPHA * expm1(x) : x));
}
BODY(selu) {
    acn_reg left = acn_p_scale(p, acn_p1(p, ACN_U_EXPM1, in[0]), SELU_ALPHA * SELU_SCALE, k);
    return SELECT(left, acn_p_scale(p, in[0], SELU_SCALE, k),
                  acn_p2(p, ACN_U_LE, in[0], acn_p_const(p, 0, k)));
}
ACTIVATION(selu, "Selu", "Elu with the two constants that keep mean 0 and variance 1", "x", "y",
           NO_ATTRS, CASES(""));

/* ---- smooth ---------------------------------------------------------------------------------- */

REF(silu) {
    if (k != ACN_K_C64) return acn_value_f(acn_silu(in->f * attr[0].f) / attr[0].f);
    double complex z = CMPLX(in->f, in->im), y = z / (1 + cexp(-z * attr[0].f));
    return acn_value_c(creal(y), cimag(y));
}
BODY(silu) {
    acn_reg scale = acn_p_attr(p, 0, k);
    return acn_p2(p, ACN_U_DIV, acn_p1(p, ACN_U_SILU, acn_p2(p, ACN_U_MUL, in[0], scale)), scale);
}
DEFINITION(silu);
ACN_OP(silu) = {
    .name = "Swish",
    .doc = "x / (1 + e^(-scale x))",
    .in = {{"x", ACN_FLOATS | ACN_COMPLEXES}},
    .out = {{"y", ACN_FLOATS | ACN_COMPLEXES}},
    .attr = ATTRS(NUMBER("scale", 1)),
    ACN_ELEMENTWISE(silu_definition),
    .cases = CASES("") " " CASES("|scale=1.5"),
};

enum { GELU_TEXT, GELU_MODE };
#define ATTR_APPROXIMATE                                                                           \
    {.name = "approximate", .kind = ACN_ATTR_STRING}, {                                            \
        .name = "approximate_mode", .kind = ACN_ATTR_INT                                           \
    }

REF(gelu) { return acn_value_f(acn_gelu(in->f, attr[GELU_MODE].i)); }
BODY(gelu) {
    bool by_tanh = false;
    if (acn_gelu_approximation(c, GELU_TEXT, GELU_MODE, &by_tanh) != ACN_OK) p->is_broken = true;
    return acn_p1(p, by_tanh ? ACN_U_GELU_TANH : ACN_U_GELU, in[0]);
}
REF(gelu_exact) { return acn_value_f(acn_gelu(in->f, false)); }
BODY(gelu_exact) { return acn_p1(p, ACN_U_GELU, in[0]); }
ACTIVATION(gelu_exact, "Gelu", "x times the normal distribution's function at x", "x", "y",
           NO_ATTRS, CASES(""));
ACTIVATION(gelu, "GeluV2", "Gelu, exact or by the usual cubic in tanh", "x", "y",
           ATTRS(ATTR_APPROXIMATE), CASES("") " " CASES("|approximate_mode=1"));

/* x sigmoid(1.702 x), in the form that CANN documents. */
REF(fast_gelu) { return acn_value_f(in->f * acn_sigmoid(1.702 * in->f)); }
BODY(fast_gelu) {
    acn_reg gate = acn_p1(p, ACN_U_SIGMOID, acn_p_scale(p, in[0], 1.702, k));
    return acn_p2(p, ACN_U_MUL, in[0], gate);
}
ACTIVATION(fast_gelu, "FastGelu", "x * sigmoid(1.702 x)", "x", "y", NO_ATTRS, CASES(""));

REF(mish) { return acn_value_f(in->f * tanh(log1p(exp(in->f)))); }
BODY(mish) { return acn_p1(p, ACN_U_MISH, in[0]); }
ACTIVATION(mish, "Mish", "x * tanh(log(1 + e^x))", "x", "y", NO_ATTRS, CASES(""));

REF(softplus) {
    double z = in->f * attr[0].f;
    return acn_value_f(z > attr[1].f ? in->f : log1p(exp(z)) / attr[0].f);
}
BODY(softplus) {
    acn_reg beta = acn_p_attr(p, 0, k), threshold = acn_p_attr(p, 1, k);
    acn_reg z = acn_p2(p, ACN_U_MUL, in[0], beta);
    acn_reg soft = acn_p2(p, ACN_U_DIV, acn_p1(p, ACN_U_LOG1P, acn_p1(p, ACN_U_EXP, z)), beta);
    return SELECT(in[0], soft, acn_p2(p, ACN_U_GT, z, threshold));
}
ACTIVATION(softplus, "SoftplusV2", "beta x > threshold ? x : log(1 + e^(beta x)) / beta", "x", "y",
           ATTRS(NUMBER("beta", 1), NUMBER("threshold", 20)),
           CASES("") " " CASES("|beta=0.5,threshold=2"));

/* min(x, 0) - log(1 + e^-|x|). The second output of aclnn's form is a buffer for another machine's
 * gradient, which ours does not read. */
REF(log_sigmoid) { return acn_value_f(fmin(in->f, 0) - log1p(exp(-fabs(in->f))) + in->f * 0); }
BODY(log_sigmoid) {
    acn_reg low = acn_p2(p, ACN_U_MIN, in[0], acn_p_const(p, 0, k));
    acn_reg e = acn_p1(p, ACN_U_EXP, acn_p1(p, ACN_U_NEG, acn_p1(p, ACN_U_ABS, in[0])));
    return acn_p2(p, ACN_U_SUB, low, acn_p1(p, ACN_U_LOG1P, e));
}
ACTIVATION(log_sigmoid, "LogSigmoid", "log(1 / (1 + e^-x))", "x", "y", NO_ATTRS, CASES(""));

/* ---- piecewise linear ------------------------------------------------------------------------ */

static double clamp_unit(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }
static acn_reg emit_clamp_unit(acn_program *p, acn_reg x, acn_class k) {
    return acn_p3(p, ACN_U_CLAMP, x, acn_p_const(p, 0, k), acn_p_const(p, 1, k));
}

REF(hard_sigmoid) { return acn_value_f(clamp_unit(in->f * attr[0].f + attr[1].f)); }
BODY(hard_sigmoid) {
    acn_reg line = acn_p3(p, ACN_U_FMA, in[0], acn_p_attr(p, 0, k), acn_p_attr(p, 1, k));
    return emit_clamp_unit(p, line, k);
}
ACTIVATION(hard_sigmoid, "HardSigmoid", "alpha x + beta, kept within 0 and 1", "input_x",
           "output_y", ATTRS(NUMBER("alpha", 1.0 / 6), NUMBER("beta", 0.5)),
           CASES("") " " CASES("|alpha=0.2,beta=0.4"));

REF(hard_swish) { return acn_value_f(in->f * clamp_unit((in->f + 3) / 6)); }
BODY(hard_swish) { return acn_p1(p, ACN_U_HARD_SWISH, in[0]); }
ACTIVATION(hard_swish, "HardSwish", "x * min(max(x + 3, 0), 6) / 6", "x", "y", NO_ATTRS, CASES(""));

REF(leaky_relu) { return acn_value_f(in->f > 0 ? in->f : in->f * attr[0].f); }
BODY(leaky_relu) { return acn_p2(p, ACN_U_LEAKY_RELU, in[0], acn_p_attr(p, 0, k)); }
ACTIVATION(leaky_relu, "LeakyRelu", "x > 0 ? x : negative_slope * x", "x", "y",
           ATTRS(NUMBER("negative_slope", 0)), CASES("|negative_slope=0.1"));

REF(hard_shrink) { return acn_value_f(fabs(in->f) <= attr[0].f ? 0 : in->f); }
BODY(hard_shrink) { return acn_p2(p, ACN_U_HARD_SHRINK, in[0], acn_p_attr(p, 0, k)); }
ACTIVATION(hard_shrink, "HardShrink", "x, or 0 where |x| <= lambd", "input_x", "output_y",
           ATTRS(NUMBER("lambd", 0.5)), CASES("") " " CASES("|lambd=1"));

REF(soft_shrink) {
    double x = in->f, lambda = attr[0].f;
    return acn_value_f(x > lambda ? x - lambda : x < -lambda ? x + lambda : x * 0);
}
BODY(soft_shrink) { return acn_p2(p, ACN_U_SOFT_SHRINK, in[0], acn_p_attr(p, 0, k)); }
ACTIVATION(soft_shrink, "SoftShrink", "x moved by lambd towards 0, which it does not pass",
           "input_x", "output_y", ATTRS(NUMBER("lambd", 0.5)), CASES("") " " CASES("|lambd=1"));

/* ---- with a type's own arithmetic ------------------------------------------------------------ */

REF(threshold) {
    bool is_low = acn_is_float_class(k) ? in[0].f <= in[1].f : in[0].i <= in[1].i;
    return is_low ? in[2] : in[0];
}
BODY(threshold) { return SELECT(in[2], in[0], acn_p2(p, ACN_U_LE, in[0], in[1])); }
DEFINITION(threshold);
ACN_OP(threshold) = {
    .name = "ThresholdV2",
    .doc = "x > threshold (or NaN) ? x : value",
    .in = {{"x", ACN_REALS},
           {"threshold", ACN_REALS, ACN_SCALARISH},
           {"value", ACN_REALS, ACN_SCALARISH}},
    .out = {{"y", ACN_REALS}},
    ACN_ELEMENTWISE(threshold_definition),
    .cases = "[2,3],1,2 [5,7],0.5,20 [0,3],0,1 [],1,0 [1030],0,5",
};

REF(add_relu) {
    if (acn_is_float_class(k)) {
        double sum = fma(attr[0].f, in[1].f, in[0].f);
        return acn_value_f(sum > 0 || isnan(sum) ? sum : 0);
    }
    int64_t sum = acn_wrap_add(in[0].i, acn_wrap_mul(attr[0].i, in[1].i));
    if (k == ACN_K_I32) sum = (int32_t)sum;
    return acn_value_i(sum > 0 ? sum : 0);
}
BODY(add_relu) {
    acn_reg alpha = acn_p_attr(p, 0, k);
    acn_reg sum = acn_is_float_class(k)
                      ? acn_p3(p, ACN_U_FMA, in[1], alpha, in[0])
                      : acn_p2(p, ACN_U_ADD, in[0], acn_p2(p, ACN_U_MUL, in[1], alpha));
    return acn_p1(p, ACN_U_RELU, sum);
}
DEFINITION(add_relu);
ACN_OP(add_relu) = {
    .name = "AddRelu",
    .doc = "max(x1 + alpha * x2, 0)",
    .in = {{"x1", ACN_FLOATS | ACN_T(ACN_I32) | ACN_T(ACN_I64)},
           {"x2", ACN_FLOATS | ACN_T(ACN_I32) | ACN_T(ACN_I64), ACN_SCALARISH}},
    .out = {{"y", ACN_FLOATS | ACN_T(ACN_I32) | ACN_T(ACN_I64)}},
    .attr = {{.name = "alpha", .kind = ACN_ATTR_SCALAR, .fallback = 1}},
    ACN_ELEMENTWISE(add_relu_definition),
    .cases = "tolerance=compound [2,3],[2,3] [4,3],[3]|alpha=2 [0,3],[3] [],[] [1030],[1030]",
};
