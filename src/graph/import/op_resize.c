/* op_resize.c - images of another size, and images read at given places. */
#include "graph/import/compose.h"

#include <math.h>
#include <string.h>

/* ---- Resize and Upsample --------------------------------------------------------------------- */

typedef struct resizing {
    int64_t size[ACN_MAX_DIMS];
    float scale[ACN_MAX_DIMS], start[ACN_MAX_DIMS], end[ACN_MAX_DIMS];
    bool is_active[ACN_MAX_DIMS];
} resizing;

/* Which dimensions the numbers of scales, sizes and roi are for. */
static acn_status read_axes(const acn_onnx_call *c, int rank, int *axes, int *out_count) {
    int count;
    const int64_t *given = acn_onnx_ints(c, "axes", &count);
    if (given == NULL) count = rank;
    if (count > rank) return acn_onnx_bad(c, "it has %d axes for %d dimensions", count, rank);
    for (int i = 0; i < count; i++)
        ACN_TRY(acn_onnx_axis(c, given ? given[i] : i, rank, &axes[i]));
    *out_count = count;
    return ACN_OK;
}

static acn_status read_floats(const acn_onnx_call *c, int input, int wanted, float *out,
                              bool *out_given) {
    const acn_net_value *v = input < c->in_count ? c->in[input] : NULL;
    *out_given = v != NULL && acn_tensor_count(&v->tensor) > 0;
    if (!*out_given) return ACN_OK;
    ACN_TRY(acn_onnx_await(c, input, "a constant"));
    if (acn_tensor_count(&v->tensor) != wanted)
        return acn_onnx_bad(c, "input %d (%s) has not %d numbers", input, v->name, wanted);
    for (int i = 0; i < wanted; i++)
        out[i] = (float)acn_load_value(acn_tensor_at(&v->tensor, i), v->tensor.dtype).f;
    return ACN_OK;
}

/* With keep_aspect_ratio_policy all axes get the smallest or largest of their scales. */
static acn_status take_sizes(const acn_onnx_call *c, const acn_tensor *x, const int *axes,
                             int count, const int64_t *sizes, resizing *r) {
    const char *policy = acn_onnx_text(c, "keep_aspect_ratio_policy", "stretch");
    float common = 0;
    bool is_common = strcmp(policy, "stretch") != 0, is_least = strcmp(policy, "not_larger") == 0;
    if (is_common && !is_least && strcmp(policy, "not_smaller") != 0)
        return acn_onnx_bad(c, "keep_aspect_ratio_policy is %s", policy);
    for (int i = 0; i < count; i++) {
        int64_t in = x->dims[axes[i]];
        float scale = in ? (float)sizes[i] / (float)in : 1;
        r->size[axes[i]] = sizes[i];
        r->scale[axes[i]] = scale;
        if (i == 0 || (is_least ? scale < common : scale > common)) common = scale;
    }
    for (int i = 0; is_common && i < count; i++) {
        r->scale[axes[i]] = common;
        r->size[axes[i]] = (int64_t)floorf(common * (float)x->dims[axes[i]] + 0.5f);
    }
    return ACN_OK;
}

