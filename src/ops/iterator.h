/* iterator.h - strided operands, collapsed and broadcast once, as rows of one contiguous dimension.
 *
 * All operands are seen in one iteration space (the output's shape). Dimensions are ordered by the
 * first operand's strides, neighbours that are contiguous for every operand are merged, and what is
 * left is an inner dimension and a short list of outer ones.
 */
#ifndef ACN_OPS_ITERATOR_H
#define ACN_OPS_ITERATOR_H

#include "ops/tensor.h"

enum { ACN_ITERATOR_OPERANDS = 12 };

typedef struct acn_iterator {
    int operand_count;
    int rank;                   /* outer dimensions */
    int64_t inner;              /* elements of the inner dimension, at least 1 unless empty */
    int64_t rows;               /* product of the outer dimensions */
    int64_t dims[ACN_MAX_DIMS]; /* outer, slowest first */
    int64_t stride_bytes[ACN_MAX_DIMS][ACN_ITERATOR_OPERANDS];
    int64_t inner_bytes[ACN_ITERATOR_OPERANDS]; /* 0 repeats; element size: contiguous */
} acn_iterator;

/* operands[0] decides the order of dimensions and should be the output. Each broadcasts onto
 * |dims|. */
void acn_iterator_init(acn_iterator *it, int rank, const int64_t *dims, int operand_count,
                       const acn_tensor *const *operands);

/* Byte offsets of |row| for every operand. */
void acn_iterator_seek(const acn_iterator *it, int64_t row, int64_t *out_offsets);

/* Moves |offsets| and |index| (outer position, from acn_iterator_index) to the next row. */
void acn_iterator_index(const acn_iterator *it, int64_t row, int64_t *out_index);
void acn_iterator_next(const acn_iterator *it, int64_t *index, int64_t *offsets);

#endif
