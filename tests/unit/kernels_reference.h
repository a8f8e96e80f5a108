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

/* Halley's method on erf, or on erfc where that has the digits. */
static inline long double erfinv_reference(long double x) {
    long double t = fabsl(x), c = 0.886226925452758013649083741670572591L;
    if (!(t < 1)) return t == 1 ? copysignl(INFINITY, x) : NAN;
    if (t < 1e-30L) return x * c;
    long double y = t < 0.9L ? t * c : sqrtl(-logl(1 - t));
    for (int i = 0; i < 12; i++) {
        long double residual = t < 0.5L ? erfl(y) - t : (1 - t) - erfcl(y);
        long double step = residual * c * expl(y * y);
        y -= step / (1 + y * step);
    }
    return copysignl(y, x);
}

static inline long double digamma_reference(long double x) {
    const long double pi = 3.14159265358979323846264338327950288L;
    if (x == 0) return copysignl(INFINITY, -x);
    if (x < 0 && x == floorl(x)) return NAN;
    if (x < 0) return digamma_reference(1 - x) - pi / tanl(pi * (x - rintl(x)));
    long double sum = 0;
    for (; x < 40; x += 1)
        sum -= 1 / x;
    if (isinf(x)) return x;
    long double z = 1 / (x * x);
    long double series =
        z * (1 / 12.0L - z * (1 / 120.0L - z * (1 / 252.0L - z * (1 / 240.0L - z / 132))));
    return sum + logl(x) - 0.5L / x - series;
}

static inline long double lgamma_reference(long double x) {
    int sign;
    return lgammal_r(x, &sign);
}

static inline long double remainder_reference(long double x, long double y) {
    long double r = fmodl(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static inline long double floor_divide_reference(long double x, long double y) {
    if (y == 0) return x / y;
    long double r = fmodl(x, y), quotient = rintl((x - r) / y);
    if (r != 0 && (r < 0) != (y < 0)) quotient -= 1;
    return quotient == 0 ? copysignl(0, x / y) : quotient;
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
    case ACN_U_CLAMP:
        return -nan_or_larger(-z, -nan_or_larger(y, x));
    case ACN_U_NUMBER:
        return isnan(x) ? y : x;
    case ACN_U_NEG:
        return -x;
    case ACN_U_ABS:
        return fabsl(x);
    case ACN_U_SIGN:
        return (x > 0) - (x < 0);
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
    case ACN_U_EXPM1:
        return expm1l(x);
    case ACN_U_LOG1P:
        return log1pl(x);
    case ACN_U_EXP2:
        return exp2l(x);
    case ACN_U_LOG2:
        return log2l(x);
    case ACN_U_LOG10:
        return log10l(x);
    case ACN_U_TAN:
        return tanl(x);
    case ACN_U_ASIN:
        return asinl(x);
    case ACN_U_ACOS:
        return acosl(x);
    case ACN_U_ATAN:
        return atanl(x);
    case ACN_U_SINH:
        return sinhl(x);
    case ACN_U_COSH:
        return coshl(x);
    case ACN_U_ASINH:
        return asinhl(x);
    case ACN_U_ACOSH:
        return acoshl(x);
    case ACN_U_ATANH:
        return atanhl(x);
    case ACN_U_ERFC:
        return erfcl(x);
    case ACN_U_ERFINV:
        return erfinv_reference(x);
    case ACN_U_LGAMMA:
        return lgamma_reference(x);
    case ACN_U_DIGAMMA:
        return digamma_reference(x);
    case ACN_U_ATAN2:
        return atan2l(x, y);
    case ACN_U_FMOD:
        return fmodl(x, y);
    case ACN_U_REMAINDER:
        return remainder_reference(x, y);
    case ACN_U_FLOOR_DIV:
        return floor_divide_reference(x, y);
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
    case ACN_U_ERFC:
        return 3; /* the C library's, in double */
    case ACN_U_LGAMMA:
    case ACN_U_DIGAMMA:
        return 8; /* the C library's, and what a sum of ten reciprocals leaves */
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
        return code >= ACN_U_EXPM1 && code != ACN_U_FMOD ? 2 : 0.5;
    }
}

/* Near their zeros, whose places are known to a double only, these have absolute errors. */
static inline bool is_absolute(acn_micro_code code) {
    return code == ACN_U_LGAMMA || code == ACN_U_DIGAMMA;
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

static inline wide gcd_reference(wide x, wide y) {
    x = x < 0 ? -x : x;
    y = y < 0 ? -y : y;
    return y == 0 ? x : gcd_reference(y, x % y);
}

/* SAME results of integer classes, to be cut to the class's width. */
static inline wide integer_reference(acn_micro_code code, int bits, wide x, wide y, wide z) {
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
    case ACN_U_FMOD:
        return y == 0 ? x : x % y;
    case ACN_U_REMAINDER:
        return y == 0 ? x : ((x % y) + y) % y;
    case ACN_U_FLOOR_DIV:
        return y == 0 ? 0 : (x - ((x % y) + y) % y) / y;
    case ACN_U_SHL:
        return y < 0 || y >= bits ? 0 : (wide)((unsigned __int128)x << y);
    case ACN_U_SHR:
        return x >> (y < 0 || y >= bits ? bits - 1 : y);
    case ACN_U_GCD:
        return gcd_reference(x, y);
    case ACN_U_CLAMP:
        x = x > y ? x : y;
        return x < z ? x : z;
    case ACN_U_NEG:
        return -x;
    case ACN_U_ABS:
        return x < 0 ? -x : x;
    case ACN_U_SIGN:
        return (x > 0) - (x < 0);
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