/* Where scales, sizes and roi are, by the operator's version. */
static acn_status read_resizing(const acn_onnx_call *c, resizing *r) {
    const acn_tensor *x = &c->in[0]->tensor;
    bool is_old = c->opset < 11 || strcmp(c->node->type, "Upsample") == 0;
    float numbers[2 * ACN_MAX_DIMS];
    int64_t sizes[ACN_MAX_DIMS];
    int axes[ACN_MAX_DIMS], count, size_count;
    bool has_scales, has_roi = false;
    const acn_onnx_attr *attr = acn_onnx_attr_find(c->node, "scales");
    ACN_TRY(read_axes(c, x->rank, axes, &count));
    memset(r, 0, sizeof *r);
    for (int d = 0; d < x->rank; d++) {
        r->size[d] = x->dims[d];
        r->scale[d] = r->end[d] = 1;
    }
    ACN_TRY(read_floats(c, is_old ? 1 : 2, count, numbers, &has_scales));
    if (attr && attr->floats && attr->count == count) { /* Upsample's first form */
        memcpy(numbers, attr->floats, (size_t)count * sizeof *numbers);
        has_scales = true;
    }
    for (int i = 0; has_scales && i < count; i++) {
        r->scale[axes[i]] = numbers[i];
        r->size[axes[i]] = (int64_t)floorf(numbers[i] * (float)x->dims[axes[i]]);
    }
    if (!has_scales) {
        ACN_TRY(acn_onnx_constant_ints(c, 3, ACN_MAX_DIMS, sizes, &size_count));
        if (size_count != count)
            return acn_onnx_bad(c, "it has %d sizes for %d dimensions", size_count, count);
        ACN_TRY(take_sizes(c, x, axes, count, sizes, r));
    }
    bool crops =
        strcmp(acn_onnx_text(c, "coordinate_transformation_mode", ""), "tf_crop_and_resize") == 0;
    if (crops) ACN_TRY(read_floats(c, 1, 2 * count, numbers, &has_roi));
    for (int i = 0; has_roi && i < count; i++) {
        r->start[axes[i]] = numbers[i];
        r->end[axes[i]] = numbers[count + i];
    }
    for (int d = 0; d < x->rank; d++)
        r->is_active[d] =
            r->size[d] != x->dims[d] || r->scale[d] != 1 || r->start[d] != 0 || r->end[d] != 1;
    return ACN_OK;
}

/* The dimensions [first, first + count) of |x|; those behind must be given as well. */
static acn_status resize_part(acn_onnx_call *c, const resizing *r, int first, int count,
                              acn_net_value *x, int behind, acn_net_value **out) {
    bool is_old = c->opset < 11 || strcmp(c->node->type, "Upsample") == 0;
    const char *how =
        acn_onnx_text(c, "coordinate_transformation_mode", is_old ? "asymmetric" : "half_pixel");
    float scale[4], roi[8];
    int64_t size[4];
    acn_node_builder b;
    for (int i = 0; i < count; i++) {
        size[i] = r->size[first + i];
        scale[i] = r->scale[first + i];
        roi[i] = r->start[first + i];
        roi[count + behind + i] = r->end[first + i];
    }
    if (behind) { /* one dimension that stays as it is */
        size[count] = x->tensor.dims[x->tensor.rank - 1];
        scale[count] = roi[2 * count + 1] = 1;
        roi[count] = 0;
    }
    acn_onnx_begin(c, &b, "Resize");
    acn_node_input(&b, "x", x);
    acn_node_int(&b, "spatial", count + behind);
    acn_node_ints(&b, "output_size", size, count + behind);
    acn_node_floats(&b, "scales", scale, count + behind);
    acn_node_floats(&b, "roi", roi, 2 * (count + behind));
    acn_node_text(&b, "mode", acn_onnx_text(c, "mode", "nearest"));
    acn_node_text(&b, "coordinate_transformation_mode", how);
    acn_node_text(&b, "nearest_mode",
                  acn_onnx_text(c, "nearest_mode", is_old ? "floor" : "round_prefer_floor"));
    acn_node_float(&b, "cubic_coeff_a", acn_onnx_float(c, "cubic_coeff_a", -0.75));
    acn_node_int(&b, "exclude_outside", acn_onnx_int(c, "exclude_outside", 0));
    acn_node_int(&b, "antialias", acn_onnx_int(c, "antialias", 0));
    acn_node_float(&b, "extrapolation_value", acn_onnx_float(c, "extrapolation_value", 0));
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    return acn_node_end(&b, out);
}

/* Dimension |axis| alone: the ones before it as one, and the ones behind. */
static acn_status resize_one(acn_onnx_call *c, const resizing *r, int axis, acn_net_value **x) {
    int rank = (*x)->tensor.rank;
    int64_t dims[ACN_MAX_DIMS], three[3] = {1, (*x)->tensor.dims[axis], 1};
    memcpy(dims, (*x)->tensor.dims, sizeof dims);
    for (int d = 0; d < rank; d++)
        if (d != axis) three[d < axis ? 0 : 2] *= dims[d];
    dims[axis] = r->size[axis];
    ACN_TRY(acn_onnx_reshape(c, *x, 3, three, x));
    ACN_TRY(resize_part(c, r, axis, 1, *x, 1, x));
    return acn_onnx_reshape(c, *x, rank, dims, x);
}

