/* gelu.c - GELU as exporters write it, factors in any order.
 *
 *     x * (1 + Erf(x / sqrt 2)) * 0.5                               ->      Gelu(x)
 *     x * (1 + Tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) * 0.5       ->      GeluV2(x), by tanh
 */
#include "graph/pass/rewrite.h"

#include <math.h>

/* |n| gives |v| times the number. */
static bool multiplies(const acn_net_node *n, const acn_net_value *v, double by) {
    double number;
    acn_net_value *x;
    if (acn_number_operand(n, "RealDiv", &x, &number)) return x == v && acn_is_near(1 / number, by);
    return acn_number_operand(n, "Mul", &x, &number) && x == v && acn_is_near(number, by);
}

static acn_net_value *first_variable(const acn_net_node *n) {
    acn_net_value *v = acn_node_in(n, 0);
    return acn_net_is_constant(v) && n->call.in_count[1] ? acn_node_in(n, 1) : v;
}

static bool is_cube(const acn_net_value *v, const acn_net_value *x) {
    acn_net_value *base;
    double three;
    if (acn_maker(v, "Pow"))
        return acn_number_operand(v->producer, "Pow", &base, &three) && base == x && three == 3;
    const acn_net_node *outer = acn_maker(v, "Mul");
    const acn_net_value *square = outer ? acn_other_input(outer, x) : NULL;
    const acn_net_node *inner = acn_maker(square, "Mul");
    return inner && acn_node_in(inner, 0) == x && acn_node_in(inner, 1) == x;
}

/* What |erf| is the Erf(x / sqrt 2) of. */
static acn_net_value *inside_erf(const acn_net_node *erf) {
    const acn_net_value *inside = acn_node_in(erf, 0);
    if (inside->producer == NULL || inside->base != inside) return NULL;
    acn_net_value *x = first_variable(inside->producer);
    return multiplies(inside->producer, x, M_SQRT1_2) ? x : NULL;
}

static acn_net_value *inside_tanh(const acn_net_node *tanh) {
    acn_net_value *sum, *cube;
    double number;
    const acn_net_node *n = acn_maker(acn_node_in(tanh, 0), "Mul");
    if (!n || !acn_number_operand(n, "Mul", &sum, &number) ||
        !acn_is_near(number, M_2_SQRTPI * M_SQRT1_2))
        return NULL;
    const acn_net_node *plus = acn_maker(sum, "Add");
    if (!plus || !acn_node_has_plain(plus, "alpha", 1)) return NULL;
    for (int i = 0; i < 2; i++) {
        acn_net_value *x = acn_node_in(plus, i);
        const acn_net_node *scaled = acn_maker(acn_node_in(plus, 1 - i), "Mul");
        if (scaled && acn_number_operand(scaled, "Mul", &cube, &number) &&
            acn_is_near(number, 0.044715) && is_cube(cube, x))
            return x;
    }
    return NULL;
}

/* The last node of x * (1 + e) * 0.5 around |e|. */
static acn_net_node *match(const acn_net *net, const acn_net_value *e, acn_net_value *x) {
    double one;
    acn_net_node *plus = acn_only_reader(net, e);
    if (!acn_node_is(plus, "Add") || !acn_node_has_plain(plus, "alpha", 1) ||
        !acn_value_number(acn_other_input(plus, e), &one) || one != 1)
        return NULL;
    acn_net_value *sum = acn_node_out(plus, 0);
    acn_net_node *product = acn_only_reader(net, sum);
    if (product && multiplies(product, sum, 0.5)) { /* x * (0.5 * sum) */
        acn_net_value *half = acn_node_out(product, 0);
        acn_net_node *last = acn_only_reader(net, half);
        return acn_node_is(last, "Mul") && acn_other_input(last, half) == x ? last : NULL;
    }
    if (!acn_node_is(product, "Mul")) return NULL;
    acn_net_value *other = acn_other_input(product, sum);
    if (other == NULL) return NULL;
    if (other != x) { /* (x * 0.5) * sum */
        return other->producer && multiplies(other->producer, x, 0.5) ? product : NULL;
    }
    acn_net_node *half = acn_only_reader(net, acn_node_out(product, 0));
    return half && multiplies(half, acn_node_out(product, 0), 0.5) ? half : NULL;
}

static acn_status rewrite(acn_net *net, acn_net_node *last, acn_net_value *x, bool by_tanh) {
    acn_net_value *made;
    acn_node_builder b;
    net->before = last;
    acn_node_begin(&b, net, by_tanh ? "GeluV2" : "Gelu", last->name);
    acn_node_input(&b, "x", x);
    if (by_tanh) acn_node_text(&b, "approximate", "tanh");
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    ACN_TRY(acn_node_end_kept(&b, &made));
    acn_take_output(net, made->producer, 0, acn_node_out(last, 0));
    return ACN_OK;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        bool by_tanh = acn_node_is(n, "Tanh");
        if (!by_tanh && !acn_node_is(n, "Erf")) continue;
        acn_net_value *x = by_tanh ? inside_tanh(n) : inside_erf(n);
        acn_net_node *last = x ? match(net, acn_node_out(n, 0), x) : NULL;
        if (last == NULL || !acn_tensor_same_shape(&x->tensor, &acn_node_out(last, 0)->tensor))
            continue;
        count->matched++;
        ACN_TRY(rewrite(net, last, x, by_tanh));
        count->effective++;
    }
    return ACN_OK;
}

ACN_PASS(gelu) = {
    .name = "GeluFusionPass",
    .doc = "x * (1 + Erf(x / sqrt 2)) / 2, or its form by Tanh, becomes Gelu",
    .stage = ACN_PASS_PATTERN,
    .run = run,
};
