/* ge_importer.c - a graph's nodes in an order in which they can run, its inputs and its outputs. */
#include "graph/import/ge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct place {
    const acn_ge_node *node;
    acn_net_value **value; /* of each output; NULL where none was made */
    int value_count;
    int state; /* of the search for an order */
} place;

enum { NEW, OPEN, DONE };

typedef struct importer {
    const acn_ge_model *model;
    const acn_onnx_options *options;
    acn_net *net;
    place *places; /* sorted by name */
    place **order;
    int order_count;
} importer;

static acn_status no_memory(void) { return acn_fail(ACN_BAD_ALLOC, "no host memory for a graph"); }

static bool is_type(const acn_ge_node *node, const char *type) {
    return strcmp(node->type, type) == 0;
}

static bool is_constant(const acn_ge_node *node) {
    return is_type(node, "Const") || is_type(node, "Constant");
}

static bool is_data(const acn_ge_node *node) {
    return is_type(node, "Data") || is_type(node, "RefData");
}

/* ---- types ----------------------------------------------------------------------------------- */

/* All types that nothing executes, each once, with their first node. */
static acn_status check_types(const acn_ge_model *m) {
    char text[768];
    int missing = 0, length = 0;
    for (int i = 0; i < m->node_count; i++) {
        const acn_ge_node *node = &m->nodes[i];
        bool is_known = acn_ge_type_find(node->type) != NULL;
        for (int k = 0; k < i && !is_known; k++)
            is_known = is_type(&m->nodes[k], node->type);
        if (is_known || length > 600) continue;
        length += snprintf(text + length, sizeof text - (size_t)length, "%s%.64s (node \"%.64s\")",
                           missing++ ? ", " : "", node->type, node->name);
    }
    if (missing == 0) return ACN_OK;
    return acn_fail(ACN_OP_NOT_FOUND,
                    "the graph has operators of types that are not supported: %s; `anycann ops` "
                    "lists those that are",
                    text);
}

/* ---- order ----------------------------------------------------------------------------------- */

static int compare_places(const void *a, const void *b) {
    return strcmp(((const place *)a)->node->name, ((const place *)b)->node->name);
}

static int compare_name(const void *name, const void *place_) {
    return strcmp(name, ((const place *)place_)->node->name);
}

static place *find_place(const importer *im, const char *name) {
    return bsearch(name, im->places, (size_t)im->model->node_count, sizeof *im->places,
                   compare_name);
}

static acn_status list_places(importer *im) {
    const acn_ge_model *m = im->model;
    im->places = calloc((size_t)m->node_count + 1, sizeof *im->places);
    im->order = calloc((size_t)m->node_count + 1, sizeof(place *));
    if (im->places == NULL || im->order == NULL) return no_memory();
    for (int i = 0; i < m->node_count; i++)
        im->places[i].node = &m->nodes[i];
    qsort(im->places, (size_t)m->node_count, sizeof *im->places, compare_places);
    for (int i = 1; i < m->node_count; i++)
        if (compare_places(&im->places[i - 1], &im->places[i]) == 0)
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "two nodes of the graph have the name \"%s\"; give each its own",
                            im->places[i].node->name);
    return ACN_OK;
}

static acn_status source_of(const importer *im, const acn_ge_node *node, const acn_ge_edge *edge,
                            place **out) {
    *out = find_place(im, edge->node);
    if (*out) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "node \"%s\" (%s): its input comes from node \"%s\", which the graph does not "
                    "have",
                    node->name, node->type, edge->node);
}

/* The path from |first|, which is still open, back to itself. */
static acn_status cycle(place *const *path, int depth, const place *first) {
    char text[512];
    int length = 0, at = depth - 1;
    while (at > 0 && path[at] != first)
        at--;
    for (; at < depth && length < 400; at++)
        length += snprintf(text + length, sizeof text - (size_t)length, "\"%.48s\" <- ",
                           path[at]->node->name);
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "the graph has a cycle: %s\"%.48s\"; no node may depend on its own result",
                    text, first->node->name);
}

