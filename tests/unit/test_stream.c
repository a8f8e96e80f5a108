/* Streams, events and callbacks: order, waiting, failures, ends. */
#include "unit.h"

#include "base/thread.h"
#include "runtime/callback.h"
#include "runtime/context.h"
#include "runtime/event.h"
#include "runtime/exception.h"
#include "runtime/memory.h"
#include "runtime/stream.h"
#include "runtime/value.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

static acn_stream *make_stream(void) {
    acn_context *context;
    acn_stream *stream;
    assert_int_equal(acn_context_current(&context), ACN_OK);
    assert_int_equal(acn_stream_create(context, 0, 0, &stream), ACN_OK);
    return stream;
}

static int set_device(void **state) { return acn_device_set(0) != ACN_OK; }

/* A task that waits until the test opens it. */
typedef struct gate {
    _Atomic uint32_t open;
    atomic_int entered;
} gate;

static acn_status pass_gate(void *data) {
    gate *g = data;
    atomic_fetch_add(&g->entered, 1);
    while (atomic_load(&g->open) == 0)
        acn_futex_wait(&g->open, 0, -1);
    return ACN_OK;
}

static void open_gate(gate *g) {
    atomic_store(&g->open, 1);
    acn_futex_wake(&g->open, 100);
}

static void submit(acn_stream *stream, acn_status (*run)(void *), void *data, uint32_t flags) {
    acn_task task = {.run = run, .data = data, .flags = flags, .name = "test"};
    assert_int_equal(acn_stream_submit(stream, &task), ACN_OK);
}

typedef struct counter {
    atomic_long next;
    atomic_long wrong;
    atomic_long dropped;
} counter;

typedef struct numbered {
    counter *counter;
    long number;
} numbered;

static acn_status check_order(void *data) {
    numbered *n = data;
    if (atomic_fetch_add(&n->counter->next, 1) != n->number)
        atomic_fetch_add(&n->counter->wrong, 1);
    return ACN_OK;
}

static void free_numbered(void *data) {
    atomic_fetch_add(&((numbered *)data)->counter->dropped, 1);
    free(data);
}

static void tasks_run_in_order_whoever_runs_them(void **state) {
    acn_stream *stream = make_stream();
    counter c = {0};
    for (long i = 0; i < 20000; i++) {
        numbered *n = malloc(sizeof *n);
        *n = (numbered){&c, i};
        acn_task task = {.run = check_order, .drop = free_numbered, .data = n, .name = "test"};
        if (i % 7 == 0) task.flags = ACN_TASK_CAN_BLOCK;
        if (i % 5 == 0) task.cost_us = 1000000;
        assert_int_equal(acn_stream_submit(stream, &task), ACN_OK);
        if (i % 1000 == 0) usleep(100);
    }
    assert_int_equal(acn_stream_synchronize(stream, -1), ACN_OK);
    assert_int_equal(c.next, 20000);
    assert_int_equal(c.wrong, 0);
    assert_int_equal(c.dropped, 20000);
    assert_true(acn_stream_is_idle(stream));
    assert_int_equal(acn_stream_destroy(stream, false), ACN_OK);
}

static acn_status count_up(void *data) {
    long *number = data; /* not atomic: tasks of a stream never run at the same time */
    ++*number;
    return ACN_OK;
}

static acn_stream *shared_stream;

static void *submit_many(void *data) {
    if (acn_device_set(0) != ACN_OK) return (void *)1;
    for (int i = 0; i < 5000; i++) {
        acn_task task = {.run = count_up, .data = data, .cost_us = i % 3 == 0 ? 1000000 : 0};
        if (acn_stream_submit(shared_stream, &task) != ACN_OK) return (void *)2;
    }
    return acn_stream_synchronize(shared_stream, -1) == ACN_OK ? NULL : (void *)3;
}

static void several_threads_may_share_a_stream(void **state) {
    shared_stream = make_stream();
    long number = 0;
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_create(&threads[i], NULL, submit_many, &number);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_int_equal(number, 20000);
    acn_stream_destroy(shared_stream, false);
}

/* Tasks of all kinds from several threads, which also wait now and then: at any time one runs. */
typedef struct crowd {
    acn_stream *stream;
    atomic_int inside, wrong;
    atomic_long done;
} crowd;

enum { CROWD_THREADS = 4, CROWD_TASKS = 3000 };

static acn_status run_alone(void *data) {
    crowd *c = data;
    if (atomic_fetch_add(&c->inside, 1) != 0) atomic_fetch_add(&c->wrong, 1);
    atomic_fetch_add(&c->done, 1);
    atomic_fetch_sub(&c->inside, 1);
    return ACN_OK;
}

