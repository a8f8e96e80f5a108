/* transpose_cancel.c - transposed on the way in, and back on the way out.
 *
 * Transposes are views and cost nothing, but an elementwise operator between two of them would
 * write its result in the order of the transposed shape, and what follows would read it crosswise
 * or copy it. Its result keeps the order in which its inputs lie; copies that have become needless
 * go.
 */
#include "graph/pass/rewrite.h"
#include "ops/elementwise.h"

#include <string.h>

/* Whether the elements lie without gaps, in whatever order of dimensions. */
static bool is_dense(const acn_tensor *t) {
    int64_t next = 1;
    bool is_used[ACN_MAX_DIMS] = {false};
    for (int placed = 0; placed < t->rank; placed++) {
        int found = -1;
        for (int d = 0; d < t->rank && found < 0; d++)
            if (!is_used[d] && (t->dims[d] == 1 || t->strides[d] == next)) found = d;
        if (found < 0) return false;
        is_used[found] = true;
        next *= t->dims[found];
    }
    return true;
}

/* The strides that all inputs of |y|'s shape have, if they are not its own already. */
static const acn_tensor *common_order(const acn_net_node *n, const acn_tensor *y) {
    const acn_tensor *order = NULL;
    for (int i = 0; i < n->call.out_first[0]; i++) {
        const acn_tensor *x = &n->value[i]->tensor;
        if (!acn_tensor_same_shape(x, y)) continue;
        if (order && memcmp(x->strides, order->strides, (size_t)y->rank * sizeof *y->strides) != 0)
            return NULL;
        order = x;
    }
    return order && !acn_tensor_is_contiguous(order) && is_dense(order) ? order : NULL;
}

/* Dimension of |y| that |view|'s dimension |d| is; -1: none. */
static int dim_of(const acn_tensor *y, const acn_tensor *view, int d) {
    for (int e = 0; e < y->rank; e++)
        if (y->dims[e] == view->dims[d] && y->strides[e] == view->strides[d] && y->dims[e] > 1)
            return e;
    return -1;
}

/* Whether |view| is |y| with its dimensions in another order. */
static bool is_permuted(const acn_net_value *y, const acn_net_value *view) {
    if (view->offset_bytes != y->offset_bytes || view->tensor.dtype != y->tensor.dtype ||
        acn_tensor_count(&view->tensor) != acn_tensor_count(&y->tensor))
        return false;
    for (int d = 0; d < view->tensor.rank; d++)
        if (view->tensor.dims[d] != 1 && dim_of(&y->tensor, &view->tensor, d) < 0) return false;
    return true;
}

/* Matrix products are made for rows that are whole. */
static bool is_factor(const acn_net *net, const acn_net_value *y) {
    for (const acn_net_node *n = net->nodes; n; n = n->next)
        for (int i = 0; i < n->call.out_first[0]; i++)
            if (n->value[i]->base == y && strstr(n->call.op->name, "MatMul")) return true;
    return false;
}

static bool can_turn(const acn_net *net, const acn_net_node *n) {
    if (n->call.op->infer != acn_elementwise_infer) return false;
    const acn_net_value *y = acn_node_out(n, 0);
    if (y->base != y || y->producer != n || !acn_tensor_is_contiguous(&y->tensor)) return false;
    for (const acn_net_value *v = net->values; v; v = v->next)
        if (v->base == y && !is_permuted(y, v)) return false;
    for (int i = 0; i < net->output_count; i++)
        if (net->outputs[i] == y) return false;
    return true;
}

/* |y| and what is seen of it, in the order of |strides|. */
static void turn(acn_net *net, acn_net_value *y, const int64_t *strides) {
    acn_tensor old = y->tensor;
    for (acn_net_value *v = net->values; v; v = v->next) {
        if (v->base != y) continue;
        acn_tensor seen = v->tensor;
        for (int d = 0; d < seen.rank; d++)
            if (seen.dims[d] != 1) v->tensor.strides[d] = strides[dim_of(&old, &seen, d)];
    }
}

static bool is_output(const acn_net *net, const acn_net_value *v) {
    for (int i = 0; i < net->output_count; i++)
        if (net->outputs[i] == v) return true;
    return false;
}

/* A copy in the order in which the elements lie already. */
static bool is_needless(const acn_net *net, const acn_net_node *n) {
    if (!acn_node_is(n, "TensorMove")) return false;
    const acn_net_value *x = acn_node_in(n, 0), *y = acn_node_out(n, 0);
    return y->base == y && !is_output(net, y) && acn_tensor_is_contiguous(&y->tensor) &&
           acn_tensor_is_contiguous(&x->tensor) && acn_tensor_same_shape(&x->tensor, &y->tensor) &&
           x->tensor.dtype == y->tensor.dtype;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        if (is_needless(net, n)) {
            count->matched++;
            count->effective += acn_replace_value(net, acn_node_out(n, 0), acn_node_in(n, 0));
        } else if (can_turn(net, n)) {
            acn_net_value *y = acn_node_out(n, 0);
            const acn_tensor *order = common_order(n, &y->tensor);
            if (order == NULL || is_factor(net, y)) continue;
            int64_t strides[ACN_MAX_DIMS];
            memcpy(strides, order->strides, sizeof strides);
            count->matched++;
            turn(net, y, strides);
            count->effective++;
        }
    }
    return ACN_OK;
}

ACN_PASS(transpose_cancel) = {
    .name = "TransOpSymmetryEliminationPass",
    .doc = "Elementwise results keep the order of their inputs; needless copies go",
    .stage = ACN_PASS_LAYOUT,
    .run = run,
};
