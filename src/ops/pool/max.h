/* max.h - what max pooling and its gradient share: places as masks and as indices. */
#ifndef ACN_OPS_POOL_MAX_H
#define ACN_OPS_POOL_MAX_H

#include "ops/pool/window.h"

/* A mask is told from indices by its type. */
bool acn_max_is_mask(const acn_tensor *places);
bool acn_max_mask_fits(const acn_tensor *mask, const acn_pool *p);
/* The index in its plane of tap |tap| of the window at |at|. */
int64_t acn_max_index(const acn_pool *p, const int64_t *at, int64_t tap);

#endif
