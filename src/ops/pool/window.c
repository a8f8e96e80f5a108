/* window.c - see window.h. */
#include "ops/pool/window.h"

/* |slot|'s one number for all dimensions, or one for each. */
static acn_status read_list(const acn_call *c, int slot, const acn_pool *p, int64_t least,
                            int64_t fallback, int64_t *out) {
    int64_t count = 0;
    const int64_t *items = slot < 0 ? NULL : acn_attr_ints(c, slot, &count);
    for (int d = 0; d < 3; d++)
        out[d] = fallback;
    if (count == 0) return ACN_OK;
    if (count != 1 && count != p->spatial)
        return acn_bad_attr(c, slot, "has %lld numbers; expected 1 or %d", (long long)count,
                            p->spatial);
    for (int d = 0; d < p->spatial; d++) {
        int64_t item = items[count == 1 ? 0 : d];
        if (item < least || item > INT32_MAX / 4)
            return acn_bad_attr(c, slot, "has %lld; expected at least %lld", (long long)item,
                                (long long)least);
        out[3 - p->spatial + d] = item;
    }
    return ACN_OK;
}

static acn_status read_adaptive(const acn_call *c, acn_pool *p) {
    ACN_TRY(read_list(c, ACN_POOL_OUTPUT_SIZE, p, -1, -1, p->out));
    for (int d = 0; d < 3; d++)
        if (p->out[d] < 0) p->out[d] = p->in[d];
    for (int d = 0; d < 3; d++)
        p->kernel[d] = p->stride[d] = p->dilation[d] = 1;
    return ACN_OK;
}

/* Equal padding on both sides is at most half of the kernel, as PyTorch has it; pairs may be more.
 */
static acn_status read_padding(const acn_call *c, acn_pool *p) {
    int64_t count;
    const int64_t *items = acn_attr_ints(c, ACN_POOL_PADDING, &count);
    if (count == 2 * p->spatial) {
        for (int i = 0; i < count; i++) {
            if (items[i] < 0 || items[i] > INT32_MAX / 4)
                return acn_bad_attr(c, ACN_POOL_PADDING, "has %lld; expected at least 0",
                                    (long long)items[i]);
            (i % 2 ? p->after : p->padding)[3 - p->spatial + i / 2] = items[i];
        }
        return ACN_OK;
    }
    ACN_TRY(read_list(c, ACN_POOL_PADDING, p, 0, 0, p->padding));
    for (int d = 0; d < 3; d++) {
        if (2 * p->padding[d] > (p->kernel[d] - 1) * p->dilation[d] + 1)
            return acn_bad_attr(c, ACN_POOL_PADDING,
                                "has %lld; expected at most half of the kernel",
                                (long long)p->padding[d]);
        p->after[d] = p->padding[d];
    }
    return ACN_OK;
}

static acn_status read_regular(const acn_call *c, int dilation_slot, acn_pool *p) {
    int64_t stride_count;
    acn_attr_ints(c, ACN_POOL_STRIDE, &stride_count);
    ACN_TRY(read_list(c, ACN_POOL_KERNEL, p, 1, 1, p->kernel));
    ACN_TRY(read_list(c, stride_count ? ACN_POOL_STRIDE : ACN_POOL_KERNEL, p, 1, 1, p->stride));
    ACN_TRY(read_list(c, dilation_slot, p, 1, 1, p->dilation));
    ACN_TRY(read_padding(c, p));
    bool rounds_up = acn_attr_int(c, ACN_POOL_CEIL_MODE) != 0;
    for (int d = 0; d < 3; d++) {
        int64_t reach = (p->kernel[d] - 1) * p->dilation[d] + 1;
        int64_t padded = p->in[d] + p->padding[d] + p->after[d], room = padded - reach;
        if (rounds_up) room += p->stride[d] - 1;
        p->out[d] = room < 0 ? 0 : room / p->stride[d] + 1;
        /* The last window must begin inside. */
        if (rounds_up && (p->out[d] - 1) * p->stride[d] >= p->in[d] + p->padding[d]) p->out[d]--;
        if (p->out[d] < 1)
            return acn_bad_attr(c, ACN_POOL_KERNEL,
                                "reaches over %lld elements, of which there are "
                                "%lld with the padding",
                                (long long)reach, (long long)padded);
    }
    return ACN_OK;
}

