/* orthogonal.c - decompositions into orthogonal factors: Qr by reflections, with LAPACK's signs,
 * and Svd by rotations of pairs of columns (Jacobi's, which keeps small singular values accurate).
 */
#include "ops/linalg/complex.h"
#include <float.h>
#include <math.h>
#include <string.h>

#define MATRICES (ACN_T(ACN_F32) | ACN_T(ACN_F64))

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- reflections ----------------------------------------------------------------------------- */

/* Applies I - tau v v^T to columns [from, n) of |a|'s rows [k, m); v is in column |k| of |vs|,
 * below an unwritten 1. */
static void reflect(const double *vs, int64_t vs_columns, int64_t k, double tau, double *a,
                    int64_t m, int64_t n, int64_t from) {
    for (int64_t j = from; j < n && tau != 0; j++) {
        double sum = a[k * n + j];
        for (int64_t i = k + 1; i < m; i++)
            sum += vs[i * vs_columns + k] * a[i * n + j];
        sum *= tau;
        a[k * n + j] -= sum;
        for (int64_t i = k + 1; i < m; i++)
            a[i * n + j] -= sum * vs[i * vs_columns + k];
    }
}

/* R above the diagonal, the reflections' vectors below, their factors in |tau|. */
static void make_reflections(double *a, int64_t m, int64_t n, double *tau) {
    for (int64_t k = 0; k < least(m, n); k++) {
        double square = 0, first = a[k * n + k];
        for (int64_t i = k + 1; i < m; i++)
            square += a[i * n + k] * a[i * n + k];
        tau[k] = 0;
        if (square == 0) continue;
        double length = -copysign(sqrt(first * first + square), first);
        tau[k] = (length - first) / length;
        for (int64_t i = k + 1; i < m; i++)
            a[i * n + k] /= first - length;
        a[k * n + k] = length;
        reflect(a, n, k, tau[k], a, m, n, k + 1);
    }
}

/* q, m x columns: the first columns of the product of all reflections. */
static void gather_reflections(const double *a, int64_t m, int64_t n, const double *tau, double *q,
                               int64_t columns) {
    memset(q, 0, (size_t)(m * columns) * sizeof *q);
    for (int64_t i = 0; i < least(m, columns); i++)
        q[i * columns + i] = 1;
    for (int64_t k = least(m, n) - 1; k >= 0; k--)
        reflect(a, n, k, tau[k], q, m, columns, 0);
}

/* ---- Qr -------------------------------------------------------------------------------------- */

enum { REDUCED, COMPLETE, ONLY_R };

static int64_t q_columns(const acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t m = acn_matrix_rows(x);
    return acn_attr_int(c, 0) == COMPLETE ? m : least(m, acn_matrix_columns(x));
}

static acn_status infer_qr(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t mode = acn_attr_int(c, 0), none = 0;
    ACN_TRY(acn_matrix_check(c, 0, false));
    if (mode < REDUCED || mode > ONLY_R)
        return acn_bad_attr(c, 0, "is %lld; expected 0 reduced, 1 complete or 2 r",
                            (long long)mode);
    if (mode == ONLY_R)
        acn_out_is(c, 0, x->dtype, 1, &none);
    else
        acn_matrix_out(c, 0, 2, acn_matrix_rows(x), q_columns(c));
    acn_matrix_out(c, 1, 2, q_columns(c), acn_matrix_columns(x));
    return ACN_OK;
}

static int64_t qr_room(const acn_call *c) {
    int64_t m = acn_matrix_rows(acn_in(c, 0)), n = acn_matrix_columns(acn_in(c, 0));
    return (m * n + m * q_columns(c) + q_columns(c) * n + least(m, n)) * acn_matrix_doubles(c);
}

static acn_status plan_qr(acn_call *c) {
    double m = (double)acn_matrix_rows(acn_in(c, 0)), n = (double)acn_matrix_columns(acn_in(c, 0));
    return acn_matrix_plan(c, qr_room(c), 2 * m * n * (m < n ? m : n));
}

static void decompose_complex(const acn_call *c, int64_t batch, double complex *a) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t m = acn_matrix_rows(x), n = acn_matrix_columns(x), k = q_columns(c);
    double complex *q = a + m * n, *r = q + m * k, *tau = r + k * n;
    acn_complex_load(x, batch, a);
    acn_complex_reflections(a, m, n, tau);
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < n; j++)
            r[i * n + j] = j < i ? 0 : a[i * n + j];
    acn_complex_store(acn_out(c, 1), batch, r);
    if (acn_attr_int(c, 0) == ONLY_R) return;
    acn_complex_gather(a, m, n, tau, q, k);
    acn_complex_store(acn_out(c, 0), batch, q);
}

