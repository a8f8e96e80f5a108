/* source.c - see source.h. */
#include "graph/import/source.h"

#include "base/wire.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first two fields are a version and a text there, a text and a version here; where both are
 * absent, only ONNX's form says which operator sets it uses. */
bool acn_source_is_ge(const void *bytes, size_t size) {
    enum { GRAPH = 7, ONNX_OPSETS = 8 };
    acn_wire wire = acn_wire_open(bytes, size);
    acn_wire_field f;
    bool has_graph = false;
    while (acn_wire_next(&wire, &f)) {
        if (f.number == 1) return f.kind == ACN_WIRE_BYTES;
        if (f.number == 2) return f.kind == ACN_WIRE_VARINT;
        if (f.number == ONNX_OPSETS) return false;
        has_graph |= f.number == GRAPH;
    }
    return has_graph && !wire.is_bad;
}

acn_status acn_source_read(const char *name, const void *bytes, size_t size, acn_source *out) {
    *out = (acn_source){.bytes = bytes, .size = size};
    if (!acn_source_is_ge(bytes, size)) return acn_onnx_read(name, bytes, size, &out->onnx);
    out->kind = ACN_SOURCE_GE;
    return acn_ge_read(name, bytes, size, &out->ge);
}

static acn_status open_ge(const char *path, acn_source *out) {
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    void *bytes = MAP_FAILED;
    if (file >= 0 && fstat(file, &about) == 0 && about.st_size > 0)
        bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (file >= 0) close(file);
    if (bytes == MAP_FAILED)
        return acn_fail(ACN_INVALID_FILE, "%s cannot be read; give a readable file", path);
    *out = (acn_source){
        .kind = ACN_SOURCE_GE, .bytes = bytes, .size = (size_t)about.st_size, .mapping = bytes};
    acn_status status = acn_ge_read(path, bytes, out->size, &out->ge);
    if (status != ACN_OK) acn_source_close(out);
    return status;
}

acn_status acn_source_open(const char *path, acn_source_kind kind, acn_source *out) {
    *out = (acn_source){.kind = kind};
    if (kind == ACN_SOURCE_GE) return open_ge(path, out);
    ACN_TRY(acn_onnx_open(path, &out->onnx));
    out->bytes = out->onnx->mapping;
    out->size = out->onnx->mapping_bytes;
    return ACN_OK;
}

void acn_source_close(acn_source *source) {
    acn_onnx_close(source->onnx);
    acn_ge_close(source->ge);
    if (source->mapping) munmap(source->mapping, source->size);
    *source = (acn_source){0};
}

acn_status acn_source_align(acn_source *source) {
    return source->onnx ? acn_onnx_align(source->onnx) : ACN_OK;
}

acn_status acn_source_load_external(acn_source *source, const char *folder) {
    return source->onnx ? acn_onnx_load_external(source->onnx, folder) : ACN_OK;
}

acn_status acn_source_import(const acn_source *source, const acn_onnx_options *options,
                             acn_net **out) {
    return source->ge ? acn_ge_import(source->ge, options, out)
                      : acn_onnx_import(source->onnx, options, out);
}

acn_status acn_source_check(const acn_source *source) {
    return source->ge ? acn_ge_check(source->ge) : acn_onnx_check_operators(source->onnx);
}

acn_status acn_source_constants(const acn_source *source,
                                acn_status (*visit)(void *context, const void *data, size_t bytes),
                                void *context) {
    const acn_onnx_graph *graph = source->onnx ? &source->onnx->graph : NULL;
    for (int i = 0; graph && i < graph->initializer_count; i++) {
        const acn_onnx_tensor *t = &graph->initializers[i];
        if (t->data && !t->location) ACN_TRY(visit(context, t->data, t->bytes));
    }
    for (int i = 0; source->ge && i < source->ge->node_count; i++) {
        const acn_ge_attr *value = acn_ge_attr_find(&source->ge->nodes[i], "value");
        if (value && value->tensor && value->tensor->data)
            ACN_TRY(visit(context, value->tensor->data, value->tensor->bytes));
    }
    return ACN_OK;
}
