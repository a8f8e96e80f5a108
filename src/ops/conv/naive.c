/* naive.c - level 0 of the convolutions: the definition, element by element, in doubles. */
#include "ops/conv/conv.h"

/* Element (i, j, position) of |t|; 0 outside, where the padding is. */
static double element(const acn_tensor *t, int64_t i, int64_t j, const int64_t *at) {
    int spatial = t->rank - 2;
    int64_t offset = i * t->strides[0] + j * t->strides[1];
    for (int d = 0; d < spatial; d++) {
        int64_t p = at[3 - spatial + d];
        if (p < 0 || p >= t->dims[2 + d]) return 0;
        offset += p * t->strides[2 + d];
    }
    return acn_load_value((const char *)t->data + offset * (int64_t)acn_dtype_bytes(t->dtype),
                          t->dtype)
        .f;
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

static double sum(const acn_conv *conv, acn_conv_side side, const acn_tensor *source,
                  const acn_tensor *w, int64_t image, int64_t channel, const int64_t *at) {
    bool gives_y = side == ACN_CONV_Y;
    int64_t rows = gives_y ? conv->co : conv->ci, channels = gives_y ? conv->ci : conv->co;
    int64_t group = channel / rows, row = channel % rows, k[3], other[3];
    double total = 0;
    for (int64_t i = 0; i < channels; i++)
        for (int64_t t = 0; t < acn_conv_volume(conv->kernel); t++) {
            place(t, conv->kernel, k);
            if (!meets(conv, side, at, k, other)) continue;
            int64_t co = gives_y ? row : i, ci = gives_y ? i : row;
            total += element(source, image, group * channels + i, other) *
                     element(w, group * conv->co + co, ci, k);
        }
    return total;
}

void acn_conv_naive(const acn_conv *conv, acn_conv_side side, const acn_tensor *result,
                    const acn_tensor *source, const acn_tensor *w, const acn_tensor *bias) {
    const int64_t *dims = side == ACN_CONV_Y ? conv->out : conv->in;
    int64_t volume = acn_conv_volume(dims), count = acn_tensor_count(result), at[3];
    for (int64_t i = 0; i < count; i++) {
        int64_t channel = i / volume % result->dims[1], image = i / volume / result->dims[1];
        place(i % volume, dims, at);
        double total = sum(conv, side, source, w, image, channel, at);
        if (bias) total += acn_load_value(acn_tensor_at(bias, channel), bias->dtype).f;
        acn_store_value(acn_tensor_at(result, i), result->dtype, (acn_value){.f = total});
    }
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
            total += element(dy, p / volume, channel, at) *
                     element(x, p / volume, channel / conv->co * conv->ci + ci, other);
        }
        acn_store_value(acn_tensor_at(dw, i), dw->dtype, (acn_value){.f = total});
    }
}
