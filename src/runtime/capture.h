/* capture.h - recording a stream's work into a graph instead of running it.
 *
 * A capture begins on one stream, its origin. Further streams join it by waiting for an event that
 * was recorded in it, and must be joined back before it ends. What else may be called meanwhile,
 * the capture's mode and the thread's mode decide.
 */
#ifndef ACN_RUNTIME_CAPTURE_H
#define ACN_RUNTIME_CAPTURE_H

#include "base/status.h"
#include "runtime/graph.h"
#include "runtime/stream.h"
#include <stdatomic.h>

/* The interface's aclmdlRICaptureMode and aclmdlRICaptureStatus. */
typedef enum acn_capture_mode {
    ACN_CAPTURE_GLOBAL,       /* no thread of the context makes unsafe calls */
    ACN_CAPTURE_THREAD_LOCAL, /* the thread that began it makes none */
    ACN_CAPTURE_RELAXED,
    ACN_CAPTURE_MODES
} acn_capture_mode;
typedef enum acn_capture_status {
    ACN_CAPTURE_NONE,
    ACN_CAPTURE_ACTIVE,
    ACN_CAPTURE_BROKEN, /* it depends on something outside; ending it reports that */
} acn_capture_status;

/* Into |into|, or into a new graph when it is NULL. */
acn_status acn_capture_begin(acn_stream *stream, acn_capture_mode mode, acn_graph *into);
/* Ends it also when it fails; a graph made for it is then gone. */
acn_status acn_capture_end(acn_stream *stream, acn_graph **out_graph);
acn_capture_status acn_capture_status_of(acn_stream *stream, acn_graph **out_graph);
/* Sets this thread's mode and returns the one before; threads begin with ACN_CAPTURE_GLOBAL. */
acn_capture_mode acn_capture_exchange_mode(acn_capture_mode mode);

/* Calls that a capture forbids ask these first; without a capture they cost a load. */
extern _Atomic uint32_t acn_captures_open;
static inline bool acn_capture_any(void) {
    return __builtin_expect(atomic_load_explicit(&acn_captures_open, memory_order_relaxed) != 0, 0);
}
acn_status acn_capture_check_stream(acn_stream *stream); /* before it is waited for or asked */
acn_status acn_capture_check_device(const acn_context *context);
acn_status acn_capture_check_host_work(const acn_context *context); /* copies that finish at once */
acn_status acn_capture_check_pageable(acn_stream *stream);

/* Keeps a copy of |info| with the task that this thread has recorded last. */
acn_status acn_capture_attach(const void *info, size_t bytes);

/* For the runtime itself. */

/* Where in a recording an event stands; all 0 when it is not recorded in one. */
typedef struct acn_mark {
    _Atomic uint64_t recording; /* which one; never the same twice */
    acn_lane *lane;
    uint32_t position;
} acn_mark;

/* False when |stream| is not recorded any more; else |*out_status| tells how it went. */
bool acn_capture_submit(acn_stream *stream, const acn_task *task, acn_status *out_status);
/* The same for recording an event that lives inside of the graph, and for waiting for one.
 * |is_external| events are real inside of a graph as well. */
bool acn_capture_record(acn_stream *stream, acn_mark *mark, acn_status *out_status);
bool acn_capture_wait(acn_stream *stream, const acn_mark *mark, bool is_external, bool is_recorded,
                      acn_status *out_status);
acn_status acn_capture_check_event(const acn_mark *mark);
/* |stream| ends: whatever it takes part in is broken. */
void acn_capture_abandon(acn_stream *stream);

#endif
