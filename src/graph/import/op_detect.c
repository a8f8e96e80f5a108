/* op_detect.c - boxes and regions: what detectors end with. */
#include "graph/import/compose.h"
#include "graph/import/window.h"

#include <string.h>

static acn_net_value *input(const acn_onnx_call *c, int i) {
    return i < c->in_count ? c->in[i] : NULL;
}

/* How many boxes stay decides the result's shape. */
static acn_status non_max_suppression(acn_onnx_call *c) {
    static const char *const slots[] = {"boxes", "scores", "max_output_size", "iou_threshold",
                                        "score_threshold"};
    acn_formula f = {.c = c};
    acn_node_builder b;
    for (int i = 0; i < c->in_count && i < 5; i++)
        if (c->in[i] && !c->net->can_wait) acn_f_want_constant(&f, i);
    ACN_TRY(f.status);
    acn_onnx_begin(c, &b, "NonMaxSuppression");
    for (int i = 0; i < 5; i++)
        acn_node_input(&b, slots[i], input(c, i));
    acn_node_int(&b, "center_point_box", acn_onnx_int(c, "center_point_box", 0));
    acn_node_output(&b, "selected_indices", ACN_I64, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(non_max_suppression) = {
    .type = "NonMaxSuppression", .required = 2, .import = non_max_suppression};

/* From opset 16 on boxes end at pixels' middles unless the node says otherwise. */
static acn_status roi_align(acn_onnx_call *c) {
    const char *usual = c->opset < 16 ? "output_half_pixel" : "half_pixel";
    const char *how = acn_onnx_text(c, "coordinate_transformation_mode", usual);
    acn_node_builder b;
    acn_onnx_begin(c, &b, "ROIAlign");
    acn_node_input(&b, "features", c->in[0]);
    acn_node_input(&b, "rois", c->in[1]);
    acn_node_input(&b, "batch_indices", c->in[2]);
    acn_node_float(&b, "spatial_scale", acn_onnx_float(c, "spatial_scale", 1));
    acn_node_int(&b, "pooled_height", acn_onnx_int(c, "output_height", 1));
    acn_node_int(&b, "pooled_width", acn_onnx_int(c, "output_width", 1));
    acn_node_int(&b, "sampling_ratio", acn_onnx_int(c, "sampling_ratio", 0));
    acn_node_int(&b, "takes_max", strcmp(acn_onnx_text(c, "mode", "avg"), "max") == 0);
    acn_node_int(&b, "half_pixel", strcmp(how, "half_pixel") == 0);
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(roi_align) = {.type = "RoiAlign", .required = 3, .import = roi_align};

static acn_status max_roi_pool(acn_onnx_call *c) {
    double scale = acn_onnx_float(c, "spatial_scale", 1);
    int count;
    const int64_t *shape = acn_onnx_ints(c, "pooled_shape", &count);
    acn_node_builder b;
    if (count != 2) return acn_onnx_bad(c, "pooled_shape has %d numbers; expected 2", count);
    acn_onnx_begin(c, &b, "ROIPooling");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_input(&b, "rois", c->in[1]);
    acn_node_float(&b, "spatial_scale_h", scale);
    acn_node_float(&b, "spatial_scale_w", scale);
    acn_node_int(&b, "pooled_h", shape[0]);
    acn_node_int(&b, "pooled_w", shape[1]);
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(max_roi_pool) = {.type = "MaxRoiPool", .required = 2, .import = max_roi_pool};

/* ---- deformable convolution ------------------------------------------------------------------ */

enum { X, W, OFFSET, BIAS, MASK };

/* Offsets as DeformableConv2d has them: ONNX's pairs of y and x by group and tap become all x, all
 * y, then the mask. */
static acn_net_value *joint_offsets(acn_formula *f, acn_net_value *offset, acn_net_value *mask) {
    const acn_tensor *o = &offset->tensor;
    int64_t places = o->dims[1] / 2, spots = o->dims[2] * o->dims[3];
    const int64_t pairs[] = {o->dims[0], places, 2, spots};
    const int64_t each[] = {o->dims[0], places, o->dims[2], o->dims[3]};
    acn_net_value *all = acn_f_reshape(f, acn_f_cast(f, offset, ACN_F32), 4, pairs);
    acn_net_value *parts[3] = {acn_f_reshape(f, acn_f_part(f, all, 2, 1, 1), 4, each),
                               acn_f_reshape(f, acn_f_part(f, all, 2, 0, 1), 4, each)};
    if (mask) parts[2] = acn_f_cast(f, mask, ACN_F32);
    return acn_f_concat(f, parts, mask ? 3 : 2, 1);
}

static acn_status deform_conv(acn_onnx_call *c) {
    const acn_tensor *x = &c->in[X]->tensor, *w = &c->in[W]->tensor, *o = &c->in[OFFSET]->tensor;
    acn_onnx_convolution conv;
    if (x->rank != 4 || w->rank != 4 || o->rank != 4 || o->dims[1] % 2 != 0)
        return acn_onnx_bad(c, "its input has %d dimensions; 4 work", x->rank);
    ACN_TRY(acn_onnx_convolution_read(c, x, w, &conv));
    acn_formula f = {.c = c};
    acn_net_value *image = acn_f_cast(&f, c->in[X], ACN_F32), *filter, *bias = input(c, BIAS), *y;
    acn_net_value *offsets = joint_offsets(&f, c->in[OFFSET], input(c, MASK));
    filter = acn_f_cast(&f, c->in[W], ACN_F32);
    if (bias) bias = acn_f_cast(&f, bias, ACN_F32);
    ACN_TRY(f.status);
    acn_node_builder b;
    acn_onnx_begin(c, &b, "DeformableConv2d");
    acn_node_input(&b, "x", image);
    acn_node_input(&b, "weight", filter);
    acn_node_input(&b, "offset", offsets);
    acn_node_input(&b, "bias", bias);
    acn_node_ints(&b, "kernel_size", conv.window.kernel, 2);
    acn_node_ints(&b, "stride", conv.window.stride, 2);
    acn_node_ints(&b, "padding", conv.window.pads, 4);
    acn_node_ints(&b, "dilation", conv.window.dilation, 2);
    acn_node_int(&b, "groups", conv.groups);
    acn_node_int(&b, "deformable_groups", acn_onnx_int(c, "offset_group", 1));
    acn_node_int(&b, "modulated", input(c, MASK) != NULL);
    acn_node_output(&b, "out", ACN_F32, NULL);
    ACN_TRY(acn_node_end(&b, &y));
    return acn_f_end(&f, acn_f_cast(&f, y, x->dtype), &c->out[0]);
}
ACN_ONNX(deform_conv) = {.type = "DeformConv", .required = 3, .import = deform_conv};