/* Depth first, without recursion: graphs may be deep. */
static acn_status visit(importer *im, place *from, place **path, int *next_input) {
    int depth = 0;
    if (from->state == DONE) return ACN_OK;
    path[depth++] = from;
    next_input[0] = 0;
    from->state = OPEN;
    while (depth > 0) {
        place *p = path[depth - 1], *source;
        int inputs = p->node->input_count + p->node->control_count;
        if (next_input[depth - 1] == inputs) {
            p->state = DONE;
            im->order[im->order_count++] = p;
            depth--;
            continue;
        }
        const acn_ge_edge *edge = &p->node->inputs[next_input[depth - 1]++];
        if (edge->node == NULL) continue;
        ACN_TRY(source_of(im, p->node, edge, &source));
        if (source->state == OPEN) return cycle(path, depth, source);
        if (source->state == DONE) continue;
        source->state = OPEN;
        next_input[depth] = 0;
        path[depth++] = source;
    }
    return ACN_OK;
}

static acn_status find_order(importer *im) {
    size_t count = (size_t)im->model->node_count + 1;
    place **path = calloc(count, sizeof(place *));
    int *next_input = calloc(count, sizeof *next_input);
    acn_status status = path && next_input ? ACN_OK : no_memory();
    for (int i = 0; i < im->model->node_count && status == ACN_OK; i++) {
        place *from = find_place(im, im->model->nodes[i].name);
        status = visit(im, from, path, next_input);
    }
    free(next_input);
    free(path);
    return status;
}

/* ---- values ---------------------------------------------------------------------------------- */

static acn_status keep_values(importer *im, place *p, acn_net_value *const *values, int count) {
    p->value = acn_arena_alloc(&im->net->arena, ((size_t)count + 1) * sizeof(acn_net_value *));
    if (p->value == NULL) return no_memory();
    memcpy(p->value, values, (size_t)count * sizeof(acn_net_value *));
    p->value_count = count;
    return ACN_OK;
}

static acn_status keep_value(importer *im, place *p, acn_net_value *value) {
    return keep_values(im, p, &value, 1);
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static const acn_onnx_shape *shape_given(const acn_onnx_options *options, const char *name) {
    for (int i = 0; i < options->shape_count; i++)
        if (strcmp(options->shapes[i].name, name) == 0) return &options->shapes[i];
    return NULL;
}

static const acn_ge_desc *desc_of(const acn_ge_node *node) {
    if (node->output_desc_count) return &node->output_descs[0];
    return node->input_desc_count ? &node->input_descs[0] : NULL;
}

static acn_status check_data(const acn_ge_node *node, const acn_ge_desc *desc,
                             const acn_onnx_shape *given) {
    int rank = given ? given->rank : desc->rank;
    const int64_t *dims = given ? given->dims : desc->dims;
    bool fits = given == NULL || desc->rank < 0 || desc->rank == given->rank;
    if (desc->dtype == ACN_UNDEFINED)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "node \"%s\" (%s): its description has a type that no device has",
                        node->name, node->type);
    for (int d = 0; d < rank && fits; d++)
        fits = dims[d] >= 0 &&
               (!given || desc->rank < 0 || desc->dims[d] < 0 || desc->dims[d] == dims[d]);
    if (rank >= 0 && fits) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "node \"%s\" (%s): its shape is open, or another one than the graph has; give "
                    "it by input_shape \"%s:n,c,h,w\"",
                    node->name, node->type, node->name);
}

static acn_status import_data(importer *im, place *p) {
    const acn_ge_desc *desc = desc_of(p->node);
    const acn_onnx_shape *given = shape_given(im->options, p->node->name);
    acn_net_value *value;
    if (desc == NULL)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "node \"%s\" (%s) has no description; call update_output_desc_y or "
                        "UpdateOutputDesc",
                        p->node->name, p->node->type);
    ACN_TRY(check_data(p->node, desc, given));
    int rank = given ? given->rank : desc->rank;
    ACN_TRY(acn_net_new_value(im->net, p->node->name, desc->dtype, rank,
                              given ? given->dims : desc->dims, &value));
    return keep_value(im, p, value);
}

typedef struct input {
    int64_t index;
    int order;
    place *place;
} input;

static int compare_inputs(const void *a, const void *b) {
    const input *x = a, *y = b;
    if (x->index != y->index) return x->index < y->index ? -1 : 1;
    return x->order - y->order;
}

