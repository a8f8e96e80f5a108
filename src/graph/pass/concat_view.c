/* concat_view.c - channels that are joined are made where they will lie: the inputs become parts of
 * the result, and nothing is copied. Images must lie channels-last, with nothing derived from where
 * their elements lie but other parts of this kind. */
#include "graph/pass/rewrite.h"

#include <string.h>

/* A part of a channels-last image, or one. */
static bool lies_in(const acn_net_value *v, const acn_tensor *image) {
    return v->tensor.rank == 4 && v->tensor.dtype == image->dtype &&
           memcmp(v->tensor.strides, image->strides, 4 * sizeof *image->strides) == 0;
}

static bool is_image(const acn_tensor *t) {
    return t->rank == 4 && t->dims[1] > 1 && t->strides[1] == 1 && t->strides[3] == t->dims[1] &&
           t->strides[2] == t->strides[3] * t->dims[3] &&
           t->strides[0] == t->strides[2] * t->dims[2];
}

static bool can_move(const acn_net *net, const acn_net_value *v) {
    if (v->base != v || !v->producer || acn_net_is_constant(v) || !is_image(&v->tensor))
        return false;
    for (const acn_net_value *other = net->values; other; other = other->next)
        if (other->base == v && !lies_in(other, &v->tensor)) return false;
    for (int i = 0; i < net->output_count; i++)
        if (net->outputs[i]->base == v) return false;
    return true;
}

static bool fits(const acn_net *net, const acn_net_node *n) {
    if (!acn_node_is(n, "ConcatD")) return false;
    const acn_net_value *y = acn_node_out(n, 0);
    int64_t dim = acn_attr_int(&n->call, acn_node_attr_slot(n, "concat_dim"));
    if ((dim != 1 && dim != -3) || y->base != y || !is_image(&y->tensor)) return false;
    for (int i = 0; i < n->call.in_count[0]; i++) {
        acn_net_value *v = n->value[n->call.in_first[0] + i];
        if (!can_move(net, v) || v->tensor.dtype != y->tensor.dtype) return false;
        for (int j = 0; j < i; j++)
            if (n->value[n->call.in_first[0] + j] == v) return false;
    }
    return true;
}

/* |v| and its parts become parts of |y| that begin at |channel|. */
static void move(acn_net *net, acn_net_value *v, acn_net_value *y, int64_t channel) {
    for (acn_net_value *part = net->values; part; part = part->next) {
        if (part->base != v) continue;
        part->base = y;
        part->offset_bytes = part->offset_bytes + channel * (int64_t)sizeof(float);
        memcpy(part->tensor.strides, y->tensor.strides, 4 * sizeof *y->tensor.strides);
    }
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes, *next; n; n = next) {
        next = n->next;
        if (!fits(net, n)) continue;
        count->matched++;
        acn_net_value *y = acn_node_out(n, 0);
        int64_t channel = 0;
        acn_net_node *last = NULL;
        for (int i = 0; i < n->call.in_count[0]; i++) {
            acn_net_value *v = n->value[n->call.in_first[0] + i];
            move(net, v, y, channel);
            channel += v->tensor.dims[1];
            last = v->producer;
        }
        y->producer = last; /* it is whole when all parts are made, which is before any reader */
        count->effective++;
    }
    return ACN_OK;
}

ACN_PASS(concat_view) = {
    .name = "ConcatNotaskPass",
    .doc = "Channels that are joined are made where they will lie",
    .stage = ACN_PASS_LAYOUT,
    .run = run,
};
