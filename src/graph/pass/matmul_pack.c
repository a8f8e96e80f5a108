/* matmul_pack.c - matrix products with a constant right side: it is packed into panels. */
#include "graph/pass/rewrite.h"

static bool fits(const acn_net_node *n) {
    if (!acn_node_is(n, "MatMul") && !acn_node_is(n, "MatMulV2")) return false;
    if (!acn_node_has_plain(n, "transpose_x1", 0) || !acn_node_has_plain(n, "transpose_x2", 0))
        return false;
    const acn_tensor *x = &acn_node_in(n, 0)->tensor, *w = &acn_node_in(n, 1)->tensor;
    const acn_net_value *b = acn_node_in(n, 2);
    return acn_net_is_constant(acn_node_in(n, 1)) && w->rank == 2 && x->rank >= 2 &&
           x->dtype == ACN_F32 && w->dtype == ACN_F32 && acn_tensor_count(w) > 0 &&
           acn_node_out(n, 0)->tensor.dtype == ACN_F32 &&
           (!b || (b->tensor.dtype == ACN_F32 && acn_tensor_count(&b->tensor) == w->dims[1]));
}

static acn_status rewrite(acn_net *net, acn_net_node *n) {
    acn_net_value *y = acn_node_out(n, 0), *w = acn_node_in(n, 1), *packed, *made;
    acn_node_builder b;
    net->before = n;
    acn_node_begin(&b, net, "PackPanels", w->name);
    acn_node_input(&b, "x", w);
    acn_node_output(&b, "y", ACN_F32, NULL);
    ACN_TRY(acn_node_end(&b, &packed));
    acn_node_begin(&b, net, "MatMulPanels", n->name);
    acn_node_input(&b, "x", acn_node_in(n, 0));
    acn_node_input(&b, "panels", packed);
    acn_node_input(&b, "bias", acn_node_in(n, 2));
    acn_node_int(&b, "columns", w->tensor.dims[1]);
    acn_node_output(&b, "y", ACN_F32, NULL);
    ACN_TRY(acn_node_end(&b, &made));
    if (made->producer) acn_take_output(net, made->producer, 0, y);
    return ACN_OK;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    return acn_rewrite_each(net, count, fits, rewrite);
}

ACN_PASS(matmul_pack) = {
    .name = "MatMulWeightPackFusionPass",
    .doc = "Constant right sides of matrix products are packed",
    .stage = ACN_PASS_PACK,
    .run = run,
};
