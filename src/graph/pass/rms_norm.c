/* rms_norm.c - RmsNorm written as many operators.
 *
 *     x / sqrt(mean(x^2) + epsilon) * gamma      ->      RmsNorm(x, gamma)
 */
#include "graph/pass/root_mean.h"

static acn_status rewrite(acn_net *net, acn_net_node *last, const acn_root_mean *m,
                          acn_net_value *gamma) {
    acn_net_value *made;
    acn_node_builder b;
    net->before = last;
    acn_node_begin(&b, net, "RmsNorm", last->name);
    acn_node_input(&b, "x", m->v);
    acn_node_input(&b, "gamma", gamma);
    acn_node_float(&b, "epsilon", m->epsilon);
    acn_node_output(&b, "y", m->v->tensor.dtype, NULL);
    ACN_TRY(acn_node_end_kept(&b, &made));
    acn_take_output(net, made->producer, 0, acn_node_out(last, 0));
    return ACN_OK;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        acn_root_mean m;
        acn_net_value *gamma;
        if (!acn_match_root_mean(n, &m) ||
            !acn_tensor_same_shape(&m.v->tensor, &acn_node_out(n, 0)->tensor))
            continue;
        acn_net_node *last = acn_match_parameter(net, acn_node_out(n, 0), "Mul", m.dims, &gamma);
        if (last == NULL) continue;
        count->matched++;
        ACN_TRY(rewrite(net, last, &m, gamma));
        count->effective++;
    }
    return ACN_OK;
}

ACN_PASS(rms_norm) = {
    .name = "RmsNormFusionPass",
    .doc = "x / sqrt(mean of x^2 + epsilon) * gamma becomes RmsNorm",
    .stage = ACN_PASS_PATTERN,
    .run = run,
};
