/* unary.c - elementwise operators of one input that are a single micro-op: one row each.
 *
 * An operator whose formula takes several micro-ops has its own file (see sigmoid.c). */
#include "ops/elementwise.h"
#include <complex.h>
#include <stdlib.h>

#define UNARY(id, ge_name, about, in_types, out_types, how, truth, code, cases_text)               \
    static const acn_elementwise id##_definition = {                                               \
        .compute = how, .gives_bool = truth, .micro = code, .ref = id##_ref};                      \
    ACN_OP(id) = {                                                                                 \
        .name = ge_name,                                                                           \
        .doc = about,                                                                              \
        .in = {{"x", in_types, ACN_SCALARISH}},                                                    \
        .out = {{"y", out_types, 0}},                                                              \
        ACN_ELEMENTWISE(id##_definition),                                                          \
        .cases = cases_text,                                                                       \
    }

#define REF(id) static acn_value id##_ref(acn_class k, const acn_value *in, const acn_value *attr)
#define FLOAT_REF(id, formula)                                                                     \
    REF(id) {                                                                                      \
        double x = in->f;                                                                          \
        return acn_value_f(formula);                                                               \
    }
#define CASES "[2,3] [5,7]:strided [3,1,4]:broadcast [0,3] [] [1030]"

/* Not hypot, whose symbol (glibc 2.35) is newer than systems that packages are for. The squares of
 * floats neither overflow nor vanish in double. */
static double length_of(const acn_value *z) {
    if (isinf(z->f) || isinf(z->im)) return INFINITY;
    return sqrt(z->f * z->f + z->im * z->im);
}

REF(abs) {
    if (acn_is_float_class(k)) return acn_value_f(fabs(in->f));
    if (k == ACN_K_C64) return acn_value_c(length_of(in), 0);
    return acn_value_i(in->i < 0 ? (int64_t)(0 - (uint64_t)in->i) : in->i);
}
static const acn_elementwise abs_definition = {
    .gives_real = true, .micro = ACN_U_ABS, .ref = abs_ref};
ACN_OP(abs) = {
    .name = "Abs",
    .doc = "y = |x|; of complex numbers, their length",
    .in = {{"x", ACN_NUMBERS, 0}},
    .out = {{"y", ACN_NUMBERS, 0}},
    ACN_ELEMENTWISE(abs_definition),
    .cases = CASES,
};

REF(neg) {
    if (acn_is_float_class(k)) return acn_value_f(-in->f);
    if (k == ACN_K_C64) return acn_value_c(-in->f, -in->im);
    return acn_value_i((int64_t)(0 - (uint64_t)in->i));
}
UNARY(neg, "Neg", "y = -x", ACN_NUMBERS, ACN_NUMBERS, ACN_COMPUTE_PROMOTED, false, ACN_U_NEG,
      CASES);

REF(relu) {
    if (acn_is_float_class(k)) return acn_value_f(in->f > 0 || isnan(in->f) ? in->f : 0.0);
    return acn_value_i(in->i > 0 ? in->i : 0);
}
UNARY(relu, "Relu", "y = max(x, 0); NaN stays NaN", ACN_REALS, ACN_REALS, ACN_COMPUTE_PROMOTED,
      false, ACN_U_RELU, CASES);

REF(is_finite) {
    if (k == ACN_K_C64) return acn_value_i(isfinite(in->f) && isfinite(in->im));
    return acn_value_i(acn_is_float_class(k) ? isfinite(in->f) != 0 : 1);
}
static acn_reg is_finite_body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k) {
    if (acn_is_float_class(k) || k == ACN_K_C64) return acn_p1(p, ACN_U_IS_FINITE, in[0]);
    return acn_p2(p, ACN_U_EQ, in[0], in[0]); /* integers always are */
}
static const acn_elementwise is_finite_definition = {
    .gives_bool = true, .body = is_finite_body, .ref = is_finite_ref};
ACN_OP(is_finite) = {
    .name = "IsFinite",
    .doc = "y = neither infinite nor NaN",
    .in = {{"x", ACN_ALL, 0}},
    .out = {{"y", ACN_ALL, 0}},
    ACN_ELEMENTWISE(is_finite_definition),
    .cases = CASES,
};

