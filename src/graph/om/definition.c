/* definition.c - a network as others read it: ge.proto.ModelDef, in a .om and in dumps. */
#include "graph/ge_proto.h"
#include "graph/om/om.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- attributes: entries of a map ------------------------------------------------------------ */

typedef struct entry {
    size_t outer, inner;
} entry;

static entry begin_attr(acn_wire_out *out, uint32_t field, const char *key) {
    entry e = {.outer = acn_wire_begin(out, field)};
    acn_wire_put_text(out, KEY, key);
    e.inner = acn_wire_begin(out, VALUE);
    return e;
}

static void end_attr(acn_wire_out *out, entry e) {
    acn_wire_end(out, e.inner);
    acn_wire_end(out, e.outer);
}

static void put_text_attr(acn_wire_out *out, uint32_t field, const char *key, const char *value) {
    entry e = begin_attr(out, field, key);
    acn_wire_put_text(out, ATTR_TEXT, value);
    end_attr(out, e);
}

static void put_int_attr(acn_wire_out *out, uint32_t field, const char *key, int64_t value) {
    entry e = begin_attr(out, field, key);
    acn_wire_put_number(out, ATTR_INT, (uint64_t)value);
    end_attr(out, e);
}

static void put_attr(acn_wire_out *out, const acn_attr_param *param, const acn_attr_value *v) {
    entry e = begin_attr(out, OP_ATTR, param->name);
    size_t list;
    switch (param->kind) {
    case ACN_ATTR_FLOAT:
        acn_wire_put_f32(out, ATTR_FLOAT, (float)v->f);
        break;
    case ACN_ATTR_SCALAR:
        acn_wire_put_f32(out, ATTR_FLOAT, (float)acn_scalar_f64(&v->scalar));
        break;
    case ACN_ATTR_BOOL:
        acn_wire_put_number(out, ATTR_BOOL, v->i != 0);
        break;
    case ACN_ATTR_STRING:
        acn_wire_put_text(out, ATTR_TEXT, v->text);
        break;
    case ACN_ATTR_INTS:
        list = acn_wire_begin(out, ATTR_LIST);
        acn_wire_put_numbers(out, LIST_INT, v->items, (size_t)v->count);
        acn_wire_put_number(out, LIST_KIND, KIND_INTS);
        acn_wire_end(out, list);
        break;
    default:
        acn_wire_put_number(out, ATTR_INT, (uint64_t)v->i);
    }
    end_attr(out, e);
}

/* ---- operators ------------------------------------------------------------------------------- */

static void put_desc_fields(acn_wire_out *out, const char *name, const acn_tensor *t) {
    acn_wire_put_text(out, DESC_NAME, name);
    acn_wire_put_number(out, DESC_DTYPE, acn_ge_proto_of(t->dtype));
    size_t shape = acn_wire_begin(out, DESC_SHAPE);
    acn_wire_put_numbers(out, SHAPE_DIM, t->dims, (size_t)t->rank);
    acn_wire_end(out, shape);
    acn_wire_put_text(out, DESC_LAYOUT, "ND");
    acn_wire_put_number(out, DESC_SIZE, (uint64_t)acn_tensor_count(t) * acn_dtype_bytes(t->dtype));
}

static void put_desc(acn_wire_out *out, uint32_t field, const char *name, const acn_tensor *t) {
    size_t begun = acn_wire_begin(out, field);
    put_desc_fields(out, name, t);
    acn_wire_end(out, begun);
}

/* The operator that makes a value, as edges name it, and which of its outputs it is. */
static const char *source_name(const acn_net_value *v, char *room, size_t bytes) {
    if (v->base->producer) return v->base->producer->name;
    snprintf(room, bytes, acn_net_is_constant(v->base) ? "%s_const_%d" : "%s", v->base->name,
             v->base->id);
    return room;
}

static int source_index(const acn_net_value *v) {
    const acn_net_node *n = v->base->producer;
    int index = 0;
    for (int i = 0; n && i < n->call.tensor_count && n->value[i] != v->base; i++)
        index += n->value[i]->producer == n && n->value[i]->base == n->value[i];
    return index;
}

void acn_om_edge(const acn_net_value *v, char *out, size_t bytes) {
    char room[512];
    snprintf(out, bytes, "%s:%d", source_name(v, room, sizeof room), source_index(v));
}

