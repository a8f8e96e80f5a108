/* binary.c - elementwise arithmetic of two inputs: one row each where a single micro-op does it. */
#include "ops/elementwise.h"
#include <complex.h>

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

/* Without the factor, most of the time. */
static int is_plain(const acn_call *c) {
    acn_scalar alpha = acn_attr_scalar(c, 0);
    return acn_scalar_f64(&alpha) == 1 && acn_scalar_imag(&alpha) == 0;
}
BODY(plain_add) { return acn_p2(p, ACN_U_ADD, in[0], in[1]); }
BODY(plain_sub) { return acn_p2(p, ACN_U_SUB, in[0], in[1]); }
static const acn_body add_forms[] = {plain_add_body}, sub_forms[] = {plain_sub_body};

static const acn_elementwise add_definition = {.body = add_body,
                                               .forms = add_forms,
                                               .form_count = 1,
                                               .form = is_plain,
                                               .has_element_attrs = true,
                                               .ref = add_ref};
ACN_OP(add) = {
    .name = "Add",
    .doc = "y = x1 + alpha * x2",
    .in = IN(ACN_ALL | ACN_UNSIGNED),
    .out = {{"y", ACN_ALL | ACN_UNSIGNED, 0}},
    .attr = {{.name = "alpha", .kind = ACN_ATTR_SCALAR, .fallback = 1}},
    ACN_ELEMENTWISE(add_definition),
    .cases = CASES,
};

static const acn_elementwise sub_definition = {.body = sub_body,
                                               .forms = sub_forms,
                                               .form_count = 1,
                                               .form = is_plain,
                                               .has_element_attrs = true,
                                               .ref = sub_ref};
ACN_OP(sub) = {
    .name = "Sub",
    .doc = "y = x1 - alpha * x2",
    .in = IN(ACN_NUMBERS | ACN_UNSIGNED),
    .out = {{"y", ACN_NUMBERS | ACN_UNSIGNED, 0}},
    .attr = {{.name = "alpha", .kind = ACN_ATTR_SCALAR, .fallback = 1}},
    ACN_ELEMENTWISE(sub_definition),
    .cases = CASES,
};

#define BINARY(id, ge_name, about, types, how, code, ...)                                          \
    BINARY_OF(id, ge_name, about, types, types, how, code, __VA_ARGS__)
