/* stft.c - Stft: Fourier transforms of overlapping, windowed frames of a signal, as products with
 * the transform's matrix.
 *
 *   y[b, k, f] = scale * sum over t of window[t] x[b, f * hop + t] e^(-2 pi i k t / n_fft)
 *
 * The result is complex, or has real and imaginary parts in a last dimension. */
#include "ops/kernels/gemm.h"
#include "ops/math/viewed.h"
#include "ops/op.h"
#include <math.h>

enum { X, WINDOW };
enum { N_FFT, HOP, WIN_LENGTH, NORMALIZED, ONESIDED, RETURN_COMPLEX };

typedef struct transform {
    bool has_batch, is_complex; /* the signal is */
    int64_t batch, length, n, hop, window, frames, bins;
} transform;

static acn_status read_transform(const acn_call *c, transform *t) {
    const acn_tensor *x = acn_in(c, X), *w = acn_in(c, WINDOW);
    if (x->rank != 1 && x->rank != 2) return acn_bad_input(c, X, "expected 1 or 2 dimensions");
    *t = (transform){.has_batch = x->rank == 2,
                     .is_complex = acn_dtype_is_complex(x->dtype),
                     .batch = x->rank == 2 ? x->dims[0] : 1,
                     .length = x->dims[x->rank - 1],
                     .n = acn_attr_int(c, N_FFT),
                     .hop = acn_attr_int(c, HOP),
                     .window = acn_attr_int(c, WIN_LENGTH)};
    if (t->n < 1 || t->n > t->length)
        return acn_bad_attr(c, N_FFT, "is %lld; expected 1 to the signal's %lld", (long long)t->n,
                            (long long)t->length);
    if (t->hop < 1) return acn_bad_attr(c, HOP, "is %lld; expected at least 1", (long long)t->hop);
    if (t->window == 0) t->window = t->n;
    if (t->window < 1 || t->window > t->n)
        return acn_bad_attr(c, WIN_LENGTH, "is %lld; expected 1 to n_fft, %lld",
                            (long long)t->window, (long long)t->n);
    if (w && (w->rank != 1 || w->dims[0] != t->window))
        return acn_bad_input(c, WINDOW, "expected one number for each of the window's %lld",
                             (long long)t->window);
    if (acn_attr_int(c, ONESIDED) && t->is_complex)
        return acn_bad_attr(c, ONESIDED, "is true; a complex signal's transform has two sides");
    t->frames = (t->length - t->n) / t->hop + 1;
    t->bins = acn_attr_int(c, ONESIDED) ? t->n / 2 + 1 : t->n;
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    transform t;
    ACN_TRY(read_transform(c, &t));
    bool is_complex = acn_attr_int(c, RETURN_COMPLEX) != 0;
    int64_t dims[4];
    int rank = 0;
    if (t.has_batch) dims[rank++] = t.batch;
    dims[rank++] = t.bins;
    dims[rank++] = t.frames;
    if (!is_complex) dims[rank++] = 2;
    acn_out_is(c, 0, is_complex ? ACN_C64 : ACN_F32, rank, dims);
    return ACN_OK;
}

/* The real or imaginary part of the result, [batch, bins, frames]. */
static acn_tensor part_of_result(const acn_call *c, const transform *t, int part) {
    const acn_tensor *y = acn_out(c, 0);
    acn_tensor view = *y;
    if (acn_dtype_is_complex(y->dtype)) {
        view = acn_part_of(y, part);
    } else {
        view.rank--;
        view.data = (float *)y->data + part * y->strides[y->rank - 1];
    }
    if (t->has_batch) return view;
    for (int d = 2; d > 0; d--) {
        view.dims[d] = view.dims[d - 1];
        view.strides[d] = view.strides[d - 1];
    }
    view.rank = 3;
    view.dims[0] = 1, view.strides[0] = 0;
    return view;
}

/* One product: frames [batch, frames, n] times a matrix [n, bins]. */
static acn_gemm product_of(const transform *t, const acn_tensor *part) {
    acn_gemm g = {.m = t->frames,
                  .n = t->bins,
                  .k = t->n,
                  .dtype = ACN_F32,
                  .c_dtype = ACN_F32,
                  .a = {.row_stride = t->n, .col_stride = 1},
                  .b = {.row_stride = t->bins, .col_stride = 1},
                  .c = {.row_stride = part->strides[2], .col_stride = part->strides[1]},
                  .alpha = 1,
                  .batch_rank = 1};
    g.batch_dims[0] = t->batch;
    g.a.batch_stride[0] = t->frames * t->n;
    g.c.batch_stride[0] = part->strides[0];
    return g;
}

typedef struct rooms {
    uint64_t frames[2], cosine, sine, gemm, total;
} rooms;

static rooms rooms_of(const acn_call *c, const transform *t) {
    acn_tensor part = part_of_result(c, t, 0);
    acn_gemm g = product_of(t, &part);
    uint64_t frames = ((uint64_t)(t->batch * t->frames * t->n) * sizeof(float) + 63) / 64 * 64;
    uint64_t matrix = ((uint64_t)(t->n * t->bins) * sizeof(float) + 63) / 64 * 64;
    rooms r = {.frames = {0, frames}};
    r.cosine = frames * (t->is_complex ? 2 : 1);
    r.sine = r.cosine + matrix;
    r.gemm = r.sine + matrix;
    r.total = r.gemm + acn_gemm_workspace_bytes(&g);
    return r;
}

