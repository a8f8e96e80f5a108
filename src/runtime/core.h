/* core.h - the runtime's own structures; only src/runtime includes this. */
#ifndef ACN_RUNTIME_CORE_H
#define ACN_RUNTIME_CORE_H

#include "runtime/context.h"
#include "runtime/event.h"
#include "runtime/stream.h"
#include <pthread.h>
#include <stdatomic.h>

struct acn_context {
    _Atomic uint64_t
        serial; /* never the same twice, so that a stale pointer is told from its successor */
    int device;
    bool is_primary;
    atomic_bool stop_on_failure;
    acn_stream *default_stream;
    _Atomic int64_t params[ACN_CONTEXT_PARAMS];
};

typedef struct acn_reports acn_reports;
typedef struct acn_lane acn_lane;
typedef struct acn_checked acn_checked;

typedef struct acn_task_segment acn_task_segment; /* stream.c: a piece of the queue */

/* What different threads write is on lines of its own. */
struct acn_stream {
    /* The end of the timeline that is done: how many tasks are through. Its low half is the futex
     * word of those who wait. */
    _Atomic uint64_t completed __attribute__((aligned(64)));
    _Atomic uint64_t waiters; /* how many, and for which task at least; see stream.c */
    _Atomic uint64_t serial;  /* 0 when destroyed */

    /* The end that grows: how many tasks were ever given, how many of them were queued. */
    _Atomic uint64_t submitted __attribute__((aligned(64)));
    _Atomic uint64_t pushed;
    _Atomic(acn_lane *) recording; /* tasks go there instead; see capture.c */
    pthread_mutex_t mutex;         /* guards these, and |error| */
    acn_task_segment *write_segment;
    uint32_t write_at;

    /* Of the one thread that takes tasks from the queue. */
    _Atomic uint64_t popped __attribute__((aligned(64)));
    acn_task_segment *read_segment;
    uint32_t read_at;
    int linger_credit; /* whether looking out for more pays; see stream.c */

    _Atomic uint32_t service __attribute__((aligned(64))); /* whether there is such a thread */
    _Atomic(acn_task_segment *) spare;
    atomic_bool is_closing;
    _Atomic uint64_t drop_before;           /* tasks up to this number are dropped, not run */
    _Atomic(_Atomic uint32_t *) blocked_on; /* the word that the running task sleeps on */

    atomic_bool has_error;
    acn_status error; /* first failure since the last synchronise */
    char *error_text;
    acn_reports *reports; /* thread that runs its callbacks */
    bool lends_thread;    /* that thread is for its host functions */
    acn_checked *checked; /* check.c's */

    acn_context *context;
    uint32_t id, priority, flags;
    int device;
    bool is_default;
    _Atomic uint32_t attributes[ACN_STREAM_ATTRIBUTES];
    acn_stream *next, *previous; /* of all streams, under the runtime's mutex */
};

static inline bool acn_stream_is_recorded(const acn_stream *stream) {
    return __builtin_expect(atomic_load_explicit(&stream->recording, memory_order_acquire) != NULL,
                            0);
}

/* The registry of streams. */
void acn_runtime_add_stream(acn_stream *stream);
void acn_runtime_remove_stream(acn_stream *stream);

/* Waits until |stream|'s timeline reaches |number|, or the stream is no longer the one of |serial|.
 * |blocked| is the stream whose task is waiting (NULL for a client's thread); being dropped ends
 * the wait. False when the deadline has passed. */
bool acn_stream_await(acn_stream *stream, uint64_t serial, uint64_t number, int64_t deadline_ns,
                      acn_stream *blocked);
static inline bool acn_stream_reached(const acn_stream *stream, uint64_t serial, uint64_t number) {
    return atomic_load_explicit(&stream->completed, memory_order_acquire) >= number ||
           atomic_load_explicit(&stream->serial, memory_order_acquire) != serial;
}
/* The stream whose task this thread is running, or NULL; and whether that task shall give up. */
acn_stream *acn_stream_executing(void);
bool acn_stream_shall_give_up(const acn_stream *stream);
/* Sleeps on |word| as the running task of |stream| (may be NULL); see acn_futex_wait. */
bool acn_stream_sleep(acn_stream *stream, _Atomic uint32_t *word, uint32_t expected,
                      int64_t deadline_ns);
/* As acn_stream_submit; also says where on the timeline the task stands. */
acn_status acn_stream_submit_at(acn_stream *stream, const acn_task *task, uint64_t *out_number);
static inline int64_t acn_deadline(int64_t timeout_ms, int64_t now_ns) {
    return timeout_ms < 0 ? -1 : now_ns + timeout_ms * 1000000;
}

/* worker.c: a thread for |stream| until it has nothing more to do; false when there is none. */
bool acn_worker_dispatch(acn_stream *stream);
void acn_stream_serve(acn_stream *stream);

/* exception.c: tells the client about a failed task. */
void acn_exception_raise(const acn_stream *stream, uint64_t number, acn_status status);

/* callback.c: the stream has no callback thread any more. */
void acn_callback_release(acn_stream *stream);

/* 96 bytes for the arguments of a task. */
void *acn_task_alloc(void);
void acn_task_free(void *data);

#endif
