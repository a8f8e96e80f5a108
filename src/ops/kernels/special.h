/* special.h - special functions that no C library has, one number at a time, in double; used by the
 * F32 and F64 classes alike. Private to this folder. */
#ifndef ACN_OPS_KERNELS_SPECIAL_H
#define ACN_OPS_KERNELS_SPECIAL_H

#include <math.h>

/* Winitzki's approximation and three steps of Halley's method, which triple the correct digits.
 * Near 1 the residual is that of erfc, which still has digits there. */
static inline double special_erfinv(double x) {
    double t = fabs(x);
    if (!(t < 1.0)) return t == 1.0 ? copysign(INFINITY, x) : NAN;
    if (t < 1e-150) return x * 0.88622692545275801;
    double l = log1p(-t * t), u = 4.3307467508 + 0.5 * l; /* 2 / (pi a), a = 0.147 */
    double y = sqrt(sqrt(u * u - l / 0.147) - u);
    for (int i = 0; i < 3; i++) {
        double residual = t < 0.5 ? erf(y) - t : (1.0 - t) - erfc(y);
        double step = residual * 0.88622692545275801 * exp(y * y);
        y -= step / (1.0 + y * step);
    }
    return copysign(y, x);
}

/* Derivative of log(gamma(x)): recurrence up to 10, then the asymptotic series; reflection below
 * 0. As PyTorch's, infinite at the zeros and NaN at the other poles. */
static inline double special_digamma(double x) {
    if (x == 0.0) return copysign(INFINITY, -x);
    double reflected = 0.0;
    if (x < 0.0) {
        if (x == floor(x)) return NAN;
        reflected = -3.1415926535897931 / tan(3.1415926535897931 * (x - rint(x)));
        x = 1.0 - x;
    }
    double sum = 0.0;
    for (; x < 10.0; x += 1.0)
        sum -= 1.0 / x;
    double z = 1.0 / (x * x);
    double series = 1.0 / 12; /* Bernoulli numbers B(2n) / 2n */
    series = 691.0 / 32760 - z * series;
    series = 1.0 / 132 - z * series;
    series = 1.0 / 240 - z * series;
    series = 1.0 / 252 - z * series;
    series = 1.0 / 120 - z * series;
    series = 1.0 / 12 - z * series;
    return sum + reflected + (x < INFINITY ? log(x) - 0.5 / x - z * series : x);
}

/* The three kinds of division with a remainder, given r = fmod(x, y). */
static inline double special_remainder(double r, double y) {
    return r != 0.0 && (r < 0.0) != (y < 0.0) ? r + y : r;
}

/* As PyTorch: the quotient of what is left when the remainder is taken away, so that it agrees with
 * the remainder even where x / y rounds up to an integer. */
static inline double special_floor_divide(double r, double x, double y) {
    double quotient = (x - r) / y;
    quotient -= r != 0.0 && (r < 0.0) != (y < 0.0) ? 1.0 : 0.0;
    double whole = floor(quotient);
    whole += quotient - whole > 0.5 ? 1.0 : 0.0;
    whole = quotient == 0.0 ? copysign(0.0, x / y) : whole;
    return y == 0.0 ? x / y : whole;
}

#endif
