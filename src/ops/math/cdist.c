/* cdist.c - distances of order p between rows: Cdist of every row of one matrix from every row of
 * another (in batches), Pdist of all pairs of one, and the gradient of Cdist.
 *
 * Many rows of x2 are turned so that one element of each lies side by side, and a row of x1 meets
 * them all at once: differences, never differences of squares, so that near rows keep their digits.
 */
#include "base/pool.h"
#include "ops/kernels/norm.h"
#include "ops/layout/copy.h"
#include <math.h>
#include <string.h>

enum { X1, X2, LANES = 512, ROWS = 32, SLICE = 16 };

static double order_of(const acn_call *c) { return acn_attr_float(c, 0); }

/* ---- shapes ---------------------------------------------------------------------------------- */

typedef struct shape {
    int batch_rank;
    int64_t batch[ACN_MAX_DIMS], batches, rows1, rows2, width;
} shape;

static acn_status read_shape(const acn_call *c, int first, shape *s) {
    const acn_tensor *a = acn_in(c, first), *b = acn_in(c, first + 1);
    *s = (shape){0};
    if (a->rank < 2) return acn_bad_input(c, first, "expected at least two dimensions");
    if (b->rank < 2 || a->dims[a->rank - 1] != b->dims[b->rank - 1])
        return acn_bad_input(c, first + 1, "expected rows of %lld elements",
                             (long long)a->dims[a->rank - 1]);
    if (!acn_shape_broadcast(&s->batch_rank, s->batch, a->rank - 2, a->dims) ||
        !acn_shape_broadcast(&s->batch_rank, s->batch, b->rank - 2, b->dims))
        return acn_bad_input(c, first + 1, "its batches do not broadcast with those before");
    s->rows1 = a->dims[a->rank - 2];
    s->rows2 = b->dims[b->rank - 2];
    s->width = a->dims[a->rank - 1];
    s->batches = 1;
    for (int d = 0; d < s->batch_rank; d++)
        s->batches *= s->batch[d];
    return ACN_OK;
}

static void result_dims(const shape *s, int64_t columns, int64_t *dims) {
    memcpy(dims, s->batch, sizeof s->batch);
    dims[s->batch_rank] = s->rows1;
    dims[s->batch_rank + 1] = columns;
}

/* Address of a matrix of |t|; the last two dimensions' steps are in bytes. */
typedef struct matrix {
    char *data;
    int64_t row, column;
    acn_dtype dtype;
} matrix;

static matrix matrix_at(const acn_tensor *t, const shape *s, int64_t batch) {
    int64_t bytes = (int64_t)acn_dtype_bytes(t->dtype), at = 0;
    for (int d = s->batch_rank - 1, own = t->rank - 3; d >= 0; d--, own--) {
        if (own >= 0 && t->dims[own] != 1) at += batch % s->batch[d] * t->strides[own];
        batch /= s->batch[d];
    }
    return (matrix){.data = (char *)t->data + at * bytes,
                    .row = t->strides[t->rank - 2] * bytes,
                    .column = t->strides[t->rank - 1] * bytes,
                    .dtype = t->dtype};
}

static double value_at(const matrix *m, int64_t row, int64_t column) {
    return acn_load_value(m->data + row * m->row + column * m->column, m->dtype).f;
}

/* ---- the order ------------------------------------------------------------------------------- */

static double finish(double p, double sum) {
    return p == 2 ? sqrt(sum) : p == 0 || p == 1 || isinf(p) ? sum : pow(sum, 1 / p);
}

/* One more difference. A NaN stays. */
static double taken(double p, double sum, double difference) {
    double d = fabs(difference);
    if (isinf(p)) return isnan(d) || isnan(sum) ? NAN : d > sum ? d : sum;
    return sum + (p == 2 ? d * d : p == 1 ? d : p == 0 ? (double)(d != 0) : pow(d, p));
}

static acn_status check_order(const acn_call *c) {
    double p = order_of(c);
    return p >= 0 ? ACN_OK : acn_bad_attr(c, 0, "is %g; expected an order of at least 0", p);
}

/* ---- Cdist ----------------------------------------------------------------------------------- */

