/* keys.c - see keys.h. */
#include "ops/sort/keys.h"
#include <string.h>

enum { INSERTION = 48, FEW = 16 };

acn_sorter acn_sorter_of(acn_dtype dtype, bool is_descending) {
    int bytes = (int)acn_dtype_bytes(dtype);
    return (acn_sorter){.dtype = dtype,
                        .is_wide = bytes > 4,
                        .is_descending = is_descending,
                        .key_bytes = bytes,
                        .entry_bytes = bytes > 4 ? sizeof(acn_wide_entry) : sizeof(uint64_t)};
}

/* ---- keys ---------------------------------------------------------------------------------- */

/* Of a float with |bits| bits: negative numbers turn round, the others follow them. */
static inline uint64_t float_key(uint64_t u, int bits, uint64_t infinity) {
    uint64_t sign = 1ull << (bits - 1), all = sign | (sign - 1);
    if ((u & ~sign) > infinity) return all; /* NaN */
    if (u == sign) u = 0;                   /* -0 */
    return u & sign ? ~u & all : u | sign;
}

static inline uint64_t key_of(acn_dtype dtype, const char *p) {
    switch (dtype) {
    case ACN_F32:
        return float_key(*(const uint32_t *)p, 32, 0x7f800000u);
    case ACN_F16:
        return float_key(*(const uint16_t *)p, 16, 0x7c00u);
    case ACN_BF16:
        return float_key(*(const uint16_t *)p, 16, 0x7f80u);
    case ACN_F64:
        return float_key(*(const uint64_t *)p, 64, 0x7ff0000000000000u);
    case ACN_I64:
        return *(const uint64_t *)p ^ 1ull << 63;
    case ACN_I32:
        return *(const uint32_t *)p ^ 1u << 31;
    case ACN_I16:
        return (uint16_t)(*(const uint16_t *)p ^ 1u << 15);
    case ACN_I8:
        return (uint8_t)(*(const uint8_t *)p ^ 1u << 7);
    case ACN_BOOL:
        return *(const uint8_t *)p != 0;
    default:
        return *(const uint8_t *)p;
    }
}

static uint64_t greatest_key(const acn_sorter *s) {
    return s->key_bytes == 8 ? UINT64_MAX : (1ull << 8 * s->key_bytes) - 1;
}

/* |dtype| is a constant where this is called, so that each loop has one kind of key. */
static inline void load_as(const acn_sorter *s, acn_dtype dtype, void *entries, const char *x,
                           int64_t stride, int64_t n, int64_t first) {
    uint64_t flip = s->is_descending ? greatest_key(s) : 0;
    if (s->is_wide) {
        acn_wide_entry *entry = entries;
        for (int64_t i = 0; i < n; i++)
            entry[i] =
                (acn_wide_entry){key_of(dtype, x + i * stride) ^ flip, (uint64_t)(first + i)};
        return;
    }
    uint64_t *entry = entries;
    for (int64_t i = 0; i < n; i++)
        entry[i] = (key_of(dtype, x + i * stride) ^ flip) << 32 | (uint32_t)(first + i);
}

void acn_sorter_load(const acn_sorter *s, void *entries, const char *x, int64_t stride, int64_t n,
                     int64_t first) {
    switch (s->dtype) {
    case ACN_F32:
        load_as(s, ACN_F32, entries, x, stride, n, first);
        break;
    case ACN_F16:
        load_as(s, ACN_F16, entries, x, stride, n, first);
        break;
    case ACN_BF16:
        load_as(s, ACN_BF16, entries, x, stride, n, first);
        break;
    case ACN_I64:
        load_as(s, ACN_I64, entries, x, stride, n, first);
        break;
    case ACN_I32:
        load_as(s, ACN_I32, entries, x, stride, n, first);
        break;
    default:
        load_as(s, s->dtype, entries, x, stride, n, first);
        break;
    }
}

static uint64_t entry_key(const acn_sorter *s, const void *entries, int64_t i) {
    return s->is_wide ? ((const acn_wide_entry *)entries)[i].key
                      : ((const uint64_t *)entries)[i] >> 32;
}

bool acn_sorter_equal_next(const acn_sorter *s, const void *entries, int64_t i) {
    uint64_t key = entry_key(s, entries, i);
    if (key != entry_key(s, entries, i + 1)) return false;
    uint64_t nan = s->is_descending ? 0 : greatest_key(s);
    return !(acn_dtype_is_float(s->dtype) && key == nan);
}

/* ---- sorting --------------------------------------------------------------------------------- */

/* Both kinds of entry, by their order (the index decides among equals, which keeps it stable) and
 * by a byte of their key. */
