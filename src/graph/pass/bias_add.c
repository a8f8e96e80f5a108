/* bias_add.c - a product and a constant for each of its columns: the bias of its epilogue. */
#include "graph/pass/rewrite.h"

static bool is_bare(const acn_net_node *n) {
    return acn_node_is_product(n) && !acn_node_in(n, acn_node_input_slot(n, "bias")) &&
           !acn_node_in(n, acn_node_input_slot(n, "addend")) &&
           !n->call.attr[acn_node_attr_slot(n, "activation")].is_present &&
           !n->call.attr[acn_node_attr_slot(n, "low")].is_present &&
           !n->call.attr[acn_node_attr_slot(n, "high")].is_present;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        if (!is_bare(n)) continue;
        acn_net_value *y = acn_node_out(n, 0);
        acn_net_node *sum = acn_only_reader(net, y);
        if (!acn_node_is(sum, "Add") || !acn_node_has_plain(sum, "alpha", 1)) continue;
        bool is_matrix = acn_node_is(n, "MatMulPanels");
        int dim = is_matrix ? 1 : y->tensor.rank - 1;
        int64_t columns = y->tensor.dims[y->tensor.rank - dim], step;
        acn_net_value *other = acn_other_input(sum, y), *bias;
        const float *numbers;
        if (!acn_value_by_dim(other, dim, columns, &numbers, &step) || step == 0 ||
            !acn_tensor_same_shape(&acn_node_out(sum, 0)->tensor, &y->tensor))
            continue;
        count->matched++;
        ACN_TRY(acn_net_constant(net, other->name, ACN_F32, 1, &columns, numbers, &bias));
        ACN_TRY(acn_set_input(net, n, acn_node_input_slot(n, "bias"), bias));
        acn_take_output(net, n, 0, acn_node_out(sum, 0));
        count->effective++;
    }
    return ACN_OK;
}

ACN_PASS(bias_add) = {
    .name = "BiasAddFusionPass",
    .doc = "A constant added to each column becomes the bias of the product before it",
    .stage = ACN_PASS_BIAS,
    .run = run,
};
