/* event_shared.c - see event_shared.h. Who waits sleeps on a word in the shared file, and looks up
 * from time to time: the stream may be aborted, and the process that is to reach it may have died.
 */
#include "runtime/event_shared.h"

#include "base/thread.h"
#include "runtime/core.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOOK_UP_NS = 50000000 };

struct acn_shared_event {
    acn_share_cell *cell;
    acn_share_view view; /* of an import */
    bool is_import;
    atomic_int users;
};

static acn_shared_event *make(void) {
    acn_shared_event *event = calloc(1, sizeof *event);
    if (event != NULL)
        atomic_store(&event->users, 1);
    else
        acn_fail(ACN_BAD_ALLOC, "no memory for a shared event");
    return event;
}

acn_status acn_shared_event_create(acn_shared_event **out) {
    acn_shared_event *event = make();
    if (event == NULL) return ACN_BAD_ALLOC;
    acn_status status = acn_share_create(ACN_SHARE_EVENT, &event->cell);
    if (status != ACN_OK)
        free(event);
    else
        *out = event;
    return status;
}

acn_status acn_shared_event_import(const char *key, acn_shared_event **out) {
    acn_shared_event *event = make();
    if (event == NULL) return ACN_BAD_ALLOC;
    acn_status status = acn_share_open(key, ACN_SHARE_EVENT, &event->view);
    if (status != ACN_OK) {
        free(event);
        return status;
    }
    event->cell = event->view.cell;
    event->is_import = true;
    *out = event;
    return ACN_OK;
}

acn_status acn_shared_event_export(acn_shared_event *event, char key[ACN_SHARE_KEY_BYTES]) {
    if (event->is_import)
        return acn_fail(ACN_PARAM_INVALID, "the event was imported; only its owner exports it");
    acn_share_export(event->cell, true);
    acn_share_key(event->cell, key);
    return ACN_OK;
}

void acn_shared_event_release(acn_shared_event *event) {
    if (atomic_fetch_sub(&event->users, 1) != 1) return;
    if (event->is_import)
        acn_share_close(&event->view);
    else
        acn_share_destroy(event->cell);
    free(event);
}

typedef struct shared_task {
    acn_shared_event *event;
    uint32_t record;
    int64_t timeout_ms;
} shared_task;

static void drop(void *argument) {
    acn_shared_event_release(((shared_task *)argument)->event);
    acn_task_free(argument);
}

/* A copy of |arguments| that holds the event until |drop|; NULL: no memory, with its text. */
static shared_task *data_of(const shared_task *arguments) {
    shared_task *data = acn_task_alloc();
    if (data == NULL) {
        acn_fail(ACN_BAD_ALLOC, "no memory for a task");
        return NULL;
    }
    *data = *arguments;
    atomic_fetch_add(&data->event->users, 1);
    return data;
}

/* Records count from 1. A record so old that a later one took its place was reached long ago. */

static bool is_reached(const acn_share_cell *cell, uint32_t record) {
    uint32_t done = atomic_load(&cell->event.done[record % ACN_SHARE_POINTS]);
    return record == 0 || (int32_t)(done - record) >= 0;
}

static acn_status reach(void *argument) {
    const shared_task *data = argument;
    acn_share_cell *cell = data->event->cell;
    atomic_store(&cell->event.time_ns, acn_clock_ns());
    _Atomic uint32_t *done = &cell->event.done[data->record % ACN_SHARE_POINTS];
    uint32_t seen = atomic_load(done); /* a later record may have been faster on its stream */
    while ((int32_t)(data->record - seen) > 0 &&
           !atomic_compare_exchange_weak(done, &seen, data->record))
        continue;
    atomic_fetch_add(&cell->event.bell, 1);
    acn_futex_wake_shared(&cell->event.bell, INT_MAX);
    return ACN_OK;
}

/* Nobody shall wait for what never comes: a record that is not queued, or dropped with its stream,
 * counts as reached, as a process's own events do. */
