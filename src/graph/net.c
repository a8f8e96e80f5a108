/* net.c - see net.h. */
#include "graph/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static acn_status no_memory(void) { return acn_fail(ACN_BAD_ALLOC, "no host memory for a net"); }

acn_status acn_net_create(const char *name, acn_net **out) {
    acn_arena arena = {0};
    acn_net *net = acn_arena_alloc(&arena, sizeof *net);
    const char *copy = acn_arena_copy(&arena, name, strlen(name) + 1);
    if (net == NULL || copy == NULL) {
        acn_arena_release(&arena);
        return no_memory();
    }
    net->name = copy;
    net->arena = arena;
    *out = net;
    return ACN_OK;
}

void acn_net_destroy(acn_net *net) {
    if (net == NULL) return;
    for (acn_net_node *node = net->nodes; node; node = node->next)
        acn_call_release(&node->call);
    acn_arena arena = net->arena;
    acn_arena_release(&arena);
}

/* ---- values ---------------------------------------------------------------------------------- */

static acn_status check_shape(const char *name, int rank, const int64_t *dims) {
    int64_t elements = 1;
    for (int d = 0; d < rank; d++)
        if (dims[d] < 0 || __builtin_mul_overflow(elements, dims[d] ? dims[d] : 1, &elements) ||
            elements > INT64_MAX / 16)
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "tensor \"%s\" has dimension %d of %lld; expected sizes of a tensor",
                            name, d, (long long)dims[d]);
    return ACN_OK;
}

acn_status acn_net_new_value(acn_net *net, const char *name, acn_dtype dtype, int rank,
                             const int64_t *dims, acn_net_value **out) {
    ACN_TRY(check_shape(name, rank, dims));
    acn_net_value *v = acn_arena_alloc(&net->arena, sizeof *v);
    if (v == NULL) return no_memory();
    v->name = acn_arena_copy(&net->arena, name, strlen(name) + 1);
    if (v->name == NULL) return no_memory();
    acn_tensor_init(&v->tensor, NULL, dtype, rank, dims);
    v->base = v;
    v->id = net->value_count++;
    if (net->last_value)
        net->last_value->next = v;
    else
        net->values = v;
    net->last_value = v;
    *out = v;
    return ACN_OK;
}

acn_status acn_net_constant(acn_net *net, const char *name, acn_dtype dtype, int rank,
                            const int64_t *dims, const void *data, acn_net_value **out) {
    static const char nothing[16]; /* the address of empty constants */
    ACN_TRY(acn_net_new_value(net, name, dtype, rank, dims, out));
    (*out)->tensor.data = (void *)(uintptr_t)(data ? data : nothing);
    return ACN_OK;
}

acn_status acn_net_constant_ints(acn_net *net, const char *name, int64_t count,
                                 const int64_t *values, acn_net_value **out) {
    const void *data = acn_arena_copy(&net->arena, values, (size_t)count * sizeof *values);
    if (data == NULL) return no_memory();
    return acn_net_constant(net, name, ACN_I64, 1, &count, data, out);
}

acn_status acn_net_await(acn_net *net, const acn_net_value *value, const char *why) {
    if (!net->can_wait) return acn_fail(ACN_INVALID_ARGUMENT, "%s", why);
    net->awaited = value;
    return ACN_AWAITED;
}

static acn_status await_size(acn_net *net, const acn_net_value *value) {
    char text[512];
    snprintf(text, sizeof text,
             "the size of \"%s\" is only known when the model runs, and what follows depends on it",
             value->name);
    return acn_net_await(net, value, text);
}

acn_status acn_net_view(acn_net *net, const char *name, acn_net_value *of, const acn_tensor *shape,
                        acn_net_value **out) {
    acn_net_value *v;
    int64_t distance = (int64_t)(intptr_t)shape->data;
    if (of->is_late) return await_size(net, of);
    ACN_TRY(acn_net_new_value(net, name, of->tensor.dtype, shape->rank, shape->dims, &v));
    memcpy(v->tensor.strides, shape->strides, sizeof v->tensor.strides);
    v->base = of->base;
    v->offset_bytes = of->offset_bytes + distance;
    v->producer = of->producer;
    if (of->tensor.data) v->tensor.data = (char *)of->tensor.data + distance;
    *out = v;
    return ACN_OK;
}

/* ---- building -------------------------------------------------------------------------------- */

