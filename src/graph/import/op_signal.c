/* op_signal.c - windows, Fourier transforms and mel filters. Short transforms are products with a
 * constant matrix of roots of one, which suits frames of some hundred samples. */
#include "graph/import/compose.h"

#include <math.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

static acn_status type_of_output(const acn_onnx_call *c, acn_dtype *out) {
    int64_t type = acn_onnx_int(c, "output_datatype", 1);
    *out = acn_onnx_dtype((int)type);
    if (*out == ACN_UNDEFINED)
        return acn_onnx_bad(c, "output_datatype is %lld, a type that no device has",
                            (long long)type);
    return ACN_OK;
}

/* A constant of |count| numbers that |at| gives. */
static acn_net_value *table(acn_formula *f, acn_dtype dtype, int rank, const int64_t *dims,
                            double (*at)(const void *context, int64_t index), const void *context) {
    acn_net_value *y = NULL;
    int64_t count = 1, element = (int64_t)acn_dtype_bytes(dtype);
    for (int d = 0; d < rank; d++)
        count *= dims[d];
    if (f->status != ACN_OK) return NULL;
    char *data = acn_arena_alloc(&f->c->net->arena, (size_t)(count * element) + 1);
    if (data == NULL) {
        f->status = acn_fail(ACN_BAD_ALLOC, "no host memory for %lld numbers", (long long)count);
        return NULL;
    }
    for (int64_t i = 0; i < count; i++) {
        double v = at(context, i);
        acn_store_value(data + i * element, dtype, (acn_value){.f = v, .i = (int64_t)v});
    }
    f->status = acn_net_constant(f->c->net, f->c->node->name, dtype, rank, dims, data, &y);
    return y;
}

/* ---- windows --------------------------------------------------------------------------------- */

/* a0 - a1 cos(2 pi i / n) + a2 cos(4 pi i / n) */
typedef struct window_shape {
    double a0, a1, a2, period;
} window_shape;

static double window_at(const void *context, int64_t i) {
    const window_shape *w = context;
    double angle = 2 * pi * (double)i / w->period;
    return w->a0 - w->a1 * cos(angle) + w->a2 * cos(2 * angle);
}

static acn_status window(acn_onnx_call *c, double a0, double a1, double a2) {
    acn_formula f = {c, ACN_OK};
    acn_dtype dtype;
    int64_t size;
    int count;
    ACN_TRY(type_of_output(c, &dtype));
    ACN_TRY(acn_onnx_constant_ints(c, 0, 1, &size, &count));
    if (count != 1 || size < 0 || size > INT32_MAX)
        return acn_onnx_bad(c, "its size is %lld", (long long)size);
    double period = (double)(acn_onnx_int(c, "periodic", 1) ? size : size - 1);
    window_shape w = {a0, a1, a2, period > 0 ? period : 1};
    return acn_f_end(&f, table(&f, dtype, 1, &size, window_at, &w), c->out);
}
static acn_status blackman(acn_onnx_call *c) { return window(c, 0.42, 0.5, 0.08); }
static acn_status hann(acn_onnx_call *c) { return window(c, 0.5, 0.5, 0); }
static acn_status hamming(acn_onnx_call *c) { return window(c, 25. / 46, 21. / 46, 0); }
ACN_ONNX(blackman_window) = {.type = "BlackmanWindow", .import = blackman};
ACN_ONNX(hann_window) = {.type = "HannWindow", .import = hann};
ACN_ONNX(hamming_window) = {.type = "HammingWindow", .import = hamming};

/* ---- transforms ------------------------------------------------------------------------------ */

enum { MOST_ROOTS = 1 << 20 }; /* of a matrix, which is faster up to here */

typedef struct transform {
    int64_t in, out, length;  /* samples used, results, and what divides the circle */
    int in_parts, out_parts;  /* 1: real, 2: real and imaginary */
    bool is_inverse, is_half; /* |is_half|: the other half of an inverse's input mirrors this one */
} transform;

/* The matrix [in, in_parts, out, out_parts] by which samples become results. */
static double root_at(const void *context, int64_t index) {
    const transform *t = context;
    int64_t out_part = index % t->out_parts, k = index / t->out_parts % t->out;
    int64_t row = index / t->out_parts / t->out, in_part = row % t->in_parts, n = row / t->in_parts;
    double angle = 2 * pi * (double)(n * k % t->length) / (double)t->length;
    double re = cos(angle), im = t->is_inverse ? sin(angle) : -sin(angle);
    double factor = t->is_inverse ? 1. / (double)t->length : 1;
    bool is_alone = n == 0 || 2 * n == t->length; /* its own mirror image */
    if (t->is_half && !is_alone) factor *= 2;
    if (in_part == out_part) return factor * re;
    return in_part ? -factor * im : factor * im;
}

