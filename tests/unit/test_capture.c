/* Capture and replay as clients use them: what is recorded and replayed, joins of streams, events,
 * task groups, conditional tasks, the code of each illegal call, and nothing left behind. */
#include "client.h"

#include "aclnnop/aclnn_add.h"
#include "aclnnop/aclnn_nonzero.h"
#include <pthread.h>

#define GLOBAL  ACL_MODEL_RI_CAPTURE_MODE_GLOBAL
#define RELAXED ACL_MODEL_RI_CAPTURE_MODE_RELAXED

static aclrtStream a, b;
static float *x, *y; /* device memory, which this process may look at between the runs */

static int set_up(void **state) {
    OK(aclInit(NULL));
    OK(aclrtSetDevice(0));
    OK(aclrtCreateStream(&a));
    OK(aclrtCreateStream(&b));
    OK(aclrtMalloc((void **)&x, 4096, ACL_MEM_MALLOC_NORMAL_ONLY));
    OK(aclrtMalloc((void **)&y, 4096, ACL_MEM_MALLOC_NORMAL_ONLY));
    return 0;
}

static int tear_down(void **state) {
    OK(aclrtFree(x));
    OK(aclrtFree(y));
    OK(aclrtDestroyStream(a));
    OK(aclrtDestroyStream(b));
    return aclFinalize();
}

static void set(float *to, float value) {
    float four[4] = {value, value, value, value};
    OK(aclrtMemcpy(to, 16, four, 16, ACL_MEMCPY_HOST_TO_DEVICE));
}

static float get(const float *from) {
    float value;
    OK(aclrtMemcpy(&value, 4, from, 4, ACL_MEMCPY_DEVICE_TO_HOST));
    return value;
}

/* to[0..3] += alpha * from[0..3] */
static void add(float *to, float *from, float alpha, aclrtStream stream) {
    aclTensor *t = TENSOR(to, ACL_FLOAT, 4), *f = TENSOR(from, ACL_FLOAT, 4);
    aclScalar *s = client_float(alpha);
    uint64_t workspace;
    aclOpExecutor *executor;
    OK(aclnnInplaceAddGetWorkspaceSize(t, f, s, &workspace, &executor));
    OK(aclnnInplaceAdd(NULL, 0, executor, stream));
    OK(aclDestroyTensor(t));
    OK(aclDestroyTensor(f));
    OK(aclDestroyScalar(s));
}

static aclmdlRI end(aclrtStream stream) {
    aclmdlRI model = NULL;
    OK(aclmdlRICaptureEnd(stream, &model));
    assert_non_null(model);
    return model;
}

static void replay(aclmdlRI model, aclrtStream stream) {
    OK(aclmdlRIExecuteAsync(model, stream));
    OK(aclrtSynchronizeStream(stream));
}

static void order(aclrtEvent event, aclrtStream before, aclrtStream after) {
    OK(aclrtRecordEvent(event, before));
    OK(aclrtStreamWaitEvent(after, event));
}

static aclrtEvent make_event(uint32_t flags) {
    aclrtEvent event;
    OK(aclrtCreateEventExWithFlag(&event, flags));
    return event;
}

/* ---- recording and replaying ------------------------------------------------------------------
 */

static void calls_are_kept_and_run_again(void **state) {
    set(x, 1), set(y, 10);
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    add(x, y, 2, a); /* its tensors and its scalar are gone before it runs */
    aclmdlRI model = end(a);
    assert_float_equal(get(x), 1, 0);
    replay(model, a);
    assert_float_equal(get(x), 21, 0);
    set(y, 100);
    replay(model, b); /* any stream, new values */
    replay(model, NULL);
    assert_float_equal(get(x), 421, 0);
    OK(aclmdlRIDestroy(model));
}

static void bump(void *number) { ++*(int *)number; }

