/* sign.c - y = -1, 0 or 1: the sign of x. Both zeros and NaN give 0. Of a complex number it is the
 * one of length 1 in its direction. */
#include "ops/elementwise.h"

static acn_reg body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k) {
    if (k == ACN_K_B8) return acn_p1(p, ACN_U_COPY, in[0]);
    if (k == ACN_K_C64) {
        acn_reg zero = acn_p_const(p, 0, k);
        acn_reg direction = acn_p2(p, ACN_U_DIV, in[0], acn_p1(p, ACN_U_ABS, in[0]));
        return acn_p3(p, ACN_U_SELECT, zero, direction, acn_p2(p, ACN_U_EQ, in[0], zero));
    }
    return acn_p1(p, ACN_U_SIGN, in[0]);
}

static acn_value ref(acn_class k, const acn_value *in, const acn_value *attr) {
    if (acn_is_float_class(k)) return acn_value_f((in->f > 0) - (in->f < 0));
    if (k == ACN_K_C64) {
        double length = sqrt(in->f * in->f + in->im * in->im);
        return length == 0 ? *in : acn_value_c(in->f / length, in->im / length);
    }
    return acn_value_i((in->i > 0) - (in->i < 0));
}

static const acn_elementwise definition = {.body = body, .ref = ref};

ACN_OP(sign) = {
    .name = "Sign",
    .doc = "y = -1, 0 or 1: the sign of x",
    .in = {{"x", ACN_ALL, 0}},
    .out = {{"y", ACN_ALL, 0}},
    ACN_ELEMENTWISE(definition),
    .cases = "[2,3] [5,7]:strided [3,1,4]:broadcast [0,3] [] [1030]",
};
