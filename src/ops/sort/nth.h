/* nth.h - the k-th smallest of entries without sorting them: counts by bytes from the highest on,
 * keeping those that may be it. Linear in their number. */
#ifndef ACN_OPS_SORT_NTH_H
#define ACN_OPS_SORT_NTH_H

#include "ops/sort/keys.h"

/* The index that rides along with the |k|-th (from 0) of |n| entries; equal elements come in their
 * order. |entries| are used up; |room| has as many bytes. */
int64_t acn_sorter_nth(const acn_sorter *s, void *entries, void *room, int64_t n, int64_t k);
/* How many of |n| entries are NaN. For ascending sorters. */
int64_t acn_sorter_nan_count(const acn_sorter *s, const void *entries, int64_t n);

#endif
