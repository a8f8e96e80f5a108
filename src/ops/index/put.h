/* put.h - the inverse of take.h: elements of a dense tensor to places that index tensors name, set
 * or added. The engine behind IndexPutV2, IndexAdd, IndexCopy, IndexFill and the ScatterUpdates.
 *
 * Positions may name an element twice: the last value stays, and sums are taken in order, so
 * positions are never shared out between threads; the blocks outside and beside them are.
 */
#ifndef ACN_OPS_INDEX_PUT_H
#define ACN_OPS_INDEX_PUT_H

#include "ops/index/take.h"

typedef struct acn_put {
    acn_copy copy; /* x to y, when they are not the same */
    acn_take take; /* dense side: the values; indexed side: y */
    acn_dtype dtype;
    bool adds, has_places;
    int64_t segment, segments; /* of the block's innermost dimension */
} acn_put;

/* y = x with the elements that |tensors| (numbers in |c|) name along |dims| from |dense|, whose
 * dimensions [first, first + rank) are the positions. Without places (|count| 0 and not
 * |has_places|) only x is copied. */
acn_status acn_put_plan(acn_put *p, const acn_call *c, const acn_tensor *y, const acn_tensor *x,
                        const acn_tensor *dense, int count, const int *dims, const int *tensors,
                        int first, int rank, bool adds);
static inline uint64_t acn_put_workspace_bytes(const acn_put *p) {
    return acn_take_workspace_bytes(&p->take);
}
/* |factor|: of the dense side when adding, NULL for 1. Fails for an index out of range, before
 * anything is written. */
acn_status acn_put_run(const acn_put *p, const acn_call *c, void *y, const void *x,
                       const void *dense, const acn_scalar *factor, int64_t *workspace);

#endif
