/* foreach.h - operators on lists of tensors: an elementwise formula, applied to each member. */
#ifndef ACN_OPS_FOREACH_FOREACH_H
#define ACN_OPS_FOREACH_FOREACH_H

#include "ops/elementwise.h"

/* The formula's operands are the operator's input slots in order (a list gives its member, any
 * other input one scalar), then the member's item of attribute 0 when that is a list of scalars. */
typedef struct acn_foreach {
    const char *element; /* elementwise operator whose formula is used; NULL: |own| */
    const acn_elementwise *own;
    int8_t items_slot; /* the input that has one scalar for each member; 0: none has */
} acn_foreach;

acn_status acn_foreach_infer(acn_call *call);
acn_status acn_foreach_plan(acn_call *call);
acn_status acn_foreach_run(acn_call *call);
acn_status acn_foreach_run0(acn_call *call);

#endif
