/* callback.c - callbacks that clients process in a thread of theirs.
 *
 * A thread that serves streams has one report queue. A stream's task hands its callback over and,
 * if it blocks the stream, sleeps until the thread has run it.
 */
#include "runtime/callback.h"

#include "base/thread.h"
#include "runtime/check.h"
#include "runtime/core.h"
#include <limits.h>
#include <stdlib.h>

typedef struct report {
    acn_callback_fn run;
    void *user;
    _Atomic uint32_t *done; /* word of the waiting task, or NULL */
    struct report *next;
} report;

/* Lives while a stream is bound to it or a thread is inside; guarded by |mutex|. */
struct acn_reports {
    uint64_t thread;
    int streams, inside;
    _Atomic uint32_t bell;
    report *first, **last;
    acn_reports *next;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static acn_reports *all;

static acn_reports *find(uint64_t thread) {
    acn_reports *reports = all;
    while (reports != NULL && reports->thread != thread)
        reports = reports->next;
    return reports;
}

static void finish(report *r) {
    if (r->done != NULL) {
        /* The word belongs to a task that may be gone as soon as it reads 1. */
        _Atomic uint32_t *done = r->done;
        atomic_store(done, 1);
        acn_futex_wake(done, 1);
    }
    free(r);
}

static void unlink_if_unused(acn_reports *reports) {
    if (reports->streams > 0 || reports->inside > 0) return;
    acn_reports **at = &all;
    while (*at != reports)
        at = &(*at)->next;
    *at = reports->next;
    for (report *r = reports->first, *next; r != NULL; r = next) {
        next = r->next;
        finish(r);
    }
    free(reports);
}

acn_status acn_callback_subscribe(uint64_t thread, acn_stream *stream) {
    acn_status status = ACN_OK;
    pthread_mutex_lock(&mutex);
    acn_reports *reports = find(thread);
    if (stream->reports != NULL) {
        status = acn_fail(ACN_PARAM_INVALID,
                          "stream %u is served by thread %llu already; unsubscribe that first",
                          stream->id, (unsigned long long)stream->reports->thread);
    } else if (reports == NULL && (reports = calloc(1, sizeof *reports)) == NULL) {
        status = acn_fail(ACN_BAD_ALLOC, "no memory to subscribe a thread");
    } else {
        if (reports->streams == 0 && reports->inside == 0) {
            reports->thread = thread;
            reports->last = &reports->first;
            reports->next = all;
            all = reports;
        }
        reports->streams++;
        stream->reports = reports;
    }
    pthread_mutex_unlock(&mutex);
    return status;
}

acn_status acn_callback_subscribe_host(uint64_t thread, acn_stream *stream) {
    ACN_TRY(acn_callback_subscribe(thread, stream));
    pthread_mutex_lock(&mutex);
    stream->lends_thread = stream->reports != NULL;
    pthread_mutex_unlock(&mutex);
    return ACN_OK;
}

static void unbind(acn_stream *stream) {
    acn_reports *reports = stream->reports;
    stream->reports = NULL;
    stream->lends_thread = false;
    reports->streams--;
    atomic_fetch_add(&reports->bell, 1); /* a thread that waits learns that it serves nobody */
    acn_futex_wake(&reports->bell, INT_MAX);
    unlink_if_unused(reports);
}

acn_status acn_callback_unsubscribe(uint64_t thread, acn_stream *stream) {
    acn_status status = ACN_OK;
    pthread_mutex_lock(&mutex);
    if (stream->reports != NULL && stream->reports->thread == thread)
        unbind(stream);
    else
        status = acn_fail(ACN_THREAD_SUBSCRIBE, "thread %llu does not serve stream %u",
                          (unsigned long long)thread, stream->id);
    pthread_mutex_unlock(&mutex);
    return status;
}

void acn_callback_release(acn_stream *stream) {
    pthread_mutex_lock(&mutex);
    if (stream->reports != NULL) unbind(stream);
    pthread_mutex_unlock(&mutex);
}

typedef struct callback_task {
    acn_stream *stream;
    acn_callback_fn run;
    void *user;
    bool blocks;
    _Atomic uint32_t done;
} callback_task;

static acn_status hand_over(void *argument) {
    callback_task *data = argument;
    acn_status status = ACN_OK;
    report *r = calloc(1, sizeof *r);
    if (r == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory to report a callback");
    atomic_store(&data->done, 0); /* of an earlier replay */
    if (acn_check_streams()) acn_check_host_knows_event(NULL);
    r->run = data->run;
    r->user = data->user;
    r->done = data->blocks ? &data->done : NULL;
    pthread_mutex_lock(&mutex);
    acn_reports *reports = data->stream->reports;
    if (reports != NULL) {
        *reports->last = r;
        reports->last = &r->next;
        atomic_fetch_add(&reports->bell, 1);
        acn_futex_wake(&reports->bell, INT_MAX);
    }
    pthread_mutex_unlock(&mutex);
    if (reports == NULL) {
        free(r);
        status = acn_fail(ACN_STREAM_NO_CALLBACK,
                          "stream %u lost its callback thread before the callback ran",
                          data->stream->id);
    }
    /* Somebody always finishes the report: its thread, or the end of the subscription. */
    while (status == ACN_OK && data->blocks && atomic_load(&data->done) == 0)
        acn_futex_wait(&data->done, 0, -1);
    return status;
}

acn_status acn_callback_launch(acn_stream *stream, acn_callback_fn run, void *user, bool blocks) {
    pthread_mutex_lock(&mutex);
    bool is_served = stream->reports != NULL;
    pthread_mutex_unlock(&mutex);
    if (!is_served)
        return acn_fail(ACN_STREAM_NO_CALLBACK,
                        "no thread serves callbacks of stream %u; call aclrtSubscribeReport first",
                        stream->id);
    callback_task *data = acn_task_alloc();
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a task");
    *data = (callback_task){.stream = stream, .run = run, .user = user, .blocks = blocks};
    acn_task task = {.run = hand_over,
                     .drop = acn_task_free,
                     .data = data,
                     .flags = ACN_TASK_CAN_BLOCK,
                     .name = "callback"};
    return acn_stream_submit(stream, &task);
}

/* With the mutex held, which it gives up while it sleeps. */
static report *next_report(acn_reports *reports, int64_t deadline_ns) {
    for (bool in_time = true;;) {
        report *r = reports->first;
        if (r != NULL) {
            reports->first = r->next;
            if (reports->first == NULL) reports->last = &reports->first;
            return r;
        }
        if (!in_time || reports->streams == 0) return NULL;
        uint32_t heard = atomic_load(&reports->bell);
        pthread_mutex_unlock(&mutex);
        in_time = acn_futex_wait(&reports->bell, heard, deadline_ns);
        pthread_mutex_lock(&mutex);
    }
}

acn_status acn_callback_process(int32_t timeout_ms) {
    int64_t deadline_ns = acn_deadline(timeout_ms, acn_clock_ns());
    report *r = NULL;
    pthread_mutex_lock(&mutex);
    acn_reports *reports = find((uint64_t)pthread_self());
    bool served = reports != NULL;
    if (served) {
        reports->inside++;
        r = next_report(reports, deadline_ns);
        served = reports->streams > 0;
    }
    pthread_mutex_unlock(&mutex);
    if (r != NULL) {
        r->run(r->user);
        finish(r);
    }
    if (reports != NULL) {
        pthread_mutex_lock(&mutex);
        reports->inside--;
        unlink_if_unused(reports);
        pthread_mutex_unlock(&mutex);
    }
    if (r != NULL) return ACN_OK;
    if (!served)
        return acn_fail(ACN_THREAD_SUBSCRIBE,
                        "this thread serves no stream; call aclrtSubscribeReport with its "
                        "pthread_self() first");
    return acn_fail(ACN_REPORT_TIMEOUT, "no callback came within %d ms", timeout_ms);
}

typedef struct host_task {
    acn_callback_fn run;
    void *user;
} host_task;

static acn_status run_host_function(void *argument) {
    host_task *data = argument;
    if (acn_check_streams()) acn_check_host_knows_event(NULL); /* it may tell other threads */
    data->run(data->user);
    return ACN_OK;
}

acn_status acn_callback_host_function(acn_stream *stream, acn_callback_fn run, void *user) {
    pthread_mutex_lock(&mutex);
    bool has_thread = stream->lends_thread;
    pthread_mutex_unlock(&mutex);
    if (has_thread) return acn_callback_launch(stream, run, user, true);
    host_task *data = acn_task_alloc();
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a task");
    *data = (host_task){run, user};
    acn_task task = {.run = run_host_function,
                     .drop = acn_task_free,
                     .data = data,
                     .flags = ACN_TASK_CAN_BLOCK,
                     .name = "host function"};
    return acn_stream_submit(stream, &task);
}