static void put_edge(acn_wire_out *out, uint32_t field, const acn_net_value *v) {
    char edge[ACN_OM_EDGE_BYTES];
    acn_om_edge(v, edge, sizeof edge);
    acn_wire_put_text(out, field, edge);
}

static void put_data(acn_wire_out *out, const acn_net_value *v, int index, int64_t id) {
    size_t op = acn_wire_begin(out, GRAPH_OP);
    acn_wire_put_text(out, OP_NAME, v->name);
    acn_wire_put_text(out, OP_TYPE, "Data");
    put_int_attr(out, OP_ATTR, "index", index);
    acn_wire_put_number(out, OP_ID, (uint64_t)id);
    put_desc(out, OP_INPUT_DESC, "x", &v->tensor);
    put_desc(out, OP_OUTPUT_DESC, "y", &v->tensor);
    acn_wire_end(out, op);
}

/* With |data| it lies here, else in the weights' partition, at |place|, or nowhere. */
static void put_constant(acn_wire_out *out, const acn_net_value *v, const acn_place *place,
                         bool with_data, int64_t id) {
    char room[512];
    uint64_t bytes = (uint64_t)acn_tensor_count(&v->tensor) * acn_dtype_bytes(v->tensor.dtype);
    size_t op = acn_wire_begin(out, GRAPH_OP);
    acn_wire_put_text(out, OP_NAME, source_name(v, room, sizeof room));
    acn_wire_put_text(out, OP_TYPE, "Const");
    entry e = begin_attr(out, OP_ATTR, "value");
    size_t tensor = acn_wire_begin(out, ATTR_TENSOR), desc = acn_wire_begin(out, TENSOR_DESC);
    put_desc_fields(out, v->name, &v->tensor);
    acn_wire_put_number(out, DESC_WEIGHT_SIZE, bytes);
    if (place) acn_wire_put_number(out, DESC_DATA_OFFSET, (uint64_t)place->offset_bytes);
    acn_wire_end(out, desc);
    if (with_data) acn_wire_put_bytes(out, TENSOR_DATA, v->tensor.data, bytes);
    acn_wire_end(out, tensor);
    end_attr(out, e);
    acn_wire_put_number(out, OP_ID, (uint64_t)id);
    put_desc(out, OP_OUTPUT_DESC, "y", &v->tensor);
    acn_wire_end(out, op);
}

const char *acn_om_slot_name(const acn_net_node *n, int tensor) {
    const acn_call *c = &n->call;
    for (int s = 0; s < ACN_MAX_INPUTS && c->op->in[s].name; s++)
        if (tensor >= c->in_first[s] && tensor < c->in_first[s] + c->in_count[s])
            return c->op->in[s].name;
    for (int s = 0; s < ACN_MAX_OUTPUTS && c->op->out[s].name; s++)
        if (tensor >= c->out_first[s] && tensor < c->out_first[s] + c->out_count[s])
            return c->op->out[s].name;
    return "";
}

bool acn_om_is_output(const acn_net_node *n, int tensor) {
    return n->value[tensor]->producer == n && n->value[tensor]->base == n->value[tensor];
}

static void put_node(acn_wire_out *out, const acn_net_node *n, int64_t id) {
    const acn_call *c = &n->call;
    size_t op = acn_wire_begin(out, GRAPH_OP);
    acn_wire_put_text(out, OP_NAME, n->name);
    acn_wire_put_text(out, OP_TYPE, c->op->name);
    for (int i = 0; i < c->tensor_count; i++)
        if (!acn_om_is_output(n, i)) put_edge(out, OP_INPUT, n->value[i]);
    for (int s = 0; s < ACN_MAX_ATTRS && c->op->attr[s].name; s++)
        if (c->attr[s].is_present) put_attr(out, &c->op->attr[s], &c->attr[s]);
    acn_wire_put_number(out, OP_ID, (uint64_t)id);
    for (int i = 0; i < c->tensor_count; i++)
        if (!acn_om_is_output(n, i)) acn_wire_put_text(out, OP_INPUT_NAME, acn_om_slot_name(n, i));
    for (int i = 0; i < c->tensor_count; i++)
        put_desc(out, acn_om_is_output(n, i) ? OP_OUTPUT_DESC : OP_INPUT_DESC,
                 acn_om_slot_name(n, i), &n->value[i]->tensor);
    acn_wire_end(out, op);
}