REF(logical_not) {
    if (acn_is_float_class(k)) return acn_value_i(in->f == 0);
    if (k == ACN_K_C64) return acn_value_i(in->f == 0 && in->im == 0);
    return acn_value_i(in->i == 0);
}
static acn_reg logical_not_body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k) {
    if (k == ACN_K_B8) return acn_p1(p, ACN_U_NOT, in[0]);
    return acn_p2(p, ACN_U_EQ, in[0], acn_p_const(p, 0, k));
}
static const acn_elementwise logical_not_definition = {
    .gives_bool = true, .body = logical_not_body, .ref = logical_not_ref};
ACN_OP(logical_not) = {
    .name = "LogicalNot",
    .doc = "y = (x == 0)",
    .in = {{"x", ACN_ALL, 0}},
    .out = {{"y", ACN_ALL, 0}},
    ACN_ELEMENTWISE(logical_not_definition),
    .cases = CASES,
};

REF(bitwise_not) { return acn_value_i(k == ACN_K_B8 ? !in->i : ~in->i); }
UNARY(bitwise_not, "Invert", "y = ~x; of bool: not x", ACN_INTS | ACN_BOOLS | ACN_UNSIGNED,
      ACN_INTS | ACN_BOOLS | ACN_UNSIGNED, ACN_COMPUTE_PROMOTED, false, ACN_U_NOT, CASES);

