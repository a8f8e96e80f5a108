/* plan_cache.h - plans by key: the operator, its tensors' dtypes, shapes and strides, and those
 * attributes that a plan may look at. Addresses and scalar values are no part of it. */
#ifndef ACN_OPS_PLAN_CACHE_H
#define ACN_OPS_PLAN_CACHE_H

#include "ops/op.h"

/* The plan of |key| with a reference for the caller, or NULL. */
acn_plan *acn_plan_cache_find(uint64_t hash, const void *key, size_t key_bytes);
/* Offers a plan; the cache takes its own reference and may evict another. */
void acn_plan_cache_add(acn_plan *plan);
void acn_plan_retain(acn_plan *plan);
void acn_plan_release(acn_plan *plan);
/* Drops all entries: for tests, and when the kernels' level changes. */
void acn_plan_cache_clear(void);

#endif
