/* Models that are built from bound streams: order, activation, jumps, and what is refused; and a
 * look at the tasks of models, however they were made. */
#include "client.h"

#include "acl/acl_mdl.h"
#include "aclnnop/aclnn_add.h"

enum { HEAD = ACL_MODEL_STREAM_FLAG_HEAD, OTHER = ACL_MODEL_STREAM_FLAG_DEFAULT };

static aclrtStream a, b;
static int32_t *words; /* device memory */

static int set_up(void **state) {
    OK(aclInit(NULL));
    OK(aclrtSetDevice(0));
    OK(aclrtCreateStreamWithConfig(&a, 0, ACL_STREAM_PERSISTENT));
    OK(aclrtCreateStreamWithConfig(&b, 0, ACL_STREAM_PERSISTENT));
    OK(aclrtMalloc((void **)&words, 4096, ACL_MEM_MALLOC_NORMAL_ONLY));
    return 0;
}

static int tear_down(void **state) {
    OK(aclrtFree(words));
    OK(aclrtDestroyStream(a));
    OK(aclrtDestroyStream(b));
    return aclFinalize();
}

static void set(int index, int32_t value) {
    OK(aclrtMemcpy(words + index, 4, &value, 4, ACL_MEMCPY_HOST_TO_DEVICE));
}

static int32_t get(int index) {
    int32_t value;
    OK(aclrtMemcpy(&value, 4, words + index, 4, ACL_MEMCPY_DEVICE_TO_HOST));
    return value;
}

/* words[index] += value */
static void add(int index, int32_t value, aclrtStream stream) {
    int64_t count = 1;
    int32_t one = 1;
    aclTensor *t = client_view(words + index, ACL_INT32, 1, &count, NULL);
    aclScalar *s = aclCreateScalar(&value, ACL_INT32), *alpha = aclCreateScalar(&one, ACL_INT32);
    uint64_t workspace;
    aclOpExecutor *executor;
    OK(aclnnInplaceAddsGetWorkspaceSize(t, s, alpha, &workspace, &executor));
    OK(aclnnInplaceAdds(NULL, 0, executor, stream));
    OK(aclDestroyTensor(t));
    OK(aclDestroyScalar(s));
    OK(aclDestroyScalar(alpha));
}

static aclmdlRI begin(uint32_t flag_of_b) {
    aclmdlRI model;
    OK(aclmdlRIBuildBegin(&model, 0));
    OK(aclmdlRIBindStream(model, a, HEAD));
    OK(aclmdlRIBindStream(model, b, flag_of_b));
    return model;
}

static void execute(aclmdlRI model) {
    OK(aclmdlRIExecuteAsync(model, NULL));
    OK(aclrtSynchronizeStream(NULL));
}

static void end(aclmdlRI model) {
    OK(aclmdlRIUnbindStream(model, a));
    OK(aclmdlRIUnbindStream(model, b));
    OK(aclmdlRIDestroy(model));
}

/* ---- building -----------------------------------------------------------------------------------
 */

static void streams_run_side_by_side(void **state) {
    aclrtEvent event;
    OK(aclrtCreateEventExWithFlag(&event, ACL_EVENT_SYNC));
    aclmdlRI model = begin(HEAD);
    OK(aclrtStreamWaitEvent(b, event)); /* not recorded yet: nothing */
    add(0, 1, a);
    OK(aclrtRecordEvent(event, a));
    OK(aclrtStreamWaitEvent(b, event));
    OK(aclrtMemcpyAsync(words + 1, 4, words, 4, ACL_MEMCPY_DEVICE_TO_DEVICE, b));
    OK(aclmdlRIEndTask(model, a));
    FAILS(107026, "aclmdlRIExecuteAsync", "captured", aclmdlRIExecuteAsync(model, NULL));
    OK(aclmdlRIBuildEnd(model, NULL));
    set(0, 0), set(1, 0);
    for (int round = 1; round <= 50; round++) {
        execute(model);
        assert_int_equal(get(0), round);
        assert_int_equal(get(1), round);
    }
    FAILS(107000, "aclrtMemsetAsync", "unbind it", aclrtMemsetAsync(words, 4, 0, 4, a));
    end(model);
    OK(aclrtMemsetAsync(words, 4, 0, 4, a)); /* a plain stream again */
    OK(aclrtDestroyEvent(event));
}

static void streams_start_others(void **state) {
    aclmdlRI model = begin(OTHER);
    add(1, 7, b);
    add(0, 1, a);
    OK(aclrtActiveStream(b, a));
    OK(aclmdlRIBuildEnd(model, NULL));
    set(0, 0), set(1, 0);
    execute(model);
    assert_int_equal(get(0), 1);
    assert_int_equal(get(1), 7);
    end(model);
}

