/* naive.c - level 0 of the convolutions: the definition, element by element, in doubles, or for
 * integers in wrapping ones of 64 bits; the latter is their only level. */
#include "base/pool.h"
#include "ops/conv/conv.h"

/* Element (i, j, position) of |t|; 0 outside, where the padding is. */
static acn_value element(const acn_tensor *t, int64_t i, int64_t j, const int64_t *at) {
    int spatial = t->rank - 2;
    int64_t offset = i * t->strides[0] + j * t->strides[1];
    for (int d = 0; d < spatial; d++) {
        int64_t p = at[3 - spatial + d];
        if (p < 0 || p >= t->dims[2 + d]) return (acn_value){0};
        offset += p * t->strides[2 + d];
    }
    return acn_load_value((const char *)t->data + offset * (int64_t)acn_dtype_bytes(t->dtype),
                          t->dtype);
}

static void add_product(acn_value *total, acn_value a, acn_value b) {
    total->f += a.f * b.f;
    total->i = (int64_t)((uint64_t)total->i + (uint64_t)a.i * (uint64_t)b.i);
}

static void place(int64_t linear, const int64_t *dims, int64_t *at) {
    at[2] = linear % dims[2];
    at[1] = linear / dims[2] % dims[1];
    at[0] = linear / dims[2] / dims[1];
}

/* The position of the other side that meets |at| by the kernel's element |k|. */
static bool meets(const acn_conv *conv, acn_conv_side side, const int64_t *at, const int64_t *k,
                  int64_t *out) {
    for (int d = 0; d < 3; d++) {
        int64_t reach = k[d] * conv->dilation[d] - conv->before[d];
        if (side == ACN_CONV_Y) {
            out[d] = at[d] * conv->stride[d] + reach;
        } else {
            if ((at[d] - reach) % conv->stride[d] != 0) return false;
            out[d] = (at[d] - reach) / conv->stride[d];
        }
    }
    return true;
}

static acn_value sum(const acn_conv *conv, acn_conv_side side, const acn_tensor *source,
                     const acn_tensor *w, int64_t image, int64_t channel, const int64_t *at) {
    bool gives_y = side == ACN_CONV_Y;
    int64_t rows = gives_y ? conv->co : conv->ci, channels = gives_y ? conv->ci : conv->co;
    int64_t group = channel / rows, row = channel % rows, k[3], other[3];
    acn_value total = {0};
    for (int64_t i = 0; i < channels; i++)
        for (int64_t t = 0; t < acn_conv_volume(conv->kernel); t++) {
            place(t, conv->kernel, k);
            if (!meets(conv, side, at, k, other)) continue;
            int64_t co = gives_y ? row : i, ci = gives_y ? i : row;
            add_product(&total, element(source, image, group * channels + i, other),
                        element(w, group * conv->co + co, ci, k));
        }
    return total;
}

typedef struct job {
    const acn_conv *conv;
    acn_conv_side side;
    const acn_tensor *result, *source, *w, *bias;
} job;

static void one_result(const job *j, int64_t i) {
    const acn_tensor *result = j->result, *bias = j->bias;
    const int64_t *dims = j->side == ACN_CONV_Y ? j->conv->out : j->conv->in;
    int64_t volume = acn_conv_volume(dims), at[3];
    int64_t channel = i / volume % result->dims[1], image = i / volume / result->dims[1];
    const acn_value one = {.f = 1, .i = 1};
    place(i % volume, dims, at);
    acn_value total = sum(j->conv, j->side, j->source, j->w, image, channel, at);
    if (bias) add_product(&total, one, acn_load_value(acn_tensor_at(bias, channel), bias->dtype));
    acn_store_value(acn_tensor_at(result, i), result->dtype, total);
}

void acn_conv_naive(const acn_conv *conv, acn_conv_side side, const acn_tensor *result,
                    const acn_tensor *source, const acn_tensor *w, const acn_tensor *bias) {
    const job j = {conv, side, result, source, w, bias};
    for (int64_t i = 0; i < acn_tensor_count(result); i++)
        one_result(&j, i);
}

enum { CHUNK = 64 };

static void run_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const job *j = context;
    int64_t count = acn_tensor_count(j->result), end = (chunk + 1) * CHUNK;
    for (int64_t i = chunk * CHUNK; i < end && i < count; i++)
        one_result(j, i);
}

void acn_conv_plain(const acn_conv *conv, acn_conv_side side, const acn_tensor *result,
                    const acn_tensor *source, const acn_tensor *w, const acn_tensor *bias) {
    job j = {conv, side, result, source, w, bias};
    acn_pool_run((acn_tensor_count(result) + CHUNK - 1) / CHUNK, run_chunk, &j);
}

void acn_conv_naive_filter(const acn_conv *conv, const acn_tensor *dw, const acn_tensor *x,
                           const acn_tensor *dy) {
    int64_t taps = acn_conv_volume(conv->kernel), count = acn_tensor_count(dw);
    int64_t volume = acn_conv_volume(conv->out), k[3], at[3], other[3];
    for (int64_t i = 0; i < count; i++) {
        int64_t ci = i / taps % conv->ci, channel = i / taps / conv->ci;
        place(i % taps, conv->kernel, k);
        double total = 0;
        for (int64_t p = 0; p < conv->n * volume; p++) {
            place(p % volume, conv->out, at);
            meets(conv, ACN_CONV_Y, at, k, other);
            total += element(dy, p / volume, channel, at).f *
                     element(x, p / volume, channel / conv->co * conv->ci + ci, other).f;
        }
        acn_store_value(acn_tensor_at(dw, i), dw->dtype, (acn_value){.f = total});
    }
}
