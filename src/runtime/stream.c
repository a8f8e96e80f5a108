/* stream.c - the queue of one stream and its timeline.
 *
 * A task's number is its right to run: task n runs when n - 1 are completed. A thread that finds
 * everything completed may take the next number and run its task at once; other tasks go into the
 * queue, which has any number of writers, under the mutex, and one reader: a worker, or a client's
 * thread that waits for the stream before the worker is there. Reader and writers meet only in the
 * slot that one fills and the other empties.
 */
#include "base/env.h"
#include "base/log.h"
#include "base/slab.h"
#include "base/thread.h"
#include "runtime/capture.h"
#include "runtime/check.h"
#include "runtime/core.h"
#include "runtime/guard.h"
#include "runtime/observe.h"
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STREAMS = 4096, SEGMENT_TASKS = 31, TASK_BYTES = 96, MAX_TASKS = 1 << 22 };
/* acn_stream.service: the queue has a reader; which was woken for it and is not there yet. */
enum { SERVED = 1, WAKING = 2 };
/* Longer than a hand-over takes when both threads are awake, much shorter than a wake-up. */
enum { SPIN_ROUNDS = 600 };
/* Looking out pays on streams that get their tasks in quick succession, and is in the way of the
 * thread just woken on all others: after some failures it is only tried again now and then. */
enum { LINGER_CREDIT = 4, LINGER_RETRY = 16 };

typedef struct slot {
    acn_task task;
    _Atomic uint64_t number __attribute__((aligned(8))); /* of the task; 0: empty */
} __attribute__((aligned(64))) slot;

/* Filled and emptied once from front to back, then used again as a whole. */
struct acn_task_segment {
    slot slots[SEGMENT_TASKS];
    _Atomic(acn_task_segment *) next;
};

static acn_slab stream_slab = ACN_SLAB("stream", sizeof(acn_stream), MAX_STREAMS);
static acn_slab task_slab = ACN_SLAB("task", TASK_BYTES, MAX_TASKS);
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic uint64_t last_serial;
static _Atomic uint32_t last_id;
static int64_t inline_us;
static bool launch_blocking;
static pthread_mutexattr_t mutex_kind;
static _Thread_local acn_stream *executing;
static _Thread_local uint32_t last_task;

static void initialize(void) {
    /* It is held for some instructions only: falling asleep on it costs more than waiting. */
    pthread_mutexattr_init(&mutex_kind);
    pthread_mutexattr_settype(&mutex_kind, PTHREAD_MUTEX_ADAPTIVE_NP);
    inline_us = acn_env_int(ACN_ENV_INLINE_US);
    launch_blocking = acn_env_bool(ACN_ENV_LAUNCH_BLOCKING);
    acn_check_initialize();
}

void *acn_task_alloc(void) {
    pthread_once(&once, initialize);
    return acn_slab_alloc(&task_slab);
}

void acn_task_free(void *data) { acn_slab_free(&task_slab, data); }

acn_status acn_stream_create(acn_context *context, uint32_t priority, uint32_t flags,
                             acn_stream **out_stream) {
    pthread_once(&once, initialize);
    acn_stream *stream = acn_slab_alloc(&stream_slab);
    if (stream == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d streams exist, which is the most; destroy some",
                        MAX_STREAMS);
    /* |waiters| is left alone: somebody may be on the way out of waiting for the predecessor. */
    atomic_store(&stream->submitted, 0);
    atomic_store(&stream->completed, 0);
    atomic_store(&stream->pushed, 0);
    atomic_store(&stream->popped, 0);
    atomic_store(&stream->spare, NULL);
    atomic_store(&stream->recording, NULL);
    atomic_store(&stream->drop_before, 0);
    atomic_store(&stream->blocked_on, NULL);
    atomic_store(&stream->service, 0);
    atomic_store(&stream->is_closing, false);
    atomic_store(&stream->has_error, false);
    pthread_mutex_init(&stream->mutex, &mutex_kind);
    stream->read_segment = stream->write_segment = NULL;
    stream->read_at = stream->write_at = 0;
    stream->linger_credit = LINGER_CREDIT;
    stream->error = ACN_OK;
    stream->error_text = NULL;
    stream->reports = NULL;
    stream->lends_thread = false;
    stream->checked = NULL;
    stream->context = context;
    stream->id = atomic_fetch_add(&last_id, 1);
    stream->priority = priority;
    stream->flags = flags;
    stream->device = context->device;
    stream->is_default = false;
    for (int i = 0; i < ACN_STREAM_ATTRIBUTES; i++)
        atomic_store(&stream->attributes[i], 0);
    atomic_store(&stream->serial, atomic_fetch_add(&last_serial, 1) + 1);
    acn_runtime_add_stream(stream);
    *out_stream = stream;
    return ACN_OK;
}

