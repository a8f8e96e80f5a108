/* combine.c - see combine.h. */
#include "hccl/combine.h"

#include "ops/kernels/kernels.h"

enum { TILE = 1024 };

const char *acn_combine_name(acn_combine_op op) {
    static const char *const names[ACN_COMBINE_OPS] = {"sum", "prod", "max", "min"};
    return (unsigned)op < ACN_COMBINE_OPS ? names[op] : "unknown";
}

/* The class of u64 is the signed one, whose order is another. */
static void order_u64(acn_combine_op op, uint64_t *d, const uint64_t *a, const uint64_t *b,
                      uint64_t count) {
    bool is_max = op == ACN_COMBINE_MAX;
    for (uint64_t i = 0; i < count; i++)
        d[i] = (a[i] > b[i]) == is_max ? a[i] : b[i];
}

void acn_combine(acn_combine_op op, acn_dtype dtype, void *d, const void *a, const void *b,
                 uint64_t count) {
    static const acn_micro_code codes[ACN_COMBINE_OPS] = {ACN_U_ADD, ACN_U_MUL, ACN_U_MAX,
                                                          ACN_U_MIN};
    const acn_kernels *kernels = acn_kernels_get();
    acn_class k = acn_class_of(dtype);
    acn_micro_fn micro = kernels->micro[codes[op]][k];
    size_t bytes = acn_dtype_bytes(dtype);
    if (dtype == ACN_U64 && (op == ACN_COMBINE_MAX || op == ACN_COMBINE_MIN)) {
        order_u64(op, d, a, b, count);
        return;
    }
    if (bytes == acn_class_bytes(k)) {
        micro(d, a, b, NULL, (int64_t)count);
        return;
    }
    _Alignas(64) char x[TILE * sizeof(int64_t)], y[TILE * sizeof(int64_t)];
    for (uint64_t at = 0; at < count; at += TILE) {
        int64_t n = (int64_t)(count - at < TILE ? count - at : TILE);
        kernels->load[dtype][k](x, (const char *)a + at * bytes, n);
        kernels->load[dtype][k](y, (const char *)b + at * bytes, n);
        micro(x, x, y, NULL, n);
        kernels->store[dtype][k]((char *)d + at * bytes, x, n);
    }
}
