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

typedef struct deformed {
    acn_formula f;
    acn_onnx_window window;
    int64_t batch, channels, size[2], out[2], taps, groups, offset_groups;
} deformed;

enum { X, W, OFFSET, BIAS, MASK };

static acn_status read_deformed(acn_onnx_call *c, deformed *d) {
    const acn_tensor *x = &c->in[X]->tensor, *w = &c->in[W]->tensor, *o = &c->in[OFFSET]->tensor;
    acn_onnx_convolution conv;
    *d = (deformed){.f = {.c = c}};
    if (x->rank != 4 || w->rank != 4 || o->rank != 4)
        return acn_onnx_bad(c, "its input has %d dimensions; 4 work", x->rank);
    ACN_TRY(acn_onnx_convolution_read(c, x, w, &conv));
    d->window = conv.window;
    d->batch = x->dims[0], d->channels = x->dims[1];
    d->groups = conv.groups, d->offset_groups = acn_onnx_int(c, "offset_group", 1);
    d->taps = w->dims[2] * w->dims[3];
    for (int i = 0; i < 2; i++) {
        d->size[i] = x->dims[2 + i];
        d->out[i] = o->dims[2 + i];
    }
    if (d->groups < 1 || d->offset_groups < 1 || d->channels % d->offset_groups != 0 ||
        w->dims[0] % d->groups != 0 || w->dims[1] * d->groups != d->channels ||
        o->dims[1] != d->offset_groups * d->taps * 2)
        return acn_onnx_bad(c, "its filter, offsets and groups do not fit %lld channels",
                            (long long)d->channels);
    return ACN_OK;
}

/* Where the filter's taps lie without offsets, as a constant f32 [taps, out] of one dimension. */
static acn_net_value *places(deformed *d, int dim) {
    acn_formula *f = &d->f;
    const acn_onnx_window *w = &d->window;
    int64_t spots = d->out[0] * d->out[1], dims[] = {1, d->taps, d->out[0], d->out[1]};
    float *at = acn_arena_alloc(&f->c->net->arena, (size_t)(d->taps * spots + 1) * sizeof *at);
    acn_net_value *y = NULL;
    if (at == NULL) f->status = acn_fail(ACN_BAD_ALLOC, "no host memory for a constant");
    if (f->status != ACN_OK) return NULL;
    for (int64_t i = 0; i < d->taps * spots; i++) {
        int64_t tap = i / spots, spot = i % spots;
        int64_t k = dim == 0 ? tap / w->kernel[1] : tap % w->kernel[1];
        int64_t o = dim == 0 ? spot / d->out[1] : spot % d->out[1];
        at[i] = (float)(o * w->stride[dim] + k * w->dilation[dim] - w->pads[2 * dim]);
    }
    f->status = acn_net_constant(f->c->net, f->c->node->name, ACN_F32, 4, dims, at, &y);
    return y;
}

/* Positions of one dimension as GridSampler has them, from -1 to 1, as [N * groups, taps * H, W,
 * 1].
 */
static acn_net_value *grid_of(deformed *d, acn_net_value *offset, int dim) {
    acn_formula *f = &d->f;
    int64_t images = d->batch * d->offset_groups;
    const int64_t pairs[] = {images, d->taps, 2, d->out[0] * d->out[1]};
    const int64_t each[] = {images, d->taps, d->out[0], d->out[1]};
    const int64_t flat[] = {images, d->taps * d->out[0], d->out[1], 1};
    acn_net_value *moved = acn_f_part(f, acn_f_reshape(f, offset, 4, pairs), 2, dim, 1);
    acn_net_value *at = acn_f2(f, "Add", acn_f_reshape(f, moved, 4, each), places(d, dim));
    double size = (double)d->size[dim];
    at = acn_f_with(f, "Add", acn_f_with(f, "Mul", at, 2 / size), 1 / size - 1);
    return acn_f_reshape(f, at, 4, flat);
}

/* The elements under all taps, as [N, channels * taps, out]. */
static acn_net_value *columns(deformed *d, acn_net_value *mask) {
    acn_formula *f = &d->f;
    int64_t images = d->batch * d->offset_groups, each = d->channels / d->offset_groups;
    int64_t spots = d->out[0] * d->out[1];
    const int64_t x[] = {images, each, d->size[0], d->size[1]};
    const int64_t wide[] = {images, each, d->taps, spots}, one[] = {images, 1, d->taps, spots};
    const int64_t all[] = {d->batch, d->channels * d->taps, spots};
    acn_net_value *offset = acn_f_cast(f, f->c->in[OFFSET], ACN_F32);
    acn_net_value *parts[] = {grid_of(d, offset, 1), grid_of(d, offset, 0)};
    acn_net_value *grid = acn_f_concat(f, parts, 2, 3), *y = NULL;
    acn_net_value *image = acn_f_reshape(f, acn_f_cast(f, f->c->in[X], ACN_F32), 4, x);
    acn_node_builder b;
    if (f->status != ACN_OK) return NULL;
    acn_onnx_begin(f->c, &b, "GridSampler");
    acn_node_input(&b, "x", image);
    acn_node_input(&b, "grid", grid);
    acn_node_output(&b, "y", ACN_F32, NULL);
    f->status = acn_node_end(&b, &y);
    y = acn_f_reshape(f, y, 4, wide);
    if (mask) y = acn_f2(f, "Mul", y, acn_f_reshape(f, acn_f_cast(f, mask, ACN_F32), 4, one));
    return acn_f_reshape(f, y, 3, all);
}

static acn_status deform_conv(acn_onnx_call *c) {
    deformed d;
    ACN_TRY(read_deformed(c, &d));
    acn_formula *f = &d.f;
    const acn_tensor *w = &c->in[W]->tensor;
    int64_t rows = d.channels * d.taps / d.groups, spots = d.out[0] * d.out[1];
    const int64_t grouped[] = {d.batch, d.groups, rows, spots};
    const int64_t filter[] = {d.groups, w->dims[0] / d.groups, rows};
    const int64_t dims[] = {d.batch, w->dims[0], d.out[0], d.out[1]};
    const int64_t channel[] = {1, w->dims[0], 1, 1};
    acn_net_value *x = acn_f_reshape(f, columns(&d, input(c, MASK)), 4, grouped);
    acn_net_value *taps = acn_f_reshape(f, acn_f_cast(f, c->in[W], ACN_F32), 3, filter);
    acn_net_value *y = acn_f_reshape(f, acn_f2(f, "MatMul", taps, x), 4, dims);
    if (input(c, BIAS)) {
        acn_net_value *bias = acn_f_cast(f, c->in[BIAS], ACN_F32);
        y = acn_f2(f, "Add", y, acn_f_reshape(f, bias, 4, channel));
    }
    return acn_f_end(f, acn_f_cast(f, y, c->in[X]->tensor.dtype), &c->out[0]);
}
ACN_ONNX(deform_conv) = {.type = "DeformConv", .required = 3, .import = deform_conv};
