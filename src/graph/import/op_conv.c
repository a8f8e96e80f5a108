/* op_conv.c - convolutions of floats, plain and transposed, and what is one in disguise. */
#include "graph/import/compose.h"
#include "graph/import/window.h"

#include <string.h>

acn_status acn_onnx_convolution_read(const acn_onnx_call *c, const acn_tensor *x,
                                     const acn_tensor *w, acn_onnx_convolution *out) {
    acn_onnx_window *window = &out->window;
    int count = x->rank - 2;
    memset(out, 0, sizeof *out);
    if (count < 1 || count > 3 || w->rank != x->rank)
        return acn_onnx_bad(c, "its input has %d dimensions, its filter %d; 3 to 5 work", x->rank,
                            w->rank);
    window->count = count;
    memcpy(window->kernel, w->dims + 2, (size_t)count * sizeof *window->kernel);
    ACN_TRY(acn_onnx_spatial(c, "strides", count, 1, window->stride));
    ACN_TRY(acn_onnx_spatial(c, "dilations", count, 1, window->dilation));
    ACN_TRY(acn_onnx_padding(c, x, count, window->kernel, window->stride, window->dilation,
                             window->pads));
    out->groups = acn_onnx_int(c, "group", 1);
    return ACN_OK;
}

acn_status acn_onnx_convolution_build(acn_onnx_call *c, const acn_onnx_convolution *conv,
                                      bool is_transposed, acn_net_value *x, acn_net_value *filter,
                                      acn_net_value *bias, acn_net_value **out) {
    const acn_onnx_window *w = &conv->window;
    acn_node_builder b;
    ACN_TRY(acn_onnx_contiguous(c, filter, &filter));
    acn_onnx_begin(c, &b, "Convolution");
    acn_node_input(&b, "x", x);
    acn_node_input(&b, "filter", filter);
    acn_node_input(&b, "bias", bias);
    acn_node_ints(&b, "strides", w->stride, w->count);
    acn_node_ints(&b, "pads", w->pads, 2 * w->count);
    acn_node_ints(&b, "dilations", w->dilation, w->count);
    acn_node_int(&b, "groups", conv->groups);
    if (is_transposed) {
        acn_node_int(&b, "transposed", 1);
        acn_node_ints(&b, "output_padding", conv->output_padding, w->count);
    }
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    return acn_node_end(&b, out);
}

static acn_status plain(acn_onnx_call *c) {
    acn_onnx_convolution conv;
    ACN_TRY(acn_onnx_convolution_read(c, &c->in[0]->tensor, &c->in[1]->tensor, &conv));
    return acn_onnx_convolution_build(c, &conv, false, c->in[0], c->in[1],
                                      c->in_count > 2 ? c->in[2] : NULL, c->out);
}
ACN_ONNX(conv) = {.type = "Conv", .required = 2, .import = plain};

/* With an output's shape, or one that auto_pad asks for, the padding is what leads to it; what
 * would be less than none are elements behind, which only the bias reaches. */
static acn_status pad_to_shape(const acn_onnx_call *c, const acn_tensor *x,
                               acn_onnx_convolution *conv) {
    acn_onnx_window *w = &conv->window;
    int given, extra_given;
    const int64_t *shape = acn_onnx_ints(c, "output_shape", &given);
    const int64_t *extra = acn_onnx_ints(c, "output_padding", &extra_given);
    const char *how = acn_onnx_text(c, "auto_pad", "NOTSET");
    bool is_same = strncmp(how, "SAME", 4) == 0;
    if (shape && given == w->count + 2) shape += 2, given -= 2; /* with batch and channels */
    if ((shape && given != w->count) || (extra && extra_given != w->count))
        return acn_onnx_bad(c, "output_shape has %d numbers, output_padding %d, for %d dimensions",
                            given, extra_given, w->count);
    for (int d = 0; d < w->count; d++) {
        int64_t size = x->dims[2 + d], reach = (w->kernel[d] - 1) * w->dilation[d] + 1;
        conv->output_padding[d] = extra ? extra[d] : 0;
        if (!shape && !is_same) continue;
        int64_t wanted = shape ? shape[d] : size * w->stride[d];
        int64_t total = (size - 1) * w->stride[d] + conv->output_padding[d] + reach - wanted;
        if (total < 0) conv->output_padding[d] -= total, total = 0;
        w->pads[2 * d] = strcmp(how, "SAME_UPPER") == 0 ? total / 2 : total - total / 2;
        w->pads[2 * d + 1] = total - w->pads[2 * d];
    }
    return ACN_OK;
}

static acn_status transposed(acn_onnx_call *c) {
    acn_onnx_convolution conv;
    const acn_tensor *x = &c->in[0]->tensor;
    ACN_TRY(acn_onnx_convolution_read(c, x, &c->in[1]->tensor, &conv));
    ACN_TRY(pad_to_shape(c, x, &conv));
    return acn_onnx_convolution_build(c, &conv, true, c->in[0], c->in[1],
                                      c->in_count > 2 ? c->in[2] : NULL, c->out);
}
ACN_ONNX(conv_transpose) = {.type = "ConvTranspose", .required = 2, .import = transposed};

/* Columns are added up where they came from: a transposed convolution in which each channel's
 * column i is the image of a filter that is 1 at i. */
