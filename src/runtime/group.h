/* group.h - recorded tasks whose arguments can be renewed: between the begin and the end of an
 * update the same calls are made again, on any stream, and replace those of the group. */
#ifndef ACN_RUNTIME_GROUP_H
#define ACN_RUNTIME_GROUP_H

#include "runtime/graph.h"

typedef struct acn_group acn_group;

/* While |stream| is captured. */
acn_status acn_group_begin(acn_stream *stream);
acn_status acn_group_end(acn_stream *stream, acn_group **out_group);
/* On a stream that is not. The new tasks take their places in the order of |stream|. */
acn_status acn_group_update_begin(acn_stream *stream, void *group);
acn_status acn_group_update_end(acn_stream *stream);

/* For the runtime itself, with the graphs' mutex held. */
acn_status acn_group_collect(acn_lane *lane, const acn_task *task);
void acn_group_abandon(acn_lane *lane);

#endif
