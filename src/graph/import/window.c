/* window.c - see window.h. */
#include "graph/import/window.h"

#include <string.h>

acn_status acn_onnx_spatial(const acn_onnx_call *c, const char *name, int count, int64_t fallback,
                            int64_t *out) {
    int given;
    const int64_t *numbers = acn_onnx_ints(c, name, &given);
    if (numbers && given != count)
        return acn_onnx_bad(c, "%s has %d numbers for %d dimensions", name, given, count);
    for (int d = 0; d < count; d++) {
        out[d] = numbers ? numbers[d] : fallback;
        if (out[d] < 1) return acn_onnx_bad(c, "%s has %lld", name, (long long)out[d]);
    }
    return ACN_OK;
}

acn_status acn_onnx_padding(const acn_onnx_call *c, const acn_tensor *x, int count,
                            const int64_t *kernel, const int64_t *stride, const int64_t *dilation,
                            int64_t *out) {
    int given;
    const int64_t *pads = acn_onnx_ints(c, "pads", &given);
    const char *how = acn_onnx_text(c, "auto_pad", "NOTSET");
    bool is_same = strncmp(how, "SAME", 4) == 0;
    if (pads && given != 2 * count)
        return acn_onnx_bad(c, "pads has %d numbers for %d dimensions", given, count);
    for (int d = 0; d < count; d++) {
        out[2 * d] = pads ? pads[d] : 0;
        out[2 * d + 1] = pads ? pads[d + count] : 0;
        if (!is_same) continue;
        int64_t size = x->dims[2 + d], steps = (size + stride[d] - 1) / stride[d];
        int64_t total = (steps - 1) * stride[d] + (kernel[d] - 1) * dilation[d] + 1 - size;
        total = total > 0 ? total : 0;
        out[2 * d] = strcmp(how, "SAME_LOWER") == 0 ? total - total / 2 : total / 2;
        out[2 * d + 1] = total - out[2 * d];
    }
    return ACN_OK;
}

acn_status acn_onnx_window_read(const acn_onnx_call *c, acn_onnx_window *w) {
    const acn_tensor *x = &c->in[0]->tensor;
    w->count = x->rank - 2;
    if (w->count < 1 || w->count > 3)
        return acn_onnx_bad(c, "its input has %d dimensions; 3 to 5 work", x->rank);
    ACN_TRY(acn_onnx_spatial(c, "kernel_shape", w->count, 1, w->kernel));
    ACN_TRY(acn_onnx_spatial(c, "strides", w->count, 1, w->stride));
    ACN_TRY(acn_onnx_spatial(c, "dilations", w->count, 1, w->dilation));
    return acn_onnx_padding(c, x, w->count, w->kernel, w->stride, w->dilation, w->pads);
}
