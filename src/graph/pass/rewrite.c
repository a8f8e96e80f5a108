/* rewrite.c - see rewrite.h. */
#include "graph/pass/rewrite.h"

#include <math.h>
#include <string.h>

bool acn_node_is(const acn_net_node *node, const char *op) {
    return node && strcmp(node->call.op->name, op) == 0;
}

acn_net_value *acn_node_in(const acn_net_node *node, int slot) {
    return slot >= 0 && node->call.in_count[slot] ? node->value[node->call.in_first[slot]] : NULL;
}

acn_net_value *acn_node_out(const acn_net_node *node, int slot) {
    return node->call.out_count[slot] ? node->value[node->call.out_first[slot]] : NULL;
}

int acn_node_input_slot(const acn_net_node *node, const char *name) {
    for (int s = 0; s < ACN_MAX_INPUTS && node->call.op->in[s].name; s++)
        if (strcmp(node->call.op->in[s].name, name) == 0) return s;
    return -1;
}

int acn_node_attr_slot(const acn_net_node *node, const char *name) {
    for (int s = 0; s < ACN_MAX_ATTRS && node->call.op->attr[s].name; s++)
        if (strcmp(node->call.op->attr[s].name, name) == 0) return s;
    return -1;
}

bool acn_node_has_plain(const acn_net_node *node, const char *attr, double value) {
    int slot = acn_node_attr_slot(node, attr);
    const acn_attr_value *v = slot < 0 ? NULL : &node->call.attr[slot];
    if (v == NULL || !v->is_present) return true;
    acn_attr_kind kind = node->call.op->attr[slot].kind;
    if (kind == ACN_ATTR_FLOAT) return v->f == value;
    if (kind == ACN_ATTR_SCALAR) return acn_scalar_f64(&v->scalar) == value;
    return (kind == ACN_ATTR_INT || kind == ACN_ATTR_BOOL) && (double)v->i == value;
}

acn_net_node *acn_maker(const acn_net_value *v, const char *op) {
    return v && v->base == v && acn_node_is(v->producer, op) ? v->producer : NULL;
}

bool acn_number_operand(const acn_net_node *n, const char *op, acn_net_value **out_x,
                        double *out_number) {
    static const char *const commutative[] = {"Add", "Mul", "Maximum", "Minimum"};
    if (!acn_node_is(n, op)) return false;
    if (acn_node_attr_slot(n, "alpha") >= 0 && !acn_node_has_plain(n, "alpha", 1)) return false;
    acn_net_value *a = acn_node_in(n, 0), *b = acn_node_in(n, 1);
    for (size_t i = 0; i < sizeof commutative / sizeof *commutative; i++)
        if (strcmp(op, commutative[i]) == 0 && acn_net_is_constant(a)) {
            acn_net_value *other = a;
            a = b;
            b = other;
            break;
        }
    *out_x = a;
    return acn_value_number(b, out_number);
}

bool acn_is_near(double x, double y) { return fabs(x - y) <= 1e-5 * fabs(y); }

static int input_tensors(const acn_net_node *n) {
    int count = 0;
    for (int s = 0; s < ACN_MAX_INPUTS; s++)
        count += n->call.in_count[s];
    return count;
}

acn_net_node *acn_only_reader(const acn_net *net, const acn_net_value *v) {
    acn_net_node *reader = NULL;
    for (acn_net_node *n = net->nodes; n; n = n->next)
        for (int i = 0; i < input_tensors(n); i++) { /* inputs stand before outputs */
            if (n->value[i]->base != v->base) continue;
            if (n->value[i] != v || (reader && reader != n)) return NULL;
            reader = n;
        }
    for (int i = 0; i < net->output_count; i++)
        if (net->outputs[i]->base == v->base) return NULL;
    return reader;
}

acn_net_value *acn_other_input(const acn_net_node *node, const acn_net_value *v) {
    acn_net_value *a = acn_node_in(node, 0), *b = acn_node_in(node, 1);
    return a == v ? b == v ? NULL : b : a;
}

bool acn_value_number(const acn_net_value *v, double *out) {
    if (v == NULL || !acn_net_is_constant(v) || acn_tensor_count(&v->tensor) != 1) return false;
    acn_value number = acn_load_value(v->tensor.data, v->tensor.dtype);
    *out = acn_dtype_is_float(v->tensor.dtype) ? number.f : (double)number.i;
    return true;
}

