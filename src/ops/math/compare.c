/* compare.c - comparisons and logic of two inputs; the result is bool. */
#include "ops/elementwise.h"

#define REF(id) static acn_value id##_ref(acn_class k, const acn_value *in, const acn_value *attr)
#define CASES   "[2,3],[2,3] [5,7],[5,7]:strided [4,3],[3] [4,1],[1,5] [0,3],[3] [],[] [1030],[1030]"

#define COMPARISON(id, ge_name, about, types, code, sign)                                          \
    REF(id) {                                                                                      \
        if (acn_is_float_class(k)) return acn_value_i(in[0].f sign in[1].f);                       \
        return acn_value_i(in[0].i sign in[1].i);                                                  \
    }                                                                                              \
    DEFINE(id, ge_name, about, types, code)

#define DEFINE(id, ge_name, about, types, code)                                                    \
    static const acn_elementwise id##_definition = {                                               \
        .gives_bool = true, .compares = true, .micro = code, .ref = id##_ref};                     \
    ACN_OP(id) = {                                                                                 \
        .name = ge_name,                                                                           \
        .doc = about,                                                                              \
        .in = {{"x1", types, ACN_SCALARISH}, {"x2", types, ACN_SCALARISH}},                        \
        .out = {{"y", ACN_ALL, 0}},                                                                \
        ACN_ELEMENTWISE(id##_definition),                                                          \
        .cases = CASES,                                                                            \
    }

#define ORDERED (ACN_REALS | ACN_BOOLS | ACN_UNSIGNED)

COMPARISON(less, "Less", "y = x1 < x2", ORDERED, ACN_U_LT, <);
COMPARISON(less_equal, "LessEqual", "y = x1 <= x2", ORDERED, ACN_U_LE, <=);
COMPARISON(greater, "Greater", "y = x1 > x2", ORDERED, ACN_U_GT, >);
COMPARISON(greater_equal, "GreaterEqual", "y = x1 >= x2", ORDERED, ACN_U_GE, >=);

static bool equal(acn_class k, const acn_value *in) {
    if (k == ACN_K_C64) return in[0].f == in[1].f && in[0].im == in[1].im;
    return acn_is_float_class(k) ? in[0].f == in[1].f : in[0].i == in[1].i;
}
REF(equal) { return acn_value_i(equal(k, in)); }
DEFINE(equal, "Equal", "y = x1 == x2", ACN_ALL | ACN_UNSIGNED, ACN_U_EQ);
REF(not_equal) { return acn_value_i(!equal(k, in)); }
DEFINE(not_equal, "NotEqual", "y = x1 != x2", ACN_ALL | ACN_UNSIGNED, ACN_U_NE);

/* ---- logic: every operand is a truth value --------------------------------------------------- */

static bool truth(acn_class k, const acn_value *v) {
    return acn_is_float_class(k) || k == ACN_K_C64 ? v->f != 0 || v->im != 0 : v->i != 0;
}

static acn_reg to_truth(acn_program *p, acn_reg x, acn_class k) {
    return k == ACN_K_B8 ? x : acn_p2(p, ACN_U_NE, x, acn_p_const(p, 0, k));
}

#define LOGIC(id, ge_name, about, code, sign)                                                      \
    REF(id) { return acn_value_i(truth(k, &in[0]) sign truth(k, &in[1])); }                        \
    static acn_reg id##_body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k) {  \
        return acn_p2(p, code, to_truth(p, in[0], k), to_truth(p, in[1], k));                      \
    }                                                                                              \
    static const acn_elementwise id##_definition = {                                               \
        .gives_bool = true, .body = id##_body, .ref = id##_ref};                                   \
    ACN_OP(id) = {                                                                                 \
        .name = ge_name,                                                                           \
        .doc = about,                                                                              \
        .in = {{"x1", ACN_ALL, ACN_SCALARISH}, {"x2", ACN_ALL, ACN_SCALARISH}},                    \
        .out = {{"y", ACN_ALL, 0}},                                                                \
        ACN_ELEMENTWISE(id##_definition),                                                          \
        .cases = CASES,                                                                            \
    }

LOGIC(logical_and, "LogicalAnd", "y = x1 and x2", ACN_U_AND, &&);
LOGIC(logical_or, "LogicalOr", "y = x1 or x2", ACN_U_OR, ||);
LOGIC(logical_xor, "LogicalXor", "y = either x1 or x2", ACN_U_XOR, !=);
