/* batch_norm.h - what the operators of batch normalisation share: checks of a channel's parameters,
 * the plan over channels, and its room. */
#ifndef ACN_OPS_NORM_BATCH_NORM_H
#define ACN_OPS_NORM_BATCH_NORM_H

#include "ops/norm/channels.h"

enum { ACN_BN_TENSORS = 4, ACN_BN_ARRAYS = 6 };

/* Everything of a call that its shapes decide. */
typedef struct acn_batch_norm {
    acn_channels ch;
    acn_channel_side side[ACN_BN_TENSORS]; /* without addresses */
} acn_batch_norm;

/* One number for each channel. */
acn_status acn_bn_check_input(const acn_call *call, int slot, int64_t channels);
/* |x| has channels: at least 2 dimensions. */
acn_status acn_bn_check(const acn_call *call, int x_slot);

/* Lanes of |x| and the sides of |count| tensors of its shape (NULL: absent) for call->plan. */
acn_status acn_bn_plan(acn_call *call, const acn_tensor *x, bool per_sample, int count,
                       const acn_tensor *const *tensors);
/* A side of the plan with its address in this call. */
acn_channel_side acn_bn_side(const acn_call *call, int index, const acn_tensor *t);
/* Array |index| of a double for each lane, in the workspace; behind them all is the room that
 * acn_channels_... ask for. */
double *acn_bn_array(const acn_call *call, int index);
void *acn_bn_room(const acn_call *call);

/* Element |i|, or |absent| when there is no tensor. */
double acn_bn_value(const acn_tensor *t, int64_t i, double absent);
void acn_bn_store(const acn_tensor *t, int64_t i, double v);

#endif
