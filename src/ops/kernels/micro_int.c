/* micro_int.c - micro-ops of classes I32 and I64: exact, wrapping around, never undefined. */
#include "ops/kernels/loops.h"

#define DEFINE_HELPERS(klass, type, unsigned_type)                                                 \
    static inline type clamp_##klass(type x, type low, type high) {                                \
        type y = x > low ? x : low;                                                                \
        return y < high ? y : high;                                                                \
    }                                                                                              \
    static inline type negate_##klass(type x) { return (type)(0 - (unsigned_type)x); }             \
    /* x / 0 = 0; the smallest number divided by -1 wraps to itself. */                            \
    static inline type divide_##klass(type x, type y) {                                            \
        if (y == -1) return negate_##klass(x);                                                     \
        return y == 0 ? 0 : x / y;                                                                 \
    }                                                                                              \
    static inline type modulo_##klass(type x, type y) {                                            \
        if (y == -1) return 0;                                                                     \
        return y == 0 ? x : x % y;                                                                 \
    }                                                                                              \
    static inline type remainder_##klass(type x, type y) {                                         \
        type r = modulo_##klass(x, y);                                                             \
        return y != 0 && r != 0 && (r < 0) != (y < 0) ? r + y : r;                                 \
    }                                                                                              \
    static inline type floor_divide_##klass(type x, type y) {                                      \
        type r = modulo_##klass(x, y);                                                             \
        return divide_##klass(x, y) - (y != 0 && r != 0 && (r < 0) != (y < 0));                    \
    }                                                                                              \
    /* As PyTorch: a count that is negative or too large shifts everything out. */                 \
    static inline type shift_left_##klass(type x, type y) {                                        \
        bool is_out = (unsigned_type)y >= sizeof(type) * 8;                                        \
        return is_out ? 0 : (type)((unsigned_type)x << (y & (type)(sizeof(type) * 8 - 1)));        \
    }                                                                                              \
    static inline type shift_right_##klass(type x, type y) {                                       \
        bool is_out = (unsigned_type)y >= sizeof(type) * 8;                                        \
        return x >> (is_out ? (type)(sizeof(type) * 8 - 1) : y);                                   \
    }                                                                                              \
    /* As PyTorch: a negative exponent truncates to 0 unless the base is 1 or -1. */               \
    static inline type power_##klass(type base, type exponent) {                                   \
        if (exponent < 0) return base == 1 || (base == -1 && !(exponent & 1)) ? 1 : -(base == -1); \
        unsigned_type result = 1, square = (unsigned_type)base;                                    \
        for (; exponent; exponent >>= 1, square *= square)                                         \
            if (exponent & 1) result *= square;                                                    \
        return (type)result;                                                                       \
    }

/* Stein's: shifts and differences, which are cheaper than remainders. */
#define DEFINE_GCD(klass, type, unsigned_type, trailing_zeros)                                     \
    static inline type gcd_##klass(type x, type y) {                                               \
        unsigned_type a = x < 0 ? 0 - (unsigned_type)x : (unsigned_type)x;                         \
        unsigned_type b = y < 0 ? 0 - (unsigned_type)y : (unsigned_type)y;                         \
        if (a == 0 || b == 0) return (type)(a | b);                                                \
        int shared = trailing_zeros(a | b);                                                        \
        for (a >>= trailing_zeros(a); b;) {                                                        \
            b >>= trailing_zeros(b);                                                               \
            unsigned_type low = a < b ? a : b, high = a < b ? b : a;                               \
            a = low;                                                                               \
            b = high - low;                                                                        \
        }                                                                                          \
        return (type)(a << shared);                                                                \
    }

#define DEFINE_MICROS(klass, type, unsigned_type)                                                  \
    ACN_MICRO_2(klass, ADD, unsigned_type, unsigned_type, x + y)                                   \
    ACN_MICRO_2(klass, SUB, unsigned_type, unsigned_type, x - y)                                   \
    ACN_MICRO_2(klass, MUL, unsigned_type, unsigned_type, (x) * (y))                               \
    ACN_MICRO_2(klass, DIV, type, type, divide_##klass(x, y))                                      \
    ACN_MICRO_3(klass, FMA, unsigned_type, unsigned_type, (x) * (y) + z)                           \
    ACN_MICRO_2(klass, MAX, type, type, x > y ? x : y)                                             \
    ACN_MICRO_2(klass, MIN, type, type, x < y ? x : y)                                             \
    ACN_MICRO_3(klass, CLAMP, type, type, clamp_##klass(x, y, z))                                  \
    ACN_MICRO_2(klass, AND, unsigned_type, unsigned_type, (x) & (y))                               \
    ACN_MICRO_2(klass, OR, unsigned_type, unsigned_type, x | y)                                    \
    ACN_MICRO_2(klass, XOR, unsigned_type, unsigned_type, x ^ y)                                   \
    ACN_MICRO_1(klass, NOT, unsigned_type, unsigned_type, ~x)                                      \
    ACN_MICRO_1(klass, NEG, type, type, negate_##klass(x))                                         \
    ACN_MICRO_1(klass, SIGN, type, type, (type)((x > 0) - (x < 0)))                                \
    ACN_MICRO_1(klass, ABS, type, type, x < 0 ? negate_##klass(x) : x)                             \
    ACN_MICRO_2(klass, POW, type, type, power_##klass(x, y))                                       \
    ACN_MICRO_2(klass, FMOD, type, type, modulo_##klass(x, y))                                     \
    ACN_MICRO_2(klass, REMAINDER, type, type, remainder_##klass(x, y))                             \
    ACN_MICRO_2(klass, FLOOR_DIV, type, type, floor_divide_##klass(x, y))                          \
    ACN_MICRO_2(klass, SHL, type, type, shift_left_##klass(x, y))                                  \
    ACN_MICRO_2(klass, SHR, type, type, shift_right_##klass(x, y))                                 \
    ACN_MICRO_2(klass, GCD, type, type, gcd_##klass(x, y))                                         \
    ACN_MICRO_1(klass, RELU, type, type, x > 0 ? x : 0)                                            \
    ACN_MICRO_COMPARISONS(klass, type)                                                             \
    ACN_MICRO_1(klass, IS_FINITE, type, uint8_t, ((void)x, 1))                                     \
    ACN_MICRO_1(klass, IS_NAN, type, uint8_t, ((void)x, 0))                                        \
    ACN_MICRO_SELECT(klass, type)                                                                  \
    ACN_MICRO_COPY(klass, type)                                                                    \
    ACN_MICRO_1(klass, FLOOR, type, type, x)                                                       \
    ACN_MICRO_1(klass, CEIL, type, type, x)                                                        \
    ACN_MICRO_1(klass, TRUNC, type, type, x)                                                       \
    ACN_MICRO_1(klass, ROUND, type, type, x)

DEFINE_HELPERS(i32, int32_t, uint32_t)
DEFINE_HELPERS(i64, int64_t, uint64_t)
DEFINE_GCD(i32, int32_t, uint32_t, __builtin_ctz)
DEFINE_GCD(i64, int64_t, uint64_t, __builtin_ctzll)
DEFINE_MICROS(i32, int32_t, uint32_t)
DEFINE_MICROS(i64, int64_t, uint64_t)
