/* Capture and replay: the code of each illegal call, threads, aborts, and nothing left behind. */
#include "captured.h"

#include <pthread.h>

/* ---- what is forbidden --------------------------------------------------------------------------
 */

static void a_capture_ends_where_it_began(void **state) {
    aclmdlRI model;
    aclrtEvent fork = make_event(ACL_EVENT_SYNC), join = make_event(ACL_EVENT_SYNC);
    FAILS(107031, "aclmdlRICaptureBegin", "default", aclmdlRICaptureBegin(NULL, GLOBAL));
    FAILS(107000, "aclmdlRICaptureBegin", "mode is 3", aclmdlRICaptureBegin(a, 3));
    FAILS(107029, "aclmdlRICaptureEnd", "not being captured", aclmdlRICaptureEnd(a, &model));
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    FAILS(107027, "aclmdlRICaptureBegin", "already", aclmdlRICaptureBegin(a, GLOBAL));
    order(fork, a, b);
    add(x, y, 1, b);
    FAILS(107036, "aclmdlRICaptureEnd", "end it there", aclmdlRICaptureEnd(b, &model));
    FAILS(107025, "aclmdlRICaptureEnd", "never waits", aclmdlRICaptureEnd(a, &model));
    FAILS(107029, "aclmdlRICaptureEnd", "not being captured", aclmdlRICaptureEnd(a, &model));
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    order(fork, a, b);
    order(join, b, a); /* nothing was done there */
    OK(aclmdlRIDestroy(end(a)));
    OK(aclrtDestroyEvent(fork));
    OK(aclrtDestroyEvent(join));
}

static void *end_elsewhere(void *model) {
    OK(aclrtSetDevice(0));
    return (void *)(intptr_t)aclmdlRICaptureEnd(a, model);
}

static void the_thread_matters(void **state) {
    aclmdlRI model;
    for (int relaxed = 0; relaxed < 2; relaxed++) {
        pthread_t thread;
        void *code;
        OK(aclmdlRICaptureBegin(a, relaxed ? RELAXED : GLOBAL));
        pthread_create(&thread, NULL, end_elsewhere, &model);
        pthread_join(thread, &code);
        assert_int_equal((intptr_t)code, relaxed ? 0 : 107038);
        if (!relaxed) model = end(a);
        OK(aclmdlRIDestroy(model));
    }
}

static void nothing_captured_can_be_waited_for(void **state) {
    aclmdlRI model;
    aclrtEvent event = make_event(ACL_EVENT_SYNC);
    aclrtStreamStatus status;
    aclrtEventRecordedStatus recorded;
    aclmdlRICaptureStatus captured;
    set(x, 1);
    OK(aclmdlRICaptureBegin(a, RELAXED));
    OK(aclrtRecordEvent(event, a));
    FAILS(107027, "aclrtSynchronizeStream", "captured", aclrtSynchronizeStream(a));
    FAILS(107027, "aclrtStreamQuery", "captured", aclrtStreamQuery(a, &status));
    FAILS(107028, "aclrtSynchronizeEvent", "recorded", aclrtSynchronizeEvent(event));
    FAILS(107028, "aclrtQueryEventStatus", "recorded", aclrtQueryEventStatus(event, &recorded));
    FAILS(107027, "aclrtSynchronizeDevice", "captured", aclrtSynchronizeDevice());
    OK(aclmdlRICaptureGetInfo(a, &captured, &model));
    assert_int_equal(captured, ACL_MODEL_RI_CAPTURE_STATUS_ACTIVE); /* refusing breaks nothing */
    OK(aclrtMemsetAsync(x, 16, 0, 16, a));
    model = end(a);
    replay(model, a);
    assert_float_equal(get(x), 0, 0);
    OK(aclmdlRIDestroy(model));
    FAILS(107028, "aclrtStreamWaitEvent", "recorded", aclrtStreamWaitEvent(b, event));
    OK(aclrtRecordEvent(event, b)); /* now it is a point in time again */
    OK(aclrtSynchronizeEvent(event));
    OK(aclrtDestroyEvent(event));
}

