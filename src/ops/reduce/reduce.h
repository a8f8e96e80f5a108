/* reduce.h - the reduction engine: any dimensions of a strided tensor folded by one associative
 * operation.
 *
 * Dimensions are joined into a kept and a reduced loop nest. Where the memory runs along the
 * reduced ones, each output folds contiguous runs (rows); where it runs along the kept ones, a
 * vector of outputs takes one row after the other (columns). Long reductions with few outputs are
 * cut into parts whose borders depend on the shape alone, and combined in order: the result is the
 * same for any number of threads.
 */
#ifndef ACN_OPS_REDUCE_H
#define ACN_OPS_REDUCE_H

#include "ops/kernels/kernels.h"
#include "ops/layout/copy.h"
#include "ops/op.h"

typedef struct acn_reduction {
    acn_walk kept;          /* operand 0: output, 1: input */
    acn_walk reduced;       /* operand 0: input */
    acn_dtype from, to, as; /* |as|: the dtype of the class that computes */
    acn_class klass;
    acn_reduce_code code;
    bool is_columns;
    int64_t length;             /* elements behind one output */
    int64_t width;              /* outputs of a tile, along the innermost kept dimension */
    int64_t fold;               /* columns: rows that are taken as one wide row */
    int64_t tiles, tiles_a_run; /* in all; along the innermost kept dimension */
    int64_t parts, part_length;
    int64_t tiles_a_chunk;
    double divisor; /* of the mean; 0: none */
} acn_reduction;

/* |mask|: bit d is set when dimension d of |x| is reduced. |y| has them as 1 or not at all. */
acn_status acn_reduction_plan(acn_reduction *r, const acn_tensor *y, const acn_tensor *x,
                              uint32_t mask, acn_reduce_code code, acn_dtype compute);
uint64_t acn_reduction_workspace_bytes(const acn_reduction *r);
uint32_t acn_reduction_cost_us(const acn_reduction *r);
void acn_reduction_run(const acn_reduction *r, void *y, const void *x, void *workspace);

/* What operators of this folder share: dimensions from a list, 0 entries: all. */
acn_status acn_reduced_dims(const acn_call *c, int attr, const int64_t *dims, int64_t count,
                            uint32_t *out_mask);
/* infer's part: output |slot| is |x| without (or with 1 for) the dimensions of |mask|. */
void acn_reduced_out(acn_call *c, int slot, acn_dtype dtype, const acn_tensor *x, uint32_t mask,
                     bool keeps_dims);
/* The loop nests of kept and reduced dimensions; |y| may be NULL. */
void acn_reduced_walks(const acn_tensor *y, const acn_tensor *x, uint32_t mask, acn_walk *kept,
                       acn_walk *reduced);

/* How elements of |from| become those of class |klass|. */
typedef struct acn_reader {
    acn_convert_fn load, cast; /* both NULL: elements are used where they are */
    int64_t bytes;             /* of an element of |from| */
} acn_reader;
bool acn_reader_find(acn_reader *reader, acn_class klass, acn_dtype from);
enum { ACN_READ_TILE = 512 };
/* |n| <= ACN_READ_TILE elements at |from|, |stride| bytes apart, as the class; the result is in
 * |room| (ACN_READ_TILE * 8 bytes) or is |from| itself. */
const void *acn_reader_get(const acn_reader *reader, const char *from, int64_t stride, int64_t n,
                           void *room);

#endif
