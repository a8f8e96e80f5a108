/* take.h - elements at places that index tensors name: the engine behind advanced indexing, row
 * selection and embedding, in both directions.
 *
 * The indexed side is x; the dense side has the positions' dimensions in the place of x's indexed
 * ones. Indices become byte offsets first (which checks them all), then blocks of the other
 * dimensions are moved.
 */
#ifndef ACN_OPS_TAKE_H
#define ACN_OPS_TAKE_H

#include "ops/index/bounds.h"
#include "ops/layout/copy.h"

typedef struct acn_take_index {
    acn_walk walk; /* of the index tensor over the positions, in row-major order */
    int tensor;    /* number in the call */
    acn_dtype dtype;
    int dim;
    int64_t size, stride_bytes; /* of x's dimension */
} acn_take_index;

typedef struct acn_take {
    int count;
    acn_take_index index[ACN_MAX_DIMS];
    int64_t positions;
    acn_walk picked; /* operand 0: dense side over the positions */
    acn_walk outer;  /* dimensions of the block that lie outside the positions ... */
    acn_walk inner;  /* ... and inside; operand 0: dense side, 1: x */
    int64_t bytes;   /* of an element */
    int64_t segment, segments, chunks;
} acn_take;

/* |dims[i]| of |x| is indexed by the call's tensor number |tensors[i]|, which broadcasts onto the
 * positions: |dense|'s dimensions [first, first + rank). dims is ascending. */
acn_status acn_take_plan(acn_take *take, const acn_call *c, const acn_tensor *x,
                         const acn_tensor *dense, int count, const int *dims, const int *tensors,
                         int first, int rank);
static inline uint64_t acn_take_workspace_bytes(const acn_take *take) {
    return (uint64_t)take->positions * sizeof(int64_t);
}
/* Offsets of all positions; fails, as bounds.h says, for an index that names no element. */
acn_status acn_take_offsets(const acn_take *take, const acn_call *c, int64_t *offsets);
/* dense = x at the positions. */
void acn_take_run(const acn_take *take, const int64_t *offsets, void *dense, const void *x);

#endif