static acn_status column_to_image(acn_onnx_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    acn_onnx_convolution conv = {.groups = 1};
    acn_onnx_window *w = &conv.window;
    int64_t image[ACN_MAX_DIMS], dims[ACN_MAX_DIMS], filter_dims[ACN_MAX_DIMS], taps = 1, pads;
    int kernel_count;
    acn_net_value *columns, *filter, *y;
    ACN_TRY(acn_onnx_constant_ints(c, 1, 3, image, &w->count));
    ACN_TRY(acn_onnx_constant_ints(c, 2, 3, w->kernel, &kernel_count));
    if (x->rank != 3 || w->count < 1 || kernel_count != w->count)
        return acn_onnx_bad(c,
                            "its image has %d dimensions, its block %d; equally many, 1 to 3, "
                            "work",
                            w->count, kernel_count);
    ACN_TRY(acn_onnx_spatial(c, "strides", w->count, 1, w->stride));
    ACN_TRY(acn_onnx_spatial(c, "dilations", w->count, 1, w->dilation));
    ACN_TRY(acn_onnx_padding(c, x, w->count, w->kernel, w->stride, w->dilation, w->pads));
    for (int d = 0; d < w->count; d++) {
        int64_t reach = (w->kernel[d] - 1) * w->dilation[d] + 1;
        pads = w->pads[2 * d] + w->pads[2 * d + 1];
        dims[2 + d] = (image[d] + pads - reach) / w->stride[d] + 1;
        conv.output_padding[d] = image[d] + pads - reach - (dims[2 + d] - 1) * w->stride[d];
        filter_dims[2 + d] = w->kernel[d];
        taps *= w->kernel[d];
        if (w->kernel[d] < 1 || image[d] + pads < reach)
            return acn_onnx_bad(c, "dimension %d: a block of %lld does not fit %lld", d,
                                (long long)w->kernel[d], (long long)image[d]);
    }
    if (x->dims[1] % taps != 0 || taps > 4096)
        return acn_onnx_bad(c, "%lld rows are no columns of %lld elements", (long long)x->dims[1],
                            (long long)taps);
    dims[0] = x->dims[0] * (x->dims[1] / taps), dims[1] = taps;
    filter_dims[0] = taps, filter_dims[1] = 1;
    float *ones = acn_arena_alloc(&c->net->arena, (size_t)(taps * taps) * sizeof *ones);
    if (ones == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a filter");
    for (int64_t i = 0; i < taps; i++)
        ones[i * taps + i] = 1;
    ACN_TRY(
        acn_net_constant(c->net, c->node->name, ACN_F32, 2 + w->count, filter_dims, ones, &filter));
    ACN_TRY(acn_onnx_cast(c, filter, x->dtype, &filter));
    ACN_TRY(acn_onnx_reshape(c, c->in[0], 2 + w->count, dims, &columns));
    ACN_TRY(acn_onnx_convolution_build(c, &conv, true, columns, filter, NULL, &y));
    dims[0] = x->dims[0], dims[1] = x->dims[1] / taps;
    memcpy(dims + 2, image, (size_t)w->count * sizeof *image);
    return acn_onnx_reshape(c, y, 2 + w->count, dims, &c->out[0]);
}
ACN_ONNX(col2im) = {.type = "Col2Im", .required = 3, .import = column_to_image};

/* A depthwise convolution along time, to which what came before is an input. */
static acn_status causal_conv(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_onnx_convolution conv = {.window = {.count = 1, .stride = {1}, .dilation = {1}}};
    const acn_tensor *x = &c->in[0]->tensor, *w = &c->in[1]->tensor;
    const char *activation = acn_onnx_text(c, "activation", "none");
    acn_net_value *past = c->in_count > 3 ? c->in[3] : NULL, *y;
    if (x->rank != 3 || w->rank != 3 || w->dims[0] != x->dims[1])
        return acn_onnx_bad(c, "its input has %d dimensions, its filter %d; 3 work", x->rank,
                            w->rank);
    int64_t before = w->dims[2] - 1, dims[] = {x->dims[0], x->dims[1], before};
    conv.window.kernel[0] = w->dims[2];
    conv.groups = x->dims[1];
    if (past == NULL) past = acn_f_broadcast(&f, acn_f_number(&f, 0, x->dtype), 3, dims);
    acn_net_value *all = acn_f_concat(&f, (acn_net_value *[]){past, c->in[0]}, 2, 2);
    acn_net_value *present = acn_f_part(&f, all, 2, x->dims[2], before);
    ACN_TRY(acn_f_end(&f, present, &c->out[1]));
    ACN_TRY(acn_onnx_convolution_build(c, &conv, false, all, c->in[1],
                                       c->in_count > 2 ? c->in[2] : NULL, &y));
    if (strcmp(activation, "silu") == 0 || strcmp(activation, "swish") == 0)
        y = acn_f1(&f, "Swish", y);
    else if (strcmp(activation, "none") != 0)
        return acn_onnx_bad(c, "activation is %s", activation);
    return acn_f_end(&f, y, &c->out[0]);
}
ACN_ONNX(causal_conv) = {.type = "CausalConvWithState", .required = 2, .import = causal_conv};