void acn_node_begin(acn_node_builder *b, acn_net *net, const char *op, const char *name) {
    const acn_op *definition = acn_op_find(op);
    b->net = net;
    b->value = NULL;
    b->value_count = b->value_room = 0;
    b->status = ACN_OK;
    b->node = acn_arena_alloc(&net->arena, sizeof *b->node);
    const char *copy = acn_arena_copy(&net->arena, name, strlen(name) + 1);
    if (definition == NULL) {
        b->status = acn_fail(ACN_OP_NOT_FOUND,
                             "node %s: operator %s does not exist; `anycann ops` lists those that "
                             "do",
                             name, op);
    } else if (b->node == NULL || copy == NULL) {
        b->status = no_memory();
    } else {
        b->node->name = copy;
        acn_call_init(&b->node->call, definition);
        b->node->call.api = definition->name;
    }
}

static int input_slot(acn_node_builder *b, const char *name) {
    const acn_op *op = b->node->call.op;
    for (int s = 0; s < ACN_MAX_INPUTS && op->in[s].name; s++)
        if (strcmp(op->in[s].name, name) == 0) return s;
    b->status = acn_fail(ACN_INTERNAL, "operator %s has no input %s", op->name, name);
    return -1;
}

static acn_attr_value *attr_slot_kind(acn_node_builder *b, const char *name, acn_attr_kind *kind) {
    if (b->status != ACN_OK) return NULL;
    const acn_op *op = b->node->call.op;
    for (int s = 0; s < ACN_MAX_ATTRS && op->attr[s].name; s++)
        if (strcmp(op->attr[s].name, name) == 0) {
            b->node->call.attr[s].is_present = true;
            *kind = op->attr[s].kind;
            return &b->node->call.attr[s];
        }
    b->status = acn_fail(ACN_INTERNAL, "operator %s has no attribute %s", op->name, name);
    return NULL;
}

static acn_attr_value *attr_slot(acn_node_builder *b, const char *name) {
    acn_attr_kind kind;
    return attr_slot_kind(b, name, &kind);
}

static void add_value(acn_node_builder *b, acn_net_value *value) {
    if (b->value_count == b->value_room) {
        int room = b->value_room ? 2 * b->value_room : 8;
        acn_net_value **more = acn_arena_alloc(&b->net->arena, (size_t)room * sizeof *more);
        if (more == NULL) {
            b->status = no_memory();
            return;
        }
        if (b->value_count) memcpy(more, b->value, (size_t)b->value_count * sizeof *more);
        b->value = more;
        b->value_room = room;
    }
    b->value[b->value_count++] = value;
}

void acn_node_inputs(acn_node_builder *b, const char *slot, acn_net_value **values, int count) {
    int s = b->status == ACN_OK ? input_slot(b, slot) : -1;
    if (s < 0) return;
    b->node->call.in_first[s] = b->value_count;
    b->node->call.in_count[s] = count;
    for (int i = 0; i < count && b->status == ACN_OK; i++) {
        if (values[i]->is_late)
            b->status = await_size(b->net, values[i]);
        else
            add_value(b, values[i]);
    }
}

void acn_node_input(acn_node_builder *b, const char *slot, acn_net_value *value) {
    acn_node_inputs(b, slot, &value, value ? 1 : 0);
}

void acn_node_int(acn_node_builder *b, const char *attr, int64_t value) {
    acn_attr_value *v = attr_slot(b, attr);
    if (v) v->i = value;
}

void acn_node_float(acn_node_builder *b, const char *attr, double value) {
    acn_attr_kind kind;
    acn_attr_value *v = attr_slot_kind(b, attr, &kind);
    const acn_scalar number = {.dtype = ACN_F64, .f = value};
    if (v) acn_attr_set_scalar(kind, v, &number);
}

static void set_list(acn_node_builder *b, const char *attr, const void *items, size_t bytes,
                     int count) {
    acn_attr_value *v = attr_slot(b, attr);
    if (v == NULL) return;
    v->items = acn_arena_copy(&b->net->arena, items, bytes);
    v->count = count;
    if (v->items == NULL) b->status = no_memory();
}

void acn_node_ints(acn_node_builder *b, const char *attr, const int64_t *values, int count) {
    set_list(b, attr, values, (size_t)count * sizeof *values, count);
}

void acn_node_floats(acn_node_builder *b, const char *attr, const float *values, int count) {
    set_list(b, attr, values, (size_t)count * sizeof *values, count);
}

void acn_node_text(acn_node_builder *b, const char *attr, const char *value) {
    acn_attr_value *v = attr_slot(b, attr);
    if (v == NULL) return;
    v->text = acn_arena_copy(&b->net->arena, value, strlen(value) + 1);
    if (v->text == NULL) b->status = no_memory();
}

