/* dtype.c - facts about element types. */
#include "ops/dtype.h"
#include <string.h>

typedef struct dtype_facts {
    const char *name;
    uint8_t bytes;
    uint8_t rank;  /* order of promotion within a category */
    char category; /* b bool, i integer, f float, c complex; 0 unknown */
} dtype_facts;

static const dtype_facts facts[ACN_DTYPE_COUNT] = {
    [ACN_F32] = {"f32", 4, 2, 'f'},   [ACN_F16] = {"f16", 2, 1, 'f'},
    [ACN_I8] = {"i8", 1, 1, 'i'},     [ACN_I32] = {"i32", 4, 3, 'i'},
    [ACN_U8] = {"u8", 1, 0, 'i'},     [ACN_I16] = {"i16", 2, 2, 'i'},
    [ACN_U16] = {"u16", 2, 2, 'i'},   [ACN_U32] = {"u32", 4, 3, 'i'},
    [ACN_I64] = {"i64", 8, 4, 'i'},   [ACN_U64] = {"u64", 8, 4, 'i'},
    [ACN_F64] = {"f64", 8, 3, 'f'},   [ACN_BOOL] = {"bool", 1, 0, 'b'},
    [ACN_C64] = {"c64", 8, 1, 'c'},   [ACN_C128] = {"c128", 16, 2, 'c'},
    [ACN_BF16] = {"bf16", 2, 1, 'f'}, [ACN_E5M2] = {"e5m2", 1, 0, 'f'},
    [ACN_E4M3] = {"e4m3", 1, 0, 'f'},
};

static const dtype_facts *facts_of(acn_dtype dtype) {
    static const dtype_facts unknown = {"undefined", 0, 0, 0};
    if (dtype < 0 || dtype >= ACN_DTYPE_COUNT || !facts[dtype].name) return &unknown;
    return &facts[dtype];
}

size_t acn_dtype_bytes(acn_dtype dtype) { return facts_of(dtype)->bytes; }

const char *acn_dtype_name(acn_dtype dtype) { return facts_of(dtype)->name; }

acn_dtype acn_dtype_from_name(const char *name) {
    for (int d = 0; d < ACN_DTYPE_COUNT; d++)
        if (facts[d].name && strcmp(facts[d].name, name) == 0) return (acn_dtype)d;
    return ACN_UNDEFINED;
}

bool acn_dtype_is_float(acn_dtype dtype) { return facts_of(dtype)->category == 'f'; }
bool acn_dtype_is_integer(acn_dtype dtype) { return facts_of(dtype)->category == 'i'; }
bool acn_dtype_is_complex(acn_dtype dtype) { return facts_of(dtype)->category == 'c'; }

int acn_dtype_category(acn_dtype dtype) {
    switch (facts_of(dtype)->category) {
    case 'b':
        return 0;
    case 'i':
        return 1;
    case 'f':
        return 2;
    case 'c':
        return 3;
    default:
        return -1;
    }
}

static bool is_unsigned(acn_dtype dtype) { return dtype == ACN_U8 || ACN_HAS(ACN_UNSIGNED, dtype); }

/* Of integers, |u| being unsigned. */
static acn_dtype promote_unsigned(acn_dtype u, acn_dtype other) {
    static const acn_dtype wider[] = {ACN_I16, ACN_I32, ACN_I64, ACN_UNDEFINED};
    size_t bytes = acn_dtype_bytes(u), other_bytes = acn_dtype_bytes(other);
    if (is_unsigned(other)) return bytes >= other_bytes ? u : other;
    if (other_bytes > bytes) return other;
    return wider[bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3];
}

acn_dtype acn_dtype_promote(acn_dtype a, acn_dtype b) {
    if (a == b) return a;
    int ca = acn_dtype_category(a), cb = acn_dtype_category(b);
    if (ca < 0 || cb < 0) return ACN_UNDEFINED;
    if (ca != cb) {
        acn_dtype high = ca > cb ? a : b, low = ca > cb ? b : a;
        /* A complex result keeps the precision of a double partner. */
        return high == ACN_C64 && low == ACN_F64 ? ACN_C128 : high;
    }
    int ra = facts_of(a)->rank, rb = facts_of(b)->rank;
    if (ca == 2 && ra == rb) return ACN_F32; /* f16 with bf16 */
    if (ca == 1 && is_unsigned(a)) return promote_unsigned(a, b);
    if (ca == 1 && is_unsigned(b)) return promote_unsigned(b, a);
    return ra >= rb ? a : b;
}