static acn_net_value *fast_transformed(acn_formula *f, acn_net_value *x, const transform *t) {
    acn_node_builder b;
    acn_net_value *y = NULL;
    acn_onnx_begin(f->c, &b, "Dft");
    acn_node_input(&b, "x", x);
    acn_node_int(&b, "length", t->length);
    acn_node_int(&b, "inverse", t->is_inverse);
    acn_node_int(&b, "onesided", t->is_half || t->out < t->length);
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    f->status = acn_node_end(&b, &y);
    return y;
}

/* x: [..., in, in_parts] -> [..., out, out_parts] */
static acn_net_value *transformed(acn_formula *f, acn_net_value *x, const transform *t) {
    if (f->status != ACN_OK) return NULL;
    int64_t shape[2] = {t->in * t->in_parts, t->out * t->out_parts}, dims[ACN_MAX_DIMS];
    if (shape[0] * shape[1] > MOST_ROOTS) return fast_transformed(f, x, t);
    int rank = x->tensor.rank;
    memcpy(dims, x->tensor.dims, sizeof dims);
    dims[rank - 2] = shape[0];
    x = acn_f_reshape(f, x, rank - 1, dims);
    acn_net_value *matrix = table(f, x ? x->tensor.dtype : ACN_F32, 2, shape, root_at, t);
    acn_net_value *y = acn_f2(f, "MatMul", x, matrix);
    dims[rank - 2] = t->out;
    dims[rank - 1] = t->out_parts;
    return acn_f_reshape(f, y, rank, dims);
}

static acn_status read_transform(acn_onnx_call *c, const acn_tensor *x, int axis, transform *t) {
    bool is_onesided = acn_onnx_int(c, "onesided", 0);
    int64_t size = x->dims[axis], length = 0;
    int count;
    ACN_TRY(acn_onnx_constant_ints(c, 1, 1, &length, &count));
    t->is_inverse = acn_onnx_int(c, "inverse", 0);
    t->is_half = t->is_inverse && is_onesided;
    t->in_parts = (int)x->dims[x->rank - 1];
    t->out_parts = t->is_half ? 1 : 2;
    if (t->in_parts != 1 && t->in_parts != 2)
        return acn_onnx_bad(c, "the last dimension of its input is %d; expected 1 or 2",
                            t->in_parts);
    t->length = count ? length : t->is_half ? 2 * (size - 1) : size;
    if (t->length < 1 || t->length > 1 << 28)
        return acn_onnx_bad(c, "its length is %lld; expected 1 to 268435456", (long long)t->length);
    int64_t half = t->length / 2 + 1, used = t->is_half ? half : t->length;
    t->in = size < used ? size : used;
    t->out = is_onesided && !t->is_inverse ? half : t->length;
    return ACN_OK;
}

static acn_status fourier(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *x = c->in[0];
    int rank = x->tensor.rank, axis, perm[ACN_MAX_DIMS], count;
    int64_t given = acn_onnx_int(c, "axis", c->opset < 20 ? 1 : -2);
    transform t;
    if (c->opset >= 20) ACN_TRY(acn_onnx_constant_ints(c, 2, 1, &given, &count));
    if (c->opset >= 20 && count == 0) given = -2;
    ACN_TRY(acn_onnx_axis(c, given, rank, &axis));
    if (rank < 2 || axis == rank - 1) return acn_onnx_bad(c, "its axis is that of complex numbers");
    ACN_TRY(read_transform(c, &x->tensor, axis, &t));
    for (int d = 0; d < rank; d++)
        perm[d] = d;
    perm[axis] = rank - 2, perm[rank - 2] = axis; /* its own inverse */
    x = acn_f_part(&f, x, axis, 0, t.in);
    x = transformed(&f, acn_f_permute(&f, x, perm), &t);
    return acn_f_end(&f, acn_f_permute(&f, x, perm), c->out);
}
ACN_ONNX(dft) = {.type = "DFT", .import = fourier};

