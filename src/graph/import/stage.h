/* stage.h - a part of a graph, imported with what is known before it: as many of its nodes as can
 * be built without more data (net.h).
 *
 * What names stand for before a stage is given; the stage says which of them it gives new values,
 * and where those come from. A name whose values had to be known is told, and given as a constant
 * the next time.
 */
#ifndef ACN_GRAPH_IMPORT_STAGE_H
#define ACN_GRAPH_IMPORT_STAGE_H

#include "graph/import/onnx.h"

typedef struct acn_stage_given {
    const char *name;
    const acn_tensor *items; /* shapes; |data| is only there where the values are known */
    int count;               /* 1, or as long as the sequence is */
    bool is_list;
} acn_stage_given;

enum { ACN_STAGE_INPUTS = -1 };

typedef struct acn_stage_request {
    const acn_onnx_model *model;
    const acn_onnx_options *options;
    const acn_onnx_graph *graph;
    int first; /* node; ACN_STAGE_INPUTS: before all of them, the initializers, and the inputs of
                  the model's own graph, which are then the net's */
    const acn_stage_given *given;
    int given_count;
} acn_stage_request;

typedef enum acn_stage_source {
    ACN_STAGE_RUN,      /* output |index| of the net */
    ACN_STAGE_GIVEN,    /* what its input |index| is */
    ACN_STAGE_CONSTANT, /* |constant| */
} acn_stage_source;

typedef struct acn_stage_part {
    acn_stage_source source;
    int index;
    const acn_tensor *constant; /* contiguous; lives as long as the net */
} acn_stage_part;

typedef struct acn_stage_result {
    const char *name;
    const acn_stage_part *parts;
    int count;
    bool is_list;
} acn_stage_result;

typedef struct acn_stage {
    acn_net *net;       /* its inputs are what of the given is not known, in order */
    int end;            /* the first node that is not in it */
    bool has_outputs;   /* of the model: the net's outputs are those, and there are no results */
    const bool *needed; /* of the given: their values must be known; then nothing else is here */
    const acn_stage_result *results;
    int result_count;
} acn_stage;

acn_status acn_stage_import(const acn_stage_request *request, acn_stage *out);

/* Calls |visit| once for each name that the graph reads from node |first| on and does not make
 * there, its own outputs included. |source|: of the model's own graph, otherwise NULL. */
acn_status acn_onnx_reads(const acn_onnx_graph *graph, const acn_source_options *source, int first,
                          acn_status (*visit)(void *context, const char *name), void *context);

#endif
