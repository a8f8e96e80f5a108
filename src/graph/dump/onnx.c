/* onnx.c - a graph as an ONNX model whose operators are CANN's ("ge:Conv2D"), for viewers. */
#include "graph/dump/dump.h"
#include "graph/json/proto_json.h"
#include "graph/om/om.h"

#include <stdlib.h>
#include <string.h>

/* Fields of onnx.proto. */
enum {
    MODEL_IR = 1,
    MODEL_PRODUCER = 2,
    MODEL_GRAPH = 7,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_TYPE = 4,
    NODE_ATTR = 5,
    ATTR_NAME = 1,
    ATTR_FLOAT = 2,
    ATTR_INT = 3,
    ATTR_TEXT = 4,
    ATTR_TENSOR = 5,
    ATTR_FLOATS = 7,
    ATTR_INTS = 8,
    ATTR_KIND = 20,
    TENSOR_DIMS = 1,
    TENSOR_DTYPE = 2,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    TYPE_TENSOR = 1,
    TYPE_ELEMENT = 1,
    TYPE_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1,
};
enum { IR_VERSION = 6 };
enum { KIND_FLOAT = 1, KIND_INT, KIND_TEXT, KIND_TENSOR, KIND_FLOATS = 6, KIND_INTS = 7 };

static uint64_t onnx_dtype(acn_dtype dtype) {
    static const uint8_t numbers[ACN_DTYPE_COUNT] = {
        [ACN_F32] = 1,  [ACN_U8] = 2,   [ACN_I8] = 3,   [ACN_U16] = 4,   [ACN_I16] = 5,
        [ACN_I32] = 6,  [ACN_I64] = 7,  [ACN_BOOL] = 9, [ACN_F16] = 10,  [ACN_F64] = 11,
        [ACN_U32] = 12, [ACN_U64] = 13, [ACN_C64] = 14, [ACN_C128] = 15, [ACN_BF16] = 16,
    };
    return dtype >= 0 ? numbers[dtype] : 0;
}

static size_t begin_attr(acn_wire_out *out, const char *name, int kind) {
    size_t begun = acn_wire_begin(out, NODE_ATTR);
    acn_wire_put_text(out, ATTR_NAME, name);
    acn_wire_put_number(out, ATTR_KIND, (uint64_t)kind);
    return begun;
}

static void put_int_attr(acn_wire_out *out, const char *name, int64_t value) {
    size_t begun = begin_attr(out, name, KIND_INT);
    acn_wire_put_number(out, ATTR_INT, (uint64_t)value);
    acn_wire_end(out, begun);
}

static void put_ints_attr(acn_wire_out *out, const char *name, const int64_t *values,
                          int64_t count) {
    size_t begun = begin_attr(out, name, KIND_INTS);
    acn_wire_put_numbers(out, ATTR_INTS, values, (size_t)count);
    acn_wire_end(out, begun);
}

static void put_text_attr(acn_wire_out *out, const char *name, const char *value) {
    size_t begun = begin_attr(out, name, KIND_TEXT);
    acn_wire_put_text(out, ATTR_TEXT, value);
    acn_wire_end(out, begun);
}

static void put_float_attr(acn_wire_out *out, const char *name, double value) {
    size_t begun = begin_attr(out, name, KIND_FLOAT);
    acn_wire_put_f32(out, ATTR_FLOAT, (float)value);
    acn_wire_end(out, begun);
}

static void put_attr(acn_wire_out *out, const acn_attr_param *param, const acn_attr_value *v) {
    size_t begun;
    switch (param->kind) {
    case ACN_ATTR_FLOAT:
        put_float_attr(out, param->name, v->f);
        break;
    case ACN_ATTR_SCALAR:
        put_float_attr(out, param->name, acn_scalar_f64(&v->scalar));
        break;
    case ACN_ATTR_STRING:
        put_text_attr(out, param->name, v->text);
        break;
    case ACN_ATTR_INTS:
        put_ints_attr(out, param->name, v->items, v->count);
        break;
    case ACN_ATTR_FLOATS:
        begun = begin_attr(out, param->name, KIND_FLOATS);
        for (int64_t i = 0; i < v->count; i++)
            acn_wire_put_f32(out, ATTR_FLOATS, ((const float *)v->items)[i]);
        acn_wire_end(out, begun);
        break;
    default:
        put_int_attr(out, param->name, v->i);
    }
}

/* A node's head: its name and type; to be ended by acn_wire_end. */
static size_t begin_node(acn_wire_out *out, const char *name, const char *type) {
    char prefixed[256];
    size_t begun = acn_wire_begin(out, GRAPH_NODE);
    snprintf(prefixed, sizeof prefixed, "ge:%s", type);
    acn_wire_put_text(out, NODE_NAME, name);
    acn_wire_put_text(out, NODE_TYPE, prefixed);
    return begun;
}

static void put_edge(acn_wire_out *out, uint32_t field, const acn_net_value *v) {
    char edge[ACN_OM_EDGE_BYTES];
    acn_om_edge(v, edge, sizeof edge);
    acn_wire_put_text(out, field, edge);
}

/* What a description of a tensor is, as attributes: CANN's way, since ONNX has no place for it. */
static void put_desc(acn_wire_out *out, const char *which, int index, const acn_tensor *t) {
    char name[64];
    snprintf(name, sizeof name, "%s_desc_dtype:%d", which, index);
    put_text_attr(out, name, acn_dtype_name(t->dtype));
    snprintf(name, sizeof name, "%s_desc_shape:%d", which, index);
    put_ints_attr(out, name, t->dims, t->rank);
}

