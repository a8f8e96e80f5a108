/* formula.c - elementwise operators of one input that take several micro-ops. */
#include "ops/elementwise.h"
#include <complex.h>

#define REF(id) static acn_value id##_ref(acn_class k, const acn_value *in, const acn_value *attr)
#define BODY(id)                                                                                   \
    static acn_reg id##_body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k)
#define CASES "[2,3] [5,7]:strided [3,1,4]:broadcast [0,3] [] [1030]"

static acn_reg or (acn_program * p, acn_reg a, acn_reg b) { return acn_p2(p, ACN_U_OR, a, b); }
static acn_reg equals(acn_program *p, acn_reg x, double value, acn_class k) {
    return acn_p2(p, ACN_U_EQ, x, acn_p_const(p, value, k));
}

/* ---- rounding -------------------------------------------------------------------------------- */

enum { DECIMALS = 0 };

/* PyTorch's: to even at halves, then divided back. Integers stay as they are. */
REF(round) {
    if (!acn_is_float_class(k)) return *in;
    double scale = pow(10, fabs(attr[DECIMALS].f));
    if (attr[DECIMALS].i == 0) return acn_value_f(rint(in->f));
    if (k == ACN_K_F32) { /* the product is rounded before it decides */
        float low = (float)scale, x = (float)in->f;
        return acn_value_f(attr[DECIMALS].i > 0 ? rintf(x * low) / low : rintf(x / low) * low);
    }
    return acn_value_f(attr[DECIMALS].i > 0 ? rint(in->f * scale) / scale
                                            : rint(in->f / scale) * scale);
}
BODY(round) {
    int64_t decimals = acn_attr_int(c, DECIMALS);
    if (!acn_is_float_class(k)) return acn_p1(p, ACN_U_COPY, in[0]);
    if (decimals == 0) return acn_p1(p, ACN_U_ROUND, in[0]);
    acn_reg scale = acn_p_const(p, pow(10, fabs((double)decimals)), k);
    acn_micro_code first = decimals > 0 ? ACN_U_MUL : ACN_U_DIV;
    acn_micro_code last = decimals > 0 ? ACN_U_DIV : ACN_U_MUL;
    return acn_p2(p, last, acn_p1(p, ACN_U_ROUND, acn_p2(p, first, in[0], scale)), scale);
}
static const acn_elementwise round_definition = {.body = round_body, .ref = round_ref};
ACN_OP(round) = {
    .name = "Round",
    .doc = "y = x rounded to so many decimals, halves to even",
    .in = {{"x", ACN_REALS, 0}},
    .out = {{"y", ACN_REALS, 0}},
    .attr = {{.name = "decimals", .kind = ACN_ATTR_INT}},
    ACN_ELEMENTWISE(round_definition),
    .cases = CASES " [40]|decimals=2 [40]|decimals=-1",
};

REF(frac) { return acn_is_float_class(k) ? acn_value_f(in->f - trunc(in->f)) : acn_value_i(0); }
BODY(frac) { return acn_p2(p, ACN_U_SUB, in[0], acn_p1(p, ACN_U_TRUNC, in[0])); }
static const acn_elementwise frac_definition = {.body = frac_body, .ref = frac_ref};
ACN_OP(frac) = {
    .name = "Frac",
    .doc = "y = what follows the decimal point, with the sign of x",
    .in = {{"x", ACN_REALS, 0}},
    .out = {{"y", ACN_REALS, 0}},
    ACN_ELEMENTWISE(frac_definition),
    .cases = CASES,
};

/* ---- infinities and NaN ---------------------------------------------------------------------- */

