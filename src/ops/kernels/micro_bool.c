/* micro_bool.c - micro-ops of class B8: bytes that are 0 or 1. Sum and product are PyTorch's for
 * bool: logical or, logical and. */
#include "ops/kernels/loops.h"

ACN_MICRO_2(b8, ADD, uint8_t, uint8_t, x | y)
ACN_MICRO_2(b8, MUL, uint8_t, uint8_t, (x) & (y))
ACN_MICRO_3(b8, FMA, uint8_t, uint8_t, (x & y) | z)
ACN_MICRO_2(b8, MAX, uint8_t, uint8_t, x | y)
ACN_MICRO_2(b8, MIN, uint8_t, uint8_t, (x) & (y))
ACN_MICRO_2(b8, AND, uint8_t, uint8_t, (x) & (y))
ACN_MICRO_2(b8, OR, uint8_t, uint8_t, x | y)
ACN_MICRO_2(b8, XOR, uint8_t, uint8_t, x ^ y)
ACN_MICRO_1(b8, NOT, uint8_t, uint8_t, x ^ 1)
ACN_MICRO_COMPARISONS(b8, uint8_t)
ACN_MICRO_1(b8, IS_FINITE, uint8_t, uint8_t, ((void)x, 1))
ACN_MICRO_1(b8, IS_NAN, uint8_t, uint8_t, ((void)x, 0))
ACN_MICRO_SELECT(b8, uint8_t)
ACN_MICRO_COPY(b8, uint8_t)