static void put_outputs(acn_wire_out *out, const acn_net *net, int64_t id) {
    size_t op = acn_wire_begin(out, GRAPH_OP);
    char room[512];
    acn_wire_put_text(out, OP_NAME, "Node_Output");
    acn_wire_put_text(out, OP_TYPE, "NetOutput");
    for (int i = 0; i < net->output_count; i++)
        put_edge(out, OP_INPUT, net->outputs[i]);
    acn_wire_put_number(out, OP_ID, (uint64_t)id);
    for (int i = 0; i < net->output_count; i++)
        acn_wire_put_text(out, OP_SRC_NAME, source_name(net->outputs[i], room, sizeof room));
    for (int i = 0; i < net->output_count; i++)
        acn_wire_put_number(out, OP_SRC_INDEX, (uint64_t)source_index(net->outputs[i]));
    for (int i = 0; i < net->output_count; i++)
        put_desc(out, OP_INPUT_DESC, net->output_names[i], &net->outputs[i]->tensor);
    acn_wire_end(out, op);
}

bool *acn_om_read_constants(const acn_net *net) {
    bool *is_read = calloc((size_t)net->value_count + 1, sizeof *is_read);
    for (const acn_net_node *n = net->nodes; n && is_read; n = n->next)
        for (int i = 0; i < n->call.tensor_count; i++)
            is_read[n->value[i]->base->id] = acn_net_is_constant(n->value[i]->base);
    for (int i = 0; i < net->output_count && is_read; i++)
        is_read[net->outputs[i]->base->id] |= acn_net_is_constant(net->outputs[i]->base);
    return is_read;
}

static void put_graph(acn_wire_out *out, const acn_net *net, const acn_place *places,
                      bool with_data) {
    int64_t id = 0;
    bool *is_read = acn_om_read_constants(net);
    out->has_failed |= is_read == NULL;
    if (is_read == NULL) return;
    acn_wire_put_text(out, MODEL_NAME, net->name);
    acn_wire_put_number(out, MODEL_VERSION, 1);
    size_t graph = acn_wire_begin(out, MODEL_GRAPH);
    acn_wire_put_text(out, GRAPH_NAME, net->name);
    for (int i = 0; i < net->input_count; i++)
        put_edge(out, GRAPH_INPUT, net->inputs[i]);
    for (int i = 0; i < net->output_count; i++)
        put_edge(out, GRAPH_OUTPUT, net->outputs[i]);
    for (int i = 0; i < net->input_count; i++)
        put_data(out, net->inputs[i], i, id++);
    for (const acn_net_value *v = net->values; v; v = v->next)
        if (v->base == v && is_read[v->id])
            put_constant(out, v, places ? &places[v->id] : NULL, with_data, id++);
    for (const acn_net_node *n = net->nodes; n; n = n->next)
        put_node(out, n, id++);
    put_outputs(out, net, id);
    acn_wire_end(out, graph);
    free(is_read);
}

void acn_om_put_net_def(acn_wire_out *out, const acn_net *net, bool with_data) {
    put_graph(out, net, NULL, with_data);
}

/* Viewers show the first graph only, so it is the network itself, at its largest, and not CANN's
 * choice between gears. */
void acn_om_put_model_def(acn_wire_out *out, const acn_om_contents *contents) {
    const acn_om_facts *facts = &contents->facts;
    const acn_compiled *compiled = &contents->compiled[0];
    for (int i = 1; i < contents->count; i++)
        if (compiled->work_bytes < contents->compiled[i].work_bytes)
            compiled = &contents->compiled[i];
    put_graph(out, compiled->net, compiled->place, false);
    put_text_attr(out, MODEL_ATTR, "atc_version", facts->cann_version);
    put_text_attr(out, MODEL_ATTR, "opp_version", facts->cann_version);
    put_text_attr(out, MODEL_ATTR, "atc_cmdline", facts->command);
    put_text_attr(out, MODEL_ATTR, "soc_version", facts->soc);
    put_int_attr(out, MODEL_ATTR, "framework_type", facts->framework);
    put_int_attr(out, MODEL_ATTR, "memory_size", (int64_t)compiled->work_bytes);
    put_int_attr(out, MODEL_ATTR, "weight_size", (int64_t)compiled->weights->bytes);
    put_int_attr(out, MODEL_ATTR, "stream_num", 1);
    put_int_attr(out, MODEL_ATTR, "event_num", 0);
}
