/* norm.h - kernels of normalisations: moments, and what follows from them, for elements that share
 * one mean (a row of one channel), and for rows whose neighbours are different channels. Callers
 * cut into tiles; sums inside a tile are in the class's type, in a fixed order. */
#ifndef ACN_OPS_KERNELS_NORM_H
#define ACN_OPS_KERNELS_NORM_H

#include "ops/kernels/kernels.h"

/* Coefficients of one element: y = scale * (x - mean) + shift. */
struct acn_norm_kernels {
    /* out: the mean, and the sum of squared deviations from it. */
    void (*moments)(double out[2], const void *x, int64_t n);
    /* Adds the sums of dy and of dy * (x - mean). */
    void (*products)(double out[2], const void *dy, const void *x, double mean, int64_t n);
    void (*affine)(void *y, const void *x, double mean, double scale, double shift, int64_t n);
    /* dx = a * dy + b * (x - mean) + c */
    void (*blend)(void *dx, const void *dy, const void *x, double mean, double a, double b,
                  double c, int64_t n);

    /* The same, where element i has coefficients of its own, in the class's type. */
    /* sum[i] += x - from, square[i] += (x - from)^2 */
    void (*column_moments)(void *sum, void *square, const void *x, const void *from, int64_t n);
    /* square[i] += the sum over j < count of (x[j * step + i] - from[j])^2, in j's order */
    void (*column_squares)(void *square, const void *x, int64_t step, const void *from,
                           int64_t count, int64_t n);
    /* sum[i] += dy, product[i] += dy * (x - mean) */
    void (*column_products)(void *sum, void *product, const void *dy, const void *x,
                            const void *mean, int64_t n);
    void (*column_affine)(void *y, const void *x, const void *mean, const void *scale,
                          const void *shift, int64_t n);
    void (*column_blend)(void *dx, const void *dy, const void *x, const void *mean, const void *a,
                         const void *b, const void *c, int64_t n);

    /* Of a row with one mean and a factor for each element: xhat = (x - mean) * rstd and
     * g = dy * gamma. dgamma[i] += dy * xhat, dbeta[i] += dy; adds the sums of g and g * xhat. */
    void (*row_products)(double out[2], void *dgamma, void *dbeta, const void *dy, const void *x,
                         const void *gamma, double mean, double rstd, int64_t n);
    /* dx = rstd * (g - mean_g - xhat * mean_gx) */
    void (*row_blend)(void *dx, const void *dy, const void *x, const void *gamma, double mean,
                      double rstd, double mean_g, double mean_gx, int64_t n);
};

#endif
