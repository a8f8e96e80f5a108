/* keys.h - sorting as the sorting of unsigned numbers: an element's key orders as the element does,
 * and the index rides along, so one radix sort serves all types and is stable.
 *
 * PyTorch's order: NaN is greater than everything, -0 equals 0. Entries of types of up to 32 bits
 * are one word (key above, index below), wider ones are two.
 */
#ifndef ACN_OPS_SORT_KEYS_H
#define ACN_OPS_SORT_KEYS_H

#include "ops/layout/walk.h"
#include "ops/op.h"

#define ACN_SORTABLE (ACN_REALS | ACN_BOOLS)

typedef struct acn_wide_entry {
    uint64_t key, index;
} acn_wide_entry;

typedef struct acn_sorter {
    acn_dtype dtype;
    bool is_wide, is_descending;
    int key_bytes;
    int64_t entry_bytes;
} acn_sorter;

acn_sorter acn_sorter_of(acn_dtype dtype, bool is_descending);
/* Entries of |n| elements, |stride| bytes apart, numbered from |first|. */
void acn_sorter_load(const acn_sorter *s, void *entries, const char *x, int64_t stride, int64_t n,
                     int64_t first);
/* Sorts in place; |room| has as many bytes as |entries|. */
void acn_sorter_sort(const acn_sorter *s, void *entries, void *room, int64_t n);
/* The |k| first ones, in order, come first. */
void acn_sorter_select(const acn_sorter *s, void *entries, void *room, int64_t n, int64_t k);

static inline int64_t acn_sorter_index(const acn_sorter *s, const void *entries, int64_t i) {
    return s->is_wide ? (int64_t)((const acn_wide_entry *)entries)[i].index
                      : (int64_t)(uint32_t)((const uint64_t *)entries)[i];
}
/* Whether entries i and i + 1 hold equal elements; a NaN equals none. */
bool acn_sorter_equal_next(const acn_sorter *s, const void *entries, int64_t i);

#endif
