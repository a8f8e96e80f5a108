/* channels_last.c - results between convolutions lie with their channels as neighbours. What is
 * seen through views, and what leaves the net, stays as it is: operators read and write any
 * strides. */
#include "graph/pass/rewrite.h"

#include "ops/elementwise.h"

static bool is_channels_last(const acn_net_value *v) {
    const acn_tensor *t = &v->tensor;
    return t->rank == 4 && t->dims[1] > 1 && t->dims[2] * t->dims[3] > 1 && t->strides[1] == 1;
}

/* Nothing has been derived from where its elements lie. */
static bool is_free(const acn_net *net, const acn_net_value *v) {
    if (v->base != v || v->tensor.rank != 4 || acn_net_is_constant(v)) return false;
    for (const acn_net_value *other = net->values; other; other = other->next)
        if (other != v && other->base == v) return false;
    for (int i = 0; i < net->output_count; i++)
        if (net->outputs[i]->base == v) return false;
    return true;
}

/* Operators that give each element where its inputs' elements lie. */
static bool follows(const acn_net_node *n) {
    return n->call.op->infer == acn_elementwise_infer || acn_node_is(n, "MaxPooling") ||
           acn_node_is(n, "AveragePooling") || acn_node_is(n, "ConcatD");
}

static bool wants(const acn_net_node *n) {
    if (acn_node_is_product(n)) return !acn_node_is(n, "MatMulPanels");
    if (!follows(n)) return false;
    for (int s = 0; s < ACN_MAX_INPUTS; s++)
        for (int i = 0; i < n->call.in_count[s]; i++)
            if (is_channels_last(n->value[n->call.in_first[s] + i])) return true;
    return false;
}

static void turn(acn_net_value *v) {
    acn_tensor *t = &v->tensor;
    t->strides[1] = 1;
    t->strides[3] = t->dims[1];
    t->strides[2] = t->strides[3] * t->dims[3];
    t->strides[0] = t->strides[2] * t->dims[2];
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        if (!wants(n)) continue;
        acn_net_value *y = acn_node_out(n, 0);
        if (y->tensor.rank != 4) continue;
        count->matched++;
        if (!is_free(net, y)) continue;
        turn(y);
        count->effective++;
    }
    return ACN_OK;
}

ACN_PASS(channels_last) = {
    .name = "ChannelsLastPass",
    .doc = "Results between convolutions lie with their channels as neighbours",
    .stage = ACN_PASS_LAYOUT,
    .run = run,
};
