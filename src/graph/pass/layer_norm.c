/* layer_norm.c - LayerNorm as it was exported before ONNX had it.
 *
 *     d = x - mean(x); d / sqrt(mean(d^2) + epsilon) * gamma + beta      ->      LayerNormV3(x)
 */
#include "graph/pass/root_mean.h"

static bool match(const acn_net_node *n, acn_root_mean *out, acn_net_value **x) {
    int dims;
    if (!acn_match_root_mean(n, out)) return false;
    const acn_net_node *centred = acn_maker(out->v, "Sub");
    if (centred == NULL || !acn_node_has_plain(centred, "alpha", 1)) return false;
    *x = acn_node_in(centred, 0);
    return acn_match_mean(acn_node_in(centred, 1), *x, &dims) && dims == out->dims;
}

static acn_status rewrite(acn_net *net, acn_net_node *n, const acn_root_mean *m, acn_net_value *x) {
    acn_net_value *gamma = NULL, *beta = NULL, *made;
    acn_net_node *last = n, *next;
    const acn_tensor *t = &x->tensor;
    acn_node_builder b;
    next = acn_match_parameter(net, acn_node_out(last, 0), "Mul", m->dims, &gamma);
    if (next) last = next;
    next = gamma ? acn_match_parameter(net, acn_node_out(last, 0), "Add", m->dims, &beta) : NULL;
    if (next) last = next;
    net->before = last;
    acn_node_begin(&b, net, "LayerNormV3", last->name);
    acn_node_input(&b, "x", x);
    acn_node_input(&b, "gamma", gamma);
    acn_node_input(&b, "beta", beta);
    acn_node_ints(&b, "normalized_shape", t->dims + t->rank - m->dims, m->dims);
    acn_node_float(&b, "epsilon", m->epsilon);
    acn_node_output(&b, "y", t->dtype, NULL);
    ACN_TRY(acn_node_end_kept(&b, &made));
    acn_take_output(net, made->producer, 0, acn_node_out(last, 0));
    return ACN_OK;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        acn_root_mean m;
        acn_net_value *x;
        if (!match(n, &m, &x) || !acn_tensor_same_shape(&x->tensor, &acn_node_out(n, 0)->tensor))
            continue;
        count->matched++;
        ACN_TRY(rewrite(net, n, &m, x));
        count->effective++;
    }
    return ACN_OK;
}

ACN_PASS(layer_norm) = {
    .name = "LayerNormFusionPass",
    .doc = "(x - mean) / sqrt(variance + epsilon) * gamma + beta becomes LayerNormV3",
    .stage = ACN_PASS_PATTERN,
    .run = run,
};
