/* hard_swish.c - HardSwish as exporters write it.
 *
 *     x * HardSigmoid(x), x * (min(max(x + 3, 0), 6) / 6), (x * min(...)) / 6   ->   HardSwish(x)
 */
#include "graph/pass/rewrite.h"

/* |v| is |by| times *out. */
static bool is_scaled(const acn_net_value *v, double by, acn_net_value **out) {
    double number;
    const acn_net_node *n = acn_maker(v, "Mul");
    if (n) return acn_number_operand(n, "Mul", out, &number) && acn_is_near(number, by);
    n = acn_maker(v, "RealDiv");
    return n && acn_number_operand(n, "RealDiv", out, &number) && acn_is_near(1 / number, by);
}

/* |v| is min(max(x + 3, 0), 6). */
static bool is_ramp(const acn_net_value *v, const acn_net_value *x) {
    acn_net_value *low, *inside, *from;
    double six, zero = 0, three;
    const acn_net_node *n = acn_maker(v, "Minimum");
    if (n == NULL || !acn_number_operand(n, "Minimum", &low, &six) || six != 6) return false;
    n = acn_maker(low, "Relu");
    if (n) {
        inside = acn_node_in(n, 0);
    } else {
        n = acn_maker(low, "Maximum");
        if (!n || !acn_number_operand(n, "Maximum", &inside, &zero) || zero != 0) return false;
    }
    n = acn_maker(inside, "Add");
    return n && acn_number_operand(n, "Add", &from, &three) && three == 3 && from == x;
}

static bool is_hard_sigmoid(const acn_net_value *v, const acn_net_value *x) {
    acn_net_value *ramp;
    const acn_net_node *n = acn_maker(v, "HardSigmoid");
    if (n == NULL) return is_scaled(v, 1.0 / 6, &ramp) && is_ramp(ramp, x);
    double alpha = acn_attr_float(&n->call, acn_node_attr_slot(n, "alpha"));
    double beta = acn_attr_float(&n->call, acn_node_attr_slot(n, "beta"));
    return acn_node_in(n, 0) == x && acn_is_near(alpha, 1.0 / 6) && beta == 0.5;
}

/* The factor that |n| is not, when |is_other| says so of the other one. */
static acn_net_value *factor(const acn_net_node *n,
                             bool (*is_other)(const acn_net_value *v, const acn_net_value *x)) {
    if (!acn_node_is(n, "Mul")) return NULL;
    acn_net_value *a = acn_node_in(n, 0), *b = acn_node_in(n, 1);
    return is_other(b, a) ? a : is_other(a, b) ? b : NULL;
}

static acn_net_value *match(const acn_net_node *n) {
    acn_net_value *product;
    acn_net_value *x = factor(n, is_hard_sigmoid);
    if (x || !is_scaled(acn_node_out(n, 0), 1.0 / 6, &product)) return x;
    const acn_net_node *inner = acn_maker(product, "Mul");
    return inner ? factor(inner, is_ramp) : NULL;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        acn_net_value *x, *made;
        acn_node_builder b;
        if (!acn_node_is(n, "Mul") && !acn_node_is(n, "RealDiv")) continue;
        if ((x = match(n)) == NULL) continue;
        count->matched++;
        net->before = n;
        acn_node_begin(&b, net, "HardSwish", n->name);
        acn_node_input(&b, "x", x);
        acn_node_output(&b, "y", x->tensor.dtype, NULL);
        ACN_TRY(acn_node_end_kept(&b, &made));
        acn_take_output(net, made->producer, 0, acn_node_out(n, 0));
        count->effective++;
    }
    return ACN_OK;
}

ACN_PASS(hard_swish) = {
    .name = "HardSwishFusionPass",
    .doc = "x * min(max(x + 3, 0), 6) / 6 becomes HardSwish",
    .stage = ACN_PASS_PATTERN,
    .run = run,
};
