/* captured.h - what tests of capture and replay share: two streams, memory, a task to record. */
#ifndef ACN_TESTS_CAPTURED_H
#define ACN_TESTS_CAPTURED_H

#include "client.h"

#include "aclnnop/aclnn_add.h"

#define GLOBAL  ACL_MODEL_RI_CAPTURE_MODE_GLOBAL
#define RELAXED ACL_MODEL_RI_CAPTURE_MODE_RELAXED

static aclrtStream a, b;
static float *x, *y; /* device memory, which this process may look at between the runs */

static inline int set_up(void **state) {
    OK(aclInit(NULL));
    OK(aclrtSetDevice(0));
    OK(aclrtCreateStream(&a));
    OK(aclrtCreateStream(&b));
    OK(aclrtMalloc((void **)&x, 4096, ACL_MEM_MALLOC_NORMAL_ONLY));
    OK(aclrtMalloc((void **)&y, 4096, ACL_MEM_MALLOC_NORMAL_ONLY));
    return 0;
}

static inline int tear_down(void **state) {
    OK(aclrtFree(x));
    OK(aclrtFree(y));
    OK(aclrtDestroyStream(a));
    OK(aclrtDestroyStream(b));
    return aclFinalize();
}

static inline void set(float *to, float value) {
    float four[4] = {value, value, value, value};
    OK(aclrtMemcpy(to, 16, four, 16, ACL_MEMCPY_HOST_TO_DEVICE));
}

static inline float get(const float *from) {
    float value;
    OK(aclrtMemcpy(&value, 4, from, 4, ACL_MEMCPY_DEVICE_TO_HOST));
    return value;
}

/* to[0..3] += alpha * from[0..3] */
static inline void add(float *to, float *from, float alpha, aclrtStream stream) {
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

static inline aclmdlRI end(aclrtStream stream) {
    aclmdlRI model = NULL;
    OK(aclmdlRICaptureEnd(stream, &model));
    assert_non_null(model);
    return model;
}

static inline void replay(aclmdlRI model, aclrtStream stream) {
    OK(aclmdlRIExecuteAsync(model, stream));
    OK(aclrtSynchronizeStream(stream));
}

static inline void order(aclrtEvent event, aclrtStream before, aclrtStream after) {
    OK(aclrtRecordEvent(event, before));
    OK(aclrtStreamWaitEvent(after, event));
}

static inline aclrtEvent make_event(uint32_t flags) {
    aclrtEvent event;
    OK(aclrtCreateEventExWithFlag(&event, flags));
    return event;
}

static inline void bump(void *number) { ++*(int *)number; }

static inline uint64_t *add_condition(aclmdlRI parent, aclmdlRICondTaskType type, uint32_t count,
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

#endif
