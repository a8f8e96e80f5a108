/* aipp.h - the parameters of Aipp when they come with the data: what CANN's dynamic AIPP input
 * holds. A head, then one part for each image. */
#ifndef ACN_OPS_IMAGE_AIPP_H
#define ACN_OPS_IMAGE_AIPP_H

#include <stdint.h>

typedef struct acn_aipp_head {
    uint8_t input_format; /* acn_aipp_format */
    int8_t csc_switch, rbuv_swap_switch, ax_swap_switch, batch;
    uint8_t pad0[3];
    int32_t src_w, src_h;
    int16_t matrix[9], pad1[3];
    uint8_t output_bias[3], input_bias[3], pad2[2], pad3[16];
} acn_aipp_head;

typedef struct acn_aipp_image {
    int8_t crop_switch, scf_switch, padding_switch, rotation_switch;
    uint8_t pad0[4];
    int32_t crop_x, crop_y, crop_w, crop_h;
    int32_t scf_in_w, scf_in_h, scf_out_w, scf_out_h;
    int32_t pad_top, pad_bottom, pad_left, pad_right;
    int16_t mean[4];
    uint16_t min[4], var_reci[4]; /* float16 */
    uint8_t pad1[16];
} acn_aipp_image;

_Static_assert(sizeof(acn_aipp_head) == 64 && sizeof(acn_aipp_image) == 96, "CANN's layout");

typedef enum acn_aipp_format {
    ACN_AIPP_YUV420SP = 1,
    ACN_AIPP_XRGB8888 = 2,
    ACN_AIPP_RGB888 = 3,
    ACN_AIPP_YUV400 = 4,
} acn_aipp_format;

/* Bytes of an image; 0 for a format that is not supported. */
static inline int64_t acn_aipp_frame_bytes(int format, int64_t w, int64_t h) {
    switch (format) {
    case ACN_AIPP_YUV420SP:
        return w * h * 3 / 2;
    case ACN_AIPP_XRGB8888:
        return w * h * 4;
    case ACN_AIPP_RGB888:
        return w * h * 3;
    case ACN_AIPP_YUV400:
        return w * h;
    default:
        return 0;
    }
}

#endif