static acn_status infer_cdist(acn_call *c) {
    shape s;
    int64_t dims[ACN_MAX_DIMS];
    ACN_TRY(read_shape(c, X1, &s));
    ACN_TRY(check_order(c));
    result_dims(&s, s.rows2, dims);
    acn_out_is(c, 0, acn_in(c, X1)->dtype, s.batch_rank + 2, dims);
    return ACN_OK;
}

static acn_status plan_cdist(acn_call *c) {
    shape *s = acn_plan_alloc(c, sizeof *s);
    if (!s) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    ACN_TRY(read_shape(c, X1, s));
    c->plan->data = s;
    double work = (double)s->batches * (double)s->rows1 * (double)s->rows2 * (double)s->width;
    c->plan->cost_us = work < 1e12 ? (uint32_t)(work / 5000) : 1u << 28;
    return ACN_OK;
}

typedef union tile {
    float f[LANES];
    double d[LANES];
} tile;

/* Elements of many rows, each element's lanes side by side; a cache line between those keeps them
 * out of each other's cache sets. */
enum { STEP = LANES + 16 };
typedef union slice {
    float f[SLICE][STEP];
    double d[SLICE][STEP];
} slice;

static void splat(const acn_kernels *k, acn_class class, tile *t, double value, int64_t n) {
    float narrow = (float)value;
    k->fill(t, class == ACN_K_F32 ? (const void *)&narrow : &value, acn_class_bytes(class),
            (size_t)n);
}

/* sums += what |lanes| rows of x2 differ in from the value of x1's element. */
static void take_element(const acn_kernels *k, acn_class class, double p, tile *sums,
                         const void *other, double value, int64_t n) {
    tile own, difference, powers;
    splat(k, class, &own, value, n);
    k->micro[ACN_U_SUB][class](&difference, other, &own, NULL, n);
    k->micro[ACN_U_ABS][class](&difference, &difference, NULL, NULL, n);
    if (isinf(p)) {
        k->micro[ACN_U_MAX][class](sums, sums, &difference, NULL, n);
        return;
    }
    if (p == 0) {
        uint8_t differs[LANES];
        splat(k, class, &powers, 0, n);
        k->micro[ACN_U_NE][class](differs, &difference, &powers, NULL, n);
        k->cast[ACN_K_B8][class](&difference, differs, n);
    } else if (p != 1) {
        splat(k, class, &powers, p, n);
        k->micro[ACN_U_POW][class](&difference, &difference, &powers, NULL, n);
    }
    k->micro[ACN_U_ADD][class](sums, sums, &difference, NULL, n);
}

/* The same of elements [from, from + n) of row |row| of x1. */
static void take_slice(const acn_kernels *k, acn_class class, double p, tile *sums,
                       const slice *turned, const matrix *a, int64_t row, int64_t from, int64_t n,
                       int64_t lanes) {
    tile values;
    if (p != 2) {
        for (int64_t j = 0; j < n; j++)
            take_element(k, class, p, sums,
                         class == ACN_K_F32 ? (const void *)turned->f[j] : turned->d[j],
                         value_at(a, row, from + j), lanes);
        return;
    }
    for (int64_t j = 0; j < n; j++)
        if (class == ACN_K_F32)
            values.f[j] = (float)value_at(a, row, from + j);
        else
            values.d[j] = value_at(a, row, from + j);
    k->norm[class].column_squares(sums, turned, STEP, &values, n, lanes);
}

static void store_row(const acn_kernels *k, acn_class class, double p, const matrix *y, int64_t row,
                      int64_t column, tile *sums, int64_t n) {
    tile powers;
    if (p == 2) {
        k->micro[ACN_U_SQRT][class](sums, sums, NULL, NULL, n);
    } else if (p != 0 && p != 1 && !isinf(p)) {
        splat(k, class, &powers, 1 / p, n);
        k->micro[ACN_U_POW][class](sums, sums, &powers, NULL, n);
    }
    char packed[LANES * 8], *to = y->data + row * y->row + column * y->column;
    int64_t bytes = (int64_t)acn_dtype_bytes(y->dtype);
    if (y->column == bytes) {
        k->store[y->dtype][class](to, sums, n);
        return;
    }
    k->store[y->dtype][class](packed, sums, n);
    for (int64_t i = 0; i < n; i++)
        memcpy(to + i * y->column, packed + i * bytes, (size_t)bytes);
}

