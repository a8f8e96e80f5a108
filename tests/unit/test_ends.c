/* How processes end, and children of fork: each case runs in a process of its own, which must end
 * by itself, in time and with the status that it wants. */
#include "unit.h"

#include "acl/acl.h"
#include "acl/acl_op_compiler.h"
#include "aclnn/acl_meta.h"
#include "aclnn/aclnn_base.h"
#include "aclnnop/aclnn_add.h"
#include "aclnnop/aclnn_zero.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMIT_SECONDS = 20 };

#define NEED(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                \
            _exit(100);                                                                            \
        }                                                                                          \
    } while (0)

static void expect(void (*run)(void), int status) {
    int result;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(LIMIT_SECONDS); /* a hang is a death by signal */
        run();
        exit(0);
    }
    waitpid(child, &result, 0);
    assert_int_equal(result, status);
}

static void sleep_long(void *data) { sleep(LIMIT_SECONDS * 2); }

/* A stream that is busy for ever, one that waits for an event nobody records, and work behind. */
static void leave_work_behind(void) {
    void *busy, *waiting, *event, *memory;
    NEED(aclInit(NULL) == 0);
    NEED(aclrtSetDevice(0) == 0);
    NEED(aclrtCreateStream(&busy) == 0);
    NEED(aclrtCreateStream(&waiting) == 0);
    NEED(aclrtCreateEvent(&event) == 0);
    NEED(aclrtMalloc(&memory, 1 << 20, 0) == 0);
    NEED(aclrtLaunchHostFunc(busy, sleep_long, NULL) == 0);
    NEED(aclrtStreamWaitEvent(waiting, event) == 0);
    for (int i = 0; i < 100; i++) {
        NEED(aclrtMemsetAsync(memory, 1 << 20, i, 1 << 20, busy) == 0);
        NEED(aclrtMemsetAsync(memory, 1 << 20, i, 1 << 20, waiting) == 0);
    }
}

static void exit_with_work(void) {
    leave_work_behind();
    exit(0);
}

static void exit_at_once_with_work(void) {
    leave_work_behind();
    _exit(3);
}

