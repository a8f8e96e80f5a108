/* event.c - see event.h. */
#include "runtime/event.h"

#include "base/slab.h"
#include "base/thread.h"
#include "runtime/capture.h"
#include "runtime/check.h"
#include "runtime/core.h"
#include "runtime/event_shared.h"
#include <limits.h>

enum { MAX_EVENTS = 1 << 20 };

struct acn_event {
    pthread_mutex_t mutex; /* guards the record */
    acn_stream *stream;
    uint64_t stream_serial, number;
    int64_t time_ns; /* when the record's point was reached; 0 not yet */
    _Atomic uint32_t
        sequence; /* counts records and resets; waiting for a first record sleeps here */
    bool is_recorded;
    atomic_bool is_alive; /* the client's handle is valid */
    atomic_int users;     /* the handle and queued tasks */
    atomic_int waits;     /* queued waits */
    acn_event_model model;
    uint32_t flags, id;
    acn_shared_event *shared; /* stands for all above when processes share the event */
    acn_mark mark;            /* where it stands in a capture */
    acn_clock *clock;         /* check.c's */
};

static acn_slab event_slab = ACN_SLAB("event", sizeof(acn_event), MAX_EVENTS);
static _Atomic uint32_t last_id;
static _Atomic int64_t wait_limit_ms;

static acn_status create(acn_event_model model, uint32_t flags, acn_shared_event *shared,
                         acn_event **out) {
    acn_event *event = acn_slab_alloc(&event_slab);
    if (event == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d events exist, which is the most; destroy some",
                        MAX_EVENTS);
    pthread_mutex_init(&event->mutex, NULL);
    event->stream = NULL;
    event->stream_serial = event->number = 0;
    event->time_ns = 0;
    event->is_recorded = false;
    atomic_store(&event->mark.recording, 0);
    event->clock = NULL;
    event->model = model;
    event->flags = flags;
    event->shared = shared;
    event->id = atomic_fetch_add(&last_id, 1);
    atomic_store(&event->waits, 0);
    atomic_store(&event->users, 1);
    atomic_store(&event->is_alive, true);
    *out = event;
    return ACN_OK;
}

acn_status acn_event_create(acn_event_model model, uint32_t flags, acn_event **out) {
    acn_shared_event *shared = NULL;
    if ((flags & ACN_EVENT_IPC) != 0) ACN_TRY(acn_shared_event_create(&shared));
    acn_status status = create(model, flags, shared, out);
    if (status != ACN_OK && shared != NULL) acn_shared_event_release(shared);
    return status;
}

acn_status acn_event_import(const char *key, acn_event **out) {
    acn_shared_event *shared;
    ACN_TRY(acn_shared_event_import(key, &shared));
    acn_status status = create(ACN_EVENT_CAPTURE, ACN_EVENT_SYNC | ACN_EVENT_IPC, shared, out);
    if (status != ACN_OK) acn_shared_event_release(shared);
    return status;
}

acn_status acn_event_export(acn_event *event, char key[ACN_SHARE_KEY_BYTES]) {
    if (event->shared != NULL) return acn_shared_event_export(event->shared, key);
    return acn_fail(ACN_PARAM_INVALID,
                    "event %u has flags 0x%x; expected one made with ACL_EVENT_IPC", event->id,
                    event->flags);
}

acn_status acn_event_resolve(void *handle, acn_event **out) {
    acn_event *event = handle;
    if (!acn_slab_is_live(&event_slab, event) || !atomic_load(&event->is_alive))
        return acn_fail(ACN_INVALID_HANDLE,
                        "event %p does not exist; expected one that is not destroyed", handle);
    if (acn_runtime_is_orphan())
        return acn_fail(ACN_CONTEXT_NULL, "events of the parent process cannot be used in a child "
                                          "of fork; start the child with spawn");
    *out = event;
    return ACN_OK;
}

static void hold(acn_event *event) { atomic_fetch_add(&event->users, 1); }

