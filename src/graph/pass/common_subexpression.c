/* common_subexpression.c - of nodes that compute the same from the same, one is enough. */
#include "graph/pass/rewrite.h"

#include <string.h>

static size_t bytes_of(const acn_tensor *t) {
    return (size_t)acn_tensor_count(t) * acn_dtype_bytes(t->dtype);
}

static bool is_same_shape(const acn_tensor *a, const acn_tensor *b) {
    size_t bytes = (size_t)a->rank * sizeof *a->dims;
    return a->dtype == b->dtype && a->rank == b->rank && memcmp(a->dims, b->dims, bytes) == 0 &&
           memcmp(a->strides, b->strides, bytes) == 0;
}

/* One value, the same part of one, or constants with the same numbers. */
static bool is_same_value(const acn_net_value *a, const acn_net_value *b) {
    if (a == b) return true;
    if (!is_same_shape(&a->tensor, &b->tensor)) return false;
    if (a->base == b->base) return a->offset_bytes == b->offset_bytes;
    if (!acn_net_is_constant(a) || !acn_net_is_constant(b)) return false;
    return a->tensor.data == b->tensor.data ||
           (acn_tensor_is_contiguous(&a->tensor) &&
            memcmp(a->tensor.data, b->tensor.data, bytes_of(&a->tensor)) == 0);
}

static size_t item_bytes(acn_attr_kind kind) {
    return kind == ACN_ATTR_INTS     ? sizeof(int64_t)
           : kind == ACN_ATTR_FLOATS ? sizeof(float)
                                     : 0; /* of no other list is known what it holds */
}

static bool is_same_attr(acn_attr_kind kind, const acn_attr_value *a, const acn_attr_value *b) {
    if (!a->is_present || !b->is_present) return a->is_present == b->is_present;
    switch (kind) {
    case ACN_ATTR_INT:
    case ACN_ATTR_BOOL:
    case ACN_ATTR_DTYPE:
        return a->i == b->i;
    case ACN_ATTR_FLOAT:
        return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case ACN_ATTR_STRING:
        return strcmp(a->text, b->text) == 0;
    case ACN_ATTR_SCALAR:
        return a->scalar.dtype == b->scalar.dtype && a->scalar.u == b->scalar.u;
    default:
        return item_bytes(kind) && a->count == b->count &&
               memcmp(a->items, b->items, (size_t)a->count * item_bytes(kind)) == 0;
    }
}

/* Random numbers are others each time. */
static bool is_random(const acn_net_node *n) {
    return strncmp(n->call.op->name, "Stateless", 9) == 0 ||
           strncmp(n->call.op->name, "DropOut", 7) == 0;
}

static bool is_same_node(const acn_net_node *a, const acn_net_node *b) {
    const acn_call *x = &a->call, *y = &b->call;
    if (x->op != y->op || x->tensor_count != y->tensor_count ||
        memcmp(x->in_count, y->in_count, sizeof x->in_count) != 0 ||
        memcmp(x->out_count, y->out_count, sizeof x->out_count) != 0)
        return false;
    for (int s = 0; s < ACN_MAX_ATTRS && x->op->attr[s].name; s++)
        if (!is_same_attr(x->op->attr[s].kind, &x->attr[s], &y->attr[s])) return false;
    for (int t = 0; t < x->tensor_count; t++) {
        const acn_net_value *v = a->value[t], *w = b->value[t];
        bool is_output = w->producer == b;
        if (is_output ? !is_same_shape(&v->tensor, &w->tensor) || v->base != v || w->base != w
                      : !is_same_value(v, w))
            return false;
    }
    return true;
}

/* The first node with the same results. */
static acn_net_node *find_first(const acn_net *net, const acn_net_node *n) {
    if (is_random(n)) return NULL;
    for (acn_net_node *m = net->nodes; m != n; m = m->next)
        if (is_same_node(m, n)) return m;
    return NULL;
}

static acn_status run(acn_net *net, acn_pass_count *count) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        const acn_net_node *first = find_first(net, n);
        if (first == NULL) continue;
        count->matched++;
        for (int t = 0; t < n->call.tensor_count; t++)
            if (n->value[t]->producer == n) acn_replace_value(net, n->value[t], first->value[t]);
        count->effective++;
    }
    return ACN_OK;
}

ACN_PASS(common_subexpression) = {
    .name = "CommonSubexpressionEliminationPass",
    .doc = "What is computed twice from the same is computed once",
    .stage = ACN_PASS_CLEAN,
    .run = run,
};