/* Rounding leaves integers as they are. */
#define ROUNDING(id, ge_name, about, code, formula)                                                \
    REF(id) {                                                                                      \
        double x = in->f;                                                                          \
        return acn_is_float_class(k) ? acn_value_f(formula) : *in;                                 \
    }                                                                                              \
    static acn_reg id##_body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k) {  \
        return acn_is_float_class(k) ? acn_p1(p, code, in[0]) : acn_p1(p, ACN_U_COPY, in[0]);      \
    }                                                                                              \
    static const acn_elementwise id##_definition = {.body = id##_body, .ref = id##_ref};           \
    ACN_OP(id) = {                                                                                 \
        .name = ge_name,                                                                           \
        .doc = about,                                                                              \
        .in = {{"x", ACN_REALS, 0}},                                                               \
        .out = {{"y", ACN_REALS, 0}},                                                              \
        ACN_ELEMENTWISE(id##_definition),                                                          \
        .cases = CASES,                                                                            \
    }
ROUNDING(ceil, "Ceil", "y = smallest integer not below x", ACN_U_CEIL, ceil(x));
ROUNDING(floor, "Floor", "y = largest integer not above x", ACN_U_FLOOR, floor(x));
ROUNDING(trunc, "Trunc", "y = x without its fraction", ACN_U_TRUNC, trunc(x));

/* Infinities give NaN, as they do in PyTorch. */
static double complex inverse(double complex z) {
    double norm = creal(z) * creal(z) + cimag(z) * cimag(z);
    return CMPLX(creal(z) / norm, -cimag(z) / norm);
}

/* e^z - 1 and log(1 + z) without the cancellation near 0. */
static double complex expm1_of(double complex z) {
    double half = sin(cimag(z) / 2);
    return CMPLX(expm1(creal(z)) * cos(cimag(z)) - 2 * half * half, exp(creal(z)) * sin(cimag(z)));
}
static double complex log1p_of(double complex z) {
    double excess = creal(z) * (2 + creal(z)) + cimag(z) * cimag(z); /* of |1 + z|^2 over 1 */
    return CMPLX(log1p(excess) / 2, carg(1 + z));
}

/* Of complex numbers, too: |z| is x as one. */
#define FLOAT_UNARY(id, ge_name, about, code, formula, complex_formula)                            \
    REF(id) {                                                                                      \
        double x = in->f;                                                                          \
        if (k != ACN_K_C64) return acn_value_f(formula);                                           \
        double complex z = CMPLX(in->f, in->im);                                                   \
        z = complex_formula;                                                                       \
        return acn_value_c(creal(z), cimag(z));                                                    \
    }                                                                                              \
    UNARY(id, ge_name, about, ACN_ALL, ACN_FLOATS | ACN_COMPLEXES, ACN_COMPUTE_FLOAT, false, code, \
          CASES)
FLOAT_UNARY(sqrt, "Sqrt", "y = square root of x", ACN_U_SQRT, sqrt(x), csqrt(z));
FLOAT_UNARY(rsqrt, "Rsqrt", "y = 1 / sqrt(x)", ACN_U_RSQRT, 1.0 / sqrt(x), inverse(csqrt(z)));
FLOAT_UNARY(reciprocal, "Reciprocal", "y = 1 / x", ACN_U_RECIP, 1.0 / x, inverse(z));
FLOAT_UNARY(exp, "Exp", "y = e^x", ACN_U_EXP, exp(x), cexp(z));
FLOAT_UNARY(log, "Log", "y = natural logarithm of x", ACN_U_LOG, log(x), clog(z));
FLOAT_UNARY(exp2, "Exp2", "y = 2^x", ACN_U_EXP2, exp2(x), cexp(z *M_LN2));
FLOAT_UNARY(expm1, "Expm1", "y = e^x - 1", ACN_U_EXPM1, expm1(x), expm1_of(z));
FLOAT_UNARY(log1p, "Log1p", "y = log(1 + x)", ACN_U_LOG1P, log1p(x), log1p_of(z));
FLOAT_UNARY(log2, "Log2", "y = logarithm of x to base 2", ACN_U_LOG2, log2(x), clog(z) / M_LN2);
FLOAT_UNARY(log10, "Log10", "y = logarithm of x to base 10", ACN_U_LOG10, log10(x),
            clog(z) / M_LN10);
FLOAT_UNARY(tanh, "Tanh", "y = tanh(x)", ACN_U_TANH, tanh(x), ctanh(z));
FLOAT_UNARY(sin, "Sin", "y = sin(x)", ACN_U_SIN, sin(x), csin(z));
FLOAT_UNARY(cos, "Cos", "y = cos(x)", ACN_U_COS, cos(x), ccos(z));
FLOAT_UNARY(tan, "Tan", "y = tan(x)", ACN_U_TAN, tan(x), ctan(z));
FLOAT_UNARY(sinh, "Sinh", "y = sinh(x)", ACN_U_SINH, sinh(x), csinh(z));
FLOAT_UNARY(cosh, "Cosh", "y = cosh(x)", ACN_U_COSH, cosh(x), ccosh(z));
FLOAT_UNARY(asin, "Asin", "y = the angle whose sine is x", ACN_U_ASIN, asin(x), casin(z));
FLOAT_UNARY(acos, "Acos", "y = the angle whose cosine is x", ACN_U_ACOS, acos(x), cacos(z));
FLOAT_UNARY(atan, "Atan", "y = the angle whose tangent is x", ACN_U_ATAN, atan(x), catan(z));
FLOAT_UNARY(asinh, "Asinh", "y = inverse of sinh at x", ACN_U_ASINH, asinh(x), casinh(z));
FLOAT_UNARY(acosh, "Acosh", "y = inverse of cosh at x", ACN_U_ACOSH, acosh(x), cacosh(z));
FLOAT_UNARY(atanh, "Atanh", "y = inverse of tanh at x", ACN_U_ATANH, atanh(x), catanh(z));

#define REAL_UNARY(id, ge_name, about, code, formula)                                              \
    FLOAT_REF(id, formula)                                                                         \
    UNARY(id, ge_name, about, ACN_REALS | ACN_BOOLS, ACN_FLOATS, ACN_COMPUTE_FLOAT, false, code,   \
          CASES)
REAL_UNARY(erf, "Erf", "y = erf(x)", ACN_U_ERF, erf(x));
REAL_UNARY(erfc, "Erfc", "y = 1 - erf(x)", ACN_U_ERFC, erfc(x));

/* By halving: erf is monotonous. Where it is close to 1, erfc has the digits. */
static double erfinv(double x) {
    double t = fabs(x), low = 0, high = 7;
    if (!(t < 1)) return t == 1 ? copysign(INFINITY, x) : NAN;
    if (t < 1e-9) return x * 0.88622692545275801;
    for (int i = 0; i < 100; i++) {
        double middle = (low + high) / 2;
        bool is_below = t < 0.5 ? erf(middle) < t : erfc(middle) > 1 - t;
        *(is_below ? &low : &high) = middle;
    }
    return copysign(low, x);
}
REAL_UNARY(erfinv, "Erfinv", "y = inverse of erf at x", ACN_U_ERFINV, erfinv(x));