static void captures_depend_on_nothing_outside(void **state) {
    aclmdlRI model;
    aclmdlRICaptureStatus status;
    aclrtEvent outside = make_event(ACL_EVENT_SYNC), inside = make_event(ACL_EVENT_SYNC);
    OK(aclmdlRICaptureBegin(a, RELAXED));
    OK(aclrtStreamWaitEvent(a, outside)); /* never recorded: nothing to wait for */
    OK(aclrtRecordEvent(outside, b));
    FAILS(107024, "aclrtStreamWaitEvent", "outside", aclrtStreamWaitEvent(a, outside));
    OK(aclmdlRICaptureGetInfo(a, &status, &model));
    assert_int_equal(status, ACL_MODEL_RI_CAPTURE_STATUS_INVALIDATED);
    FAILS(507903, "aclrtMemsetAsync", "broken", aclrtMemsetAsync(x, 16, 0, 16, a));
    FAILS(507903, "aclmdlRICaptureEnd", "broken", aclmdlRICaptureEnd(a, &model));

    OK(aclmdlRICaptureBegin(a, RELAXED));
    OK(aclmdlRICaptureBegin(b, RELAXED));
    OK(aclrtRecordEvent(inside, a));
    FAILS(107032, "aclrtStreamWaitEvent", "two captures", aclrtStreamWaitEvent(b, inside));
    FAILS(507903, "aclmdlRICaptureEnd", "broken", aclmdlRICaptureEnd(a, &model));
    FAILS(507903, "aclmdlRICaptureEnd", "broken", aclmdlRICaptureEnd(b, &model));

    OK(aclmdlRICaptureBegin(a, RELAXED));
    OK(aclrtRecordEvent(inside, a));
    FAILS(107031, "aclrtStreamWaitEvent", "default", aclrtStreamWaitEvent(NULL, inside));
    FAILS(507903, "aclmdlRICaptureEnd", "broken", aclmdlRICaptureEnd(a, &model));
    OK(aclrtDestroyEvent(outside));
    OK(aclrtDestroyEvent(inside));
}

static void modes_forbid_calls_that_finish_at_once(void **state) {
    float host[4] = {0};
    aclrtEvent event = make_event(ACL_EVENT_SYNC);
    aclmdlRICaptureMode mode = RELAXED;
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    FAILS(107030, "aclrtMemcpy", "mode", aclrtMemcpy(x, 16, host, 16, ACL_MEMCPY_HOST_TO_DEVICE));
    FAILS(107030, "aclrtMemset", "mode", aclrtMemset(x, 16, 0, 16));
    FAILS(107030, "aclrtMemcpy2d", "mode",
          aclrtMemcpy2d(x, 8, host, 8, 8, 2, ACL_MEMCPY_HOST_TO_DEVICE));
    FAILS(107041, "aclrtMemcpyAsync", "not relaxed",
          aclrtMemcpyAsync(x, 16, host, 16, ACL_MEMCPY_HOST_TO_DEVICE, a));
    OK(aclrtSynchronizeStream(b)); /* not captured */
    OK(aclrtSynchronizeStream(NULL));
    OK(aclrtSynchronizeEvent(event));
    FAILS(107041, "aclrtSynchronizeDevice", "not relaxed", aclrtSynchronizeDevice());
    OK(aclmdlRICaptureThreadExchangeMode(&mode));
    assert_int_equal(mode, GLOBAL);
    OK(aclrtMemcpy(x, 16, host, 16, ACL_MEMCPY_HOST_TO_DEVICE));
    OK(aclrtSynchronizeStream(b));
    OK(aclmdlRICaptureThreadExchangeMode(&mode));
    assert_int_equal(mode, RELAXED);
    OK(aclmdlRIDestroy(end(a))); /* none of it has broken the capture */
    OK(aclmdlRICaptureBegin(a, RELAXED));
    OK(aclrtMemset(x, 16, 0, 16));
    OK(aclmdlRIDestroy(end(a)));
    mode = 9;
    FAILS(107000, "aclmdlRICaptureThreadExchangeMode", "mode is 9",
          aclmdlRICaptureThreadExchangeMode(&mode));
    OK(aclrtDestroyEvent(event));
}

