/* table.c - the operators on lists, one row each.
 *
 * Formulas are those of the elementwise operators, by name; those below are for operators whose
 * scalar is an operand here and an attribute there. */
#include "ops/foreach/foreach.h"

#define REF(id) static acn_value id##_ref(acn_class k, const acn_value *in, const acn_value *attr)
#define BODY(id)                                                                                   \
    static acn_reg id##_body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k)
#define OWN(id) static const acn_elementwise id##_formula = {.body = id##_body, .ref = id##_ref}

static acn_reg emit_fma(acn_program *p, acn_reg a, acn_reg b, acn_reg plus, acn_class k) {
    if (acn_is_float_class(k)) return acn_p3(p, ACN_U_FMA, a, b, plus);
    return acn_p2(p, ACN_U_ADD, acn_p2(p, ACN_U_MUL, a, b), plus);
}

static acn_value value_fma(acn_class k, acn_value a, acn_value b, acn_value plus) {
    if (acn_is_float_class(k)) return acn_value_f(fma(a.f, b.f, plus.f));
    return acn_value_i(acn_wrap_add(acn_wrap_mul(a.i, b.i), plus.i));
}

REF(add) {
    if (acn_is_float_class(k)) return acn_value_f(in[0].f + in[1].f);
    return acn_value_i(acn_wrap_add(in[0].i, in[1].i));
}
BODY(add) { return acn_p2(p, ACN_U_ADD, in[0], in[1]); }
OWN(add);

REF(sub) {
    if (acn_is_float_class(k)) return acn_value_f(in[0].f - in[1].f);
    return acn_value_i(acn_wrap_add(in[0].i, acn_wrap_mul(in[1].i, -1)));
}
BODY(sub) { return acn_p2(p, ACN_U_SUB, in[0], in[1]); }
OWN(sub);

REF(add_scaled) { return value_fma(k, in[1], in[2], in[0]); }
BODY(add_scaled) { return emit_fma(p, in[1], in[2], in[0], k); }
OWN(add_scaled);

REF(sub_scaled) {
    acn_value minus = {.f = -in[2].f, .i = acn_wrap_mul(in[2].i, -1)};
    return value_fma(k, in[1], minus, in[0]);
}
BODY(sub_scaled) { return emit_fma(p, in[1], acn_p1(p, ACN_U_NEG, in[2]), in[0], k); }
OWN(sub_scaled);

REF(addcmul) {
    if (acn_is_float_class(k)) return acn_value_f(in[0].f + in[3].f * in[1].f * in[2].f);
    return acn_value_i(
        acn_wrap_add(in[0].i, acn_wrap_mul(in[3].i, acn_wrap_mul(in[1].i, in[2].i))));
}
BODY(addcmul) { return emit_fma(p, acn_p2(p, ACN_U_MUL, in[3], in[1]), in[2], in[0], k); }
OWN(addcmul);

REF(addcdiv) { return acn_value_f(in[0].f + in[3].f * in[1].f / in[2].f); }
BODY(addcdiv) {
    acn_reg scaled = acn_p2(p, ACN_U_MUL, in[3], in[1]);
    return acn_p2(p, ACN_U_ADD, in[0], acn_p2(p, ACN_U_DIV, scaled, in[2]));
}
OWN(addcdiv);

REF(zero) { return acn_value_i(0); }
BODY(zero) { return acn_p1(p, ACN_U_COPY, acn_p_const(p, 0, k)); }
OWN(zero);

enum { TO_NEAREST = 1, DOWN = 2, UP = 3, TOWARDS_ZERO = 5, FRACTION = 7 };

