/* is_close.c - y = x1 == x2, or |x1 - x2| is finite and <= atol + |rtol * x2|. */
#include "ops/elementwise.h"
#include <complex.h>

enum { RTOL, ATOL, EQUAL_NAN };

static acn_reg body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k) {
    acn_reg same = acn_p2(p, ACN_U_EQ, in[0], in[1]);
    if ((acn_is_float_class(k) || k == ACN_K_C64) && acn_attr_int(c, EQUAL_NAN)) {
        acn_reg both =
            acn_p2(p, ACN_U_AND, acn_p1(p, ACN_U_IS_NAN, in[0]), acn_p1(p, ACN_U_IS_NAN, in[1]));
        same = acn_p2(p, ACN_U_OR, same, both);
    }
    acn_class f = k == ACN_K_F64 ? ACN_K_F64 : ACN_K_F32, wide = k == ACN_K_C64 ? k : f;
    acn_reg a = acn_p_cast(p, in[0], wide), b = acn_p_cast(p, in[1], wide);
    acn_reg error = acn_p_cast(p, acn_p1(p, ACN_U_ABS, acn_p2(p, ACN_U_SUB, a, b)), f);
    acn_reg product = acn_p2(p, ACN_U_MUL, acn_p_attr(p, RTOL, wide), b);
    acn_reg scaled = acn_p_cast(p, acn_p1(p, ACN_U_ABS, product), f);
    acn_reg allowed = acn_p2(p, ACN_U_ADD, acn_p_attr(p, ATOL, f), scaled);
    acn_reg near = acn_p2(p, ACN_U_AND, acn_p1(p, ACN_U_IS_FINITE, error),
                          acn_p2(p, ACN_U_LE, error, allowed));
    return acn_p2(p, ACN_U_OR, same, near);
}

/* Distances in the plane; NaN is in a number when it is in either part. */
static acn_value complex_ref(const acn_value *in, const acn_value *attr) {
    double complex a = CMPLX(in[0].f, in[0].im), b = CMPLX(in[1].f, in[1].im);
    if (a == b) return acn_value_i(1);
    if ((isnan(creal(a)) || isnan(cimag(a))) && (isnan(creal(b)) || isnan(cimag(b))))
        return acn_value_i(attr[EQUAL_NAN].i != 0);
    double error = cabs(a - b);
    return acn_value_i(isfinite(error) && error <= attr[ATOL].f + fabs(attr[RTOL].f) * cabs(b));
}

static acn_value ref(acn_class k, const acn_value *in, const acn_value *attr) {
    bool is_float = acn_is_float_class(k);
    if (k == ACN_K_C64) return complex_ref(in, attr);
    if (is_float ? in[0].f == in[1].f : in[0].i == in[1].i) return acn_value_i(1);
    if (is_float && isnan(in[0].f) && isnan(in[1].f)) return acn_value_i(attr[EQUAL_NAN].i != 0);
    if (k == ACN_K_F64) {
        double error = fabs(in[0].f - in[1].f);
        return acn_value_i(isfinite(error) && error <= attr[ATOL].f + fabs(attr[RTOL].f * in[1].f));
    }
    /* The other types decide in f32, operation by operation. */
    float a = (float)in[0].f, b = (float)in[1].f, error = fabsf(a - b);
    float scaled = fabsf((float)attr[RTOL].f * b), allowed = (float)attr[ATOL].f + scaled;
    return acn_value_i(isfinite(error) && error <= allowed);
}

static const acn_elementwise definition = {.gives_bool = true, .body = body, .ref = ref};

ACN_OP(is_close) = {
    .name = "IsClose",
    .doc = "y = x1 and x2 differ by at most atol + |rtol * x2|",
    .in = {{"x1", ACN_ALL, 0}, {"x2", ACN_ALL, 0}},
    .out = {{"y", ACN_BOOLS, 0}},
    .attr = {{.name = "rtol", .kind = ACN_ATTR_FLOAT, .fallback = 1e-5, .is_value = true},
             {.name = "atol", .kind = ACN_ATTR_FLOAT, .fallback = 1e-8, .is_value = true},
             {.name = "equal_nan", .kind = ACN_ATTR_BOOL}},
    ACN_ELEMENTWISE(definition),
    .cases = "[2,3],[2,3] [5,7],[5,7]:strided [4,3],[3] [0,3],[3] [],[] [1030],[1030]",
};