static void copies_fills_and_host_functions(void **state) {
    static int calls;
    float *host;
    OK(aclrtMallocHost((void **)&host, 16));
    float snapshot[4] = {7, 7, 7, 7};
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    OK(aclrtMemcpyAsync(x, 16, snapshot, 16, ACL_MEMCPY_HOST_TO_BUF_TO_DEVICE, a));
    OK(aclrtMemcpyAsync(y, 16, x, 16, ACL_MEMCPY_DEVICE_TO_DEVICE, a));
    OK(aclrtMemsetAsync(x, 16, 0, 16, a));
    OK(aclrtMemcpyAsync(host, 16, y, 16, ACL_MEMCPY_DEVICE_TO_HOST, a));
    OK(aclrtLaunchHostFunc(a, bump, &calls));
    aclmdlRI model = end(a);
    memset(snapshot, 0, sizeof snapshot);
    for (int round = 1; round <= 3; round++) {
        host[3] = 0;
        replay(model, a);
        assert_float_equal(host[3], 7, 0);
        assert_float_equal(get(x), 0, 0);
        assert_int_equal(calls, round);
    }
    OK(aclmdlRIDestroy(model));
    OK(aclrtFreeHost(host));
}

static void values_and_external_events_are_real(void **state) {
    uint64_t *word;
    aclrtEvent done = make_event(ACL_EVENT_EXTERNAL), go;
    OK(aclrtCreateEventWithFlag(&go, ACL_EVENT_EXTERNAL));
    OK(aclrtMalloc((void **)&word, 8, ACL_MEM_MALLOC_NORMAL_ONLY));
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    OK(aclrtStreamWaitEvent(a, go));
    OK(aclrtResetEvent(go, a));
    OK(aclrtValueWait(word, 1, 1, a));
    OK(aclrtValueWrite(word, 0, 0, a));
    OK(aclrtMemsetAsync(x, 16, 0, 16, a));
    OK(aclrtRecordEvent(done, a));
    aclmdlRI model = end(a);
    for (int round = 0; round < 2; round++) {
        aclrtEventRecordedStatus status;
        OK(aclrtMemset(word, 8, 0, 8));
        set(x, 3);
        OK(aclmdlRIExecuteAsync(model, a));
        OK(aclrtValueWrite(word, 1, 0, b));
        OK(aclrtSynchronizeStream(b));
        assert_float_equal(get(x), 3, 0);
        OK(aclrtRecordEvent(go, b));
        OK(aclrtSynchronizeStream(a));
        OK(aclrtQueryEventStatus(done, &status));
        assert_int_equal(status, ACL_EVENT_RECORDED_STATUS_COMPLETE);
        assert_float_equal(get(x), 0, 0);
    }
    OK(aclmdlRIDestroy(model));
    OK(aclrtFree(word));
    OK(aclrtDestroyEvent(go));
    OK(aclrtDestroyEvent(done));
}

static void outputs_that_tell_their_shape(void **state) {
    int64_t *found, dims[2] = {4, 1};
    OK(aclrtMalloc((void **)&found, 64, ACL_MEM_MALLOC_NORMAL_ONLY));
    aclTensor *t = TENSOR(x, ACL_FLOAT, 4), *o = client_view(found, ACL_INT64, 2, dims, NULL);
    uint64_t bytes;
    aclOpExecutor *executor;
    void *workspace = NULL;
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    OK(aclnnNonzeroGetWorkspaceSize(t, o, &bytes, &executor));
    if (bytes > 0) OK(aclrtMalloc(&workspace, bytes, ACL_MEM_MALLOC_NORMAL_ONLY));
    OK(aclnnNonzero(workspace, bytes, executor, a));
    aclmdlRI model = end(a);
    const float some[2][4] = {{0, 5, 0, 0}, {1, 1, 1, 1}};
    for (int round = 0; round < 2; round++) {
        int64_t *view, rank;
        OK(aclrtMemcpy(x, 16, some[round], 16, ACL_MEMCPY_HOST_TO_DEVICE));
        replay(model, a);
        OK(aclGetViewShape(o, &view, (uint64_t *)&rank));
        assert_int_equal(view[0], round == 0 ? 1 : 4); /* more than the time before */
        free(view);
    }
    assert_int_equal(found[3], 3);
    OK(aclmdlRIDestroy(model));
    if (workspace) OK(aclrtFree(workspace));
    OK(aclDestroyTensor(t));
    OK(aclDestroyTensor(o));
    OK(aclrtFree(found));
}

