/* dump.h - networks written down while they are built, as DUMP_GE_GRAPH has it: a file for each
 * stage and each format that the environment asks for. */
#ifndef ACN_GRAPH_DUMP_DUMP_H
#define ACN_GRAPH_DUMP_DUMP_H

#include "graph/net.h"
#include <stdio.h>

typedef enum acn_dump_point {
    ACN_DUMP_FIRST, /* as it was read */
    ACN_DUMP_STAGE,
    ACN_DUMP_PASS, /* after one pass */
    ACN_DUMP_LAST, /* as it will run */
} acn_dump_point;

/* |graph| counts the graphs of a build. A file that cannot be written is a warning in the log: the
 * build goes on. */
void acn_graph_dump(const acn_net *net, int graph, acn_dump_point point, const char *stage);

/* ---- private to this folder ------------------------------------------------------------------ */

typedef enum acn_dump_detail {
    ACN_DUMP_DATA = 1,
    ACN_DUMP_NO_DATA,
    ACN_DUMP_NODES
} acn_dump_detail;

/* False without memory. */
bool acn_dump_onnx(FILE *out, const acn_net *net, acn_dump_detail detail);
bool acn_dump_readable(FILE *out, const acn_net *net, acn_dump_detail detail);

#endif