/* Elements [from, from + n) of rows [lane, lane + lanes). */
static void turn(const matrix *b, int64_t lane, int64_t lanes, int64_t from, int64_t n,
                 slice *turned, acn_class class) {
    for (int64_t i = 0; i < lanes; i++) {
        const char *x = b->data + (lane + i) * b->row + from * b->column;
        for (int64_t j = 0; j < n; j++, x += b->column)
            if (b->dtype == ACN_F32)
                turned->f[j][i] = *(const float *)x;
            else if (class == ACN_K_F32)
                turned->f[j][i] = (float)acn_load_value(x, b->dtype).f;
            else
                turned->d[j][i] = *(const double *)x;
    }
}

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* ROWS rows of x1 against LANES rows of x2, SLICE elements at a time. */
static void run_block(void *context, int64_t block, int worker) {
    (void)worker;
    const acn_call *c = context;
    const shape *s = c->plan->data;
    int64_t across = ceil_div(s->rows2, LANES), down = ceil_div(s->rows1, ROWS);
    int64_t lane = block % across * LANES, row = block / across % down * ROWS;
    int64_t batch = block / across / down;
    matrix a = matrix_at(acn_in(c, X1), s, batch), b = matrix_at(acn_in(c, X2), s, batch);
    matrix y = matrix_at(acn_out(c, 0), s, batch);
    int64_t lanes = s->rows2 - lane < LANES ? s->rows2 - lane : LANES;
    int64_t rows = s->rows1 - row < ROWS ? s->rows1 - row : ROWS;
    const acn_kernels *k = acn_kernels_get();
    acn_class class = a.dtype == ACN_F64 ? ACN_K_F64 : ACN_K_F32;
    double p = order_of(c);
    tile sums[ROWS];
    slice turned;
    memset(sums, 0, sizeof sums);
    for (int64_t from = 0; from < s->width; from += SLICE) {
        int64_t n = s->width - from < SLICE ? s->width - from : SLICE;
        turn(&b, lane, lanes, from, n, &turned, class);
        for (int64_t i = 0; i < rows; i++)
            take_slice(k, class, p, &sums[i], &turned, &a, row + i, from, n, lanes);
    }
    for (int64_t i = 0; i < rows; i++)
        store_row(k, class, p, &y, row + i, lane, &sums[i], lanes);
}

static acn_status run_cdist(acn_call *c) {
    const shape *s = c->plan->data;
    acn_pool_run(s->batches * ceil_div(s->rows1, ROWS) * ceil_div(s->rows2, LANES), run_block, c);
    return ACN_OK;
}

static double distance(const matrix *a, int64_t i, const matrix *b, int64_t j, int64_t width,
                       double p) {
    double sum = 0;
    for (int64_t m = 0; m < width; m++)
        sum = taken(p, sum, value_at(a, i, m) - value_at(b, j, m));
    return finish(p, sum);
}

static acn_status run0_cdist(acn_call *c) {
    shape s;
    ACN_TRY(read_shape(c, X1, &s));
    for (int64_t at = 0; at < acn_tensor_count(acn_out(c, 0)); at++) {
        int64_t j = at % s.rows2, i = at / s.rows2 % s.rows1, batch = at / s.rows2 / s.rows1;
        matrix a = matrix_at(acn_in(c, X1), &s, batch), b = matrix_at(acn_in(c, X2), &s, batch);
        acn_store_value(acn_tensor_at(acn_out(c, 0), at), acn_out(c, 0)->dtype,
                        (acn_value){.f = distance(&a, i, &b, j, s.width, order_of(c))});
    }
    return ACN_OK;
}

#define ORDER                                                                                      \
    { .name = "p", .kind = ACN_ATTR_FLOAT, .fallback = 2 }