static void streams_join_by_events(void **state) {
    aclrtEvent fork = make_event(ACL_EVENT_SYNC), join = make_event(ACL_EVENT_SYNC);
    aclmdlRICaptureStatus status;
    aclmdlRI found, model;
    set(x, 1), set(y, 1);
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    add(x, x, 1, a);
    order(fork, a, b);
    OK(aclmdlRICaptureGetInfo(b, &status, &found));
    assert_int_equal(status, ACL_MODEL_RI_CAPTURE_STATUS_ACTIVE);
    add(y, x, 1, b);
    order(join, b, a);
    add(x, y, 1, a);
    model = end(a);
    assert_ptr_equal(model, found);
    OK(aclmdlRICaptureGetInfo(b, &status, &found));
    assert_int_equal(status, ACL_MODEL_RI_CAPTURE_STATUS_NONE);
    replay(model, a);
    assert_float_equal(get(y), 3, 0);
    assert_float_equal(get(x), 5, 0);
    OK(aclmdlRIDestroy(model));
    OK(aclrtDestroyEvent(fork));
    OK(aclrtDestroyEvent(join));
}

/* One lane waits for what a later recorded lane writes: only lanes side by side can do that. */
static void lanes_that_wait_for_each_other(void **state) {
    aclrtEvent fork = make_event(ACL_EVENT_SYNC), join = make_event(ACL_EVENT_SYNC);
    uint64_t *word;
    OK(aclrtMalloc((void **)&word, 8, ACL_MEM_MALLOC_NORMAL_ONLY));
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    order(fork, a, b);
    OK(aclrtValueWait(word, 1, 1, a));
    OK(aclrtMemsetAsync(x, 16, 0, 16, a));
    OK(aclrtValueWrite(word, 1, 0, b));
    order(join, b, a);
    aclmdlRI model = end(a);
    for (int round = 0; round < 20; round++) {
        OK(aclrtMemset(word, 8, 0, 8));
        set(x, 9);
        replay(model, a);
        assert_float_equal(get(x), 0, 0);
    }
    OK(aclmdlRIDestroy(model));
    OK(aclrtFree(word));
    OK(aclrtDestroyEvent(fork));
    OK(aclrtDestroyEvent(join));
}

static void replays_of_one_model_never_overlap(void **state) {
    set(x, 0), set(y, 1);
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    for (int i = 0; i < 10; i++)
        add(x, y, 1, a);
    aclmdlRI model = end(a);
    for (int i = 0; i < 200; i++)
        OK(aclmdlRIExecuteAsync(model, i % 2 ? a : b));
    OK(aclmdlRIDestroy(model)); /* what is queued still runs */
    OK(aclrtSynchronizeDevice());
    assert_float_equal(get(x), 2000, 0);
}

static void failures_are_told_by_the_next_synchronise(void **state) {
    float *small;
    OK(aclrtMalloc((void **)&small, 64, ACL_MEM_MALLOC_NORMAL_ONLY));
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    OK(aclrtSubscribeReport((uint64_t)pthread_self(), a));
    OK(aclrtLaunchCallback(bump, &(int){0}, ACL_CALLBACK_BLOCK, a));
    OK(aclrtMemsetAsync(x, 16, 0, 16, a));
    aclmdlRI model = end(a);
    OK(aclrtUnSubscribeReport((uint64_t)pthread_self(), a)); /* nobody runs the callback now */
    set(x, 4);
    OK(aclmdlRIExecuteAsync(model, a));
    FAILS(507011, "aclrtSynchronizeStream", "callback", aclrtSynchronizeStream(a));
    assert_float_equal(get(x), 4, 0); /* what follows does not run */
    OK(aclmdlRIDestroy(model));
    OK(aclrtFree(small));
}

