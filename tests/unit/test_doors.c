/* The runtime through its public functions: codes, bad input, and the order that clients call in.
 */
#include "unit.h"

#include "acl/acl.h"
#include "base/status.h"
#include <pthread.h>
#include <unistd.h>

#define OK(call)          assert_int_equal(call, ACL_SUCCESS)
#define FAILS(code, call) assert_int_equal(call, code)

/* |expected| stands in the text of the error, and so does the name of the function. */
static void expect_text(const char *api, const char *expected) {
    const char *text = aclGetRecentErrMsg();
    assert_non_null(text);
    if (strstr(text, api) == NULL || strstr(text, expected) == NULL)
        fail_msg("\"%s\" lacks \"%s\" or \"%s\"", text, api, expected);
    assert_null(aclGetRecentErrMsg());
}

static char *write_config(const char *text) {
    static char path[64];
    strcpy(path, "/tmp/anycann-acl-XXXXXX");
    int file = mkstemp(path);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
    return path;
}

static void nothing_works_before_a_device_is_set(void **state) {
    int32_t device = 77;
    void *pointer = NULL;
    uint32_t count = 0;
    OK(aclrtGetDeviceCount(&count));
    assert_int_equal(count, 2);
    FAILS(ACL_ERROR_RT_CONTEXT_NULL, aclrtGetDevice(&device));
    assert_int_equal(device, 77);
    expect_text("aclrtGetDevice", "call aclrtSetDevice first");
    OK(aclrtPeekAtLastError(ACL_RT_THREAD_LEVEL)); /* a question is no fault */
    FAILS(ACL_ERROR_RT_CONTEXT_NULL, aclrtMalloc(&pointer, 10, ACL_MEM_MALLOC_HUGE_FIRST));
    FAILS(ACL_ERROR_RT_CONTEXT_NULL, aclrtSynchronizeDevice());
    FAILS(ACL_ERROR_RT_CONTEXT_NULL, aclrtSynchronizeStream(NULL));
    FAILS(ACL_ERROR_RT_CONTEXT_NULL, aclrtCreateStream(&pointer));
    FAILS(ACL_ERROR_RT_CONTEXT_NULL, aclrtGetCurrentContext(&pointer));
    FAILS(ACL_ERROR_RT_INVALID_DEVICEID, aclrtSetDevice(2));
    expect_text("aclrtSetDevice", "device 2 does not exist; expected 0 to 1");
    FAILS(ACL_ERROR_RT_INVALID_DEVICEID, aclrtSetDevice(-1));
    FAILS(ACL_ERROR_RT_INVALID_DEVICEID, aclrtCreateContext(&pointer, 9));
    assert_null(pointer);
    aclGetRecentErrMsg();
}

static void init_counts_its_clients(void **state) {
    uint64_t left = 99;
    FAILS(ACL_ERROR_UNINITIALIZE, aclFinalize());
    FAILS(ACL_ERROR_INVALID_FILE, aclInit("/does/not/exist.json"));
    expect_text("aclInit", "/does/not/exist.json");
    char *path = write_config("{\"dump\": {\"dump_scene\": }}");
    FAILS(ACL_ERROR_PARSE_FILE, aclInit(path));
    expect_text("aclInit", "line 1, column 25");
    unlink(path);
    path = write_config("{\"dump\":{\"dump_scene\":\"lite_exception\"},\"unknown\":[1,{}]}");
    OK(aclInit(path));
    unlink(path);
    FAILS(ACL_ERROR_REPEAT_INITIALIZE, aclInit(NULL));
    expect_text("aclInit", "initialised already");
    OK(aclFinalizeReference(&left));
    assert_int_equal(left, 1);
    OK(aclFinalize());
    FAILS(ACL_ERROR_REPEAT_FINALIZE, aclFinalize());
    FAILS(ACL_ERROR_REPEAT_FINALIZE, aclFinalizeReference(&left));
    OK(aclInit(""));
    aclGetRecentErrMsg();
}