bool acn_value_by_dim(const acn_net_value *v, int dim, int64_t count, const float **out,
                      int64_t *step) {
    if (v == NULL || !acn_net_is_constant(v) || v->tensor.dtype != ACN_F32) return false;
    const acn_tensor *t = &v->tensor;
    int64_t elements = acn_tensor_count(t);
    if (!acn_tensor_is_contiguous(t)) return false;
    *out = t->data;
    *step = elements != 1;
    if (elements == 1) return t->rank <= dim || count > 0;
    return elements == count && t->rank >= dim && t->dims[t->rank - dim] == count;
}

void acn_take_output(acn_net *net, acn_net_node *node, int slot, acn_net_value *value) {
    node->value[node->call.out_first[slot]] = value;
    for (acn_net_value *v = net->values; v; v = v->next)
        if (v->base == value) v->producer = node;
}

bool acn_replace_value(acn_net *net, acn_net_value *old, acn_net_value *value) {
    size_t bytes = (size_t)old->tensor.rank * sizeof *old->tensor.strides;
    bool is_same_layout = memcmp(old->tensor.strides, value->tensor.strides, bytes) == 0;
    for (acn_net_value *v = net->values; v; v = v->next)
        if (v->base == old && v != old && !is_same_layout) return false;
    if (old->base != old) return false;
    for (acn_net_node *n = net->nodes; n; n = n->next)
        for (int t = 0; t < n->call.tensor_count; t++)
            if (n->value[t] == old && old->producer != n) {
                n->value[t] = value;
                n->call.tensors[t] = value->tensor;
            }
    for (int i = 0; i < net->output_count; i++)
        if (net->outputs[i] == old) net->outputs[i] = value;
    for (acn_net_value *v = net->values; v; v = v->next) {
        if (v->base != old || v == old) continue;
        v->base = value->base;
        v->offset_bytes += value->offset_bytes;
        v->producer = value->producer;
    }
    return true;
}

void acn_change_input(acn_net_node *node, int slot, acn_net_value *value) {
    int at = node->call.in_first[slot];
    node->value[at] = value;
    node->call.tensors[at] = value->tensor;
}

acn_status acn_set_input(acn_net *net, acn_net_node *node, int slot, acn_net_value *value) {
    acn_call *c = &node->call;
    int count = c->tensor_count, at = 0;
    acn_net_value **old = node->value;
    acn_net_value **all = acn_arena_alloc(&net->arena, ((size_t)count + 1) * sizeof(void *));
    if (all == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a net");
    for (int s = 0; s < ACN_MAX_INPUTS; s++) { /* tensors stand in the order of their slots */
        int first = c->in_first[s];
        c->in_first[s] = at;
        if (s == slot) {
            all[at++] = value;
            c->in_count[s] = 1;
            continue;
        }
        for (int i = 0; i < c->in_count[s]; i++)
            all[at++] = old[first + i];
    }
    for (int s = 0; s < ACN_MAX_OUTPUTS; s++) {
        int first = c->out_first[s];
        c->out_first[s] = at;
        for (int i = 0; i < c->out_count[s]; i++)
            all[at++] = old[first + i];
    }
    node->value = all;
    ACN_TRY(acn_call_reserve(c, at));
    for (int i = 0; i < at; i++)
        c->tensors[i] = all[i]->tensor;
    return ACN_OK;
}

static acn_attr_value *attr_of(acn_net_node *node, const char *name) {
    acn_attr_value *v = &node->call.attr[acn_node_attr_slot(node, name)];
    v->is_present = true;
    return v;
}

void acn_set_float(acn_net_node *node, const char *attr, double value) {
    attr_of(node, attr)->f = value;
}

void acn_set_text(acn_net_node *node, const char *attr, const char *literal) {
    attr_of(node, attr)->text = literal;
}

bool acn_node_is_product(const acn_net_node *node) {
    return acn_node_input_slot(node, "addend") >= 0 && acn_node_attr_slot(node, "activation") >= 0;
}

acn_status acn_rewrite_each(acn_net *net, acn_pass_count *count,
                            bool (*fits)(const acn_net_node *node),
                            acn_status (*rewrite)(acn_net *net, acn_net_node *node)) {
    for (acn_net_node *n = net->nodes; n; n = n->next) {
        if (!fits(n)) continue;
        count->matched++;
        ACN_TRY(rewrite(net, n));
        count->effective++;
    }
    return ACN_OK;
}