/* In the order of their attribute index; where two have the same, as the graph has them. */
static acn_status import_inputs(importer *im) {
    const acn_ge_model *m = im->model;
    input *inputs = calloc((size_t)m->node_count + 1, sizeof *inputs);
    int count = 0;
    im->net->inputs =
        acn_arena_alloc(&im->net->arena, ((size_t)m->node_count + 1) * sizeof(void *));
    acn_status status = inputs && im->net->inputs ? ACN_OK : no_memory();
    for (int i = 0; i < m->node_count && status == ACN_OK; i++) {
        const acn_ge_attr *index = acn_ge_attr_find(&m->nodes[i], "index");
        if (!is_data(&m->nodes[i])) continue;
        inputs[count] =
            (input){index ? index->given.i : 0, count, find_place(im, m->nodes[i].name)};
        status = import_data(im, inputs[count++].place);
    }
    if (status == ACN_OK) qsort(inputs, (size_t)count, sizeof *inputs, compare_inputs);
    for (int i = 0; i < count && status == ACN_OK; i++)
        im->net->inputs[im->net->input_count++] = inputs[i].place->value[0];
    free(inputs);
    return status;
}

static acn_status import_constant(importer *im, place *p) {
    const acn_ge_attr *a = acn_ge_attr_find(p->node, "value");
    const acn_ge_tensor *t = a ? a->tensor : NULL;
    if (t == NULL || t->desc.dtype == ACN_UNDEFINED || t->desc.rank < 0)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "node \"%s\" (%s): attribute value is no tensor of a type that a device "
                        "has",
                        p->node->name, p->node->type);
    size_t element = acn_dtype_bytes(t->desc.dtype);
    const void *data = t->data;
    acn_net_value *value;
    ACN_TRY(acn_net_new_value(im->net, p->node->name, t->desc.dtype, t->desc.rank, t->desc.dims,
                              &value)); /* checks the shape */
    if ((uint64_t)acn_tensor_count(&value->tensor) * element != t->bytes)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "node \"%s\" (%s): its tensor has %zu bytes; the shape takes %lld of %zu "
                        "bytes each",
                        p->node->name, p->node->type, t->bytes,
                        (long long)acn_tensor_count(&value->tensor), element);
    if ((uintptr_t)data % element != 0) data = acn_arena_copy(&im->net->arena, data, t->bytes);
    if (t->bytes && data == NULL) return no_memory();
    ACN_TRY(acn_net_constant(im->net, p->node->name, t->desc.dtype, t->desc.rank, t->desc.dims,
                             data, &value));
    return keep_value(im, p, value);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static acn_status value_of(const importer *im, const acn_ge_node *node, const acn_ge_edge *edge,
                           acn_net_value **out) {
    place *source;
    ACN_TRY(source_of(im, node, edge, &source));
    if (edge->index < source->value_count && source->value[edge->index]) {
        *out = source->value[edge->index];
        return ACN_OK;
    }
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "node \"%s\" (%s): its input is output %d of node \"%s\" (%s), which does not "
                    "have one",
                    node->name, node->type, edge->index, edge->node, source->node->type);
}

static acn_status import_operator(importer *im, place *p) {
    acn_ge_call *c = calloc(1, sizeof *c);
    if (c == NULL) return no_memory();
    *c = (acn_ge_call){.net = im->net,
                       .node = p->node,
                       .type = acn_ge_type_find(p->node->type),
                       .in_count = p->node->input_count,
                       .out_count = p->node->output_desc_count};
    acn_status status = ACN_OK;
    if (c->in_count > ACN_GE_MAX_TENSORS || c->out_count > ACN_GE_MAX_TENSORS)
        status = acn_ge_bad(c, "more than %d tensors", ACN_GE_MAX_TENSORS);
    for (int i = 0; i < c->in_count && status == ACN_OK; i++)
        if (p->node->inputs[i].node) status = value_of(im, p->node, &p->node->inputs[i], &c->in[i]);
    while (c->in_count > 0 && c->in_count <= ACN_GE_MAX_TENSORS && c->in[c->in_count - 1] == NULL)
        c->in_count--;
    if (status == ACN_OK) status = acn_ge_import_node(c);
    int made = ACN_GE_MAX_TENSORS;
    while (made > 0 && c->out[made - 1] == NULL)
        made--;
    if (status == ACN_OK) status = keep_values(im, p, c->out, made);
    free(c);
    return status;
}

