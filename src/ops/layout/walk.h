/* walk.h - a loop nest over several strided operands, simplified once and walked many times.
 *
 * For operators that move or address elements (copies, gathers, reductions); arithmetic on
 * elements is the tile machine's. Strides are in bytes and may be negative or zero.
 */
#ifndef ACN_OPS_WALK_H
#define ACN_OPS_WALK_H

#include "ops/tensor.h"

enum { ACN_WALK_DIMS = 2 * ACN_MAX_DIMS, ACN_WALK_OPERANDS = 3 };

typedef struct acn_walk {
    int operands, rank;
    int64_t dims[ACN_WALK_DIMS];
    int64_t strides[ACN_WALK_OPERANDS][ACN_WALK_DIMS];
} acn_walk;

/* A position: an index in each dimension and the byte offset of each operand. */
typedef struct acn_walk_at {
    int64_t index[ACN_WALK_DIMS];
    int64_t offset[ACN_WALK_OPERANDS];
} acn_walk_at;

void acn_walk_init(acn_walk *walk, int operands, int rank, const int64_t *dims);
/* Operand |k| is |t|, broadcast onto the walk's dimensions (which it must fit). */
void acn_walk_set(acn_walk *walk, int k, const acn_tensor *t);
/* Appends a dimension as the new innermost one. */
void acn_walk_push(acn_walk *walk, int64_t dim, const int64_t *strides);
/* Makes |k|'s smallest strides innermost. Changes the order of visits. */
void acn_walk_sort(acn_walk *walk, int k);
/* Drops dimensions of one element and joins those that are one longer run for all operands. A walk
 * keeps at least one dimension. The order of visits stays. */
void acn_walk_merge(acn_walk *walk);
int64_t acn_walk_count(const acn_walk *walk);

/* Both move over the first |levels| dimensions only: the inner ones are the caller's loops. */
void acn_walk_seek(const acn_walk *walk, int levels, int64_t linear, acn_walk_at *at);
static inline void acn_walk_next(const acn_walk *walk, int levels, acn_walk_at *at) {
    for (int d = levels - 1; d >= 0; d--) {
        for (int k = 0; k < walk->operands; k++)
            at->offset[k] += walk->strides[k][d];
        if (++at->index[d] < walk->dims[d]) return;
        for (int k = 0; k < walk->operands; k++)
            at->offset[k] -= walk->strides[k][d] * walk->dims[d];
        at->index[d] = 0;
    }
}

#endif