static void release(acn_event *event) {
    if (atomic_fetch_sub(&event->users, 1) != 1) return;
    if (event->shared != NULL) acn_shared_event_release(event->shared);
    pthread_mutex_destroy(&event->mutex);
    if (event->clock != NULL) acn_check_free_event(&event->clock);
    acn_slab_free(&event_slab, event);
}

acn_status acn_event_destroy(acn_event *event) {
    bool alive = true;
    if (!atomic_compare_exchange_strong(&event->is_alive, &alive, false))
        return acn_fail(ACN_INVALID_HANDLE, "event %p is destroyed already", (void *)event);
    release(event);
    return ACN_OK;
}

/* Where an event stands, as seen at one moment. */
typedef struct point {
    acn_stream *stream;
    uint64_t serial, number;
    uint32_t sequence;
    bool is_recorded;
} point;

static point point_of(acn_event *event) {
    pthread_mutex_lock(&event->mutex);
    point p = {event->stream, event->stream_serial, event->number, atomic_load(&event->sequence),
               event->is_recorded};
    pthread_mutex_unlock(&event->mutex);
    return p;
}

static bool is_reached(const point *p) {
    return acn_stream_reached(p->stream, p->serial, p->number);
}

typedef struct event_task {
    acn_event *event;
    point point;
    int64_t timeout_ms;
    bool is_replayed; /* captured: what counts is how the event stands when it runs */
} event_task;

static acn_status submit(acn_stream *stream, acn_event *event, acn_status (*run)(void *),
                         void (*drop)(void *), const char *name, uint32_t flags,
                         const event_task *arguments) {
    event_task *data = acn_task_alloc();
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a task");
    *data = *arguments;
    data->event = event;
    hold(event);
    acn_task task = {.run = run, .drop = drop, .data = data, .flags = flags, .name = name};
    return acn_stream_submit(stream, &task);
}

/* Recording. */

static acn_status note_time(void *argument) {
    event_task *data = argument;
    int64_t now_ns = acn_clock_ns();
    pthread_mutex_lock(&data->event->mutex);
    if (atomic_load(&data->event->sequence) == data->point.sequence) data->event->time_ns = now_ns;
    pthread_mutex_unlock(&data->event->mutex);
    return ACN_OK;
}

static void drop_task(void *argument) {
    event_task *data = argument;
    release(data->event);
    acn_task_free(data);
}

/* A replay passes it: from now on it is recorded, and reached. */
static acn_status record_in_replay(void *argument) {
    acn_event *event = ((event_task *)argument)->event;
    acn_stream *stream = acn_stream_executing();
    pthread_mutex_lock(&event->mutex);
    event->stream = stream;
    event->stream_serial = atomic_load(&stream->serial);
    event->number = atomic_load(&stream->completed);
    event->time_ns = acn_clock_ns();
    event->is_recorded = true;
    atomic_fetch_add(&event->sequence, 1);
    pthread_mutex_unlock(&event->mutex);
    acn_futex_wake(&event->sequence, INT_MAX);
    return ACN_OK;
}

static bool is_external(const acn_event *event) { return (event->flags & ACN_EVENT_EXTERNAL) != 0; }

/* A record whose task could not be queued must not be waited for: it has no time, and is reached
 * with what was queued before it. */
static void stand_for_what_is_queued(acn_event *event, uint32_t sequence) {
    pthread_mutex_lock(&event->mutex);
    if (atomic_load(&event->sequence) == sequence) event->number--;
    pthread_mutex_unlock(&event->mutex);
}