static acn_status import_place(importer *im, place *p) {
    if (is_data(p->node) || is_type(p->node, "NetOutput") || is_type(p->node, "NoOp"))
        return ACN_OK; /* before, and behind */
    if (is_constant(p->node)) return import_constant(im, p);
    return import_operator(im, p);
}

/* ---- outputs --------------------------------------------------------------------------------- */

static acn_status add_output(importer *im, const acn_ge_node *node, const acn_ge_edge *edge) {
    acn_net *net = im->net;
    acn_net_value *value;
    char name[1024];
    ACN_TRY(value_of(im, node, edge, &value));
    snprintf(name, sizeof name, "%s:%d", edge->node, edge->index);
    const char *copy = acn_arena_copy(&net->arena, name, strlen(name) + 1);
    if (copy == NULL) return no_memory();
    net->outputs[net->output_count] = value;
    net->output_names[net->output_count++] = copy;
    return ACN_OK;
}

static acn_status import_outputs(importer *im) {
    static const acn_ge_node graph = {.name = "the graph's output", .type = "NetOutput"};
    const acn_ge_model *m = im->model;
    const acn_ge_node *node = &graph;
    const acn_ge_edge *edges = m->outputs;
    int count = m->output_count;
    for (int i = 0; i < m->node_count; i++)
        if (is_type(&m->nodes[i], "NetOutput")) {
            node = &m->nodes[i];
            edges = node->inputs;
            count = node->input_count;
        }
    if (count == 0)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "the graph has no outputs; call SetOutputs, or connect a NetOutput");
    im->net->outputs = acn_arena_alloc(&im->net->arena, (size_t)count * sizeof(void *));
    im->net->output_names = acn_arena_alloc(&im->net->arena, (size_t)count * sizeof(void *));
    if (!im->net->outputs || !im->net->output_names) return no_memory();
    for (int i = 0; i < count; i++)
        if (edges[i].node) ACN_TRY(add_output(im, node, &edges[i]));
    return ACN_OK;
}

/* ---- the graph ------------------------------------------------------------------------------- */

static acn_status check_options(const acn_source_options *s) {
    const char *name = s->out_nodes && *s->out_nodes                 ? "out_nodes"
                       : s->output_type && *s->output_type           ? "output_type"
                       : s->input_fp16_nodes && *s->input_fp16_nodes ? "input_fp16_nodes"
                       : s->aipp && *s->aipp                         ? "insert_op_conf"
                                                                     : NULL;
    if (name == NULL) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "option %s works with ONNX models; a graph says it itself (NetOutput, Cast)",
                    name);
}

static acn_status check_shape_names(const importer *im) {
    for (int i = 0; i < im->options->shape_count; i++) {
        const place *p = find_place(im, im->options->shapes[i].name);
        if (p == NULL || !is_data(p->node))
            return acn_fail(ACN_NAME_NOT_FOUND, "input_shape: the graph has no input \"%s\"",
                            im->options->shapes[i].name);
    }
    return ACN_OK;
}

static acn_status import_graph(importer *im) {
    ACN_TRY(check_options(&im->options->source));
    ACN_TRY(list_places(im));
    ACN_TRY(check_shape_names(im));
    ACN_TRY(find_order(im));
    ACN_TRY(import_inputs(im));
    for (int i = 0; i < im->order_count; i++)
        ACN_TRY(import_place(im, im->order[i]));
    return import_outputs(im);
}

acn_status acn_ge_import(const acn_ge_model *model, const acn_onnx_options *options,
                         acn_net **out) {
    importer im = {.model = model, .options = options};
    ACN_TRY(check_types(model));
    ACN_TRY(acn_net_create(model->name, &im.net));
    acn_status status = import_graph(&im);
    free(im.places);
    free(im.order);
    if (status != ACN_OK) {
        acn_net_destroy(im.net);
        return status;
    }
    *out = im.net;
    return ACN_OK;
}

acn_status acn_ge_check(const acn_ge_model *model) {
    importer im = {.model = model};
    ACN_TRY(check_types(model));
    acn_status status = list_places(&im);
    if (status == ACN_OK) status = find_order(&im);
    free(im.places);
    free(im.order);
    return status;
}
