/* ge_compose.c - types of the graph engine that are an operator under other conventions than a row
 * of api/ge.tsv can say: constants that decide about sizes, attributes in another order, results
 * that the operator gives in another form. */
#include "graph/import/ge.h"

#include <math.h>
#include <string.h>

static void begin(acn_ge_call *c, acn_node_builder *b, const char *op) {
    acn_node_begin(b, c->net, op, c->node->name);
}

/* The last output is another quantity here, and is left out: whoever reads it is told so. */
static acn_status without_last(acn_ge_call *c, const char *type, int last) {
    ACN_TRY(acn_ge_import_as(c, type));
    c->out[last] = NULL;
    return ACN_OK;
}

static acn_status layer_norm(acn_ge_call *c) { return without_last(c, "LayerNormV3", 2); }
ACN_GE_OP(layer_norm) = {.type = "LayerNorm", .import = layer_norm};

static acn_status group_norm(acn_ge_call *c) { return without_last(c, "GroupNorm", 2); }
ACN_GE_OP(group_norm) = {.type = "GroupNorm", .import = group_norm};

static acn_status batch_norm_infer(acn_ge_call *c) {
    static const char *const slots[] = {"x", "weight", "bias", "running_mean", "running_var"};
    acn_node_builder b;
    begin(c, &b, "BatchNormV3");
    for (int i = 0; i < 5; i++)
        acn_node_input(&b, slots[i], c->in[i]);
    acn_node_int(&b, "is_training", 0);
    acn_node_float(&b, "epsilon", acn_ge_float(c, "epsilon", 1e-5));
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_GE_OP(bn_infer) = {.type = "BNInfer", .import = batch_norm_infer};

static acn_status relu_grad(acn_ge_call *c) {
    acn_node_builder b;
    begin(c, &b, "ThresholdGradV2D");
    acn_node_input(&b, "gradients", c->in[0]);
    acn_node_input(&b, "features", c->in[1]);
    acn_node_float(&b, "threshold", 0);
    acn_node_output(&b, "backprops", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_GE_OP(relu_grad) = {.type = "ReluGrad", .import = relu_grad};

/* A vector that is added along dimension 1, or along the last one. */
static acn_status bias_add(acn_ge_call *c) {
    const acn_tensor *x = &c->in[0]->tensor, *bias = &c->in[1]->tensor;
    const acn_ge_attr *layout = acn_ge_attr_find(c->node, "data_format");
    bool is_last = layout == NULL || strcmp(layout->given.items, "NHWC") == 0;
    int at = is_last ? x->rank - 1 : 1;
    int64_t dims[ACN_MAX_DIMS];
    acn_net_value *spread;
    acn_node_builder b;
    if (bias->rank != 1 || at < 0 || at >= x->rank || bias->dims[0] != x->dims[at])
        return acn_ge_bad(c, "bias does not have one number for each element of dimension %d", at);
    for (int d = 0; d < x->rank; d++)
        dims[d] = d == at ? bias->dims[0] : 1;
    ACN_TRY(acn_net_reshape(c->net, c->node->name, c->in[1], x->rank, dims, &spread));
    begin(c, &b, "Add");
    acn_node_input(&b, "x1", c->in[0]);
    acn_node_input(&b, "x2", spread);
    acn_node_output(&b, "y", x->dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_GE_OP(bias_add) = {.type = "BiasAdd", .import = bias_add};

/* ---- images ---------------------------------------------------------------------------------- */

/* Height and width of a list that has four numbers, or what is said when it is absent. */
static acn_status plane(const acn_ge_call *c, const char *attr, int first, int64_t fallback,
                        int64_t *out) {
    int64_t list[ACN_MAX_DIMS];
    int count;
    ACN_TRY(acn_ge_ints(c, -1, attr, ACN_MAX_DIMS, list, &count));
    out[0] = out[1] = fallback;
    if (count < 0) return ACN_OK;
    if (count != 4) return acn_ge_bad(c, "attribute %s has %d numbers, not 4", attr, count);
    memcpy(out, list + first, 2 * sizeof *out);
    return ACN_OK;
}

/* Attributes go as if channels came last, whatever x is: that is how PyTorch's adapter has them. */
static acn_status max_pool_argmax(acn_ge_call *c) {
    int64_t ksize[2], strides[2], dilations[2], side[2], pads[4];
    acn_node_builder b;
    ACN_TRY(plane(c, "ksize", 1, 1, ksize));
    ACN_TRY(plane(c, "strides", 1, 1, strides));
    ACN_TRY(plane(c, "dilation", 1, 1, dilations));
    ACN_TRY(plane(c, "pads", 1, 0, side));
    for (int i = 0; i < 4; i++)
        pads[i] = side[i / 2];
    begin(c, &b, "MaxPooling");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_int(&b, "spatial", 2);
    acn_node_ints(&b, "ksize", ksize, 2);
    acn_node_ints(&b, "strides", strides, 2);
    acn_node_ints(&b, "dilations", dilations, 2);
    acn_node_ints(&b, "pads", pads, 4);
    acn_node_int(&b, "ceil_mode", acn_ge_int(c, "ceil_mode", 0));
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out); /* the argmax is a mask of the device's own */
}
ACN_GE_OP(max_pool_argmax) = {.type = "MaxPoolWithArgmaxV1", .import = max_pool_argmax};

/* input_size is a constant, which says what output_padding would. */
static acn_status transposed_convolution(acn_ge_call *c) {
    int64_t size[ACN_MAX_DIMS], strides[2], dilations[2], pads[4], padding[2];
    int count, pad_count;
    const acn_ge_attr *layout = acn_ge_attr_find(c->node, "data_format");
    const acn_tensor *x = &c->in[1]->tensor, *filter = &c->in[2]->tensor;
    acn_node_builder b;
    if (layout == NULL || strcmp(layout->given.items, "NCHW") != 0)
        return acn_ge_bad(c, "attribute data_format is only supported as NCHW");
    ACN_TRY(acn_ge_ints(c, 0, NULL, ACN_MAX_DIMS, size, &count));
    ACN_TRY(plane(c, "strides", 2, 1, strides));
    ACN_TRY(plane(c, "dilations", 2, 1, dilations));
    ACN_TRY(acn_ge_ints(c, -1, "pads", 4, pads, &pad_count));
    if (x->rank != 4 || filter->rank != 4 || count != 4 || pad_count != 4)
        return acn_ge_bad(c, "it takes images, a filter of 4 dimensions, 4 sizes and 4 pads");
    for (int d = 0; d < 2; d++) {
        int64_t least = (x->dims[d + 2] - 1) * strides[d] - pads[2 * d] - pads[2 * d + 1] +
                        dilations[d] * (filter->dims[d + 2] - 1) + 1;
        padding[d] = size[d + 2] > 0 ? size[d + 2] - least : 0;
        if (padding[d] < 0 || padding[d] >= (strides[d] > dilations[d] ? strides[d] : dilations[d]))
            return acn_ge_bad(c, "input_size %lld does not follow from %lld by stride %lld",
                              (long long)size[d + 2], (long long)x->dims[d + 2],
                              (long long)strides[d]);
    }
    begin(c, &b, "Convolution");
    acn_node_input(&b, "x", c->in[1]);
    acn_node_input(&b, "filter", c->in[2]);
    acn_node_input(&b, "bias", c->in_count > 3 ? c->in[3] : NULL);
    acn_node_ints(&b, "strides", strides, 2);
    acn_node_ints(&b, "dilations", dilations, 2);
    acn_node_ints(&b, "pads", pads, 4);
    acn_node_ints(&b, "output_padding", padding, 2);
    acn_node_int(&b, "transposed", 1);
    acn_node_int(&b, "groups", acn_ge_int(c, "groups", 1));
    acn_node_output(&b, "y", x->dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_GE_OP(conv_transpose) = {.type = "Conv2DTranspose", .import = transposed_convolution};

static acn_status resize_nearest(acn_ge_call *c) {
    int64_t size[ACN_MAX_DIMS];
    int count;
    acn_node_builder b;
    ACN_TRY(acn_ge_ints(c, 1, NULL, ACN_MAX_DIMS, size, &count));
    if (c->in[0]->tensor.rank != 4 || count != 2)
        return acn_ge_bad(c, "it has %d sizes; expected height and width of images", count);
    if (acn_ge_int(c, "align_corners", 0))
        return acn_ge_bad(c, "attribute align_corners is only supported as false");
    begin(c, &b, "Resample");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_int(&b, "spatial", 2);
    acn_node_int(&b, "mode", acn_ge_int(c, "half_pixel_centers", 0) != 0);
    acn_node_ints(&b, "output_size", size, 2);
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_GE_OP(resize_nearest) = {.type = "ResizeNearestNeighborV2", .import = resize_nearest};

/* ---- numbers --------------------------------------------------------------------------------- */

static acn_status constant_number(const acn_ge_call *c, int input, double *out) {
    const acn_tensor *t = &c->in[input]->tensor;
    if (!t->data)
        return acn_ge_bad(c, "input %d depends on the data; it must be a constant", input);
    if (acn_tensor_count(t) != 1) return acn_ge_bad(c, "input %d is no single number", input);
    acn_value v = acn_load_value(t->data, t->dtype);
    *out = acn_dtype_is_float(t->dtype) ? v.f : (double)v.i;
    return ACN_OK;
}

/* How many numbers there are is a size, which must be known. */
static acn_status range(acn_ge_call *c) {
    double start, limit, delta;
    acn_node_builder b;
    acn_tensor shape;
    ACN_TRY(constant_number(c, 0, &start));
    ACN_TRY(constant_number(c, 1, &limit));
    ACN_TRY(constant_number(c, 2, &delta));
    double count = ceil((limit - start) / delta);
    if (delta == 0 || !(count < 0x1p40)) return acn_ge_bad(c, "it never comes to its limit");
    const int64_t length = count > 0 ? (int64_t)count : 0;
    acn_tensor_init(&shape, NULL, c->in[0]->tensor.dtype, 1, &length);
    begin(c, &b, "Range");
    acn_node_input(&b, "start", c->in[0]);
    acn_node_input(&b, "limit", c->in[1]);
    acn_node_input(&b, "delta", c->in[2]);
    acn_node_output(&b, "y", shape.dtype, &shape);
    return acn_node_end(&b, c->out);
}
ACN_GE_OP(range) = {.type = "Range", .import = range};

static acn_status scatter_elements(acn_ge_call *c) {
    static const char *const names[] = {"none", "add", "mul", "max", "min"};
    const acn_ge_attr *a = acn_ge_attr_find(c->node, "reduction");
    const char *name = a && a->given.kind == ACN_GIVEN_TEXT ? a->given.items : "none";
    int how = 0;
    acn_node_builder b;
    while (how < 5 && strcmp(names[how], name) != 0)
        how++;
    if (how == 5)
        return acn_ge_bad(c, "attribute reduction is \"%s\"; expected none, add, mul, max or min",
                          name);
    acn_net_value *updates = c->in[2];
    if (updates->tensor.dtype !=
        c->in[0]->tensor.dtype) { /* numbers that programs write as integers */
        begin(c, &b, "Cast");
        acn_node_input(&b, "x", updates);
        acn_node_int(&b, "dst_type", c->in[0]->tensor.dtype);
        acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
        ACN_TRY(acn_node_end(&b, &updates));
    }
    begin(c, &b, "ScatterElements");
    acn_node_input(&b, "data", c->in[0]);
    acn_node_input(&b, "indices", c->in[1]);
    acn_node_input(&b, "updates", updates);
    acn_node_int(&b, "axis", acn_ge_int(c, "axis", 0));
    acn_node_int(&b, "reduction", how);
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_GE_OP(scatter_elements) = {.type = "ScatterElements", .import = scatter_elements};
