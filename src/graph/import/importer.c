/* importer.c - a model's nodes, one after the other, and what their importers share. */
#include "graph/import/importer.h"

#include <stdio.h>
#include <string.h>

const acn_onnx_op *acn_onnx_op_find(const char *type, const char *domain) {
    const acn_onnx_op *found = NULL;
    ACN_FOR_EACH(onnx_op, op) {
        if (strcmp(op->type, type) == 0 && strcmp(op->domain ? op->domain : "", domain) == 0)
            found = op;
    }
    return found;
}

acn_status acn_importer_bind(acn_importer *im, const char *name, acn_net_value *value) {
    return acn_names_bind(&im->names, name, value);
}

acn_net_value *acn_importer_find(const acn_importer *im, const char *name) {
    return acn_names_find(&im->names, name);
}

/* ---- lists ----------------------------------------------------------------------------------- */

acn_status acn_onnx_list_new(acn_onnx_call *c, acn_net_value *const *items, int count,
                             acn_net_value **out) {
    acn_importer *im = c->importer;
    acn_list_entry *entry = acn_arena_alloc(&c->net->arena, sizeof *entry);
    const int64_t nothing = 0;
    if (entry == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a sequence");
    entry->list.items = (acn_net_value **)(void *)acn_arena_copy(&c->net->arena, items,
                                                                 (size_t)count * sizeof *items);
    if (count && !entry->list.items)
        return acn_fail(ACN_BAD_ALLOC, "no host memory for a sequence");
    entry->list.count = count;
    ACN_TRY(acn_net_constant(c->net, c->node->name, ACN_U8, 1, &nothing, NULL, out));
    entry->handle = *out;
    entry->next = im->lists;
    im->lists = entry;
    return ACN_OK;
}

const acn_onnx_list *acn_importer_list(const acn_importer *im, const acn_net_value *value) {
    for (const acn_list_entry *e = im->lists; e; e = e->next)
        if (e->handle == value) return &e->list;
    return NULL;
}

acn_status acn_importer_add_late(acn_importer *im, acn_net_value *value) {
    if (im->late_count == ACN_ONNX_MAX_LATE)
        return acn_fail(ACN_INVALID_ARGUMENT, "more than %d inputs bring parameters",
                        ACN_ONNX_MAX_LATE);
    im->late[im->late_count++] = value;
    return ACN_OK;
}

/* ---- constants ------------------------------------------------------------------------------- */

acn_status acn_onnx_import_tensor(acn_importer *im, const acn_onnx_tensor *t, const char *name,
                                  acn_net_value **out) {
    const void *data = t->data;
    if (t->dtype == ACN_UNDEFINED)
        return acn_fail(ACN_OP_NOT_FOUND, "tensor \"%s\" has ONNX's type %d, which no device has",
                        name, t->type);
    if (t->location && !data)
        return acn_fail(ACN_INVALID_FILE, "tensor \"%s\" lies in %s, which is not read here", name,
                        t->location);
    /* Views of the file may lie anywhere; operators want whole elements. */
    size_t element = acn_dtype_bytes(t->dtype);
    if ((uintptr_t)data % element != 0) {
        data = acn_arena_copy(&im->net->arena, data, t->bytes);
        if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for %zu bytes", t->bytes);
    }
    return acn_net_constant(im->net, name, t->dtype, t->rank, t->dims, data, out);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static acn_status import_row(acn_onnx_call *c, const acn_onnx_row *row) {
    acn_node_builder b;
    char word[32];
    int i = 0;
    acn_onnx_begin(c, &b, row->op);
    for (const char *at = row->inputs; *at; i++) {
        size_t n = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)n, at);
        if (i < c->in_count) acn_node_input(&b, word, c->in[i]);
        at += n + (at[n] == ' ');
    }
    if (c->in_count > i) return acn_onnx_bad(c, "it has %d inputs, not %d", c->in_count, i);
    acn_dtype dtype = row->dtype == ACN_UNDEFINED ? c->in[0]->tensor.dtype : row->dtype;
    acn_node_output(&b, row->output, dtype, NULL);
    return acn_node_end(&b, c->out);
}