acn_status acn_event_record(acn_event *event, acn_stream *stream, bool in_replay) {
    if (event->shared != NULL) return acn_shared_event_record(event->shared, stream);
    acn_status captured;
    if (acn_stream_is_recorded(stream)) {
        if (in_replay || is_external(event))
            return submit(stream, event, record_in_replay, drop_task, "record event",
                          ACN_TASK_IS_EVENT_RECORD, &(event_task){0});
        if (acn_capture_record(stream, &event->mark, &captured)) return captured;
    }
    atomic_store_explicit(&event->mark.recording, 0, memory_order_relaxed);
    if (acn_check_streams()) acn_check_record(stream, &event->clock);
    pthread_mutex_lock(&event->mutex);
    bool was_recorded = event->is_recorded;
    event->stream = stream;
    event->stream_serial = atomic_load_explicit(&stream->serial, memory_order_relaxed);
    bool wants_time = (event->flags & ACN_EVENT_TIME_LINE) != 0;
    event->number = atomic_load_explicit(&stream->submitted, memory_order_acquire) + wants_time;
    event->time_ns = 0;
    event->is_recorded = true;
    event_task arguments = {.point.sequence = atomic_fetch_add(&event->sequence, 1) + 1};
    pthread_mutex_unlock(&event->mutex);
    if (!was_recorded) acn_futex_wake(&event->sequence, INT_MAX);
    if (!wants_time) return ACN_OK;
    acn_status status = submit(stream, event, note_time, drop_task, "record event", 0, &arguments);
    if (status != ACN_OK) stand_for_what_is_queued(event, arguments.point.sequence);
    return status;
}

/* Resetting. */

static acn_status forget(void *argument) {
    event_task *data = argument;
    acn_event *event = data->event;
    pthread_mutex_lock(&event->mutex);
    if (data->is_replayed || atomic_load(&event->sequence) == data->point.sequence) {
        event->is_recorded = false;
        atomic_fetch_add(&event->sequence, 1);
    }
    pthread_mutex_unlock(&event->mutex);
    return ACN_OK;
}

acn_status acn_event_reset(acn_event *event, acn_stream *stream) {
    event_task arguments = {.point = point_of(event),
                            .is_replayed = acn_stream_is_recorded(stream)};
    return submit(stream, event, forget, drop_task, "reset event", ACN_TASK_IS_EVENT_RESET,
                  &arguments);
}

/* Waiting. */

static acn_status wait_for_point(void *argument) {
    event_task *data = argument;
    acn_stream *waiter = acn_stream_executing();
    int64_t deadline_ns = acn_deadline(data->timeout_ms, acn_clock_ns());
    point p = data->is_replayed ? point_of(data->event) : data->point;
    bool waits_for_record = data->event->model == ACN_EVENT_PLAIN, in_time = true;
    while (in_time && !p.is_recorded && waits_for_record && !acn_stream_shall_give_up(waiter)) {
        in_time = acn_stream_sleep(waiter, &data->event->sequence, p.sequence, deadline_ns);
        p = point_of(data->event);
    }
    if (in_time && p.is_recorded)
        in_time = acn_stream_await(p.stream, p.serial, p.number, deadline_ns, waiter);
    if (in_time) return ACN_OK;
    return acn_fail(ACN_EVENT_SYNC_TIMEOUT,
                    "event %u was not reached within %lld ms; look for the stream that records it "
                    "or raise the limit of aclrtSetOpWaitTimeout",
                    data->event->id, (long long)data->timeout_ms);
}

static void drop_wait(void *argument) {
    event_task *data = argument;
    atomic_fetch_sub(&data->event->waits, 1);
    drop_task(argument);
}

acn_status acn_event_wait(acn_event *event, acn_stream *stream, int64_t timeout_ms,
                          bool in_replay) {
    if (timeout_ms == 0) timeout_ms = atomic_load(&wait_limit_ms);
    if (timeout_ms == 0) timeout_ms = -1;
    if (event->shared != NULL) {
        if (acn_check_streams()) acn_check_wait(stream, NULL);
        return acn_shared_event_wait(event->shared, stream, timeout_ms);
    }
    acn_status captured;
    event_task arguments = {.point = point_of(event), .timeout_ms = timeout_ms};
    const point *p = &arguments.point;
    if (acn_capture_wait(stream, &event->mark, in_replay || is_external(event), p->is_recorded,
                         &captured))
        return captured;
    arguments.is_replayed = acn_stream_is_recorded(stream);
    if (!arguments.is_replayed) {
        ACN_TRY(acn_event_check(event));
        if (!p->is_recorded && event->model == ACN_EVENT_CAPTURE) return ACN_OK;
        if (acn_check_streams()) acn_check_wait(stream, p->is_recorded ? &event->clock : NULL);
        if (p->is_recorded && (p->stream == stream || is_reached(p))) return ACN_OK;
    }
    atomic_fetch_add(&event->waits, 1);
    return submit(stream, event, wait_for_point, drop_wait, "wait for event",
                  ACN_TASK_CAN_BLOCK | ACN_TASK_IS_EVENT_WAIT, &arguments);
}