/* A configuration that cannot be used is refused with a place or a reason, and a good one is taken
 * afterwards. */
static void corrupt_configurations_are_refused(void **state) {
    static const struct {
        const char *text, *words;
        int code;
    } rows[] = {
        {"", "expected", ACL_ERROR_PARSE_FILE},
        {"{", "line 1", ACL_ERROR_PARSE_FILE},
        {"[]", "expected an object", ACL_ERROR_PARSE_FILE},
        {"\x7f"
         "ELF\x02\x01",
         "line 1, column 1", ACL_ERROR_PARSE_FILE},
        {"{\"a\": 1,}", "line 1", ACL_ERROR_PARSE_FILE},
        {"{\"a\": \"\x01\"}", "control character", ACL_ERROR_PARSE_FILE},
        {"{\"a\": 1}\n{", "line 2", ACL_ERROR_PARSE_FILE},
        {"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}}}",
         "deeper than 10", ACL_ERROR_PARSE_FILE},
        {"{\"defaultDevice\":{\"default_device\":\"99\"}}", "default_device is 99",
         ACL_ERROR_INVALID_PARAM},
        {"{\"defaultDevice\":{\"default_device\":\"first\"}}", "default_device is first",
         ACL_ERROR_INVALID_PARAM},
        {"{\"defaultDevice\":{\"default_device\":-1}}", "default_device is -1",
         ACL_ERROR_INVALID_PARAM},
        {"{\"defaultDevice\":{\"default_device\":[0]}}", "default_device is",
         ACL_ERROR_INVALID_PARAM},
    };
    OK(aclFinalize());
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *path = write_config(rows[i].text);
        FAILS(rows[i].code, aclInit(path));
        expect_text("aclInit", rows[i].words);
        unlink(path);
    }
    FAILS(ACL_ERROR_INVALID_FILE, aclInit("/")); /* a folder */
    expect_text("aclInit", "/");
    FAILS(ACL_ERROR_REPEAT_FINALIZE, aclFinalize()); /* none of them counts */
    OK(aclInit(NULL));
}

static int calls;
static aclError count_init(const char *config, size_t length, void *user) {
    calls += *(int *)user;
    return ACL_SUCCESS;
}
static aclError count_finalize(void *user) {
    calls += *(int *)user;
    return ACL_SUCCESS;
}

static void callbacks_see_init_and_finalize(void **state) {
    int one = 1, ten = 10;
    OK(aclFinalize());
    OK(aclInitCallbackRegister(ACL_REG_TYPE_OTHER, count_init, &one));
    OK(aclFinalizeCallbackRegister(ACL_REG_TYPE_OTHER, count_finalize, &ten));
    OK(aclInit(NULL));
    assert_int_equal(calls, 1);
    OK(aclFinalize());
    assert_int_equal(calls, 11);
    OK(aclInitCallbackUnRegister(ACL_REG_TYPE_OTHER, count_init));
    OK(aclFinalizeCallbackUnRegister(ACL_REG_TYPE_OTHER, count_finalize));
    FAILS(ACL_ERROR_INVALID_PARAM, aclInitCallbackUnRegister(ACL_REG_TYPE_OTHER, count_init));
    FAILS(ACL_ERROR_INVALID_PARAM, aclInitCallbackRegister(ACL_REG_TYPE_OTHER, NULL, NULL));
    aclGetRecentErrMsg();
    OK(aclInit(NULL));
    assert_int_equal(calls, 11);
}