static void models_in_the_wrong_state(void **state) {
    aclmdlRI model;
    aclmdlRICaptureStatus status;
    client_gate gate;
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    OK(aclmdlRICaptureGetInfo(a, &status, &model));
    FAILS(107026, "aclmdlRIExecuteAsync", "captured", aclmdlRIExecuteAsync(model, b));
    FAILS(107026, "aclmdlRIDestroy", "captured", aclmdlRIDestroy(model));
    FAILS(107026, "aclmdlRICaptureToModelRIBegin", "captured",
          aclmdlRICaptureToModelRIBegin(b, model, GLOBAL));
    end(a);
    client_gate_close(&gate, a);
    OK(aclmdlRIExecuteAsync(model, a));
    FAILS(107037, "aclmdlRICaptureToModelRIBegin", "running",
          aclmdlRICaptureToModelRIBegin(b, model, GLOBAL));
    client_gate_open(&gate, a);
    OK(aclmdlRIDestroy(model));
    FAILS(107017, "aclmdlRIDestroy", "does not exist", aclmdlRIDestroy(model));
    FAILS(107017, "aclmdlRIExecuteAsync", "does not exist", aclmdlRIExecuteAsync(&model, a));
}

static void a_model_can_be_continued(void **state) {
    aclmdlRI ended;
    set(x, 0), set(y, 1);
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    add(x, y, 1, a);
    aclmdlRI model = end(a);
    OK(aclmdlRICaptureToModelRIBegin(b, model, GLOBAL));
    add(x, y, 10, b);
    OK(aclmdlRICaptureEnd(b, &ended));
    assert_ptr_equal(ended, model);
    replay(model, a);
    assert_float_equal(get(x), 11, 0);
    OK(aclmdlRIDestroy(model));
}

static void *copy_elsewhere(void *unused) {
    float host[4] = {0};
    OK(aclrtSetDevice(0));
    return (void *)(intptr_t)aclrtMemcpy(x, 16, host, 16, ACL_MEMCPY_HOST_TO_DEVICE);
}

static void modes_reach_other_threads_or_not(void **state) {
    static const aclmdlRICaptureMode modes[] = {GLOBAL, ACL_MODEL_RI_CAPTURE_MODE_THREAD_LOCAL,
                                                RELAXED};
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        void *code;
        OK(aclmdlRICaptureBegin(a, modes[i]));
        pthread_create(&thread, NULL, copy_elsewhere, NULL);
        pthread_join(thread, &code);
        assert_int_equal((intptr_t)code, i == 0 ? 107030 : 0);
        code = copy_elsewhere(NULL);
        assert_int_equal((intptr_t)code, i == 2 ? 0 : 107030);
        OK(aclmdlRIDestroy(end(a)));
    }
}

typedef struct door {
    sem_t entered, open;
} door;

static void pass_door(void *data) {
    sem_post(&((door *)data)->entered);
    sem_wait(&((door *)data)->open);
}

static void aborted_replays_end_between_tasks(void **state) {
    door d;
    sem_init(&d.entered, 0, 0);
    sem_init(&d.open, 0, 0);
    set(x, 5), set(y, 1);
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    OK(aclrtLaunchHostFunc(a, pass_door, &d));
    add(x, y, 1, a);
    aclmdlRI model = end(a);
    for (int aborted = 1; aborted >= 0; aborted--) { /* the next replay runs as ever */
        OK(aclmdlRIExecuteAsync(model, a));
        sem_wait(&d.entered);
        if (aborted) OK(aclmdlRIAbort(model));
        sem_post(&d.open);
        OK(aclrtSynchronizeStream(a));
        assert_float_equal(get(x), aborted ? 5 : 6, 0);
    }
    OK(aclmdlRIDestroy(model));
    sem_destroy(&d.entered);
    sem_destroy(&d.open);
}

