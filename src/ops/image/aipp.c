/* aipp.c - Aipp: pictures as cameras and decoders give them become what a network wants: a part is
 * cut out, colours are converted, numbers scaled, a border added; in this order.
 *
 * Images are bytes, one behind the other, whatever shape the tensor has; features are
 * (n, c, h, w). All arithmetic after the colours is that of float16, as on the NPU. Parameters are
 * attributes, the same for all images, or come with the data (aipp.h). Resizing and rotation are
 * refused. */
#include "ops/image/aipp.h"

#include "base/half.h"
#include "base/pool.h"
#include "ops/op.h"
#include <string.h>

enum { MOST_SIDE = 4096 };
enum {
    FORMAT,
    SOURCE,
    CSC,
    RBUV_SWAP,
    AX_SWAP,
    MATRIX,
    BIAS,
    CROP,
    PADDING,
    PADDING_VALUE,
    MEAN,
    MIN,
    VAR_RECI
};

typedef struct image_job {
    const acn_tensor *out;
    const uint8_t *images;
    const acn_aipp_head *head;
    const acn_aipp_image *image;
    int image_parts; /* 1: for all of them */
    float padding_value;
} image_job;

/* ---- parameters ------------------------------------------------------------------------------ */

static acn_status list_of(const acn_call *c, int slot, int64_t want, const void **out) {
    int64_t count;
    *out = acn_attr_ints(c, slot, &count);
    if (count == 0) *out = NULL;
    if (count == 0 || count == want) return ACN_OK;
    return acn_bad_attr(c, slot, "has %lld numbers; expected %lld", (long long)count,
                        (long long)want);
}

static acn_status read_colours(const acn_call *c, acn_aipp_head *head) {
    static const int16_t matrix[9] = {298, 516, 0, 298, -100, -208, 298, 0, 409};
    static const uint8_t bias[6] = {16, 128, 128, 16, 128, 128};
    const void *list;
    head->csc_switch = acn_attr_int(c, CSC) != 0;
    head->rbuv_swap_switch = acn_attr_int(c, RBUV_SWAP) != 0;
    head->ax_swap_switch = acn_attr_int(c, AX_SWAP) != 0;
    ACN_TRY(list_of(c, MATRIX, 9, &list));
    for (int i = 0; i < 9; i++)
        head->matrix[i] = list ? (int16_t)((const int64_t *)list)[i] : matrix[i];
    ACN_TRY(list_of(c, BIAS, 6, &list));
    for (int i = 0; i < 6; i++) {
        uint8_t b = list ? (uint8_t)((const int64_t *)list)[i] : bias[i];
        *(i < 3 ? &head->output_bias[i] : &head->input_bias[i - 3]) = b;
    }
    return ACN_OK;
}

static acn_status read_geometry(const acn_call *c, acn_aipp_head *head, acn_aipp_image *image) {
    const void *list;
    ACN_TRY(list_of(c, SOURCE, 2, &list));
    if (list == NULL)
        return acn_bad_attr(c, SOURCE, "is absent; expected the images' width and height");
    head->src_w = (int32_t)((const int64_t *)list)[0];
    head->src_h = (int32_t)((const int64_t *)list)[1];
    ACN_TRY(list_of(c, CROP, 4, &list));
    if (list) {
        const int64_t *crop = list;
        image->crop_switch = 1;
        image->crop_x = (int32_t)crop[0];
        image->crop_y = (int32_t)crop[1];
        image->crop_w = (int32_t)crop[2];
        image->crop_h = (int32_t)crop[3];
    }
    ACN_TRY(list_of(c, PADDING, 4, &list));
    if (list) {
        const int64_t *padding = list;
        image->padding_switch = 1;
        image->pad_top = (int32_t)padding[0];
        image->pad_bottom = (int32_t)padding[1];
        image->pad_left = (int32_t)padding[2];
        image->pad_right = (int32_t)padding[3];
    }
    return ACN_OK;
}

