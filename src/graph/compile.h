/* compile.h - from a network to a file's contents: the plan of memory, and the weights. */
#ifndef ACN_GRAPH_COMPILE_H
#define ACN_GRAPH_COMPILE_H

#include "graph/model.h"
#include "graph/net.h"
#include "graph/weights.h"

typedef struct acn_compiled {
    acn_net *net;     /* with |place| for each value by id */
    acn_place *place; /* of a value's base; views add their offset */
    uint64_t work_bytes;
    const acn_weights *weights;
} acn_compiled;

/* Adds copies where an output has no memory of its own, then says where every value lies; constants
 * lie in |weights|, which several networks may share. The result lives in the network's arena. For
 * a model that runs in this very process, |weights| is NULL: constants stay where they are, and
 * their places are addresses. */
acn_status acn_compile(acn_net *net, acn_weights *weights, acn_compiled *out);
/* The model that runs |compiled|, which was made without weights, not yet prepared. The network
 * must stay as long. */
acn_status acn_compiled_model(const acn_compiled *compiled, acn_model **out);
/* Where |value| lies, as a step sees it. */
acn_place acn_compiled_place(const acn_compiled *compiled, const acn_net_value *value);

#endif