static void versions_and_identity(void **state) {
    aclCANNPackageVersion version;
    char text[ACL_PKG_VERSION_MAX_SIZE];
    int32_t number = 0, other = 0, patch = 0;
    int64_t value = 0;
    aclrtUuid a, b;
    OK(aclsysGetCANNVersion(ACL_PKG_NAME_CANN, &version));
    assert_string_equal(version.version, "9.1.0");
    assert_string_equal(version.majorVersion, "9");
    FAILS(ACL_ERROR_INVALID_PARAM, aclsysGetCANNVersion(99, &version));
    FAILS(ACL_ERROR_INVALID_PARAM, aclsysGetCANNVersion(0, NULL));
    OK(aclsysGetVersionStr((char *)"ops_math", text));
    assert_string_equal(text, "9.1.0");
    OK(aclsysGetVersionNum((char *)"runtime", &number));
    assert_int_equal(number, 90100000);
    OK(aclrtGetVersion(&number, &other, &patch));
    assert_int_equal(number, 1);
    assert_string_equal(aclrtGetSocName(), "Ascend910B1");
    OK(aclGetCannAttribute(ACL_CANN_ATTR_INF_NAN, &number));
    assert_int_equal(number, 1);
    OK(aclGetDeviceCapability(0, ACL_DEVICE_INFO_VECTOR_CORE_NUM, &value));
    assert_int_equal(value, 48);
    FAILS(ACL_ERROR_RT_INVALID_DEVICEID,
          aclGetDeviceCapability(7, ACL_DEVICE_INFO_VECTOR_CORE_NUM, &value));
    OK(aclrtGetDeviceInfo(1, ACL_DEV_ATTR_TOTAL_GLOBAL_MEM_SIZE, &value));
    assert_int_equal(value, 256 << 20);
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtGetDeviceInfo(1, 12345, &value));
    OK(aclrtDeviceGetUuid(0, &a));
    OK(aclrtDeviceGetUuid(1, &b));
    assert_memory_not_equal(&a, &b, sizeof a);
    char bus[32];
    OK(aclrtDeviceGetPCIBusId(1, bus, sizeof bus));
    OK(aclrtDeviceGetByPCIBusId(bus, &number));
    assert_int_equal(number, 1);
    FAILS(ACL_ERROR_RT_INVALID_DEVICEID, aclrtDeviceGetByPCIBusId("0000:zz:00.0", &number));
    aclGetRecentErrMsg();
}

static void *use_device_one(void *data) {
    int32_t device = -1;
    void *context = NULL, *stream = NULL;
    if (aclrtGetDevice(&device) != ACL_ERROR_RT_CONTEXT_NULL) return (void *)1;
    if (aclrtSetDevice(1) != ACL_SUCCESS) return (void *)2;
    if (aclrtGetDevice(&device) != ACL_SUCCESS || device != 1) return (void *)3;
    if (aclrtGetCurrentContext(&context) != ACL_SUCCESS) return (void *)4;
    if (context == data) return (void *)5;
    /* A stream of another context is refused until that context is current. */
    if (aclrtSetCurrentContext(data) != ACL_SUCCESS) return (void *)6;
    if (aclrtCreateStream(&stream) != ACL_SUCCESS) return (void *)7;
    if (aclrtSetCurrentContext(context) != ACL_SUCCESS) return (void *)8;
    if (aclrtSynchronizeStream(stream) != ACL_ERROR_RT_STREAM_CONTEXT) return (void *)9;
    if (aclrtSetCurrentContext(data) != ACL_SUCCESS) return (void *)10;
    if (aclrtDestroyStream(stream) != ACL_SUCCESS) return (void *)11;
    return aclrtResetDevice(1) == ACL_SUCCESS ? NULL : (void *)12;
}

