/* compile.h - from a network to a file's contents: the plan of memory, and the weights. */
#ifndef ACN_GRAPH_COMPILE_H
#define ACN_GRAPH_COMPILE_H

#include "graph/model.h"
#include "graph/net.h"

typedef struct acn_compiled {
    acn_net *net;     /* with |place| for each value by id */
    acn_place *place; /* of a value's base; views add their offset */
    uint64_t work_bytes, weight_bytes;
} acn_compiled;

/* Adds copies where an output has no memory of its own, then says where every value lies. The
 * result lives in the network's arena. */
acn_status acn_compile(acn_net *net, acn_compiled *out);
/* Where |value| lies, as a step sees it. */
acn_place acn_compiled_place(const acn_compiled *compiled, const acn_net_value *value);

#endif
