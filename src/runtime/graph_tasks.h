/* graph_tasks.h - looking at the tasks of a graph, and changing some of them. */
#ifndef ACN_RUNTIME_GRAPH_TASKS_H
#define ACN_RUNTIME_GRAPH_TASKS_H

#include "runtime/event.h"
#include "runtime/graph.h"
#include "runtime/group.h"
#include "runtime/value.h"

/* Fills |out| with the graph's lanes, which stand for its streams; NULL only asks how many there
 * are. |*count| says how much room there is, and then how many there are. */
acn_status acn_graph_lanes(acn_graph *graph, acn_lane **out, uint32_t *count);
/* The same for the tasks of a lane, or of a stream that is being recorded. */
acn_status acn_graph_lane_tasks(void *lane_or_stream, acn_node **out, uint32_t *count);

acn_status acn_node_resolve(void *handle, acn_node **out);
/* ACN_TASK_IS_*, or 0. */
uint32_t acn_node_type(const acn_node *node);
uint32_t acn_node_number(const acn_node *node); /* in its lane, from 0 */
acn_group *acn_node_group(const acn_node *node);
/* What was attached to it; valid as long as the graph. */
const void *acn_node_info(const acn_node *node, size_t *out_bytes);
/* NULL for events that only order the graph's own tasks. */
acn_event *acn_node_event(const acn_node *node);
acn_value_task acn_node_value(const acn_node *node);

/* These take effect with acn_graph_update. */
acn_status acn_node_set_value(acn_node *node, const acn_value_task *to);
acn_status acn_node_disable(acn_node *node);
/* While no replay runs or is queued. */
acn_status acn_graph_update(acn_graph *graph);

#endif