acn_status acn_pool_read(const acn_call *c, int input, int dilation_slot, acn_pool *out) {
    const acn_tensor *x = acn_in(c, input);
    int spatial;
    ACN_TRY(acn_spatial_of(c, ACN_POOL_SPATIAL, input, &spatial));
    *out = (acn_pool){.spatial = spatial, .planes = 1};
    out->is_adaptive = !c->attr[ACN_POOL_KERNEL].is_present;
    for (int d = 0; d < 3; d++)
        out->in[d] = out->out[d] = 1;
    for (int d = 0; d < x->rank; d++) {
        int at = d - (x->rank - spatial);
        if (at < 0)
            out->planes *= x->dims[d];
        else
            out->in[3 - spatial + at] = x->dims[d];
    }
    for (int d = 3 - spatial; d < 3; d++)
        if (out->in[d] < 1 || out->in[d] > INT32_MAX / 4)
            return acn_bad_input(c, input,
                                 "expected one or more elements in each spatial dimension");
    return out->is_adaptive ? read_adaptive(c, out) : read_regular(c, dilation_slot, out);
}

acn_window acn_pool_window(const acn_pool *p, int d, int64_t position) {
    if (p->is_adaptive) {
        int64_t start = position * p->in[d] / p->out[d];
        int64_t end = ((position + 1) * p->in[d] + p->out[d] - 1) / p->out[d];
        return (acn_window){(int32_t)start, (int32_t)(end - start), 0, (int32_t)(end - start)};
    }
    int64_t start = position * p->stride[d] - p->padding[d], step = p->dilation[d], tap = 0;
    int64_t taps = (p->in[d] + p->after[d] - start + step - 1) / step;
    acn_window w = {.size = (int32_t)(taps < p->kernel[d] ? taps : p->kernel[d])};
    if (start < 0) {
        tap = (-start + step - 1) / step;
        start += tap * step;
    }
    int64_t inside = start < p->in[d] ? (p->in[d] - 1 - start) / step + 1 : 0;
    int64_t left = p->kernel[d] - tap > 0 ? p->kernel[d] - tap : 0;
    w.start = (int32_t)start;
    w.first_tap = (int32_t)tap;
    w.count = (int32_t)(inside < left ? inside : left);
    return w;
}

acn_status acn_pool_plan(acn_call *c, acn_pool *p) {
    for (int d = 0; d < 3; d++) {
        p->window[d] = acn_plan_alloc(c, sizeof(acn_window) * (size_t)(p->out[d] + 1));
        if (!p->window[d]) return acn_fail(ACN_BAD_ALLOC, "no memory for a pooling plan");
        for (int64_t i = 0; i < p->out[d]; i++)
            p->window[d][i] = acn_pool_window(p, d, i);
    }
    return ACN_OK;
}

void acn_pool_result(const acn_call *c, int slot, const acn_pool *p, const acn_tensor *x) {
    int64_t dims[ACN_MAX_DIMS];
    for (int d = 0; d < x->rank; d++) {
        int at = d - (x->rank - p->spatial);
        dims[d] = at < 0 ? x->dims[d] : p->out[3 - p->spatial + at];
    }
    acn_out_is((acn_call *)c, slot, ACN_UNDEFINED, x->rank, dims);
}

uint32_t acn_pool_cost_us(const acn_pool *p) {
    double taps = 1;
    for (int d = 0; d < 3; d++)
        taps *=
            p->is_adaptive ? (double)p->in[d] / (double)(p->out[d] + 1) + 1 : (double)p->kernel[d];
    double us = (double)p->planes * (double)acn_pool_out(p) * taps / 2000;
    return us < 1e9 ? (uint32_t)us : 1000000000u;
}