static void *crowd_in(void *data) {
    crowd *c = data;
    if (acn_device_set(0) != ACN_OK) return NULL;
    for (int i = 0; i < CROWD_TASKS; i++) {
        acn_task task = {.run = run_alone,
                         .data = c,
                         .flags = i % 7 == 0 ? ACN_TASK_CAN_BLOCK : 0,
                         .cost_us = i % 3 == 0 ? 1000000 : 0,
                         .name = "crowd"};
        acn_stream_submit(c->stream, &task);
        if (i % 11 == 0) acn_stream_synchronize(c->stream, i % 2 ? -1 : 10000);
        if (i % 500 == 0) usleep(1000); /* workers fall asleep */
    }
    return NULL;
}

static void one_task_runs_at_a_time_in_a_crowd(void **state) {
    crowd c = {.stream = make_stream()};
    pthread_t threads[CROWD_THREADS];
    for (int i = 0; i < CROWD_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_in, &c), 0);
    for (int i = 0; i < CROWD_THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(acn_stream_synchronize(c.stream, -1), ACN_OK);
    assert_int_equal(c.done, CROWD_THREADS * CROWD_TASKS);
    assert_int_equal(c.wrong, 0);
    assert_int_equal(acn_stream_destroy(c.stream, false), ACN_OK);
}

static void synchronize_can_time_out(void **state) {
    acn_stream *stream = make_stream();
    gate g = {0};
    submit(stream, pass_gate, &g, ACN_TASK_CAN_BLOCK);
    assert_int_equal(acn_stream_synchronize(stream, 20), ACN_STREAM_SYNC_TIMEOUT);
    assert_int_equal(acn_device_synchronize(20), ACN_STREAM_SYNC_TIMEOUT);
    assert_false(acn_stream_is_idle(stream));
    open_gate(&g);
    assert_int_equal(acn_stream_synchronize(stream, 10000), ACN_OK);
    assert_int_equal(acn_device_synchronize(-1), ACN_OK);
    assert_non_null(acn_error_take());
    acn_stream_destroy(stream, false);
}

static acn_status go_wrong(void *data) {
    return acn_fail(ACN_EXECUTION, "index %d is out of range", 7);
}

static atomic_int exceptions;
static void on_exception(acn_exception *exception) {
    if (exception->status == ACN_EXECUTION) atomic_fetch_add(&exceptions, 1);
}

static void failures_surface_at_synchronize_with_their_text(void **state) {
    acn_stream *stream = make_stream();
    long ran = 0;
    acn_exception_set(on_exception);
    for (int here = 0; here < 2; here++) {
        submit(stream, go_wrong, NULL, here ? 0 : ACN_TASK_CAN_BLOCK);
        submit(stream, count_up, &ran, 0);
        assert_null(acn_error_take());
        assert_int_equal(acn_stream_synchronize(stream, -1), ACN_EXECUTION);
        const char *text = acn_error_take();
        assert_non_null(strstr(text, "task test (stream "));
        assert_non_null(strstr(text, "index 7 is out of range"));
        assert_int_equal(acn_error_sticky(), ACN_EXECUTION);
        assert_int_equal(acn_stream_synchronize(stream, -1), ACN_OK);
        assert_int_equal(ran, here + 1);
    }
    acn_stream_set_stop_on_failure(stream, true);
    submit(stream, go_wrong, NULL, 0);
    submit(stream, count_up, &ran, 0);
    assert_int_equal(acn_stream_synchronize(stream, -1), ACN_EXECUTION);
    assert_int_equal(ran, 2);
    submit(stream, count_up, &ran, 0);
    assert_int_equal(acn_stream_synchronize(stream, -1), ACN_OK);
    assert_int_equal(ran, 3);
    assert_int_equal(exceptions, 3);
    acn_exception_set(NULL);
    acn_stream_set_stop_on_failure(stream, false);
    acn_stream_destroy(stream, false);
}

static acn_status synchronize_own_stream(void *data) { return acn_stream_synchronize(data, -1); }

static void a_task_that_waits_for_itself_is_told(void **state) {
    acn_stream *stream = make_stream();
    submit(stream, synchronize_own_stream, stream, 0);
    assert_int_equal(acn_stream_synchronize(stream, -1), ACN_PARAM_INVALID);
    acn_error_take();
    acn_stream_destroy(stream, false);
}

