/* importer.h - how an ONNX operator is imported. Private to this folder.
 *
 * An operator that is one of ours under another name is a row of onnx_rows.c. Others are functions
 * in a file of their family, which ends in
 *
 *     ACN_ONNX(reshape) = {.type = "Reshape", .import = reshape};
 */
#ifndef ACN_GRAPH_IMPORT_IMPORTER_H
#define ACN_GRAPH_IMPORT_IMPORTER_H

#include "base/registry.h"
#include "graph/import/names.h"
#include "graph/import/onnx.h"

enum { ACN_ONNX_MAX_TENSORS = 256, ACN_ONNX_NONE = -1 };

typedef struct acn_importer acn_importer;

/* A sequence. It exists while a model is imported only, under a value that no operator gets. */
typedef struct acn_onnx_list {
    acn_net_value **items;
    int count;
} acn_onnx_list;

typedef struct acn_list_entry {
    acn_onnx_list list;
    const acn_net_value *handle;
    struct acn_list_entry *next;
} acn_list_entry;

/* The function of the model that is being imported; functions call others. */
typedef struct acn_onnx_frame {
    const acn_onnx_function *function;
    const acn_onnx_node *caller; /* its attributes are the function's */
} acn_onnx_frame;

enum { ACN_ONNX_MAX_LATE = 16 };

struct acn_importer {
    const acn_onnx_model *model;
    const acn_onnx_options *options;
    acn_net *net;
    acn_names names;
    const acn_onnx_frame *frame; /* NULL: the graph itself */
    acn_list_entry *lists;
    int nesting; /* of subgraphs and functions */
    acn_net_value *late[ACN_ONNX_MAX_LATE];
    int late_count;
};

/* One node on its way. */
typedef struct acn_onnx_call {
    acn_importer *importer;
    acn_net *net;
    const acn_onnx_node *node;
    int64_t opset; /* version of the node's domain */
    int in_count, out_count;
    acn_net_value *in[ACN_ONNX_MAX_TENSORS]; /* NULL: absent */
    acn_net_value *out[ACN_ONNX_MAX_TENSORS];
} acn_onnx_call;

typedef struct acn_onnx_row {
    const char *type;   /* ONNX's */
    const char *op;     /* ours */
    const char *inputs; /* our slots for its inputs, in order */
    const char *output; /* our slot */
    acn_dtype dtype;    /* of the output; ACN_UNDEFINED: the first input's */
} acn_onnx_row;

typedef struct acn_onnx_op {
    const char *type;
    const char *domain; /* NULL: ONNX's own */
    int required;       /* inputs that every node has: 0 is the first one, ACN_ONNX_NONE none */
    acn_status (*import)(acn_onnx_call *c);
    const acn_onnx_row *row; /* instead of |import| */
    bool takes_lists;        /* inputs may be sequences */
} acn_onnx_op;

ACN_REGISTRY(onnx_op);
#define ACN_ONNX(id) ACN_REGISTER(onnx_op, id)

const acn_onnx_op *acn_onnx_op_find(const char *type, const char *domain);

/* A name's value, and a value's name. NULL: there is none. */
acn_net_value *acn_importer_find(const acn_importer *importer, const char *name);
acn_status acn_importer_bind(acn_importer *importer, const char *name, acn_net_value *value);
/* An input that follows those of the model. */
acn_status acn_importer_add_late(acn_importer *importer, acn_net_value *value);

/* The parts of an import: a tensor with its values, the inputs and initializers of the model, one
 * node. */
acn_status acn_onnx_import_tensor(acn_importer *importer, const acn_onnx_tensor *tensor,
                                  const char *name, acn_net_value **out);
acn_status acn_onnx_import_inputs(acn_importer *importer, const acn_onnx_graph *graph);
acn_status acn_onnx_import_node(acn_importer *importer, const acn_onnx_node *node);

/* The nodes of |graph|, here: a subgraph of the node, whose inputs are |inputs|. */
acn_status acn_onnx_inline(acn_onnx_call *c, const acn_onnx_graph *graph,
                           acn_net_value *const *inputs, int input_count, acn_net_value **out,
                           int out_count);

acn_status acn_onnx_list_new(acn_onnx_call *c, acn_net_value *const *items, int count,
                             acn_net_value **out);
/* NULL: the value is a tensor. */
const acn_onnx_list *acn_importer_list(const acn_importer *importer, const acn_net_value *value);

/* ---- ports.c --------------------------------------------------------------------------------- */

/* |net| has room for the input. */
acn_status acn_onnx_import_input(acn_importer *importer, acn_net *net,
                                 const acn_onnx_options *options, const acn_onnx_value *value);
acn_status acn_onnx_check_inputs(const acn_net *net, const acn_onnx_options *options);
acn_status acn_onnx_import_outputs(const acn_importer *importer, acn_net *net,
                                   const acn_onnx_graph *graph, const acn_onnx_options *options);

/* ---- node.c ---------------------------------------------------------------------------------- */

/* Attributes of the node, with what ONNX says when they are absent. */
int64_t acn_onnx_int(const acn_onnx_call *c, const char *name, int64_t fallback);
double acn_onnx_float(const acn_onnx_call *c, const char *name, double fallback);
const char *acn_onnx_text(const acn_onnx_call *c, const char *name, const char *fallback);
/* The list, or NULL with *out_count 0. */
const int64_t *acn_onnx_ints(const acn_onnx_call *c, const char *name, int *out_count);
/* Fails naming the node: "node N (Conv): ...". */
acn_status acn_onnx_bad(const acn_onnx_call *c, const char *format, ...)
    __attribute__((format(printf, 2, 3), cold));

/* The values of an input are needed now; |what| it must be, in a network that cannot wait. */
acn_status acn_onnx_await(const acn_onnx_call *c, int input, const char *what);
/* Numbers of an input that must be constant; at most |most|. */
acn_status acn_onnx_constant_ints(const acn_onnx_call *c, int input, int most, int64_t *out,
                                  int *out_count);
acn_status acn_onnx_constant_float(const acn_onnx_call *c, int input, double fallback, double *out);
/* 0 <= axis < rank. */
acn_status acn_onnx_axis(const acn_onnx_call *c, int64_t axis, int rank, int *out);
/* Axes given as input |input| (when the opset has them there) or as attribute "axes". A count of 0:
 * none were given. */
acn_status acn_onnx_axes(const acn_onnx_call *c, int input, int rank, int *out_axes,
                         int *out_count);

/* Starts building |op| under the node's name. */
void acn_onnx_begin(acn_onnx_call *c, acn_node_builder *b, const char *op);
/* A view of |of| with another shape and the same elements; copies first when strides forbid it. */
acn_status acn_onnx_reshape(acn_onnx_call *c, acn_net_value *of, int rank, const int64_t *dims,
                            acn_net_value **out);
acn_status acn_onnx_contiguous(acn_onnx_call *c, acn_net_value *of, acn_net_value **out);
/* One operator with one or two inputs and one output of the first one's type. */
acn_status acn_onnx_unary(acn_onnx_call *c, const char *op, acn_net_value *x, acn_net_value **out);
acn_status acn_onnx_binary(acn_onnx_call *c, const char *op, acn_net_value *a, acn_net_value *b,
                           acn_net_value **out);
acn_status acn_onnx_cast(acn_onnx_call *c, acn_net_value *x, acn_dtype to, acn_net_value **out);
/* A 0-d constant of |dtype|. */
acn_status acn_onnx_number(acn_onnx_call *c, double value, acn_dtype dtype, acn_net_value **out);

#endif
