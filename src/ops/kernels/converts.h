/* converts.h - which conversions are functions of their own, as lists for convert.c and level.c.
 * A type that is stored as its class (F32, F64, I32, I64, C64) loads and stores by casts. Private
 * to this folder. */
#ifndef ACN_OPS_KERNELS_CONVERTS_H
#define ACN_OPS_KERNELS_CONVERTS_H

#include "ops/kernels/kernels.h"

/* clang-format off */
/* X(from, to), pairs of classes */
#define ACN_CASTS_FROM(X, from)                                                                    \
    X(from, F32) X(from, F64) X(from, I32) X(from, I64) X(from, C64) X(from, B8)
#define ACN_CASTS(X)                                                                               \
    ACN_CASTS_FROM(X, F32)                                                                         \
    ACN_CASTS_FROM(X, F64) ACN_CASTS_FROM(X, I32) ACN_CASTS_FROM(X, I64) ACN_CASTS_FROM(X, C64)    \
        ACN_CASTS_FROM(X, B8)

/* X(dtype, class): written out, one loop */
#define ACN_DIRECT_LOADS(X)                                                                        \
    X(F16, F32)                                                                                    \
    X(BF16, F32) X(I8, I32) X(U8, I32) X(I16, I32) X(U16, I32) X(U32, I64) X(U64, I64) X(BOOL, B8) \
        X(C128, C64) X(U64, F32) X(U64, F64) X(E5M2, F32) X(E4M3, F32)
#define ACN_DIRECT_STORES(X)                                                                       \
    X(F16, F32)                                                                                    \
    X(BF16, F32) X(I8, I32) X(U8, I32) X(I16, I32) X(U16, I32) X(U32, I64) X(U64, I64) X(BOOL, B8) \
        X(C128, C64) X(F16, F64) X(BF16, F64) X(BF16, I32) X(BF16, I64)             \
        X(E5M2, F32) X(E4M3, F32)

/* X(dtype, its bytes, its natural class, class, the class's bytes): through the natural class */
#define ACN_FROM_F32(X, dtype, bytes) X(dtype, bytes, F32, C64, 8) X(dtype, bytes, F32, B8, 1)
#define ACN_FROM_I32(X, dtype, bytes)                                                              \
    X(dtype, bytes, I32, F32, 4)                                                                   \
    X(dtype, bytes, I32, F64, 8) X(dtype, bytes, I32, I64, 8) X(dtype, bytes, I32, C64, 8)         \
        X(dtype, bytes, I32, B8, 1)
#define ACN_FROM_I64(X, dtype, bytes)                                                              \
    X(dtype, bytes, I64, F32, 4)                                                                   \
    X(dtype, bytes, I64, F64, 8) X(dtype, bytes, I64, I32, 4) X(dtype, bytes, I64, C64, 8)         \
        X(dtype, bytes, I64, B8, 1)
#define ACN_FROM_B8(X, dtype, bytes)                                                               \
    X(dtype, bytes, B8, F32, 4)                                                                    \
    X(dtype, bytes, B8, F64, 8) X(dtype, bytes, B8, I32, 4) X(dtype, bytes, B8, I64, 8)            \
        X(dtype, bytes, B8, C64, 8)
#define ACN_FROM_C64(X, dtype, bytes)                                                              \
    X(dtype, bytes, C64, F32, 4)                                                                   \
    X(dtype, bytes, C64, F64, 8) X(dtype, bytes, C64, I32, 4) X(dtype, bytes, C64, I64, 8)         \
        X(dtype, bytes, C64, B8, 1)

#define ACN_INDIRECT_COMMON(X)                                                                     \
    ACN_FROM_F32(X, F16, 2)                                                                        \
    ACN_FROM_F32(X, BF16, 2) ACN_FROM_I32(X, I8, 1) ACN_FROM_I32(X, U8, 1) ACN_FROM_I32(X, I16, 2) \
        ACN_FROM_I32(X, U16, 2) ACN_FROM_I64(X, U32, 4)                                             \
            ACN_FROM_B8(X, BOOL, 1) ACN_FROM_C64(X, C128, 16)
#define ACN_INDIRECT_LOADS(X)                                                                      \
    ACN_INDIRECT_COMMON(X)                                                                         \
    X(F16, 2, F32, F64, 8)                                                                         \
    X(F16, 2, F32, I32, 4) X(F16, 2, F32, I64, 8) X(BF16, 2, F32, F64, 8) X(BF16, 2, F32, I32, 4)  \
        X(BF16, 2, F32, I64, 8) X(U64, 8, I64, I32, 4) X(U64, 8, F32, C64, 8) X(U64, 8, I64, B8, 1)
#define ACN_INDIRECT_STORES(X)                                                                     \
    ACN_INDIRECT_COMMON(X)                                                                         \
    X(F16, 2, F32, I32, 4) X(F16, 2, F32, I64, 8) ACN_FROM_I64(X, U64, 8)
/* clang-format on */

#endif
