/* stream.h - a stream is a FIFO with a timeline counter; an event is (stream, number).
 *
 * A task on an idle stream may run in the calling thread, when it says that it cannot block and
 * takes less than a wake-up; otherwise a pool thread serves the stream while it is active. A thread
 * that waits for the stream before that one is awake runs such tasks itself.
 */
#ifndef ACN_RUNTIME_STREAM_H
#define ACN_RUNTIME_STREAM_H

#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct acn_stream acn_stream;
typedef struct acn_event acn_event;
typedef struct acn_context acn_context;

enum {
    ACN_TASK_CAN_BLOCK = 1, /* waits, callbacks, collectives: never in the caller's thread */
    /* What it is, for those who look at recorded tasks. */
    ACN_TASK_IS_KERNEL = 0x100,
    ACN_TASK_IS_EVENT_RECORD = 0x200,
    ACN_TASK_IS_EVENT_WAIT = 0x300,
    ACN_TASK_IS_EVENT_RESET = 0x400,
    ACN_TASK_IS_VALUE_WRITE = 0x500,
    ACN_TASK_IS_VALUE_WAIT = 0x600,
    ACN_TASK_IS_REPLAY = 0x700,
    ACN_TASK_TYPE = 0xf00,
};

/* The interface's stream flags. */
enum {
    ACN_STREAM_FAST_LAUNCH = 0x01,
    ACN_STREAM_FAST_SYNC = 0x02,
    ACN_STREAM_PERSISTENT = 0x04,
    ACN_STREAM_HUGE = 0x08,
    ACN_STREAM_CPU_SCHEDULE = 0x10,
    ACN_STREAM_DEVICE_USE_ONLY = 0x20,
    ACN_STREAM_ALL_FLAGS = 0x3f,
    ACN_STREAM_NEVER_WAITED_FOR =
        ACN_STREAM_PERSISTENT | ACN_STREAM_CPU_SCHEDULE | ACN_STREAM_DEVICE_USE_ONLY,
    ACN_STREAM_LOWEST_PRIORITY = 7,
};

/* Calls |touch| for each range of memory that a task reads or writes. */
typedef void (*acn_touch_fn)(void *context, const void *address, size_t bytes, bool is_write);

typedef struct acn_task {
    acn_status (*run)(void *data); /* on the stream's thread, or the caller's */
    void (*drop)(void *data); /* always called once, after |run| or instead of it; may be NULL */
    void *data;
    uint32_t flags;
    uint32_t cost_us; /* estimate; decides between the caller's thread and the stream's */
    const char *name; /* static string, for error texts and traces */
    /* For ANYCANN_CHECK=streams; NULL when the task touches no device memory. */
    void (*touches)(const void *data, acn_touch_fn touch, void *context);
} acn_task;

/* Copies |task|. When it fails |drop| has been called. A failing |run| is the stream's error, which
 * the next synchronise reports with its text. On a stream that is being captured the task is kept
 * instead: |run| then runs once in each replay, on any stream, never twice at a time. */
acn_status acn_stream_submit(acn_stream *stream, const acn_task *task);

/* |handle| is an aclrtStream: NULL means the current context's default stream. Checks that it is
 * alive and belongs to the current context. */
acn_status acn_stream_resolve(void *handle, acn_stream **out_stream);

acn_status acn_stream_create(acn_context *context, uint32_t priority, uint32_t flags,
                             acn_stream **out_stream);
acn_status acn_stream_destroy(acn_stream *stream, bool drop_queued);
/* |timeout_ms| -1 waits for ever. Returns the stream's first error, with its text. */
acn_status acn_stream_synchronize(acn_stream *stream, int32_t timeout_ms);
bool acn_stream_is_idle(acn_stream *stream);
int acn_stream_device(const acn_stream *stream);
uint32_t acn_stream_id(const acn_stream *stream);
uint32_t acn_stream_priority(const acn_stream *stream);
uint32_t acn_stream_flags(const acn_stream *stream);
acn_context *acn_stream_context(const acn_stream *stream);
bool acn_stream_is_default(const acn_stream *stream);
/* Streams that can still be made. */
uint32_t acn_stream_available(void);
/* After a failure the rest is dropped until a synchronise has reported it. */
void acn_stream_set_stop_on_failure(acn_stream *stream, bool stop);
bool acn_stream_stops_on_failure(const acn_stream *stream);
/* What clients attach to a stream; 0 until set. */
typedef enum acn_stream_attribute {
    ACN_STREAM_CUBE_LIMIT,
    ACN_STREAM_VECTOR_LIMIT,
    ACN_STREAM_OVERFLOW_SWITCH,
    ACN_STREAM_USER_TAG,
    ACN_STREAM_CACHE_OP_INFO,
    ACN_STREAM_ATTRIBUTES
} acn_stream_attribute;
uint32_t acn_stream_get_attribute(const acn_stream *stream, acn_stream_attribute key);
void acn_stream_set_attribute(acn_stream *stream, acn_stream_attribute key, uint32_t value);
/* Drops what is queued; a running task is waited for (-1: however long), a waiting one is ended. */
acn_status acn_stream_abort(acn_stream *stream, int64_t timeout_ms);
/* Whether the task that this thread is running shall end: its stream is being aborted. */
bool acn_task_shall_give_up(void);
/* The calling thread's last task, as a stream counts them. */
uint32_t acn_stream_last_task(void);

#endif