acn_status acn_stream_resolve(void *handle, acn_stream **out_stream) {
    acn_context *context;
    ACN_TRY(acn_context_current(&context));
    acn_stream *stream = handle;
    if (stream == NULL) {
        *out_stream = context->default_stream;
        return ACN_OK;
    }
    pthread_once(&once, initialize);
    if (!acn_slab_is_live(&stream_slab, stream) ||
        atomic_load_explicit(&stream->serial, memory_order_relaxed) == 0)
        return acn_fail(ACN_INVALID_HANDLE,
                        "stream %p does not exist; expected NULL or a stream that is not destroyed",
                        handle);
    if (stream->context != context)
        return acn_fail(ACN_STREAM_CONTEXT,
                        "stream %p belongs to a context of device %d, the current context is "
                        "another one of device %d; call aclrtSetCurrentContext or aclrtSetDevice",
                        handle, stream->device, context->device);
    *out_stream = stream;
    return ACN_OK;
}

/* Failures. */

static void note_failure(acn_stream *stream, const acn_task *task, uint64_t number,
                         acn_status status) {
    char *cause = acn_error_clone(), *text = NULL;
    acn_error_clear();
    if (asprintf(&text, "task %s (stream %u, task %llu): %s",
                 task->name != NULL ? task->name : "without a name", stream->id,
                 (unsigned long long)number, cause != NULL ? cause : "cause unknown") < 0)
        text = NULL;
    free(cause);
    pthread_mutex_lock(&stream->mutex);
    if (stream->error == ACN_OK) {
        stream->error = status;
        stream->error_text = text;
        text = NULL;
        atomic_store(&stream->has_error, true);
    }
    pthread_mutex_unlock(&stream->mutex);
    free(text);
    acn_exception_raise(stream, number, status);
}

static acn_status take_error(acn_stream *stream) {
    if (!atomic_load_explicit(&stream->has_error, memory_order_acquire)) return ACN_OK;
    pthread_mutex_lock(&stream->mutex);
    acn_status status = stream->error;
    char *text = stream->error_text;
    stream->error = ACN_OK;
    stream->error_text = NULL;
    atomic_store(&stream->has_error, false);
    pthread_mutex_unlock(&stream->mutex);
    if (status != ACN_OK) {
        acn_error_restore(status, text);
        acn_error_set_sticky(status);
    }
    free(text);
    return status;
}

/* Execution. */

static bool is_dropped(const acn_stream *stream, uint64_t number) {
    if (number <= atomic_load_explicit(&stream->drop_before, memory_order_acquire)) return true;
    return atomic_load_explicit(&stream->has_error, memory_order_acquire) &&
           acn_stream_stops_on_failure(stream);
}

bool acn_stream_shall_give_up(const acn_stream *stream) {
    return atomic_load(&stream->completed) < atomic_load(&stream->drop_before);
}

acn_stream *acn_stream_executing(void) { return executing; }

bool acn_task_shall_give_up(void) {
    return executing != NULL && acn_stream_shall_give_up(executing);
}

_Atomic(acn_task_observer *) acn_task_observed;

static acn_status run_task(const acn_stream *stream, const acn_task *task, uint64_t number) {
    acn_task_observer *observer = atomic_load_explicit(&acn_task_observed, memory_order_acquire);
    if (__builtin_expect(observer == NULL, 1)) return task->run(task->data);
    acn_task_record record = {.name = task->name,
                              .device = stream->device,
                              .stream = stream->id,
                              .number = number,
                              .start_ns = (uint64_t)acn_clock_ns()};
    record.status = task->run(task->data);
    record.end_ns = (uint64_t)acn_clock_ns();
    observer(&record);
    return record.status;
}

/* Waiters: their count, and below it the least number that one of them may wait for. One who waits
 * for many tasks is left asleep until the last of them is done. */
static const uint64_t one_waiter = (uint64_t)1 << 48;

static void begin_waiting(acn_stream *stream, uint64_t number) {
    uint64_t seen = atomic_load(&stream->waiters), wanted;
    do {
        uint64_t least = seen & (one_waiter - 1), count = seen / one_waiter;
        if (count == 0 || number < least) least = number & (one_waiter - 1);
        wanted = (count + 1) * one_waiter + least;
    } while (!atomic_compare_exchange_weak(&stream->waiters, &seen, wanted));
}