static void contexts_that_end_first(void **state) {
    aclrtContext outer, inner;
    aclrtStream stream, other;
    aclmdlRI model;
    OK(aclrtGetCurrentContext(&outer));
    OK(aclrtCreateContext(&inner, 0));
    OK(aclrtCreateStream(&stream));
    OK(aclmdlRICaptureBegin(stream, GLOBAL));
    OK(aclrtMemsetAsync(x, 16, 0, 16, stream));
    model = end(stream);
    OK(aclmdlRIExecute(model, -1));
    OK(aclmdlRICaptureBegin(stream, GLOBAL)); /* never ended */
    OK(aclrtDestroyContext(inner));
    OK(aclrtCreateContext(&inner, 0)); /* may well lie where the other did */
    OK(aclrtCreateStream(&other));
    FAILS(107002, "aclmdlRIExecuteAsync", "destroyed", aclmdlRIExecuteAsync(model, other));
    OK(aclmdlRIDestroy(model));
    OK(aclrtDestroyContext(inner));
    OK(aclrtSetCurrentContext(outer));
    OK(aclrtSynchronizeDevice()); /* no capture is open */
}

static void names_numbers_and_callbacks(void **state) {
    char name[16];
    uint32_t id[2];
    static int calls;
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    aclmdlRI first = end(a);
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    aclmdlRI second = end(a);
    OK(aclmdlRIGetId(first, &id[0]));
    OK(aclmdlRIGetId(second, &id[1]));
    assert_int_not_equal(id[0], id[1]);
    OK(aclmdlRISetName(first, "decode"));
    OK(aclmdlRIGetName(first, sizeof name, name));
    assert_string_equal(name, "decode");
    FAILS(107000, "aclmdlRIGetName", "expected 7", aclmdlRIGetName(first, 6, name));
    OK(aclmdlRIDestroyRegisterCallback(first, bump, &calls));
    FAILS(107000, "aclmdlRIDestroyRegisterCallback", "already",
          aclmdlRIDestroyRegisterCallback(first, bump, &calls));
    OK(aclmdlRIDestroyRegisterCallback(second, bump, &calls));
    OK(aclmdlRIDestroyUnregisterCallback(second, bump));
    OK(aclmdlRIExecute(second, 1000)); /* empty */
    OK(aclmdlRIDestroy(first));
    OK(aclmdlRIDestroy(second));
    assert_int_equal(calls, 1);
}

/* ---- ends
 * ---------------------------------------------------------------------------------------- */

static void a_stream_that_ends_takes_its_capture_along(void **state) {
    aclrtStream mine;
    aclmdlRI model;
    aclrtEvent fork = make_event(ACL_EVENT_SYNC);
    OK(aclrtCreateStream(&mine));
    OK(aclmdlRICaptureBegin(mine, GLOBAL));
    add(x, y, 1, mine);
    OK(aclrtDestroyStream(mine));
    OK(aclrtSynchronizeDevice()); /* no capture is open any more */

    OK(aclrtCreateStream(&mine));
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    order(fork, a, mine);
    add(x, y, 1, mine);
    OK(aclrtDestroyStream(mine));
    FAILS(507903, "aclmdlRICaptureEnd", "broken", aclmdlRICaptureEnd(a, &model));
    OK(aclrtDestroyEvent(fork));
}

static size_t alive(void) {
    static const char *const kinds[] = {"graph",         "graph lane",      "graph node",
                                        "task group",    "graph condition", "task",
                                        "aclOpExecutor", "stream",          "event"};
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        count += acn_slab_live_count_of(kinds[i]);
    return count;
}