static acn_status resize(acn_onnx_call *c) {
    acn_net_value *x = c->in[0];
    int rank = x->tensor.rank, first = 0, last = rank - 1;
    resizing r;
    ACN_TRY(read_resizing(c, &r));
    while (first < rank && !r.is_active[first])
        first++;
    while (last > first && !r.is_active[last])
        last--;
    c->out[0] = x;
    if (first == rank) return ACN_OK;
    if (rank - first <= 3) return resize_part(c, &r, first, rank - first, x, 0, &c->out[0]);
    for (int d = first; d <= last; d++)
        if (r.is_active[d]) ACN_TRY(resize_one(c, &r, d, &c->out[0]));
    return ACN_OK;
}
ACN_ONNX(resize) = {.type = "Resize", .import = resize};
ACN_ONNX(upsample) = {.type = "Upsample", .import = resize};

/* ---- places that a grid names ---------------------------------------------------------------- */

static int number_of(const char *const *names, const char *text) {
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], text) == 0) return i;
    return -1;
}

static acn_status grid_sample(acn_onnx_call *c) {
    static const char *const old_modes[] = {"bilinear", "nearest", "bicubic", NULL};
    static const char *const modes[] = {"linear", "nearest", "cubic", NULL};
    static const char *const paddings[] = {"zeros", "border", "reflection", NULL};
    const char *text = acn_onnx_text(c, "mode", "linear");
    int mode = number_of(modes, text);
    int padding = number_of(paddings, acn_onnx_text(c, "padding_mode", "zeros"));
    acn_node_builder b;
    if (mode < 0) mode = number_of(old_modes, text);
    if (mode < 0 || padding < 0) return acn_onnx_bad(c, "mode is %s", text);
    acn_onnx_begin(c, &b, "GridSampler");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_input(&b, "grid", c->in[1]);
    acn_node_int(&b, "interpolation_mode", mode);
    acn_node_int(&b, "padding_mode", padding);
    acn_node_int(&b, "align_corners", acn_onnx_int(c, "align_corners", 0));
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(grid_sample) = {.type = "GridSample", .required = 2, .import = grid_sample};

static acn_status affine_grid(acn_onnx_call *c) {
    int64_t size[5];
    int count;
    acn_node_builder b;
    ACN_TRY(acn_onnx_constant_ints(c, 1, 5, size, &count));
    acn_onnx_begin(c, &b, "AffineGrid");
    acn_node_input(&b, "theta", c->in[0]);
    acn_node_ints(&b, "output_size", size, count);
    acn_node_int(&b, "align_corners", acn_onnx_int(c, "align_corners", 0));
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(affine_grid) = {.type = "AffineGrid", .required = 2, .import = affine_grid};

/* ---- the middle ------------------------------------------------------------------------------ */

static acn_status center_crop_pad(acn_onnx_call *c) {
    acn_formula f = {.c = c};
    acn_net_value *x = c->in[0];
    int rank = x->tensor.rank, axes[ACN_MAX_DIMS], count, given;
    int64_t shape[ACN_MAX_DIMS], frame[2 * ACN_MAX_DIMS] = {0};
    bool is_padded = false;
    acn_node_builder b;
    ACN_TRY(read_axes(c, rank, axes, &count));
    ACN_TRY(acn_onnx_constant_ints(c, 1, ACN_MAX_DIMS, shape, &given));
    if (given != count)
        return acn_onnx_bad(c, "its shape has %d numbers for %d axes", given, count);
    for (int i = 0; i < count; i++) {
        int64_t more = shape[i] - c->in[0]->tensor.dims[axes[i]];
        if (more < 0) x = acn_f_part(&f, x, axes[i], -more / 2, shape[i]);
        if (more <= 0) continue;
        frame[2 * axes[i]] = more / 2;
        frame[2 * axes[i] + 1] = more - more / 2;
        is_padded = true;
    }
    ACN_TRY(acn_f_end(&f, x, &c->out[0]));
    if (!is_padded) return ACN_OK;
    acn_onnx_begin(c, &b, "PadV3");
    acn_node_input(&b, "x", x);
    acn_node_ints(&b, "paddings", frame, 2 * rank);
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(center_crop_pad) = {.type = "CenterCropPad", .required = 2, .import = center_crop_pad};