static acn_status decompose_qr(const acn_call *c, int64_t batch, double *a) {
    const acn_tensor *x = acn_in(c, 0);
    if (acn_dtype_is_complex(x->dtype)) {
        decompose_complex(c, batch, (double complex *)a);
        return ACN_OK;
    }
    int64_t m = acn_matrix_rows(x), n = acn_matrix_columns(x), k = q_columns(c);
    double *q = a + m * n, *r = q + m * k, *tau = r + k * n;
    acn_matrix_load(x, batch, a);
    make_reflections(a, m, n, tau);
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < n; j++)
            r[i * n + j] = j < i ? 0 : a[i * n + j];
    acn_matrix_store(acn_out(c, 1), batch, r);
    if (acn_attr_int(c, 0) == ONLY_R) return ACN_OK;
    gather_reflections(a, m, n, tau, q, k);
    acn_matrix_store(acn_out(c, 0), batch, q);
    return ACN_OK;
}

static acn_status run_qr(acn_call *c) { return acn_matrix_run(c, qr_room(c), decompose_qr); }

static acn_status run0_qr(acn_call *c) { return acn_matrix_run0(c, qr_room(c), run_qr); }

ACN_OP(Qr) = {
    .name = "Qr",
    .doc = "x = q r, q orthogonal and r upper triangular; mode 0 reduced, 1 complete, 2 r alone",
    .in = {{"x", MATRICES | ACN_COMPLEXES, ACN_UNALIASED}},
    .out = {{"q", MATRICES | ACN_COMPLEXES}, {"r", MATRICES | ACN_COMPLEXES}},
    .attr = {{"mode", ACN_ATTR_INT}},
    .infer = infer_qr,
    .plan = plan_qr,
    .run = run_qr,
    .run0 = run0_qr,
    .cases = "tolerance=reduction [4,3] [3,4] [2,5,3]|mode=1 [2,3,5]|mode=2 [0,3,3] [3,0]|mode=1",
};

/* ---- Svd ------------------------------------------------------------------------------------- */

enum { FULL, COMPUTE_UV, MAX_SWEEPS = 60 };

/* Rows of |a| (count x length) are turned until they are orthogonal; |v| (count x count) follows.
 */
static void rotate_rows(double *a, int64_t count, int64_t length, double *v) {
    for (int sweep = 0; sweep < MAX_SWEEPS; sweep++) {
        bool is_done = true;
        for (int64_t p = 0; p < count; p++)
            for (int64_t q = p + 1; q < count; q++) {
                double pp = 0, qq = 0, pq = 0, *x = a + p * length, *y = a + q * length;
                for (int64_t i = 0; i < length; i++)
                    pp += x[i] * x[i], qq += y[i] * y[i], pq += x[i] * y[i];
                if (pq == 0 || fabs(pq) <= DBL_EPSILON * sqrt(pp * qq)) continue;
                is_done = false;
                double zeta = (qq - pp) / (2 * pq);
                double t = copysign(1, zeta) / (fabs(zeta) + sqrt(1 + zeta * zeta));
                double cosine = 1 / sqrt(1 + t * t), sine = cosine * t;
                for (int pass = 0; pass < 2; pass++, x = v + p * count, y = v + q * count)
                    for (int64_t i = 0; i < (pass ? count : length); i++) {
                        double old = x[i];
                        x[i] = cosine * old - sine * y[i];
                        y[i] = sine * old + cosine * y[i];
                    }
            }
        if (is_done) return;
    }
}

static double length_of(const double *x, int64_t n) {
    double square = 0;
    for (int64_t i = 0; i < n; i++)
        square += x[i] * x[i];
    return sqrt(square);
}

/* Row |i| of |rows| becomes a unit vector that is orthogonal to the |i| before it. */
static void complete_row(double *rows, int64_t i, int64_t length) {
    double *own = rows + i * length;
    for (int64_t axis = 0; axis < length; axis++) {
        memset(own, 0, (size_t)length * sizeof *own);
        own[axis] = 1;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t k = 0; k < i; k++) {
                double dot = 0;
                for (int64_t j = 0; j < length; j++)
                    dot += own[j] * rows[k * length + j];
                for (int64_t j = 0; j < length; j++)
                    own[j] -= dot * rows[k * length + j];
            }
        double size = length_of(own, length);
        if (size < 0.5 / sqrt((double)length)) continue;
        for (int64_t j = 0; j < length; j++)
            own[j] /= size;
        return;
    }
}

