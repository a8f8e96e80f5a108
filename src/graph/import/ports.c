/* ports.c - a network's inputs and outputs: the model's own, or what the user chooses and in which
 * types. Names of outputs are CANN's: NODE:INDEX:TENSOR. */
#include "graph/import/aipp.h"
#include "graph/import/importer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 1024 };

static acn_status no_memory(void) {
    return acn_fail(ACN_BAD_ALLOC, "no host memory for inputs and outputs");
}

/* |wanted| is an item of |list|, whose items have ';' between them. */
static bool is_listed(const char *list, const char *wanted) {
    size_t length = strlen(wanted);
    for (const char *at = list; at && *at;) {
        size_t n = strcspn(at, ";");
        if (n == length && strncmp(at, wanted, n) == 0) return true;
        at += n + (at[n] == ';');
    }
    return false;
}

static acn_status cast(acn_net *net, const char *name, acn_net_value *x, acn_dtype to,
                       acn_net_value **out) {
    acn_node_builder b;
    *out = x;
    if (x->tensor.dtype == to) return ACN_OK;
    acn_node_begin(&b, net, "Cast", name);
    acn_node_input(&b, "x", x);
    acn_node_int(&b, "dst_type", to);
    acn_node_output(&b, "y", to, NULL);
    return acn_node_end(&b, out);
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static const acn_onnx_shape *shape_given(const acn_onnx_options *options, const char *name) {
    for (int i = 0; i < options->shape_count; i++)
        if (strcmp(options->shapes[i].name, name) == 0) return &options->shapes[i];
    return NULL;
}

static acn_status check_shape(const acn_onnx_value *v, bool is_given, int rank,
                              const int64_t *dims) {
    if (rank < 0)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "input \"%s\" has no shape; give it by --input_shape=\"%s:n,c,h,w\"",
                        v->name, v->name);
    for (int d = 0; d < rank; d++) {
        bool fits =
            !is_given || v->rank < 0 || v->rank != rank || v->dims[d] < 0 || v->dims[d] == dims[d];
        if (dims[d] < 0 || !fits || (is_given && v->rank >= 0 && v->rank != rank))
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "input \"%s\": dimension %d is %lld; give its shape, as the model has "
                            "it, by --input_shape=\"%s:n,c,h,w\"",
                            v->name, d, (long long)dims[d], v->name);
    }
    return ACN_OK;
}

/* An input that takes images; parameters that come with the data are an input behind all others. */
static acn_status import_image(acn_importer *im, acn_net *net, const acn_aipp_config *config,
                               const acn_onnx_value *v, int rank, const int64_t *dims) {
    acn_net_value *image, *params, *value;
    ACN_TRY(acn_aipp_insert(net, config, v, rank, dims, &image, &params, &value));
    net->inputs[net->input_count++] = image;
    if (params) ACN_TRY(acn_importer_add_late(im, params));
    return acn_importer_bind(im, v->name, value);
}

acn_status acn_onnx_import_input(acn_importer *im, acn_net *net, const acn_onnx_options *options,
                                 const acn_onnx_value *v) {
    const acn_onnx_shape *given = shape_given(options, v->name);
    int rank = given ? given->rank : v->rank;
    const int64_t *dims = given ? given->dims : v->dims;
    bool is_half = is_listed(options->source.input_fp16_nodes, v->name);
    acn_net_value *value;
    if (!v->is_tensor || v->dtype == ACN_UNDEFINED)
        return acn_fail(ACN_OP_NOT_FOUND, "input \"%s\" is no tensor of a type that a device has",
                        v->name);
    ACN_TRY(check_shape(v, given != NULL, rank, dims));
    acn_aipp_config config;
    bool has_aipp;
    ACN_TRY(acn_aipp_find(options->source.aipp, net->input_count, v->name, &config, &has_aipp));
    if (has_aipp) return import_image(im, net, &config, v, rank, dims);
    ACN_TRY(acn_net_new_value(net, v->name, is_half ? ACN_F16 : v->dtype, rank, dims, &value));
    net->inputs[net->input_count++] = value;
    ACN_TRY(cast(net, v->name, value, v->dtype, &value));
    return acn_importer_bind(im, v->name, value);
}

/* Names that the options give and the model does not have. */
acn_status acn_onnx_check_inputs(const acn_net *net, const acn_onnx_options *options) {
    char name[MAX_NAME];
    for (const char *at = options->source.input_fp16_nodes; at && *at;) {
        size_t n = strcspn(at, ";");
        snprintf(name, sizeof name, "%.*s", (int)n, at);
        int i = 0;
        while (i < net->input_count && strcmp(net->inputs[i]->name, name) != 0)
            i++;
        if (n && i == net->input_count)
            return acn_fail(ACN_NAME_NOT_FOUND, "--input_fp16_nodes: the model has no input \"%s\"",
                            name);
        at += n + (at[n] == ';');
    }
    return ACN_OK;
}