static void contexts_belong_to_threads(void **state) {
    void *primary, *made, *current;
    int32_t device, active;
    uint32_t flags;
    OK(aclrtSetDevice(0));
    OK(aclrtGetCurrentContext(&primary));
    pthread_t thread;
    pthread_create(&thread, NULL, use_device_one, primary);
    void *wrong;
    pthread_join(thread, &wrong);
    assert_null(wrong);
    OK(aclrtGetPrimaryCtxState(1, &flags, &active));
    assert_int_equal(active, 0);
    OK(aclrtCreateContext(&made, 1));
    OK(aclrtGetDevice(&device));
    assert_int_equal(device, 1);
    OK(aclrtGetCurrentContext(&current));
    assert_ptr_equal(current, made);
    FAILS(ACL_ERROR_RT_PARAM_INVALID, aclrtDestroyContext(primary));
    OK(aclrtDestroyContext(made));
    FAILS(ACL_ERROR_RT_CONTEXT_NULL, aclrtGetDevice(&device));
    FAILS(ACL_ERROR_RT_CONTEXT_NULL, aclrtDestroyContext(made));
    FAILS(ACL_ERROR_RT_CONTEXT_NULL, aclrtSetCurrentContext(made));
    FAILS(ACL_ERROR_RT_CONTEXT_NULL, aclrtSetCurrentContext(&device));
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtSetCurrentContext(NULL));
    OK(aclrtSetCurrentContext(primary));
    aclGetRecentErrMsg();
}

static void reset_counts_and_frees(void **state) {
    void *memory, *stream, *context;
    OK(aclrtSetDevice(1));
    OK(aclrtSetDevice(1));
    OK(aclrtMalloc(&memory, 100, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtCreateStream(&stream));
    OK(aclrtGetCurrentContext(&context));
    OK(aclrtResetDevice(1));
    OK(aclrtSynchronizeStream(stream));
    OK(aclrtResetDevice(1));
    FAILS(ACL_ERROR_RT_CONTEXT_NULL, aclrtSynchronizeStream(stream));
    FAILS(ACL_ERROR_RT_CONTEXT_NULL, aclrtSetCurrentContext(context));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, aclrtFree(memory));
    OK(aclrtSetDevice(1));
    FAILS(ACL_ERROR_RT_INVALID_HANDLE, aclrtSynchronizeStream(stream));
    OK(aclrtResetDeviceForce(1));
    OK(aclrtSetDevice(0));
    aclGetRecentErrMsg();
}

static void null_and_foreign_handles_are_refused(void **state) {
    aclrtStreamStatus stream_status;
    aclrtEventRecordedStatus event_status;
    uint64_t local[32] = {0};
    float ms;
    size_t number;
    void *pointer;
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtCreateStream(NULL));
    expect_text("aclrtCreateStream", "stream is NULL");
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtDestroyStream(NULL));
    FAILS(ACL_ERROR_RT_INVALID_HANDLE, aclrtDestroyStream(local));
    FAILS(ACL_ERROR_RT_INVALID_HANDLE, aclrtStreamQuery(local, &stream_status));
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtStreamQuery(NULL, NULL));
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtDestroyEvent(NULL));
    FAILS(ACL_ERROR_RT_INVALID_HANDLE, aclrtDestroyEvent(local));
    FAILS(ACL_ERROR_RT_INVALID_HANDLE, aclrtRecordEvent(local, NULL));
    FAILS(ACL_ERROR_RT_INVALID_HANDLE, aclrtSynchronizeEvent(local));
    FAILS(ACL_ERROR_RT_INVALID_HANDLE, aclrtQueryEventStatus(local, &event_status));
    FAILS(ACL_ERROR_RT_INVALID_HANDLE, aclrtEventElapsedTime(&ms, local, local));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, aclrtCreateEventExWithFlag(&pointer, 0x100));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, aclrtCreateStreamWithConfig(&pointer, 8, 0));
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtFree(NULL));
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtMalloc(NULL, 10, 0));
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtMalloc(&pointer, 0, 0));
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtGetMemInfo(-1, &number, &number));
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtMallocHost(&pointer, 0));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, aclrtFreeHost(local));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, aclrtSynchronizeDeviceWithTimeout(-2));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, aclrtSynchronizeStreamWithTimeout(NULL, -2));
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtSetSysParamOpt(99, 1));
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtLaunchHostFunc(NULL, NULL, NULL));
    FAILS(ACL_ERROR_RT_MEMORY_ALLOCATION, aclrtMalloc(&pointer, (size_t)1 << 50, 0));
    FAILS(ACL_ERROR_RT_MEMORY_ALLOCATION, aclrtMalloc(&pointer, SIZE_MAX, 0));
    expect_text("aclrtMalloc", "Failed to allocate");
}