static acn_status read_scale(const acn_call *c, acn_aipp_image *image) {
    const void *mean, *min, *var;
    ACN_TRY(list_of(c, MEAN, 4, &mean));
    ACN_TRY(list_of(c, MIN, 4, &min));
    ACN_TRY(list_of(c, VAR_RECI, 4, &var));
    for (int i = 0; i < 4; i++) {
        image->mean[i] = mean ? (int16_t)((const int64_t *)mean)[i] : 0;
        image->min[i] = acn_f32_to_f16(min ? ((const float *)min)[i] : 0);
        image->var_reci[i] = acn_f32_to_f16(var ? ((const float *)var)[i] : 1);
    }
    return ACN_OK;
}

/* What the image gives must be what the network takes. */
static acn_status check_image(const acn_call *c, const acn_aipp_head *head,
                              const acn_aipp_image *image, int64_t h, int64_t w) {
    int64_t in_w = head->src_w, in_h = head->src_h;
    int step = head->input_format == ACN_AIPP_YUV420SP ? 2 : 1;
    if (image->scf_switch || image->rotation_switch)
        return acn_fail(ACN_FEATURE_NOT_SUPPORTED, "%s: resizing and rotation do not work here",
                        c->op->name);
    if (in_w < 2 || in_h < 1 || in_w > MOST_SIDE || in_h > MOST_SIDE || in_w % step || in_h % step)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "%s: images are %lldx%lld; expected 2 to %d, even ones for YUV420SP_U8",
                        c->op->name, (long long)in_w, (long long)in_h, MOST_SIDE);
    if (image->crop_switch) {
        if (image->crop_x < 0 || image->crop_y < 0 || image->crop_w < 1 || image->crop_h < 1 ||
            image->crop_x > in_w - image->crop_w || image->crop_y > in_h - image->crop_h ||
            image->crop_x % step || image->crop_y % step)
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "%s: the part %dx%d at (%d, %d) does not lie in an image of %lldx%lld",
                            c->op->name, image->crop_w, image->crop_h, image->crop_x, image->crop_y,
                            (long long)in_w, (long long)in_h);
        in_w = image->crop_w;
        in_h = image->crop_h;
    }
    if (image->padding_switch) {
        if (image->pad_top < 0 || image->pad_bottom < 0 || image->pad_left < 0 ||
            image->pad_right < 0)
            return acn_fail(ACN_INVALID_ARGUMENT, "%s: a border is negative", c->op->name);
        in_w += (int64_t)image->pad_left + image->pad_right;
        in_h += (int64_t)image->pad_top + image->pad_bottom;
    }
    if (in_w == w && in_h == h) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "%s: images become %lldx%lld (width x height); the network takes %lldx%lld",
                    c->op->name, (long long)in_w, (long long)in_h, (long long)w, (long long)h);
}

static acn_status check_format(const acn_call *c, const acn_aipp_head *head) {
    int64_t channels = acn_out(c, 0)->dims[1];
    int most = head->input_format == ACN_AIPP_YUV400     ? 1
               : head->input_format == ACN_AIPP_XRGB8888 ? 4
                                                         : 3;
    if (acn_aipp_frame_bytes(head->input_format, 2, 2) == 0)
        return acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                        "%s: image format %d is not supported; YUV420SP_U8 (1), XRGB8888_U8 (2), "
                        "RGB888_U8 (3) and YUV400_U8 (4) are",
                        c->op->name, head->input_format);
    if (channels >= 1 && channels <= most) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT, "%s: the network takes %lld channels; images have %d",
                    c->op->name, (long long)channels, most);
}

static acn_status check_bytes(const acn_call *c, const acn_aipp_head *head) {
    int64_t wanted =
        acn_out(c, 0)->dims[0] * acn_aipp_frame_bytes(head->input_format, head->src_w, head->src_h);
    if (acn_tensor_count(acn_in(c, 0)) >= wanted) return ACN_OK;
    return acn_bad_input(c, 0, "has %lld bytes; images of %dx%d in this format take %lld",
                         (long long)acn_tensor_count(acn_in(c, 0)), head->src_w, head->src_h,
                         (long long)wanted);
}