static void comparisons_switch_streams(void **state) {
    static const struct {
        aclrtCondition condition;
        int taken[3]; /* for left = 1, 2, 3 with right = 2 */
    } cases[] = {{ACL_RT_EQUAL, {0, 1, 0}},   {ACL_RT_NOT_EQUAL, {1, 0, 1}},
                 {ACL_RT_GREATER, {0, 0, 1}}, {ACL_RT_GREATER_OR_EQUAL, {0, 1, 1}},
                 {ACL_RT_LESS, {1, 0, 0}},    {ACL_RT_LESS_OR_EQUAL, {1, 1, 0}}};
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        aclmdlRI model = begin(OTHER);
        OK(aclrtSwitchStream(words, cases[c].condition, words + 1, ACL_RT_SWITCH_INT32, b, NULL,
                             a));
        add(2, 1, a);
        add(3, 1, b);
        OK(aclmdlRIBuildEnd(model, NULL));
        for (int left = 1; left <= 3; left++) {
            set(0, left), set(1, 2), set(2, 0), set(3, 0);
            execute(model);
            assert_int_equal(get(2), !cases[c].taken[left - 1]);
            assert_int_equal(get(3), cases[c].taken[left - 1]);
        }
        end(model);
    }
}

/* do { word 1 += 1; word 0 -= 1 } while (word 0 != 0), with labels 0: behind it, 1: its begin */
static void labels_make_loops(void **state) {
    aclrtLabel labels[2];
    aclrtLabelList list;
    for (int i = 0; i < 2; i++)
        OK(aclrtCreateLabel(&labels[i]));
    OK(aclrtCreateLabelList(labels, 2, &list));
    aclmdlRI model = begin(OTHER);
    OK(aclrtSetLabel(labels[1], a));
    add(1, 1, a);
    add(0, -1, a);
    OK(aclrtSwitchLabelByIndex(words, 2, list, a));
    OK(aclrtSetLabel(labels[0], a));
    add(2, 1, a);
    FAILS(107000, "aclrtSetLabel", "set already", aclrtSetLabel(labels[0], a));
    OK(aclmdlRIBuildEnd(model, NULL));
    for (int rounds = 1; rounds <= 20; rounds += 19) {
        set(0, rounds), set(1, 0), set(2, 0);
        execute(model);
        assert_int_equal(get(1), rounds);
        assert_int_equal(get(2), 1);
    }
    OK(aclrtDestroyLabel(labels[0]));
    set(0, 1);
    OK(aclmdlRIExecuteAsync(model, NULL));
    FAILS(507011, "aclrtSynchronizeStream", "label 0", aclrtSynchronizeStream(NULL));
    end(model);
    OK(aclrtDestroyLabelList(list));
    FAILS(107017, "aclrtDestroyLabelList", "does not exist", aclrtDestroyLabelList(list));
    OK(aclrtDestroyLabel(labels[1]));
    FAILS(107017, "aclrtDestroyLabel", "does not exist", aclrtDestroyLabel(labels[1]));
}

static void what_building_refuses(void **state) {
    aclmdlRI model, other;
    aclrtLabel label;
    aclrtStream third;
    OK(aclrtCreateStream(&third));
    OK(aclrtCreateLabel(&label));
    FAILS(107000, "aclmdlRIBuildBegin", "flag", aclmdlRIBuildBegin(&model, 1));
    OK(aclmdlRIBuildBegin(&model, 0));
    FAILS(107000, "aclmdlRIBindStream", "flag", aclmdlRIBindStream(model, a, 5));
    FAILS(107000, "aclmdlRIBindStream", "default", aclmdlRIBindStream(model, NULL, HEAD));
    FAILS(107000, "aclmdlRIEndTask", "not bound", aclmdlRIEndTask(model, a));
    OK(aclmdlRIBindStream(model, a, OTHER));
    FAILS(107000, "aclmdlRIBindStream", "already", aclmdlRIBindStream(model, a, HEAD));
    FAILS(107000, "aclmdlRIBuildEnd", "begin with", aclmdlRIBuildEnd(model, NULL));
    OK(aclmdlRIBindStream(model, b, HEAD));
    FAILS(107036, "aclmdlRICaptureEnd", "not captured", aclmdlRICaptureEnd(b, &other));
    FAILS(107000, "aclrtActiveStream", "not bound", aclrtActiveStream(third, b));
    FAILS(107000, "aclrtActiveStream", "starts with", aclrtActiveStream(b, a));
    FAILS(107000, "aclrtActiveStream", "not bound", aclrtActiveStream(b, third));
    FAILS(107000, "aclrtSetLabel", "not bound", aclrtSetLabel(label, third));
    FAILS(107000, "aclrtSwitchStream", "cond", aclrtSwitchStream(words, 6, words, 0, a, NULL, b));
    OK(aclmdlRIBuildEnd(model, NULL));
    FAILS(107000, "aclmdlRIBuildEnd", "not being built", aclmdlRIBuildEnd(model, NULL));
    FAILS(107000, "aclmdlRIUnbindStream", "not bound", aclmdlRIUnbindStream(model, third));
    OK(aclmdlRIDestroy(model)); /* its streams are free again */
    OK(aclrtMemsetAsync(words, 4, 0, 4, a));
    OK(aclmdlRIBuildBegin(&model, 0));
    OK(aclmdlRIBindStream(model, a, HEAD));
    add(0, 1, a);
    OK(aclmdlRIDestroy(model)); /* half built */
    OK(aclrtMemsetAsync(words, 4, 0, 4, a));
    OK(aclrtDestroyLabel(label));
    OK(aclrtDestroyStream(third));
}

