/* onnx.h - from an ONNX model to a network of operator calls.
 *
 * Import runs the model once on shapes: each node becomes a call whose infer gives the outputs'
 * shapes, so that shape arithmetic and everything else that depends on constants is gone when the
 * network is done. All inputs therefore need known shapes.
 */
#ifndef ACN_GRAPH_IMPORT_ONNX_H
#define ACN_GRAPH_IMPORT_ONNX_H

#include "graph/import/onnx_model.h"
#include "graph/net.h"

/* What the user says of an input; the model may leave dimensions open. */
typedef struct acn_onnx_shape {
    const char *name;
    int rank;
    int64_t dims[ACN_MAX_DIMS];
} acn_onnx_shape;

/* How inputs and outputs differ from the model's own: atc's option texts; NULL or "": they do not.
 */
typedef struct acn_source_options {
    const char *out_nodes;        /* "NODE:INDEX;..." or names of tensors */
    const char *output_type;      /* "FP16", or "NODE:INDEX:FP16;..." */
    const char *input_fp16_nodes; /* "INPUT;..." */
    const char *aipp;             /* the text of a file for --insert_op_conf (aipp.h) */
    const char *switches;         /* that of a file for --fusion_switch_file (pass.h) */
} acn_source_options;

typedef struct acn_onnx_options {
    const acn_onnx_shape *shapes;
    int shape_count;
    acn_source_options source;
    /* The network may end where it awaits data (net.h): then it has its inputs, the nodes up to
     * there, and no outputs. */
    bool can_wait;
} acn_onnx_options;

/* ACN_OP_NOT_FOUND lists all operators that are missing, each with the nodes that use it. The model
 * must stay as long as the network, whose constants lie in it. */
acn_status acn_onnx_import(const acn_onnx_model *model, const acn_onnx_options *options,
                           acn_net **out);

/* The tensors that are outputs. */
acn_status acn_onnx_each_output(const acn_onnx_graph *graph, const acn_source_options *source,
                                acn_status (*visit)(void *context, const char *tensor),
                                void *context);
/* What the model says of one: its name as a client sees it, in |arena|, type and shape. */
acn_status acn_onnx_declared_output(const acn_onnx_graph *graph, const acn_source_options *source,
                                    const char *tensor, acn_arena *arena, acn_onnx_value *out);

/* Whether the node's operator can be imported. */
bool acn_onnx_is_supported(const acn_onnx_node *node);

/* ACN_OP_NOT_FOUND lists all operators that are missing, each with the nodes that use it. */
acn_status acn_onnx_check_operators(const acn_onnx_model *model);

typedef struct acn_onnx_use {
    const char *type, *domain;
    const char *first_node;
    int count;
    bool is_supported;
} acn_onnx_use;
/* Calls |visit| for each operator that the model uses, in subgraphs as well; by name. */
acn_status acn_onnx_uses(const acn_onnx_model *model,
                         void (*visit)(void *context, const acn_onnx_use *use), void *context);

#endif
