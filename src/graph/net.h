/* net.h - a network as a list of operator calls that are wired by values.
 *
 * A node IS a call of an operator of src/ops: infer gives the shapes while the net is built, plan
 * and run come when it is compiled and executed. There are no net operators of their own, and no
 * view operators either: reshaped, sliced, split and transposed tensors are values that share
 * another one's memory. What only depends on constants is computed at once, by running the
 * operator. Nodes stand in an order in which they can run.
 *
 * A size that follows from data is late: nothing can be built on it before the net has run up to
 * there. A net that can wait then says what for, and late/ runs such networks in stages.
 */
#ifndef ACN_GRAPH_NET_H
#define ACN_GRAPH_NET_H

#include "ops/op.h"

typedef struct acn_net acn_net;
typedef struct acn_net_node acn_net_node;
typedef struct acn_net_value acn_net_value;

struct acn_net_value {
    const char *name;
    /* Shape and strides. |data| is a constant's values in host memory; otherwise NULL. */
    acn_tensor tensor;
    /* The value that owns the memory, and where this one begins in it; itself and 0 if none. */
    acn_net_value *base;
    int64_t offset_bytes;
    acn_net_node *producer; /* of the base; NULL: an input of the net, or a constant */
    acn_net_value *next;    /* all values of the net */
    int id;
    bool is_late; /* its shape is the largest; the true one is known after its node has run */
};

struct acn_net_node {
    const char *name;
    acn_call call;         /* tensors have shapes; addresses only where they are constants */
    acn_net_value **value; /* one for each of |call.tensors| */
    acn_net_node *next;
};

struct acn_net {
    const char *name;
    acn_arena arena;
    acn_net_node *nodes, *last_node;
    acn_net_node *before; /* new nodes are put before it; NULL: at the end */
    acn_net_value *values, *last_value;
    acn_net_value **inputs, **outputs;
    const char **output_names; /* a value may be several outputs, under several names */
    int input_count, output_count, node_count, value_count;
    bool can_wait;
    const acn_net_value *awaited; /* what had to be known; then building failed */
};

acn_status acn_net_create(const char *name, acn_net **out);
void acn_net_destroy(acn_net *net);

/* A contiguous value of its own memory. |name| is copied. */
acn_status acn_net_new_value(acn_net *net, const char *name, acn_dtype dtype, int rank,
                             const int64_t *dims, acn_net_value **out);
/* A constant; |data| is not copied and must stay as long as the net. */
acn_status acn_net_constant(acn_net *net, const char *name, acn_dtype dtype, int rank,
                            const int64_t *dims, const void *data, acn_net_value **out);
acn_status acn_net_constant_ints(acn_net *net, const char *name, int64_t count,
                                 const int64_t *values, acn_net_value **out);
/* |shape| is a view of |of|'s memory: dims, strides, and |data| as the distance from |of|'s first
 * element (from NULL). */
acn_status acn_net_view(acn_net *net, const char *name, acn_net_value *of, const acn_tensor *shape,
                        acn_net_value **out);

/* Says that |value| must be known before more can be built. Fails: without a text when the net can
 * wait, otherwise with |why|. */
acn_status acn_net_await(acn_net *net, const acn_net_value *value, const char *why);
/* |of|, or a copy of it when strides leave gaps. */
acn_status acn_net_contiguous(acn_net *net, const char *name, acn_net_value *of,
                              acn_net_value **out);
/* A view with another shape and the same elements; copies first when strides forbid it. */
acn_status acn_net_reshape(acn_net *net, const char *name, acn_net_value *of, int rank,
                           const int64_t *dims, acn_net_value **out);

/* ---- changing a net -------------------------------------------------------------------------- */

/* Moves |node| before |place|. */
void acn_net_move(acn_net *net, acn_net_node *node, acn_net_node *place);
/* Takes nodes out whose results nothing uses; says how many. */
int acn_net_prune(acn_net *net);

static inline bool acn_net_is_constant(const acn_net_value *v) { return v->tensor.data; }

/* ---- building a node --------------------------------------------------------------------------
 * begin, then inputs in the order of the operator's slots, attributes, outputs; then end. The first
 * failure is kept and told by end, so that the calls in between need no checks. */

typedef struct acn_node_builder {
    acn_net *net;
    acn_net_node *node;
    acn_net_value **value; /* in the net's arena */
    int value_count, value_room;
    acn_status status;
} acn_node_builder;

void acn_node_begin(acn_node_builder *b, acn_net *net, const char *op, const char *name);
/* NULL: an optional input that is absent. */
void acn_node_input(acn_node_builder *b, const char *slot, acn_net_value *value);
void acn_node_inputs(acn_node_builder *b, const char *slot, acn_net_value **values, int count);
void acn_node_int(acn_node_builder *b, const char *attr, int64_t value);
/* Of an attribute that is a float, or a scalar of any type. */
void acn_node_float(acn_node_builder *b, const char *attr, double value);
void acn_node_text(acn_node_builder *b, const char *attr, const char *value);
void acn_node_floats(acn_node_builder *b, const char *attr, const float *values, int count);
void acn_node_ints(acn_node_builder *b, const char *attr, const int64_t *values, int count);
/* The next output, of |dtype|; infer gives its shape, unless |shape| does. */
void acn_node_output(acn_node_builder *b, const char *slot, acn_dtype dtype,
                     const acn_tensor *shape);
/* Infers; computes now what depends on constants only. |out|: the outputs' values, in order. */
acn_status acn_node_end(acn_node_builder *b, acn_net_value **out);
/* The same for a node that is to run, whatever it depends on. */
acn_status acn_node_end_kept(acn_node_builder *b, acn_net_value **out);

#endif