#define BINARY_OF(id, ge_name, about, types, gives, how, code, ...)                                \
    static const acn_elementwise id##_definition = {                                               \
        .compute = how, .micro = code, .ref = id##_ref, __VA_ARGS__};                              \
    ACN_OP(id) = {                                                                                 \
        .name = ge_name,                                                                           \
        .doc = about,                                                                              \
        .in = IN(types),                                                                           \
        .out = {{"y", gives, 0}},                                                                  \
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
BINARY(mul, "Mul", "y = x1 * x2", ACN_ALL | ACN_UNSIGNED, ACN_COMPUTE_PROMOTED, ACN_U_MUL,
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
BINARY(maximum, "Maximum", "y = the larger; NaN wins", ACN_REALS | ACN_BOOLS | ACN_UNSIGNED,
       ACN_COMPUTE_PROMOTED, ACN_U_MAX, .compares = true);

REF(minimum) {
    if (!acn_is_float_class(k)) return acn_value_i(in[0].i < in[1].i ? in[0].i : in[1].i);
    if (isnan(in[0].f) || isnan(in[1].f)) return acn_value_f(NAN);
    return acn_value_f(in[0].f < in[1].f ? in[0].f : in[1].f);
}
BINARY(minimum, "Minimum", "y = the smaller; NaN wins", ACN_REALS | ACN_BOOLS | ACN_UNSIGNED,
       ACN_COMPUTE_PROMOTED, ACN_U_MIN, .compares = true);

REF(bitwise_and) { return acn_value_i(in[0].i & in[1].i); }
BINARY(bitwise_and, "BitwiseAnd", "y = x1 & x2", ACN_INTS | ACN_BOOLS | ACN_UNSIGNED,
       ACN_COMPUTE_PROMOTED, ACN_U_AND);
REF(bitwise_or) { return acn_value_i(in[0].i | in[1].i); }
BINARY(bitwise_or, "BitwiseOr", "y = x1 | x2", ACN_INTS | ACN_BOOLS | ACN_UNSIGNED,
       ACN_COMPUTE_PROMOTED, ACN_U_OR);
REF(bitwise_xor) { return acn_value_i(in[0].i ^ in[1].i); }
BINARY(bitwise_xor, "BitwiseXor", "y = x1 ^ x2", ACN_INTS | ACN_BOOLS | ACN_UNSIGNED,
       ACN_COMPUTE_PROMOTED, ACN_U_XOR);

/* As PyTorch: a negative exponent truncates to 0 unless the base is 1 or -1. */
static int64_t integer_power(int64_t base, int64_t exponent) {
    if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
    int64_t result = 1;
    for (; exponent; exponent /= 2, base = acn_wrap_mul(base, base))
        if (exponent % 2) result = acn_wrap_mul(result, base);
    return result;
}

REF(pow) {
    if (acn_is_float_class(k)) return acn_value_f(pow(in[0].f, in[1].f));
    if (k == ACN_K_B8) return acn_value_i(in[0].i || !in[1].i);
    if (k != ACN_K_C64) return acn_value_i(integer_power(in[0].i, in[1].i));
    double complex x = CMPLX(in[0].f, in[0].im), y = CMPLX(in[1].f, in[1].im);
    if (y == 0) return acn_value_c(1, 0);
    double complex z = x == 0 && creal(y) > 0 ? 0 : cpow(x, y);
    return acn_value_c(creal(z), cimag(z));
}
BODY(pow) {
    if (k == ACN_K_B8) return acn_p2(p, ACN_U_OR, in[0], acn_p1(p, ACN_U_NOT, in[1]));
    return acn_p2(p, ACN_U_POW, in[0], in[1]);
}
BODY(square) { return acn_p2(p, ACN_U_MUL, in[0], in[0]); }
BODY(cube) { return acn_p2(p, ACN_U_MUL, square_body(p, c, in, k), in[0]); }
#define POWER_BY(id, code) /* of floats; integers have no such exponents */                        \
    BODY(id) { return acn_is_float_class(k) ? acn_p1(p, code, in[0]) : pow_body(p, c, in, k); }
POWER_BY(root, ACN_U_SQRT)
POWER_BY(inverse_root, ACN_U_RSQRT)
POWER_BY(inverse, ACN_U_RECIP)
static const acn_body pow_forms[] = {square_body, cube_body, root_body, inverse_root_body,
                                     inverse_body};
static int pow_form(const acn_call *c) {
    static const double exponents[] = {2, 3, 0.5, -0.5, -1};
    double exponent = acn_weak_value(c, 1);
    for (int i = 0; i < 5; i++)
        if (exponents[i] == exponent && (i < 2 || acn_dtype_is_float(acn_in(c, 0)->dtype)))
            return i + 1;
    return 0;
}
static const acn_elementwise pow_definition = {
    .body = pow_body, .forms = pow_forms, .form_count = 5, .form = pow_form, .ref = pow_ref};
ACN_OP(pow) = {
    .name = "Pow",
    .doc = "y = x1 ^ x2; as PyTorch, the square root where x2 is the number 0.5",
    .in = IN(ACN_ALL),
    .out = {{"y", ACN_ALL, 0}},
    ACN_ELEMENTWISE(pow_definition),
    .cases = CASES " f32+f16+i32+i64+c64[50],2 f32+f64+bf16+u8[50],3 f32+f64[50]@0..9,0.5 "
                   "f32+f16[50]@0.5..9,-0.5 f32+f64[50]@0.5..9,-1 f32[50]@0..9,2.5",
};

REF(atan2) { return acn_value_f(atan2(in[0].f, in[1].f)); }
BINARY_OF(atan2, "Atan2", "y = angle of the point (x2, x1)", ACN_REALS | ACN_BOOLS, ACN_FLOATS,
          ACN_COMPUTE_FLOAT, ACN_U_ATAN2);

/* Those that are carried in a signed class of more bits. */
#define NARROW_UNSIGNED (ACN_T(ACN_U16) | ACN_T(ACN_U32))

/* ---- division with a remainder: of integers, by 0 gives 0 and leaves x1 ---------------------- */

static int64_t remainder_of(int64_t a, int64_t b) { return b == 0 ? a : b == -1 ? 0 : a % b; }

REF(fmod) {
    if (acn_is_float_class(k)) return acn_value_f(fmod(in[0].f, in[1].f));
    return acn_value_i(remainder_of(in[0].i, in[1].i));
}
BINARY(fmod, "Mod", "y = remainder of x1 / x2 with the sign of x1", ACN_REALS | NARROW_UNSIGNED,
       ACN_COMPUTE_PROMOTED, ACN_U_FMOD);

REF(floor_mod) {
    if (acn_is_float_class(k)) {
        double r = fmod(in[0].f, in[1].f);
        return acn_value_f(r != 0 && (r < 0) != (in[1].f < 0) ? r + in[1].f : r);
    }
    int64_t r = remainder_of(in[0].i, in[1].i);
    bool is_off = in[1].i != 0 && r != 0 && (r < 0) != (in[1].i < 0);
    return acn_value_i(is_off ? r + in[1].i : r);
}
BINARY(floor_mod, "FloorMod", "y = remainder of x1 / x2 with the sign of x2",
       ACN_REALS | NARROW_UNSIGNED, ACN_COMPUTE_PROMOTED, ACN_U_REMAINDER);

static double floor_quotient(double a, double b) {
    if (b == 0) return a / b;
    double r = fmod(a, b), q = (a - r) / b;
    if (r != 0 && (r < 0) != (b < 0)) q -= 1;
    double whole = floor(q);
    if (q - whole > 0.5) whole += 1;
    return q == 0 ? copysign(0, a / b) : whole;
}

static int64_t integer_quotient(int64_t a, int64_t b) {
    return b == 0 ? 0 : b == -1 ? acn_wrap_mul(a, -1) : a / b;
}

REF(floor_div) {
    if (acn_is_float_class(k)) return acn_value_f(floor_quotient(in[0].f, in[1].f));
    int64_t r = remainder_of(in[0].i, in[1].i);
    bool is_down = in[1].i != 0 && r != 0 && (r < 0) != (in[1].i < 0);
    return acn_value_i(integer_quotient(in[0].i, in[1].i) - is_down);
}
BINARY(floor_div, "FloorDiv", "y = x1 / x2, rounded down", ACN_REALS | NARROW_UNSIGNED,
       ACN_COMPUTE_PROMOTED, ACN_U_FLOOR_DIV);

REF(div) {
    if (acn_is_float_class(k) || k == ACN_K_C64) return real_div_ref(k, in, attr);
    return acn_value_i(integer_quotient(in[0].i, in[1].i));
}
BINARY(div, "Div", "y = x1 / x2; integers are cut towards zero", ACN_NUMBERS, ACN_COMPUTE_PROMOTED,
       ACN_U_DIV);

enum { MODE = 0, TRUE_QUOTIENT = 0, TOWARDS_ZERO, DOWN };

static bool is_true_quotient(const acn_call *c) {
    return acn_attr_int(c, MODE) != TOWARDS_ZERO && acn_attr_int(c, MODE) != DOWN;
}
REF(div_mod) {
    if (attr[MODE].i == DOWN) return floor_div_ref(k, in, attr);
    if (!acn_is_float_class(k)) return acn_value_i(integer_quotient(in[0].i, in[1].i));
    double quotient = in[0].f / in[1].f;
    if (k == ACN_K_F32) quotient = (float)quotient; /* it is rounded before it is cut */
    return acn_value_f(attr[MODE].i == TOWARDS_ZERO ? trunc(quotient) : quotient);
}
BODY(div_mod) {
    if (acn_attr_int(c, MODE) == DOWN) return acn_p2(p, ACN_U_FLOOR_DIV, in[0], in[1]);
    acn_reg quotient = acn_p2(p, ACN_U_DIV, in[0], in[1]);
    return is_true_quotient(c) ? quotient : acn_p1(p, ACN_U_TRUNC, quotient);
}
static acn_status div_mod_infer(acn_call *c) {
    if (is_true_quotient(c) && acn_dtype_category(acn_promote_inputs(c)) < 2)
        return acn_bad_attr(c, MODE,
                            "is 0, a true quotient, which integers do not have; expected 1 "
                            "(towards zero) or 2 (down)");
    return acn_elementwise_infer(c);
}
static const acn_elementwise div_mod_definition = {.body = div_mod_body, .ref = div_mod_ref};
ACN_OP(div_mod) = {
    .name = "DivMod",
    .doc = "y = x1 / x2; mode 1 rounds it towards zero, 2 down",
    .in = IN(ACN_REALS),
    .out = {{"y", ACN_REALS, 0}},
    .attr = {{.name = "mode", .kind = ACN_ATTR_INT}},
    .infer = div_mod_infer,
    .plan = acn_elementwise_plan,
    .run = acn_elementwise_run,
    .run0 = acn_elementwise_run0,
    .family = &div_mod_definition,
    .cases = "f32+f16+bf16+f64[2,3],[2,3] [5,7],[5,7]|mode=1 [5,7],[5,7]|mode=2 [4,3],[3]|mode=2 "
             "[0,3],[3]|mode=1 [],[]|mode=1",
};

/* ---- integers -------------------------------------------------------------------------------- */

REF(gcd) {
    uint64_t a = (uint64_t)in[0].i, b = (uint64_t)in[1].i;
    if (in[0].i < 0) a = 0 - a;
    if (in[1].i < 0) b = 0 - b;
    while (b) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return acn_value_i((int64_t)a);
}
BINARY(gcd, "Gcd", "y = greatest common divisor", ACN_INTS, ACN_COMPUTE_PROMOTED, ACN_U_GCD);

/* A count that is negative or too large shifts everything out. */
static bool shifts_out(const acn_value *in, int bits) { return in[1].i < 0 || in[1].i >= bits; }

REF(left_shift) {
    if (shifts_out(in, k == ACN_K_I64 ? 64 : 32)) return acn_value_i(0);
    return acn_value_i((int64_t)((uint64_t)in[0].i << in[1].i));
}
BINARY(left_shift, "LeftShift", "y = x1 << x2", ACN_INTS | ACN_UNSIGNED, ACN_COMPUTE_PROMOTED,
       ACN_U_SHL);
REF(right_shift) { return acn_value_i(in[0].i >> (shifts_out(in, 64) ? 63 : in[1].i)); }
BINARY(right_shift, "RightShift", "y = x1 >> x2, with the sign", ACN_INTS | NARROW_UNSIGNED,
       ACN_COMPUTE_PROMOTED, ACN_U_SHR);

/* ---- logarithms ------------------------------------------------------------------------------ */

REF(xlogy) {
    if (isnan(in[1].f)) return acn_value_f(NAN);
    return acn_value_f(in[0].f == 0 ? 0 : in[0].f * log(in[1].f));
}
BODY(xlogy) {
    acn_reg zero = acn_p_const(p, 0, k);
    acn_reg product = acn_p2(p, ACN_U_MUL, in[0], acn_p1(p, ACN_U_LOG, in[1]));
    acn_reg y = acn_p3(p, ACN_U_SELECT, zero, product, acn_p2(p, ACN_U_EQ, in[0], zero));
    return acn_p3(p, ACN_U_SELECT, in[1], y, acn_p1(p, ACN_U_IS_NAN, in[1]));
}
static const acn_elementwise xlogy_definition = {
    .compute = ACN_COMPUTE_FLOAT, .body = xlogy_body, .ref = xlogy_ref};
ACN_OP(xlogy) = {
    .name = "Xlogy",
    .doc = "y = x1 log(x2), 0 where x1 is 0",
    .in = IN(ACN_REALS | ACN_BOOLS),
    .out = {{"y", ACN_FLOATS, 0}},
    ACN_ELEMENTWISE(xlogy_definition),
    .cases = "tolerance=compound " CASES,
};

/* log(e^a + e^b) = max + log(1 + e^-|a - b|); two equal infinities have no distance. */
static double log_add(const acn_value *in, double log_of_base) {
    double a = in[0].f, b = in[1].f, high = a > b ? a : b;
    if (isnan(a) || isnan(b)) return NAN;
    if (a == b && isinf(a)) return a;
    return high + log1p(exp(-fabs(a - b) * log_of_base)) / log_of_base;
}
static acn_reg emit_log_add(acn_program *p, const acn_reg *in, acn_class k, acn_micro_code power,
                            double scale) {
    acn_reg high = acn_p2(p, ACN_U_MAX, in[0], in[1]);
    acn_reg distance = acn_p1(p, ACN_U_ABS, acn_p2(p, ACN_U_SUB, in[0], in[1]));
    acn_reg small = acn_p1(p, power, acn_p1(p, ACN_U_NEG, distance));
    acn_reg more = acn_p2(p, ACN_U_MUL, acn_p1(p, ACN_U_LOG1P, small), acn_p_const(p, scale, k));
    acn_reg sum = acn_p2(p, ACN_U_ADD, high, more);
    return acn_p3(p, ACN_U_SELECT, sum, high, acn_p1(p, ACN_U_IS_FINITE, high));
}
#define LN2 0.69314718055994530942
/* Of complex numbers the one with the larger real part is taken out. */
static acn_reg emit_complex_log_add(acn_program *p, const acn_reg *in) {
    acn_reg re[2] = {acn_p_cast(p, in[0], ACN_K_F32), acn_p_cast(p, in[1], ACN_K_F32)};
    acn_reg is_second = acn_p2(p, ACN_U_LT, re[0], re[1]);
    acn_reg high = acn_p3(p, ACN_U_SELECT, in[1], in[0], is_second);
    acn_reg low = acn_p3(p, ACN_U_SELECT, in[0], in[1], is_second);
    acn_reg small = acn_p1(p, ACN_U_EXP, acn_p2(p, ACN_U_SUB, low, high));
    return acn_p2(p, ACN_U_ADD, high, acn_p1(p, ACN_U_LOG1P, small));
}
static acn_value complex_log_add(const acn_value *in) {
    double complex a = CMPLX(in[0].f, in[0].im), b = CMPLX(in[1].f, in[1].im);
    double complex high = in[0].f < in[1].f ? b : a, low = in[0].f < in[1].f ? a : b;
    double complex sum = high + clog(1 + cexp(low - high));
    return acn_value_c(creal(sum), cimag(sum));
}
REF(log_add_exp) { return k == ACN_K_C64 ? complex_log_add(in) : acn_value_f(log_add(in, 1)); }
BODY(log_add_exp) {
    return k == ACN_K_C64 ? emit_complex_log_add(p, in) : emit_log_add(p, in, k, ACN_U_EXP, 1);
}
REF(log_add_exp2) { return acn_value_f(log_add(in, LN2)); }
BODY(log_add_exp2) { return emit_log_add(p, in, k, ACN_U_EXP2, 1 / LN2); }
#define LOG_ADD(id, ge_name, about, more)                                                          \
    static const acn_elementwise id##_definition = {                                               \
        .compute = ACN_COMPUTE_FLOAT, .body = id##_body, .ref = id##_ref};                         \
    ACN_OP(id) = {                                                                                 \
        .name = ge_name,                                                                           \
        .doc = about,                                                                              \
        .in = IN(ACN_REALS | ACN_BOOLS | more),                                                    \
        .out = {{"y", ACN_FLOATS | more, 0}},                                                      \
        ACN_ELEMENTWISE(id##_definition),                                                          \
        .cases = "tolerance=compound " CASES,                                                      \
    }
LOG_ADD(log_add_exp, "LogAddExp", "y = log(e^x1 + e^x2)", ACN_COMPLEXES);
LOG_ADD(log_add_exp2, "LogAddExp2", "y = log2(2^x1 + 2^x2)", 0);
