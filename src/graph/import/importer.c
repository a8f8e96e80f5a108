/* importer.c - a model's nodes, one after the other, and what their importers share. */
#include "graph/import/importer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names of values, by open addressing; a subgraph sees the names of what surrounds it. */
typedef struct name_entry {
    const char *name;
    acn_net_value *value;
} name_entry;

enum { MAX_LATE = 16 };

struct acn_importer {
    const acn_onnx_model *model;
    const acn_onnx_options *options;
    acn_net *net;
    name_entry *entries;
    size_t room, used;
    acn_net_value *late[MAX_LATE];
    int late_count;
};

const acn_onnx_op *acn_onnx_op_find(const char *type, const char *domain) {
    const acn_onnx_op *found = NULL;
    ACN_FOR_EACH(onnx_op, op) {
        if (strcmp(op->type, type) == 0 && strcmp(op->domain ? op->domain : "", domain) == 0)
            found = op;
    }
    return found;
}

/* ---- names ----------------------------------------------------------------------------------- */

static size_t hash_name(const char *name) {
    size_t hash = 14695981039346656037u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return hash;
}

static name_entry *entry_of(const acn_importer *im, const char *name) {
    size_t at = hash_name(name) & (im->room - 1);
    while (im->entries[at].name && strcmp(im->entries[at].name, name) != 0)
        at = (at + 1) & (im->room - 1);
    return &im->entries[at];
}

static acn_status grow_names(acn_importer *im) {
    name_entry *old = im->entries;
    size_t old_room = im->room;
    im->room = old_room ? 2 * old_room : 256;
    im->entries = calloc(im->room, sizeof *im->entries);
    if (im->entries == NULL) {
        im->entries = old;
        im->room = old_room;
        return acn_fail(ACN_BAD_ALLOC, "no host memory for the names of a model");
    }
    for (size_t i = 0; i < old_room; i++)
        if (old[i].name) *entry_of(im, old[i].name) = old[i];
    free(old);
    return ACN_OK;
}

acn_status acn_importer_bind(acn_importer *im, const char *name, acn_net_value *value) {
    if (2 * (im->used + 1) > im->room) ACN_TRY(grow_names(im));
    name_entry *entry = entry_of(im, name);
    im->used += entry->name == NULL;
    *entry = (name_entry){name, value};
    return ACN_OK;
}

acn_net_value *acn_importer_find(const acn_importer *im, const char *name) {
    return im->room ? entry_of(im, name)->value : NULL;
}

acn_status acn_importer_add_late(acn_importer *im, acn_net_value *value) {
    if (im->late_count == MAX_LATE)
        return acn_fail(ACN_INVALID_ARGUMENT, "more than %d inputs bring parameters", MAX_LATE);
    im->late[im->late_count++] = value;
    return ACN_OK;
}

/* ---- constants ------------------------------------------------------------------------------- */

/* External data: a path below the model's folder, which must not lead out of it. */
static acn_status map_external(acn_importer *im, const acn_onnx_tensor *t, const void **out) {
    char path[4096];
    const char *folder = im->options->folder ? im->options->folder : ".";
    struct stat about;
    int64_t bytes = acn_dtype_bytes(t->dtype), offset = t->location_offset;
    for (int d = 0; d < t->rank; d++) /* acn_onnx_read has seen that they can be counted */
        bytes *= t->dims[d];
    if (t->location[0] == '/' || strstr(t->location, ".."))
        return acn_fail(ACN_PARSE_FILE,
                        "tensor \"%s\" lies in %s, which leads out of the model's folder", t->name,
                        t->location);
    snprintf(path, sizeof path, "%s/%s", folder, t->location);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &about) != 0 || offset < 0 || about.st_size - offset < bytes) {
        if (file >= 0) close(file);
        return acn_fail(ACN_INVALID_FILE,
                        "tensor \"%s\" needs %lld bytes at %lld of %s, which does not have them; "
                        "put the model's data files beside it",
                        t->name, (long long)bytes, (long long)offset, path);
    }
    char *copy = acn_arena_alloc(&im->net->arena, (size_t)bytes + 1);
    bool is_read = copy != NULL;
    for (int64_t done = 0, n; is_read && done < bytes; done += n) /* 2 GiB at most at a time */
        is_read = (n = pread(file, copy + done, (size_t)(bytes - done), offset + done)) > 0;
    close(file);
    if (!is_read) return acn_fail(ACN_INVALID_FILE, "%s cannot be read", path);
    *out = copy;
    return ACN_OK;
}

