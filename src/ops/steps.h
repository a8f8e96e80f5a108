/* steps.h - operators that are a few calls of others: over views of their own tensors, and over
 * rooms in the workspace for what lies between.
 *
 * Plan writes the calls down, in order; each is prepared there and then (infer and plan of the
 * operator that it names), so a run only puts addresses into copies of them. The first failure is
 * kept and told by acn_steps_end: no checks in between. Level 0 of such an operator is its own
 * definition in plain C, which knows nothing of the steps.
 */
#ifndef ACN_OPS_STEPS_H
#define ACN_OPS_STEPS_H

#include "ops/op.h"

enum { ACN_MAX_STEPS = 12 };

typedef struct acn_steps acn_steps;

acn_status acn_steps_begin(acn_call *c, acn_steps **out);
/* Sets the plan's data, workspace and cost. */
acn_status acn_steps_end(acn_steps *s);
/* The operator's run. */
acn_status acn_steps_run(acn_call *c);

/* Tensors that steps work on. Their addresses are invented, but lie to each other as later ones
 * will: a view into one is made by moving |data| and changing dims and strides. */
acn_tensor acn_steps_in(const acn_steps *s, int slot);
acn_tensor acn_steps_out(const acn_steps *s, int slot);
/* Contiguous memory in the workspace. */
acn_tensor acn_steps_room(acn_steps *s, acn_dtype dtype, int rank, const int64_t *dims);

/* Begins a step; what follows says its tensors and attributes, by the operator's names. */
void acn_step(acn_steps *s, const char *op);
void acn_step_in(acn_steps *s, const char *name, acn_tensor t);
/* A scalar: |value|, or what the operator's own attribute |slot| says in each call. */
void acn_step_in_number(acn_steps *s, const char *name, double value);
void acn_step_in_attr(acn_steps *s, const char *name, int slot);
void acn_step_out(acn_steps *s, const char *name, acn_tensor t);
void acn_step_number(acn_steps *s, const char *name, double value);
void acn_step_text(acn_steps *s, const char *name, const char *constant);
void acn_step_ints(acn_steps *s, const char *name, const int64_t *items, int64_t count);
void acn_step_bools(acn_steps *s, const char *name, const bool *items, int64_t count);
/* The value of the operator's own attribute |slot|, in each call. */
void acn_step_attr(acn_steps *s, const char *name, int slot);

/* op(x) and op(x1, x2), by the first slots of the operator: for the elementwise ones. */
void acn_step_unary(acn_steps *s, const char *op, acn_tensor x, acn_tensor y);
void acn_step_binary(acn_steps *s, const char *op, acn_tensor x1, acn_tensor x2, acn_tensor y);

/* Views: dimension i of the result is |t|'s dimension perm[i]; |t|, which must be contiguous, in
 * other dims. */
acn_tensor acn_view_permuted(const acn_tensor *t, const int64_t *perm);
acn_tensor acn_view_reshaped(const acn_tensor *t, int rank, const int64_t *dims);

#endif
