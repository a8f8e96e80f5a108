/* swish.c - x * Sigmoid(x), or of a multiple of x: Swish, which is SiLU. */
#include "graph/pass/rewrite.h"

/* |s| is a sigmoid of |x| times *out. */
static bool is_sigmoid(const acn_net_value *s, const acn_net_value *x, double *out) {
    acn_net_value *inside;
    const acn_net_node *n = acn_maker(s, "Sigmoid");
    *out = 1;
    if (n == NULL) return false;
    if (acn_node_in(n, 0) == x) return true;
    const acn_net_node *scaled = acn_maker(acn_node_in(n, 0), "Mul");
    return scaled && acn_number_operand(scaled, "Mul", &inside, out) && inside == x;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        acn_net_value *x, *made;
        double scale;
        acn_node_builder b;
        if (!acn_node_is(n, "Mul")) continue;
        acn_net_value *left = acn_node_in(n, 0), *right = acn_node_in(n, 1);
        if (is_sigmoid(right, left, &scale))
            x = left;
        else if (is_sigmoid(left, right, &scale))
            x = right;
        else
            continue;
        count->matched++;
        net->before = n;
        acn_node_begin(&b, net, "Swish", n->name);
        acn_node_input(&b, "x", x);
        if (scale != 1) acn_node_float(&b, "scale", scale);
        acn_node_output(&b, "y", x->tensor.dtype, NULL);
        ACN_TRY(acn_node_end_kept(&b, &made));
        acn_take_output(net, made->producer, 0, acn_node_out(n, 0));
        count->effective++;
    }
    return ACN_OK;
}

ACN_PASS(swish) = {
    .name = "SwishFusionPass",
    .doc = "x * Sigmoid(x) becomes Swish",
    .stage = ACN_PASS_PATTERN,
    .run = run,
};
