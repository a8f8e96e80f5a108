/* build.h - graphs that are built from streams bound to them, with jumps between and inside of
 * them. What a bound stream is given is kept; streams stay bound until they are unbound. */
#ifndef ACN_RUNTIME_BUILD_H
#define ACN_RUNTIME_BUILD_H

#include "runtime/graph.h"

typedef struct acn_label acn_label;

acn_status acn_build_begin(acn_graph **out_graph);
/* |is_head|: it starts with each replay; others start when they are activated. */
acn_status acn_build_bind(acn_graph *graph, acn_stream *stream, bool is_head);
acn_status acn_build_unbind(acn_graph *graph, acn_stream *stream);
/* The replay of |stream| ends here. */
acn_status acn_build_end_stream(acn_graph *graph, acn_stream *stream);
acn_status acn_build_end(acn_graph *graph);

/* Tasks of |stream|, which is bound to a graph that is being built. */

/* |target| starts, beside |stream|. */
acn_status acn_build_activate(acn_stream *target, acn_stream *stream);
/* The interface's aclrtCondition and aclrtCompareDataType. */
typedef enum acn_comparison {
    ACN_IF_EQUAL,
    ACN_IF_NOT_EQUAL,
    ACN_IF_GREATER,
    ACN_IF_GREATER_OR_EQUAL,
    ACN_IF_LESS,
    ACN_IF_LESS_OR_EQUAL,
    ACN_COMPARISONS
} acn_comparison;
typedef struct acn_switch {
    const void *left, *right; /* in device memory */
    acn_comparison comparison;
    bool is_int64;                  /* else 32 bits */
    acn_stream *if_true, *if_false; /* NULL: go on */
} acn_switch;
/* Goes on with another stream, from its begin, instead of |stream|. */
acn_status acn_build_switch(const acn_switch *how, acn_stream *stream);

acn_status acn_label_create(acn_label **out);
acn_status acn_label_destroy(void *handle);
acn_status acn_label_resolve(void *handle, acn_label **out);
acn_status acn_label_set(acn_label *label, acn_stream *stream);
typedef struct acn_label_list acn_label_list;
acn_status acn_label_list_create(void *const *labels, size_t count, acn_label_list **out);
acn_status acn_label_list_destroy(void *handle);
/* Goes on behind the label whose number is the 32-bit word at |index|; |count| of |list| count, and
 * a number that is too large is that of the last. */
acn_status acn_label_switch(const void *index, uint32_t count, void *list, acn_stream *stream);

#endif