static void a_thousand_rounds_leave_nothing(void **state) {
    aclrtEvent fork = make_event(ACL_EVENT_SYNC), join = make_event(ACL_EVENT_SYNC);
    size_t before = alive(), free_bytes, free_after, total;
    OK(aclrtGetMemInfo(ACL_HBM_MEM, &free_bytes, &total));
    for (int i = 0; i < 1000; i++) {
        aclmdlRI parent, body, model;
        aclmdlRICaptureStatus status;
        aclrtTaskGrp group;
        OK(aclmdlRICaptureBegin(a, GLOBAL));
        OK(aclmdlRICaptureGetInfo(a, &status, &parent));
        OK(aclmdlRICaptureTaskGrpBegin(a));
        add(x, y, 1, a);
        OK(aclmdlRICaptureTaskGrpEnd(a, &group));
        add_condition(parent, ACL_MODEL_RI_COND_TYPE_IF, 1, &body);
        order(fork, a, b);
        OK(aclrtMemsetAsync(x, 16, 0, 16, b));
        order(join, b, a);
        if (i % 4 == 0) { /* a capture that fails */
            FAILS(107031, "aclrtStreamWaitEvent", "default", aclrtStreamWaitEvent(NULL, fork));
            FAILS(507903, "aclmdlRICaptureEnd", "broken", aclmdlRICaptureEnd(a, &model));
            continue;
        }
        model = end(a);
        if (i % 10 == 1) replay(model, a);
        if (i % 10 == 3) {
            OK(aclmdlRICaptureTaskUpdateBegin(b, group));
            add(x, y, 2, b);
            OK(aclmdlRICaptureTaskUpdateEnd(b));
            OK(aclrtSynchronizeStream(b));
        }
        OK(aclmdlRIDestroy(model));
    }
    OK(aclrtGetMemInfo(ACL_HBM_MEM, &free_after, &total));
    assert_int_equal(alive(), before);
    assert_int_equal(free_after, free_bytes);
    OK(aclrtDestroyEvent(fork));
    OK(aclrtDestroyEvent(join));
}

static void *launch_often(void *model) {
    OK(aclrtSetDevice(0));
    for (int i = 0; i < 500; i++)
        OK(aclmdlRIExecuteAsync(model, i % 2 ? a : b));
    return NULL;
}

/* For ThreadSanitizer: launches, updates and captures at the same time. */
static void many_threads(void **state) {
    aclrtTaskGrp group;
    aclrtStream own;
    pthread_t threads[2];
    OK(aclrtCreateStream(&own));
    OK(aclmdlRICaptureBegin(a, RELAXED));
    OK(aclmdlRICaptureTaskGrpBegin(a));
    add(x, y, 1, a);
    OK(aclmdlRICaptureTaskGrpEnd(a, &group));
    aclmdlRI model = end(a);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, launch_often, model);
    for (int i = 0; i < 200; i++) {
        OK(aclmdlRICaptureTaskUpdateBegin(own, group));
        add(x, y, (float)i, own);
        OK(aclmdlRICaptureTaskUpdateEnd(own));
        OK(aclmdlRICaptureBegin(own, RELAXED));
        add(x, y, 1, own);
        OK(aclmdlRIDestroy(end(own)));
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    OK(aclrtSynchronizeDevice());
    OK(aclmdlRIDestroy(model));
    OK(aclrtDestroyStream(own));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(a_capture_ends_where_it_began),
        CLIENT_TEST(the_thread_matters),
        CLIENT_TEST(nothing_captured_can_be_waited_for),
        CLIENT_TEST(captures_depend_on_nothing_outside),
        CLIENT_TEST(modes_forbid_calls_that_finish_at_once),
        CLIENT_TEST(models_in_the_wrong_state),
        CLIENT_TEST(a_model_can_be_continued),
        CLIENT_TEST(modes_reach_other_threads_or_not),
        CLIENT_TEST(aborted_replays_end_between_tasks),
        CLIENT_TEST(contexts_that_end_first),
        CLIENT_TEST(names_numbers_and_callbacks),
        CLIENT_TEST(a_stream_that_ends_takes_its_capture_along),
        CLIENT_TEST(a_thousand_rounds_leave_nothing),
        CLIENT_TEST(many_threads),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
