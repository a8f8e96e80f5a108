/* solve.c - matrices that are solved by elimination: MatrixInverse, LogMatrixDeterminant
 * (aclnnSlogdet), Cholesky and TriangularSolve. */
#include "ops/linalg/complex.h"
#include <math.h>
#include <string.h>

/* ---- LU with row exchanges ------------------------------------------------------------------- */

/* Makes L (unit diagonal) and U of |a| in place; |order[i]| is the row that ended up as i. Gives
 * the sign of the exchanges, 0 when a pivot is 0. */
static int factorise(double *a, int64_t n, int64_t *order) {
    int sign = 1;
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t k = 0; k < n; k++) {
        int64_t pivot = k;
        for (int64_t i = k + 1; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[pivot * n + k])) pivot = i;
        if (a[pivot * n + k] == 0) return 0;
        if (pivot != k) {
            sign = -sign;
            int64_t row = order[k];
            order[k] = order[pivot];
            order[pivot] = row;
            for (int64_t j = 0; j < n; j++) {
                double x = a[k * n + j];
                a[k * n + j] = a[pivot * n + j];
                a[pivot * n + j] = x;
            }
        }
        for (int64_t i = k + 1; i < n; i++) {
            double factor = a[i * n + k] /= a[k * n + k];
            for (int64_t j = k + 1; j < n; j++)
                a[i * n + j] -= factor * a[k * n + j];
        }
    }
    return sign;
}