static void drop_record(void *argument) {
    const shared_task *data = argument;
    if (!is_reached(data->event->cell, data->record)) reach(argument);
    drop(argument);
}

acn_status acn_shared_event_record(acn_shared_event *event, acn_stream *stream) {
    acn_share_cell *cell = event->cell;
    shared_task *data = data_of(&(shared_task){.event = event});
    if (data == NULL) return ACN_BAD_ALLOC;
    data->record = atomic_fetch_add(&cell->event.recorded, 1) + 1;
    atomic_store(&cell->event.pids[data->record % ACN_SHARE_POINTS], (int32_t)getpid());
    acn_task task = {
        .run = reach, .drop = drop_record, .data = data, .name = "record shared event"};
    return acn_stream_submit(stream, &task);
}

static bool is_dead(const acn_share_cell *cell, uint32_t record) {
    pid_t pid = atomic_load(&cell->event.pids[record % ACN_SHARE_POINTS]);
    return pid > 0 && kill(pid, 0) != 0 && errno == ESRCH;
}

/* |waiter| is the stream whose task this is, or NULL. */
static acn_status await(const acn_share_cell *cell, uint32_t record, int64_t timeout_ms,
                        acn_stream *waiter) {
    int64_t deadline_ns = acn_deadline(timeout_ms, acn_clock_ns());
    _Atomic uint32_t *bell = (_Atomic uint32_t *)&cell->event.bell;
    for (;;) {
        uint32_t heard = atomic_load(bell);
        if (is_reached(cell, record) || (waiter != NULL && acn_stream_shall_give_up(waiter)))
            return ACN_OK;
        int64_t now_ns = acn_clock_ns();
        if (deadline_ns >= 0 && now_ns >= deadline_ns)
            return acn_fail(ACN_EVENT_SYNC_TIMEOUT,
                            "a shared event was not reached within %lld ms; look for the stream "
                            "that records it, in whatever process",
                            (long long)timeout_ms);
        if (is_dead(cell, record) && !is_reached(cell, record))
            return acn_fail(ACN_EXECUTION,
                            "a shared event will never be reached: process %d, which recorded it, "
                            "has ended",
                            atomic_load(&cell->event.pids[record % ACN_SHARE_POINTS]));
        int64_t until_ns = now_ns + LOOK_UP_NS;
        if (deadline_ns >= 0 && deadline_ns < until_ns) until_ns = deadline_ns;
        acn_futex_wait_shared(bell, heard, until_ns);
    }
}

static acn_status wait_for_record(void *argument) {
    const shared_task *data = argument;
    return await(data->event->cell, data->record, data->timeout_ms, acn_stream_executing());
}

acn_status acn_shared_event_wait(acn_shared_event *event, acn_stream *stream, int64_t timeout_ms) {
    shared_task arguments = {.event = event,
                             .record = atomic_load(&event->cell->event.recorded),
                             .timeout_ms = timeout_ms};
    if (is_reached(event->cell, arguments.record)) return ACN_OK;
    shared_task *data = data_of(&arguments);
    if (data == NULL) return ACN_BAD_ALLOC;
    acn_task task = {.run = wait_for_record,
                     .drop = drop,
                     .data = data,
                     .flags = ACN_TASK_CAN_BLOCK,
                     .name = "wait for shared event"};
    return acn_stream_submit(stream, &task);
}

acn_status acn_shared_event_synchronize(acn_shared_event *event, int64_t timeout_ms) {
    return await(event->cell, atomic_load(&event->cell->event.recorded), timeout_ms, NULL);
}

bool acn_shared_event_is_complete(const acn_shared_event *event) {
    return is_reached(event->cell, atomic_load(&event->cell->event.recorded));
}

int64_t acn_shared_event_time_ns(const acn_shared_event *event) {
    return acn_shared_event_is_complete(event) ? atomic_load(&event->cell->event.time_ns) : 0;
}
