/* micro_complex.c - micro-ops of class C64. Products and quotients are written out, since the
 * language's own re-examine every NaN; the rest is the C library's. ABS gives |x| + 0i. */
#include "ops/kernels/loops.h"
#include "ops/kernels/pair.h"
#include <complex.h>
#include <math.h>

static inline acn_pair pair_divide(acn_pair x, acn_pair y) {
    /* In double nothing overflows or underflows, so no scaling is needed. */
    double norm = (double)y.re * y.re + (double)y.im * y.im;
    double re = (double)x.re * y.re + (double)x.im * y.im;
    double im = (double)x.im * y.re - (double)x.re * y.im;
    bool is_zero = norm == 0.0; /* x / 0 is infinite or NaN part by part, as PyTorch's */
    return (acn_pair){is_zero ? x.re / fabsf(y.re) : (float)(re / norm),
                      is_zero ? x.im / fabsf(y.im) : (float)(im / norm)};
}

static inline float complex to_c(acn_pair x) {
    float complex c;
    memcpy(&c, &x, sizeof c);
    return c;
}

static inline acn_pair from_c(float complex c) {
    acn_pair x;
    memcpy(&x, &c, sizeof x);
    return x;
}

static inline acn_pair pair_power(acn_pair x, acn_pair y) {
    if (y.re == 0.0f && y.im == 0.0f) return (acn_pair){1.0f, 0.0f};
    if (x.re == 0.0f && x.im == 0.0f && y.re > 0.0f) return (acn_pair){0.0f, 0.0f};
    double complex r = cpow(to_c(x), to_c(y));
    return (acn_pair){(float)creal(r), (float)cimag(r)};
}

static inline acn_pair from_z(double complex z) {
    return (acn_pair){(float)creal(z), (float)cimag(z)};
}

/* Near 0 the digits are those of what differs from 1. */
static inline acn_pair pair_expm1(acn_pair x) {
    double half = sin(x.im / 2.0), cosine = cos((double)x.im);
    return (acn_pair){(float)(expm1((double)x.re) * cosine - 2 * half * half),
                      (float)(exp((double)x.re) * sin((double)x.im))};
}

static inline acn_pair pair_log1p(acn_pair x) {
    double re = x.re, im = x.im; /* |1 + x|^2 - 1, exactly: the squares of floats fit in double */
    return (acn_pair){(float)(0.5 * log1p(re * (2 + re) + im * im)), (float)atan2(im, 1 + re)};
}

/* By the power that does not grow. */
static inline double complex sigmoid(acn_pair x) {
    double complex z = CMPLX(x.re, x.im), power = cexp(x.re < 0 ? z : -z);
    return (x.re < 0 ? power : 1) / (1 + power);
}

#define ONE        ((acn_pair){1.0f, 0.0f})
#define MODULUS(x) sqrt((double)x.re *x.re + (double)x.im * x.im)

ACN_MICRO_2(c64, ADD, acn_pair, acn_pair, pair_add(x, y))
ACN_MICRO_2(c64, SUB, acn_pair, acn_pair, ((acn_pair){x.re - y.re, x.im - y.im}))
ACN_MICRO_2(c64, MUL, acn_pair, acn_pair, pair_multiply(x, y))
ACN_MICRO_2(c64, DIV, acn_pair, acn_pair, pair_divide(x, y))
ACN_MICRO_3(c64, FMA, acn_pair, acn_pair, pair_add(pair_multiply(x, y), z))
ACN_MICRO_1(c64, NEG, acn_pair, acn_pair, ((acn_pair){-x.re, -x.im}))
ACN_MICRO_1(c64, ABS, acn_pair, acn_pair, ((acn_pair){(float)MODULUS(x), 0.0f}))
ACN_MICRO_1(c64, SQRT, acn_pair, acn_pair, from_c(csqrtf(to_c(x))))
ACN_MICRO_1(c64, RSQRT, acn_pair, acn_pair, pair_divide(ONE, from_c(csqrtf(to_c(x)))))
ACN_MICRO_1(c64, RECIP, acn_pair, acn_pair, pair_divide(ONE, x))
ACN_MICRO_1(c64, EXP, acn_pair, acn_pair, from_c(cexpf(to_c(x))))
ACN_MICRO_1(c64, LOG, acn_pair, acn_pair, from_c(clogf(to_c(x))))
ACN_MICRO_1(c64, EXPM1, acn_pair, acn_pair, pair_expm1(x))
ACN_MICRO_1(c64, EXP2, acn_pair, acn_pair, from_z(cexp(to_c(x) * M_LN2)))
ACN_MICRO_1(c64, LOG1P, acn_pair, acn_pair, pair_log1p(x))
ACN_MICRO_1(c64, LOG2, acn_pair, acn_pair, from_z(clog(to_c(x)) / M_LN2))
ACN_MICRO_1(c64, LOG10, acn_pair, acn_pair, from_z(clog(to_c(x)) / M_LN10))
ACN_MICRO_1(c64, SIGMOID, acn_pair, acn_pair, from_z(sigmoid(x)))
ACN_MICRO_1(c64, SILU, acn_pair, acn_pair, from_z(to_c(x) * sigmoid(x)))
ACN_MICRO_1(c64, TANH, acn_pair, acn_pair, from_c(ctanhf(to_c(x))))
ACN_MICRO_1(c64, SIN, acn_pair, acn_pair, from_c(csinf(to_c(x))))
ACN_MICRO_1(c64, COS, acn_pair, acn_pair, from_c(ccosf(to_c(x))))
ACN_MICRO_1(c64, TAN, acn_pair, acn_pair, from_c(ctanf(to_c(x))))
ACN_MICRO_1(c64, ASIN, acn_pair, acn_pair, from_c(casinf(to_c(x))))
ACN_MICRO_1(c64, ACOS, acn_pair, acn_pair, from_c(cacosf(to_c(x))))
ACN_MICRO_1(c64, ATAN, acn_pair, acn_pair, from_c(catanf(to_c(x))))
ACN_MICRO_1(c64, SINH, acn_pair, acn_pair, from_c(csinhf(to_c(x))))
ACN_MICRO_1(c64, COSH, acn_pair, acn_pair, from_c(ccoshf(to_c(x))))
ACN_MICRO_1(c64, ASINH, acn_pair, acn_pair, from_c(casinhf(to_c(x))))
ACN_MICRO_1(c64, ACOSH, acn_pair, acn_pair, from_c(cacoshf(to_c(x))))
ACN_MICRO_1(c64, ATANH, acn_pair, acn_pair, from_c(catanhf(to_c(x))))
ACN_MICRO_2(c64, POW, acn_pair, acn_pair, pair_power(x, y))
ACN_MICRO_2(c64, EQ, acn_pair, uint8_t, (x.re == y.re) & (x.im == y.im))
ACN_MICRO_2(c64, NE, acn_pair, uint8_t, (x.re != y.re) | (x.im != y.im))
ACN_MICRO_1(c64, IS_FINITE, acn_pair, uint8_t, (fabsf(x.re) < INFINITY) & (fabsf(x.im) < INFINITY))
ACN_MICRO_1(c64, IS_NAN, acn_pair, uint8_t, (x.re != x.re) | (x.im != x.im))
ACN_MICRO_SELECT(c64, acn_pair)
ACN_MICRO_COPY(c64, acn_pair)