/* The mode is a value of the call, so a program has all of them; any other copies. */
REF(round_off) {
    double x = in[0].f, mode = in[1].f;
    return mode == TO_NEAREST     ? acn_value_f(rint(x))
           : mode == DOWN         ? acn_value_f(floor(x))
           : mode == UP           ? acn_value_f(ceil(x))
           : mode == TOWARDS_ZERO ? acn_value_f(trunc(x))
           : mode == FRACTION     ? acn_value_f(x - trunc(x))
                                  : in[0];
}
BODY(round_off) {
    static const struct {
        acn_micro_code code;
        int mode;
    } modes[] = {{ACN_U_ROUND, TO_NEAREST}, {ACN_U_FLOOR, DOWN}, {ACN_U_CEIL, UP}};
    acn_reg x = in[0], y = x, whole = acn_p1(p, ACN_U_TRUNC, x);
    for (int i = 0; i < 3; i++) {
        acn_reg is_mode = acn_p2(p, ACN_U_EQ, in[1], acn_p_const(p, modes[i].mode, k));
        y = acn_p3(p, ACN_U_SELECT, acn_p1(p, modes[i].code, x), y, is_mode);
    }
    acn_reg is_trunc = acn_p2(p, ACN_U_EQ, in[1], acn_p_const(p, TOWARDS_ZERO, k));
    y = acn_p3(p, ACN_U_SELECT, whole, y, is_trunc);
    acn_reg is_fraction = acn_p2(p, ACN_U_EQ, in[1], acn_p_const(p, FRACTION, k));
    return acn_p3(p, ACN_U_SELECT, acn_p2(p, ACN_U_SUB, x, whole), y, is_fraction);
}
OWN(round_off);

REF(copy) { return in[0]; }
BODY(copy) { return acn_p1(p, ACN_U_COPY, in[0]); }
OWN(copy);

/* ---- rows ------------------------------------------------------------------------------------ */

#define ANY (ACN_ALL | ACN_T(ACN_C128)) /* a scalar may be given in any type */
#define TENSOR(name, types)                                                                        \
    { name, types, ACN_LIST }
#define NUMBER(name)                                                                               \
    { name, ANY, ACN_SCALARISH }

#define X(types)                                                                                   \
    { TENSOR("x", types) }
#define X_SCALAR(types)                                                                            \
    { TENSOR("x", types), NUMBER("scalar") }
#define X_MODE(types)                                                                              \
    { TENSOR("x", types), NUMBER("roundMode") }
#define SCALAR_X(types)                                                                            \
    { NUMBER("scalar"), TENSOR("x", types) }
#define X2(types)                                                                                  \
    { TENSOR("x1", types), TENSOR("x2", types) }
#define X2_ALPHA(types)                                                                            \
    { TENSOR("x1", types), TENSOR("x2", types), NUMBER("alpha") }
#define X2_WEIGHT(types)                                                                           \
    { TENSOR("x1", types), TENSOR("x2", types), NUMBER("weight") }
#define X2_WEIGHTS(types)                                                                          \
    { TENSOR("x1", types), TENSOR("x2", types), TENSOR("weight", types) }
#define X3(types) TENSOR("x1", types), TENSOR("x2", types), TENSOR("x3", types)
#define X3_SCALAR(types)                                                                           \
    { X3(types), NUMBER("scalar") }
#define X3_SCALARS(types)                                                                          \
    {                                                                                              \
        X3(types), { "scalars", ANY }                                                              \
    }

#define NO_ATTR
#define SCALARS .attr = {{.name = "scalars", .kind = ACN_ATTR_SCALARS, .is_required = true}},

#define OF(name)                                                                                   \
    { .element = name }
