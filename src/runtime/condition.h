/* condition.h - tasks of a graph that run other graphs, as a word in device memory says. */
#ifndef ACN_RUNTIME_CONDITION_H
#define ACN_RUNTIME_CONDITION_H

#include "runtime/graph.h"

typedef struct acn_condition acn_condition;

/* The interface's aclmdlRICondTaskType. */
typedef enum acn_condition_kind {
    ACN_CONDITION_IF,     /* not 0: the first body; 0: the second, if there is one */
    ACN_CONDITION_WHILE,  /* the body, again and again until the word is 0 */
    ACN_CONDITION_SWITCH, /* the body of that number, if there is one */
    ACN_CONDITION_KINDS
} acn_condition_kind;

/* The word of a graph that is being captured. With |is_reset| it is |initial| at the begin of each
 * replay; else it keeps what it was. */
acn_status acn_condition_create(acn_graph *graph, uint32_t initial, bool is_reset,
                                acn_condition **out);
acn_status acn_condition_resolve(void *handle, acn_condition **out);
uint64_t *acn_condition_word(const acn_condition *condition);
/* Adds the task to |stream|, which is being captured, and makes |count| empty bodies for it. They
 * are filled by captures of their own and belong to the graph. */
acn_status acn_condition_add(acn_condition *condition, acn_condition_kind kind, acn_stream *stream,
                             acn_graph **out_bodies, uint32_t count);

#endif