ACN_OP(Cdist) = {
    .name = "Cdist",
    .doc = "y[.., i, j] = the distance of order p between row i of x1 and row j of x2",
    .in = {{"x1", ACN_FLOATS, ACN_UNALIASED}, {"x2", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {ORDER, {"compute_mode", ACN_ATTR_INT}},
    .infer = infer_cdist,
    .plan = plan_cdist,
    .run = run_cdist,
    .run0 = run0_cdist,
    .cases = "tolerance=contraction [5,7],[3,7] [2,5,7],[2,3,7]|p=1 [2,1,5,7],[3,4,7]|p=inf "
             "[5,7],[3,7]|p=0 [5,7],[3,7]|p=3 f32[33,70],[150,70] [5,0],[3,0] [0,7],[3,7]",
};

/* ---- Pdist ----------------------------------------------------------------------------------- */

static acn_status infer_pdist(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    if (x->rank != 2) return acn_bad_input(c, 0, "expected a matrix");
    ACN_TRY(check_order(c));
    int64_t n = x->dims[0], pairs = n > 1 ? n * (n - 1) / 2 : 0;
    acn_out_is(c, 0, x->dtype, 1, &pairs);
    return ACN_OK;
}

static void pairs_of_row(void *context, int64_t i, int worker) {
    (void)worker;
    const acn_call *c = context;
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    shape s = {.batches = 1};
    matrix m = matrix_at(x, &s, 0);
    int64_t n = x->dims[0], first = i * n - i * (i + 1) / 2;
    for (int64_t j = i + 1; j < n; j++)
        acn_store_value(acn_tensor_at(y, first + j - i - 1), y->dtype,
                        (acn_value){.f = distance(&m, i, &m, j, x->dims[1], order_of(c))});
}

static acn_status run_pdist(acn_call *c) {
    acn_pool_run(acn_in(c, 0)->dims[0], pairs_of_row, c);
    return ACN_OK;
}

static acn_status run0_pdist(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    int64_t at = 0;
    for (int64_t i = 0; i < x->dims[0]; i++)
        for (int64_t j = i + 1; j < x->dims[0]; j++) {
            double sum = 0;
            for (int64_t m = 0; m < x->dims[1]; m++) {
                double a = acn_load_value(acn_tensor_at_index(x, (int64_t[]){i, m}), x->dtype).f;
                double b = acn_load_value(acn_tensor_at_index(x, (int64_t[]){j, m}), x->dtype).f;
                sum = taken(order_of(c), sum, b - a);
            }
            acn_store_value(acn_tensor_at(y, at++), y->dtype,
                            (acn_value){.f = finish(order_of(c), sum)});
        }
    return ACN_OK;
}

ACN_OP(Pdist) = {
    .name = "Pdist",
    .doc = "y = the distances of order p between all pairs of rows of x",
    .in = {{"x", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {ORDER},
    .infer = infer_pdist,
    .run = run_pdist,
    .run0 = run0_pdist,
    .cases = "tolerance=contraction [5,7] [9,3]|p=1 [4,5]|p=inf [4,5]|p=0 [4,5]|p=2.5 [1,5] [0,5]",
};

/* ---- gradient of Cdist ----------------------------------------------------------------------- */

enum { GRAD, G1, G2, DISTANCES };

/* What element |difference| of a row adds to the gradient, for a distance and its gradient. */
static double gradient(double p, double difference, double distance, double grad) {
    double d = fabs(difference), sign = (difference > 0) - (difference < 0);
    if (p == 0 || distance == 0) return 0;
    if (p == 1) return sign * grad;
    if (isinf(p)) return d == distance ? sign * grad : 0;
    if (d == 0 && p < 1) return 0;
    return sign * pow(d, p - 1) * grad / pow(distance, p - 1);
}

/* As the distance saw it: of floats, rounded to one. */
static double difference_of(const matrix *a, int64_t i, const matrix *b, int64_t j, int64_t m) {
    double d = value_at(a, i, m) - value_at(b, j, m);
    return a->dtype == ACN_F64 ? d : (double)(float)d;
}

static acn_status infer_grad(acn_call *c) {
    shape s;
    int64_t dims[ACN_MAX_DIMS];
    ACN_TRY(read_shape(c, G1, &s));
    ACN_TRY(check_order(c));
    for (int slot = GRAD; slot <= DISTANCES; slot += DISTANCES) {
        const acn_tensor *t = acn_in(c, slot);
        bool fits = t->rank == s.batch_rank + 2 && t->dims[t->rank - 2] == s.rows1 &&
                    t->dims[t->rank - 1] == s.rows2;
        for (int d = 0; fits && d < s.batch_rank; d++)
            fits = t->dims[d] == s.batch[d];
        if (!fits) return acn_bad_input(c, slot, "expected the shape of the distances");
    }
    result_dims(&s, s.width, dims);
    acn_out_is(c, 0, acn_in(c, G1)->dtype, s.batch_rank + 2, dims);
    return ACN_OK;
}

static void grad_of_row(void *context, int64_t number, int worker) {
    (void)worker;
    const acn_call *c = context;
    shape s;
    (void)read_shape(c, G1, &s);
    int64_t i = number % s.rows1, batch = number / s.rows1;
    matrix a = matrix_at(acn_in(c, G1), &s, batch), b = matrix_at(acn_in(c, G2), &s, batch);
    matrix g = matrix_at(acn_in(c, GRAD), &s, batch), y = matrix_at(acn_out(c, 0), &s, batch);
    matrix distances = matrix_at(acn_in(c, DISTANCES), &s, batch);
    for (int64_t m = 0; m < s.width; m++) {
        double sum = 0;
        for (int64_t j = 0; j < s.rows2; j++)
            sum += gradient(order_of(c), difference_of(&a, i, &b, j, m), value_at(&distances, i, j),
                            value_at(&g, i, j));
        acn_store_value(y.data + i * y.row + m * y.column, y.dtype, (acn_value){.f = sum});
    }
}

static acn_status run_grad(acn_call *c) {
    shape s;
    ACN_TRY(read_shape(c, G1, &s));
    acn_pool_run(s.batches * s.rows1, grad_of_row, c);
    return ACN_OK;
}

static acn_status run0_grad(acn_call *c) {
    shape s;
    ACN_TRY(read_shape(c, G1, &s));
    for (int64_t at = 0; at < acn_tensor_count(acn_out(c, 0)); at++) {
        int64_t m = at % s.width, i = at / s.width % s.rows1, batch = at / s.width / s.rows1;
        double sum = 0;
        for (int64_t j = s.rows2 - 1; j >= 0; j--) {
            matrix a = matrix_at(acn_in(c, G1), &s, batch), b = matrix_at(acn_in(c, G2), &s, batch);
            matrix g = matrix_at(acn_in(c, GRAD), &s, batch);
            matrix d = matrix_at(acn_in(c, DISTANCES), &s, batch);
            sum += gradient(order_of(c), difference_of(&a, i, &b, j, m), value_at(&d, i, j),
                            value_at(&g, i, j));
        }
        acn_store_value(acn_tensor_at(acn_out(c, 0), at), acn_out(c, 0)->dtype,
                        (acn_value){.f = sum});
    }
    return ACN_OK;
}

ACN_OP(CdistGrad) = {
    .name = "CdistGrad",
    .doc = "y = the gradient of Cdist for x1",
    .in = {{"grad", ACN_FLOATS, ACN_UNALIASED},
           {"x1", ACN_FLOATS, ACN_UNALIASED},
           {"x2", ACN_FLOATS, ACN_UNALIASED},
           {"cdist", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {ORDER},
    .infer = infer_grad,
    .run = run_grad,
    .run0 = run0_grad,
    .cases =
        "tolerance=reduction [5,3],[5,7],[3,7],[5,3]@1..2 [2,5,3],[2,5,7],[2,3,7],[2,5,3]@1..2|p=1 "
        "[5,3],[5,7],[3,7],[5,3]@1..2|p=3 [5,3],[5,7],[3,7],[5,3]@1..2|p=inf",
};

/* ---- the same as GE has it: everything broadcast to [.., rows1, rows2, width] -------------------
 */

/* Sizes of the gradient before it is summed over the batches that x1 was repeated for. */
static int whole_dims(const acn_call *c, int64_t *dims) {
    const acn_tensor *x = acn_in(c, G1);
    int rank = 0;
    for (int d = 0; d < x->rank; d++)
        if (d != x->rank - 2) dims[rank++] = x->dims[d];
    return rank;
}

static acn_status infer_broadcast(acn_call *c) {
    const acn_tensor *x = acn_in(c, G1), *y = acn_out(c, 0);
    if (x->rank < 3) return acn_bad_input(c, G1, "expected at least 3 dimensions");
    for (int slot = GRAD; slot <= DISTANCES; slot++)
        if (!acn_tensor_same_shape(acn_in(c, slot), x))
            return acn_bad_input(c, slot, "expected the shape of x1");
    int64_t dims[ACN_MAX_DIMS];
    int rank = whole_dims(c, dims);
    acn_out_is(c, 0, y ? ACN_UNDEFINED : x->dtype, rank, dims);
    bool fits = y && y->rank >= 2 && y->rank <= rank;
    for (int d = 1; fits && d <= y->rank; d++)
        fits = y->dims[y->rank - d] == dims[rank - d] || (d > 2 && y->dims[y->rank - d] == 1);
    if (fits) acn_out_like(c, 0, ACN_UNDEFINED, y); /* x1's own shape: the client repeated it */
    return ACN_OK;
}

/* GE says -1 where the order is infinite. */
static double broadcast_order(const acn_call *c) {
    return acn_attr_float(c, 0) < 0 ? INFINITY : acn_attr_float(c, 0);
}

/* Element |i| of the whole gradient. */
static double whole_gradient(const acn_call *c, int64_t i) {
    const acn_tensor *x1 = acn_in(c, G1);
    int64_t width = x1->dims[x1->rank - 1], rows = x1->dims[x1->rank - 2];
    double sum = 0;
    for (int64_t j = 0; j < rows; j++) {
        int64_t at = (i / width * rows + j) * width + i % width;
        double v[4];
        for (int slot = GRAD; slot <= DISTANCES; slot++)
            v[slot] = acn_load_value(acn_tensor_at(acn_in(c, slot), at), acn_in(c, slot)->dtype).f;
        double d = v[G1] - v[G2];
        if (x1->dtype != ACN_F64 && acn_in(c, G2)->dtype != ACN_F64) d = (float)d;
        sum += gradient(broadcast_order(c), d, v[DISTANCES], v[GRAD]);
    }
    return sum;
}

static void grad_of_element(void *context, int64_t i, int worker) {
    (void)worker;
    const acn_call *c = context;
    const acn_tensor *y = acn_out(c, 0);
    int64_t dims[ACN_MAX_DIMS], step = 1, base = 0, rest = i, repeats = 1;
    int64_t size[ACN_MAX_DIMS], stride[ACN_MAX_DIMS];
    int rank = whole_dims(c, dims), repeated = 0;
    for (int d = 1; d <= rank; d++) {
        int64_t own = d <= y->rank ? y->dims[y->rank - d] : 1, whole = dims[rank - d];
        if (own == whole) {
            base += rest % own * step;
            rest /= own;
        } else {
            size[repeated] = whole, stride[repeated++] = step;
            repeats *= whole;
        }
        step *= whole;
    }
    double sum = 0;
    for (int64_t k = 0; k < repeats; k++) {
        int64_t at = base, left = k;
        for (int d = 0; d < repeated; d++) {
            at += left % size[d] * stride[d];
            left /= size[d];
        }
        sum += whole_gradient(c, at);
    }
    acn_store_value(acn_tensor_at(y, i), y->dtype, (acn_value){.f = sum});
}

static acn_status run_broadcast(acn_call *c) {
    acn_pool_run(acn_tensor_count(acn_out(c, 0)), grad_of_element, c);
    return ACN_OK;
}

static acn_status run0_broadcast(acn_call *c) {
    for (int64_t i = 0; i < acn_tensor_count(acn_out(c, 0)); i++)
        grad_of_element(c, i, 0);
    return ACN_OK;
}

ACN_OP(CdistGradBroadcast) = {
    .name = "CdistGradBroadcast",
    .doc = "CdistGrad of inputs that are all [.., rows1, rows2, width]",
    .in = {{"grad", ACN_FLOATS, ACN_UNALIASED},
           {"x1", ACN_FLOATS, ACN_UNALIASED},
           {"x2", ACN_FLOATS, ACN_UNALIASED},
           {"cdist", ACN_FLOATS, ACN_UNALIASED}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {ORDER},
    .infer = infer_broadcast,
    .run = run_broadcast,
    .run0 = run0_broadcast,
    .cases = "tolerance=reduction [5,3,7],[5,3,7],[5,3,7],[5,3,7]@1..2 "
             "[2,5,3,7],[2,5,3,7],[2,5,3,7],[2,5,3,7]@1..2|p=-1 "
             "[2,5,3,7],[2,5,3,7],[2,5,3,7],[2,5,3,7]@1..2->[5,7]",
};