/* x, n rows of |columns| numbers, becomes the solution of T x = x; |t| is triangular. */
static void substitute(const double *t, int64_t n, bool is_upper, bool has_unit, double *x,
                       int64_t columns) {
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

/* ---- MatrixInverse --------------------------------------------------------------------------- */

static int64_t size_of(const acn_call *c) { return acn_matrix_rows(acn_in(c, 0)); }

static acn_status infer_same(acn_call *c) {
    ACN_TRY(acn_matrix_check(c, 0, true));
    acn_out_like(c, 0, acn_in(c, 0)->dtype, acn_in(c, 0));
    return ACN_OK;
}

static int64_t lu_room(const acn_call *c) { return size_of(c) * (2 * size_of(c) + 1); }

static acn_status plan_lu(acn_call *c) {
    double n = (double)size_of(c);
    return acn_matrix_plan(c, lu_room(c), n * n * n);
}

static acn_status invert(const acn_call *c, int64_t batch, double *room) {
    int64_t n = size_of(c), *order = (int64_t *)(room + 2 * n * n);
    double *inverse = room + n * n;
    acn_matrix_load(acn_in(c, 0), batch, room);
    if (n && factorise(room, n, order) == 0)
        return acn_fail(ACN_EXECUTION, "matrix %lld is singular; it has no inverse",
                        (long long)batch);
    memset(inverse, 0, (size_t)(n * n) * sizeof *inverse);
    for (int64_t i = 0; i < n; i++)
        inverse[i * n + order[i]] = 1;
    substitute(room, n, false, true, inverse, n);
    substitute(room, n, true, false, inverse, n);
    acn_matrix_store(acn_out(c, 0), batch, inverse);
    return ACN_OK;
}

static acn_status run_inverse(acn_call *c) { return acn_matrix_run(c, lu_room(c), invert); }

#define MATRICES     (ACN_T(ACN_F32) | ACN_T(ACN_F64))
#define WITH_COMPLEX (MATRICES | ACN_COMPLEXES)
#define LEVELS(name) .run = run_##name, .run0 = run0_##name
#define LEVEL_0(name, room)                                                                        \
    static acn_status run0_##name(acn_call *c) { return acn_matrix_run0(c, room, run_##name); }
LEVEL_0(inverse, lu_room(c))

ACN_OP(MatrixInverse) = {
    .name = "MatrixInverse",
    .doc = "y = the inverse of each matrix of x",
    .in = {{"x", MATRICES, ACN_UNALIASED}},
    .out = {{"y", MATRICES}},
    .infer = infer_same,
    .plan = plan_lu,
    LEVELS(inverse),
    .cases = "tolerance=reduction [1,1]@1..2 [3,4,4]@0.5..9 [0,3,3]",
};

/* ---- LogMatrixDeterminant -------------------------------------------------------------------- */

static acn_status infer_determinant(acn_call *c) {
    ACN_TRY(acn_matrix_check(c, 0, true));
    acn_matrix_out(c, 0, 0, 0, 0);
    acn_matrix_out(c, 1, 0, 0, 0);
    return ACN_OK;
}

static acn_status log_determinant(const acn_call *c, int64_t batch, double *room) {
    int64_t n = size_of(c), *order = (int64_t *)(room + 2 * n * n);
    acn_matrix_load(acn_in(c, 0), batch, room);
    double sign = n ? factorise(room, n, order) : 1, log_sum = 0;
    for (int64_t i = 0; sign != 0 && i < n; i++) {
        sign *= room[i * n + i] < 0 ? -1 : 1;
        log_sum += log(fabs(room[i * n + i]));
    }
    if (sign == 0) log_sum = -INFINITY;
    acn_vector_store(acn_out(c, 0), batch, 1, &sign);
    acn_vector_store(acn_out(c, 1), batch, 1, &log_sum);
    return ACN_OK;
}

static acn_status run_determinant(acn_call *c) {
    return acn_matrix_run(c, lu_room(c), log_determinant);
}
LEVEL_0(determinant, lu_room(c))

ACN_OP(LogMatrixDeterminant) = {
    .name = "LogMatrixDeterminant",
    .doc = "sign and logarithm of the size of each matrix's determinant",
    .in = {{"x", MATRICES, ACN_UNALIASED}},
    .out = {{"sign", MATRICES}, {"y", MATRICES}},
    .infer = infer_determinant,
    .plan = plan_lu,
    LEVELS(determinant),
    .cases = "tolerance=reduction [3,3] [2,5,5] [0,3,3] [2,0,0]",
};

/* ---- Cholesky -------------------------------------------------------------------------------- */

static int64_t cholesky_room(const acn_call *c) {
    return size_of(c) * size_of(c) * acn_matrix_doubles(c);
}

static acn_status plan_cholesky(acn_call *c) {
    double n = (double)size_of(c);
    return acn_matrix_plan(c, cholesky_room(c), n * n * n / 3);
}

static acn_status cholesky(const acn_call *c, int64_t batch, double *a) {
    int64_t n = size_of(c);
    bool is_upper = acn_attr_int(c, 0);
    if (acn_dtype_is_complex(acn_in(c, 0)->dtype)) {
        double complex *z = (double complex *)a;
        acn_complex_load(acn_in(c, 0), batch, z);
        ACN_TRY(acn_complex_cholesky(c, batch, z, is_upper));
        acn_complex_store(acn_out(c, 0), batch, z);
        return ACN_OK;
    }
    acn_matrix_load(acn_in(c, 0), batch, a);
    for (int64_t i = 0; is_upper && i < n; i++) /* PyTorch reads the half that it writes */
        for (int64_t j = 0; j < i; j++)
            a[i * n + j] = a[j * n + i];
    for (int64_t j = 0; j < n; j++) {
        double square = a[j * n + j];
        for (int64_t k = 0; k < j; k++)
            square -= a[j * n + k] * a[j * n + k];
        if (!(square > 0))
            return acn_fail(ACN_EXECUTION,
                            "matrix %lld is not positive definite: its leading minor of order %lld",
                            (long long)batch, (long long)j + 1);
        a[j * n + j] = sqrt(square);
        for (int64_t i = j + 1; i < n; i++) {
            double sum = a[i * n + j];
            for (int64_t k = 0; k < j; k++)
                sum -= a[i * n + k] * a[j * n + k];
            a[i * n + j] = sum / a[j * n + j];
        }
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++) {
            a[i * n + j] = is_upper ? a[j * n + i] : 0;
            if (is_upper) a[j * n + i] = 0;
        }
    acn_matrix_store(acn_out(c, 0), batch, a);
    return ACN_OK;
}

static acn_status run_cholesky(acn_call *c) {
    return acn_matrix_run(c, cholesky_room(c), cholesky);
}
LEVEL_0(cholesky, cholesky_room(c))

ACN_OP(Cholesky) = {
    .name = "Cholesky",
    .doc = "y = L with L L^T = x (upper: U with U^T U = x) for each positive definite matrix of x",
    .in = {{"x", WITH_COMPLEX, ACN_UNALIASED}},
    .out = {{"y", WITH_COMPLEX}},
    .attr = {{"upper", ACN_ATTR_BOOL}},
    .infer = infer_same,
    .plan = plan_cholesky,
    LEVELS(cholesky),
    .cases = "tolerance=reduction f32+f64[1,1]@1..4 f32+f64[3,1,1]@1..4|upper=1 [0,3,3]",
};

/* ---- TriangularSolve ------------------------------------------------------------------------- */

enum { B, A, UPPER = 0, TRANSPOSE, UNIT };

static acn_status infer_triangular(acn_call *c) {
    const acn_tensor *b = acn_in(c, B), *a = acn_in(c, A);
    ACN_TRY(acn_matrix_check(c, B, false));
    ACN_TRY(acn_matrix_check(c, A, true));
    bool fits = a->rank == b->rank && acn_matrix_rows(a) == acn_matrix_rows(b);
    for (int d = 0; fits && d < a->rank - 2; d++)
        fits = a->dims[d] == b->dims[d];
    if (!fits) return acn_bad_input(c, A, "expected the batches and rows of the right-hand side");
    if (acn_dtype_is_complex(a->dtype) != acn_dtype_is_complex(b->dtype))
        return acn_bad_input(c, A, "expected the right-hand side's type");
    acn_out_like(c, 0, b->dtype, b);
    acn_out_like(c, 1, a->dtype, a);
    return ACN_OK;
}

static int64_t triangular_room(const acn_call *c) {
    const acn_tensor *b = acn_in(c, B);
    int64_t n = acn_matrix_rows(b);
    return n * (2 * n + acn_matrix_columns(b)) * acn_matrix_doubles(c);
}

static acn_status plan_triangular(acn_call *c) {
    const acn_tensor *b = acn_in(c, B);
    double n = (double)acn_matrix_rows(b);
    return acn_matrix_plan(c, triangular_room(c), n * n * (double)acn_matrix_columns(b));
}

static void complex_triangular(const acn_call *c, int64_t batch, double complex *a) {
    const acn_tensor *b = acn_in(c, B);
    int64_t n = acn_matrix_rows(b);
    double complex *turned = a + n * n, *x = turned + n * n;
    bool is_upper = acn_attr_int(c, UPPER), is_turned = acn_attr_int(c, TRANSPOSE);
    acn_complex_load(acn_in(c, A), batch, a);
    acn_complex_load(b, batch, x);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            turned[i * n + j] = a[j * n + i];
    acn_complex_substitute(is_turned ? turned : a, n, is_upper != is_turned, acn_attr_int(c, UNIT),
                           x, acn_matrix_columns(b));
    acn_complex_store(acn_out(c, 0), batch, x);
    if (acn_out(c, 1)) acn_complex_store(acn_out(c, 1), batch, a);
}

static acn_status triangular(const acn_call *c, int64_t batch, double *room) {
    const acn_tensor *b = acn_in(c, B);
    if (acn_dtype_is_complex(b->dtype)) {
        complex_triangular(c, batch, (double complex *)room);
        return ACN_OK;
    }
    int64_t n = acn_matrix_rows(b), columns = acn_matrix_columns(b);
    double *a = room, *turned = room + n * n, *x = turned + n * n;
    bool is_upper = acn_attr_int(c, UPPER), is_turned = acn_attr_int(c, TRANSPOSE);
    acn_matrix_load(acn_in(c, A), batch, a);
    acn_matrix_load(b, batch, x);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            turned[i * n + j] = a[j * n + i];
    substitute(is_turned ? turned : a, n, is_upper != is_turned, acn_attr_int(c, UNIT), x, columns);
    acn_matrix_store(acn_out(c, 0), batch, x);
    if (acn_out(c, 1)) acn_matrix_store(acn_out(c, 1), batch, a);
    return ACN_OK;
}

static acn_status run_triangular(acn_call *c) {
    return acn_matrix_run(c, triangular_room(c), triangular);
}
LEVEL_0(triangular, triangular_room(c))

ACN_OP(TriangularSolve) = {
    .name = "TriangularSolve",
    .doc = "x = the solution of a x = b for triangular matrices a, and a copy of a",
    .in = {{"b", WITH_COMPLEX, ACN_UNALIASED}, {"a", WITH_COMPLEX, ACN_UNALIASED}},
    .out = {{"x", WITH_COMPLEX}, {"m", WITH_COMPLEX, ACN_OPTIONAL}},
    .attr = {{"upper", ACN_ATTR_BOOL, .fallback = 1},
             {"transpose", ACN_ATTR_BOOL},
             {"unitriangular", ACN_ATTR_BOOL}},
    .infer = infer_triangular,
    .plan = plan_triangular,
    LEVELS(triangular),
    .cases = "tolerance=reduction [4,2],[4,4]@1..2 [3,4,2],[3,4,4]@1..2|upper=0 "
             "[4,2],[4,4]@1..2|transpose=1 [4,2],[4,4]@0..1|unitriangular=1 [0,4,2],[0,4,4]",
};