/* What the others wait for is not known any more: each task wakes them. */
static void end_waiting(acn_stream *stream) {
    uint64_t seen = atomic_load(&stream->waiters);
    while (!atomic_compare_exchange_weak(&stream->waiters, &seen,
                                         (seen / one_waiter - 1) * one_waiter)) {
    }
}

static void wake_waiters(acn_stream *stream, uint64_t completed) {
    uint64_t seen = atomic_load(&stream->waiters);
    if (seen >= one_waiter && completed >= (seen & (one_waiter - 1)))
        acn_futex_wake((_Atomic uint32_t *)&stream->completed, INT_MAX);
}

static void execute(acn_stream *stream, const acn_task *task) {
    uint64_t number = atomic_load_explicit(&stream->completed, memory_order_relaxed) + 1;
    if (!is_dropped(stream, number)) {
        acn_stream *outer = executing;
        executing = stream;
        acn_status status = run_task(stream, task, number);
        executing = outer;
        if (status != ACN_OK && number > atomic_load(&stream->drop_before))
            note_failure(stream, task, number, status);
    }
    if (task->drop != NULL) task->drop(task->data);
    atomic_store(&stream->completed, number);
    wake_waiters(stream, number);
}

/* The queue. */

static acn_task_segment *new_segment(acn_stream *stream) {
    acn_task_segment *segment = atomic_exchange(&stream->spare, NULL);
    if (segment == NULL) {
        segment = aligned_alloc(_Alignof(acn_task_segment), sizeof *segment);
        if (segment == NULL) return NULL;
        memset(segment, 0, sizeof *segment);
    }
    return segment;
}

/* With the mutex held. */
static bool push(acn_stream *stream, const acn_task *task, uint64_t number) {
    if (stream->write_segment == NULL || stream->write_at == SEGMENT_TASKS) {
        acn_task_segment *segment = new_segment(stream);
        if (segment == NULL) return false;
        if (stream->write_segment == NULL) /* the first: there is no reader yet */
            stream->read_segment = segment;
        else
            atomic_store_explicit(&stream->write_segment->next, segment, memory_order_release);
        stream->write_segment = segment;
        stream->write_at = 0;
    }
    slot *s = &stream->write_segment->slots[stream->write_at++];
    s->task = *task;
    atomic_store_explicit(&s->number, number, memory_order_release);
    atomic_store(&stream->pushed, atomic_load_explicit(&stream->pushed, memory_order_relaxed) + 1);
    return true;
}

/* The reader's next slot; NULL when nothing is there. */
static slot *peek(acn_stream *stream) {
    if (stream->read_at == SEGMENT_TASKS) {
        acn_task_segment *done = stream->read_segment;
        acn_task_segment *next = atomic_load_explicit(&done->next, memory_order_acquire);
        if (next == NULL) return NULL;
        atomic_store_explicit(&done->next, NULL, memory_order_relaxed);
        free(atomic_exchange(&stream->spare, done));
        stream->read_segment = next;
        stream->read_at = 0;
    }
    slot *s = &stream->read_segment->slots[stream->read_at];
    return atomic_load_explicit(&s->number, memory_order_acquire) != 0 ? s : NULL;
}