/* ---- tasks --------------------------------------------------------------------------------------
 */

static void tasks_can_be_seen_and_changed(void **state) {
    enum { TASKS = 6 };
    static const aclmdlRITaskType types[TASKS] = {
        ACL_MODEL_RI_TASK_KERNEL,      ACL_MODEL_RI_TASK_DEFAULT,    ACL_MODEL_RI_TASK_EVENT_RECORD,
        ACL_MODEL_RI_TASK_VALUE_WRITE, ACL_MODEL_RI_TASK_VALUE_WAIT, ACL_MODEL_RI_TASK_EVENT_WAIT};
    aclrtStream stream, lanes[2];
    aclrtEvent event;
    aclmdlRI model;
    aclmdlRITask tasks[TASKS];
    aclmdlRITaskParams params;
    uint32_t count = 0;
    OK(aclrtCreateStream(&stream));
    OK(aclrtCreateEventExWithFlag(&event, ACL_EVENT_EXTERNAL));
    FAILS(107029, "aclrtCacheLastTaskOpInfo", "no task", aclrtCacheLastTaskOpInfo("x", 1));
    OK(aclmdlRICaptureBegin(stream, ACL_MODEL_RI_CAPTURE_MODE_GLOBAL));
    add(0, 1, stream);
    OK(aclrtCacheLastTaskOpInfo("about it", 9));
    OK(aclrtMemsetAsync(words + 1, 4, 0xff, 4, stream));
    OK(aclrtRecordEvent(event, stream));
    OK(aclrtValueWrite(words + 2, 5, 0, stream));
    OK(aclrtValueWait(words + 2, 5, 1, stream));
    OK(aclrtStreamWaitEvent(stream, event));
    OK(aclmdlRIGetTasksByStream(stream, NULL, &count));
    assert_int_equal(count, TASKS);
    OK(aclmdlRICaptureEnd(stream, &model));
    OK(aclrtDestroyStream(stream));

    count = 2;
    OK(aclmdlRIGetStreams(model, lanes, &count));
    assert_int_equal(count, 1);
    count = TASKS - 1;
    FAILS(107039, "aclmdlRIGetTasksByStream", "6 are there",
          aclmdlRIGetTasksByStream(lanes[0], tasks, &count));
    OK(aclmdlRIGetTasksByStream(lanes[0], tasks, &count));
    for (uint32_t i = 0; i < TASKS; i++) {
        aclmdlRITaskType type;
        uint32_t number;
        OK(aclmdlRITaskGetType(tasks[i], &type));
        OK(aclmdlRITaskGetSeqId(tasks[i], &number));
        assert_int_equal(type, types[i]);
        assert_int_equal(number, i);
    }
    OK(aclmdlRITaskGetParams(tasks[0], &params));
    assert_int_equal(params.opInfoSize, 9);
    assert_string_equal(params.opInfoPtr, "about it");
    OK(aclmdlRITaskGetParams(tasks[2], &params));
    assert_ptr_equal(params.eventRecordTaskParams.event, event);
    OK(aclmdlRITaskGetParams(tasks[3], &params));
    assert_ptr_equal(params.valueWriteTaskParams.devAddr, words + 2);
    assert_int_equal(params.valueWriteTaskParams.value, 5);

    set(0, 0), set(1, 0);
    params.valueWriteTaskParams.value = 6;
    OK(aclmdlRITaskSetParams(tasks[3], &params));
    FAILS(107000, "aclmdlRITaskSetParams", "type", aclmdlRITaskSetParams(tasks[4], &params));
    params.type = ACL_MODEL_RI_TASK_KERNEL;
    FAILS(207000, "aclmdlRITaskSetParams", "task group", aclmdlRITaskSetParams(tasks[0], &params));
    OK(aclmdlRITaskDisable(tasks[4]));
    OK(aclmdlRITaskDisable(tasks[0]));
    execute(model); /* not in effect yet */
    assert_int_equal(get(0), 1);
    assert_int_equal(get(2), 5);
    OK(aclmdlRIUpdate(model));
    execute(model);
    assert_int_equal(get(0), 1);
    assert_int_equal(get(1), -1);
    assert_int_equal(get(2), 6);
    OK(aclmdlRIDestroy(model));
    FAILS(107017, "aclmdlRITaskGetType", "no model",
          aclmdlRITaskGetType(tasks[0], (aclmdlRITaskType[1]){0}));
    OK(aclrtDestroyEvent(event));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(streams_run_side_by_side),   CLIENT_TEST(streams_start_others),
        CLIENT_TEST(comparisons_switch_streams), CLIENT_TEST(labels_make_loops),
        CLIENT_TEST(what_building_refuses),      CLIENT_TEST(tasks_can_be_seen_and_changed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
