/* dtype.h - element types; values are aclDataType's, so doors convert nothing. */
#ifndef ACN_OPS_DTYPE_H
#define ACN_OPS_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum acn_dtype {
    ACN_UNDEFINED = -1,
    ACN_F32 = 0,
    ACN_F16 = 1,
    ACN_I8 = 2,
    ACN_I32 = 3,
    ACN_U8 = 4,
    ACN_I16 = 6,
    ACN_U16 = 7,
    ACN_U32 = 8,
    ACN_I64 = 9,
    ACN_U64 = 10,
    ACN_F64 = 11,
    ACN_BOOL = 12,
    ACN_C64 = 16,
    ACN_C128 = 17,
    ACN_BF16 = 27,
    ACN_E5M2 = 35, /* floats of 8 bits, which are only stored and converted */
    ACN_E4M3 = 36,
    ACN_DTYPE_COUNT = 37
} acn_dtype;

/* Sets of types, for operators' parameter lists. */
typedef uint64_t acn_dtypes;
#define ACN_T(dtype) (1ull << (dtype))
#define ACN_FLOATS   (ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16) | ACN_T(ACN_F64))
#define ACN_INTS     (ACN_T(ACN_I8) | ACN_T(ACN_U8) | ACN_T(ACN_I16) | ACN_T(ACN_I32) | ACN_T(ACN_I64))
/* Unsigned ones that PyTorch knows only in part; ACN_U8 is one of ACN_INTS. */
#define ACN_UNSIGNED        (ACN_T(ACN_U16) | ACN_T(ACN_U32) | ACN_T(ACN_U64))
#define ACN_FLOATS8         (ACN_T(ACN_E5M2) | ACN_T(ACN_E4M3))
#define ACN_COMPLEXES       ACN_T(ACN_C64)
#define ACN_BOOLS           ACN_T(ACN_BOOL)
#define ACN_NUMBERS         (ACN_FLOATS | ACN_INTS | ACN_COMPLEXES)
#define ACN_REALS           (ACN_FLOATS | ACN_INTS)
#define ACN_ALL             (ACN_NUMBERS | ACN_BOOLS)
#define ACN_HAS(set, dtype) ((dtype) >= 0 && (((set) >> (dtype)) & 1u))

size_t acn_dtype_bytes(acn_dtype dtype);         /* 0 for types without a fixed byte size here */
const char *acn_dtype_name(acn_dtype dtype);     /* "f32", "bf16" ... */
acn_dtype acn_dtype_from_name(const char *name); /* ACN_UNDEFINED when unknown */
bool acn_dtype_is_float(acn_dtype dtype);        /* f16 bf16 f32 f64 and 8 bits */
bool acn_dtype_is_integer(acn_dtype dtype);      /* without bool */
bool acn_dtype_is_complex(acn_dtype dtype);
/* 0 bool, 1 integer, 2 float, 3 complex; -1 unknown. A cast may go up, never down. */
int acn_dtype_category(acn_dtype dtype);
/* PyTorch's promotion between two tensors of equal category rank (c64 > floats > ints > bool). An
 * unsigned integer meets a signed one in the signed type that holds both: u64 in none. */
acn_dtype acn_dtype_promote(acn_dtype a, acn_dtype b);

#endif
