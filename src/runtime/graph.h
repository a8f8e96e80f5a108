/* graph.h - recorded work ("model" to clients) that can be replayed.
 *
 * A graph holds the tasks themselves, with all that they need. Its lanes are the streams that it
 * was recorded from. A replay is one task of the stream that it is launched on; two replays of one
 * graph never run at the same time.
 */
#ifndef ACN_RUNTIME_GRAPH_H
#define ACN_RUNTIME_GRAPH_H

#include "base/status.h"
#include "runtime/stream.h"
#include <stddef.h>

typedef struct acn_graph acn_graph;
typedef struct acn_lane acn_lane;
typedef struct acn_node acn_node;

enum { ACN_GRAPH_NAME_BYTES = 128 };

acn_status acn_graph_resolve(void *handle, acn_graph **out_graph);
/* Queued replays still run; graphs of conditions end with the graph that they belong to. */
acn_status acn_graph_destroy(acn_graph *graph);
acn_status acn_graph_launch(acn_graph *graph, acn_stream *stream);
/* Launches on a stream of its own and waits. |timeout_ms| -1 waits for ever. */
acn_status acn_graph_execute(acn_graph *graph, int32_t timeout_ms);
/* Ends the replay that runs now between two tasks. */
acn_status acn_graph_abort(acn_graph *graph);
uint32_t acn_graph_id(const acn_graph *graph);
acn_status acn_graph_set_name(acn_graph *graph, const char *name);
/* Valid while the graph is. */
const char *acn_graph_name(const acn_graph *graph);
/* |run| is called when the graph is destroyed; one entry a function. */
acn_status acn_graph_on_destroy(acn_graph *graph, void (*run)(void *user), void *user);
acn_status acn_graph_forget_on_destroy(acn_graph *graph, void (*run)(void *user));

#endif
