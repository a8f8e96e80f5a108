/* nth.c - see nth.h. */
#include "ops/sort/nth.h"
#include <string.h>

enum { FEW = 32 };

/* |digit(e, byte)|: the byte of an entry, from 0, the lowest; |less|: of entries a and b. */
#define DEFINE_NTH(name, T, bytes, digit, less)                                                    \
    static T smallest_##name(T *e, int64_t n, int64_t k) {                                         \
        for (int64_t i = 0; i <= k; i++)                                                           \
            for (int64_t j = i + 1; j < n; j++) {                                                  \
                T a = e[j], b = e[i];                                                              \
                if (!(less)) continue;                                                             \
                e[i] = a;                                                                          \
                e[j] = b;                                                                          \
            }                                                                                      \
        return e[k];                                                                               \
    }                                                                                              \
    static T nth_##name(T *e, T *room, int64_t n, int64_t k) {                                     \
        for (int byte = (bytes)-1; n > FEW && byte >= 0; byte--) {                                 \
            int64_t counts[256] = {0};                                                             \
            for (int64_t i = 0; i < n; i++)                                                        \
                counts[digit(e[i], byte)]++;                                                       \
            int64_t wanted = 0;                                                                    \
            while (k >= counts[wanted])                                                            \
                k -= counts[wanted++];                                                             \
            if (counts[wanted] == n) continue;                                                     \
            int64_t kept = 0;                                                                      \
            for (int64_t i = 0; i < n; i++) {                                                      \
                room[kept] = e[i];                                                                 \
                kept += digit(e[i], byte) == wanted;                                               \
            }                                                                                      \
            T *other = e;                                                                          \
            e = room;                                                                              \
            room = other;                                                                          \
            n = kept;                                                                              \
        }                                                                                          \
        return smallest_##name(e, n, k);                                                           \
    }

#define NARROW_DIGIT(e, byte) (int64_t)((e) >> 8 * (byte)&255)
#define WIDE_DIGIT(e, byte)                                                                        \
    (int64_t)(((byte) < 8 ? (e).index >> 8 * (byte) : (e).key >> 8 * ((byte)-8)) & 255)
DEFINE_NTH(narrow, uint64_t, 8, NARROW_DIGIT, a < b)
DEFINE_NTH(wide, acn_wide_entry, 16, WIDE_DIGIT,
           a.key < b.key || (a.key == b.key && a.index < b.index))

int64_t acn_sorter_nth(const acn_sorter *s, void *entries, void *room, int64_t n, int64_t k) {
    if (s->is_wide) return (int64_t)nth_wide(entries, room, n, k).index;
    return (int64_t)(uint32_t)nth_narrow(entries, room, n, k);
}

int64_t acn_sorter_nan_count(const acn_sorter *s, const void *entries, int64_t n) {
    if (!acn_dtype_is_float(s->dtype)) return 0;
    int64_t count = 0;
    uint64_t nan = (1ull << 8 * (s->is_wide ? 4 : s->key_bytes)) - 1; /* of a narrow key */
    if (s->is_wide)
        for (int64_t i = 0; i < n; i++)
            count += ((const acn_wide_entry *)entries)[i].key == UINT64_MAX;
    else
        for (int64_t i = 0; i < n; i++)
            count += ((const uint64_t *)entries)[i] >> 32 == nan;
    return count;
}
