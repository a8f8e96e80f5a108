/* binary.c - elementwise arithmetic of two inputs: one row each where a single micro-op does it. */
#include "ops/elementwise.h"

#define REF(id) static acn_value id##_ref(acn_class k, const acn_value *in, const acn_value *attr)
#define BODY(id)                                                                                   \
    static acn_reg id##_body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k)
#define CASES                                                                                      \
    "[2,3],[2,3] [5,7],[5,7]:strided [4,3],[3] [4,1],[1,5] [2,1,3,1],[4,1,6] [0,3],[3] [],[] "     \
    "[1030],[1030] [2,1,2,1,3,1,2,2],[2]"
#define IN(types)                                                                                  \
    {                                                                                              \
        {"x1", types, ACN_SCALARISH}, { "x2", types, ACN_SCALARISH }                               \
    }

/* Exact in the class's own arithmetic: a fused multiply-add rounds once, as double then f32 does.
 */
static acn_value add_scaled(acn_class k, const acn_value *in, acn_value alpha, int sign) {
    switch (k) {
    case ACN_K_F32:
    case ACN_K_F64:
        return acn_value_f(fma(sign * alpha.f, in[1].f, in[0].f));
    case ACN_K_C64:
        return acn_value_c(in[0].f + sign * (alpha.f * in[1].f - alpha.im * in[1].im),
                           in[0].im + sign * (alpha.f * in[1].im + alpha.im * in[1].f));
    case ACN_K_B8:
        return acn_value_i(in[0].i | (in[1].i & alpha.i));
    default:
        return acn_value_i(acn_wrap_add(in[0].i, acn_wrap_mul(sign * alpha.i, in[1].i)));
    }
}

REF(add) { return add_scaled(k, in, attr[0], 1); }
REF(sub) { return add_scaled(k, in, attr[0], -1); }

BODY(add) {
    acn_reg alpha = acn_p_attr(p, 0, k);
    if (k == ACN_K_F32 || k == ACN_K_F64) return acn_p3(p, ACN_U_FMA, in[1], alpha, in[0]);
    return acn_p2(p, ACN_U_ADD, in[0], acn_p2(p, ACN_U_MUL, in[1], alpha));
}
BODY(sub) {
    acn_reg alpha = acn_p_attr(p, 0, k);
    if (k == ACN_K_F32 || k == ACN_K_F64)
        return acn_p3(p, ACN_U_FMA, in[1], acn_p1(p, ACN_U_NEG, alpha), in[0]);
    return acn_p2(p, ACN_U_SUB, in[0], acn_p2(p, ACN_U_MUL, in[1], alpha));
}

static const acn_elementwise add_definition = {
    .body = add_body, .micro = ACN_U_ADD, .has_short_form = true, .ref = add_ref};
ACN_OP(add) = {
    .name = "Add",
    .doc = "y = x1 + alpha * x2",
    .in = IN(ACN_ALL),
    .out = {{"y", ACN_ALL, 0}},
    .attr = {{.name = "alpha", .kind = ACN_ATTR_SCALAR, .fallback = 1}},
    ACN_ELEMENTWISE(add_definition),
    .cases = CASES,
};

static const acn_elementwise sub_definition = {
    .body = sub_body, .micro = ACN_U_SUB, .has_short_form = true, .ref = sub_ref};
ACN_OP(sub) = {
    .name = "Sub",
    .doc = "y = x1 - alpha * x2",
    .in = IN(ACN_NUMBERS),
    .out = {{"y", ACN_NUMBERS, 0}},
    .attr = {{.name = "alpha", .kind = ACN_ATTR_SCALAR, .fallback = 1}},
    ACN_ELEMENTWISE(sub_definition),
    .cases = CASES,
};

#define BINARY(id, ge_name, about, types, how, code, ...)                                          \
    static const acn_elementwise id##_definition = {                                               \
        .compute = how, .micro = code, .ref = id##_ref, __VA_ARGS__};                              \
    ACN_OP(id) = {                                                                                 \
        .name = ge_name,                                                                           \
        .doc = about,                                                                              \
        .in = IN(types),                                                                           \
        .out = {{"y", types, 0}},                                                                  \
        ACN_ELEMENTWISE(id##_definition),                                                          \
        .cases = CASES,                                                                            \
    }

REF(mul) {
    if (acn_is_float_class(k)) return acn_value_f(in[0].f * in[1].f);
    if (k == ACN_K_C64)
        return acn_value_c(in[0].f * in[1].f - in[0].im * in[1].im,
                           in[0].f * in[1].im + in[0].im * in[1].f);
    return acn_value_i(acn_wrap_mul(in[0].i, in[1].i));
}
BINARY(mul, "Mul", "y = x1 * x2", ACN_ALL, ACN_COMPUTE_PROMOTED, ACN_U_MUL,
       .has_exact_scalars = true);

REF(real_div) {
    if (k != ACN_K_C64) return acn_value_f(in[0].f / in[1].f);
    double norm = in[1].f * in[1].f + in[1].im * in[1].im;
    return acn_value_c((in[0].f * in[1].f + in[0].im * in[1].im) / norm,
                       (in[0].im * in[1].f - in[0].f * in[1].im) / norm);
}
BINARY(real_div, "RealDiv", "y = x1 / x2; integers are divided as f32", ACN_ALL, ACN_COMPUTE_FLOAT,
       ACN_U_DIV, .has_exact_scalars = true);

REF(maximum) {
    if (!acn_is_float_class(k)) return acn_value_i(in[0].i > in[1].i ? in[0].i : in[1].i);
    if (isnan(in[0].f) || isnan(in[1].f)) return acn_value_f(NAN);
    return acn_value_f(in[0].f > in[1].f ? in[0].f : in[1].f);
}
BINARY(maximum, "Maximum", "y = the larger; NaN wins", ACN_REALS | ACN_BOOLS, ACN_COMPUTE_PROMOTED,
       ACN_U_MAX);

REF(minimum) {
    if (!acn_is_float_class(k)) return acn_value_i(in[0].i < in[1].i ? in[0].i : in[1].i);
    if (isnan(in[0].f) || isnan(in[1].f)) return acn_value_f(NAN);
    return acn_value_f(in[0].f < in[1].f ? in[0].f : in[1].f);
}
BINARY(minimum, "Minimum", "y = the smaller; NaN wins", ACN_REALS | ACN_BOOLS, ACN_COMPUTE_PROMOTED,
       ACN_U_MIN);

REF(bitwise_and) { return acn_value_i(in[0].i & in[1].i); }
BINARY(bitwise_and, "BitwiseAnd", "y = x1 & x2", ACN_INTS | ACN_BOOLS, ACN_COMPUTE_PROMOTED,
       ACN_U_AND);
REF(bitwise_or) { return acn_value_i(in[0].i | in[1].i); }
BINARY(bitwise_or, "BitwiseOr", "y = x1 | x2", ACN_INTS | ACN_BOOLS, ACN_COMPUTE_PROMOTED,
       ACN_U_OR);
REF(bitwise_xor) { return acn_value_i(in[0].i ^ in[1].i); }
BINARY(bitwise_xor, "BitwiseXor", "y = x1 ^ x2", ACN_INTS | ACN_BOOLS, ACN_COMPUTE_PROMOTED,
       ACN_U_XOR);

REF(pow) { return acn_value_f(pow(in[0].f, in[1].f)); }
BINARY(pow, "Pow", "y = x1 ^ x2", ACN_FLOATS, ACN_COMPUTE_FLOAT, ACN_U_POW);
