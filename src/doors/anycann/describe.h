/* describe.h - what the core tells the `anycann` program, which loads it for that. Rows of texts,
 * so that tables and JSON are made in one place, src/tools/table.c. */
#ifndef ACN_DOORS_ANYCANN_DESCRIBE_H
#define ACN_DOORS_ANYCANN_DESCRIBE_H

/* |cells| is valid during the call. */
typedef void (*acn_tool_row)(void *context, const char *const *cells);

/* Rows of 4: operator, types, meaning, public names. */
typedef void acn_tool_ops_fn(acn_tool_row row, void *context);
/* The parts of one operator, found by GE's name or a public one; rows of 4: part, name, types,
 * note. Returns 0 when there is no such operator. */
typedef int acn_tool_op_fn(const char *name, acn_tool_row row, void *context);
/* Rows of 2: key, value. */
typedef void acn_tool_info_fn(acn_tool_row row, void *context);

#define ACN_TOOL __attribute__((visibility("default")))
ACN_TOOL acn_tool_ops_fn acn_tool_ops;
ACN_TOOL acn_tool_op_fn acn_tool_op;
ACN_TOOL acn_tool_info_fn acn_tool_info;

#endif
