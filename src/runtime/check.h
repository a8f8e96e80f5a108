/* check.h - ANYCANN_CHECK=streams: finds two streams that touch the same memory with nothing to
 * order them, which an NPU hides until the day that it does not.
 *
 * Each stream has a vector clock, and so has the host as a whole: which tasks of which streams are
 * known to be done before what comes next. Events carry clocks from stream to stream, waiting
 * carries them to the host, and each task comes after all that the host knew when it was given.
 * Everything is decided when tasks are given, not when they run, so a finding does not depend on
 * luck. What cannot be followed (host functions, waiting for values) orders everything: there are
 * no false findings, but not all are found.
 */
#ifndef ACN_RUNTIME_CHECK_H
#define ACN_RUNTIME_CHECK_H

#include "runtime/stream.h"
#include <stdbool.h>

typedef struct acn_clock acn_clock;
typedef struct acn_graph acn_graph;

/* Set once, before the first stream is made. */
extern bool acn_check_is_on;
static inline bool acn_check_streams(void) { return __builtin_expect(acn_check_is_on, 0); }
void acn_check_initialize(void);

/* All of these need acn_check_streams() to be true. */
void acn_check_task(acn_stream *stream, const acn_task *task);
void acn_check_replay(acn_stream *stream, acn_graph *graph);
/* An event takes the clock of |stream|, or gives its own to it. NULL: it was never recorded. */
void acn_check_record(acn_stream *stream, acn_clock **event);
void acn_check_wait(acn_stream *stream, acn_clock *const *event);
/* The host has learnt that all that |stream| was given, or all before |event|, is done. */
void acn_check_host_knows_stream(acn_stream *stream);
void acn_check_host_knows_event(acn_clock *const *event); /* NULL: maybe anything */
/* The host touches device memory itself, now. */
void acn_check_host_touches(const char *name, const void *address, size_t bytes, bool is_write);
/* The memory is freed: whoever gets it next has nothing to do with what was there. */
void acn_check_forget(const void *address, size_t bytes);
void acn_check_free_event(acn_clock **event);
void acn_check_free_stream(acn_stream *stream);

#endif
