/* The smaller parts of the runtime's interface: pools, managed memory, copies whose addresses are
 * read late, allocators, limits, aborting a device, reported errors, log lines, prepared operators,
 * and what says that it cannot be. */
#include "client.h"

#include "acl/acl_op.h"
#include "acl/acl_rt_allocator.h"
#include "acl/acl_rt_memory_soma.h"
#include "aclnnop/aclnn_add.h"
#include "base/acl_log.h"
#include "base/alog_pub.h"
#include "base/err_msg.h"
#include "runtime/workspace.h"
#include <pthread.h>
#include <unistd.h>

/* ---- memory ---------------------------------------------------------------------------------- */

static uint64_t pool_attribute(aclrtMemPool pool, aclrtMemPoolAttr attr) {
    uint64_t value = 0;
    OK(aclrtMemPoolGetAttr(pool, attr, &value));
    return value;
}

static void pools_give_out_what_was_freed(void **state) {
    aclrtMemPool pool;
    aclrtMemPoolProps props = {.location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE},
                               .maxSize = 1 << 20};
    void *a, *b, *none = NULL;
    uint64_t threshold = 1 << 20, zero = 0;
    client_gate gate;
    OK(aclrtMemPoolCreate(&pool, &props));
    OK(aclrtMemPoolSetAttr(pool, ACL_RT_MEM_POOL_ATTR_RELEASE_THRESHOLD, &threshold));
    assert_int_equal(pool_attribute(pool, ACL_RT_MEM_POOL_ATTR_RELEASE_THRESHOLD), 1 << 20);
    OK(aclrtMemPoolMallocAsync(&a, 600 << 10, pool, NULL));
    OK(aclrtMemset(a, 600 << 10, 1, 600 << 10));
    FAILS(ACL_ERROR_RT_MEMORY_ALLOCATION, "aclrtMemPoolMallocAsync", "more than the pool",
          aclrtMemPoolMallocAsync(&none, 600 << 10, pool, NULL));
    assert_null(none);
    client_gate_close(&gate, NULL);
    OK(aclrtMemPoolFreeAsync(a, NULL)); /* not before the gate opens */
    assert_int_equal(pool_attribute(pool, ACL_RT_MEM_POOL_ATTR_USED_MEM_CURRENT), 600 << 10);
    client_gate_open(&gate, NULL);
    assert_int_equal(pool_attribute(pool, ACL_RT_MEM_POOL_ATTR_USED_MEM_CURRENT), 0);
    assert_int_equal(pool_attribute(pool, ACL_RT_MEM_POOL_ATTR_RESERVED_MEM_CURRENT), 600 << 10);
    OK(aclrtMemPoolMallocAsync(&b, 500 << 10, pool, NULL));
    assert_ptr_equal(a, b);
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtMemPoolFreeAsync", "start of memory of a pool",
          aclrtMemPoolFreeAsync((char *)b + 512, NULL));
    OK(aclrtMemPoolFreeAsync(b, NULL));
    OK(aclrtSynchronizeStream(NULL));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtMemPoolFreeAsync", "start of memory of a pool",
          aclrtMemPoolFreeAsync(b, NULL));
    OK(aclrtMemPoolTrimTo(pool, 0));
    assert_int_equal(pool_attribute(pool, ACL_RT_MEM_POOL_ATTR_RESERVED_MEM_CURRENT), 0);
    assert_int_equal(pool_attribute(pool, ACL_RT_MEM_POOL_ATTR_RESERVED_MEM_HIGH), 600 << 10);
    OK(aclrtMemPoolSetAttr(pool, ACL_RT_MEM_POOL_ATTR_RESERVED_MEM_HIGH, &zero));
    assert_int_equal(pool_attribute(pool, ACL_RT_MEM_POOL_ATTR_RESERVED_MEM_HIGH), 0);
    OK(aclrtMemPoolMallocAsync(&a, 100, pool, NULL));
    OK(aclrtMemPoolDestroy(pool));
    OK(aclrtMemset(a, 100, 1, 100)); /* stays valid until it is freed */
    OK(aclrtMemPoolFreeAsync(a, NULL));
    OK(aclrtSynchronizeStream(NULL));
    FAILS(ACL_ERROR_RT_INVALID_HANDLE, "aclrtMemPoolDestroy", "does not exist",
          aclrtMemPoolDestroy(pool));
}