/* Takes the task out; its number stays with the caller. */
static acn_task pop(acn_stream *stream, slot *s) {
    acn_task task = s->task;
    atomic_store_explicit(&s->number, 0, memory_order_relaxed);
    stream->read_at++;
    atomic_store_explicit(&stream->popped,
                          atomic_load_explicit(&stream->popped, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    return task;
}

/* Until the task before |number|, which some client's thread may be running, is done. */
static void await_turn(acn_stream *stream, uint64_t number) {
    if (atomic_load_explicit(&stream->completed, memory_order_acquire) + 1 == number) return;
    acn_stream_await(stream, atomic_load(&stream->serial), number - 1, -1, NULL);
}

static void run_next(acn_stream *stream, slot *s) {
    await_turn(stream, atomic_load_explicit(&s->number, memory_order_relaxed));
    acn_task task = pop(stream, s);
    execute(stream, &task);
}

/* Of a reader that leaves: true if it must go on, since more came meanwhile. */
static bool comes_back(acn_stream *stream) {
    uint32_t none = 0;
    atomic_store(&stream->service, 0);
    return atomic_load(&stream->pushed) !=
               atomic_load_explicit(&stream->popped, memory_order_relaxed) &&
           atomic_compare_exchange_strong(&stream->service, &none, SERVED);
}

/* A reader that was called and is not there: the caller takes its place. */
static bool takes_over(acn_stream *stream) {
    uint32_t waking = SERVED | WAKING;
    return atomic_load_explicit(&stream->service, memory_order_relaxed) == waking &&
           atomic_compare_exchange_strong(&stream->service, &waking, SERVED);
}

static slot *look_out_for_more(acn_stream *stream) {
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        slot *s = peek(stream);
        if (s != NULL) return s;
        if (atomic_load_explicit(&stream->is_closing, memory_order_relaxed)) return NULL;
        acn_pause();
    }
    return NULL;
}

static bool shall_linger(acn_stream *stream) {
    if (stream->linger_credit == -LINGER_RETRY) stream->linger_credit = 1;
    return stream->linger_credit-- > 0;
}

/* As the reader, until nothing is left. When this returns, the stream may be gone. */
static void serve(acn_stream *stream) {
    do {
        for (slot *s = peek(stream); s != NULL;) {
            run_next(stream, s);
            s = peek(stream);
            if (s == NULL && shall_linger(stream)) {
                s = look_out_for_more(stream);
                if (s != NULL) stream->linger_credit = LINGER_CREDIT;
            }
        }
    } while (comes_back(stream));
}

/* Somebody else may have served it meanwhile. */
void acn_stream_serve(acn_stream *stream) {
    if (takes_over(stream)) serve(stream);
}

/* For a client's thread that waits for |number|, and a worker that is still waking up: it runs
 * here what may run in a client's thread. */
static void help(acn_stream *stream, uint64_t number) {
    if (executing != NULL || !takes_over(stream)) return;
    do {
        for (slot *s; (s = peek(stream)) != NULL;) {
            bool can_block = (s->task.flags & ACN_TASK_CAN_BLOCK) != 0;
            if (can_block || atomic_load_explicit(&s->number, memory_order_relaxed) > number) {
                atomic_store(&stream->service, SERVED | WAKING);
                if (!acn_worker_dispatch(stream)) acn_stream_serve(stream); /* better than never */
                return;
            }
            run_next(stream, s);
        }
    } while (comes_back(stream));
}

/* Sees to it that what is queued is read, by the reader there is or a worker that is woken; false
 * when no thread can be had. */
static bool call_worker(acn_stream *stream) {
    uint32_t none = 0;
    return atomic_load(&stream->service) != 0 ||
           !atomic_compare_exchange_strong(&stream->service, &none, SERVED | WAKING) ||
           acn_worker_dispatch(stream);
}

/* No thread can be had for the task that was pushed just now. It is taken back if it is alone;
 * with others about, late is better than never. */
static acn_status without_worker(acn_stream *stream, const acn_task *task, uint64_t number) {
    if (!takes_over(stream)) return ACN_OK;
    pthread_mutex_lock(&stream->mutex);
    slot *s = peek(stream);
    bool is_alone = s != NULL && atomic_load(&s->number) == number &&
                    atomic_load(&stream->pushed) == atomic_load(&stream->popped) + 1 &&
                    atomic_load(&stream->completed) + 1 == number;
    if (is_alone) {
        pop(stream, s);
        atomic_store(&stream->completed, number);
    }
    pthread_mutex_unlock(&stream->mutex);
    if (!is_alone || comes_back(stream)) serve(stream);
    if (!is_alone) return ACN_OK;
    wake_waiters(stream, number);
    if (task->drop != NULL) task->drop(task->data);
    return acn_fail(ACN_BAD_ALLOC, "no thread can be started for stream %u", stream->id);
}

acn_status acn_stream_submit_at(acn_stream *stream, const acn_task *task, uint64_t *out_number) {
    acn_status recorded;
    if (acn_stream_is_recorded(stream) && acn_capture_submit(stream, task, &recorded)) {
        if (out_number != NULL) *out_number = 0;
        return recorded;
    }
    if (acn_check_streams()) acn_check_task(stream, task);
    pthread_mutex_lock(&stream->mutex);
    uint64_t before = atomic_load_explicit(&stream->submitted, memory_order_relaxed);
    uint64_t number = before + 1;
    bool here = (task->flags & ACN_TASK_CAN_BLOCK) == 0 && task->cost_us <= inline_us &&
                atomic_load_explicit(&stream->completed, memory_order_acquire) == before;
    if (!here && !push(stream, task, number)) {
        pthread_mutex_unlock(&stream->mutex);
        if (task->drop != NULL) task->drop(task->data);
        return acn_fail(ACN_BAD_ALLOC, "no memory to queue another task on stream %u", stream->id);
    }
    atomic_store_explicit(&stream->submitted, number, memory_order_release);
    pthread_mutex_unlock(&stream->mutex);
    if (here)
        execute(stream, task);
    else if (!call_worker(stream))
        ACN_TRY(without_worker(stream, task, number));
    last_task = (uint32_t)number;
    if (out_number != NULL) *out_number = number;
    return ACN_OK;
}

acn_status acn_stream_submit(acn_stream *stream, const acn_task *task) {
    uint64_t number;
    bool blocking = launch_blocking && (task->flags & ACN_TASK_CAN_BLOCK) == 0;
    uint64_t serial = atomic_load_explicit(&stream->serial, memory_order_relaxed);
    ACN_TRY(acn_stream_submit_at(stream, task, &number));
    if (!blocking || executing == stream || number == 0) return ACN_OK;
    acn_stream_await(stream, serial, number, -1, NULL);
    if (acn_check_streams()) acn_check_host_knows_stream(stream);
    return take_error(stream);
}

/* Waiting. */

bool acn_stream_sleep(acn_stream *stream, _Atomic uint32_t *word, uint32_t expected,
                      int64_t deadline_ns) {
    if (stream == NULL) return acn_futex_wait(word, expected, deadline_ns);
    bool in_time = true;
    atomic_store(&stream->blocked_on, word);
    if (!acn_stream_shall_give_up(stream)) in_time = acn_futex_wait(word, expected, deadline_ns);
    atomic_store(&stream->blocked_on, NULL);
    return in_time;
}

bool acn_stream_await(acn_stream *stream, uint64_t serial, uint64_t number, int64_t deadline_ns,
                      acn_stream *blocked) {
    if (acn_stream_reached(stream, serial, number)) return true;
    if (blocked == NULL && deadline_ns < 0) help(stream, number);
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        if (acn_stream_reached(stream, serial, number)) return true;
        /* The thread that is being woken may need this CPU. */
        if ((atomic_load_explicit(&stream->service, memory_order_relaxed) & WAKING) != 0) break;
        acn_pause();
    }
    bool in_time = true;
    _Atomic uint32_t *word = (_Atomic uint32_t *)&stream->completed;
    begin_waiting(stream, number);
    while (in_time) {
        uint32_t seen = (uint32_t)atomic_load(&stream->completed);
        if (acn_stream_reached(stream, serial, number)) break;
        if (blocked != NULL && acn_stream_shall_give_up(blocked)) break;
        in_time = acn_stream_sleep(blocked, word, seen, deadline_ns);
    }
    end_waiting(stream);
    return in_time || acn_stream_reached(stream, serial, number);
}

