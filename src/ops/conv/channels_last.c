/* channels_last.c - see channels_last.h. */
#include "ops/conv/channels_last.h"

#include <string.h>

acn_status acn_cl_read(const acn_call *c, acn_conv *out) {
    const acn_tensor *x = acn_in(c, ACN_CL_X);
    int64_t kernels, channels = acn_attr_int(c, ACN_CL_CHANNELS);
    int64_t groups = acn_attr_int(c, ACN_CONV_GROUPS);
    const int64_t *kernel = acn_attr_ints(c, ACN_CL_KERNEL, &kernels);
    if (x->rank != 4)
        return acn_bad_input(c, ACN_CL_X, "expected 4 dimensions: batch, channels, space");
    if (groups < 1 || x->dims[1] % groups)
        return acn_bad_attr(c, ACN_CONV_GROUPS, "is %lld; expected a divisor of %lld channels",
                            (long long)groups, (long long)x->dims[1]);
    if (channels < 1 || channels > INT32_MAX)
        return acn_bad_attr(c, ACN_CL_CHANNELS, "is %lld; expected at least 1",
                            (long long)channels);
    if (kernels != 2 || kernel[0] < 1 || kernel[1] < 1 || kernel[0] > 4096 || kernel[1] > 4096)
        return acn_bad_attr(c, ACN_CL_KERNEL, "expected 2 numbers, at least 1");
    if (acn_attr_int(c, ACN_CONV_TRANSPOSED))
        return acn_bad_attr(c, ACN_CONV_TRANSPOSED, "is true; this operator is not transposed");
    acn_tensor w;
    const int64_t dims[4] = {channels, x->dims[1] / groups, kernel[0], kernel[1]};
    acn_tensor_init(&w, NULL, ACN_F32, 4, dims);
    return acn_conv_read_as(c, ACN_CL_X, ACN_CL_FILTER, &w, out);
}

acn_status acn_cl_infer(acn_call *c, acn_conv *out) {
    int64_t dims[4];
    acn_panels_finish finish;
    ACN_TRY(acn_cl_read(c, out));
    acn_conv_result_dims(out, false, dims);
    const acn_tensor *bias = acn_in(c, ACN_CL_BIAS), *addend = acn_in(c, ACN_CL_ADDEND);
    acn_tensor y;
    acn_tensor_init(&y, NULL, ACN_F32, 4, dims);
    if (bias && acn_tensor_count(bias) != dims[1])
        return acn_bad_input(c, ACN_CL_BIAS, "expected one number for each of %lld channels",
                             (long long)dims[1]);
    if (addend && !acn_tensor_same_shape(addend, &y))
        return acn_bad_input(c, ACN_CL_ADDEND, "expected the shape of the result");
    ACN_TRY(acn_panels_read_finish(c, ACN_CL_FINISH, &finish));
    acn_out_is(c, 0, ACN_F32, 4, dims);
    return ACN_OK;
}

/* ---- images ---------------------------------------------------------------------------------- */

/* Dimensions of size 1 have no stride that counts. */
static bool is_image(const acn_tensor *t, acn_cl_image *image) {
    const int64_t n = t->dims[0], c = t->dims[1], h = t->dims[2], w = t->dims[3];
    if (c > 1 && t->strides[1] != 1) return false;
    image->pixel = w > 1 ? t->strides[3] : h > 1 ? t->strides[2] : n > 1 ? t->strides[0] : c;
    image->row = image->pixel * w;
    image->image = image->row * h;
    return image->pixel >= c && (h == 1 || t->strides[2] == image->row) &&
           (n == 1 || t->strides[0] == image->image);
}

acn_status acn_cl_image_plan(acn_cl_image *image, const acn_tensor *t, const int64_t *before,
                             const int64_t *after, bool is_staged, bool is_output,
                             uint64_t *workspace_bytes) {
    *image = (acn_cl_image){0};
    image->has_border = before && (before[0] | before[1] | after[0] | after[1]);
    image->is_direct = !is_staged && !image->has_border && is_image(t, image);
    if (image->is_direct) return ACN_OK;
    int64_t h = t->dims[2], w = t->dims[3];
    image->pixel = t->dims[1];
    image->row = image->pixel * (w + (before ? before[1] + after[1] : 0));
    image->image = image->row * (h + (before ? before[0] + after[0] : 0));
    image->inside = before ? before[0] * image->row + before[1] * image->pixel : 0;
    image->offset = *workspace_bytes;
    image->bytes = (uint64_t)(t->dims[0] * image->image) * sizeof(float);
    *workspace_bytes += (image->bytes + 63) / 64 * 64;
    acn_tensor room = *t;
    room.strides[0] = image->image, room.strides[1] = 1;
    room.strides[2] = image->row, room.strides[3] = image->pixel;
    return is_output ? acn_copy_plan(&image->copy, t, &room)
                     : acn_copy_plan(&image->copy, &room, t);
}

