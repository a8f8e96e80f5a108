/* onnx_model.h - an ONNX model as it stands in the file: nodes, tensors, attributes, by name.
 *
 * Reading checks the container only; what a node means is the importer's subject. Texts are copied
 * and end with NUL; the data of tensors are views of the file, which stays mapped as long as the
 * model, so a large model costs no memory twice.
 */
#ifndef ACN_GRAPH_IMPORT_ONNX_MODEL_H
#define ACN_GRAPH_IMPORT_ONNX_MODEL_H

#include "base/arena.h"
#include "base/status.h"
#include "ops/tensor.h"

typedef struct acn_onnx_graph acn_onnx_graph;

typedef struct acn_onnx_names {
    const char **items;
    int count;
} acn_onnx_names;

/* A tensor with its values: an initializer, or in an attribute. */
typedef struct acn_onnx_tensor {
    const char *name;
    int type;        /* ONNX's number */
    acn_dtype dtype; /* ACN_UNDEFINED for types that aclDataType does not have */
    int rank;
    int64_t dims[ACN_MAX_DIMS];
    const void *data; /* contiguous, little endian; NULL when the file has none here */
    size_t bytes;
    /* Otherwise in a file beside the model's, until external.c has read it. */
    const char *location;
    int64_t location_offset, location_bytes; /* -1: up to the end */
} acn_onnx_tensor;

/* ONNX's numbers for the kinds of attributes. */
typedef enum acn_onnx_attr_kind {
    ACN_ONNX_FLOAT = 1,
    ACN_ONNX_INT = 2,
    ACN_ONNX_STRING = 3,
    ACN_ONNX_TENSOR = 4,
    ACN_ONNX_GRAPH = 5,
    ACN_ONNX_FLOATS = 6,
    ACN_ONNX_INTS = 7,
    ACN_ONNX_STRINGS = 8,
} acn_onnx_attr_kind;

typedef struct acn_onnx_attr {
    const char *name;
    const char *reference; /* inside a function: the function's attribute that is meant */
    int kind;              /* acn_onnx_attr_kind, or one that no operator here uses */
    float f;
    int64_t i;
    const char *text;
    acn_onnx_tensor *tensor;
    acn_onnx_graph *graph;
    float *floats;
    int64_t *ints;
    acn_onnx_names texts;
    int count; /* of floats or ints */
} acn_onnx_attr;

typedef struct acn_onnx_node {
    const char *name, *type, *domain; /* "" for what is not given; "ai.onnx" is "" as well */
    acn_onnx_names inputs, outputs;   /* "" for an optional one that is absent */
    acn_onnx_attr *attrs;
    int attr_count;
} acn_onnx_node;

/* What a graph says of a tensor that it does not hold. */
typedef struct acn_onnx_value {
    const char *name;
    acn_dtype dtype;
    bool is_tensor;             /* otherwise a sequence, map or optional */
    int rank;                   /* -1: unknown */
    int64_t dims[ACN_MAX_DIMS]; /* -1: unknown, or named by |symbols| */
    const char *symbols[ACN_MAX_DIMS];
} acn_onnx_value;

struct acn_onnx_graph {
    const char *name;
    acn_onnx_node *nodes;
    acn_onnx_tensor *initializers;
    acn_onnx_value *inputs, *outputs, *values;
    int node_count, initializer_count, input_count, output_count, value_count;
};

typedef struct acn_onnx_opset {
    const char *domain;
    int64_t version;
} acn_onnx_opset;

/* A function of the model: an operator that is given by other operators. */
typedef struct acn_onnx_function {
    const char *name, *domain;
    acn_onnx_names inputs, outputs, attrs;
    acn_onnx_node *nodes;
    acn_onnx_opset *opsets;
    acn_onnx_attr *defaults; /* of attributes that the caller need not give */
    int node_count, opset_count, default_count;
} acn_onnx_function;

typedef struct acn_onnx_model {
    int64_t ir_version;
    const char *producer, *producer_version;
    acn_onnx_opset *opsets;
    acn_onnx_function *functions;
    int opset_count, function_count;
    acn_onnx_graph graph;
    acn_arena arena;
    void *mapping;
    size_t mapping_bytes;
} acn_onnx_model;

/* Reads |path|. ACN_PARSE_FILE for what is no ONNX model, with the place and what was expected. */
acn_status acn_onnx_open(const char *path, acn_onnx_model **out);
/* The same from memory, which must stay; |name| is for error texts. */
acn_status acn_onnx_read(const char *name, const void *bytes, size_t size, acn_onnx_model **out);
void acn_onnx_close(acn_onnx_model *model);
/* Copies the initializers that do not lie as operators want them, once for all imports. */
acn_status acn_onnx_align(acn_onnx_model *model);

/* Tensors whose values lie in other files, subgraphs' and functions' as well, in one order. */
acn_status acn_onnx_each_external(acn_onnx_model *model,
                                  acn_status (*visit)(void *context, acn_onnx_tensor *tensor),
                                  void *context);
/* Reads them; the files lie below |folder|. */
acn_status acn_onnx_load_external(acn_onnx_model *model, const char *folder);

/* NULL: an operator of that name is none of the model's functions. */
const acn_onnx_function *acn_onnx_function_find(const acn_onnx_model *model, const char *name,
                                                const char *domain);
/* The version of |domain|'s operators that the model wants; 0: it does not import the domain. */
int64_t acn_onnx_version(const acn_onnx_model *model, const char *domain);
/* ACN_UNDEFINED for what has no aclDataType: strings, 4-bit and 8-bit floats ... */
acn_dtype acn_onnx_dtype(int type);
/* The node's attribute, or NULL. */
const acn_onnx_attr *acn_onnx_attr_find(const acn_onnx_node *node, const char *name);

#endif