static void events_order_streams(void **state) {
    acn_stream *a = make_stream(), *b = make_stream();
    acn_event *event;
    gate g = {0};
    long number = 0;
    assert_int_equal(acn_event_create(ACN_EVENT_CAPTURE, ACN_EVENT_SYNC, &event), ACN_OK);
    assert_true(acn_event_is_complete(event));
    assert_int_equal(acn_event_wait(event, b, 0, false),
                     ACN_OK); /* nothing recorded, nothing to wait for */
    submit(a, pass_gate, &g, ACN_TASK_CAN_BLOCK);
    assert_int_equal(acn_event_record(event, a, false), ACN_OK);
    assert_false(acn_event_is_complete(event));
    assert_int_equal(acn_event_wait(event, b, 0, false), ACN_OK);
    submit(b, count_up, &number, 0);
    assert_int_equal(acn_stream_synchronize(b, 20), ACN_STREAM_SYNC_TIMEOUT);
    assert_int_equal(acn_event_synchronize(event, 20), ACN_EVENT_SYNC_TIMEOUT);
    assert_false(acn_event_waits_are_done(event));
    /* A later record changes nothing for the wait that was asked for before. */
    assert_int_equal(acn_event_record(event, b, false), ACN_OK);
    assert_int_equal(acn_event_destroy(event), ACN_OK); /* tasks keep what they need */
    assert_int_equal(acn_event_resolve(event, &event), ACN_INVALID_HANDLE);
    open_gate(&g);
    assert_int_equal(acn_stream_synchronize(b, -1), ACN_OK);
    assert_int_equal(number, 1);
    acn_stream_destroy(a, false);
    acn_stream_destroy(b, false);
}

static void plain_events_wait_for_a_first_record_and_reset(void **state) {
    acn_stream *a = make_stream(), *b = make_stream();
    acn_event *event;
    long number = 0;
    assert_int_equal(
        acn_event_create(ACN_EVENT_PLAIN, ACN_EVENT_SYNC | ACN_EVENT_TIME_LINE, &event), ACN_OK);
    assert_false(acn_event_is_complete(event));
    assert_int_equal(acn_event_synchronize(event, -1), ACN_PARAM_INVALID);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(acn_event_wait(event, b, 0, false), ACN_OK);
        submit(b, count_up, &number, 0);
        assert_int_equal(acn_event_reset(event, b), ACN_OK);
        assert_int_equal(acn_stream_synchronize(b, 10), ACN_STREAM_SYNC_TIMEOUT);
        assert_int_equal(number, round);
        assert_int_equal(acn_event_record(event, a, false), ACN_OK);
        assert_int_equal(acn_stream_synchronize(b, -1), ACN_OK);
        assert_int_equal(number, round + 1);
        /* The reset was asked for before the record, so the record stands. */
        assert_int_equal(acn_event_reset(event, b), ACN_OK);
        assert_int_equal(acn_stream_synchronize(b, -1), ACN_OK);
        assert_false(acn_event_is_complete(event));
    }
    assert_int_equal(acn_event_wait(event, b, 20, false), ACN_OK); /* 20 ms, and no record comes */
    assert_int_equal(acn_stream_synchronize(b, -1), ACN_EVENT_SYNC_TIMEOUT);
    acn_error_take();
    acn_event_destroy(event);
    acn_stream_destroy(a, false);
    acn_stream_destroy(b, false);
}

static acn_status nap(void *data) { return usleep(20000), ACN_OK; }

static void events_measure_time(void **state) {
    acn_stream *stream = make_stream();
    acn_event *start, *end;
    int64_t start_ns, end_ns;
    assert_int_equal(acn_event_create(ACN_EVENT_CAPTURE, ACN_EVENT_TIME_LINE, &start), ACN_OK);
    assert_int_equal(acn_event_create(ACN_EVENT_CAPTURE, ACN_EVENT_TIME_LINE, &end), ACN_OK);
    assert_int_equal(acn_event_time_ns(start, &start_ns), ACN_EVENT_TIMESTAMP);
    acn_event_record(start, stream, false);
    submit(stream, nap, NULL, ACN_TASK_CAN_BLOCK);
    acn_event_record(end, stream, false);
    assert_int_equal(acn_event_time_ns(end, &end_ns), ACN_EVENT_TIMESTAMP);
    assert_int_equal(acn_event_synchronize(end, -1), ACN_OK);
    assert_int_equal(acn_event_time_ns(start, &start_ns), ACN_OK);
    assert_int_equal(acn_event_time_ns(end, &end_ns), ACN_OK);
    assert_in_range(end_ns - start_ns, 19000000, 2000000000);
    acn_error_take();
    acn_event_destroy(start);
    acn_event_destroy(end);
    acn_stream_destroy(stream, false);
}