static acn_status read_attributes(const acn_call *c, acn_aipp_head *head, acn_aipp_image *image) {
    const acn_tensor *out = acn_out(c, 0);
    *head = (acn_aipp_head){.input_format = (uint8_t)acn_attr_int(c, FORMAT)};
    *image = (acn_aipp_image){0};
    ACN_TRY(read_colours(c, head));
    ACN_TRY(read_geometry(c, head, image));
    ACN_TRY(read_scale(c, image));
    ACN_TRY(check_format(c, head));
    ACN_TRY(check_image(c, head, image, out->dims[2], out->dims[3]));
    return check_bytes(c, head);
}

/* ---- the operator ---------------------------------------------------------------------------- */

static acn_status infer(acn_call *c) {
    const acn_tensor *out = acn_out(c, 0), *params = acn_in(c, 1);
    acn_aipp_head head;
    acn_aipp_image image;
    if (out->rank != 4) return acn_bad_output(c, 0, "expected 4 dimensions: n, c, h, w");
    acn_out_is(c, 0, out->dtype, 4, out->dims);
    if (params == NULL) return read_attributes(c, &head, &image);
    int64_t wanted = (int64_t)sizeof head + out->dims[0] * (int64_t)sizeof image;
    if (acn_tensor_count(params) == wanted && acn_tensor_is_contiguous(params)) return ACN_OK;
    return acn_bad_input(c, 1, "expected %lld bytes", (long long)wanted);
}

static acn_status plan(acn_call *c) {
    const acn_tensor *images = acn_in(c, 0);
    if (!acn_tensor_is_contiguous(images))
        c->plan->workspace_bytes = (uint64_t)acn_tensor_count(images);
    c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_out(c, 0)) / 200);
    return ACN_OK;
}

/* Parameters in |head| and |image|, or where they came with the data. |room|: for images that do
 * not lie one behind the other. */
static acn_status begin(acn_call *c, uint8_t *room, acn_aipp_head *head, acn_aipp_image *image,
                        image_job *job) {
    const acn_tensor *images = acn_in(c, 0), *params = acn_in(c, 1), *out = acn_out(c, 0);
    *job = (image_job){.out = out,
                       .images = images->data,
                       .head = head,
                       .image = image,
                       .image_parts = 1,
                       .padding_value = (float)acn_attr_float(c, PADDING_VALUE)};
    if (!acn_tensor_is_contiguous(images)) {
        for (int64_t i = 0; i < acn_tensor_count(images); i++)
            room[i] = *(const uint8_t *)acn_tensor_at(images, i);
        job->images = room;
    }
    if (params == NULL) return read_attributes(c, head, image);
    job->head = params->data;
    job->image = (const void *)(job->head + 1);
    job->image_parts = (int)out->dims[0];
    ACN_TRY(check_format(c, job->head));
    for (int i = 0; i < job->image_parts; i++)
        ACN_TRY(check_image(c, job->head, &job->image[i], out->dims[2], out->dims[3]));
    return check_bytes(c, job->head);
}

static uint8_t saturate(int32_t x) { return x < 0 ? 0 : x > 255 ? 255 : (uint8_t)x; }