/* ---- outputs --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    acn_dtype dtype;
} type_names[] = {
    {"FP32", ACN_F32},  {"FP16", ACN_F16},   {"UINT8", ACN_U8},   {"INT8", ACN_I8},
    {"INT16", ACN_I16}, {"UINT16", ACN_U16}, {"INT32", ACN_I32},  {"UINT32", ACN_U32},
    {"INT64", ACN_I64}, {"UINT64", ACN_U64}, {"DOUBLE", ACN_F64},
};

static acn_status read_type(const char *text, acn_dtype *out) {
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
        if (strcmp(type_names[i].name, text) == 0) {
            *out = type_names[i].dtype;
            return ACN_OK;
        }
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "Value [%s] for parameter [--output_type] is invalid. Reason: expected "
                    "FP32, FP16, UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64 or "
                    "DOUBLE, or NODE:INDEX:TYPE with --out_nodes",
                    text);
}

/* The type that |source| asks for the output NODE:INDEX to have. */
static acn_status output_type(const acn_source_options *source, const char *node, int index,
                              acn_dtype *out) {
    const char *text = source->output_type;
    char wanted[MAX_NAME], item[MAX_NAME];
    if (text == NULL || !*text) return ACN_OK;
    if (!strchr(text, ':')) return read_type(text, out);
    size_t length = (size_t)snprintf(wanted, sizeof wanted, "%s:%d:", node, index);
    while (*text) {
        size_t n = strcspn(text, ";");
        snprintf(item, sizeof item, "%.*s", (int)n, text);
        if (strncmp(item, wanted, length) == 0) return read_type(item + length, out);
        text += n + (text[n] == ';');
    }
    return ACN_OK;
}

/* The node that makes tensor |name|, and as which of its outputs; NULL for an input or constant. */
static const acn_onnx_node *maker_of(const acn_onnx_graph *graph, const char *name,
                                     int *out_index) {
    for (int i = 0; i < graph->node_count; i++)
        for (int k = 0; k < graph->nodes[i].outputs.count; k++)
            if (strcmp(graph->nodes[i].outputs.items[k], name) == 0) {
                *out_index = k;
                return &graph->nodes[i];
            }
    *out_index = 0;
    return NULL;
}

static const char *node_name(const acn_onnx_node *node, const char *tensor) {
    if (node == NULL) return tensor;
    return node->name[0] ? node->name : node->outputs.items[0];
}

/* NODE:INDEX:TENSOR, and the type that the options give it. */
static acn_status name_output(const acn_onnx_graph *graph, const acn_source_options *source,
                              const char *tensor, char name[MAX_NAME], acn_dtype *dtype) {
    int index;
    const char *node = node_name(maker_of(graph, tensor, &index), tensor);
    snprintf(name, MAX_NAME, "%s:%d:%s", node, index, tensor);
    return output_type(source, node, index, dtype);
}

static acn_status add_output(const acn_importer *im, acn_net *net, const acn_onnx_graph *graph,
                             const acn_source_options *source, const char *tensor) {
    acn_net_value *value = acn_importer_find(im, tensor);
    char name[MAX_NAME];
    if (!value) return acn_fail(ACN_PARSE_FILE, "no node makes output \"%s\"", tensor);
    if (acn_importer_list(im, value))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "output \"%s\" is a sequence, which no buffer of a client holds", tensor);
    if (value->is_late) return acn_net_await(net, value, "an output's size depends on data");
    acn_dtype dtype = value->tensor.dtype;
    ACN_TRY(name_output(graph, source, tensor, name, &dtype));
    ACN_TRY(cast(net, name, value, dtype, &value));
    const char *copy = acn_arena_copy(&net->arena, name, strlen(name) + 1);
    if (!copy) return no_memory();
    net->outputs[net->output_count] = value;
    net->output_names[net->output_count++] = copy;
    return ACN_OK;
}

/* "NODE:INDEX", or a tensor's name. */
static const char *chosen_tensor(const acn_onnx_graph *graph, const char *item) {
    const char *colon = strrchr(item, ':');
    int index;
    for (int i = 0; colon && i < graph->node_count; i++) {
        const acn_onnx_node *node = &graph->nodes[i];
        const char *name = node_name(node, "");
        char *end;
        long at = strtol(colon + 1, &end, 10);
        if (node->outputs.count == 0 || strlen(name) != (size_t)(colon - item) ||
            strncmp(name, item, (size_t)(colon - item)) != 0 || end == colon + 1 || *end)
            continue;
        return at >= 0 && at < node->outputs.count ? node->outputs.items[at] : NULL;
    }
    return maker_of(graph, item, &index) ? item : NULL;
}