static void copies_check_their_arguments(void **state) {
    void *device, *host;
    char local[64] = "abc";
    OK(aclrtMalloc(&device, 64, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtMallocHost(&host, 64));
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtMemcpy(device, 3, local, 4, ACL_MEMCPY_HOST_TO_DEVICE));
    expect_text("aclrtMemcpy", "count is 4, more than destMax 3");
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtMemcpy(device, 64, local, 0, ACL_MEMCPY_HOST_TO_DEVICE));
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtMemcpy(device, 64, local, 4, 8));
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtMemcpy(NULL, 64, local, 4, ACL_MEMCPY_HOST_TO_DEVICE));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, aclrtMemcpy(device, 64, local, 4, ACL_MEMCPY_DEVICE_TO_HOST));
    FAILS(ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
          aclrtMemcpyAsync(host, 64, local, 4, ACL_MEMCPY_HOST_TO_HOST, NULL));
    OK(aclrtMemcpy(device, 64, "hello", 6, ACL_MEMCPY_HOST_TO_DEVICE));
    OK(aclrtMemcpyAsync(host, 64, device, 6, ACL_MEMCPY_DEVICE_TO_HOST, NULL));
    OK(aclrtSynchronizeStream(NULL));
    assert_string_equal(host, "hello");
    OK(aclrtMemcpyAsync(local, 64, device, 6, ACL_MEMCPY_DEVICE_TO_HOST, NULL));
    assert_string_equal(local, "hello"); /* ordinary memory: done when the call returns */
    FAILS(ACL_ERROR_INVALID_PARAM, aclrtMemset(device, 4, 0, 5));
    OK(aclrtMemsetAsync(device, 64, 7, 64, NULL));
    OK(aclrtSynchronizeStream(NULL)); /* the copy is the host's, which nothing else orders */
    OK(aclrtMemcpy(local, 64, device, 64, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_int_equal(local[63], 7);
    FAILS(ACL_ERROR_INVALID_PARAM,
          aclrtMemcpy2d(device, 3, local, 8, 4, 2, ACL_MEMCPY_HOST_TO_DEVICE));
    void *to[2] = {device, NULL}, *from[2] = {local, local};
    size_t rooms[2] = {64, 64}, sizes[2] = {8, 8}, failed = 0;
    FAILS(ACL_ERROR_INVALID_PARAM,
          aclrtMemcpyBatch(to, rooms, from, sizes, 2, NULL, NULL, 0, &failed));
    assert_int_equal(failed, 1);
    OK(aclrtMemcpyBatch(to, rooms, from, sizes, 1, NULL, NULL, 0, &failed));
    assert_true(failed == SIZE_MAX);
    aclrtPtrAttributes attributes;
    OK(aclrtPointerGetAttributes(device, &attributes));
    assert_int_equal(attributes.location.type, ACL_MEM_LOCATION_TYPE_DEVICE);
    OK(aclrtPointerGetAttributes(host, &attributes));
    assert_int_equal(attributes.location.type, ACL_MEM_LOCATION_TYPE_HOST);
    OK(aclrtPointerGetAttributes(local, &attributes));
    assert_int_equal(attributes.location.type, ACL_MEM_LOCATION_TYPE_UNREGISTERED);
    OK(aclrtFree(device));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, aclrtFree(device));
    OK(aclrtFreeHost(host));
    aclGetRecentErrMsg();
}

