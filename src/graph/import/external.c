/* external.c - tensors whose values lie in files beside the model's. */
#include "graph/import/onnx_model.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct visitor {
    acn_status (*visit)(void *context, acn_onnx_tensor *tensor);
    void *context;
} visitor;

static acn_status visit_graph(const visitor *v, acn_onnx_graph *graph);

static acn_status visit_nodes(const visitor *v, acn_onnx_node *nodes, int count) {
    for (int i = 0; i < count; i++)
        for (int a = 0; a < nodes[i].attr_count; a++) {
            acn_onnx_attr *attr = &nodes[i].attrs[a];
            if (attr->tensor && attr->tensor->location) ACN_TRY(v->visit(v->context, attr->tensor));
            if (attr->graph) ACN_TRY(visit_graph(v, attr->graph));
        }
    return ACN_OK;
}

static acn_status visit_graph(const visitor *v, acn_onnx_graph *graph) {
    for (int i = 0; i < graph->initializer_count; i++)
        if (graph->initializers[i].location) ACN_TRY(v->visit(v->context, &graph->initializers[i]));
    return visit_nodes(v, graph->nodes, graph->node_count);
}

acn_status acn_onnx_each_external(acn_onnx_model *model,
                                  acn_status (*visit)(void *context, acn_onnx_tensor *tensor),
                                  void *context) {
    const visitor v = {visit, context};
    ACN_TRY(visit_graph(&v, &model->graph));
    for (int i = 0; i < model->function_count; i++)
        ACN_TRY(visit_nodes(&v, model->functions[i].nodes, model->functions[i].node_count));
    return ACN_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct loader {
    acn_onnx_model *model;
    const char *folder;
} loader;

/* A path below the model's folder, which must not lead out of it. */
static acn_status load(void *context, acn_onnx_tensor *t) {
    loader *l = context;
    char path[4096];
    struct stat about;
    int64_t bytes = acn_dtype_bytes(t->dtype), offset = t->location_offset;
    for (int d = 0; d < t->rank; d++) /* acn_onnx_read has seen that they can be counted */
        bytes *= t->dims[d];
    if (t->location[0] == '/' || strstr(t->location, ".."))
        return acn_fail(ACN_PARSE_FILE,
                        "tensor \"%s\" lies in %s, which leads out of the model's folder", t->name,
                        t->location);
    snprintf(path, sizeof path, "%s/%s", l->folder, t->location);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &about) != 0 || offset < 0 || about.st_size - offset < bytes) {
        if (file >= 0) close(file);
        return acn_fail(ACN_INVALID_FILE,
                        "tensor \"%s\" needs %lld bytes at %lld of %s, which does not have them; "
                        "put the model's data files beside it",
                        t->name, (long long)bytes, (long long)offset, path);
    }
    char *copy = acn_arena_alloc(&l->model->arena, (size_t)bytes + 1);
    bool is_read = copy != NULL;
    for (int64_t done = 0, n; is_read && done < bytes; done += n) /* 2 GiB at most at a time */
        is_read = (n = pread(file, copy + done, (size_t)(bytes - done), offset + done)) > 0;
    close(file);
    if (!is_read) return acn_fail(ACN_INVALID_FILE, "%s cannot be read", path);
    t->data = copy;
    t->bytes = (size_t)bytes;
    return ACN_OK;
}

acn_status acn_onnx_load_external(acn_onnx_model *model, const char *folder) {
    loader l = {model, folder};
    return acn_onnx_each_external(model, load, &l);
}
