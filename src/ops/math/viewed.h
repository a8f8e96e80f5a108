/* viewed.h - elementwise formulas over views that the operator makes of its tensors itself: the
 * parts of complex numbers, a vector as a column, floats as the integers of their bits. */
#ifndef ACN_OPS_VIEWED_H
#define ACN_OPS_VIEWED_H

#include "ops/elementwise.h"

enum { ACN_MAX_VIEWS = 9 };

typedef struct acn_viewed {
    /* Fills |views|: outputs first, all of one shape, then inputs, which broadcast onto it. Called
     * for each plan and each run; addresses are the call's. */
    void (*view)(const acn_call *c, acn_tensor *views);
    int outputs, inputs;
    /* Emits the formula; stores to the outputs in order. Operand i is input i. */
    void (*emit)(acn_program *p, const acn_call *c);
} acn_viewed;

/* The operator's family is an acn_viewed. */
acn_status acn_viewed_plan(acn_call *c);
acn_status acn_viewed_run(acn_call *c);

/* Part 0 (real) or 1 (imaginary) of a c64 tensor, as f32. Strides count f32 elements. */
acn_tensor acn_part_of(const acn_tensor *t, int part);

#endif
