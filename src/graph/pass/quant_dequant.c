/* quant_dequant.c - quantised and at once dequantised: whole numbers within the range of a small
 * type are the same in f32, so the way through that type is left out, and all of it can run as one
 * loop of f32.
 *
 *     Cast(Cast(v, small), f32), v = min(max(whole, low), high) within the type      ->      v
 */
#include "graph/pass/rewrite.h"

#include <math.h>

static bool range_of(acn_dtype dtype, double *low, double *high) {
    bool is_known = dtype == ACN_U8 || dtype == ACN_I8 || dtype == ACN_U16 || dtype == ACN_I16;
    bool is_signed = dtype == ACN_I8 || dtype == ACN_I16;
    if (!is_known) return false;
    double count = ldexp(1, 8 * (int)acn_dtype_bytes(dtype));
    *low = is_signed ? -count / 2 : 0;
    *high = *low + count - 1;
    return true;
}

/* Constants, each a whole number. */
static bool are_whole(const acn_net_value *v) {
    if (!acn_net_is_constant(v) || v->tensor.dtype != ACN_F32) return false;
    for (int64_t i = 0; i < acn_tensor_count(&v->tensor); i++) {
        float x = *(const float *)acn_tensor_at(&v->tensor, i);
        if (x != rintf(x)) return false;
    }
    return true;
}

/* Rounded, and perhaps moved by a zero point. */
static bool is_whole(const acn_net_value *v) {
    const acn_net_node *n = acn_maker(v, "Add");
    if (acn_maker(v, "Round")) return true;
    if (n == NULL || !acn_node_has_plain(n, "alpha", 1)) return false;
    return (acn_maker(acn_node_in(n, 0), "Round") && are_whole(acn_node_in(n, 1))) ||
           (acn_maker(acn_node_in(n, 1), "Round") && are_whole(acn_node_in(n, 0)));
}

static bool is_within(const acn_net_value *v, acn_dtype dtype) {
    double low, high, least, most;
    acn_net_value *bounded, *inside;
    const acn_net_node *n = acn_maker(v, "Minimum");
    if (!range_of(dtype, &least, &most) || v->tensor.dtype != ACN_F32 || n == NULL ||
        !acn_number_operand(n, "Minimum", &bounded, &high))
        return false;
    n = acn_maker(bounded, "Maximum");
    return n && acn_number_operand(n, "Maximum", &inside, &low) && low >= least && high <= most &&
           low <= high && low == rint(low) && high == rint(high) && is_whole(inside);
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        if (!acn_node_is(n, "Cast") || acn_node_out(n, 0)->tensor.dtype != ACN_F32) continue;
        const acn_net_node *narrow = acn_maker(acn_node_in(n, 0), "Cast");
        if (narrow == NULL) continue;
        acn_net_value *v = acn_node_in(narrow, 0);
        if (!is_within(v, acn_node_out(narrow, 0)->tensor.dtype)) continue;
        count->matched++;
        count->effective += acn_replace_value(net, acn_node_out(n, 0), v);
    }
    return ACN_OK;
}

ACN_PASS(quant_dequant) = {
    .name = "QuantDequantFusionPass",
    .doc = "Quantised and at once dequantised numbers stay f32",
    .stage = ACN_PASS_CLEAN,
    .run = run,
};