static void put_node(acn_wire_out *out, const acn_net_node *n, acn_dump_detail detail) {
    const acn_call *c = &n->call;
    size_t begun = begin_node(out, n->name, c->op->name);
    int index[2] = {0, 0};
    for (int i = 0; i < c->tensor_count; i++)
        put_edge(out, acn_om_is_output(n, i) ? NODE_OUTPUT : NODE_INPUT, n->value[i]);
    for (int s = 0; s < ACN_MAX_ATTRS && c->op->attr[s].name && detail != ACN_DUMP_NODES; s++)
        if (c->attr[s].is_present) put_attr(out, &c->op->attr[s], &c->attr[s]);
    for (int i = 0; i < c->tensor_count && detail != ACN_DUMP_NODES; i++) {
        bool is_output = acn_om_is_output(n, i);
        put_desc(out, is_output ? "output" : "input", index[is_output]++, &n->value[i]->tensor);
    }
    acn_wire_end(out, begun);
}

static void put_constant(acn_wire_out *out, const acn_net_value *v, acn_dump_detail detail) {
    char edge[ACN_OM_EDGE_BYTES];
    acn_om_edge(v, edge, sizeof edge);
    edge[strlen(edge) - 2] = 0; /* ":0" */
    size_t begun = begin_node(out, edge, "Const");
    put_edge(out, NODE_OUTPUT, v);
    if (detail != ACN_DUMP_NODES) {
        size_t attr = begin_attr(out, "value", KIND_TENSOR);
        size_t tensor = acn_wire_begin(out, ATTR_TENSOR);
        acn_wire_put_numbers(out, TENSOR_DIMS, v->tensor.dims, (size_t)v->tensor.rank);
        acn_wire_put_number(out, TENSOR_DTYPE, onnx_dtype(v->tensor.dtype));
        acn_wire_put_text(out, TENSOR_NAME, v->name);
        if (detail == ACN_DUMP_DATA)
            acn_wire_put_bytes(out, TENSOR_RAW, v->tensor.data,
                               (size_t)acn_tensor_count(&v->tensor) *
                                   acn_dtype_bytes(v->tensor.dtype));
        acn_wire_end(out, tensor);
        acn_wire_end(out, attr);
    }
    acn_wire_end(out, begun);
}

static void put_port(acn_wire_out *out, uint32_t field, const char *name, const acn_tensor *t) {
    size_t begun = acn_wire_begin(out, field);
    acn_wire_put_text(out, VALUE_NAME, name);
    size_t type = acn_wire_begin(out, VALUE_TYPE), tensor = acn_wire_begin(out, TYPE_TENSOR);
    acn_wire_put_number(out, TYPE_ELEMENT, onnx_dtype(t->dtype));
    size_t shape = acn_wire_begin(out, TYPE_SHAPE);
    for (int d = 0; d < t->rank; d++) {
        size_t dim = acn_wire_begin(out, SHAPE_DIM);
        acn_wire_put_number(out, DIM_VALUE, (uint64_t)t->dims[d]);
        acn_wire_end(out, dim);
    }
    acn_wire_end(out, shape);
    acn_wire_end(out, tensor);
    acn_wire_end(out, type);
    acn_wire_end(out, begun);
}

static void put_model(acn_wire_out *out, const acn_net *net, const bool *is_read,
                      acn_dump_detail detail) {
    acn_wire_put_number(out, MODEL_IR, IR_VERSION);
    acn_wire_put_text(out, MODEL_PRODUCER, "AnyCANN");
    size_t graph = acn_wire_begin(out, MODEL_GRAPH);
    acn_wire_put_text(out, GRAPH_NAME, net->name);
    for (int i = 0; i < net->input_count; i++) {
        size_t begun = begin_node(out, net->inputs[i]->name, "Data");
        put_edge(out, NODE_OUTPUT, net->inputs[i]);
        put_int_attr(out, "index", i);
        acn_wire_end(out, begun);
    }
    for (const acn_net_value *v = net->values; v; v = v->next)
        if (v->base == v && is_read[v->id]) put_constant(out, v, detail);
    for (const acn_net_node *n = net->nodes; n; n = n->next)
        put_node(out, n, detail);
    size_t begun = begin_node(out, "Node_Output", "NetOutput");
    for (int i = 0; i < net->output_count; i++)
        put_edge(out, NODE_INPUT, net->outputs[i]);
    acn_wire_end(out, begun);
    for (int i = 0; i < net->input_count; i++)
        put_port(out, GRAPH_INPUT, net->inputs[i]->name, &net->inputs[i]->tensor);
    for (int i = 0; i < net->output_count; i++)
        put_port(out, GRAPH_OUTPUT, net->output_names[i], &net->outputs[i]->tensor);
    acn_wire_end(out, graph);
}

bool acn_dump_onnx(FILE *out, const acn_net *net, acn_dump_detail detail) {
    acn_wire_out model = {0};
    bool *is_read = acn_om_read_constants(net);
    bool is_good = is_read != NULL;
    if (is_good) put_model(&model, net, is_read, detail);
    is_good =
        is_good && !model.has_failed &&
        acn_proto_print_text(out, acn_proto_onnx, acn_wire_open(model.bytes, model.size)) == ACN_OK;
    acn_wire_release(&model);
    free(is_read);
    return is_good;
}
