/* combine.h - d = a (op) b on flat arrays, with the operators' own kernels. */
#ifndef ACN_HCCL_COMBINE_H
#define ACN_HCCL_COMBINE_H

#include "ops/dtype.h"

/* Values are HcclReduceOp's. */
typedef enum acn_combine_op {
    ACN_COMBINE_SUM,
    ACN_COMBINE_PROD,
    ACN_COMBINE_MAX, /* NaN wins */
    ACN_COMBINE_MIN,
    ACN_COMBINE_OPS
} acn_combine_op;
const char *acn_combine_name(acn_combine_op op);

/* f16 and bf16 are rounded once for each pair, integers wrap. |d| may be |a| or |b|. */
void acn_combine(acn_combine_op op, acn_dtype dtype, void *d, const void *a, const void *b,
                 uint64_t count);

#endif