acn_status acn_stream_synchronize(acn_stream *stream, int32_t timeout_ms) {
    if (executing == stream)
        return acn_fail(ACN_PARAM_INVALID,
                        "a task of stream %u waits for its own stream, which would never end; "
                        "synchronise outside of callbacks",
                        stream->id);
    if ((stream->flags & ACN_STREAM_NEVER_WAITED_FOR) != 0) return ACN_OK;
    uint64_t serial = atomic_load(&stream->serial), number = atomic_load(&stream->submitted);
    if (!acn_stream_await(stream, serial, number, acn_deadline(timeout_ms, acn_clock_ns()), NULL))
        return acn_fail(ACN_STREAM_SYNC_TIMEOUT,
                        "%d ms have passed and %llu of %llu tasks of stream %u are not done; wait "
                        "longer or look for a task that waits",
                        timeout_ms, (unsigned long long)(number - atomic_load(&stream->completed)),
                        (unsigned long long)number, stream->id);
    if (acn_check_streams()) acn_check_host_knows_stream(stream);
    if (acn_guard_is_on()) acn_guard_rooms();
    return take_error(stream);
}

/* Ends. */

/* What is queued is dropped; a task that sleeps is woken, again and again, since it may be about
 * to fall asleep. False when a task still ran at the deadline. */
