/* reads.c - which names the rest of a graph needs. */
#include "graph/import/importer.h"
#include "graph/import/stage.h"

typedef struct reader {
    acn_names made, seen; /* sets */
    acn_status (*visit)(void *context, const char *name);
    void *context;
} reader;

static acn_status read_name(reader *r, const char *name) {
    if (!name[0] || acn_names_find(&r->made, name) || acn_names_find(&r->seen, name)) return ACN_OK;
    ACN_TRY(acn_names_bind(&r->seen, name, r));
    return r->visit(r->context, name);
}

static acn_status make_name(reader *r, const char *name) {
    return name[0] ? acn_names_bind(&r->made, name, r) : ACN_OK;
}

static acn_status read_nodes(reader *r, const acn_onnx_graph *graph, int first);

/* What it makes is seen nowhere else. */
static acn_status read_inner(reader *r, const acn_onnx_graph *graph) {
    size_t mark = r->made.bound_count;
    for (int i = 0; i < graph->input_count; i++)
        ACN_TRY(make_name(r, graph->inputs[i].name));
    for (int i = 0; i < graph->initializer_count; i++)
        ACN_TRY(make_name(r, graph->initializers[i].name));
    ACN_TRY(read_nodes(r, graph, 0));
    for (int i = 0; i < graph->output_count; i++)
        ACN_TRY(read_name(r, graph->outputs[i].name));
    acn_names_return(&r->made, mark);
    return ACN_OK;
}

static acn_status read_nodes(reader *r, const acn_onnx_graph *graph, int first) {
    for (int i = first; i < graph->node_count; i++) {
        const acn_onnx_node *node = &graph->nodes[i];
        for (int k = 0; k < node->inputs.count; k++)
            ACN_TRY(read_name(r, node->inputs.items[k]));
        for (int a = 0; a < node->attr_count; a++)
            if (node->attrs[a].graph) ACN_TRY(read_inner(r, node->attrs[a].graph));
        for (int k = 0; k < node->outputs.count; k++)
            ACN_TRY(make_name(r, node->outputs.items[k]));
    }
    return ACN_OK;
}

static acn_status read_output(void *context, const char *name) { return read_name(context, name); }

static acn_status read_all(reader *r, const acn_onnx_graph *graph, const acn_source_options *source,
                           int first) {
    ACN_TRY(read_nodes(r, graph, first < 0 ? 0 : first));
    if (source) return acn_onnx_each_output(graph, source, read_output, r);
    for (int i = 0; i < graph->output_count; i++)
        ACN_TRY(read_name(r, graph->outputs[i].name));
    return ACN_OK;
}

acn_status acn_onnx_reads(const acn_onnx_graph *graph, const acn_source_options *source, int first,
                          acn_status (*visit)(void *context, const char *name), void *context) {
    reader r = {.visit = visit, .context = context};
    acn_status status = read_all(&r, graph, source, first);
    acn_names_free(&r.made);
    acn_names_free(&r.seen);
    return status;
}