#define INFINITY_TEST(id, ge_name, about, value)                                                   \
    REF(id) { return acn_value_i(acn_is_float_class(k) && in->f == (value)); }                     \
    BODY(id) {                                                                                     \
        if (acn_is_float_class(k)) return equals(p, in[0], value, k);                              \
        return acn_p2(p, ACN_U_NE, in[0], in[0]); /* integers never are */                         \
    }                                                                                              \
    static const acn_elementwise id##_definition = {                                               \
        .gives_bool = true, .body = id##_body, .ref = id##_ref};                                   \
    ACN_OP(id) = {                                                                                 \
        .name = ge_name,                                                                           \
        .doc = about,                                                                              \
        .in = {{"x", ACN_REALS | ACN_BOOLS, 0}},                                                   \
        .out = {{"y", ACN_ALL, 0}},                                                                \
        ACN_ELEMENTWISE(id##_definition),                                                          \
        .cases = CASES,                                                                            \
    }
INFINITY_TEST(is_pos_inf, "IsPosInf", "y = x is positive infinity", INFINITY);
INFINITY_TEST(is_neg_inf, "IsNegInf", "y = x is negative infinity", -INFINITY);

enum { NAN_VALUE, POS_VALUE, NEG_VALUE };

REF(nan_to_num) {
    if (!acn_is_float_class(k)) return *in;
    if (isnan(in->f)) return attr[NAN_VALUE];
    return !isinf(in->f) ? *in : in->f > 0 ? attr[POS_VALUE] : attr[NEG_VALUE];
}
BODY(nan_to_num) {
    acn_reg x = in[0];
    if (!acn_is_float_class(k)) return acn_p1(p, ACN_U_COPY, x);
    acn_reg y = acn_p3(p, ACN_U_SELECT, acn_p_attr(p, POS_VALUE, k), x, equals(p, x, INFINITY, k));
    y = acn_p3(p, ACN_U_SELECT, acn_p_attr(p, NEG_VALUE, k), y, equals(p, x, -INFINITY, k));
    return acn_p2(p, ACN_U_NUMBER, y, acn_p_attr(p, NAN_VALUE, k));
}
/* Where the numbers for infinities are the type's ends or beyond, bounds will do. */
BODY(bounded_nan_to_num) {
    acn_reg x = in[0];
    if (!acn_is_float_class(k)) return nan_to_num_body(p, c, in, k);
    acn_reg low = acn_p_attr(p, NEG_VALUE, k), high = acn_p_attr(p, POS_VALUE, k);
    acn_reg bounded = acn_p3(p, ACN_U_CLAMP, x, low, high);
    return acn_p2(p, ACN_U_NUMBER, bounded, acn_p_attr(p, NAN_VALUE, k));
}
static const acn_body nan_to_num_forms[] = {bounded_nan_to_num_body};
static int nan_to_num_form(const acn_call *c) {
    acn_dtype dtype = acn_in(c, 0)->dtype;
    double end = dtype == ACN_F16    ? 65504
                 : dtype == ACN_BF16 ? 0x1.fep127
                 : dtype == ACN_F64  ? 0x1.fffffffffffffp1023
                                     : 0x1.fffffep127;
    return acn_attr_float(c, POS_VALUE) >= end && acn_attr_float(c, NEG_VALUE) <= -end;
}
static const acn_elementwise nan_to_num_definition = {.body = nan_to_num_body,
                                                      .forms = nan_to_num_forms,
                                                      .form_count = 1,
                                                      .form = nan_to_num_form,
                                                      .ref = nan_to_num_ref};
ACN_OP(nan_to_num) = {
    .name = "NanToNum",
    .doc = "y = x with numbers in the place of NaN and the infinities",
    .in = {{"x", ACN_REALS | ACN_BOOLS, 0}},
    .out = {{"y", ACN_REALS | ACN_BOOLS, 0}},
    .attr = {{.name = "nan", .kind = ACN_ATTR_FLOAT, .is_value = true},
             {.name = "posinf", .kind = ACN_ATTR_FLOAT, .fallback = 65504, .is_value = true},
             {.name = "neginf", .kind = ACN_ATTR_FLOAT, .fallback = -65504, .is_value = true}},
    ACN_ELEMENTWISE(nan_to_num_definition),
    .cases = CASES " [40]|nan=1,posinf=2.5,neginf=-3",
};

/* ---- others ---------------------------------------------------------------------------------- */

#define PI 3.14159265358979323846

/* sin(pi x) by way of the remainder, which is exact. */
REF(sinc) {
    if (k == ACN_K_F32) {
        float x = (float)in->f * (float)PI;
        return acn_value_f(in->f == 0 ? 1 : sin((double)x) / (double)x);
    }
    if (k == ACN_K_C64) {
        double complex z = CMPLX((float)in->f * (float)PI, (float)in->im * (float)PI);
        double complex y = z == 0 ? 1 : csin(z) / z;
        return acn_value_c(creal(y), cimag(y));
    }
    return acn_value_f(in->f == 0 ? 1 : sin(in->f * PI) / (in->f * PI));
}
BODY(sinc) {
    acn_reg x = acn_p2(p, ACN_U_MUL, in[0], acn_p_const(p, PI, k));
    acn_reg y = acn_p2(p, ACN_U_DIV, acn_p1(p, ACN_U_SIN, x), x);
    return acn_p3(p, ACN_U_SELECT, acn_p_const(p, 1, k), y, equals(p, in[0], 0, k));
}
static const acn_elementwise sinc_definition = {
    .compute = ACN_COMPUTE_FLOAT, .body = sinc_body, .ref = sinc_ref};
ACN_OP(sinc) = {
    .name = "Sinc",
    .doc = "y = sin(pi x) / (pi x), 1 at 0",
    .in = {{"x", ACN_ALL, 0}},
    .out = {{"y", ACN_FLOATS | ACN_COMPLEXES, 0}},
    ACN_ELEMENTWISE(sinc_definition),
    .cases = "tolerance=relative " CASES,
};

enum { EPS = 0 };

/* In f32 as the tile machine: 1 - x is rounded. */
REF(logit) {
    double x = in->f, eps = attr[EPS].f;
    double high = k == ACN_K_F32 ? (double)(1.0f - (float)eps) : 1 - eps;
    if (eps >= 0) x = x < eps ? eps : x > high ? high : x;
    return acn_value_f(log(x / (1 - x)));
}
BODY(logit) {
    acn_reg x = in[0], one = acn_p_const(p, 1, k), eps = acn_p_attr(p, EPS, k);
    acn_reg is_off = acn_p2(p, ACN_U_LT, eps, acn_p_const(p, 0, k));
    acn_reg bounded = acn_p3(p, ACN_U_CLAMP, x, eps, acn_p2(p, ACN_U_SUB, one, eps));
    x = acn_p3(p, ACN_U_SELECT, x, bounded, is_off);
    return acn_p1(p, ACN_U_LOG, acn_p2(p, ACN_U_DIV, x, acn_p2(p, ACN_U_SUB, one, x)));
}
static const acn_elementwise logit_definition = {
    .compute = ACN_COMPUTE_FLOAT, .body = logit_body, .ref = logit_ref};
ACN_OP(logit) = {
    .name = "Logit",
    .doc = "y = log(x / (1 - x)); eps >= 0 keeps x in [eps, 1 - eps]",
    .in = {{"x", ACN_FLOATS, 0}},
    .out = {{"y", ACN_FLOATS, 0}},
    .attr = {{.name = "eps", .kind = ACN_ATTR_FLOAT, .fallback = -1, .is_value = true}},
    ACN_ELEMENTWISE(logit_definition),
    .cases = "tolerance=compound [2,3] [5,7]:strided|eps=0.25 [0,3] [] [1030]|eps=0.001 "
             "[500]@0..1|eps=0.00001",
};

REF(logit_grad) {
    double x = in[0].f, dy = in[1].f, eps = attr[EPS].f;
    double high = k == ACN_K_F32 ? (double)(1.0f - (float)eps) : 1 - eps;
    if (eps < 0) return acn_value_f(x < 0 || x > 1 ? NAN : dy / (x * (1 - x)));
    return acn_value_f(x < eps || x > high ? 0 : dy / (x * (1 - x)));
}
BODY(logit_grad) {
    acn_reg x = in[0], zero = acn_p_const(p, 0, k), one = acn_p_const(p, 1, k);
    acn_reg eps = acn_p_attr(p, EPS, k), is_off = acn_p2(p, ACN_U_LT, eps, zero);
    acn_reg low = acn_p2(p, ACN_U_MAX, eps, zero);
    acn_reg outside =
        or (p, acn_p2(p, ACN_U_LT, x, low), acn_p2(p, ACN_U_GT, x, acn_p2(p, ACN_U_SUB, one, low)));
    acn_reg there = acn_p3(p, ACN_U_SELECT, acn_p_const(p, NAN, k), zero, is_off);
    acn_reg inside =
        acn_p2(p, ACN_U_DIV, in[1], acn_p2(p, ACN_U_MUL, x, acn_p2(p, ACN_U_SUB, one, x)));
    return acn_p3(p, ACN_U_SELECT, there, inside, outside);
}
static const acn_elementwise logit_grad_definition = {.body = logit_grad_body,
                                                      .ref = logit_grad_ref};
ACN_OP(logit_grad) = {
    .name = "LogitGrad",
    .doc = "dx = dy / (x (1 - x)) inside Logit's range, else 0 (NaN when eps < 0)",
    .in = {{"x", ACN_FLOATS, 0}, {"dy", ACN_FLOATS, 0}},
    .out = {{"dx", ACN_FLOATS, 0}},
    .attr = {{.name = "eps", .kind = ACN_ATTR_FLOAT, .fallback = -1, .is_value = true}},
    ACN_ELEMENTWISE(logit_grad_definition),
    .cases = "tolerance=relative [2,3],[2,3] [5,7],[5,7]|eps=0.25 [0,3],[0,3] [],[] "
             "[500]@0..1,[500]|eps=0.001",
};
