/* residual_add.c - a product and a tensor of its shape: added by the epilogue. Of two products that
 * are added the later one takes it, since the other's result exists by then. */
#include "graph/pass/rewrite.h"

static bool can_take(const acn_net *net, const acn_net_node *n, const acn_net_node *sum,
                     acn_net_value **out) {
    if (!acn_node_is_product(n) || acn_node_in(n, acn_node_input_slot(n, "addend")) ||
        n->call.attr[acn_node_attr_slot(n, "activation")].is_present ||
        n->call.attr[acn_node_attr_slot(n, "low")].is_present ||
        n->call.attr[acn_node_attr_slot(n, "high")].is_present)
        return false;
    const acn_net_value *y = acn_node_out(n, 0);
    *out = acn_other_input(sum, y);
    return *out && acn_only_reader(net, y) == sum && (*out)->tensor.dtype == ACN_F32 &&
           acn_tensor_same_shape(&(*out)->tensor, &y->tensor);
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *sum = net->nodes, *next; sum; sum = next) {
        next = sum->next;
        if (!acn_node_is(sum, "Add") || !acn_node_has_plain(sum, "alpha", 1)) continue;
        acn_net_node *a = acn_node_in(sum, 0)->producer, *b = acn_node_in(sum, 1)->producer;
        acn_net_value *addend;
        acn_net_node *later = NULL;
        for (acn_net_node *n = net->nodes; n != sum; n = n->next)
            if ((n == a || n == b) && can_take(net, n, sum, &addend)) later = n;
        if (later == NULL || !can_take(net, later, sum, &addend)) continue;
        count->matched++;
        ACN_TRY(acn_set_input(net, later, acn_node_input_slot(later, "addend"), addend));
        acn_take_output(net, later, 0, acn_node_out(sum, 0));
        acn_net_move(net, later, sum);
        count->effective++;
    }
    return ACN_OK;
}

ACN_PASS(residual_add) = {
    .name = "ResidualAddFusionPass",
    .doc = "A tensor that is added to a product is added while the product is written",
    .stage = ACN_PASS_ADDEND,
    .run = run,
};
