/* loss.h - what loss operators share: the reduction, and elementwise losses as one tile program
 * that is stored as it is, or summed. */
#ifndef ACN_OPS_LOSS_LOSS_H
#define ACN_OPS_LOSS_LOSS_H

#include "ops/elementwise.h"
#include "ops/op.h"

typedef enum acn_reduction { ACN_REDUCE_NONE, ACN_REDUCE_MEAN, ACN_REDUCE_SUM } acn_reduction;

/* Every loss operator's first two attributes: GE names the reduction in text, aclnn numbers it. */
#define ACN_LOSS_REDUCTION                                                                         \
    {.name = "reduction", .kind = ACN_ATTR_STRING}, {                                              \
        .name = "reduction_mode", .kind = ACN_ATTR_INT                                             \
    }

/* Fails when the attribute is none of none / mean / sum (0 / 1 / 2). */
acn_status acn_loss_reduction(const acn_call *call, acn_reduction *out_reduction);

/* ---- elementwise losses ---------------------------------------------------------------------- */

/* A loss is a formula of its inputs (body and ref, as for elementwise operators; attributes from
 * slot 2 on), and what happens to the elements: a forward loss reduces them; a gradient, which
 * already contains the incoming one, divides by their number when the loss was a mean. */
typedef struct acn_loss {
    acn_elementwise formula;
    bool is_gradient;
} acn_loss;

acn_status acn_loss_infer(acn_call *call);
acn_status acn_loss_plan(acn_call *call);
acn_status acn_loss_run(acn_call *call);
acn_status acn_loss_run0(acn_call *call);

#define ACN_LOSS(definition)                                                                       \
    .infer = acn_loss_infer, .plan = acn_loss_plan, .run = acn_loss_run, .run0 = acn_loss_run0,    \
    .family = &(definition)

#endif