static void an_aborted_stream_frees_to_its_pool(void **state) {
    aclrtMemPool pool;
    aclrtMemPoolProps props = {.location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE}};
    aclrtStream stream;
    aclrtNotify never;
    void *block;
    OK(aclrtCreateStream(&stream));
    OK(aclrtCreateNotify(&never, 0));
    OK(aclrtMemPoolCreate(&pool, &props));
    OK(aclrtMemPoolMallocAsync(&block, 1 << 20, pool, stream));
    OK(aclrtWaitAndResetNotify(never, stream, 0));
    OK(aclrtMemPoolFreeAsync(block, stream));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtMemPoolFreeAsync", "being freed already",
          aclrtMemPoolFreeAsync(block, stream));
    assert_int_equal(pool_attribute(pool, ACL_RT_MEM_POOL_ATTR_USED_MEM_CURRENT), 1 << 20);
    OK(aclrtStreamAbort(stream));
    assert_int_equal(pool_attribute(pool, ACL_RT_MEM_POOL_ATTR_USED_MEM_CURRENT), 0);
    OK(aclrtMemPoolDestroy(pool));
    OK(aclrtDestroyNotify(never));
    OK(aclrtDestroyStream(stream));
}

/* A task that fails makes the stream drop what comes after it, in the caller's thread, too. */
static void a_stopped_stream_frees_to_its_pool(void **state) {
    aclrtMemPool pool;
    aclrtMemPoolProps props = {.location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE}};
    aclrtStream stream;
    aclrtNotify never;
    void *block;
    OK(aclrtCreateStream(&stream));
    OK(aclrtSetStreamFailureMode(stream, ACL_STOP_ON_FAILURE));
    OK(aclrtCreateNotify(&never, 0));
    OK(aclrtMemPoolCreate(&pool, &props));
    OK(aclrtMemPoolMallocAsync(&block, 1 << 20, pool, stream));
    OK(aclrtWaitAndResetNotify(never, stream, 1)); /* fails, since it never comes */
    for (aclrtStreamStatus status = ACL_STREAM_STATUS_NOT_READY;
         status == ACL_STREAM_STATUS_NOT_READY; usleep(1000))
        aclrtStreamQuery(stream, &status);
    OK(aclrtMemPoolFreeAsync(block, stream));
    FAILS(ACL_ERROR_RT_WAIT_TIMEOUT, "aclrtSynchronizeStream", "did not come",
          aclrtSynchronizeStream(stream));
    assert_int_equal(pool_attribute(pool, ACL_RT_MEM_POOL_ATTR_USED_MEM_CURRENT), 0);
    OK(aclrtMemPoolDestroy(pool));
    OK(aclrtDestroyNotify(never));
    OK(aclrtDestroyStream(stream));
}

static void managed_memory_is_everybodys(void **state) {
    void *memory, *device;
    int32_t value = 0, list[3];
    aclrtPtrAttributes attributes;
    aclrtMemManagedLocation here = {ACL_MEM_LOCATIONTYPE_DEVICE, 0},
                            nowhere = {ACL_MEM_LOCATIONTYPE_DEVICE, 99};
    OK(aclrtMemAllocManaged(&memory, 10000, ACL_RT_MEM_ATTACH_GLOBAL));
    memset(memory, 7, 10000);
    OK(aclrtMalloc(&device, 10000, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtMemcpy(device, 10000, memory, 10000, ACL_MEMCPY_DEVICE_TO_DEVICE));
    OK(aclrtMemset(memory, 10000, 8, 1));
    assert_int_equal(*(char *)memory, 8);
    OK(aclrtPointerGetAttributes(memory, &attributes));
    assert_int_equal(attributes.location.type, ACL_MEM_LOCATION_TYPE_MANAGED);
    OK(aclrtMemManagedAdvise(memory, 10000, ACL_MEM_ADVISE_SET_PREFERRED_LOCATION, here));
    OK(aclrtMemManagedAdvise(memory, 10000, ACL_MEM_ADVISE_SET_ACCESSED_BY, here));
    OK(aclrtMemManagedGetAttr(ACL_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_TYPE, memory, 10000,
                              &value, sizeof value));
    assert_int_equal(value, ACL_MEM_LOCATIONTYPE_DEVICE);
    OK(aclrtMemManagedGetAttr(ACL_MEM_RANGE_ATTRIBUTE_ACCESSED_BY, memory, 10000, list,
                              sizeof list));
    assert_int_equal(list[0], 0);
    assert_int_equal(list[1], -2);
    assert_int_equal(list[2], -2);
    OK(aclrtMemManagedPrefetchAsync(memory, 10000, here, 0, NULL));
    FAILS(ACL_ERROR_RT_INVALID_DEVICEID, "aclrtMemManagedPrefetchAsync", "99",
          aclrtMemManagedPrefetchAsync(memory, 10000, nowhere, 0, NULL));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtMemManagedAdvise", "aclrtMemAllocManaged",
          aclrtMemManagedAdvise(memory, 10001, ACL_MEM_ADVISE_SET_READ_MOSTLY, here));
    OK(aclrtFree(memory));
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtFree", "freed twice", aclrtFree(memory));
    OK(aclrtFree(device));
}

