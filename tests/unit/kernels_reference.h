/* kernels_reference.h - what micro-ops should give, one element at a time, in wider arithmetic than
 * the kernels': long double for floats, 128-bit integers. For test_kernels*.c. */
#ifndef ACN_TESTS_KERNELS_REFERENCE_H
#define ACN_TESTS_KERNELS_REFERENCE_H

#include "ops/kernels/kernels.h"
#include <math.h>

typedef __int128 wide;

static inline uint64_t next_random(void) {
    static uint64_t state = 0x9e3779b97f4a7c15u; /* splitmix64: the same numbers at every run */
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static const char *const micro_names[] = {
#define ACN_MICRO(name, operands, result) #name,
    ACN_MICROS
#undef ACN_MICRO
};
static const int micro_operands[] = {
#define ACN_MICRO(name, operands, result) operands,
    ACN_MICROS
#undef ACN_MICRO
};
enum { SAME, B8 };
static const int micro_results[] = {
#define ACN_MICRO(name, operands, result) result,
    ACN_MICROS
#undef ACN_MICRO
};
static const char *const class_names[] = {"F32", "F64", "I32", "I64", "C64", "B8"};

/* Distance of |got| from the exact |want| in units of the last place of a float with |digits|
 * significant bits whose smallest normal number is 2^|lowest|; HUGE_VAL where a special value is
 * missed. |want| that rounds to infinity may also be the largest number. */
static inline double ulps(long double got, long double want, int digits, int lowest,
                          long double largest) {
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : HUGE_VAL;
    if (isinf(want)) return got == want ? 0 : HUGE_VAL;
    int exponent;
    frexpl(want, &exponent);
    if (want == 0 || exponent - 1 < lowest) exponent = lowest + 1;
    long double unit = ldexpl(1, exponent - digits);
    if (isinf(got)) return fabsl(want) > largest && signbit(got) == signbit(want) ? 0.5 : HUGE_VAL;
    if (got == 0 && !!signbit(got) != !!signbit(want)) return HUGE_VAL;
    return (double)(fabsl(got - want) / unit);
}

static inline double ulps_f32(float got, long double want) {
    return ulps(got, want, 24, -126, 0x1.fffffep127L);
}
static inline double ulps_f64(double got, long double want) {
    return ulps(got, want, 53, -1022, 0x1.fffffffffffffp1023L);
}

static inline long double nan_or_larger(long double x, long double y) {
    return isnan(x) || isnan(y) ? NAN : x > y ? x : y;
}

/* SAME results of floating classes. */
static inline long double float_reference(acn_micro_code code, long double x, long double y,
                                          long double z) {
    switch (code) {
    case ACN_U_ADD:
        return x + y;
    case ACN_U_SUB:
        return x - y;
    case ACN_U_MUL:
        return x * y;
    case ACN_U_DIV:
        return x / y;
    case ACN_U_FMA:
        return fmal(x, y, z);
    case ACN_U_MAX:
        return nan_or_larger(x, y);
    case ACN_U_MIN:
        return -nan_or_larger(-x, -y);
    case ACN_U_NEG:
        return -x;
    case ACN_U_ABS:
        return fabsl(x);
    case ACN_U_SQRT:
        return sqrtl(x);
    case ACN_U_RSQRT:
        return 1 / sqrtl(x);
    case ACN_U_RECIP:
        return 1 / x;
    case ACN_U_FLOOR:
        return floorl(x);
    case ACN_U_CEIL:
        return ceill(x);
    case ACN_U_TRUNC:
        return truncl(x);
    case ACN_U_ROUND:
        return rintl(x);
    case ACN_U_EXP:
        return expl(x);
    case ACN_U_LOG:
        return logl(x);
    case ACN_U_TANH:
        return tanhl(x);
    case ACN_U_SIN:
        return sinl(x);
    case ACN_U_COS:
        return cosl(x);
    case ACN_U_ERF:
        return erfl(x);
    case ACN_U_POW:
        return powl(x, y);
    case ACN_U_RELU:
        return isnan(x) ? x : x > 0 ? x : 0;
    case ACN_U_COPY:
        return x;
    default:
        return NAN;
    }
}

/* How far from exact a float kernel may be, in units of the last place. */
static inline double allowed_ulps(acn_micro_code code) {
    switch (code) {
    case ACN_U_RSQRT:
    case ACN_U_EXP:
    case ACN_U_LOG:
    case ACN_U_TANH:
    case ACN_U_SIN:
    case ACN_U_COS:
    case ACN_U_ERF:
    case ACN_U_POW:
        return 2;
    default:
        return 0.5;
    }
}

static inline bool compare_reference(acn_micro_code code, long double x, long double y) {
    switch (code) {
    case ACN_U_EQ:
        return x == y;
    case ACN_U_NE:
        return x != y;
    case ACN_U_LT:
        return x < y;
    case ACN_U_LE:
        return x <= y;
    case ACN_U_GT:
        return x > y;
    case ACN_U_GE:
        return x >= y;
    case ACN_U_IS_FINITE:
        return isfinite(x);
    default:
        return isnan(x);
    }
}

static inline wide power_reference(wide x, wide y) {
    if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
    uint64_t result = 1;
    for (wide i = 0; i < y; i++)
        result *= (uint64_t)x;
    return (wide)result;
}

/* SAME results of integer classes, to be cut to the class's width. */
static inline wide integer_reference(acn_micro_code code, wide x, wide y, wide z) {
    switch (code) {
    case ACN_U_ADD:
        return x + y;
    case ACN_U_SUB:
        return x - y;
    case ACN_U_MUL:
        return x * y;
    case ACN_U_DIV:
        return y == 0 ? 0 : x / y;
    case ACN_U_FMA:
        return (wide)((unsigned __int128)x * (unsigned __int128)y) + z;
    case ACN_U_MAX:
        return x > y ? x : y;
    case ACN_U_MIN:
        return x < y ? x : y;
    case ACN_U_AND:
        return x & y;
    case ACN_U_OR:
        return x | y;
    case ACN_U_XOR:
        return x ^ y;
    case ACN_U_NOT:
        return ~x;
    case ACN_U_NEG:
        return -x;
    case ACN_U_ABS:
        return x < 0 ? -x : x;
    case ACN_U_POW:
        return power_reference(x, y);
    case ACN_U_RELU:
        return x > 0 ? x : 0;
    default:
        return x; /* rounding and COPY */
    }
}

/* Sums and products of bool are PyTorch's: or, and. */
static inline bool bool_reference(acn_micro_code code, bool x, bool y, bool z) {
    switch (code) {
    case ACN_U_ADD:
    case ACN_U_MAX:
    case ACN_U_OR:
        return x || y;
    case ACN_U_MUL:
    case ACN_U_MIN:
    case ACN_U_AND:
        return x && y;
    case ACN_U_FMA:
        return (x && y) || z;
    case ACN_U_XOR:
        return x != y;
    case ACN_U_NOT:
        return !x;
    default:
        return x;
    }
}

#endif
