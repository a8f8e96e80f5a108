/* source.h - a model as others wrote it, ONNX's form or the graph engine's: what conversions and
 * models of open sizes begin with. Bytes say by themselves which form they have. */
#ifndef ACN_GRAPH_IMPORT_SOURCE_H
#define ACN_GRAPH_IMPORT_SOURCE_H

#include "graph/import/ge.h"
#include "graph/import/onnx.h"

typedef enum acn_source_kind { ACN_SOURCE_ONNX, ACN_SOURCE_GE } acn_source_kind;

typedef struct acn_source {
    acn_source_kind kind;
    acn_onnx_model *onnx;
    acn_ge_model *ge;
    const void *bytes;
    size_t size;
    void *mapping; /* of a file of the graph engine's form */
} acn_source;

bool acn_source_is_ge(const void *bytes, size_t size);
/* |bytes| must stay; |name| is for error texts. */
acn_status acn_source_read(const char *name, const void *bytes, size_t size, acn_source *out);
acn_status acn_source_open(const char *path, acn_source_kind kind, acn_source *out);
void acn_source_close(acn_source *source);
/* For many imports: what does not lie as operators want it is copied once. */
acn_status acn_source_align(acn_source *source);
/* The source must stay as long as the network. */
acn_status acn_source_import(const acn_source *source, const acn_onnx_options *options,
                             acn_net **out);
/* What is wrong with it whatever the shapes will be. */
acn_status acn_source_check(const acn_source *source);
/* Reads what lies in files beside the model's, below |folder|. */
acn_status acn_source_load_external(acn_source *source, const char *folder);
/* Calls |visit| for each constant whose values lie in the bytes. */
acn_status acn_source_constants(const acn_source *source,
                                acn_status (*visit)(void *context, const void *data, size_t bytes),
                                void *context);

#endif
