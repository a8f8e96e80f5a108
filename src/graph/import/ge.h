/* ge.h - from a graph of the graph engine to a network of operator calls.
 *
 * A node becomes a call of the operator behind its type by the same rows as an aclop call
 * (ops/signature.h). Types that only say where elements are, or that need another operator's help,
 * are functions in ge_layout.c and ge_compose.c, which end in
 *
 *     ACN_GE_OP(reshape) = {.type = "Reshape", .import = reshape};
 */
#ifndef ACN_GRAPH_IMPORT_GE_H
#define ACN_GRAPH_IMPORT_GE_H

#include "base/registry.h"
#include "graph/import/ge_model.h"
#include "graph/import/onnx.h"
#include "graph/net.h"
#include "ops/ge_type.h"

/* ACN_OP_NOT_FOUND lists all types that nothing executes, each with the nodes that have it. The
 * model must stay as long as the network, whose constants lie in it. */
acn_status acn_ge_import(const acn_ge_model *model, const acn_onnx_options *options, acn_net **out);
/* Types, edges and required attributes: what is wrong whatever the shapes will be. */
acn_status acn_ge_check(const acn_ge_model *model);

/* ---- private to this folder ------------------------------------------------------------------ */

enum { ACN_GE_MAX_TENSORS = 256 };

/* One node on its way. */
typedef struct acn_ge_call {
    acn_net *net;
    const acn_ge_node *node;
    const acn_ge_type *type;
    int in_count, out_count;                /* out_count: outputs that the node says it has */
    acn_net_value *in[ACN_GE_MAX_TENSORS];  /* NULL: absent */
    acn_net_value *out[ACN_GE_MAX_TENSORS]; /* NULL: not made */
} acn_ge_call;

typedef struct acn_ge_op {
    const char *type;
    acn_status (*import)(acn_ge_call *c);
} acn_ge_op;

ACN_REGISTRY(ge_op);
#define ACN_GE_OP(id) ACN_REGISTER(ge_op, id)

acn_status acn_ge_import_node(acn_ge_call *c);
/* Fails naming the node: "node N (Conv2D): ...". */
acn_status acn_ge_bad(const acn_ge_call *c, const char *format, ...)
    __attribute__((format(printf, 2, 3), cold));
int64_t acn_ge_int(const acn_ge_call *c, const char *attr, int64_t fallback);
double acn_ge_float(const acn_ge_call *c, const char *attr, double fallback);
/* Numbers of a constant input, or of a list attribute when there is no such input; at most
 * ACN_MAX_DIMS unless |most| says more. *out_count is -1 when neither is there. */
acn_status acn_ge_ints(const acn_ge_call *c, int input, const char *attr, int most, int64_t *out,
                       int *out_count);
/* 0 <= axis < rank. */
acn_status acn_ge_axis(const acn_ge_call *c, int64_t axis, int rank, int *out);
/* Through the signature of |type|, which need not be the node's; adds to c->out. */
acn_status acn_ge_import_as(acn_ge_call *c, const char *type);

#endif
