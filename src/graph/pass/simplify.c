/* simplify.c - arithmetic that changes nothing: x * 1, x / 1, x + 0, x - 0. */
#include "graph/pass/rewrite.h"

static bool changes_nothing(const acn_net_node *n, acn_net_value **x) {
    double number;
    if (acn_number_operand(n, "Mul", x, &number)) return number == 1;
    if (acn_number_operand(n, "RealDiv", x, &number)) return number == 1;
    if (acn_number_operand(n, "Add", x, &number) || acn_number_operand(n, "Sub", x, &number))
        return number == 0;
    return false;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        acn_net_value *x;
        if (!changes_nothing(n, &x)) continue;
        acn_net_value *y = acn_node_out(n, 0);
        if (x->tensor.dtype != y->tensor.dtype || !acn_tensor_same_shape(&x->tensor, &y->tensor) ||
            acn_net_is_constant(x))
            continue;
        count->matched++;
        count->effective += acn_replace_value(net, y, x);
    }
    return ACN_OK;
}

ACN_PASS(simplify) = {
    .name = "AlgebraicSimplificationPass",
    .doc = "Products with 1 and sums with 0 are left out",
    .stage = ACN_PASS_CLEAN,
    .run = run,
};
