/* event.h - an event is a point of a stream's timeline: (stream, number). Recording costs nothing
 * unless a time is wanted; waiting compares numbers. */
#ifndef ACN_RUNTIME_EVENT_H
#define ACN_RUNTIME_EVENT_H

#include "base/status.h"
#include "runtime/share.h"
#include "runtime/stream.h"

/* The interface's flags. */
enum {
    ACN_EVENT_SYNC = 0x1,
    ACN_EVENT_CAPTURE_PROGRESS = 0x2,
    ACN_EVENT_TIME_LINE = 0x8,
    ACN_EVENT_DEVICE_USE_ONLY = 0x10,
    ACN_EVENT_EXTERNAL = 0x20,
    ACN_EVENT_IPC = 0x40,
    ACN_EVENT_ALL = 0x7b,
};

typedef enum acn_event_model {
    ACN_EVENT_PLAIN,   /* waiting for it before it is recorded blocks; it can be reset */
    ACN_EVENT_CAPTURE, /* "Ex": waits use what was recorded when they were asked for */
} acn_event_model;

acn_status acn_event_create(acn_event_model model, uint32_t flags, acn_event **out);
acn_status acn_event_resolve(void *handle, acn_event **out);
acn_status acn_event_destroy(acn_event *event);
/* On a stream that is captured an event orders the tasks of the capture and nothing else, unless
 * it is external (ACN_EVENT_EXTERNAL, or |in_replay|): then each replay records it, or waits. */
acn_status acn_event_record(acn_event *event, acn_stream *stream, bool in_replay);
/* In stream order: the event counts as not recorded, unless it was recorded again since. */
acn_status acn_event_reset(acn_event *event, acn_stream *stream);
/* |timeout_ms| 0 takes the process's limit (acn_event_set_wait_limit). */
acn_status acn_event_wait(acn_event *event, acn_stream *stream, int64_t timeout_ms, bool in_replay);
/* |data| is that of a recorded task of ACN_TASK_IS_EVENT_RECORD, _WAIT or _RESET. */
acn_event *acn_event_of_task(const void *data);
/* Whether it may be asked how it stands, or waited for by a client's thread: a capture forbids it.
 */
acn_status acn_event_check(const acn_event *event);
acn_status acn_event_synchronize(acn_event *event, int32_t timeout_ms);
bool acn_event_is_complete(acn_event *event);
bool acn_event_waits_are_done(const acn_event *event);
acn_event_model acn_event_model_of(const acn_event *event);
acn_status acn_event_time_ns(acn_event *event, int64_t *out_ns); /* CLOCK_MONOTONIC */
uint32_t acn_event_id(const acn_event *event);
uint32_t acn_event_flags(const acn_event *event);
size_t acn_event_available(void);
/* Events with ACN_EVENT_IPC in their flags, for other processes and from them. */
acn_status acn_event_export(acn_event *event, char key[ACN_SHARE_KEY_BYTES]);
acn_status acn_event_import(const char *key, acn_event **out);
void acn_event_set_wait_limit(int64_t timeout_ms); /* 0: none */

#endif