static void streams_and_events_have_their_rules(void **state) {
    void *stream, *default_stream, *event, *plain;
    aclrtEventStatus status;
    aclrtStreamStatus stream_status;
    uint32_t value = 0;
    float ms = -1;
    OK(aclrtCtxGetCurrentDefaultStream(&default_stream));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, aclrtDestroyStream(default_stream));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, aclrtSetStreamFailureMode(default_stream, 1));
    OK(aclrtCreateStreamWithConfig(&stream, 3, ACL_STREAM_FAST_LAUNCH | ACL_STREAM_FAST_SYNC));
    OK(aclrtSetStreamFailureMode(stream, ACL_STOP_ON_FAILURE));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, aclrtSetStreamFailureMode(stream, 2));
    OK(aclrtStreamGetPriority(stream, &value));
    assert_int_equal(value, 3);
    OK(aclrtSetStreamResLimit(stream, ACL_RT_DEV_RES_VECTOR_CORE, 5));
    OK(aclrtUseStreamResInCurrentThread(stream));
    OK(aclrtGetResInCurrentThread(ACL_RT_DEV_RES_VECTOR_CORE, &value));
    assert_int_equal(value, 5);
    OK(aclrtUnuseStreamResInCurrentThread(stream));
    OK(aclrtGetResInCurrentThread(ACL_RT_DEV_RES_VECTOR_CORE, &value));
    assert_int_equal(value, 48);
    OK(aclrtCreateEventExWithFlag(&event, ACL_EVENT_SYNC | ACL_EVENT_TIME_LINE));
    OK(aclrtCreateEvent(&plain));
    FAILS(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, aclrtQueryEvent(event, &status));
    FAILS(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, aclrtResetEvent(event, stream));
    OK(aclrtQueryEvent(plain, &status));
    assert_int_equal(status, ACL_EVENT_STATUS_NOT_READY);
    OK(aclrtRecordEvent(plain, stream));
    OK(aclrtRecordEvent(event, stream));
    OK(aclrtStreamWaitEvent(default_stream, event));
    OK(aclrtSynchronizeEventWithTimeout(event, 1000));
    OK(aclrtEventElapsedTime(&ms, plain, event));
    assert_true(ms >= 0 && ms < 1000);
    OK(aclrtStreamQuery(stream, &stream_status));
    assert_int_equal(stream_status, ACL_STREAM_STATUS_COMPLETE);
    OK(aclrtDestroyEvent(event));
    FAILS(ACL_ERROR_RT_INVALID_HANDLE, aclrtDestroyEvent(event));
    OK(aclrtDestroyEvent(plain));
    OK(aclrtDestroyStreamForce(stream));
    FAILS(ACL_ERROR_RT_INVALID_HANDLE, aclrtDestroyStream(stream));
    aclGetRecentErrMsg();
}

static void peers_reach_each_other(void **state) {
    int32_t can = -1;
    OK(aclrtDeviceCanAccessPeer(&can, 0, 1));
    assert_int_equal(can, 1);
    OK(aclrtDeviceEnablePeerAccess(1, 0));
    OK(aclrtDevicePeerAccessStatus(0, 1, &can));
    assert_int_equal(can, 1);
    FAILS(ACL_ERROR_RT_PARAM_INVALID, aclrtDeviceEnablePeerAccess(0, 0));
    OK(aclrtDeviceDisablePeerAccess(1));
    void *near, *far;
    OK(aclrtMalloc(&near, 8, 0));
    OK(aclrtMemset(near, 8, 9, 8));
    OK(aclrtSetDevice(1));
    OK(aclrtMalloc(&far, 8, 0));
    OK(aclrtMemcpy(far, 8, near, 8, ACL_MEMCPY_DEVICE_TO_DEVICE));
    assert_int_equal(((char *)far)[7], 9);
    OK(aclrtFree(near)); /* whichever device is current */
    OK(aclrtFree(far));
    OK(aclrtResetDevice(1));
    OK(aclrtSetDevice(0));
    aclGetRecentErrMsg();
}

