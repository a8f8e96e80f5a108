/* gelu.c - the exact GELU as exporters write it.
 *
 *     x * (1 + Erf(x / sqrt 2)) * 0.5, factors in any order      ->      Gelu(x)
 */
#include "graph/pass/rewrite.h"

#include <math.h>

static bool is_near(double x, double y) { return fabs(x - y) <= 1e-5 * fabs(y); }

/* |n| gives |v| times the number. */
static bool multiplies(const acn_net_node *n, const acn_net_value *v, double by) {
    double number;
    if (acn_node_is(n, "RealDiv"))
        return acn_node_in(n, 0) == v && acn_value_number(acn_node_in(n, 1), &number) &&
               is_near(1 / number, by);
    return acn_node_is(n, "Mul") && acn_value_number(acn_other_input(n, v), &number) &&
           is_near(number, by);
}

static acn_net_value *first_variable(const acn_net_node *n) {
    acn_net_value *v = acn_node_in(n, 0);
    return acn_net_is_constant(v) && n->call.in_count[1] ? acn_node_in(n, 1) : v;
}

/* The last node of the pattern around |erf|, and x. */
static acn_net_node *match(const acn_net *net, const acn_net_node *erf, acn_net_value **out_x) {
    const acn_net_value *inside = acn_node_in(erf, 0);
    const acn_net_node *scaled = inside->producer;
    double one;
    if (scaled == NULL || inside->base != inside) return NULL;
    acn_net_value *x = first_variable(scaled);
    if (!multiplies(scaled, x, M_SQRT1_2)) return NULL;
    const acn_net_value *e = acn_node_out(erf, 0);
    acn_net_node *plus = acn_only_reader(net, e);
    if (!acn_node_is(plus, "Add") || !acn_node_has_plain(plus, "alpha", 1) ||
        !acn_value_number(acn_other_input(plus, e), &one) || one != 1)
        return NULL;
    const acn_net_value *sum = acn_node_out(plus, 0);
    acn_net_node *product = acn_only_reader(net, sum);
    if (!acn_node_is(product, "Mul")) return NULL;
    *out_x = x;
    acn_net_value *other = acn_other_input(product, sum);
    if (other == NULL) return NULL;
    if (other != x) { /* (x * 0.5) * sum */
        return other->producer && multiplies(other->producer, x, 0.5) ? product : NULL;
    }
    acn_net_node *half = acn_only_reader(net, acn_node_out(product, 0));
    return half && multiplies(half, acn_node_out(product, 0), 0.5) ? half : NULL;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        acn_net_value *x, *made;
        if (!acn_node_is(n, "Erf")) continue;
        acn_net_node *last = match(net, n, &x);
        if (last == NULL || !acn_tensor_same_shape(&x->tensor, &acn_node_out(last, 0)->tensor))
            continue;
        count->matched++;
        acn_node_builder b;
        net->before = last;
        acn_node_begin(&b, net, "Gelu", last->name);
        acn_node_input(&b, "x", x);
        acn_node_output(&b, "y", x->tensor.dtype, NULL);
        ACN_TRY(acn_node_end_kept(&b, &made));
        acn_take_output(net, made->producer, 0, acn_node_out(last, 0));
        count->effective++;
    }
    return ACN_OK;
}

ACN_PASS(gelu) = {
    .name = "GeluFusionPass",
    .doc = "x * (1 + Erf(x / sqrt 2)) / 2 becomes Gelu",
    .stage = ACN_PASS_PATTERN,
    .run = run,
};
