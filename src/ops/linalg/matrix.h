/* matrix.h - operators on the last two dimensions of a tensor, one matrix of a batch at a time.
 *
 * A matrix is copied to doubles, row after row, and the results are rounded once; batches run side
 * by side. There is one level only, plain C: the tests compare it with LAPACK, through PyTorch. */
#ifndef ACN_OPS_LINALG_MATRIX_H
#define ACN_OPS_LINALG_MATRIX_H

#include "ops/layout/copy.h"
#include "ops/op.h"

/* One matrix's part of a run: |room| is this matrix's workspace. */
typedef acn_status (*acn_matrix_fn)(const acn_call *c, int64_t batch, double *room);

/* Fails unless input |slot| is a batch of matrices, square if so. */
acn_status acn_matrix_check(const acn_call *c, int slot, bool is_square);
int64_t acn_matrix_rows(const acn_tensor *t);
int64_t acn_matrix_columns(const acn_tensor *t);
/* Output |slot| has input 0's batches, then |count| dimensions more. */
void acn_matrix_out(acn_call *c, int slot, int count, int64_t a, int64_t b);

/* Copies matrix |batch| of |t| to or from doubles. */
void acn_matrix_load(const acn_tensor *t, int64_t batch, double *to);
void acn_matrix_store(const acn_tensor *t, int64_t batch, const double *from);
/* The same for tensors that have |count| numbers for each matrix, in a row. */
void acn_vector_store(const acn_tensor *t, int64_t batch, int64_t count, const double *from);

/* For plan and run: |doubles| of room for each matrix of input 0. */
acn_status acn_matrix_plan(acn_call *c, int64_t doubles, double operations);
acn_status acn_matrix_run(acn_call *c, int64_t doubles, acn_matrix_fn fn);
/* For run0: |run| with room of its own. */
acn_status acn_matrix_run0(acn_call *c, int64_t doubles, acn_status (*run)(acn_call *c));

#endif