/* ---- task groups ------------------------------------------------------------------------------
 */

static void groups_get_new_arguments(void **state) {
    aclrtTaskGrp group;
    set(x, 0), set(y, 1);
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    OK(aclmdlRICaptureTaskGrpBegin(a));
    FAILS(107033, "aclmdlRICaptureTaskGrpBegin", "open already", aclmdlRICaptureTaskGrpBegin(a));
    add(x, y, 1, a);
    OK(aclmdlRICaptureTaskGrpEnd(a, &group));
    FAILS(107033, "aclmdlRICaptureTaskGrpEnd", "no task group",
          aclmdlRICaptureTaskGrpEnd(a, &group));
    add(x, y, 100, a);
    aclmdlRI model = end(a);
    replay(model, a);
    assert_float_equal(get(x), 101, 0);

    OK(aclmdlRICaptureTaskUpdateBegin(b, group));
    add(x, y, 5, b);
    assert_float_equal(get(x), 101, 0); /* it is kept, not run */
    OK(aclmdlRICaptureTaskUpdateEnd(b));
    OK(aclrtSynchronizeStream(b));
    set(x, 0);
    replay(model, a);
    assert_float_equal(get(x), 105, 0);

    OK(aclmdlRICaptureTaskUpdateBegin(b, group));
    FAILS(107040, "aclmdlRICaptureTaskUpdateEnd", "got only 0", aclmdlRICaptureTaskUpdateEnd(b));
    OK(aclmdlRICaptureTaskUpdateBegin(b, group));
    FAILS(107040, "aclrtMemsetAsync", "would become", aclrtMemsetAsync(x, 16, 0, 16, b));
    FAILS(107040, "aclmdlRICaptureTaskUpdateEnd", "did not fit", aclmdlRICaptureTaskUpdateEnd(b));
    FAILS(107033, "aclmdlRICaptureTaskUpdateEnd", "no task group", aclmdlRICaptureTaskUpdateEnd(b));
    set(x, 0);
    replay(model, a); /* a failed update changes nothing */
    assert_float_equal(get(x), 105, 0);
    OK(aclmdlRIDestroy(model));
    FAILS(107017, "aclmdlRICaptureTaskUpdateBegin", "no task group",
          aclmdlRICaptureTaskUpdateBegin(b, group));
    FAILS(107029, "aclmdlRICaptureTaskGrpBegin", "not being captured",
          aclmdlRICaptureTaskGrpBegin(a));
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    OK(aclmdlRICaptureTaskGrpBegin(a));
    FAILS(107034, "aclmdlRICaptureEnd", "has no end", aclmdlRICaptureEnd(a, &model));
}

/* ---- conditional tasks -------------------------------------------------------------------------
 */

static uint64_t *add_condition(aclmdlRI parent, aclmdlRICondTaskType type, uint32_t count,
                               aclmdlRI *bodies) {
    aclmdlRICondHandle handle;
    uint64_t *word;
    OK(aclmdlRICondHandleCreate(parent, 0, ACL_MODEL_RI_COND_HANDLE_ASSIGN_DEFAULT, &handle));
    OK(aclmdlRICondHandleGetCondPtr(handle, &word));
    OK(aclrtMemcpyAsync(word, 8, y + 64, 8, ACL_MEMCPY_DEVICE_TO_DEVICE, a));
    aclmdlRICondTaskParams params = {
        .handle = handle, .type = type, .size = count, .modelRIArray = bodies};
    OK(aclmdlRIAddCondTask(params, a, 0));
    return word;
}

