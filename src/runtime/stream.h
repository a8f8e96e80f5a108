/* stream.h - a stream is a FIFO with a timeline counter; an event is (stream, number).
 *
 * A task on an idle stream may run in the calling thread, when it says that it cannot block and
 * takes less than a wake-up; otherwise a pool thread serves the stream while it is active.
 */
#ifndef ACN_RUNTIME_STREAM_H
#define ACN_RUNTIME_STREAM_H

#include "base/status.h"
#include <stdbool.h>

typedef struct acn_stream acn_stream;
typedef struct acn_event acn_event;
typedef struct acn_context acn_context;

enum {
    ACN_TASK_CAN_BLOCK = 1, /* waits, callbacks, collectives: never in the caller's thread */
};

typedef struct acn_task {
    acn_status (*run)(void *data); /* on the stream's thread, or the caller's */
    void (*drop)(void *data);      /* always called once, after |run| or instead of it; may be NULL */
    void *data;
    uint32_t flags;
    uint32_t cost_us; /* estimate; decides between the caller's thread and the stream's */
    const char *name; /* static string, for error texts and traces */
} acn_task;

/* Copies |task|. When it fails |drop| has been called. A failing |run| is the stream's error, which
 * the next synchronise reports with its text. */
acn_status acn_stream_submit(acn_stream *stream, const acn_task *task);

/* |handle| is an aclrtStream: NULL means the current context's default stream. Checks that it is
 * alive and belongs to the current context's device. */
acn_status acn_stream_resolve(void *handle, acn_stream **out_stream);

acn_status acn_stream_create(acn_context *context, uint32_t priority, uint32_t flags,
                             acn_stream **out_stream);
acn_status acn_stream_destroy(acn_stream *stream, bool drop_queued);
/* |timeout_ms| -1 waits for ever. Returns the stream's first error, with its text. */
acn_status acn_stream_synchronize(acn_stream *stream, int32_t timeout_ms);
bool acn_stream_is_idle(acn_stream *stream);
int acn_stream_device(const acn_stream *stream);

#endif