void acn_node_output(acn_node_builder *b, const char *slot, acn_dtype dtype,
                     const acn_tensor *shape) {
    if (b->status != ACN_OK) return;
    acn_call *c = &b->node->call;
    int s = 0;
    while (s < ACN_MAX_OUTPUTS && c->op->out[s].name && strcmp(c->op->out[s].name, slot) != 0)
        s++;
    if (s == ACN_MAX_OUTPUTS || !c->op->out[s].name) {
        b->status = acn_fail(ACN_INTERNAL, "operator %s has no output %s", c->op->name, slot);
        return;
    }
    acn_net_value *v = NULL;
    b->status = acn_net_new_value(b->net, b->node->name, dtype, shape ? shape->rank : 0,
                                  shape ? shape->dims : NULL, &v);
    if (b->status != ACN_OK) return;
    v->producer = b->node;
    if (c->out_count[s] == 0) c->out_first[s] = b->value_count;
    c->out_count[s]++;
    add_value(b, v);
}

/* The call's tensors, from the values. */
static acn_status fill_tensors(acn_node_builder *b) {
    acn_net_node *node = b->node;
    acn_call *c = &node->call;
    node->value = b->value;
    ACN_TRY(acn_call_reserve(c, b->value_count));
    for (int i = 0; i < b->value_count; i++)
        c->tensors[i] = b->value[i]->tensor;
    return ACN_OK;
}

/* Shapes that infer found become those of the outputs. */
static acn_status take_shapes(acn_node_builder *b) {
    acn_call *c = &b->node->call;
    for (int s = 0; s < ACN_MAX_OUTPUTS; s++) {
        if (c->out_count[s] != 1 || c->meta[s].rank < 0) continue;
        acn_net_value *v = b->value[c->out_first[s]];
        acn_dtype dtype = c->meta[s].dtype == ACN_UNDEFINED ? v->tensor.dtype : c->meta[s].dtype;
        acn_tensor_init(&v->tensor, NULL, dtype, c->meta[s].rank, c->meta[s].dims);
        *acn_out(c, s) = v->tensor;
    }
    return ACN_OK;
}

/* Results that are larger are computed when the model runs: an operator on few constants may ask
 * for any amount of memory. */
enum { MOST_FOLDED_BYTES = 1 << 30 };

static bool is_small(const acn_tensor *t) {
    int64_t element = (int64_t)acn_dtype_bytes(t->dtype);
    return acn_tensor_count(t) <= MOST_FOLDED_BYTES / (element ? element : 1);
}

static bool can_fold(const acn_node_builder *b) {
    const acn_call *c = &b->node->call;
    for (int i = 0; i < b->value_count; i++)
        if (b->value[i]->producer == b->node ? !is_small(&c->tensors[i])
                                             : !acn_net_is_constant(b->value[i]))
            return false;
    return c->tensor_count > 0;
}

/* Runs the node here and now; its outputs become constants. */
static acn_status fold(acn_node_builder *b) {
    acn_call *c = &b->node->call;
    for (int i = 0; i < b->value_count; i++) {
        acn_net_value *v = b->value[i];
        if (v->producer != b->node) continue;
        size_t bytes = (size_t)acn_tensor_count(&v->tensor) * acn_dtype_bytes(v->tensor.dtype);
        void *data = acn_arena_alloc(&b->net->arena, bytes + 64);
        if (data == NULL) return no_memory();
        v->tensor.data = c->tensors[i].data = data;
        v->producer = NULL;
    }
    ACN_TRY(acn_call_prepare(c));
    void *workspace = malloc(c->plan->workspace_bytes + 64);
    acn_status status = workspace ? acn_call_run(c, workspace) : no_memory();
    free(workspace);
    for (int i = 0; i < b->value_count && c->op->flags & ACN_OP_DYNAMIC_OUT; i++)
        if (b->value[i]->tensor.data == c->tensors[i].data) b->value[i]->tensor = c->tensors[i];
    return status;
}

/* The node before |node|, or NULL. */
static acn_net_node *find_previous(const acn_net *net, const acn_net_node *node) {
    acn_net_node *previous = NULL;
    for (acn_net_node *n = net->nodes; n && n != node; n = n->next)
        previous = n;
    return previous;
}

/* |place| NULL: at the end. */
static void put_before(acn_net *net, acn_net_node *node, acn_net_node *place) {
    acn_net_node *previous = place ? find_previous(net, place) : net->last_node;
    node->next = place;
    if (previous)
        previous->next = node;
    else
        net->nodes = node;
    if (place == NULL) net->last_node = node;
}

