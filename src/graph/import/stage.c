/* stage.c - see stage.h. */
#include "graph/import/stage.h"

#include "graph/import/importer.h"
#include <stdlib.h>
#include <string.h>

typedef struct stage_importer {
    acn_importer im;
    const acn_stage_request *request;
    acn_stage *out;
    int *owner; /* of the net's inputs: which of the given */
    acn_stage_result *results;
    int room;
} stage_importer;

static acn_status no_memory(void) {
    return acn_fail(ACN_BAD_ALLOC, "no host memory for a part of a model");
}

static bool is_main(const acn_stage_request *r) { return r->graph == &r->model->graph; }

/* ---- what is given --------------------------------------------------------------------------- */

static acn_status give_tensor(stage_importer *s, int given, const acn_tensor *t,
                              acn_net_value **out) {
    acn_net *net = s->im.net;
    const char *name = s->request->given[given].name;
    if (t->data) return acn_net_constant(net, name, t->dtype, t->rank, t->dims, t->data, out);
    ACN_TRY(acn_net_new_value(net, name, t->dtype, t->rank, t->dims, out));
    s->owner[net->input_count] = given;
    net->inputs[net->input_count++] = *out;
    return ACN_OK;
}

static acn_status give_list(stage_importer *s, int given, acn_net_value **out) {
    const acn_stage_given *g = &s->request->given[given];
    const acn_onnx_node node = {.name = g->name, .type = "Sequence"};
    acn_onnx_call *call = acn_arena_alloc(&s->im.net->arena, sizeof *call);
    acn_net_value **items =
        acn_arena_alloc(&s->im.net->arena, ((size_t)g->count + 1) * sizeof *items);
    if (!call || !items) return no_memory();
    call->importer = &s->im, call->net = s->im.net, call->node = &node;
    for (int i = 0; i < g->count; i++)
        ACN_TRY(give_tensor(s, given, &g->items[i], &items[i]));
    return acn_onnx_list_new(call, items, g->count, out);
}

static acn_status give_all(stage_importer *s) {
    const acn_stage_request *r = s->request;
    acn_net *net = s->im.net;
    acn_net_value *value;
    size_t most = 1;
    for (int i = 0; i < r->given_count; i++)
        most += (size_t)r->given[i].count;
    net->inputs = acn_arena_alloc(&net->arena, most * sizeof(void *));
    s->owner = acn_arena_alloc(&net->arena, most * sizeof *s->owner);
    if (!net->inputs || !s->owner) return no_memory();
    for (int i = 0; i < r->given_count; i++) {
        if (r->given[i].is_list)
            ACN_TRY(give_list(s, i, &value));
        else
            ACN_TRY(give_tensor(s, i, r->given[i].items, &value));
        ACN_TRY(acn_importer_bind(&s->im, r->given[i].name, value));
    }
    return ACN_OK;
}

static acn_status give_inputs(stage_importer *s) {
    const acn_onnx_graph *graph = s->request->graph;
    acn_net_value *value;
    if (is_main(s->request)) return acn_onnx_import_inputs(&s->im, graph);
    for (int i = 0; i < graph->initializer_count; i++) {
        const acn_onnx_tensor *t = &graph->initializers[i];
        ACN_TRY(acn_onnx_import_tensor(&s->im, t, t->name, &value));
        ACN_TRY(acn_importer_bind(&s->im, t->name, value));
    }
    return ACN_OK;
}

/* ---- what it gives --------------------------------------------------------------------------- */

static acn_status add_output(stage_importer *s, acn_net_value *v, const char *name, int *index) {
    acn_net *net = s->im.net;
    for (int i = 0; i < net->output_count; i++)
        if (net->outputs[i] == v) {
            *index = i;
            return ACN_OK;
        }
    if ((net->output_count & (net->output_count - 1)) == 0) {
        size_t count = (size_t)net->output_count;
        acn_net_value **values = acn_arena_alloc(&net->arena, (2 * count + 1) * sizeof *values);
        const char **names = acn_arena_alloc(&net->arena, (2 * count + 1) * sizeof *names);
        if (!values || !names) return no_memory();
        if (count) memcpy(values, net->outputs, count * sizeof *values);
        if (count) memcpy(names, net->output_names, count * sizeof *names);
        net->outputs = values;
        net->output_names = names;
    }
    *index = net->output_count;
    net->output_names[net->output_count] = name;
    net->outputs[net->output_count++] = v;
    return ACN_OK;
}

/* A constant without gaps. */
static acn_status gather_constant(acn_net *net, acn_net_value *v, const acn_tensor **out) {
    if (!acn_tensor_is_contiguous(&v->tensor)) {
        acn_node_builder b;
        acn_tensor shape;
        acn_tensor_init(&shape, NULL, v->tensor.dtype, v->tensor.rank, v->tensor.dims);
        acn_node_begin(&b, net, "TensorMove", v->name);
        acn_node_input(&b, "x", v);
        acn_node_output(&b, "y", v->tensor.dtype, &shape);
        ACN_TRY(acn_node_end(&b, &v));
    }
    *out = &v->tensor;
    return ACN_OK;
}