#define BY(id)                                                                                     \
    { .own = &id##_formula }
#define BY_ITEMS(id, slot)                                                                         \
    { .own = &id##_formula, .items_slot = slot }

#define FOREACH(id, ge_name, about, formula, types, slots, attrs, examples)                        \
    static const acn_foreach id##_form = formula;                                                  \
    ACN_OP(id) = {.name = ge_name,                                                                 \
                  .doc = about,                                                                    \
                  .in = slots(types),                                                              \
                  .out = {{"y", types, ACN_LIST}},                                                 \
                  attrs.infer = acn_foreach_infer,                                                 \
                  .plan = acn_foreach_plan,                                                        \
                  .run = acn_foreach_run,                                                          \
                  .run0 = acn_foreach_run0,                                                        \
                  .family = &id##_form,                                                            \
                  .cases = examples}

#define X_CASES       "{[2,3],[4],[],[0]} {[5,7],[1030]}"
#define SCALAR_CASES  "{[2,3],[4]},2 {[5,7],[]},3"
#define X2_CASES      "{[2,3],[4]},{[2,3],[4]} {[5,7]},{[5,7]}"
#define ALPHA_CASES   "tolerance=compound {[2,3],[4]},{[2,3],[4]},2 {[5,7]},{[5,7]},3"
#define SCALARS_CASES "{[2,3],[4]}|scalars=[2,3]"

#define UNARY(id, ge_name, element)                                                                \
    FOREACH(id, ge_name, element " of each member", OF(element), ACN_FLOATS, X, NO_ATTR, X_CASES)
UNARY(foreach_sqrt, "ForeachSqrt", "Sqrt");
UNARY(foreach_exp, "ForeachExp", "Exp");
UNARY(foreach_log, "ForeachLog", "Log");
UNARY(foreach_reciprocal, "ForeachReciprocal", "Reciprocal");
UNARY(foreach_tanh, "ForeachTanh", "Tanh");
UNARY(foreach_sin, "ForeachSin", "Sin");
UNARY(foreach_cos, "ForeachCos", "Cos");
UNARY(foreach_erf, "ForeachErf", "Erf");
UNARY(foreach_sigmoid, "ForeachSigmoid", "Sigmoid");
UNARY(foreach_acos, "ForeachAcos", "Acos");
UNARY(foreach_asin, "ForeachAsin", "Asin");
UNARY(foreach_atan, "ForeachAtan", "Atan");
UNARY(foreach_cosh, "ForeachCosh", "Cosh");
UNARY(foreach_sinh, "ForeachSinh", "Sinh");
UNARY(foreach_tan, "ForeachTan", "Tan");
UNARY(foreach_erfc, "ForeachErfc", "Erfc");
UNARY(foreach_expm1, "ForeachExpm1", "Expm1");
UNARY(foreach_log10, "ForeachLog10", "Log10");
UNARY(foreach_log1p, "ForeachLog1p", "Log1p");
UNARY(foreach_log2, "ForeachLog2", "Log2");
FOREACH(foreach_sign, "ForeachSign", "Sign of each member", OF("Sign"), ACN_REALS, X, NO_ATTR,
        X_CASES);
FOREACH(foreach_round_off, "ForeachRoundOffNumber",
        "Each member rounded: 1 to nearest, 2 down, 3 up, 5 towards zero, 7 what that leaves",
        BY(round_off), ACN_FLOATS, X_MODE, NO_ATTR,
        "{[2,3],[4]},1 {[5,7],[]},2 {[9]},3 {[9],[40]},5 {[9],[300]},7");
FOREACH(foreach_abs, "ForeachAbs", "Absolute value of each member", OF("Abs"), ACN_REALS, X,
        NO_ATTR, X_CASES);
FOREACH(foreach_neg, "ForeachNeg", "Minus each member", OF("Neg"), ACN_REALS, X, NO_ATTR, X_CASES);
FOREACH(foreach_zero, "ForeachZeroInplace", "Zero for each member", BY(zero), ACN_REALS, X, NO_ATTR,
        X_CASES);
FOREACH(foreach_copy, "ForeachCopy", "Each member, converted to the output's type", BY(copy),
        ACN_REALS | ACN_BOOLS, X, NO_ATTR, X_CASES);

/* op(x, scalar), and op(x[i], scalars[i]). */
#define SCALAR_FORMS(id, ge_name, about, formula, types)                                           \
    FOREACH(id##_scalar, ge_name "Scalar", about ", one scalar for all", formula, types, X_SCALAR, \
            NO_ATTR, SCALAR_CASES);                                                                \
    FOREACH(id##_scalar_list, ge_name "ScalarList", about ", a scalar for each member", formula,   \
            types, X, SCALARS, SCALARS_CASES)
SCALAR_FORMS(foreach_add, "ForeachAdd", "x + scalar", BY(add), ACN_REALS);
SCALAR_FORMS(foreach_sub, "ForeachSub", "x - scalar", BY(sub), ACN_REALS);
SCALAR_FORMS(foreach_mul, "ForeachMul", "x * scalar", OF("Mul"), ACN_REALS);
SCALAR_FORMS(foreach_div, "ForeachDiv", "x / scalar", OF("RealDiv"), ACN_FLOATS);
SCALAR_FORMS(foreach_max, "ForeachMaximum", "max(x, scalar)", OF("Maximum"), ACN_REALS);
SCALAR_FORMS(foreach_min, "ForeachMinimum", "min(x, scalar)", OF("Minimum"), ACN_REALS);
SCALAR_FORMS(foreach_pow, "ForeachPow", "x ^ scalar", OF("Pow"), ACN_FLOATS);
FOREACH(foreach_scalar_pow, "ForeachPowScalarAndTensor", "scalar ^ x", OF("Pow"), ACN_FLOATS,
        SCALAR_X, NO_ATTR, "2,{[2,3],[4]}");

#define LIST_FORM(id, ge_name, about, element, types)                                              \
    FOREACH(id, ge_name, about, OF(element), types, X2, NO_ATTR, X2_CASES)
LIST_FORM(foreach_mul_list, "ForeachMulList", "x1 * x2", "Mul", ACN_REALS);
LIST_FORM(foreach_div_list, "ForeachDivList", "x1 / x2", "RealDiv", ACN_FLOATS);
LIST_FORM(foreach_max_list, "ForeachMaximumList", "max(x1, x2)", "Maximum", ACN_REALS);
LIST_FORM(foreach_min_list, "ForeachMinimumList", "min(x1, x2)", "Minimum", ACN_REALS);
LIST_FORM(foreach_pow_list, "ForeachPowList", "x1 ^ x2", "Pow", ACN_FLOATS);
FOREACH(foreach_add_list, "ForeachAddList", "x1 + alpha * x2", BY(add_scaled), ACN_REALS, X2_ALPHA,
        NO_ATTR, ALPHA_CASES);
FOREACH(foreach_sub_list, "ForeachSubList", "x1 - alpha * x2", BY(sub_scaled), ACN_REALS, X2_ALPHA,
        NO_ATTR, ALPHA_CASES);
FOREACH(foreach_lerp_scalar, "ForeachLerpScalar", "x1 + weight * (x2 - x1)", OF("Lerp"), ACN_FLOATS,
        X2_WEIGHT, NO_ATTR, "tolerance=compound {[2,3],[4]},{[2,3],[4]},0.25 {[5,7]},{[5,7]},0.75");
FOREACH(foreach_lerp_list, "ForeachLerpList", "x1 + weight * (x2 - x1)", OF("Lerp"), ACN_FLOATS,
        X2_WEIGHTS, NO_ATTR, "tolerance=compound {[2,3],[4]},{[2,3],[4]},{[2,3],[4]}");

#define ADDC_FORMS(id, ge_name, about, types)                                                      \
    FOREACH(foreach_##id##_scalar, ge_name "Scalar", about, BY(id), types, X3_SCALAR, NO_ATTR,     \
            "tolerance=compound {[2,3],[4]},{[2,3],[4]},{[2,3],[4]},2");                           \
    FOREACH(foreach_##id##_scalar_list, ge_name "ScalarList", about, BY_ITEMS(id, 3), types,       \
            X3_SCALARS, NO_ATTR, "tolerance=compound {[2,3],[4]},{[2,3],[4]},{[2,3],[4]},[2]")
ADDC_FORMS(addcmul, "ForeachAddcmul", "x1 + scalar * x2 * x3", ACN_REALS);
ADDC_FORMS(addcdiv, "ForeachAddcdiv", "x1 + scalar * x2 / x3", ACN_FLOATS);