acn_status acn_event_synchronize(acn_event *event, int32_t timeout_ms) {
    if (event->shared != NULL) {
        if (acn_check_streams()) acn_check_host_knows_event(NULL);
        return acn_shared_event_synchronize(event->shared, timeout_ms);
    }
    ACN_TRY(acn_event_check(event));
    point p = point_of(event);
    if (!p.is_recorded) {
        if (event->model == ACN_EVENT_CAPTURE) return ACN_OK;
        return acn_fail(ACN_PARAM_INVALID,
                        "event %u was never recorded, so waiting for it would never end; call "
                        "aclrtRecordEvent first",
                        event->id);
    }
    if (acn_stream_executing() == p.stream && !is_reached(&p))
        return acn_fail(ACN_PARAM_INVALID, "a task waits for a later point of its own stream");
    int64_t deadline_ns = acn_deadline(timeout_ms, acn_clock_ns());
    if (!acn_stream_await(p.stream, p.serial, p.number, deadline_ns, NULL))
        return acn_fail(ACN_EVENT_SYNC_TIMEOUT,
                        "event %u was not reached within %d ms; wait longer", event->id,
                        timeout_ms);
    if (acn_check_streams()) acn_check_host_knows_event(&event->clock);
    return ACN_OK;
}

/* Questions. */

acn_event *acn_event_of_task(const void *data) { return ((const event_task *)data)->event; }

acn_status acn_event_check(const acn_event *event) { return acn_capture_check_event(&event->mark); }

bool acn_event_is_complete(acn_event *event) {
    if (event->shared != NULL) return acn_shared_event_is_complete(event->shared);
    point p = point_of(event);
    if (!p.is_recorded) return event->model == ACN_EVENT_CAPTURE;
    bool reached = is_reached(&p);
    if (reached && acn_check_streams()) acn_check_host_knows_event(&event->clock);
    return reached;
}

bool acn_event_waits_are_done(const acn_event *event) { return atomic_load(&event->waits) == 0; }
acn_event_model acn_event_model_of(const acn_event *event) { return event->model; }
uint32_t acn_event_id(const acn_event *event) { return event->id; }
uint32_t acn_event_flags(const acn_event *event) { return event->flags; }

acn_status acn_event_time_ns(acn_event *event, int64_t *out_ns) {
    if ((event->flags & ACN_EVENT_TIME_LINE) == 0)
        return acn_fail(ACN_EVENT_TIMESTAMP,
                        "event %u takes no time (flags 0x%x); create it with ACL_EVENT_TIME_LINE",
                        event->id, event->flags);
    pthread_mutex_lock(&event->mutex);
    bool is_recorded = event->is_recorded;
    int64_t time_ns = event->time_ns;
    pthread_mutex_unlock(&event->mutex);
    if (event->shared != NULL) {
        time_ns = acn_shared_event_time_ns(event->shared);
        is_recorded = true;
    }
    if (!is_recorded || time_ns == 0)
        return acn_fail(ACN_EVENT_TIMESTAMP,
                        "event %u %s; record it and synchronise before asking for its time",
                        event->id, is_recorded ? "is not reached yet" : "was never recorded");
    if (acn_check_streams()) acn_check_host_knows_event(&event->clock);
    *out_ns = time_ns;
    return ACN_OK;
}

size_t acn_event_available(void) { return MAX_EVENTS - acn_slab_live_count(&event_slab); }

void acn_event_set_wait_limit(int64_t timeout_ms) { atomic_store(&wait_limit_ms, timeout_ms); }