static void events_of_a_destroyed_stream_are_complete(void **state) {
    acn_stream *stream = make_stream();
    acn_event *event;
    acn_event_create(ACN_EVENT_CAPTURE, ACN_EVENT_SYNC, &event);
    submit(stream, nap, NULL, ACN_TASK_CAN_BLOCK);
    acn_event_record(event, stream, false);
    assert_int_equal(acn_stream_destroy(stream, false), ACN_OK);
    acn_stream *other = make_stream(); /* in the same place */
    gate g = {0};
    submit(other, pass_gate, &g, ACN_TASK_CAN_BLOCK);
    assert_true(acn_event_is_complete(event));
    assert_int_equal(acn_event_synchronize(event, -1), ACN_OK);
    open_gate(&g);
    acn_event_destroy(event);
    acn_stream_destroy(other, false);
}

static void destroying_by_force_ends_waits_and_drops_tasks(void **state) {
    acn_stream *stream = make_stream();
    acn_event *event;
    counter c = {0};
    acn_event_create(ACN_EVENT_PLAIN, ACN_EVENT_SYNC, &event);
    assert_int_equal(acn_event_wait(event, stream, 0, false), ACN_OK);
    for (int i = 0; i < 100; i++) {
        numbered *n = malloc(sizeof *n);
        *n = (numbered){&c, i};
        acn_task task = {.run = check_order, .drop = free_numbered, .data = n};
        acn_stream_submit(stream, &task);
    }
    usleep(1000);
    assert_int_equal(acn_stream_destroy(stream, true), ACN_OK);
    assert_int_equal(c.next, 0);
    assert_int_equal(c.dropped, 100);
    acn_event_destroy(event);
}

static void abort_drops_what_is_queued_and_the_stream_goes_on(void **state) {
    acn_stream *stream = make_stream();
    acn_event *event;
    long number = 0;
    acn_event_create(ACN_EVENT_PLAIN, ACN_EVENT_SYNC, &event);
    acn_event_wait(event, stream, 0, false);
    submit(stream, count_up, &number, 0);
    assert_int_equal(acn_stream_abort(stream, -1), ACN_OK);
    submit(stream, count_up, &number, 0);
    assert_int_equal(acn_stream_synchronize(stream, -1), ACN_OK);
    assert_int_equal(number, 1);
    acn_event_destroy(event);
    acn_stream_destroy(stream, false);
}

typedef struct server {
    _Atomic uint32_t stop;
    _Atomic uint64_t thread;
    atomic_int served;
} server;

static void *serve(void *data) {
    server *s = data;
    atomic_store(&s->thread, (uint64_t)pthread_self());
    while (atomic_load(&s->stop) == 0)
        if (acn_callback_process(5) == ACN_OK) atomic_fetch_add(&s->served, 1);
    return NULL;
}

static void set_flag(void *data) { atomic_fetch_add((atomic_int *)data, 1); }

static void callbacks_run_in_the_subscribed_thread(void **state) {
    acn_stream *stream = make_stream();
    server s = {0};
    atomic_int flag = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, serve, &s);
    while (atomic_load(&s.thread) == 0)
        sched_yield();
    assert_int_equal(acn_callback_launch(stream, set_flag, &flag, true), ACN_STREAM_NO_CALLBACK);
    assert_int_equal(acn_callback_process(1), ACN_THREAD_SUBSCRIBE);
    assert_int_equal(acn_callback_subscribe(s.thread, stream), ACN_OK);
    assert_int_equal(acn_callback_subscribe(s.thread, stream), ACN_PARAM_INVALID);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(acn_callback_launch(stream, set_flag, &flag, i % 2 == 0), ACN_OK);
        if (i % 2 == 0) {
            assert_int_equal(acn_stream_synchronize(stream, -1), ACN_OK);
            assert_true(flag >= i + 1);
        }
    }
    while (atomic_load(&s.served) < 100)
        sched_yield();
    assert_int_equal(flag, 100);
    assert_int_equal(acn_callback_unsubscribe(1, stream), ACN_THREAD_SUBSCRIBE);
    assert_int_equal(acn_callback_unsubscribe(s.thread, stream), ACN_OK);
    atomic_store(&s.stop, 1);
    pthread_join(thread, NULL);
    assert_int_equal(acn_callback_host_function(stream, set_flag, &flag), ACN_OK);
    assert_int_equal(acn_stream_synchronize(stream, -1), ACN_OK);
    assert_int_equal(flag, 101);
    acn_error_take();
    acn_stream_destroy(stream, false);
}

