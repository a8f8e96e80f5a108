/* formulas.h - pieces of tile programs that several operators share, each with its value in double
 * for the oracles. */
#ifndef ACN_OPS_ACTIVATION_FORMULAS_H
#define ACN_OPS_ACTIVATION_FORMULAS_H

#include "ops/elementwise.h"

/* How an operator of this folder spells a formula's two forms, and its definition. */
#define REF(id) static acn_value id##_ref(acn_class k, const acn_value *in, const acn_value *attr)
#define BODY(id)                                                                                   \
    static acn_reg id##_body(acn_program *p, const acn_call *c, const acn_reg *in, acn_class k)
#define DEFINITION(id)                                                                             \
    static const acn_elementwise id##_definition = {.body = id##_body, .ref = id##_ref}
/* A number that changes from call to call without another plan. */
#define NUMBER(id, value)                                                                          \
    { .name = id, .kind = ACN_ATTR_FLOAT, .fallback = value, .is_value = true }

/* a * b with a constant. */
acn_reg acn_p_scale(acn_program *p, acn_reg a, double factor, acn_class k);
acn_reg acn_p_plus(acn_program *p, acn_reg a, double term, acn_class k);

double acn_sigmoid(double x);
double acn_silu(double x);
double acn_silu_slope(double x);
double acn_gelu(double x, bool by_tanh);
double acn_gelu_slope(double x, bool by_tanh);

/* GE names the approximation in text ("none", "tanh"), aclnn numbers it (0, 1) or not: both are
 * attributes, |text_slot| and |mode_slot|; the number counts when it is there. */
acn_status acn_gelu_approximation(const acn_call *call, int text_slot, int mode_slot,
                                  bool *out_by_tanh);

#endif
