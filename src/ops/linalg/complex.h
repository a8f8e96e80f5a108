/* complex.h - the decompositions of complex matrices; a matrix's room holds them as pairs. Which of
 * the two a call takes, its input's type says. */
#ifndef ACN_OPS_LINALG_COMPLEX_H
#define ACN_OPS_LINALG_COMPLEX_H

#include "ops/linalg/matrix.h"
#include <complex.h>

/* Doubles that a number takes: for rooms. */
static inline int64_t acn_matrix_doubles(const acn_call *c) {
    return acn_dtype_is_complex(acn_in(c, 0)->dtype) ? 2 : 1;
}

void acn_complex_load(const acn_tensor *t, int64_t batch, double complex *to);
void acn_complex_store(const acn_tensor *t, int64_t batch, const double complex *from);

/* As their real namesakes in solve.c and orthogonal.c. */
acn_status acn_complex_cholesky(const acn_call *c, int64_t batch, double complex *a, bool is_upper);
void acn_complex_substitute(const double complex *t, int64_t n, bool is_upper, bool has_unit,
                            double complex *x, int64_t columns);
void acn_complex_reflections(double complex *a, int64_t m, int64_t n, double complex *tau);
void acn_complex_gather(const double complex *a, int64_t m, int64_t n, const double complex *tau,
                        double complex *q, int64_t columns);

#endif