static void append(acn_net *net, acn_net_node *node) {
    put_before(net, node, net->before);
    net->node_count++;
}

static acn_status end(acn_node_builder *b, bool may_fold, acn_net_value **out) {
    if (b->status == ACN_OK) b->status = fill_tensors(b);
    if (b->status == ACN_OK) b->status = acn_call_infer(&b->node->call);
    if (b->status == ACN_OK) b->status = take_shapes(b);
    bool folds = b->status == ACN_OK && may_fold && can_fold(b);
    bool is_late = b->status == ACN_OK && !folds && b->node->call.op->flags & ACN_OP_DYNAMIC_OUT;
    for (int i = 0, outputs = 0; b->status == ACN_OK && i < b->value_count; i++) {
        if (b->value[i]->producer != b->node) continue;
        b->value[i]->is_late = is_late;
        out[outputs++] = b->value[i];
    }
    if (folds) b->status = fold(b);
    if (b->status == ACN_OK && !folds)
        append(b->net, b->node);
    else if (b->node && b->node->call.op)
        acn_call_release(&b->node->call);
    return b->status;
}

acn_status acn_node_end(acn_node_builder *b, acn_net_value **out) { return end(b, true, out); }
acn_status acn_node_end_kept(acn_node_builder *b, acn_net_value **out) {
    return end(b, false, out);
}

acn_status acn_net_contiguous(acn_net *net, const char *name, acn_net_value *of,
                              acn_net_value **out) {
    *out = of;
    if (acn_tensor_is_contiguous(&of->tensor)) return ACN_OK;
    acn_node_builder b;
    acn_node_begin(&b, net, "TensorMove", name);
    acn_node_input(&b, "x", of);
    acn_node_output(&b, "y", of->tensor.dtype, &of->tensor);
    return acn_node_end(&b, out);
}

acn_status acn_net_reshape(acn_net *net, const char *name, acn_net_value *of, int rank,
                           const int64_t *dims, acn_net_value **out) {
    acn_tensor shape;
    ACN_TRY(acn_net_contiguous(net, name, of, &of));
    acn_tensor_init(&shape, NULL, of->tensor.dtype, rank, dims);
    if (acn_tensor_count(&shape) != acn_tensor_count(&of->tensor))
        return acn_fail(ACN_INVALID_ARGUMENT, "node %s: %lld elements do not fit %lld", name,
                        (long long)acn_tensor_count(&of->tensor),
                        (long long)acn_tensor_count(&shape));
    return acn_net_view(net, name, of, &shape, out);
}

/* ---- changing a net -------------------------------------------------------------------------- */

static void take_out(acn_net *net, acn_net_node *node) {
    acn_net_node *previous = find_previous(net, node);
    if (previous)
        previous->next = node->next;
    else
        net->nodes = node->next;
    if (net->last_node == node) net->last_node = previous;
}

void acn_net_move(acn_net *net, acn_net_node *node, acn_net_node *place) {
    if (node == place) return;
    take_out(net, node);
    put_before(net, node, place);
}

/* A result that another node has taken over is not this one's any more. */
static bool is_needed(const acn_net_node *node, const bool *used) {
    const acn_call *c = &node->call;
    int outputs = 0;
    for (int s = 0; s < ACN_MAX_OUTPUTS; s++)
        for (int i = 0; i < c->out_count[s]; i++, outputs++) {
            const acn_net_value *v = node->value[c->out_first[s] + i];
            if (v->producer == node && used[v->base->id]) return true;
        }
    return outputs == 0;
}

/* From the end to the begin: what a node that is kept reads is used. */
int acn_net_prune(acn_net *net) {
    acn_net_node **nodes = malloc(((size_t)net->node_count + 1) * sizeof *nodes);
    bool *used = calloc((size_t)net->value_count + 1, sizeof *used);
    int count = 0, removed = 0;
    for (acn_net_node *n = net->nodes; nodes && n; n = n->next)
        nodes[count++] = n;
    for (int i = 0; used && i < net->output_count; i++)
        used[net->outputs[i]->base->id] = true;
    for (int i = count - 1; used && i >= 0; i--) {
        if (is_needed(nodes[i], used)) {
            for (int t = 0; t < nodes[i]->call.tensor_count; t++)
                used[nodes[i]->value[t]->base->id] = true;
            continue;
        }
        take_out(net, nodes[i]);
        acn_call_release(&nodes[i]->call);
        net->node_count--;
        removed++;
    }
    free(used);
    free(nodes);
    return removed;
}