#define SORTS(name, T, less, digit)                                                                \
    static void insertion_##name(T *e, int64_t n) {                                                \
        for (int64_t i = 1; i < n; i++) {                                                          \
            T a = e[i];                                                                            \
            int64_t j = i;                                                                         \
            for (; j > 0; j--) {                                                                   \
                T b = e[j - 1];                                                                    \
                if (!(less)) break;                                                                \
                e[j] = b;                                                                          \
            }                                                                                      \
            e[j] = a;                                                                              \
        }                                                                                          \
    }                                                                                              \
    /* One stable pass by byte |at|; false when all have the same. */                              \
    static bool pass_##name(const T *from, T *to, int64_t n, int at) {                             \
        int64_t start[257] = {0};                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                          \
            T a = from[i];                                                                         \
            start[(digit) + 1]++;                                                                  \
        }                                                                                          \
        T a = from[0];                                                                             \
        if (start[(digit) + 1] == n) return false;                                                 \
        for (int d = 0; d < 256; d++)                                                              \
            start[d + 1] += start[d];                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            a = from[i];                                                                           \
            to[start[digit]++] = a;                                                                \
        }                                                                                          \
        return true;                                                                               \
    }                                                                                              \
    static void radix_##name(T *e, T *room, int64_t n, int first_byte, int end_byte) {             \
        T *from = e, *to = room;                                                                   \
        for (int at = first_byte; at < end_byte; at++) {                                           \
            if (!pass_##name(from, to, n, at)) continue;                                           \
            T *swap = from;                                                                        \
            from = to;                                                                             \
            to = swap;                                                                             \
        }                                                                                          \
        if (from != e) memcpy(e, from, (size_t)n * sizeof *e);                                     \
    }                                                                                              \
    /* Moves the |k| least to the front, in order: the rest is mostly greater than the k-th so     \
     * far. */                                                                                     \
    static void few_##name(T *e, int64_t n, int64_t k) {                                           \
        insertion_##name(e, k);                                                                    \
        for (int64_t i = k; i < n; i++) {                                                          \
            T a = e[i], b = e[k - 1];                                                              \
            if (!(less)) continue;                                                                 \
            int64_t j = k - 1;                                                                     \
            for (; j > 0; j--) {                                                                   \
                b = e[j - 1];                                                                      \
                if (!(less)) break;                                                                \
                e[j] = b;                                                                          \
            }                                                                                      \
            e[j] = a;                                                                              \
        }                                                                                          \
    }                                                                                              \
    /* Moves the |k| least to the front, in any order: Hoare's selection, middle element. */       \
    static void select_##name(T *e, int64_t n, int64_t k) {                                        \
        int64_t low = 0, high = n - 1;                                                             \
        while (low < high) {                                                                       \
            T pivot = e[low + (high - low) / 2];                                                   \
            int64_t i = low, j = high;                                                             \
            while (i <= j) {                                                                       \
                for (T a = e[i], b = pivot; less; a = e[++i]) {                                    \
                }                                                                                  \
                for (T a = pivot, b = e[j]; less; b = e[--j]) {                                    \
                }                                                                                  \
                if (i > j) break;                                                                  \
                T swap = e[i];                                                                     \
                e[i++] = e[j];                                                                     \
                e[j--] = swap;                                                                     \
            }                                                                                      \
            if (k - 1 <= j)                                                                        \
                high = j;                                                                          \
            else if (k - 1 >= i)                                                                   \
                low = i;                                                                           \
            else                                                                                   \
                return;                                                                            \
        }                                                                                          \
    }

SORTS(narrow, uint64_t, a < b, (uint8_t)(a >> (8 * at)))
SORTS(wide, acn_wide_entry, a.key < b.key || (a.key == b.key && a.index < b.index),
      (uint8_t)((at < 8 ? a.index : a.key) >> (8 * (at & 7))))

/* Entries that are in the order of their index need only be sorted by key. */
static void sort(const acn_sorter *s, void *entries, void *room, int64_t n, bool is_in_order) {
    int key = s->is_wide ? 8 : 4, first = is_in_order ? key : 0;
    if (n < 2) return;
    if (s->is_wide && n <= INSERTION)
        insertion_wide(entries, n);
    else if (s->is_wide)
        radix_wide(entries, room, n, first, key + s->key_bytes);
    else if (n <= INSERTION)
        insertion_narrow(entries, n);
    else
        radix_narrow(entries, room, n, first, key + s->key_bytes);
}

void acn_sorter_sort(const acn_sorter *s, void *entries, void *room, int64_t n) {
    sort(s, entries, room, n, true);
}

void acn_sorter_select(const acn_sorter *s, void *entries, void *room, int64_t n, int64_t k) {
    bool is_few = k > 0 && k < n / 4;
    if (is_few && k <= FEW) {
        if (s->is_wide)
            few_wide(entries, n, k);
        else
            few_narrow(entries, n, k);
        return;
    }
    if (is_few && s->is_wide)
        select_wide(entries, n, k);
    else if (is_few)
        select_narrow(entries, n, k);
    sort(s, entries, room, is_few ? k : n, !is_few);
}
