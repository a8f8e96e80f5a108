/* graph_print.h - graphs for people: their tasks as a list, or in a file that chrome://tracing and
 * Perfetto open. */
#ifndef ACN_RUNTIME_GRAPH_PRINT_H
#define ACN_RUNTIME_GRAPH_PRINT_H

#include "runtime/graph.h"

/* To the standard output. */
void acn_graph_print(acn_graph *graph);
/* An array of complete events, one track a stream; times are made from the estimates of the plan.
 * |is_verbose| adds the memory that each task reads and writes. */
acn_status acn_graph_write_json(acn_graph *graph, const char *path, bool is_verbose);

#endif
