/* precision.c - reads ANYCANN_PRECISION once. ANYCANN_ISA=scalar means exact, too: level 0. */
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
