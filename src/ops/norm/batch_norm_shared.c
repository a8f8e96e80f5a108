/* batch_norm_shared.c - see batch_norm.h. */
#include "ops/norm/batch_norm.h"

acn_status acn_bn_check_input(const acn_call *call, int slot, int64_t channels) {
    const acn_tensor *t = acn_in(call, slot);
    if (!t || acn_tensor_count(t) == channels) return ACN_OK;
    return acn_bad_input(call, slot, "expected one element for each of the %lld channels",
                         (long long)channels);
}

acn_status acn_bn_check(const acn_call *call, int x_slot) {
    if (acn_in(call, x_slot)->rank >= 2) return ACN_OK;
    return acn_bad_input(call, x_slot, "expected [N, C] or [N, C, ...]");
}

acn_status acn_bn_plan(acn_call *call, const acn_tensor *x, bool per_sample, int count,
                       const acn_tensor *const *tensors) {
    acn_batch_norm *p = acn_plan_alloc(call, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    acn_class k = ACN_K_F32;
    for (int i = 0; i < count; i++)
        if (tensors[i] && tensors[i]->dtype == ACN_F64) k = ACN_K_F64;
    acn_channels_make(&p->ch, x, per_sample, k);
    for (int i = 0; i < count; i++)
        if (tensors[i]) p->side[i] = acn_channel_side_make(&p->ch, tensors[i]);
    call->plan->data = p;
    call->plan->workspace_bytes = (uint64_t)(ACN_BN_ARRAYS * p->ch.lanes) * sizeof(double) +
                                  acn_channels_workspace_bytes(&p->ch);
    call->plan->cost_us = (uint32_t)(acn_tensor_count(x) / 2000 & 0x7fffffff);
    return ACN_OK;
}

acn_channel_side acn_bn_side(const acn_call *call, int index, const acn_tensor *t) {
    acn_channel_side side = ((const acn_batch_norm *)call->plan->data)->side[index];
    side.data = t->data;
    return side;
}

double *acn_bn_array(const acn_call *call, int index) {
    const acn_batch_norm *p = call->plan->data;
    return (double *)call->workspace + index * p->ch.lanes;
}

void *acn_bn_room(const acn_call *call) { return acn_bn_array(call, ACN_BN_ARRAYS); }

double acn_bn_value(const acn_tensor *t, int64_t i, double absent) {
    return t ? acn_load_value(acn_tensor_at(t, i), t->dtype).f : absent;
}

void acn_bn_store(const acn_tensor *t, int64_t i, double v) {
    if (t) acn_store_value(acn_tensor_at(t, i), t->dtype, (acn_value){.f = v});
}
