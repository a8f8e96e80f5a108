/* precision.h - ANYCANN_PRECISION: exact (level 0, double inside), default, device; and what a
 * client allows a product to lose (aclnn's cubeMathType). */
#ifndef ACN_OPS_PRECISION_H
#define ACN_OPS_PRECISION_H

#include "ops/op.h"

typedef enum acn_precision {
    ACN_PRECISION_DEFAULT,
    ACN_PRECISION_EXACT,
    ACN_PRECISION_DEVICE,
} acn_precision;

acn_precision acn_precision_get(void);
/* cubeMathType's values. Each allows something, none demands it: f32 stays f32 here. */
enum {
    ACN_CUBE_FP16_TO_FP32 = -1, /* keeps f16's products in f32 */
    ACN_CUBE_KEEP_DTYPE,
    ACN_CUBE_ALLOW_FP32_DOWN_PRECISION,
    ACN_CUBE_USE_FP16,
    ACN_CUBE_USE_HF32,
    ACN_CUBE_USE_FP32_ADD,
};

/* For infer: refuses values that are none of these, and f16 for bf16 numbers, whose range it does
 * not hold. Attribute |slot|, input |input|. */
acn_status acn_precision_check_cube(const acn_call *c, int slot, int input);

void acn_precision_set(acn_precision precision); /* for tests */

#endif
