/* Capture and replay as clients use them: what is recorded and replayed, joins of streams, events,
 * task groups, conditional tasks. */
#include "captured.h"

#include "aclnnop/aclnn_nonzero.h"
#include <pthread.h>

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
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
