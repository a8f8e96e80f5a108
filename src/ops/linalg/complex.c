/* complex.c - see complex.h. */
#include "ops/linalg/complex.h"
#include <math.h>
#include <string.h>

void acn_complex_load(const acn_tensor *t, int64_t batch, double complex *to) {
    int64_t count = acn_matrix_rows(t) * acn_matrix_columns(t);
    for (int64_t i = 0; i < count; i++) {
        acn_value v = acn_load_value(acn_tensor_at(t, batch * count + i), t->dtype);
        to[i] = CMPLX(v.f, v.im);
    }
}

void acn_complex_store(const acn_tensor *t, int64_t batch, const double complex *from) {
    int64_t count = acn_matrix_rows(t) * acn_matrix_columns(t);
    for (int64_t i = 0; i < count; i++)
        acn_store_value(acn_tensor_at(t, batch * count + i), t->dtype,
                        (acn_value){.f = creal(from[i]), .im = cimag(from[i])});
}

acn_status acn_complex_cholesky(const acn_call *c, int64_t batch, double complex *a,
                                bool is_upper) {
    int64_t n = acn_matrix_rows(acn_in(c, 0));
    for (int64_t i = 0; is_upper && i < n; i++) /* PyTorch reads the half that it writes */
        for (int64_t j = 0; j < i; j++)
            a[i * n + j] = conj(a[j * n + i]);
    for (int64_t j = 0; j < n; j++) {
        double square = creal(a[j * n + j]);
        for (int64_t k = 0; k < j; k++)
            square -= creal(a[j * n + k] * conj(a[j * n + k]));
        if (!(square > 0))
            return acn_fail(ACN_EXECUTION,
                            "matrix %lld is not positive definite: its leading minor of order %lld",
                            (long long)batch, (long long)j + 1);
        a[j * n + j] = sqrt(square);
        for (int64_t i = j + 1; i < n; i++) {
            double complex sum = a[i * n + j];
            for (int64_t k = 0; k < j; k++)
                sum -= a[i * n + k] * conj(a[j * n + k]);
            a[i * n + j] = sum / a[j * n + j];
        }
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++) {
            a[i * n + j] = is_upper ? conj(a[j * n + i]) : 0;
            if (is_upper) a[j * n + i] = 0;
        }
    return ACN_OK;
}

void acn_complex_substitute(const double complex *t, int64_t n, bool is_upper, bool has_unit,
                            double complex *x, int64_t columns) {
    for (int64_t step = 0; step < n; step++) {
        int64_t i = is_upper ? n - 1 - step : step;
        int64_t from = is_upper ? i + 1 : 0, end = is_upper ? n : i;
        for (int64_t k = from; k < end; k++)
            for (int64_t j = 0; j < columns; j++)
                x[i * columns + j] -= t[i * n + k] * x[k * columns + j];
        for (int64_t j = 0; !has_unit && j < columns; j++)
            x[i * columns + j] /= t[i * n + i];
    }
}

/* Applies I - tau v v^H to columns [from, n) of |a|'s rows [k, m); v is in column |k| of |vs|,
 * below an unwritten 1. */
static void reflect(const double complex *vs, int64_t vs_columns, int64_t k, double complex tau,
                    double complex *a, int64_t m, int64_t n, int64_t from) {
    for (int64_t j = from; j < n && tau != 0; j++) {
        double complex sum = a[k * n + j];
        for (int64_t i = k + 1; i < m; i++)
            sum += conj(vs[i * vs_columns + k]) * a[i * n + j];
        sum *= tau;
        a[k * n + j] -= sum;
        for (int64_t i = k + 1; i < m; i++)
            a[i * n + j] -= sum * vs[i * vs_columns + k];
    }
}

/* As LAPACK has them: R's diagonal is real; a reflection is undone by its conjugate factor. */
void acn_complex_reflections(double complex *a, int64_t m, int64_t n, double complex *tau) {
    for (int64_t k = 0; k < (m < n ? m : n); k++) {
        double complex first = a[k * n + k];
        double square = 0;
        for (int64_t i = k + 1; i < m; i++)
            square += creal(a[i * n + k] * conj(a[i * n + k]));
        tau[k] = 0;
        if (square == 0 && cimag(first) == 0) continue;
        double length = sqrt(creal(first * conj(first)) + square);
        if (creal(first) > 0) length = -length;
        tau[k] = (length - first) / length;
        for (int64_t i = k + 1; i < m; i++)
            a[i * n + k] /= first - length;
        a[k * n + k] = length;
        reflect(a, n, k, conj(tau[k]), a, m, n, k + 1);
    }
}

void acn_complex_gather(const double complex *a, int64_t m, int64_t n, const double complex *tau,
                        double complex *q, int64_t columns) {
    memset(q, 0, (size_t)(m * columns) * sizeof *q);
    for (int64_t i = 0; i < (m < columns ? m : columns); i++)
        q[i * columns + i] = 1;
    for (int64_t k = (m < n ? m : n) - 1; k >= 0; k--)
        reflect(a, n, k, tau[k], q, m, columns, 0);
}
