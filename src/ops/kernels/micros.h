/* micros.h - which class has which micro-op; level.c makes the table from these lists and the
 * files micro_*.c define one function for each entry. Private to this folder. */
#ifndef ACN_OPS_KERNELS_MICROS_H
#define ACN_OPS_KERNELS_MICROS_H

/* clang-format off */
#define ACN_COMPARE_MICROS(X) X(EQ) X(NE) X(LT) X(LE) X(GT) X(GE)
#define ACN_BIT_MICROS(X) X(AND) X(OR) X(XOR) X(NOT)
#define ACN_ANGLE_MICROS(X)                                                                        \
    X(TAN) X(ASIN) X(ACOS) X(ATAN) X(SINH) X(COSH) X(ASINH) X(ACOSH) X(ATANH)

#define ACN_ACTIVATION_MICROS(X)                                                                   \
    X(SIGMOID) X(SILU) X(GELU) X(GELU_TANH) X(MISH) X(HARD_SWISH) X(LEAKY_RELU) X(HARD_SHRINK)     \
    X(SOFT_SHRINK) X(SIGMOID_GRAD) X(TANH_GRAD) X(SILU_GRAD) X(GELU_GRAD) X(GELU_TANH_GRAD)        \
    X(MISH_GRAD) X(HARD_SWISH_GRAD) X(LOG_SIGMOID_GRAD) X(LEAKY_RELU_GRAD) X(SHRINK_GRAD)

#define ACN_REAL_MICROS(X)                                                                         \
    X(ADD) X(SUB) X(MUL) X(DIV) X(FMA) X(MAX) X(MIN) X(NEG) X(ABS) X(FLOOR) X(CEIL) X(TRUNC)       \
    X(ROUND) X(POW) X(FMOD) X(REMAINDER) X(FLOOR_DIV) X(RELU) X(IS_FINITE) X(IS_NAN)               \
    X(SELECT) X(COPY) X(CLAMP) X(SIGN) ACN_COMPARE_MICROS(X)

#define ACN_FLOAT_MICROS(X)                                                                        \
    ACN_REAL_MICROS(X)                                                                             \
    X(SQRT) X(RSQRT) X(RECIP) X(EXP) X(LOG) X(TANH) X(SIN) X(COS) X(ERF) X(ERFC)        \
    X(ERFINV) X(NUMBER)                                                                          \
    X(EXPM1) X(LOG1P) X(EXP2) X(LOG2) X(LOG10) X(LGAMMA) X(DIGAMMA) X(ATAN2) ACN_ANGLE_MICROS(X)   \
    ACN_ACTIVATION_MICROS(X)

#define ACN_INTEGER_MICROS(X) ACN_REAL_MICROS(X) ACN_BIT_MICROS(X) X(SHL) X(SHR) X(GCD)

#define ACN_COMPLEX_MICROS(X)                                                                      \
    X(ADD) X(SUB) X(MUL) X(DIV) X(FMA) X(NEG) X(ABS) X(SQRT) X(RSQRT) X(RECIP) X(EXP) X(LOG)       \
    X(TANH) X(SIN) X(COS) X(POW) X(EQ) X(NE) X(IS_FINITE) X(IS_NAN) X(SELECT) X(COPY)              \
    X(EXPM1) X(LOG1P) X(EXP2) X(LOG2) X(LOG10) X(SIGMOID) X(SILU) ACN_ANGLE_MICROS(X)

#define ACN_BOOL_MICROS(X)                                                                         \
    X(ADD) X(MUL) X(FMA) X(MAX) X(MIN) X(IS_FINITE) X(IS_NAN) X(SELECT) X(COPY)                    \
    ACN_BIT_MICROS(X) ACN_COMPARE_MICROS(X)

/* Those that can also write past the cache (stream.c). */
#define ACN_STREAM_ANY(X) X(COPY) X(ADD) X(SUB) X(MUL) X(NEG)
#define ACN_STREAM_FLOAT(X) ACN_STREAM_ANY(X) X(DIV) X(FMA) X(RELU) X(MAX) X(MIN) X(ABS)
#define ACN_STREAM_VECTOR(X) X(EXP)
/* clang-format on */

#endif
