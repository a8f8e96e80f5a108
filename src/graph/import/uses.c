/* uses.c - which operators a model uses, and which of them are missing. */
#include "graph/import/importer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_USES = 512 };

typedef struct use_list {
    const acn_onnx_model *model;
    acn_onnx_use use[MAX_USES];
    int count;
} use_list;

static void note_node(use_list *list, const acn_onnx_node *node);

static void note_graph(use_list *list, const acn_onnx_graph *graph) {
    for (int i = 0; i < graph->node_count; i++)
        note_node(list, &graph->nodes[i]);
}

/* Functions of the model are nothing that it uses: their nodes are, and are all noted once. */
static void note_node(use_list *list, const acn_onnx_node *node) {
    int i = 0;
    for (int a = 0; a < node->attr_count; a++)
        if (node->attrs[a].graph) note_graph(list, node->attrs[a].graph);
    if (acn_onnx_function_find(list->model, node->type, node->domain)) return;
    while (i < list->count && (strcmp(list->use[i].type, node->type) != 0 ||
                               strcmp(list->use[i].domain, node->domain) != 0))
        i++;
    if (i == list->count && i < MAX_USES)
        list->use[list->count++] =
            (acn_onnx_use){.type = node->type,
                           .domain = node->domain,
                           .first_node = node->name,
                           .is_supported = acn_onnx_op_find(node->type, node->domain) != NULL};
    if (i < MAX_USES) list->use[i].count++;
}

static int compare_uses(const void *a, const void *b) {
    return strcmp(((const acn_onnx_use *)a)->type, ((const acn_onnx_use *)b)->type);
}

bool acn_onnx_is_supported(const acn_onnx_node *node) {
    return acn_onnx_op_find(node->type, node->domain) != NULL;
}

acn_status acn_onnx_uses(const acn_onnx_model *model,
                         void (*visit)(void *context, const acn_onnx_use *use), void *context) {
    use_list *list = calloc(1, sizeof *list);
    if (list == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory to list operators");
    list->model = model;
    note_graph(list, &model->graph);
    for (int i = 0; i < model->function_count; i++)
        for (int n = 0; n < model->functions[i].node_count; n++)
            note_node(list, &model->functions[i].nodes[n]);
    qsort(list->use, (size_t)list->count, sizeof *list->use, compare_uses);
    for (int i = 0; i < list->count; i++)
        visit(context, &list->use[i]);
    free(list);
    return ACN_OK;
}

typedef struct missing_text {
    char text[512];
    size_t length;
    int count;
} missing_text;

static void note_missing(void *context, const acn_onnx_use *use) {
    missing_text *m = context;
    if (use->is_supported) return;
    size_t room = sizeof m->text - m->length;
    int n = snprintf(m->text + m->length, room, "%s%s%s%s (%d, first node \"%s\")",
                     m->count++ ? ", " : "", use->domain, use->domain[0] ? "." : "", use->type,
                     use->count, use->first_node);
    if (n > 0) m->length += (size_t)n < room ? (size_t)n : room - 1;
}

acn_status acn_onnx_check_operators(const acn_onnx_model *model) {
    missing_text m = {.text = ""};
    ACN_TRY(acn_onnx_uses(model, note_missing, &m));
    if (m.count == 0) return ACN_OK;
    return acn_fail(ACN_OP_NOT_FOUND, "%d operators of the model are not supported: %s", m.count,
                    m.text);
}
