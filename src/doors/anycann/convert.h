/* convert.h - what the core does for `atc`, `anycann convert`, `bench` and `ops --model`. */
#ifndef ACN_DOORS_ANYCANN_CONVERT_H
#define ACN_DOORS_ANYCANN_CONVERT_H

#include "doors/anycann/describe.h"
#include <stddef.h>

/* An option of atc without its "--"; those that are not known here are left alone. */
typedef struct acn_tool_option {
    const char *name, *value;
} acn_tool_option;

typedef struct acn_tool_conversion {
    const acn_tool_option *options;
    int option_count;
    const char *command; /* as the file will say it was made */
    /* A model in memory, whose option "model" then only says where its external data lies; NULL: a
     * file. */
    const void *source;
    size_t source_bytes;
} acn_tool_conversion;

/* An ONNX model becomes a .om, OUTPUT.om. Returns 0, or acl's code. */
typedef int acn_tool_convert_fn(const acn_tool_conversion *conversion);
typedef struct acn_tool_single {
    const char *path, *folder, *soc, *command;
} acn_tool_single;
/* Each operator that the JSON file |path| describes becomes a .om in |folder|. */
typedef int acn_tool_single_ops_fn(const acn_tool_single *request);
/* Rows of 1 while a conversion goes on: what it does. For programs with one thread. */
typedef void acn_tool_show_progress_fn(acn_tool_row row);
/* The text of this thread's last failure here and its code, which is the graph engine's. Valid
 * until the next one. */
typedef const char *acn_tool_error_fn(void);
/* Operators of an ONNX model; rows of 4: operator, nodes, first node, "yes" or "missing". */
typedef int acn_tool_model_ops_fn(const char *path, acn_tool_row row, void *context);
/* What a .om says of itself; rows of 2: key, value. */
typedef int acn_tool_om_info_fn(const char *path, acn_tool_row row, void *context);
typedef enum acn_tool_source { ACN_TOOL_OM, ACN_TOOL_ONNX, ACN_TOOL_DUMP } acn_tool_source;
/* A .om's description of its graph, an ONNX model, or a graph that DUMP_GE_GRAPH wrote as ge_proto,
 * as JSON in file |json|. */
typedef int acn_tool_json_fn(const char *path, acn_tool_source source, const char *json);
/* Which of an ONNX model's nodes can be converted, as JSON in file |report|. */
typedef int acn_tool_check_fn(const char *path, const char *report);

typedef struct acn_tool_bench {
    const char *path, *gear; /* NULL: the largest */
    double seconds;
    acn_tool_row fact; /* 2 cells: key, value */
    acn_tool_row
        operator_row; /* 5: operator, nodes, milliseconds and percent of a run, first node */
    void *context;
} acn_tool_bench;
/* Runs a .om with invented inputs. */
typedef int acn_tool_bench_fn(const acn_tool_bench *request);

ACN_TOOL acn_tool_convert_fn acn_tool_convert;
ACN_TOOL acn_tool_single_ops_fn acn_tool_single_ops;
ACN_TOOL acn_tool_show_progress_fn acn_tool_show_progress;
ACN_TOOL acn_tool_error_fn acn_tool_error, acn_tool_error_code;
ACN_TOOL acn_tool_model_ops_fn acn_tool_model_ops;
ACN_TOOL acn_tool_om_info_fn acn_tool_om_info;
ACN_TOOL acn_tool_json_fn acn_tool_json;
ACN_TOOL acn_tool_check_fn acn_tool_check;
ACN_TOOL acn_tool_bench_fn acn_tool_bench_model;

#endif
