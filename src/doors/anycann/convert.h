/* convert.h - what the core does for `atc` and `anycann ops --model`. */
#ifndef ACN_DOORS_ANYCANN_CONVERT_H
#define ACN_DOORS_ANYCANN_CONVERT_H

#include "doors/anycann/describe.h"

typedef struct acn_tool_shape {
    const char *name;
    int rank;
    long long dims[8];
} acn_tool_shape;

typedef struct acn_tool_conversion {
    const char *model, *output; /* paths; |output| as it shall be called */
    const char *command, *soc;  /* what the file will say of its making */
    const acn_tool_shape *shapes;
    int shape_count;
} acn_tool_conversion;

/* An ONNX model becomes a .om. Returns 0, or acl's code with the text of acn_tool_error. */
typedef int acn_tool_convert_fn(const acn_tool_conversion *conversion);
/* The text of the last failure on this thread, or NULL. */
typedef const char *acn_tool_error_fn(void);
/* Operators of an ONNX model; rows of 4: operator, nodes, first node, "yes" or "missing". */
typedef int acn_tool_model_ops_fn(const char *path, acn_tool_row row, void *context);
/* What a .om says of itself; rows of 2: key, value. */
typedef int acn_tool_om_info_fn(const char *path, acn_tool_row row, void *context);

ACN_TOOL acn_tool_convert_fn acn_tool_convert;
ACN_TOOL acn_tool_error_fn acn_tool_error;
ACN_TOOL acn_tool_model_ops_fn acn_tool_model_ops;
ACN_TOOL acn_tool_om_info_fn acn_tool_om_info;

#endif