static void a_callback_nobody_processes_ends_with_its_subscription(void **state) {
    acn_stream *stream = make_stream();
    atomic_int flag = 0;
    uint64_t self = (uint64_t)pthread_self();
    assert_int_equal(acn_callback_subscribe(self, stream), ACN_OK);
    assert_int_equal(acn_callback_process(10), ACN_REPORT_TIMEOUT);
    assert_int_equal(acn_callback_launch(stream, set_flag, &flag, true), ACN_OK);
    assert_int_equal(acn_stream_synchronize(stream, 20), ACN_STREAM_SYNC_TIMEOUT);
    assert_int_equal(acn_callback_unsubscribe(self, stream), ACN_OK);
    acn_stream_synchronize(stream, -1);
    assert_int_equal(flag, 0);
    acn_error_take();
    acn_stream_destroy(stream, true);
}

static void values_order_streams(void **state) {
    acn_stream *a = make_stream(), *b = make_stream();
    uint64_t *word;
    long number = 0;
    assert_int_equal(acn_memory_alloc(0, 64, (void **)&word), ACN_OK);
    static const struct {
        uint64_t before, after, value;
        acn_value_condition condition;
    } cases[] = {
        {4, 5, 5, ACN_VALUE_AT_LEAST},
        {UINT64_MAX, 1, 0, ACN_VALUE_AT_LEAST}, /* counters wrap */
        {6, 5, 5, ACN_VALUE_EQUAL},
        {8, 12, 4, ACN_VALUE_ANY_BIT},
        {UINT64_MAX, 0, 1, ACN_VALUE_NOT_ALL_BITS},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        *word = cases[i].before;
        assert_int_equal(acn_value_wait(word, cases[i].value, cases[i].condition, b), ACN_OK);
        submit(b, count_up, &number, 0);
        assert_int_equal(acn_stream_synchronize(b, 10), ACN_STREAM_SYNC_TIMEOUT);
        assert_int_equal(acn_value_write(word, cases[i].after, a), ACN_OK);
        assert_int_equal(acn_stream_synchronize(b, -1), ACN_OK);
        assert_int_equal(number, (long)i + 1);
    }
    assert_int_equal(acn_value_write((char *)word + 4, 1, a), ACN_PARAM_INVALID);
    assert_int_equal(acn_value_write(&number, 1, a), ACN_PARAM_INVALID);
    assert_int_equal(acn_value_wait(word, 77, ACN_VALUE_EQUAL, b), ACN_OK);
    acn_stream_destroy(b, true); /* ends the wait */
    acn_stream_destroy(a, false);
    acn_memory_free(word);
    acn_error_take();
}

static void handles_are_checked(void **state) {
    acn_stream *stream, *made = make_stream();
    int local;
    assert_int_equal(acn_stream_resolve(&local, &stream), ACN_INVALID_HANDLE);
    assert_int_equal(acn_stream_resolve((char *)made + 64, &stream), ACN_INVALID_HANDLE);
    assert_int_equal(acn_stream_resolve(NULL, &stream), ACN_OK);
    assert_true(acn_stream_is_default(stream));
    assert_int_equal(acn_stream_resolve(made, &stream), ACN_OK);
    acn_stream_destroy(made, false);
    assert_int_equal(acn_stream_resolve(made, &stream), ACN_INVALID_HANDLE);
    acn_event *event;
    assert_int_equal(acn_event_resolve(NULL, &event), ACN_INVALID_HANDLE);
    assert_int_equal(acn_event_resolve(&local, &event), ACN_INVALID_HANDLE);
    assert_non_null(acn_error_take());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_run_in_order_whoever_runs_them),
        cmocka_unit_test(several_threads_may_share_a_stream),
        cmocka_unit_test(one_task_runs_at_a_time_in_a_crowd),
        cmocka_unit_test(synchronize_can_time_out),
        cmocka_unit_test(failures_surface_at_synchronize_with_their_text),
        cmocka_unit_test(a_task_that_waits_for_itself_is_told),
        cmocka_unit_test(events_order_streams),
        cmocka_unit_test(plain_events_wait_for_a_first_record_and_reset),
        cmocka_unit_test(events_measure_time),
        cmocka_unit_test(events_of_a_destroyed_stream_are_complete),
        cmocka_unit_test(destroying_by_force_ends_waits_and_drops_tasks),
        cmocka_unit_test(abort_drops_what_is_queued_and_the_stream_goes_on),
        cmocka_unit_test(callbacks_run_in_the_subscribed_thread),
        cmocka_unit_test(a_callback_nobody_processes_ends_with_its_subscription),
        cmocka_unit_test(values_order_streams),
        cmocka_unit_test(handles_are_checked),
    };
    setenv("ASCEND_GLOBAL_LOG_LEVEL", "4", 1);
    return cmocka_run_group_tests(tests, set_device, NULL);
}
