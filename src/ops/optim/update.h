/* update.h - optimizer steps: a kernel over all of a parameter's tensors at once, element by
 * element, for one parameter or for lists of them. Every parameter is cut into fixed chunks, so
 * many small ones share the threads as well as one large. */
#ifndef ACN_OPS_OPTIM_UPDATE_H
#define ACN_OPS_OPTIM_UPDATE_H

#include "ops/kernels/optim.h"
#include "ops/norm/rows.h"

enum { ACN_UPDATE_ROLES = 5, ACN_UPDATE_NUMBERS = 16, ACN_NO_SLOT = -1 };

/* Tensors of a parameter; each is read from an input slot and written to an output slot. */
typedef struct acn_role {
    int8_t in, out; /* ACN_NO_SLOT: none */
} acn_role;

typedef union acn_update_numbers {
    acn_adam adam;
    acn_sgd sgd;
} acn_update_numbers;

typedef struct acn_update {
    int roles;
    acn_role role[ACN_UPDATE_ROLES]; /* role 0 is the parameter */
    /* What the step of |member| is made with; false: nothing is to be done. */
    bool (*prepare)(const acn_call *call, int member, acn_update_numbers *out);
    /* tile[r] is NULL for an absent tensor. */
    void (*apply)(acn_class k, void *const *tile, const acn_update_numbers *by, int64_t n);
    /* The same for one element, plainly. */
    void (*ref)(double *value, const acn_update_numbers *by, const bool *is_there);
} acn_update;

acn_status acn_update_infer(acn_call *call);
acn_status acn_update_plan(acn_call *call);
acn_status acn_update_run(acn_call *call);
acn_status acn_update_run0(acn_call *call);

#define ACN_UPDATE(definition)                                                                     \
    .infer = acn_update_infer, .plan = acn_update_plan, .run = acn_update_run,                     \
    .run0 = acn_update_run0, .family = &(definition)

/* The number that input |slot| holds on the device. */
double acn_update_number(const acn_call *call, int slot, int member);

#endif