/* The bytes of a pixel, swapped and converted. */
static void pixel(const acn_aipp_head *head, const uint8_t *frame, int64_t x, int64_t y,
                  uint8_t *out) {
    int64_t w = head->src_w, at = y * w + x;
    bool is_yuv = head->input_format == ACN_AIPP_YUV420SP;
    uint8_t p[4] = {0};
    if (is_yuv) {
        const uint8_t *uv = frame + w * head->src_h + y / 2 * w + x / 2 * 2;
        p[0] = frame[at];
        p[1] = uv[0];
        p[2] = uv[1];
    } else {
        int channels = head->input_format == ACN_AIPP_YUV400     ? 1
                       : head->input_format == ACN_AIPP_XRGB8888 ? 4
                                                                 : 3;
        memcpy(p, frame + at * channels, (size_t)channels);
    }
    if (head->input_format == ACN_AIPP_XRGB8888 && head->ax_swap_switch) {
        uint8_t first = p[0];
        memmove(p, p + 1, 3);
        p[3] = first;
    }
    if (head->rbuv_swap_switch && head->input_format != ACN_AIPP_YUV400) {
        uint8_t *a = &p[is_yuv ? 1 : 0], kept = *a;
        *a = p[2];
        p[2] = kept;
    }
    memcpy(out, p, 4);
    if (!head->csc_switch || head->input_format == ACN_AIPP_YUV400) return;
    for (int i = 0; i < 3; i++) {
        int32_t sum = 0;
        for (int k = 0; k < 3; k++)
            sum += head->matrix[3 * i + k] * (p[k] - (is_yuv ? head->input_bias[k] : 0));
        out[i] = saturate((sum >> 8) + (is_yuv ? 0 : head->output_bias[i]));
    }
}

static float half(float x) { return acn_f16_to_f32(acn_f32_to_f16(x)); }

static float scaled(const acn_aipp_image *image, int channel, uint8_t x) {
    float y = half((float)x - half((float)image->mean[channel]));
    y = half(y - acn_f16_to_f32(image->min[channel]));
    return half(y * acn_f16_to_f32(image->var_reci[channel]));
}

static void store(const acn_tensor *out, char *at, float value) {
    if (out->dtype == ACN_F32) {
        memcpy(at, &value, sizeof value);
    } else if (out->dtype == ACN_F16) {
        uint16_t bits = acn_f32_to_f16(value);
        memcpy(at, &bits, sizeof bits);
    } else {
        *(uint8_t *)at = saturate((int32_t)value);
    }
}

/* What each byte becomes, for each channel. */
static void fill_table(const image_job *job, const acn_aipp_image *image, float (*table)[256]) {
    for (int channel = 0; channel < 4; channel++)
        for (int x = 0; x < 256; x++)
            table[channel][x] =
                job->out->dtype == ACN_U8 ? (float)x : scaled(image, channel, (uint8_t)x);
}

/* One image: each row of all channels. */
static void run_image(void *context, int64_t n, int worker) {
    const image_job *job = context;
    const acn_tensor *out = job->out;
    const acn_aipp_head *head = job->head;
    const acn_aipp_image *image = &job->image[job->image_parts > 1 ? n : 0];
    const uint8_t *frame =
        job->images + n * acn_aipp_frame_bytes(head->input_format, head->src_w, head->src_h);
    int64_t channels = out->dims[1], h = out->dims[2], w = out->dims[3];
    int64_t element = (int64_t)acn_dtype_bytes(out->dtype);
    int64_t top = image->padding_switch ? image->pad_top : 0;
    int64_t left = image->padding_switch ? image->pad_left : 0;
    int64_t bottom = h - (image->padding_switch ? image->pad_bottom : 0);
    int64_t right = w - (image->padding_switch ? image->pad_right : 0);
    int64_t from_x = image->crop_switch ? image->crop_x : 0;
    int64_t from_y = image->crop_switch ? image->crop_y : 0;
    float table[4][256];
    fill_table(job, image, table);
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            uint8_t p[4];
            bool is_inside = y >= top && y < bottom && x >= left && x < right;
            if (is_inside) pixel(head, frame, x - left + from_x, y - top + from_y, p);
            for (int64_t k = 0; k < channels; k++) {
                int64_t at = n * out->strides[0] + k * out->strides[1] + y * out->strides[2] +
                             x * out->strides[3];
                store(out, (char *)out->data + at * element,
                      is_inside ? table[k][p[k]] : job->padding_value);
            }
        }
}

static acn_status run(acn_call *c) {
    acn_aipp_head head;
    acn_aipp_image image;
    image_job job;
    ACN_TRY(begin(c, c->workspace, &head, &image, &job));
    acn_pool_run(acn_out(c, 0)->dims[0], run_image, &job);
    return ACN_OK;
}

