/* observe.h - what the core tells the tracer (src/doors/trace), a library of its own that is loaded
 * only when ANYCANN_TRACE is set. */
#ifndef ACN_DOORS_ANYCANN_OBSERVE_H
#define ACN_DOORS_ANYCANN_OBSERVE_H

#include "doors/anycann/describe.h"
#include "runtime/observe.h"
#include <stddef.h>

/* Each task that runs from now on is told to |observer|; NULL ends that. */
ACN_TOOL void acn_tool_observe_tasks(acn_task_observer *observer);
/* A tensor, scalar, array or list behind an aclnn handle in words ("[2, 3] f32"); false when the
 * handle is none that lives. */
ACN_TOOL bool acn_tool_object_text(const void *handle, char *text, size_t bytes);
/* The text that aclGetRecentErrMsg would give this thread, without taking it; the caller frees.
 * NULL: there is none. */
ACN_TOOL char *acn_tool_error_text(void);

/* A status in the code space of acl. */
ACN_TOOL int acn_tool_code(acn_status status);

/* What the tracer defines: swaps the slots of all doors and writes to |folder|. */
typedef void acn_trace_begin_fn(const char *folder);

#endif