static void addresses_are_read_when_the_copy_runs(void **state) {
    char *device, out[8] = "", bytes[] = "abcdefgh";
    void *pointers[2];
    size_t size;
    OK(aclrtMalloc((void **)&device, 4096, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtMemcpy(device, 4096, bytes, 8, ACL_MEMCPY_HOST_TO_DEVICE));
    OK(aclrtGetMemcpyDescSize(ACL_MEMCPY_DEVICE_TO_DEVICE, &size));
    assert_in_range(size, 1, 512);
    OK(aclrtSetMemcpyDesc(device + 512, ACL_MEMCPY_DEVICE_TO_DEVICE, device, device + 1024, 8,
                          NULL));
    OK(aclrtMemcpyAsyncWithDesc(device + 512, ACL_MEMCPY_DEVICE_TO_DEVICE, NULL));
    OK(aclrtSynchronizeStream(NULL));
    OK(aclrtMemcpy(out, 8, device + 1024, 8, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_memory_equal(out, bytes, 8);
    FAILS(ACL_ERROR_RT_PARAM_INVALID, "aclrtSynchronizeStream", "aclrtSetMemcpyDesc",
          (aclrtMemcpyAsyncWithDesc(device + 2048, ACL_MEMCPY_DEVICE_TO_DEVICE, NULL),
           aclrtSynchronizeStream(NULL)));
    /* The pointers lie on the device and are written after the copy was asked for. */
    client_gate gate;
    client_gate_close(&gate, NULL);
    OK(aclrtMemcpyAsyncWithOffset((void **)(device + 512), 8, 3, (const void **)(device + 520), 4,
                                  1, ACL_MEMCPY_DEVICE_TO_DEVICE, NULL));
    pointers[0] = device + 3072;
    pointers[1] = device;
    OK(aclrtMemcpy(device + 512, 16, pointers, 16, ACL_MEMCPY_HOST_TO_DEVICE));
    client_gate_open(&gate, NULL);
    OK(aclrtMemcpy(out, 4, device + 3075, 4, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_memory_equal(out, "bcde", 4);
    OK(aclrtFree(device));
}

/* On an NPU that is a fault of the device, which the next synchronise tells; never the process's
 * end. */
static void addresses_without_memory_are_the_devices_fault(void **state) {
    char *address, host[8];
    aclrtDrvMemHandle handle;
    aclrtPhysicalMemProp prop = {.location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE}};
    OK(aclrtReserveMemAddress((void **)&address, 4 << 20, 0, NULL, 0));
    OK(aclrtMallocPhysical(&handle, 2 << 20, &prop, 0));
    OK(aclrtMapMem(address, 2 << 20, 0, handle, 0));
    OK(aclrtMemset(address, 2 << 20, 0, 2 << 20));
    FAILS(ACL_ERROR_RT_AICORE_EXCEPTION, "aclrtMemcpy", "no memory is mapped",
          aclrtMemcpy(host, 8, address + (3 << 20), 8, ACL_MEMCPY_DEFAULT));
    FAILS(ACL_ERROR_RT_AICORE_EXCEPTION, "aclrtSynchronizeStream", "beyond the end",
          (aclrtMemsetAsync(address + (2 << 20) - 4, 8, 0, 8, NULL), aclrtSynchronizeStream(NULL)));
    for (int round = 0; round < 2; round++) { /* at the end of the mapping, then with none at all */
        aclTensor *t = TENSOR(address + (2 << 20) - 8, ACL_FLOAT, 4);
        aclScalar *one = client_float(1);
        uint64_t bytes;
        aclOpExecutor *executor;
        OK(aclnnAddGetWorkspaceSize(t, t, one, t, &bytes, &executor));
        OK(aclnnAdd(NULL, 0, executor, NULL));
        FAILS(ACL_ERROR_RT_AICORE_EXCEPTION, "aclrtSynchronizeStream", "of aclnnAdd uses 16 bytes",
              aclrtSynchronizeStream(NULL));
        assert_int_equal(aclrtGetLastError(ACL_RT_THREAD_LEVEL), ACL_ERROR_RT_AICORE_EXCEPTION);
        aclDestroyTensor(t);
        aclDestroyScalar(one);
        if (round == 0) OK(aclrtUnmapMem(address));
    }
    OK(aclrtReleaseMemAddress(address));
    OK(aclrtFreePhysical(handle));
}

/* ---- a client's allocator -------------------------------------------------------------------- */

static struct {
    char object;
    void *block;
    size_t bytes;
    int allocations, frees;
} mine;

static void *my_alloc(aclrtAllocator object, size_t bytes) {
    assert_ptr_equal(object, &mine.object);
    mine.bytes = bytes;
    mine.allocations++;
    return &mine.block;
}

static void my_free(aclrtAllocator object, aclrtAllocatorBlock block) {
    assert_ptr_equal(block, &mine.block);
    mine.frees++;
}

static void *my_address(aclrtAllocatorBlock block) { return *(void **)block; }

static void workspaces_come_from_the_streams_allocator(void **state) {
    aclrtStream stream;
    aclrtAllocator object = NULL;
    aclrtAllocatorDesc desc = aclrtAllocatorCreateDesc(), told = NULL;
    acn_workspace workspace;
    OK(aclrtCreateStream(&stream));
    assert_non_null(desc);
    OK(aclrtAllocatorSetObjToDesc(desc, &mine.object));
    OK(aclrtAllocatorSetAllocFuncToDesc(desc, my_alloc));
    FAILS(ACL_ERROR_INVALID_PARAM, "aclrtAllocatorRegister", "lacks",
          aclrtAllocatorRegister(stream, desc));
    OK(aclrtAllocatorSetFreeFuncToDesc(desc, my_free));
    OK(aclrtAllocatorSetGetAddrFromBlockFuncToDesc(desc, my_address));
    OK(aclrtAllocatorRegister(stream, desc));
    OK(aclrtAllocatorGetByStream(stream, &told, &object, NULL, NULL, NULL, NULL));
    assert_ptr_equal(told, desc);
    assert_ptr_equal(object, &mine.object);
    OK(aclrtMalloc(&mine.block, 1000, ACL_MEM_MALLOC_HUGE_FIRST));
    assert_int_equal(acn_workspace_take((acn_stream *)stream, 900, &workspace), ACN_OK);
    assert_ptr_equal(workspace.address, mine.block);
    assert_int_equal(mine.bytes, 900);
    acn_workspace_give_back(&workspace);
    acn_workspace_give_back(&workspace);
    assert_int_equal(mine.frees, 1);
    OK(aclrtAllocatorUnregister(stream));
    FAILS(ACL_ERROR_INVALID_PARAM, "aclrtAllocatorGetByStream", "no allocator",
          aclrtAllocatorGetByStream(stream, &told, NULL, NULL, NULL, NULL, NULL));
    assert_int_equal(acn_workspace_take((acn_stream *)stream, 900, &workspace), ACN_OK);
    assert_ptr_not_equal(workspace.address, mine.block);
    acn_workspace_give_back(&workspace);
    OK(aclrtAllocatorDestroyDesc(desc));
    FAILS(ACL_ERROR_INVALID_PARAM, "aclrtAllocatorDestroyDesc", "does not exist",
          aclrtAllocatorDestroyDesc(desc));
    OK(aclrtFree(mine.block));
    OK(aclrtDestroyStream(stream));
}

/* ---- the device ------------------------------------------------------------------------------ */

static void limits_are_kept(void **state) {
    size_t value = 0;
    uint32_t can[2];
    aclrtAtomicOperation operations[] = {ACL_RT_ATOMIC_OPERATION_CAS,
                                         ACL_RT_ATOMIC_OPERATION_FLOAT_MIN};
    OK(aclrtDeviceGetLimit(ACL_RT_DEV_LIMIT_SIMD_STACK_SIZE, &value));
    assert_int_not_equal(value, 0);
    OK(aclrtDeviceSetLimit(ACL_RT_DEV_LIMIT_SIMD_STACK_SIZE, 12345));
    OK(aclrtDeviceGetLimit(ACL_RT_DEV_LIMIT_SIMD_STACK_SIZE, &value));
    assert_int_equal(value, 12345);
    FAILS(ACL_ERROR_INVALID_PARAM, "aclrtDeviceGetLimit", "0 to 4",
          aclrtDeviceGetLimit((aclrtDeviceLimit)5, &value));
    OK(aclrtDeviceGetHostAtomicCapabilities(can, operations, 2, 0));
    assert_true((can[0] & ACL_RT_ATOMIC_CAPABILITY_SCALAR64) != 0);
    assert_int_equal(can[1], 0);
}

static int stages;
static int32_t on_abort(int32_t device, aclrtDeviceTaskAbortStage stage, uint32_t timeout,
                        void *user) {
    stages = 10 * stages + (int)stage + 1;
    return 0;
}

static int runs;
static void count_run(void *data) { runs++; }

static void aborting_a_device_drops_what_all_streams_have(void **state) {
    aclrtStream streams[2];
    aclrtNotify never;
    client_gate gate;
    OK(aclrtCreateNotify(&never, 0));
    OK(aclrtSetDeviceTaskAbortCallback("test", on_abort, NULL));
    for (int i = 0; i < 2; i++) {
        OK(aclrtCreateStream(&streams[i]));
        OK(aclrtWaitAndResetNotify(never, streams[i], 0));
        OK(aclrtLaunchHostFunc(streams[i], count_run, NULL));
    }
    OK(aclrtDeviceTaskAbort(0, 10000));
    for (int i = 0; i < 2; i++)
        OK(aclrtSynchronizeStream(streams[i]));
    assert_int_equal(runs, 0);
    assert_int_equal(stages, 12);
    OK(aclrtLaunchHostFunc(streams[0], count_run, NULL)); /* they work again */
    OK(aclrtSynchronizeStream(streams[0]));
    assert_int_equal(runs, 1);
    client_gate_close(&gate, streams[0]); /* a task that runs is not stopped */
    usleep(20000);
    FAILS(ACL_ERROR_RT_STREAM_SYNC_TIMEOUT, "aclrtDeviceTaskAbort", "still runs",
          aclrtDeviceTaskAbort(0, 30));
    client_gate_open(&gate, streams[0]);
    OK(aclrtSetDeviceTaskAbortCallback("test", NULL, NULL));
    for (int i = 0; i < 2; i++)
        OK(aclrtDestroyStream(streams[i]));
    OK(aclrtDestroyNotify(never));
}

static pthread_t ran_in;
static void note_thread(void *data) { ran_in = pthread_self(); }

typedef struct lender {
    pthread_barrier_t *ready;
    aclrtStream stream;
} lender;

/* Serves until it serves nobody any more. */
static void *lend_thread(void *data) {
    const lender *l = data;
    aclrtSetDevice(0);
    aclrtSubscribeHostFunc((uint64_t)pthread_self(), l->stream);
    pthread_barrier_wait(l->ready);
    while (aclrtProcessHostFunc(10000) == 0) {
    }
    return NULL;
}

static void host_functions_run_in_a_lent_thread(void **state) {
    aclrtStream stream;
    pthread_t lent, never_started = pthread_self();
    OK(aclrtCreateStream(&stream));
    for (int is_lent = 0; is_lent < 2; is_lent++) {
        pthread_barrier_t ready;
        pthread_barrier_init(&ready, NULL, 2);
        if (is_lent) {
            lender l = {&ready, stream};
            assert_int_equal(pthread_create(&lent, NULL, lend_thread, &l), 0);
            pthread_barrier_wait(&ready);
        }
        OK(aclrtLaunchHostFunc(stream, note_thread, NULL));
        OK(aclrtSynchronizeStream(stream));
        assert_int_equal(is_lent, is_lent && pthread_equal(ran_in, lent));
        assert_false(pthread_equal(ran_in, never_started));
        pthread_barrier_destroy(&ready);
    }
    OK(aclrtUnSubscribeHostFunc((uint64_t)lent, stream));
    pthread_join(lent, NULL);
    OK(aclrtLaunchHostFunc(stream, note_thread, NULL)); /* the stream's own again */
    OK(aclrtSynchronizeStream(stream));
    OK(aclrtDestroyStream(stream));
}

/* ---- words ----------------------------------------------------------------------------------- */

static void errors_can_be_reported_with_codes(void **state) {
    static const char known[] = "{\"error_info_list\": [{\"errClass\": \"Test\", \"errTitle\": "
                                "\"My_Title\", \"ErrCode\": \"EU7001\", \"ErrMessage\": "
                                "\"all of it went wrong\", \"Arglist\": \"\"}]}";
    aclGetRecentErrMsg();
    assert_int_equal(ReportPredefinedErrMsg("EU7001"), -1);
    assert_int_equal(RegisterFormatErrorMessage(known, strlen(known)), 0);
    assert_int_equal(ReportPredefinedErrMsg("EU7001"), 0);
    const char *text = aclGetRecentErrMsg();
    assert_non_null(text);
    assert_non_null(strstr(text, "My_Title(EU7001): all of it went wrong"));
    assert_null(aclGetRecentErrMsg());
    assert_int_equal(ReportUserDefinedErrMsg("EU0002", "%d apples", 3), 0);
    assert_non_null(strstr(aclGetRecentErrMsg(), "(EU0002): 3 apples"));
    assert_int_equal(ReportInnerErrMsg("f.cpp", "Do", 12, "EZ9999", "is %s", "bad"), 0);
    assert_non_null(strstr(aclGetRecentErrMsg(), "is bad[FUNC:Do][FILE:f.cpp][LINE:12]"));
    assert_int_equal(RegisterFormatErrorMessage("{", 1), -1);
    aclGetRecentErrMsg();
}

static char last_line[256];
static int32_t keep_line(void *user, uint32_t type, const char *text, size_t bytes) {
    snprintf(last_line, sizeof last_line, "%u %.*s", type, (int)bytes, text);
    return 0;
}

static void log_lines_reach_a_function(void **state) {
    acllogCallbackHandle handle;
    assert_int_equal(acllogRegisterCallback(keep_line, NULL, OUTPUT_TYPE_BOTH, &handle), 0);
    assert_int_equal(AlogRecord(OP, DLOG_TYPE_RUN, DLOG_INFO, "ran %d", 5), 0);
    assert_string_equal(last_line, "1 ran 5");
    /* Tests run with no level at all. */
    assert_int_equal(AlogCheckDebugLevel(OP, DLOG_ERROR), 0);
    acllogRecord(OP, DLOG_ERROR, "not written");
    assert_string_equal(last_line, "1 ran 5");
    assert_int_equal(acllogUnregisterCallback(handle), 0);
    assert_int_equal(acllogUnregisterCallback(handle), -1);
    assert_int_equal(AlogRecord(OP, 9, DLOG_INFO, "x"), -1);
}

static void what_cannot_be_says_why(void **state) {
    FAILS(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "aclrtSetGroup", "Ascend 310", aclrtSetGroup(0));
    size_t size;
    FAILS(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "aclrtCmoGetDescSize", "coherent",
          aclrtCmoGetDescSize(&size));
}

/* ---- operators ------------------------------------------------------------------------------- */

static void operators_are_prepared_and_run(void **state) {
    int64_t dims[] = {4};
    float in[] = {-1.5F, 0, 2.5F, 7}, *from;
    int32_t out[4], *to, seven = 0;
    OK(aclrtMalloc((void **)&from, 64, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtMalloc((void **)&to, 64, ACL_MEM_MALLOC_HUGE_FIRST));
    OK(aclrtMemcpy(from, 64, in, sizeof in, ACL_MEMCPY_HOST_TO_DEVICE));
    aclTensorDesc *floats = aclCreateTensorDesc(ACL_FLOAT, 1, dims, ACL_FORMAT_ND);
    aclTensorDesc *ints = aclCreateTensorDesc(ACL_INT32, 1, dims, ACL_FORMAT_ND);
    aclDataBuffer *source = aclCreateDataBuffer(from, sizeof in);
    aclDataBuffer *target = aclCreateDataBuffer(to, sizeof out);
    aclopHandle *handle;
    OK(aclopCast(floats, source, ints, target, 0, NULL));
    OK(aclrtSynchronizeStream(NULL));
    OK(aclrtMemcpy(out, sizeof out, to, sizeof out, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_int_equal(out[0], -1);
    assert_int_equal(out[2], 2);
    OK(aclopCreateHandleForCast(floats, ints, 0, &handle));
    aclDestroyTensorDesc(floats); /* the handle has its own */
    aclDestroyTensorDesc(ints);
    OK(aclrtMemset(to, 64, 0, 64));
    FAILS(ACL_ERROR_INVALID_PARAM, "aclopExecWithHandle", "was made for",
          aclopExecWithHandle(handle, 0, NULL, 1, &target, NULL));
    OK(aclopExecWithHandle(handle, 1, (const aclDataBuffer *const *)&source, 1, &target, NULL));
    OK(aclrtSynchronizeStream(NULL));
    OK(aclrtMemcpy(&seven, 4, to + 3, 4, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_int_equal(seven, 7);
    aclopDestroyHandle(handle);
    FAILS(ACL_ERROR_INVALID_PARAM, "aclopExecWithHandle", "does not exist",
          aclopExecWithHandle(handle, 1, (const aclDataBuffer *const *)&source, 1, &target, NULL));
    FAILS(ACL_ERROR_OP_NOT_FOUND, "aclopCreateHandle", "unknown",
          aclopCreateHandle("NoSuchThing", 0, NULL, 0, NULL, NULL, &handle));
    aclDestroyDataBuffer(source);
    aclDestroyDataBuffer(target);
    OK(aclrtFree(from));
    OK(aclrtFree(to));
}

static void lists_of_words_and_types_are_attributes(void **state) {
    const char *words[] = {"one", "two"}, *with_hole[] = {"one", NULL};
    aclDataType types[] = {ACL_FLOAT, ACL_INT8};
    aclopAttr *attr = aclopCreateAttr();
    OK(aclopSetAttrListString(attr, "words", 2, words));
    OK(aclopSetAttrListDataType(attr, "types", 2, types));
    FAILS(ACL_ERROR_INVALID_PARAM, "aclopSetAttrListString", "values[1]",
          aclopSetAttrListString(attr, "words", 2, with_hole));
    aclopDestroyAttr(attr);
}

static void descriptions_change_their_format(void **state) {
    int64_t dims[] = {2, 3, 4, 5}, expected[] = {2, 4, 5, 3}, range[1][2] = {{1, 9}};
    aclTensorDesc *nchw = aclCreateTensorDesc(ACL_FLOAT16, 4, dims, ACL_FORMAT_NCHW), *nhwc;
    OK(aclSetTensorValueRange(nchw, 1, range));
    OK(aclTransTensorDescFormat(nchw, ACL_FORMAT_NHWC, &nhwc));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(aclGetTensorDescDim(nhwc, i), expected[i]);
    assert_int_equal(aclGetTensorDescFormat(nhwc), ACL_FORMAT_NHWC);
    FAILS(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "aclTransTensorDescFormat", "NHWC",
          aclTransTensorDescFormat(nchw, ACL_FORMAT_NC1HWC0, &nhwc));
    assert_null(aclGetTensorDescAddress(nchw));
    assert_ptr_equal(aclGetTensorDescByIndex(nchw, 0), nchw);
    MAKES_NULL("aclGetTensorDescByIndex", "not an array", aclGetTensorDescByIndex(nchw, 1));
    aclDestroyTensorDesc(nchw);
    aclDestroyTensorDesc(nhwc);
}

int main(void) {
    if (aclrtSetDevice(0) != 0) return 3;
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(pools_give_out_what_was_freed),
        CLIENT_TEST(an_aborted_stream_frees_to_its_pool),
        CLIENT_TEST(a_stopped_stream_frees_to_its_pool),
        CLIENT_TEST(managed_memory_is_everybodys),
        CLIENT_TEST(addresses_are_read_when_the_copy_runs),
        CLIENT_TEST(addresses_without_memory_are_the_devices_fault),
        CLIENT_TEST(workspaces_come_from_the_streams_allocator),
        CLIENT_TEST(limits_are_kept),
        CLIENT_TEST(aborting_a_device_drops_what_all_streams_have),
        CLIENT_TEST(host_functions_run_in_a_lent_thread),
        CLIENT_TEST(errors_can_be_reported_with_codes),
        CLIENT_TEST(log_lines_reach_a_function),
        CLIENT_TEST(what_cannot_be_says_why),
        CLIENT_TEST(operators_are_prepared_and_run),
        CLIENT_TEST(lists_of_words_and_types_are_attributes),
        CLIENT_TEST(descriptions_change_their_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
