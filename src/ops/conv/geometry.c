/* geometry.c - what a convolution's tensors and attributes say, checked once. */
#include "ops/conv/conv.h"

/* One number for all dimensions or one for each; dimension d of |spatial| goes to 3 - spatial + d.
 */
static acn_status read_list(const acn_call *c, int slot, int spatial, int64_t least,
                            int64_t fallback, int64_t *out) {
    int64_t count;
    const int64_t *items = acn_attr_ints(c, slot, &count);
    for (int d = 0; d < 3; d++)
        out[d] = fallback;
    if (count == 0) return ACN_OK;
    if (count != 1 && count != spatial)
        return acn_bad_attr(c, slot, "has %lld numbers; expected 1 or %d", (long long)count,
                            spatial);
    for (int d = 0; d < spatial; d++) {
        int64_t item = items[count == 1 ? 0 : d];
        if (item < least || item > INT32_MAX)
            return acn_bad_attr(c, slot, "has %lld; expected at least %lld", (long long)item,
                                (long long)least);
        out[3 - spatial + d] = item;
    }
    return ACN_OK;
}

static acn_status read_padding(const acn_call *c, int spatial, int64_t *before, int64_t *after) {
    int64_t count;
    const int64_t *items = acn_attr_ints(c, ACN_CONV_PADDING, &count);
    if (count != 2 * spatial) {
        ACN_TRY(read_list(c, ACN_CONV_PADDING, spatial, 0, 0, before));
        for (int d = 0; d < 3; d++)
            after[d] = before[d];
        return ACN_OK;
    }
    for (int d = 0; d < 3; d++)
        before[d] = after[d] = 0;
    for (int d = 0; d < spatial; d++) {
        int64_t first = items[2 * d], last = items[2 * d + 1];
        if (first < 0 || last < 0 || first > INT32_MAX || last > INT32_MAX)
            return acn_bad_attr(c, ACN_CONV_PADDING, "has %lld; expected at least 0",
                                (long long)(first < 0 ? first : last));
        before[3 - spatial + d] = first;
        after[3 - spatial + d] = last;
    }
    return ACN_OK;
}

static acn_status read_channels(const acn_call *c, int input, int filter, const acn_tensor *w,
                                bool is_transposed, acn_conv *out) {
    const acn_tensor *x = acn_in(c, input);
    int64_t groups = acn_attr_int(c, ACN_CONV_GROUPS);
    if (groups == 0) groups = x->dims[1]; /* depthwise */
    if (groups < 1)
        return acn_bad_attr(c, ACN_CONV_GROUPS, "is %lld; expected at least 1", (long long)groups);
    if (w->dims[0] % groups != 0)
        return acn_bad_input(c, filter, "expected a first dimension that %lld groups divide",
                             (long long)groups);
    out->n = x->dims[0];
    out->groups = groups;
    out->co = w->dims[0] / groups;
    out->ci = w->dims[1];
    int64_t channels = is_transposed ? w->dims[0] : w->dims[1] * groups;
    if (x->dims[1] != channels)
        return acn_bad_input(c, input, "expected %lld channels, which %s", (long long)channels,
                             is_transposed ? "the filter's first dimension asks for"
                                           : "the filter and the groups ask for");
    return ACN_OK;
}

acn_status acn_conv_read(const acn_call *c, int input, int filter, acn_conv *out) {
    return acn_conv_read_as(c, input, filter, acn_in(c, filter), out);
}

acn_status acn_conv_read_as(const acn_call *c, int input, int filter, const acn_tensor *w,
                            acn_conv *out) {
    const acn_tensor *x = acn_in(c, input);
    bool is_transposed = acn_attr_int(c, ACN_CONV_TRANSPOSED) != 0;
    if (x->rank < 3 || x->rank > 5)
        return acn_bad_input(c, input, "expected 3 to 5 dimensions: batch, channels, space");
    if (w->rank != x->rank)
        return acn_bad_input(c, filter, "expected %d dimensions, as many as the input has",
                             x->rank);
    int spatial = x->rank - 2;
    int64_t after[3], extra[3];
    *out = (acn_conv){.spatial = spatial};
    ACN_TRY(read_channels(c, input, filter, w, is_transposed, out));
    ACN_TRY(read_list(c, ACN_CONV_STRIDE, spatial, 1, 1, out->stride));
    ACN_TRY(read_list(c, ACN_CONV_DILATION, spatial, 1, 1, out->dilation));
    ACN_TRY(read_list(c, ACN_CONV_OUTPUT_PADDING, spatial, 0, 0, extra));
    ACN_TRY(read_padding(c, spatial, out->before, after));
    for (int d = 0; d < 3; d++) {
        bool is_given = d >= 3 - spatial;
        int64_t size = is_given ? x->dims[2 + d - (3 - spatial)] : 1;
        out->kernel[d] = is_given ? w->dims[2 + d - (3 - spatial)] : 1;
        int64_t reach = (out->kernel[d] - 1) * out->dilation[d] + 1;
        int64_t padding = out->before[d] + after[d];
        if (out->kernel[d] < 1) return acn_bad_input(c, filter, "expected a kernel of 1 or more");
        if (is_transposed && is_given) {
            out->out[d] = size;
            out->in[d] = (size - 1) * out->stride[d] - padding + reach + extra[d];
        } else {
            out->in[d] = size;
            out->out[d] =
                size + padding < reach ? 0 : (size + padding - reach) / out->stride[d] + 1;
        }
        if ((is_transposed ? out->in[d] : out->out[d]) < 1)
            return acn_bad_input(c, input,
                                 "is too small in dimension %d for a kernel that reaches over %lld "
                                 "elements and %lld of padding",
                                 2 + d - (3 - spatial), (long long)reach, (long long)padding);
        if (out->out[d] == 1) out->stride[d] = 1; /* one window goes nowhere */
    }
    return ACN_OK;
}

void acn_conv_result_dims(const acn_conv *conv, bool is_transposed, int64_t *dims) {
    dims[0] = conv->n;
    dims[1] = conv->groups * (is_transposed ? conv->ci : conv->co);
    for (int d = 0; d < conv->spatial; d++)
        dims[2 + d] = (is_transposed ? conv->in : conv->out)[3 - conv->spatial + d];
}

uint32_t acn_conv_cost_us(const acn_conv *conv) {
    double macs = (double)conv->n * (double)conv->groups * (double)conv->ci * (double)conv->co *
                  (double)acn_conv_volume(conv->out) * (double)acn_conv_volume(conv->kernel);
    double us = macs / 50000;
    return us < 1e9 ? (uint32_t)us : 1000000000u;
}

bool acn_conv_is_flat(const acn_conv *conv) {
    for (int d = 0; d < 3; d++)
        if (conv->kernel[d] != 1 || conv->stride[d] != 1 || conv->before[d] != 0 ||
            conv->in[d] != conv->out[d])
            return false;
    return true;
}

acn_conv acn_conv_flattened(const acn_conv *conv) {
    acn_conv flat = *conv;
    if (!acn_conv_is_flat(conv)) return flat;
    flat.in[0] = flat.in[1] = flat.out[0] = flat.out[1] = 1;
    flat.in[2] = flat.out[2] = acn_conv_volume(conv->in);
    return flat;
}
