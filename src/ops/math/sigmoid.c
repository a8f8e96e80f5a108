/* sigmoid.c - y = 1 / (1 + e^-x): a whole operator in one file. */
#include "ops/elementwise.h"
#include <complex.h>

static acn_value ref(acn_class k, const acn_value *in, const acn_value *attr) {
    if (k != ACN_K_C64) return acn_value_f(1 / (1 + exp(-in->f)));
    double complex y = 1 / (1 + cexp(CMPLX(-in->f, -in->im)));
    return acn_value_c(creal(y), cimag(y));
}

static const acn_elementwise definition = {
    .compute = ACN_COMPUTE_FLOAT, .micro = ACN_U_SIGMOID, .ref = ref};

ACN_OP(sigmoid) = {
    .name = "Sigmoid",
    .doc = "y = 1 / (1 + e^-x)",
    .in = {{"x", ACN_ALL, 0}},
    .out = {{"y", ACN_FLOATS | ACN_COMPLEXES, 0}},
    ACN_ELEMENTWISE(definition),
    .cases = "[2,3] [5,7]:strided [3,1,4]:broadcast [0,3] [] [1030]",
};