static acn_status infer_svd(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    ACN_TRY(acn_matrix_check(c, 0, false));
    int64_t m = acn_matrix_rows(x), n = acn_matrix_columns(x), k = least(m, n), none = 0;
    bool is_full = acn_attr_int(c, FULL);
    acn_matrix_out(c, 0, 1, k, 0);
    if (acn_attr_int(c, COMPUTE_UV)) {
        acn_matrix_out(c, 1, 2, m, is_full ? m : k);
        acn_matrix_out(c, 2, 2, n, is_full ? n : k);
    } else {
        acn_out_is(c, 1, x->dtype, acn_out(c, 1) ? -1 : 1, &none);
        acn_out_is(c, 2, x->dtype, acn_out(c, 2) ? -1 : 1, &none);
    }
    return ACN_OK;
}

static int64_t svd_room(const acn_call *c) {
    int64_t m = acn_matrix_rows(acn_in(c, 0)), n = acn_matrix_columns(acn_in(c, 0));
    int64_t high = m > n ? m : n;
    return 4 * high * high + m * n + 2 * high;
}

static acn_status plan_svd(acn_call *c) {
    double m = (double)acn_matrix_rows(acn_in(c, 0)), n = (double)acn_matrix_columns(acn_in(c, 0));
    return acn_matrix_plan(c, svd_room(c), 60 * m * n * (m < n ? m : n));
}

/* |rows|' first |columns| as the columns of one matrix of |t|. */
static void store_turned(const acn_tensor *t, int64_t batch, const double *rows, int64_t length,
                         int64_t columns, double *room) {
    for (int64_t i = 0; i < length; i++)
        for (int64_t j = 0; j < columns; j++)
            room[i * columns + j] = rows[j * length + i];
    acn_matrix_store(t, batch, room);
}

/* The shorter side's vectors are turned: k rows of |length| numbers. */
static acn_status decompose_svd(const acn_call *c, int64_t batch, double *room) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t m = acn_matrix_rows(x), n = acn_matrix_columns(x), k = least(m, n);
    int64_t length = m > n ? m : n, square = length * length;
    bool is_tall = m >= n, is_full = acn_attr_int(c, FULL);
    double *given = room, *a = given + m * n, *v = a + square, *sorted = v + square;
    double *turned = sorted + square, *sizes = turned + square, *values = sizes + length;
    acn_matrix_load(x, batch, given);
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < length; j++)
            a[i * length + j] = is_tall ? given[j * n + i] : given[i * n + j];
    memset(v, 0, (size_t)(k * k) * sizeof *v);
    for (int64_t i = 0; i < k; i++)
        v[i * k + i] = 1;
    rotate_rows(a, k, length, v);
    for (int64_t i = 0; i < k; i++)
        sizes[i] = length_of(a + i * length, length);
    double *long_side = sorted, *short_side = turned;
    for (int64_t place = 0; place < k; place++) { /* the largest that is left comes next */
        int64_t best = 0;
        for (int64_t i = 1; i < k; i++)
            if (sizes[i] > sizes[best] || sizes[best] < 0) best = i;
        values[place] = sizes[best];
        memcpy(short_side + place * k, v + best * k, (size_t)k * sizeof *v);
        bool has_direction = values[place] > DBL_MIN;
        for (int64_t j = 0; has_direction && j < length; j++)
            long_side[place * length + j] = a[best * length + j] / values[place];
        if (!has_direction) complete_row(long_side, place, length);
        sizes[best] = -1;
    }
    acn_vector_store(acn_out(c, 0), batch, k, values);
    if (!acn_attr_int(c, COMPUTE_UV)) return ACN_OK;
    int64_t long_columns = is_full ? length : k;
    for (int64_t i = k; i < long_columns; i++)
        complete_row(long_side, i, length);
    store_turned(acn_out(c, is_tall ? 1 : 2), batch, long_side, length, long_columns, a);
    store_turned(acn_out(c, is_tall ? 2 : 1), batch, short_side, k, k, a);
    return ACN_OK;
}

static acn_status run_svd(acn_call *c) { return acn_matrix_run(c, svd_room(c), decompose_svd); }
static acn_status run0_svd(acn_call *c) { return acn_matrix_run0(c, svd_room(c), run_svd); }

ACN_OP(Svd) = {
    .name = "Svd",
    .doc = "x = u diag(sigma) v^T; sigma descending, u and v orthogonal",
    .in = {{"x", MATRICES, ACN_UNALIASED}},
    .out = {{"sigma", MATRICES}, {"u", MATRICES, ACN_OPTIONAL}, {"v", MATRICES, ACN_OPTIONAL}},
    .attr = {{"full_matrices", ACN_ATTR_BOOL}, {"compute_uv", ACN_ATTR_BOOL, .fallback = 1}},
    .infer = infer_svd,
    .plan = plan_svd,
    .run = run_svd,
    .run0 = run0_svd,
    .cases = "tolerance=reduction [4,3] [3,4]|full_matrices=1 [2,5,3]|full_matrices=1 [0,3,3]",
};
