/* micros.h - which class has which micro-op; level.c makes the table from these lists and the
 * files micro_*.c define one function for each entry. Private to this folder. */
#ifndef ACN_OPS_KERNELS_MICROS_H
#define ACN_OPS_KERNELS_MICROS_H

#define ACN_COMPARE_MICROS(X) X(EQ) X(NE) X(LT) X(LE) X(GT) X(GE)
#define ACN_BIT_MICROS(X)     X(AND) X(OR) X(XOR) X(NOT)

#define ACN_REAL_MICROS(X)                                                                         \
    X(ADD)                                                                                         \
    X(SUB) X(MUL) X(DIV) X(FMA) X(MAX) X(MIN) X(NEG) X(ABS) X(FLOOR) X(CEIL) X(TRUNC) X(ROUND)     \
        X(POW) X(RELU) X(IS_FINITE) X(IS_NAN) X(SELECT) X(COPY) ACN_COMPARE_MICROS(X)

#define ACN_FLOAT_MICROS(X)                                                                        \
    ACN_REAL_MICROS(X)                                                                             \
    X(SQRT) X(RSQRT) X(RECIP) X(EXP) X(LOG) X(TANH) X(SIN) X(COS) X(ERF)

#define ACN_INTEGER_MICROS(X) ACN_REAL_MICROS(X) ACN_BIT_MICROS(X)

#define ACN_COMPLEX_MICROS(X)                                                                      \
    X(ADD)                                                                                         \
    X(SUB) X(MUL) X(DIV) X(FMA) X(NEG) X(ABS) X(SQRT) X(RSQRT) X(RECIP) X(EXP) X(LOG) X(TANH)      \
        X(SIN) X(COS) X(POW) X(EQ) X(NE) X(IS_FINITE) X(IS_NAN) X(SELECT) X(COPY)

#define ACN_BOOL_MICROS(X)                                                                         \
    X(ADD)                                                                                         \
    X(MUL) X(FMA) X(MAX) X(MIN) X(IS_FINITE) X(IS_NAN) X(SELECT) X(COPY) ACN_BIT_MICROS(X)         \
        ACN_COMPARE_MICROS(X)

#endif