/* Element by element, each by the whole formula. */
static acn_status run0(acn_call *c) {
    acn_aipp_head head;
    acn_aipp_image image;
    image_job job;
    uint8_t *room = acn_arena_alloc(&c->arena, (size_t)acn_tensor_count(acn_in(c, 0)) + 1);
    if (room == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for images");
    ACN_TRY(begin(c, room, &head, &image, &job));
    const acn_tensor *out = acn_out(c, 0);
    int64_t channels = out->dims[1], h = out->dims[2], w = out->dims[3];
    for (int64_t i = 0; i < acn_tensor_count(out); i++) {
        int64_t x = i % w, y = i / w % h, k = i / w / h % channels, n = i / w / h / channels;
        const acn_aipp_image *part = &job.image[job.image_parts > 1 ? n : 0];
        if (part->padding_switch) {
            x -= part->pad_left;
            y -= part->pad_top;
        }
        int64_t inner_w = part->crop_switch ? part->crop_w : job.head->src_w;
        int64_t inner_h = part->crop_switch ? part->crop_h : job.head->src_h;
        float value = job.padding_value;
        if (x >= 0 && y >= 0 && x < inner_w && y < inner_h) {
            uint8_t p[4];
            pixel(job.head,
                  job.images + n * acn_aipp_frame_bytes(job.head->input_format, job.head->src_w,
                                                        job.head->src_h),
                  part->crop_switch ? x + part->crop_x : x,
                  part->crop_switch ? y + part->crop_y : y, p);
            value = out->dtype == ACN_U8 ? (float)p[k] : scaled(part, (int)k, p[k]);
        }
        acn_store_value(acn_tensor_at(out, i), out->dtype,
                        (acn_value){.f = (double)value, .i = saturate((int32_t)value)});
    }
    return ACN_OK;
}

ACN_OP(aipp) = {
    .name = "Aipp",
    .doc = "pictures become a network's input: cut out, colours converted, scaled, bordered",
    .in = {{"images", ACN_T(ACN_U8), 0}, {"params", ACN_T(ACN_U8), ACN_OPTIONAL}},
    .out = {{"features", ACN_T(ACN_F16) | ACN_T(ACN_F32) | ACN_T(ACN_U8), 0}},
    .attr = {{"input_format", ACN_ATTR_INT, ACN_AIPP_RGB888},
             {"src_image_size", ACN_ATTR_INTS},
             {"csc_switch", ACN_ATTR_BOOL},
             {"rbuv_swap_switch", ACN_ATTR_BOOL},
             {"ax_swap_switch", ACN_ATTR_BOOL},
             {"matrix", ACN_ATTR_INTS},
             {"bias", ACN_ATTR_INTS},
             {"crop", ACN_ATTR_INTS},
             {"padding", ACN_ATTR_INTS},
             {"padding_value", ACN_ATTR_FLOAT},
             {"mean", ACN_ATTR_INTS},
             {"min", ACN_ATTR_FLOATS},
             {"var_reci", ACN_ATTR_FLOATS}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "u8[2,4,6,3]->f16[2,3,4,6]|src_image_size=[6,4] "
             "u8[1,4,6,3]->f16[1,3,3,7]|src_image_size=[6,4],crop=[1,2,4,2],padding=[1,0,2,1],"
             "padding_value=0.5,mean=[104,117,123,0],rbuv_swap_switch=1 "
             "u8[2,9,4]->f16[2,3,6,4]|input_format=1,src_image_size=[4,6],csc_switch=1 "
             "u8[1,2,4,4]->f32[1,4,2,4]|input_format=2,src_image_size=[4,2],ax_swap_switch=1,"
             "var_reci=[0.25,0.5,0.125,1] "
             "u8[3,5,4]->u8[3,1,5,4]|input_format=4,src_image_size=[4,5] "
             "u8[1,2,4,3]->u8[1,1,2,4]|src_image_size=[4,2],csc_switch=1,"
             "matrix=[76,150,30,0,0,0,0,0,0],bias=[0,0,0,0,0,0]",
};