static void codes_are_those_of_the_headers(void **state) {
    static const struct {
        acn_status status;
        int code;
    } pairs[] = {
        {ACN_INVALID_ARGUMENT, ACL_ERROR_INVALID_PARAM},
        {ACN_NULL_POINTER, ACL_ERROR_INVALID_PARAM},
        {ACN_UNINITIALIZED, ACL_ERROR_UNINITIALIZE},
        {ACN_REPEAT_INITIALIZE, ACL_ERROR_REPEAT_INITIALIZE},
        {ACN_REPEAT_FINALIZE, ACL_ERROR_REPEAT_FINALIZE},
        {ACN_INVALID_FILE, ACL_ERROR_INVALID_FILE},
        {ACN_PARSE_FILE, ACL_ERROR_PARSE_FILE},
        {ACN_OP_TYPE_NOT_MATCH, ACL_ERROR_OP_TYPE_NOT_MATCH},
        {ACN_OP_NOT_FOUND, ACL_ERROR_OP_NOT_FOUND},
        {ACN_UNSUPPORTED_DATA_TYPE, ACL_ERROR_UNSUPPORTED_DATA_TYPE},
        {ACN_API_NOT_SUPPORTED, ACL_ERROR_API_NOT_SUPPORT},
        {ACN_BAD_ALLOC, ACL_ERROR_BAD_ALLOC},
        {ACN_INTERNAL, ACL_ERROR_INTERNAL_ERROR},
        {ACN_PARAM_INVALID, ACL_ERROR_RT_PARAM_INVALID},
        {ACN_INVALID_DEVICE, ACL_ERROR_RT_INVALID_DEVICEID},
        {ACN_CONTEXT_NULL, ACL_ERROR_RT_CONTEXT_NULL},
        {ACN_STREAM_CONTEXT, ACL_ERROR_RT_STREAM_CONTEXT},
        {ACN_EVENT_TIMESTAMP, ACL_ERROR_RT_EVENT_TIMESTAMP_INVALID},
        {ACN_INVALID_HANDLE, ACL_ERROR_RT_INVALID_HANDLE},
        {ACN_STREAM_NO_CALLBACK, ACL_ERROR_RT_STREAM_NO_CB_REG},
        {ACN_THREAD_SUBSCRIBE, ACL_ERROR_RT_THREAD_SUBSCRIBE},
        {ACN_FEATURE_NOT_SUPPORTED, ACL_ERROR_RT_FEATURE_NOT_SUPPORT},
        {ACN_DEVICE_MEMORY, ACL_ERROR_RT_MEMORY_ALLOCATION},
        {ACN_REPORT_TIMEOUT, ACL_ERROR_RT_REPORT_TIMEOUT},
        {ACN_STREAM_SYNC_TIMEOUT, ACL_ERROR_RT_STREAM_SYNC_TIMEOUT},
        {ACN_EVENT_SYNC_TIMEOUT, ACL_ERROR_RT_EVENT_SYNC_TIMEOUT},
        {ACN_EXECUTION, ACL_ERROR_RT_AICORE_EXCEPTION},
        {ACN_STREAM_ABORT, ACL_ERROR_RT_STREAM_ABORT},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        assert_int_equal(acn_status_acl(pairs[i].status), pairs[i].code);
}

static void what_cannot_be_done_says_why(void **state) {
    FAILS(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, aclrtSetGroup(0));
    expect_text("aclrtSetGroup", "not supported: compute groups");
}

int main(void) {
    setenv("ANYCANN_DEVICES", "2", 1);
    setenv("ANYCANN_MEMORY", "256M", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_works_before_a_device_is_set),
        cmocka_unit_test(init_counts_its_clients),
        cmocka_unit_test(corrupt_configurations_are_refused),
        cmocka_unit_test(callbacks_see_init_and_finalize),
        cmocka_unit_test(versions_and_identity),
        cmocka_unit_test(contexts_belong_to_threads),
        cmocka_unit_test(reset_counts_and_frees),
        cmocka_unit_test(null_and_foreign_handles_are_refused),
        cmocka_unit_test(copies_check_their_arguments),
        cmocka_unit_test(streams_and_events_have_their_rules),
        cmocka_unit_test(peers_reach_each_other),
        cmocka_unit_test(codes_are_those_of_the_headers),
        cmocka_unit_test(what_cannot_be_done_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
