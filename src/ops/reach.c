/* reach.c - see reach.h. */
#include "ops/reach.h"

#include "runtime/guard.h"

static acn_status reach(acn_call *c, acn_tensor *t, const char *name) {
    const char *low, *high;
    acn_tensor_extent(t, &low, &high);
    if (low == high) return ACN_OK;
    const char *call = c->api != NULL ? c->api : c->op->name;
    ACN_TRY(acn_guard_range(low, (size_t)(high - low), name, call));
    t->data = acn_window_view(t->data);
    return ACN_OK;
}

acn_status acn_call_reach(acn_call *c) {
    for (int s = 0; s < ACN_MAX_INPUTS; s++)
        for (int i = 0; i < c->in_count[s]; i++)
            ACN_TRY(reach(c, &c->tensors[c->in_first[s] + i], c->op->in[s].name));
    for (int s = 0; s < ACN_MAX_OUTPUTS; s++)
        for (int i = 0; i < c->out_count[s]; i++)
            ACN_TRY(reach(c, acn_out_at(c, s, i), c->op->out[s].name));
    if (c->plan->workspace_bytes == 0) return ACN_OK;
    ACN_TRY(acn_guard_range(c->workspace, c->plan->workspace_bytes, "workspace", c->api));
    c->workspace = acn_window_view(c->workspace);
    return ACN_OK;
}