/* The outputs, one after the other. */
typedef struct output_list {
    const acn_onnx_graph *graph;
    const char *chosen; /* NULL: the model's own */
    int index;
} output_list;

static output_list list_outputs(const acn_onnx_graph *graph, const acn_source_options *source) {
    const char *chosen = source->out_nodes && *source->out_nodes ? source->out_nodes : NULL;
    return (output_list){graph, chosen, 0};
}

/* *out NULL: that was the last one. */
static acn_status next_output(output_list *list, const char **out) {
    const acn_onnx_graph *graph = list->graph;
    char item[MAX_NAME];
    *out = NULL;
    if (!list->chosen) {
        if (list->index < graph->output_count) *out = graph->outputs[list->index++].name;
        return ACN_OK;
    }
    while (*list->chosen == ';')
        list->chosen++;
    if (!*list->chosen) return ACN_OK;
    size_t n = strcspn(list->chosen, ";");
    snprintf(item, sizeof item, "%.*s", (int)n, list->chosen);
    list->chosen += n;
    const char *tensor = chosen_tensor(graph, item);
    if (tensor == NULL || !*tensor)
        return acn_fail(ACN_NAME_NOT_FOUND,
                        "Opname [%s] in parameter [--out_nodes] is not in the model; "
                        "expected NODE:INDEX or the name of a tensor",
                        item);
    for (int i = 0; i < graph->node_count; i++) /* a name that stays */
        for (int k = 0; k < graph->nodes[i].outputs.count; k++)
            if (strcmp(graph->nodes[i].outputs.items[k], tensor) == 0)
                *out = graph->nodes[i].outputs.items[k];
    return ACN_OK;
}

acn_status acn_onnx_each_output(const acn_onnx_graph *graph, const acn_source_options *source,
                                acn_status (*visit)(void *context, const char *tensor),
                                void *context) {
    output_list list = list_outputs(graph, source);
    const char *tensor;
    ACN_TRY(next_output(&list, &tensor));
    while (tensor) {
        ACN_TRY(visit(context, tensor));
        ACN_TRY(next_output(&list, &tensor));
    }
    return ACN_OK;
}

acn_status acn_onnx_import_outputs(const acn_importer *im, acn_net *net,
                                   const acn_onnx_graph *graph, const acn_onnx_options *options) {
    const acn_source_options *source = &options->source;
    output_list list = list_outputs(graph, source);
    size_t most = (size_t)graph->output_count + 1;
    const char *tensor;
    for (const char *c = list.chosen; c && *c; c++)
        most += *c == ';';
    if (!list.chosen && source->output_type && strchr(source->output_type, ':'))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "Value [%s] for parameter [--output_type] is invalid. Reason: "
                        "types of single outputs go with --out_nodes",
                        source->output_type);
    net->outputs = acn_arena_alloc(&net->arena, (most + 1) * sizeof(void *));
    net->output_names = acn_arena_alloc(&net->arena, (most + 1) * sizeof(void *));
    if (!net->outputs || !net->output_names) return no_memory();
    ACN_TRY(next_output(&list, &tensor));
    while (tensor) {
        ACN_TRY(add_output(im, net, graph, source, tensor));
        ACN_TRY(next_output(&list, &tensor));
    }
    return ACN_OK;
}

/* ---- outputs that are only declared ---------------------------------------------------------- */

static const acn_onnx_value *declared(const acn_onnx_graph *graph, const char *tensor) {
    for (int i = 0; i < graph->output_count; i++)
        if (strcmp(graph->outputs[i].name, tensor) == 0) return &graph->outputs[i];
    for (int i = 0; i < graph->value_count; i++)
        if (strcmp(graph->values[i].name, tensor) == 0) return &graph->values[i];
    return NULL;
}

acn_status acn_onnx_declared_output(const acn_onnx_graph *graph, const acn_source_options *source,
                                    const char *tensor, acn_arena *arena, acn_onnx_value *out) {
    const acn_onnx_value *v = declared(graph, tensor);
    char name[MAX_NAME];
    if (!v || !v->is_tensor || v->dtype == ACN_UNDEFINED)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "output \"%s\" depends on data, and the model does not say which type it "
                        "has; run ONNX's shape inference on the model first",
                        tensor);
    *out = *v;
    ACN_TRY(name_output(graph, source, tensor, name, &out->dtype));
    out->name = acn_arena_copy(arena, name, strlen(name) + 1);
    return out->name ? ACN_OK : no_memory();
}