static acn_status plan(acn_call *c) {
    transform t;
    ACN_TRY(read_transform(c, &t));
    acn_tensor part = part_of_result(c, &t, 0);
    acn_gemm g = product_of(&t, &part);
    c->plan->workspace_bytes = rooms_of(c, &t).total;
    c->plan->cost_us = 2 * acn_gemm_cost_us(&g);
    return ACN_OK;
}

static acn_value signal_at(const acn_tensor *x, int64_t batch, int64_t at) {
    int64_t offset = at * x->strides[x->rank - 1] + (x->rank == 2 ? batch * x->strides[0] : 0);
    return acn_load_value((const char *)x->data + offset * (int64_t)acn_dtype_bytes(x->dtype),
                          x->dtype);
}

/* The window stands in the middle of a frame; 0 beside it. */
static double window_at(const acn_call *c, const transform *t, int64_t i) {
    const acn_tensor *w = acn_in(c, WINDOW);
    int64_t at = i - (t->n - t->window) / 2;
    if (at < 0 || at >= t->window) return 0;
    return w ? acn_load_value(acn_tensor_at(w, at), w->dtype).f : 1;
}

static void fill_frames(const acn_call *c, const transform *t, float *re, float *im) {
    for (int64_t i = 0; i < t->n; i++) {
        double weight = window_at(c, t, i);
        for (int64_t f = 0; f < t->batch * t->frames; f++) {
            acn_value v = signal_at(acn_in(c, X), f / t->frames, f % t->frames * t->hop + i);
            re[f * t->n + i] = (float)(v.f * weight);
            if (t->is_complex) im[f * t->n + i] = (float)(v.im * weight);
        }
    }
}

static void fill_matrix(const transform *t, float *cosine, float *sine) {
    for (int64_t i = 0; i < t->n; i++)
        for (int64_t k = 0; k < t->bins; k++) {
            double angle = 2 * 3.14159265358979323846 * (double)(i * k % t->n) / (double)t->n;
            cosine[i * t->bins + k] = (float)cos(angle);
            sine[i * t->bins + k] = (float)sin(angle);
        }
}

static double scale_of(const acn_call *c, const transform *t) {
    return acn_attr_int(c, NORMALIZED) ? 1 / sqrt((double)t->n) : 1;
}

static acn_status run(acn_call *c) {
    transform t;
    ACN_TRY(read_transform(c, &t));
    char *w = c->workspace;
    rooms r = rooms_of(c, &t);
    float *re = (float *)(w + r.frames[0]), *im = (float *)(w + r.frames[1]);
    float *cosine = (float *)(w + r.cosine), *sine = (float *)(w + r.sine);
    fill_frames(c, &t, re, im);
    fill_matrix(&t, cosine, sine);
    for (int part = 0; part < 2; part++) {
        acn_tensor y = part_of_result(c, &t, part);
        acn_gemm g = product_of(&t, &y);
        g.alpha = part ? -scale_of(c, &t) : scale_of(c, &t);
        acn_gemm_run(&g, re, part ? sine : cosine, y.data, w + r.gemm);
        if (!t.is_complex) continue;
        g.alpha = scale_of(c, &t), g.beta = 1;
        acn_gemm_run(&g, im, part ? cosine : sine, y.data, w + r.gemm);
    }
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    transform t;
    ACN_TRY(read_transform(c, &t));
    acn_tensor re = part_of_result(c, &t, 0), im = part_of_result(c, &t, 1);
    for (int64_t i = 0; i < t.batch * t.bins * t.frames; i++) {
        int64_t f = i % t.frames, k = i / t.frames % t.bins, b = i / t.frames / t.bins;
        double sum = 0, sum_im = 0;
        for (int64_t s = 0; s < t.n; s++) {
            acn_value v = signal_at(acn_in(c, X), b, f * t.hop + s);
            double angle = -2 * 3.14159265358979323846 * (double)k * (double)s / (double)t.n;
            double weight = window_at(c, &t, s) * scale_of(c, &t);
            double part = t.is_complex ? v.im : 0;
            sum += weight * (v.f * cos(angle) - part * sin(angle));
            sum_im += weight * (v.f * sin(angle) + part * cos(angle));
        }
        acn_store_value(acn_tensor_at(&re, i), ACN_F32, (acn_value){.f = sum});
        acn_store_value(acn_tensor_at(&im, i), ACN_F32, (acn_value){.f = sum_im});
    }
    return ACN_OK;
}

#define SIGNALS (ACN_T(ACN_F32) | ACN_COMPLEXES)

ACN_OP(Stft) = {
    .name = "Stft",
    .doc = "Fourier transforms of a signal's overlapping frames, each under a window",
    .in = {{"x", SIGNALS, ACN_UNALIASED}, {"window", ACN_T(ACN_F32), ACN_OPTIONAL | ACN_UNALIASED}},
    .out = {{"y", SIGNALS}},
    .attr = {{"n_fft", ACN_ATTR_INT, .is_required = true},
             {"hop_length", ACN_ATTR_INT, .is_required = true},
             {"win_length", ACN_ATTR_INT},
             {"normalized", ACN_ATTR_BOOL},
             {"onesided", ACN_ATTR_BOOL},
             {"return_complex", ACN_ATTR_BOOL}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction f32[40]|n_fft=8,hop_length=3,onesided=1,return_complex=1 "
             "f32[3,40],[6]|n_fft=8,hop_length=4,win_length=6,normalized=1 "
             "c64[2,40],f32[8]|n_fft=8,hop_length=5,return_complex=1 "
             "f32[2,900],[400]|n_fft=400,hop_length=160,onesided=1",
};
