/* dft.c - Dft: Fourier transforms along the dimension before the last, which holds the real and
 * imaginary parts. Computed in double, rounded once. */
#include "ops/math/dft.h"

#include "base/pool.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH, INVERSE, ONESIDED };
enum { MOST_CHUNKS = 32 };

/* |is_half|: of an inverse one that is one-sided, the input's other half mirrors what is there. */
typedef struct dft_plan {
    acn_dft *dft;
    int64_t length, rows, in, out, chunks;
    int in_parts, out_parts;
    bool is_inverse, is_half;
} dft_plan;

static int64_t length_of(const acn_call *c) { return acn_attr_int(c, LENGTH); }

static acn_status infer(acn_call *c) {
    const acn_tensor *x = acn_in(c, 0);
    int64_t length = length_of(c), dims[ACN_MAX_DIMS];
    bool is_inverse = acn_attr_int(c, INVERSE), is_onesided = acn_attr_int(c, ONESIDED);
    if (x->rank < 2 || (x->dims[x->rank - 1] != 1 && x->dims[x->rank - 1] != 2))
        return acn_bad_input(c, 0, "expected [..., samples, 1 or 2 parts]");
    if (length < 1 || length > 1 << 28)
        return acn_bad_attr(c, LENGTH, "is %lld; expected 1 to 268435456", (long long)length);
    memcpy(dims, x->dims, (size_t)x->rank * sizeof *dims);
    dims[x->rank - 2] = is_onesided && !is_inverse ? length / 2 + 1 : length;
    dims[x->rank - 1] = is_onesided && is_inverse ? 1 : 2;
    acn_out_is(c, 0, x->dtype, x->rank, dims);
    return ACN_OK;
}

static void read_call(const acn_call *c, dft_plan *p) {
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    p->length = length_of(c);
    p->is_inverse = acn_attr_int(c, INVERSE);
    p->is_half = p->is_inverse && acn_attr_int(c, ONESIDED);
    p->in_parts = (int)x->dims[x->rank - 1];
    p->out_parts = (int)y->dims[y->rank - 1];
    p->out = y->dims[y->rank - 2];
    int64_t used = p->is_half ? p->length / 2 + 1 : p->length;
    p->in = x->dims[x->rank - 2] < used ? x->dims[x->rank - 2] : used;
    p->rows = 1;
    for (int d = 0; d < x->rank - 2; d++)
        p->rows *= x->dims[d];
}

static acn_status plan(acn_call *c) {
    dft_plan *p = acn_plan_alloc(c, sizeof *p);
    if (p == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    read_call(c, p);
    p->dft = acn_dft_plan(c, p->length);
    if (p->dft == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    p->chunks = p->rows < MOST_CHUNKS ? p->rows : MOST_CHUNKS;
    int64_t each = p->length + acn_dft_room(p->dft);
    c->plan->workspace_bytes = (uint64_t)(p->chunks * each) * sizeof(acn_complex);
    c->plan->cost_us = (uint32_t)((double)p->rows * (double)each / 100);
    c->plan->data = p;
    return ACN_OK;
}

/* Where row |row| begins; the last two dimensions follow by strides. */
static char *row_of(const acn_tensor *t, int64_t row) {
    int64_t offset = 0;
    for (int d = t->rank - 3; d >= 0; d--) {
        offset += row % t->dims[d] * t->strides[d];
        row /= t->dims[d];
    }
    return (char *)t->data + offset * (int64_t)acn_dtype_bytes(t->dtype);
}

static void read_row(const dft_plan *p, const acn_tensor *x, int64_t row, acn_complex *a) {
    int64_t bytes = (int64_t)acn_dtype_bytes(x->dtype);
    int64_t step = x->strides[x->rank - 2] * bytes, part = x->strides[x->rank - 1] * bytes;
    const char *from = row_of(x, row);
    memset(a, 0, (size_t)p->length * sizeof *a);
    for (int64_t n = 0; n < p->in; n++, from += step) {
        a[n].re = acn_load_value(from, x->dtype).f;
        if (p->in_parts == 2) a[n].im = acn_load_value(from + part, x->dtype).f;
    }
    for (int64_t n = 1; n < p->in && p->is_half; n++)
        if (2 * n < p->length) a[p->length - n] = (acn_complex){a[n].re, -a[n].im};
}

static void write_row(const dft_plan *p, const acn_tensor *y, int64_t row, const acn_complex *a) {
    int64_t bytes = (int64_t)acn_dtype_bytes(y->dtype);
    int64_t step = y->strides[y->rank - 2] * bytes, part = y->strides[y->rank - 1] * bytes;
    double divisor = p->is_inverse ? (double)p->length : 1;
    char *to = row_of(y, row);
    for (int64_t k = 0; k < p->out; k++, to += step) {
        acn_store_value(to, y->dtype, (acn_value){.f = a[k].re / divisor});
        if (p->out_parts == 2)
            acn_store_value(to + part, y->dtype, (acn_value){.f = a[k].im / divisor});
    }
}

static void run_chunk(void *context, int64_t chunk, int worker) {
    const acn_call *c = context;
    const dft_plan *p = c->plan->data;
    acn_complex *a = (acn_complex *)c->workspace + chunk * (p->length + acn_dft_room(p->dft));
    int64_t end = p->rows * (chunk + 1) / p->chunks;
    for (int64_t row = p->rows * chunk / p->chunks; row < end; row++) {
        read_row(p, acn_in(c, 0), row, a);
        acn_dft_run(p->dft, a, p->is_inverse, a + p->length);
        write_row(p, acn_out(c, 0), row, a);
    }
}

static acn_status run(acn_call *c) {
    const dft_plan *p = c->plan->data;
    acn_pool_run(p->chunks, run_chunk, c);
    return ACN_OK;
}

/* The sums as they stand. */
static acn_status run0(acn_call *c) {
    dft_plan p = {0};
    read_call(c, &p);
    acn_complex *a = calloc(2 * (size_t)p.length, sizeof *a), *y = a + p.length;
    if (a == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a transform");
    for (int64_t row = 0; row < p.rows; row++) {
        read_row(&p, acn_in(c, 0), row, a);
        for (int64_t k = 0; k < p.out; k++) {
            y[k] = (acn_complex){0, 0};
            for (int64_t n = 0; n < p.length; n++) {
                double angle =
                    (p.is_inverse ? 2 : -2) * M_PI * (double)(n * k % p.length) / (double)p.length;
                y[k].re += a[n].re * cos(angle) - a[n].im * sin(angle);
                y[k].im += a[n].re * sin(angle) + a[n].im * cos(angle);
            }
        }
        write_row(&p, acn_out(c, 0), row, y);
    }
    free(a);
    return ACN_OK;
}

ACN_OP(dft) = {
    .name = "Dft",
    .doc = "Discrete Fourier transform of |length| samples, which are cut or filled with zeros.",
    .in = {{"x", ACN_FLOATS}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {{.name = "length", .kind = ACN_ATTR_INT, .is_required = true},
             {.name = "inverse", .kind = ACN_ATTR_BOOL},
             {.name = "onesided", .kind = ACN_ATTR_BOOL}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [3,16,2]|length=16 [2,30,1]|length=30,onesided=1 "
             "[4,31,2]|length=31,inverse=1 f32+f64[2,3,77,1]|length=77 "
             "f32[5,9,2]|length=16,inverse=1,onesided=1 "
             "f32+f64[2,100,2]|length=94,inverse=1 f32[3,7,2]|length=8 f32[1,1,2]|length=1 "
             "f32[0,4,2]|length=4 "
             "f32[40,194,1]|length=194,onesided=1",
};