static void abort_with_work(void) {
    leave_work_behind();
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void interrupt_with_work(void) {
    leave_work_behind();
    signal(SIGINT, SIG_DFL);
    kill(getpid(), SIGINT);
    aclrtSynchronizeDevice(); /* a client that waits can be interrupted */
}

static void finish_from_thread_with_work(void) {
    leave_work_behind();
    NEED(aclFinalize() == 0);
}

static void processes_end_with_work_left(void **state) {
    expect(exit_with_work, 0);
    expect(exit_at_once_with_work, 3 << 8);
    expect(interrupt_with_work, SIGINT);
    expect(finish_from_thread_with_work, 0);
    expect(abort_with_work, SIGABRT);
}

static void call_everything(void) {
    void *pointer;
    size_t number;
    aclrtSynchronizeDevice();
    aclrtResetDevice(0);
    aclrtSetDevice(0);
    aclrtMalloc(&pointer, 100, 0);
    aclrtGetMemInfo(ACL_HBM_MEM, &number, &number);
    aclrtCreateStream(&pointer);
    aclrtSynchronizeStream(pointer);
    aclrtDestroyStream(pointer);
    aclFinalize();
    aclGetRecentErrMsg();
}

static void use_after_finalize(void) {
    NEED(aclInit(NULL) == 0);
    NEED(aclrtSetDevice(0) == 0);
    NEED(aclrtResetDevice(0) == 0);
    NEED(aclFinalize() == 0);
    atexit(call_everything);
    call_everything();
}

/* Every door, without a device: a code and a sentence, or the answer; never a crash. */
static void call_all_doors(void) {
    float one = 1, numbers[4] = {0};
    int64_t dims[1] = {4};
    uint64_t bytes = 0;
    aclOpExecutor *executor = NULL;
    aclrtEvent event = NULL;
    aclTensor *t = aclCreateTensor(dims, 1, ACL_FLOAT, NULL, 0, ACL_FORMAT_ND, NULL, 0, numbers);
    aclScalar *alpha = aclCreateScalar(&one, ACL_FLOAT);
    aclTensorDesc *desc = aclCreateTensorDesc(ACL_FLOAT, 1, dims, ACL_FORMAT_ND);
    aclDataBuffer *buffer = aclCreateDataBuffer(numbers, sizeof numbers);
    const aclTensorDesc *in[2] = {desc, desc};
    const aclDataBuffer *from[2] = {buffer, buffer};
    NEED(t && alpha && desc && buffer);
    NEED(aclnnAddGetWorkspaceSize(t, t, alpha, t, &bytes, &executor) == 0);
    NEED(aclnnAdd(NULL, 0, executor, NULL) == 361001);
    NEED(strstr(aclGetRecentErrMsg(), "aclrtSetDevice") != NULL);
    NEED(aclopCompileAndExecute("Add", 2, in, from, 1, in, &buffer, NULL, ACL_ENGINE_SYS,
                                ACL_COMPILE_SYS, NULL, NULL) == ACL_ERROR_RT_CONTEXT_NULL);
    NEED(strstr(aclGetRecentErrMsg(), "aclrtSetDevice") != NULL);
    NEED(aclrtMemcpyAsync(numbers, 4, numbers + 2, 4, ACL_MEMCPY_DEFAULT, NULL) ==
         ACL_ERROR_RT_CONTEXT_NULL);
    NEED(aclrtCreateEvent(&event) == 0 || strlen(aclGetRecentErrMsg()) > 0);
    if (event != NULL) aclrtDestroyEvent(event);
    aclDestroyTensor(t);
    aclDestroyScalar(alpha);
    aclDestroyTensorDesc(desc);
    aclDestroyDataBuffer(buffer);
}

static void use_doors_without_device(void) {
    call_all_doors();
    NEED(aclFinalize() == ACL_ERROR_UNINITIALIZE);
    NEED(aclInit(NULL) == 0);
    call_all_doors(); /* initialised, but no device is set */
    NEED(aclrtSetDevice(0) == 0);
    NEED(aclrtResetDevice(0) == 0);
    NEED(aclFinalize() == 0);
    call_all_doors();
    NEED(aclFinalize() == ACL_ERROR_REPEAT_FINALIZE);
}

static void doors_tell_what_is_missing(void **state) { expect(use_doors_without_device, 0); }

static void calls_after_finalize_are_safe(void **state) { expect(use_after_finalize, 0); }

static void *other_client(void *data) {
    if (aclInit(NULL) != ACL_ERROR_REPEAT_INITIALIZE) return (void *)1;
    if (aclrtSetDevice(0) != 0) return (void *)2;
    void *stream;
    if (aclrtCreateStream(&stream) != 0) return (void *)3;
    if (aclrtDestroyStream(stream) != 0) return (void *)4;
    if (aclrtResetDevice(0) != 0) return (void *)5;
    return aclFinalize() == 0 ? NULL : (void *)6;
}

static void two_clients(void) {
    void *memory, *wrong;
    pthread_t thread;
    NEED(aclInit(NULL) == 0);
    NEED(aclrtSetDevice(0) == 0);
    NEED(aclrtMalloc(&memory, 100, 0) == 0);
    NEED(pthread_create(&thread, NULL, other_client, NULL) == 0);
    pthread_join(thread, &wrong);
    NEED(wrong == NULL);
    NEED(aclrtMemset(memory, 100, 1, 100) == 0);
    NEED(aclrtSynchronizeDevice() == 0);
    NEED(aclrtFree(memory) == 0);
    NEED(aclrtResetDevice(0) == 0);
    NEED(aclFinalize() == 0);
    NEED(aclFinalize() == ACL_ERROR_REPEAT_FINALIZE);
}

static void the_end_of_one_client_leaves_the_other_alive(void **state) { expect(two_clients, 0); }

static void *parent_memory, *parent_stream, *parent_event, *parent_host;

static void use_parents_device(void) {
    void *pointer;
    NEED(aclrtSetDevice(0) == ACL_ERROR_RT_CONTEXT_NULL);
    NEED(strstr(aclGetRecentErrMsg(), "fork") != NULL);
    NEED(aclrtMalloc(&pointer, 10, 0) == ACL_ERROR_RT_CONTEXT_NULL);
    NEED(aclrtSynchronizeStream(parent_stream) == ACL_ERROR_RT_CONTEXT_NULL);
    NEED(aclrtSynchronizeEvent(parent_event) == ACL_ERROR_RT_CONTEXT_NULL);
    NEED(aclrtFree(parent_memory) == ACL_ERROR_RT_CONTEXT_NULL);
    NEED(strcmp(parent_host, "pinned") == 0); /* what was pinned can be read */
    aclrtDestroyStreamForce(parent_stream);
    aclrtResetDevice(0);
    aclFinalize();
}

static void never_touch_it(void) {}

static void fork_children(void) {
    NEED(aclInit(NULL) == 0);
    NEED(aclrtSetDevice(0) == 0);
    NEED(aclrtMalloc(&parent_memory, 1 << 20, 0) == 0);
    NEED(aclrtMallocHost(&parent_host, 100) == 0);
    strcpy(parent_host, "pinned");
    NEED(aclrtCreateStream(&parent_stream) == 0);
    NEED(aclrtCreateEvent(&parent_event) == 0);
    NEED(aclrtRecordEvent(parent_event, parent_stream) == 0);
    NEED(aclrtMemset(parent_memory, 1 << 20, 1, 1 << 20) == 0);
    expect(use_parents_device, 0);
    expect(never_touch_it, 0);
    NEED(aclrtMemset(parent_memory, 1 << 20, 2, 1 << 20) == 0);
    NEED(aclrtSynchronizeDevice() == 0);
}

static void a_child_of_a_process_with_a_device_is_told(void **state) { expect(fork_children, 0); }

static void use_fresh_device(void) {
    void *memory;
    NEED(aclInit(NULL) == ACL_ERROR_REPEAT_INITIALIZE);
    NEED(aclrtSetDevice(0) == 0);
    NEED(aclrtMalloc(&memory, 100, 0) == 0);
    NEED(aclrtMemset(memory, 100, 1, 100) == 0);
    NEED(aclrtSynchronizeDevice() == 0);
}

static void fork_before_use(void) {
    NEED(aclInit(NULL) == 0);
    expect(use_fresh_device, 0);
    NEED(aclrtSetDevice(0) == 0);
}

static void a_child_of_a_process_without_a_device_may_use_one(void **state) {
    expect(fork_before_use, 0);
}

static void visible(const char *list, uint32_t expected) {
    uint32_t count = 99;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        setenv("ANYCANN_DEVICES", "4", 1);
        setenv("ASCEND_RT_VISIBLE_DEVICES", list, 1);
        _exit(aclrtGetDeviceCount(&count) == 0 && count == expected ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    if (status != 0) fail_msg("ASCEND_RT_VISIBLE_DEVICES=%s gives not %u devices", list, expected);
}

static void visible_devices_are_counted(void **state) {
    visible("", 4);
    visible("0", 1);
    visible("1,2,3", 3);
    visible("0,2,9", 2);
    visible("2,1", 1);
    visible("0,x,2", 1);
    visible("x", 0);
    visible("4", 0);
}

static void default_device_stands_in(void) {
    char path[] = "/tmp/anycann-acl-XXXXXX";
    static const char text[] = "{\"defaultDevice\":{\"default_device\":\"0\"}}";
    int file = mkstemp(path), device;
    void *memory;
    NEED(write(file, text, sizeof text - 1) == sizeof text - 1);
    close(file);
    aclError error = aclInit(path);
    unlink(path);
    NEED(error == 0);
    NEED(aclrtGetDevice(&device) == ACL_ERROR_RT_CONTEXT_NULL);
    NEED(aclrtMalloc(&memory, 100, 0) == 0);
    NEED(aclrtGetDevice(&device) == 0 && device == 0);
}

static void a_default_device_needs_no_set_device(void **state) {
    expect(default_device_stands_in, 0);
}

static void blocking_launches(void) {
    setenv("ASCEND_LAUNCH_BLOCKING", "1", 1);
    setenv("ANYCANN_INLINE_US", "0", 1);
    void *host, *memory, *stream;
    aclrtStreamStatus status;
    NEED(aclrtSetDevice(0) == 0);
    NEED(aclrtMallocHost(&host, 1 << 20) == 0);
    NEED(aclrtMalloc(&memory, 1 << 20, 0) == 0);
    NEED(aclrtCreateStream(&stream) == 0);
    for (int i = 0; i < 20; i++) {
        memset(host, i, 1 << 20);
        NEED(aclrtMemcpyAsync(memory, 1 << 20, host, 1 << 20, ACL_MEMCPY_HOST_TO_DEVICE, stream) ==
             0);
        NEED(aclrtStreamQuery(stream, &status) == 0 && status == ACL_STREAM_STATUS_COMPLETE);
        NEED(((char *)memory)[(1 << 20) - 1] == i);
    }
}

static void launch_blocking_makes_calls_synchronous(void **state) { expect(blocking_launches, 0); }

static void use_null_device(void) {
    setenv("ANYCANN_BACKEND", "null", 1);
    void *memory;
    char host[16] = "unchanged";
    NEED(aclrtSetDevice(0) == 0);
    NEED(aclrtMalloc(&memory, (size_t)200 << 20, 0) == 0);
    NEED(aclrtMemset(memory, 100, 1, 100) == 0);
    NEED(aclrtMemcpy(host, 16, memory, 16, ACL_MEMCPY_DEVICE_TO_HOST) == 0);
    NEED(strcmp(host, "unchanged") == 0);
    /* An operator is checked and planned as ever, and leaves the unreadable memory alone. */
    uint64_t bytes;
    aclOpExecutor *executor;
    int64_t dims[] = {100};
    aclTensor *tensor =
        aclCreateTensor(dims, 1, ACL_FLOAT, NULL, 0, ACL_FORMAT_ND, dims, 1, memory);
    NEED(aclnnInplaceZeroGetWorkspaceSize(tensor, &bytes, &executor) == 0);
    NEED(aclnnInplaceZero(NULL, bytes, executor, NULL) == 0);
    NEED(aclrtSynchronizeStream(NULL) == 0);
    NEED(aclrtFree(memory) == 0);
}

static void the_null_device_has_addresses_only(void **state) { expect(use_null_device, 0); }

int main(void) {
    setenv("ANYCANN_MEMORY", "256M", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_end_with_work_left),
        cmocka_unit_test(calls_after_finalize_are_safe),
        cmocka_unit_test(doors_tell_what_is_missing),
        cmocka_unit_test(the_end_of_one_client_leaves_the_other_alive),
        cmocka_unit_test(a_child_of_a_process_with_a_device_is_told),
        cmocka_unit_test(a_child_of_a_process_without_a_device_may_use_one),
        cmocka_unit_test(visible_devices_are_counted),
        cmocka_unit_test(a_default_device_needs_no_set_device),
        cmocka_unit_test(launch_blocking_makes_calls_synchronous),
        cmocka_unit_test(the_null_device_has_addresses_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