static bool drop_queued(acn_stream *stream, int64_t deadline_ns) {
    uint64_t serial = atomic_load(&stream->serial), number = atomic_load(&stream->submitted);
    atomic_store(&stream->drop_before, number);
    for (;;) {
        _Atomic uint32_t *word = atomic_load(&stream->blocked_on);
        if (word != NULL) acn_futex_wake(word, INT_MAX);
        int64_t now_ns = acn_clock_ns();
        if (acn_stream_await(stream, serial, number, now_ns + 1000000, NULL)) return true;
        if (deadline_ns >= 0 && now_ns >= deadline_ns) return false;
    }
}

acn_status acn_stream_abort(acn_stream *stream, int64_t timeout_ms) {
    if (executing == stream)
        return acn_fail(ACN_PARAM_INVALID, "a task of stream %u cannot abort it", stream->id);
    if (drop_queued(stream, acn_deadline(timeout_ms, acn_clock_ns()))) return ACN_OK;
    return acn_fail(ACN_STREAM_SYNC_TIMEOUT,
                    "what was queued on stream %u is dropped, but a task still runs after %lld ms; "
                    "a running task cannot be stopped",
                    stream->id, (long long)timeout_ms);
}

static acn_status destroyed_already(const acn_stream *stream) {
    return acn_fail(ACN_INVALID_HANDLE, "stream %p is destroyed already", (const void *)stream);
}

acn_status acn_stream_destroy(acn_stream *stream, bool drop_tasks) {
    if (executing == stream)
        return acn_fail(ACN_PARAM_INVALID, "a task of stream %u cannot destroy it", stream->id);
    uint64_t serial = atomic_load(&stream->serial);
    if (serial == 0) return destroyed_already(stream); /* another thread was faster */
    acn_capture_abandon(stream);
    if (drop_tasks)
        drop_queued(stream, -1);
    else
        acn_stream_await(stream, serial, atomic_load(&stream->submitted), -1, NULL);
    if (!atomic_compare_exchange_strong(&stream->serial, &serial, 0))
        return destroyed_already(stream);
    atomic_store(&stream->is_closing, true);
    while (atomic_load(&stream->service) != 0) /* done, but not yet out of here */
        sched_yield();
    if (stream->error != ACN_OK)
        ACN_LOG("RUNTIME", ACN_LOG_WARNING, "stream %u is destroyed with an error nobody saw: %s",
                stream->id, stream->error_text);
    acn_runtime_remove_stream(stream);
    acn_callback_release(stream);
    if (acn_check_streams()) acn_check_free_stream(stream);
    free(stream->error_text);
    free(stream->read_segment);
    free(atomic_load(&stream->spare));
    pthread_mutex_destroy(&stream->mutex);
    acn_futex_wake((_Atomic uint32_t *)&stream->completed, INT_MAX);
    acn_slab_free(&stream_slab, stream);
    return ACN_OK;
}

/* Properties. */

bool acn_stream_is_idle(acn_stream *stream) {
    bool idle = atomic_load_explicit(&stream->completed, memory_order_acquire) >=
                atomic_load_explicit(&stream->submitted, memory_order_acquire);
    if (idle && acn_check_streams()) acn_check_host_knows_stream(stream);
    return idle;
}

/* CANN has it for all streams of the context, whichever it is asked for. */
void acn_stream_set_stop_on_failure(acn_stream *stream, bool stop) {
    atomic_store(&stream->context->stop_on_failure, stop);
}

bool acn_stream_stops_on_failure(const acn_stream *stream) {
    return atomic_load_explicit(&stream->context->stop_on_failure, memory_order_relaxed);
}

int acn_stream_device(const acn_stream *stream) { return stream->device; }
uint32_t acn_stream_id(const acn_stream *stream) { return stream->id; }
uint32_t acn_stream_priority(const acn_stream *stream) { return stream->priority; }
uint32_t acn_stream_flags(const acn_stream *stream) { return stream->flags; }
acn_context *acn_stream_context(const acn_stream *stream) { return stream->context; }
bool acn_stream_is_default(const acn_stream *stream) { return stream->is_default; }
uint32_t acn_stream_get_attribute(const acn_stream *stream, acn_stream_attribute key) {
    return atomic_load_explicit(&stream->attributes[key], memory_order_relaxed);
}

void acn_stream_set_attribute(acn_stream *stream, acn_stream_attribute key, uint32_t value) {
    atomic_store_explicit(&stream->attributes[key], value, memory_order_relaxed);
}

uint32_t acn_stream_last_task(void) { return last_task; }

uint32_t acn_stream_available(void) {
    pthread_once(&once, initialize);
    return MAX_STREAMS - (uint32_t)acn_slab_live_count(&stream_slab);
}
