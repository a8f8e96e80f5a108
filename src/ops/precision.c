/* precision.c - see precision.h; reads ANYCANN_PRECISION once. ANYCANN_ISA=scalar means exact, too:
 * level 0. */
#include "ops/precision.h"
#include "base/env.h"
#include <string.h>

static int current = -1;

static acn_precision from_environment(void) {
    const char *text = acn_env_text(ACN_ENV_PRECISION), *isa = acn_env_text(ACN_ENV_ISA);
    if (isa && strcmp(isa, "scalar") == 0) return ACN_PRECISION_EXACT;
    if (text && strcmp(text, "exact") == 0) return ACN_PRECISION_EXACT;
    if (text && strcmp(text, "device") == 0) return ACN_PRECISION_DEVICE;
    return ACN_PRECISION_DEFAULT;
}

acn_precision acn_precision_get(void) {
    int value = __atomic_load_n(&current, __ATOMIC_RELAXED);
    if (__builtin_expect(value < 0, 0)) {
        value = from_environment();
        __atomic_store_n(&current, value, __ATOMIC_RELAXED);
    }
    return (acn_precision)value;
}

void acn_precision_set(acn_precision precision) {
    __atomic_store_n(&current, (int)precision, __ATOMIC_RELAXED);
}

acn_status acn_precision_check_cube(const acn_call *c, int slot, int input) {
    int64_t mode = acn_attr_int(c, slot);
    if (mode < ACN_CUBE_FP16_TO_FP32 || mode > ACN_CUBE_USE_FP32_ADD)
        return acn_bad_attr(c, slot,
                            "is %lld; expected 0 (keep types), 1 (allow less than f32), 2 (f16), 3 "
                            "(HF32) or 4 (f32 sums)",
                            (long long)mode);
    if (mode == ACN_CUBE_USE_FP16 && acn_in(c, input)->dtype == ACN_BF16)
        return acn_bad_attr(c, slot, "is 2, f16, which does not hold what bf16 does; use 0 or 1");
    return ACN_OK;
}