/* Frames are one view of the signal whose rows overlap. */
static acn_status short_time_fourier(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *x = c->in[0], *weights = c->in_count > 2 ? c->in[2] : NULL;
    acn_tensor shape = x->tensor;
    int64_t step = 0, length = 0;
    int step_count, length_count;
    ACN_TRY(acn_onnx_constant_ints(c, 1, 1, &step, &step_count));
    ACN_TRY(acn_onnx_constant_ints(c, 3, 1, &length, &length_count));
    if (shape.rank != 3) return acn_onnx_bad(c, "its signal is no [samples, length, parts]");
    if (!length_count) length = weights ? acn_tensor_count(&weights->tensor) : shape.dims[1];
    if (step < 1 || length < 1 || length > shape.dims[1])
        return acn_onnx_bad(c, "frames of %lld in steps of %lld do not fit a signal of %lld",
                            (long long)length, (long long)step, (long long)shape.dims[1]);
    int64_t parts = shape.dims[2], frames = (shape.dims[1] - length) / step + 1;
    bool is_onesided = acn_onnx_int(c, "onesided", 1) && parts == 1;
    transform t = {.in = length, .length = length, .in_parts = (int)parts, .out_parts = 2};
    t.out = is_onesided ? length / 2 + 1 : length;
    shape.data = NULL;
    shape.rank = 4; /* [samples, frames, length, parts] */
    shape.dims[1] = frames, shape.dims[2] = length, shape.dims[3] = parts;
    shape.strides[3] = shape.strides[2];
    shape.strides[2] = shape.strides[1];
    shape.strides[1] *= step;
    acn_net_value *y = acn_f_view(&f, x, &shape);
    if (weights) {
        weights = acn_f_reshape(&f, weights, 2, (int64_t[]){length, 1});
        y = acn_f2(&f, "Mul", y, weights);
    }
    return acn_f_end(&f, transformed(&f, y, &t), c->out);
}
ACN_ONNX(stft) = {.type = "STFT", .required = 2, .import = short_time_fourier};

/* ---- mel filters ----------------------------------------------------------------------------- */

enum { MOST_BANDS = 4096 };

typedef struct bands {
    int64_t count, edge[MOST_BANDS + 2]; /* spectrum lines where band i begins, peaks and ends */
} bands;

static double mel_of(double hertz) { return 2595 * log1p(hertz / 700) / log(10); }
static double hertz_of(double mel) { return 700 * expm1(mel / 2595 * log(10)); }

static double weight_at(const void *context, int64_t index) {
    const bands *b = context;
    int64_t line = index / b->count;
    const int64_t *edge = b->edge + index % b->count; /* begin, peak, end */
    if (line >= edge[1] && line < edge[2])
        return (double)(edge[2] - line) / (double)(edge[2] - edge[1]);
    if (edge[0] == edge[1]) return line == edge[1];
    bool rises = line >= edge[0] && line <= edge[1];
    return rises ? (double)(line - edge[0]) / (double)(edge[1] - edge[0]) : 0;
}

static acn_status mel_weights(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_dtype dtype;
    int64_t number[3]; /* bands, length of the transform, samples a second */
    double hertz[2];   /* lowest, highest */
    int count;
    ACN_TRY(type_of_output(c, &dtype));
    for (int i = 0; i < 3; i++) {
        ACN_TRY(acn_onnx_constant_ints(c, i, 1, &number[i], &count));
        if (count != 1 || number[i] < 1 || number[i] > 1 << 20 || number[0] > MOST_BANDS)
            return acn_onnx_bad(c, "input %d is %lld", i, (long long)number[i]);
    }
    for (int i = 0; i < 2; i++)
        ACN_TRY(acn_onnx_constant_float(c, 3 + i, 0, &hertz[i]));
    bands *b = acn_arena_alloc(&c->net->arena, sizeof *b);
    if (b == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for mel bands");
    b->count = number[0];
    double low = mel_of(hertz[0]), step = (mel_of(hertz[1]) - low) / (double)(b->count + 2);
    for (int64_t i = 0; i < b->count + 2; i++) {
        double at = (double)(number[1] + 1) * hertz_of((double)i * step + low);
        b->edge[i] = (int64_t)floor(at / (double)number[2]);
    }
    int64_t dims[2] = {number[1] / 2 + 1, b->count};
    return acn_f_end(&f, table(&f, dtype, 2, dims, weight_at, b), c->out);
}
ACN_ONNX(mel_weight_matrix) = {.type = "MelWeightMatrix", .required = 5, .import = mel_weights};