static acn_status import_tensor(acn_importer *im, const acn_onnx_tensor *t, const char *name,
                                acn_net_value **out) {
    const void *data = t->data;
    if (t->dtype == ACN_UNDEFINED)
        return acn_fail(ACN_OP_NOT_FOUND, "tensor \"%s\" has ONNX's type %d, which no device has",
                        name, t->type);
    if (t->location) ACN_TRY(map_external(im, t, &data));
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

static acn_status import_node(acn_importer *im, const acn_onnx_node *node) {
    acn_onnx_call c = {.importer = im,
                       .net = im->net,
                       .node = node,
                       .opset = acn_onnx_version(im->model, node->domain),
                       .in_count = node->inputs.count,
                       .out_count = node->outputs.count};
    if (c.in_count > ACN_ONNX_MAX_TENSORS || c.out_count > ACN_ONNX_MAX_TENSORS)
        return acn_onnx_bad(&c, "more than %d tensors", ACN_ONNX_MAX_TENSORS);
    for (int i = 0; i < c.in_count; i++) {
        const char *name = node->inputs.items[i];
        c.in[i] = name[0] ? acn_importer_find(im, name) : NULL;
        if (name[0] && !c.in[i])
            return acn_onnx_bad(&c,
                                "input \"%s\" is made by no node before it; the nodes are in the "
                                "wrong order or form a cycle",
                                name);
    }
    while (c.in_count > 0 && c.in[c.in_count - 1] == NULL)
        c.in_count--;
    const acn_onnx_op *op = acn_onnx_op_find(node->type, node->domain);
    ACN_TRY(check_tensors(&c, op));
    ACN_TRY(op->row ? import_row(&c, op->row) : op->import(&c));
    for (int i = 0; i < c.out_count; i++) {
        const char *name = node->outputs.items[i];
        if (!name[0]) continue;
        if (!c.out[i]) return acn_onnx_bad(&c, "output \"%s\" is not made here", name);
        ACN_TRY(acn_importer_bind(im, name, c.out[i]));
    }
    return ACN_OK;
}

/* ---- the model ------------------------------------------------------------------------------- */

static acn_status import_graph(acn_importer *im, const acn_onnx_graph *graph) {
    acn_net_value *value;
    im->net->inputs =
        acn_arena_alloc(&im->net->arena, ((size_t)graph->input_count + MAX_LATE) * sizeof(void *));
    if (im->net->inputs == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory");
    for (int i = 0; i < graph->initializer_count; i++) {
        const acn_onnx_tensor *t = &graph->initializers[i];
        ACN_TRY(import_tensor(im, t, t->name, &value));
        ACN_TRY(acn_importer_bind(im, t->name, value));
    }
    for (int i = 0; i < graph->input_count; i++) /* old models list initializers here as well */
        if (!acn_importer_find(im, graph->inputs[i].name))
            ACN_TRY(acn_onnx_import_input(im, im->net, im->options, &graph->inputs[i]));
    for (int i = 0; i < im->late_count; i++)
        im->net->inputs[im->net->input_count++] = im->late[i];
    ACN_TRY(acn_onnx_check_inputs(im->net, im->options));
    for (int i = 0; i < graph->node_count; i++)
        ACN_TRY(import_node(im, &graph->nodes[i]));
    return acn_onnx_import_outputs(im, im->net, graph, im->options);
}

acn_status acn_onnx_import(const acn_onnx_model *model, const acn_onnx_options *options,
                           acn_net **out) {
    acn_importer im = {.model = model, .options = options};
    ACN_TRY(acn_onnx_check_operators(model));
    ACN_TRY(acn_net_create(model->graph.name, &im.net));
    acn_status status = import_graph(&im, &model->graph);
    free(im.entries);
    if (status != ACN_OK) {
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
        return import_tensor(c->importer, a->tensor, name, c->out);
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