static void conditions_choose_bodies(void **state) {
    aclmdlRI parent, bodies[3];
    aclmdlRICaptureStatus status;
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    OK(aclmdlRICaptureGetInfo(a, &status, &parent));
    add_condition(parent, ACL_MODEL_RI_COND_TYPE_SWITCH, 3, bodies);
    for (int i = 0; i < 3; i++) {
        aclmdlRI ended;
        OK(aclmdlRICaptureToModelRIBegin(b, bodies[i], GLOBAL));
        add(x, y, (float)(i + 1), b);
        if (i == 0)
            FAILS(107045, "aclmdlRICaptureEnd", "conditional", aclmdlRICaptureEnd(a, &ended));
        OK(aclmdlRICaptureEnd(b, &ended));
        assert_ptr_equal(ended, bodies[i]);
    }
    add(x, y, 10, a);
    aclmdlRI model = end(a);
    set(y, 1);
    for (uint64_t i = 0; i < 4; i++) {
        set(x, 0);
        OK(aclrtMemcpy(y + 64, 8, &i, 8, ACL_MEMCPY_HOST_TO_DEVICE));
        replay(model, a);
        assert_float_equal(get(x), i < 3 ? 11.f + (float)i : 10.f, 0);
    }
    FAILS(107000, "aclmdlRIDestroy", "body", aclmdlRIDestroy(bodies[0]));
    OK(aclmdlRIDestroy(model));
    FAILS(107017, "aclmdlRIExecuteAsync", "does not exist", aclmdlRIExecuteAsync(bodies[0], a));
}

static void loops_end_when_the_word_is_0(void **state) {
    aclmdlRI parent, body, ended;
    aclmdlRICaptureStatus status;
    OK(aclmdlRICaptureBegin(a, GLOBAL));
    OK(aclmdlRICaptureGetInfo(a, &status, &parent));
    uint64_t *word = add_condition(parent, ACL_MODEL_RI_COND_TYPE_WHILE, 1, &body);
    OK(aclmdlRICaptureToModelRIBegin(b, body, GLOBAL));
    aclTensor *w = client_view(word, ACL_INT64, 1, (int64_t[]){1}, NULL);
    int64_t one = 1, minus = -1;
    aclScalar *s = aclCreateScalar(&one, ACL_INT64), *alpha = aclCreateScalar(&minus, ACL_INT64);
    uint64_t workspace;
    aclOpExecutor *executor;
    add(x, y, 1, b);
    OK(aclnnInplaceAddsGetWorkspaceSize(w, s, alpha, &workspace, &executor)); /* word -= 1 */
    OK(aclnnInplaceAdds(NULL, 0, executor, b));
    OK(aclmdlRICaptureEnd(b, &ended));
    aclmdlRI model = end(a);
    set(y, 1), set(x, 0);
    for (uint64_t rounds = 0; rounds < 6; rounds += 5) {
        OK(aclrtMemcpy(y + 64, 8, &rounds, 8, ACL_MEMCPY_HOST_TO_DEVICE));
        replay(model, a);
        assert_float_equal(get(x), (float)rounds, 0);
    }
    OK(aclmdlRIDestroy(model));
    OK(aclDestroyTensor(w));
    OK(aclDestroyScalar(s));
    OK(aclDestroyScalar(alpha));
}

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
        CLIENT_TEST(calls_are_kept_and_run_again),
        CLIENT_TEST(copies_fills_and_host_functions),
        CLIENT_TEST(values_and_external_events_are_real),
        CLIENT_TEST(outputs_that_tell_their_shape),
        CLIENT_TEST(streams_join_by_events),
        CLIENT_TEST(lanes_that_wait_for_each_other),
        CLIENT_TEST(replays_of_one_model_never_overlap),
        CLIENT_TEST(failures_are_told_by_the_next_synchronise),
        CLIENT_TEST(groups_get_new_arguments),
        CLIENT_TEST(conditions_choose_bodies),
        CLIENT_TEST(loops_end_when_the_word_is_0),
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
