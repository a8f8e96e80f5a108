/* softmax.c - softmax written as many operators.
 *
 *     e = Exp(x - max(x)), or Exp(x); e / sum(e)      ->      SoftmaxV2(x)
 */
#include "graph/pass/rewrite.h"

/* |v| is |op| of |x| over one dimension, which is kept with 1. */
static bool is_reduced(const acn_net_value *v, const char *op, const acn_net_value *x, int *dim) {
    const acn_net_node *n = acn_maker(v, op);
    if (n == NULL || acn_node_in(n, 0) != x) return false;
    const acn_attr_value *axes = &n->call.attr[acn_node_attr_slot(n, "axes")];
    const acn_attr_value *kept = &n->call.attr[acn_node_attr_slot(n, "keep_dims")];
    if (!axes->is_present || axes->count != 1 || !kept->is_present || !kept->i) return false;
    int64_t axis = *(const int64_t *)axes->items;
    *dim = (int)(axis < 0 ? axis + x->tensor.rank : axis);
    return true;
}

static acn_net_value *match(const acn_net_node *n, int *dim) {
    int other;
    if (!acn_node_is(n, "RealDiv")) return NULL;
    const acn_net_value *e = acn_node_in(n, 0);
    const acn_net_node *power = acn_maker(e, "Exp");
    if (power == NULL || !is_reduced(acn_node_in(n, 1), "ReduceSum", e, dim)) return NULL;
    acn_net_value *x = acn_node_in(power, 0);
    const acn_net_node *less = acn_maker(x, "Sub");
    if (less && acn_node_has_plain(less, "alpha", 1) &&
        is_reduced(acn_node_in(less, 1), "ReduceMax", acn_node_in(less, 0), &other) &&
        other == *dim)
        x = acn_node_in(less, 0);
    return x;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        acn_net_value *made;
        acn_node_builder b;
        int dim;
        acn_net_value *x = match(n, &dim);
        if (x == NULL) continue;
        count->matched++;
        net->before = n;
        acn_node_begin(&b, net, "SoftmaxV2", n->name);
        acn_node_input(&b, "x", x);
        acn_node_int(&b, "dim", dim);
        acn_node_output(&b, "y", x->tensor.dtype, NULL);
        ACN_TRY(acn_node_end_kept(&b, &made));
        acn_take_output(net, made->producer, 0, acn_node_out(n, 0));
        count->effective++;
    }
    return ACN_OK;
}

ACN_PASS(softmax) = {
    .name = "SoftmaxFusionPass",
    .doc = "Exp(x - max) / sum becomes SoftmaxV2",
    .stage = ACN_PASS_PATTERN,
    .run = run,
};