/* What importers may then rely on: an output, whose name is the node's if it has no other, and the
 * inputs without which the operator means nothing. */
static acn_status check_tensors(const acn_onnx_call *c, const acn_onnx_op *op) {
    int required = op->required == 0 ? 1 : op->required;
    if (c->out_count == 0) return acn_onnx_bad(c, "it has no output");
    for (int i = 0; i < required; i++)
        if (c->in[i] == NULL) return acn_onnx_bad(c, "input %d is missing", i);
    return ACN_OK;
}

static int64_t version_of(const acn_importer *im, const char *domain) {
    const acn_onnx_function *function = im->frame ? im->frame->function : NULL;
    for (int i = 0; function && i < function->opset_count; i++)
        if (strcmp(function->opsets[i].domain, domain) == 0) return function->opsets[i].version;
    return acn_onnx_version(im->model, domain);
}

/* In a function, attributes may stand for those that its caller gives, or for its defaults; one
 * that nobody gives is absent. */
static acn_status resolve_attrs(acn_importer *im, const acn_onnx_node *node, acn_onnx_node *out) {
    const acn_onnx_function *function = im->frame->function;
    *out = *node;
    out->attrs =
        acn_arena_alloc(&im->net->arena, ((size_t)node->attr_count + 1) * sizeof *out->attrs);
    if (out->attrs == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a node");
    out->attr_count = 0;
    for (int i = 0; i < node->attr_count; i++) {
        const acn_onnx_attr *a = &node->attrs[i], *meant = a;
        if (a->reference && a->reference[0]) {
            meant = acn_onnx_attr_find(im->frame->caller, a->reference);
            for (int d = 0; meant == NULL && d < function->default_count; d++)
                if (strcmp(function->defaults[d].name, a->reference) == 0)
                    meant = &function->defaults[d];
        }
        if (meant == NULL) continue;
        out->attrs[out->attr_count] = *meant;
        out->attrs[out->attr_count++].name = a->name;
    }
    return ACN_OK;
}

static acn_status take_inputs(acn_onnx_call *c, const acn_onnx_op *op) {
    for (int i = 0; i < c->in_count; i++) {
        const char *name = c->node->inputs.items[i];
        c->in[i] = name[0] ? acn_importer_find(c->importer, name) : NULL;
        if (name[0] && !c->in[i])
            return acn_onnx_bad(c,
                                "input \"%s\" is made by no node before it; the nodes are in the "
                                "wrong order or form a cycle",
                                name);
        if (c->in[i] && op && !op->takes_lists && acn_importer_list(c->importer, c->in[i]))
            return acn_onnx_bad(c, "input \"%s\" is a sequence; expected a tensor", name);
        if (c->in[i] && c->in[i]->is_late)
            return acn_onnx_await(c, i, "of a size that is a constant");
    }
    while (c->in_count > 0 && c->in[c->in_count - 1] == NULL)
        c->in_count--;
    return ACN_OK;
}

static acn_status import_function(acn_onnx_call *c, const acn_onnx_function *function);

acn_status acn_onnx_import_node(acn_importer *im, const acn_onnx_node *node) {
    acn_onnx_node resolved;
    if (im->frame) {
        ACN_TRY(resolve_attrs(im, node, &resolved));
        node = &resolved;
    }
    acn_onnx_call c = {.importer = im,
                       .net = im->net,
                       .node = node,
                       .opset = version_of(im, node->domain),
                       .in_count = node->inputs.count,
                       .out_count = node->outputs.count};
    if (c.in_count > ACN_ONNX_MAX_TENSORS || c.out_count > ACN_ONNX_MAX_TENSORS)
        return acn_onnx_bad(&c, "more than %d tensors", ACN_ONNX_MAX_TENSORS);
    const acn_onnx_op *op = acn_onnx_op_find(node->type, node->domain);
    const acn_onnx_function *function = acn_onnx_function_find(im->model, node->type, node->domain);
    ACN_TRY(take_inputs(&c, function ? NULL : op));
    if (function) {
        ACN_TRY(import_function(&c, function));
    } else {
        ACN_TRY(check_tensors(&c, op));
        ACN_TRY(op->row ? import_row(&c, op->row) : op->import(&c));
    }
    for (int i = 0; i < c.out_count; i++) {
        const char *name = node->outputs.items[i];
        if (!name[0]) continue;
        if (!c.out[i]) return acn_onnx_bad(&c, "output \"%s\" is not made here", name);
        ACN_TRY(acn_importer_bind(im, name, c.out[i]));
    }
    return ACN_OK;
}

/* ---- graphs and functions inside ------------------------------------------------------------- */

enum { MAX_NESTING = 64, MAX_NODES = 1 << 18 };

static acn_status import_nodes(acn_onnx_call *c, const acn_onnx_node *nodes, int count) {
    acn_importer *im = c->importer;
    acn_status status = ACN_OK;
    if (im->nesting == MAX_NESTING)
        return acn_onnx_bad(c, "graphs and functions are nested deeper than %d", MAX_NESTING);
    im->nesting++;
    for (int i = 0; i < count && status == ACN_OK; i++) {
        if (im->net->node_count > MAX_NODES)
            status = acn_onnx_bad(c, "unrolled, the model has more than %d nodes", MAX_NODES);
        else
            status = acn_onnx_import_node(im, &nodes[i]);
    }
    im->nesting--;
    return status;
}

static acn_status import_inside(acn_onnx_call *c, const acn_onnx_graph *graph,
                                acn_net_value *const *inputs, acn_net_value **out) {
    acn_importer *im = c->importer;
    acn_net_value *value;
    for (int i = 0; i < graph->input_count; i++)
        ACN_TRY(acn_importer_bind(im, graph->inputs[i].name, inputs[i]));
    for (int i = 0; i < graph->initializer_count; i++) {
        ACN_TRY(acn_onnx_import_tensor(im, &graph->initializers[i], graph->initializers[i].name,
                                       &value));
        ACN_TRY(acn_importer_bind(im, graph->initializers[i].name, value));
    }
    ACN_TRY(import_nodes(c, graph->nodes, graph->node_count));
    for (int i = 0; i < graph->output_count; i++) {
        out[i] = acn_importer_find(im, graph->outputs[i].name);
        if (!out[i])
            return acn_onnx_bad(c, "no node of its graph makes \"%s\"", graph->outputs[i].name);
    }
    return ACN_OK;
}

acn_status acn_onnx_inline(acn_onnx_call *c, const acn_onnx_graph *graph,
                           acn_net_value *const *inputs, int input_count, acn_net_value **out,
                           int out_count) {
    if (graph->input_count != input_count || graph->output_count != out_count)
        return acn_onnx_bad(c, "its graph has %d inputs and %d outputs; expected %d and %d",
                            graph->input_count, graph->output_count, input_count, out_count);
    size_t mark = c->importer->names.bound_count;
    acn_status status = import_inside(c, graph, inputs, out);
    acn_names_return(&c->importer->names, mark);
    return status;
}

/* A function sees none of its caller's names. */
static acn_status import_function(acn_onnx_call *c, const acn_onnx_function *function) {
    acn_importer *im = c->importer;
    acn_names outer = im->names;
    acn_onnx_frame inner = {.function = function, .caller = c->node};
    const acn_onnx_frame *outer_frame = im->frame;
    acn_status status = ACN_OK;
    if (c->in_count > function->inputs.count || c->out_count > function->outputs.count)
        return acn_onnx_bad(c, "it has %d inputs and %d outputs; the function has %d and %d",
                            c->in_count, c->out_count, function->inputs.count,
                            function->outputs.count);
    im->names = (acn_names){0};
    im->frame = &inner;
    for (int i = 0; i < c->in_count && status == ACN_OK; i++)
        if (c->in[i]) status = acn_importer_bind(im, function->inputs.items[i], c->in[i]);
    if (status == ACN_OK) status = import_nodes(c, function->nodes, function->node_count);
    for (int i = 0; i < c->out_count && status == ACN_OK; i++)
        c->out[i] = acn_importer_find(im, function->outputs.items[i]);
    acn_names_free(&im->names);
    im->names = outer;
    im->frame = outer_frame;
    return status;
}

/* ---- the model ------------------------------------------------------------------------------- */

acn_status acn_onnx_import_inputs(acn_importer *im, const acn_onnx_graph *graph) {
    acn_net_value *value;
    im->net->inputs = acn_arena_alloc(
        &im->net->arena, ((size_t)graph->input_count + ACN_ONNX_MAX_LATE) * sizeof(void *));
    if (im->net->inputs == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory");
    for (int i = 0; i < graph->initializer_count; i++) {
        const acn_onnx_tensor *t = &graph->initializers[i];
        ACN_TRY(acn_onnx_import_tensor(im, t, t->name, &value));
        ACN_TRY(acn_importer_bind(im, t->name, value));
    }
    for (int i = 0; i < graph->input_count; i++) /* old models list initializers here as well */
        if (!acn_importer_find(im, graph->inputs[i].name))
            ACN_TRY(acn_onnx_import_input(im, im->net, im->options, &graph->inputs[i]));
    for (int i = 0; i < im->late_count; i++)
        im->net->inputs[im->net->input_count++] = im->late[i];
    return acn_onnx_check_inputs(im->net, im->options);
}

static acn_status import_graph(acn_importer *im, const acn_onnx_graph *graph) {
    ACN_TRY(acn_onnx_import_inputs(im, graph));
    for (int i = 0; i < graph->node_count; i++)
        ACN_TRY(acn_onnx_import_node(im, &graph->nodes[i]));
    return acn_onnx_import_outputs(im, im->net, graph, im->options);
}

acn_status acn_onnx_import(const acn_onnx_model *model, const acn_onnx_options *options,
                           acn_net **out) {
    acn_importer im = {.model = model, .options = options};
    ACN_TRY(acn_onnx_check_operators(model));
    ACN_TRY(acn_net_create(model->graph.name, &im.net));
    im.net->can_wait = options->can_wait;
    acn_status status = import_graph(&im, &model->graph);
    acn_names_free(&im.names);
    if (status == ACN_AWAITED) im.net->output_count = 0; /* the nodes before are all there is */
    if (status != ACN_OK && status != ACN_AWAITED) {
        acn_net_destroy(im.net);
        return status;
    }
    *out = im.net;
    return ACN_OK;
}

static acn_status constant(acn_onnx_call *c) {
    const acn_onnx_attr *a = c->node->attr_count ? &c->node->attrs[0] : NULL;
    int64_t count = a ? a->count : 0;
    const char *name = c->node->outputs.items[0];
    if (a && a->kind == ACN_ONNX_TENSOR && a->tensor)
        return acn_onnx_import_tensor(c->importer, a->tensor, name, c->out);
    if (a && a->kind == ACN_ONNX_FLOAT)
        return acn_net_constant(c->net, name, ACN_F32, 0, NULL, &a->f, c->out);
    if (a && a->kind == ACN_ONNX_INT)
        return acn_net_constant(c->net, name, ACN_I64, 0, NULL, &a->i, c->out);
    if (a && a->kind == ACN_ONNX_FLOATS)
        return acn_net_constant(c->net, name, ACN_F32, 1, &count, a->floats, c->out);
    if (a && a->kind == ACN_ONNX_INTS)
        return acn_net_constant(c->net, name, ACN_I64, 1, &count, a->ints, c->out);
    return acn_onnx_bad(c, "it holds texts or a sparse tensor, which no device has");
}
ACN_ONNX(constant) = {.type = "Constant", .required = ACN_ONNX_NONE, .import = constant};
