/* fold.h - reductions that carry more than one number: variance, the logarithm of a sum of powers.
 *
 * A row (all elements behind one output) is cut into fixed pieces, whose states are combined in
 * order, so the result does not depend on the number of threads. Where memory runs along the kept
 * dimensions, 16 rows are read side by side.
 */
#ifndef ACN_OPS_REDUCE_FOLD_H
#define ACN_OPS_REDUCE_FOLD_H

#include "ops/reduce/reduce.h"

typedef struct acn_fold_state {
    double n, a, b;
} acn_fold_state;

typedef struct acn_fold {
    acn_fold_state neutral;
    /* Takes |n| <= ACN_READ_TILE elements of class |k| (F32 or F64) into the state. */
    void (*take)(acn_fold_state *state, acn_class k, const void *x, int64_t n);
    void (*combine)(acn_fold_state *state, const acn_fold_state *next);
    /* The results for outputs 0 and 1. */
    void (*finish)(const acn_call *c, const acn_fold_state *state, double *results);
} acn_fold;

/* Input 0 is folded over the dimensions of |mask| into outputs 0 and, if given, 1. The operator's
 * |run| is acn_fold_run, its family starts with an acn_fold. */
acn_status acn_fold_plan(acn_call *c, uint32_t mask);
acn_status acn_fold_run(acn_call *c);

/* The logarithm of the sum of powers of complex numbers (log_sum_complex.c), which no fold holds.
 */
void acn_log_sum_complex(const acn_call *c, uint32_t mask, bool on_pool);

#endif