static acn_status find_part(stage_importer *s, acn_net_value *v, const char *name,
                            acn_stage_part *part) {
    acn_net *net = s->im.net;
    for (int i = 0; i < net->input_count; i++)
        if (net->inputs[i] == v) {
            *part = (acn_stage_part){.source = ACN_STAGE_GIVEN, .index = i};
            return ACN_OK;
        }
    *part = (acn_stage_part){.source = acn_net_is_constant(v) ? ACN_STAGE_CONSTANT : ACN_STAGE_RUN};
    if (part->source == ACN_STAGE_CONSTANT) return gather_constant(net, v, &part->constant);
    return add_output(s, v, name, &part->index);
}

static bool is_given(const stage_importer *s, const char *name) {
    for (int i = 0; i < s->request->given_count; i++)
        if (strcmp(s->request->given[i].name, name) == 0) return true;
    return false;
}

/* One name that the rest of the graph reads. */
static acn_status add_result(void *context, const char *name) {
    stage_importer *s = context;
    acn_net_value *v = acn_importer_find(&s->im, name);
    if (v == NULL || is_given(s, name)) return ACN_OK; /* not known here, or known before */
    const acn_onnx_list *list = acn_importer_list(&s->im, v);
    int count = list ? list->count : 1;
    acn_stage_part *parts = acn_arena_alloc(&s->im.net->arena, ((size_t)count + 1) * sizeof *parts);
    if (parts == NULL) return no_memory();
    for (int i = 0; i < count; i++)
        ACN_TRY(find_part(s, list ? list->items[i] : v, name, &parts[i]));
    if (s->out->result_count == s->room) {
        size_t room = s->room ? 2 * (size_t)s->room : 16;
        acn_stage_result *more = acn_arena_alloc(&s->im.net->arena, room * sizeof *more);
        if (more == NULL) return no_memory();
        if (s->room) memcpy(more, s->results, (size_t)s->room * sizeof *more);
        s->results = more;
        s->room = (int)room;
    }
    s->results[s->out->result_count++] = (acn_stage_result){name, parts, count, list != NULL};
    s->out->results = s->results;
    return ACN_OK;
}

/* ---- what it awaits -------------------------------------------------------------------------- */

/* Which inputs of the net |v| is computed from. */
static acn_status trace(stage_importer *s, const acn_net_value *v, bool *needed) {
    acn_net *net = s->im.net;
    bool *seen = calloc((size_t)net->value_count + 1, sizeof *seen);
    const acn_net_value **todo = malloc(((size_t)net->value_count + 1) * sizeof *todo);
    int count = 0;
    if (seen && todo) todo[count++] = v->base;
    while (count) {
        const acn_net_value *at = todo[--count];
        for (int i = 0; i < net->input_count; i++)
            if (net->inputs[i] == at) needed[s->owner[i]] = true;
        for (int t = 0; at->producer && t < at->producer->call.tensor_count; t++) {
            const acn_net_value *from = at->producer->value[t]->base;
            if (seen[from->id]) continue;
            seen[from->id] = true;
            todo[count++] = from;
        }
    }
    bool is_done = seen && todo;
    free(seen);
    free(todo);
    return is_done ? ACN_OK : no_memory();
}

/* The first node cannot be built: what it awaits was given, or comes from what was. */
static acn_status tell_needed(stage_importer *s) {
    bool *needed = acn_arena_alloc(&s->im.net->arena, (size_t)s->request->given_count + 1);
    if (needed == NULL) return no_memory();
    ACN_TRY(trace(s, s->im.net->awaited, needed));
    s->out->needed = needed;
    return ACN_OK;
}

/* ---- a stage --------------------------------------------------------------------------------- */

static acn_status import_nodes(stage_importer *s) {
    const acn_onnx_graph *graph = s->request->graph;
    acn_status status = ACN_OK;
    int *at = &s->out->end;
    *at = s->request->first;
    while (*at < graph->node_count && status == ACN_OK) {
        status = acn_onnx_import_node(&s->im, &graph->nodes[*at]);
        if (status == ACN_OK) ++*at;
    }
    return status;
}

static acn_status import(stage_importer *s) {
    const acn_stage_request *r = s->request;
    const acn_source_options *source = is_main(r) ? &r->options->source : NULL;
    acn_status status = ACN_OK;
    if (r->first == ACN_STAGE_INPUTS) {
        ACN_TRY(give_inputs(s));
    } else {
        ACN_TRY(give_all(s));
        status = import_nodes(s);
        if (status == ACN_AWAITED && s->out->end == r->first) return tell_needed(s);
        if (status == ACN_OK && source) {
            status = acn_onnx_import_outputs(&s->im, s->im.net, r->graph, r->options);
            s->out->has_outputs = status == ACN_OK;
            if (status != ACN_OK) s->im.net->output_count = 0;
        }
    }
    if (status != ACN_OK && status != ACN_AWAITED) return status;
    if (s->out->has_outputs) return ACN_OK;
    return acn_onnx_reads(r->graph, source, s->out->end, add_result, s);
}

acn_status acn_stage_import(const acn_stage_request *request, acn_stage *out) {
    stage_importer s = {.im = {.model = request->model, .options = request->options},
                        .request = request,
                        .out = out};
    *out = (acn_stage){.end = 0};
    ACN_TRY(acn_net_create(request->graph->name, &s.im.net));
    s.im.net->can_wait = true;
    acn_status status = import(&s);
    acn_names_free(&s.im.names);
    out->net = s.im.net;
    if (status != ACN_OK) {
        acn_net_destroy(out->net);
        out->net = NULL;
    }
    return status;
}
