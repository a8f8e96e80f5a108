/* dispatch.c - which instruction set's kernels run: the best that CPU and operating system both
 * support (__builtin_cpu_supports asks CPUID and XGETBV), or the one ANYCANN_ISA names. */
#include "base/env.h"
#include "base/log.h"
#include "ops/kernels/kernels.h"
#include <stdatomic.h>
#include <string.h>

extern const acn_kernels acn_generic_table;
#ifdef __x86_64__
extern const acn_kernels acn_avx2_table, acn_avx512_table;
#endif

enum { MAX_LEVELS = 3 };

/* The tests are those of x86-64-v3 and -v4, which the two levels are compiled for. */
int acn_kernels_levels(const acn_kernels *const **out_levels) {
    static _Thread_local const acn_kernels *levels[MAX_LEVELS];
    int count = 0;
    levels[count++] = &acn_generic_table;
#ifdef __x86_64__
    bool has_v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                  __builtin_cpu_supports("f16c") && __builtin_cpu_supports("lzcnt") &&
                  __builtin_cpu_supports("movbe");
    bool has_v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
    if (has_v3) levels[count++] = &acn_avx2_table;
    if (has_v3 && has_v4) levels[count++] = &acn_avx512_table;
#endif
    *out_levels = levels;
    return count;
}

static _Atomic(const acn_kernels *) chosen;

bool acn_kernels_select(const char *isa) {
    const acn_kernels *const *levels;
    int count = acn_kernels_levels(&levels);
    for (int i = 0; i < count; i++) {
        if (strcmp(levels[i]->isa, isa)) continue;
        atomic_store_explicit(&chosen, levels[i], memory_order_release);
        return true;
    }
    return false;
}

static const acn_kernels *choose(void) {
    const char *wanted = acn_env_text(ACN_ENV_ISA);
    if (wanted && *wanted) {
        /* "scalar" picks operators' own level 0, in ops; what still needs a vector takes this. */
        const char *isa = strcmp(wanted, "scalar") ? wanted : "generic";
        if (acn_kernels_select(isa)) return atomic_load(&chosen);
        ACN_LOG("OP", ACN_LOG_WARNING,
                "ANYCANN_ISA=%s is not available on this machine; using the best", wanted);
    }
    const acn_kernels *const *levels;
    int count = acn_kernels_levels(&levels);
    atomic_store_explicit(&chosen, levels[count - 1], memory_order_release);
    return levels[count - 1];
}

const acn_kernels *acn_kernels_get(void) {
    const acn_kernels *k = atomic_load_explicit(&chosen, memory_order_acquire);
    return __builtin_expect(k != NULL, 1) ? k : choose();
}

bool acn_kernels_have_bf16(void) {
#ifdef __x86_64__
    return __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

size_t acn_class_bytes(acn_class k) {
    static const uint8_t bytes[ACN_CLASS_COUNT] = {
        [ACN_K_F32] = 4, [ACN_K_F64] = 8, [ACN_K_I32] = 4,
        [ACN_K_I64] = 8, [ACN_K_C64] = 8, [ACN_K_B8] = 1,
    };
    return (unsigned)k < ACN_CLASS_COUNT ? bytes[k] : 0;
}

acn_class acn_class_of(acn_dtype dtype) {
    switch (dtype) {
    case ACN_F32:
    case ACN_F16:
    case ACN_BF16:
    case ACN_E5M2:
    case ACN_E4M3:
        return ACN_K_F32;
    case ACN_F64:
        return ACN_K_F64;
    case ACN_I8:
    case ACN_U8:
    case ACN_I16:
    case ACN_U16:
    case ACN_I32:
        return ACN_K_I32;
    case ACN_U32:
    case ACN_I64:
    case ACN_U64:
        return ACN_K_I64;
    case ACN_BOOL:
        return ACN_K_B8;
    case ACN_C64:
    case ACN_C128:
        return ACN_K_C64;
    default:
        return ACN_CLASS_COUNT;
    }
}
