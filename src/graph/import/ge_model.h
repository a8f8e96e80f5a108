/* ge_model.h - the graph engine's own form of a network, ge.proto.ModelDef, as it stands in .air
 * files, in memory that ge::Graph writes, and in what torchair hands over. Texts are copies; data
 * of constants are views of the bytes. */
#ifndef ACN_GRAPH_IMPORT_GE_MODEL_H
#define ACN_GRAPH_IMPORT_GE_MODEL_H

#include "base/arena.h"
#include "ops/signature.h"

#include <stddef.h>

enum { ACN_GE_ANY_RANK = -1 };

typedef struct acn_ge_desc {
    const char *name, *layout;
    acn_dtype dtype; /* ACN_UNDEFINED: not said, or none that a device has */
    int rank;        /* ACN_GE_ANY_RANK: not known */
    int64_t dims[ACN_MAX_DIMS];
} acn_ge_desc;

typedef struct acn_ge_tensor {
    acn_ge_desc desc;
    const void *data;
    size_t bytes;
} acn_ge_tensor;

typedef struct acn_ge_attr {
    acn_given given;
    acn_ge_tensor *tensor; /* of a tensor; |given| then only has the name */
    bool is_other;         /* of a kind that no operator here has: graphs, functions ... */
} acn_ge_attr;

/* Output |index| of another node. */
typedef struct acn_ge_edge {
    const char *node; /* NULL: an optional input that is absent */
    int index;        /* -1: only an order */
} acn_ge_edge;

typedef struct acn_ge_node {
    const char *name, *type;
    acn_ge_edge *inputs; /* without those that are only an order, which follow */
    int input_count, control_count;
    acn_ge_desc *input_descs, *output_descs;
    int input_desc_count, output_desc_count;
    acn_ge_attr *attrs;
    int attr_count;
} acn_ge_node;

typedef struct acn_ge_model {
    const char *name;
    acn_ge_node *nodes;
    int node_count;
    acn_ge_edge *outputs; /* when no node of type NetOutput says it */
    int output_count;
    acn_arena arena;
} acn_ge_model;

/* ACN_PARSE_FILE for what is no such model. |bytes| must stay; |name| is for error texts. */
acn_status acn_ge_read(const char *name, const void *bytes, size_t size, acn_ge_model **out);
void acn_ge_close(acn_ge_model *model);

const acn_ge_attr *acn_ge_attr_find(const acn_ge_node *node, const char *name);

#endif