float *acn_cl_image_room(const acn_cl_image *image, const acn_tensor *t, void *workspace) {
    return image->is_direct ? t->data : (float *)(void *)((char *)workspace + image->offset);
}

float *acn_cl_image_in(const acn_cl_image *image, const acn_tensor *t, void *workspace) {
    float *room = acn_cl_image_room(image, t, workspace);
    if (image->is_direct) return room;
    if (image->has_border) memset(room, 0, image->bytes);
    acn_copy_run(&image->copy, room + image->inside, t->data);
    return room;
}

void acn_cl_image_out(const acn_cl_image *image, const acn_tensor *t, void *workspace) {
    if (!image->is_direct)
        acn_copy_run(&image->copy, t->data, acn_cl_image_room(image, t, workspace));
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static double element(const acn_tensor *t, int64_t n, int64_t channel, int64_t y, int64_t x) {
    if (y < 0 || y >= t->dims[2] || x < 0 || x >= t->dims[3]) return 0;
    int64_t at =
        n * t->strides[0] + channel * t->strides[1] + y * t->strides[2] + x * t->strides[3];
    return ((const float *)t->data)[at];
}

acn_status acn_cl_naive(acn_call *c, acn_cl_filter_fn filter) {
    const acn_tensor *x = acn_in(c, ACN_CL_X), *y = acn_out(c, 0);
    const acn_tensor *bias = acn_in(c, ACN_CL_BIAS), *addend = acn_in(c, ACN_CL_ADDEND);
    acn_conv v;
    ACN_TRY(acn_cl_read(c, &v));
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t ox = i % v.out[2], oy = i / v.out[2] % v.out[1];
        int64_t channel = i / v.out[2] / v.out[1] % (v.groups * v.co);
        int64_t n = i / v.out[2] / v.out[1] / (v.groups * v.co);
        int64_t group = channel / v.co, column = channel % v.co;
        double sum = bias ? acn_load_value(acn_tensor_at(bias, channel), ACN_F32).f : 0;
        for (int64_t tap = 0; tap < v.kernel[1] * v.kernel[2]; tap++)
            for (int64_t ci = 0; ci < v.ci; ci++) {
                int64_t sy = oy * v.stride[1] + tap / v.kernel[2] * v.dilation[1] - v.before[1];
                int64_t sx = ox * v.stride[2] + tap % v.kernel[2] * v.dilation[2] - v.before[2];
                sum += element(x, n, group * v.ci + ci, sy, sx) *
                       filter(c, &v, group, tap, ci, column);
            }
        if (addend) sum += acn_load_value(acn_tensor_at(addend, i), ACN_F32).f;
        acn_store_value(acn_tensor_at(y, i), ACN_F32,
                        (acn_value){.f = acn_panels_naive_finish(c, ACN_CL_FINISH, sum)});
    }
    return ACN_OK;
}

acn_status acn_cl_operands_plan(acn_cl_operands *o, const acn_call *c, const int64_t *before,
                                const int64_t *after, bool is_staged) {
    const acn_tensor *bias = acn_in(c, ACN_CL_BIAS), *addend = acn_in(c, ACN_CL_ADDEND);
    uint64_t *bytes = &o->staged_bytes;
    ACN_TRY(acn_cl_image_plan(&o->x, acn_in(c, ACN_CL_X), before, after, is_staged, false, bytes));
    ACN_TRY(acn_cl_image_plan(&o->y, acn_out(c, 0), NULL, NULL, false, true, bytes));
    if (addend) ACN_TRY(acn_cl_image_plan(&o->addend, addend, NULL, NULL, false, false, bytes));
    ACN_TRY(acn_stage_plan(&o->filter, acn_in(c, ACN_CL_FILTER), ACN_F32, false, bytes));
    if (bias) ACN_TRY(acn_stage_plan(&o->bias, bias, ACN_F32, false, bytes));
    return ACN_OK;
}

acn_cl_numbers acn_cl_operands_in(const acn_cl_operands *o, const acn_call *c) {
    char *w = c->workspace;
    const acn_tensor *bias = acn_in(c, ACN_CL_BIAS), *addend = acn_in(c, ACN_CL_ADDEND);
    return (acn_cl_numbers){
        .x = acn_cl_image_in(&o->x, acn_in(c, ACN_CL_X), w),
        .filter = acn_stage_in(&o->filter, acn_in(c, ACN_CL_FILTER), w),
        .bias = bias ? acn_stage_in(&o->bias, bias, w) : NULL,
        .addend = addend ? acn_cl_image_in(&o->addend, addend, w) : NULL,
        .y = acn_cl_image_room(&o->y, acn_out(c, 0), w),
    };
}

void acn_cl_operands_out(const acn_cl_operands *o, const acn_call *c) {
    acn_cl_image_out(&o->y, acn_out(c, 0), c->workspace);
}
