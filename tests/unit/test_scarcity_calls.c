/* Memory that runs out, met by single calls of the runtime that no other scenario makes: see
 * scarce_scenarios.h. tests/abi/test_scarcity.py finds the functions that must stand in one. */
#include "scarce_scenarios.h"

#include "acl/acl_op.h"
#include "acl/acl_op_compiler.h"
#include "acl/acl_rt_allocator.h"
#include "acl/acl_rt_memory_soma.h"
#include "base/acl_log.h"
#include "base/alog_pub.h"
#include "base/err_msg.h"
#include <stdarg.h>

static float y[24];

/* ---- streams --------------------------------------------------------------------------------- */

static int stream_settings(void) {
    aclrtStream own = NULL, current = NULL;
    aclrtStreamConfigHandle *config = aclrtCreateStreamConfigHandle();
    aclrtStreamAttrValue value;
    aclrtStreamStatus status;
    uint32_t number;
    int32_t id;
    int64_t option;
    int code = MADE(config);
    if (config) FIRST(aclrtCreateStreamV2(&own, config));
    FIRST(aclrtCtxGetCurrentDefaultStream(&current));
    FIRST(aclrtCtxSetSysParamOpt(ACL_OPT_DETERMINISTIC, 1));
    FIRST(aclrtCtxGetSysParamOpt(ACL_OPT_DETERMINISTIC, &option));
    if (own) {
        FIRST(aclrtStreamGetFlags(own, &number));
        FIRST(aclrtStreamGetId(own, &id));
        FIRST(aclrtStreamGetPriority(own, &number));
        FIRST(aclrtStreamQuery(own, &status));
        FIRST(aclrtGetStreamAttribute(own, ACL_STREAM_ATTR_FAILURE_MODE, &value));
        FIRST(aclrtSetStreamAttribute(own, ACL_STREAM_ATTR_FAILURE_MODE, &value));
        FIRST(aclrtSetStreamFailureMode(own, ACL_STOP_ON_FAILURE));
        FIRST(aclrtSetStreamOverflowSwitch(own, 1));
        FIRST(aclrtGetStreamOverflowSwitch(own, &number));
        FIRST(aclrtSetStreamResLimit(own, ACL_RT_DEV_RES_CUBE_CORE, 1));
        FIRST(aclrtGetStreamResLimit(own, ACL_RT_DEV_RES_CUBE_CORE, &number));
        FIRST(aclrtResetStreamResLimit(own));
        FIRST(aclrtSynchronizeStreamWithTimeout(own, 1000));
        FIRST(aclrtDestroyStream(own));
    }
    FIRST(aclrtGetResInCurrentThread(ACL_RT_DEV_RES_CUBE_CORE, &number));
    FIRST(aclrtSynchronizeDevice());
    FIRST(aclrtSynchronizeDeviceWithTimeout(1000));
    if (config) FIRST(aclrtDestroyStreamConfigHandle(config));
    return code;
}

static int streams_that_end(void) {
    aclrtStream own = NULL, persistent = NULL;
    int code = aclrtCreateStream(&own);
    FIRST(aclrtCreateStreamWithConfig(&persistent, 0, ACL_STREAM_PERSISTENT));
    if (own) {
        FIRST(aclrtStreamAbort(own));
        FIRST(aclrtStreamStop(own));
        FIRST(aclrtDestroyStreamForce(own));
    }
    if (persistent) {
        FIRST(aclrtPersistentTaskClean(persistent));
        FIRST(aclrtDestroyStream(persistent));
    }
    FIRST(aclrtDeviceTaskAbort(0, 1000));
    return code;
}

static int event_calls(void) {
    aclrtEvent first = NULL, second = NULL;
    aclrtEventStatus status;
    aclrtEventRecordedStatus recorded;
    float ms;
    uint64_t time;
    int code = aclrtCreateEventWithFlag(&first, ACL_EVENT_TIME_LINE);
    FIRST(aclrtCreateEventWithFlag(&second, ACL_EVENT_TIME_LINE));
    if (first && second && code == 0) {
        FIRST(aclrtRecordEventWithFlag(first, stream, 0));
        FIRST(aclrtStreamWaitEventWithFlag(stream, first, 10, 0));
        FIRST(aclrtStreamWaitEventWithTimeout(stream, first, 10));
        FIRST(aclrtRecordEvent(second, stream));
        FIRST(aclrtSynchronizeEvent(first));
        FIRST(aclrtSynchronizeEventWithTimeout(second, 1000));
        FIRST(aclrtQueryEvent(first, &status));
        FIRST(aclrtQueryEventStatus(second, &recorded));
        if (code == 0) FIRST(aclrtEventElapsedTime(&ms, first, second));
        if (code == 0) FIRST(aclrtEventGetTimestamp(second, &time));
        FIRST(aclrtSynchronizeStream(stream));
    }
    if (first) FIRST(aclrtDestroyEvent(first));
    if (second) FIRST(aclrtDestroyEvent(second));
    return code;
}

static int counting_notifies(void) {
    aclrtCntNotify counter = NULL;
    aclrtCntNotifyRecordInfo record = {.mode = ACL_RT_CNT_NOTIFY_RECORD_SET_VALUE_MODE, .value = 1};
    aclrtCntNotifyWaitInfo wait = {.mode = ACL_RT_CNT_NOTIFY_WAIT_EQUAL_MODE, .value = 1};
    wait.timeout = 10;
    int code = aclrtCntNotifyCreate(&counter, 0), recorded;
    if (!counter) return code;
    FIRST(recorded = aclrtCntNotifyRecord(counter, stream, &record));
    if (recorded == 0) FIRST(aclrtCntNotifyWaitWithTimeout(counter, stream, &wait));
    FIRST(aclrtCntNotifyReset(counter, stream));
    FIRST(aclrtSynchronizeStream(stream));
    FIRST(aclrtCntNotifyDestroy(counter));
    return code;
}

static int imported_notify(void) {
    aclrtNotify notify = NULL, imported = NULL;
    char key[65];
    int code = aclrtCreateNotify(&notify, 0), exported = 1;
    if (notify) FIRST(exported = aclrtNotifyGetExportKey(notify, key, sizeof key, 0));
    if (exported == 0) FIRST(aclrtNotifyImportByKey(&imported, key, 0));
    if (imported) FIRST(aclrtDestroyNotify(imported));
    if (notify) FIRST(aclrtDestroyNotify(notify));
    return code;
}

static int host_functions(void) {
    uint64_t self = (uint64_t)pthread_self();
    int code = aclrtSubscribeHostFunc(self, stream), launched;
    if (code != 0) return code;
    FIRST(launched = aclrtLaunchCallback(do_nothing, NULL, ACL_CALLBACK_NO_BLOCK, stream));
    if (launched == 0 && aclrtProcessHostFunc(1000) != 0) FIRST(aclrtSynchronizeStream(stream));
    FIRST(aclrtUnSubscribeHostFunc(self, stream));
    return code;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static int kinds_of_memory(void) {
    void *aligned = NULL, *cached = NULL, *scheduled = NULL, *host = NULL;
    size_t free_bytes, total, count;
    aclrtMemUsageInfo usage[4];
    int code = aclrtMallocAlign32(&aligned, 100, ACL_MEM_MALLOC_HUGE_FIRST);
    FIRST(aclrtMallocCached(&cached, 100, ACL_MEM_MALLOC_HUGE_FIRST));
    FIRST(aclrtMallocForTaskScheduler(&scheduled, 100, ACL_MEM_MALLOC_HUGE_FIRST, NULL));
    FIRST(aclrtMallocHost(&host, 100));
    FIRST(aclrtGetMemInfo(ACL_HBM_MEM, &free_bytes, &total));
    FIRST(aclrtGetMemUsageInfo(0, usage, COUNT_OF(usage), &count));
    if (aligned) FIRST(aclrtFreeWithDevSync(aligned));
    if (cached) FIRST(aclrtFree(cached));
    if (scheduled) FIRST(aclrtFree(scheduled));
    if (host) FIRST(aclrtFreeHostWithDevSync(host));
    return code;
}

static int copies(void) {
    const aclrtMemcpyKind up = ACL_MEMCPY_HOST_TO_DEVICE;
    enum { BYTES = sizeof x };
    void *device = NULL, *described = NULL;
    size_t size = 0;
    int code = aclrtMalloc(&device, 4096, ACL_MEM_MALLOC_HUGE_FIRST), ready = 1;
    FIRST(aclrtGetMemcpyDescSize(ACL_MEMCPY_INNER_DEVICE_TO_DEVICE, &size));
    FIRST(aclrtMalloc(&described, size + 64, ACL_MEM_MALLOC_HUGE_FIRST));
    if (device && described) {
        void *to[] = {device}, *from[] = {x};
        size_t sizes[] = {BYTES}, first = 0;
        aclrtMemcpyBatchAttr attr = {.dstLoc = {0, ACL_MEM_LOCATION_TYPE_DEVICE},
                                     .srcLoc = {0, ACL_MEM_LOCATION_TYPE_HOST}};
        char *at = device;
        FIRST(aclrtMemcpy(device, 4096, x, BYTES, up));
        FIRST(aclrtMemcpy2d(device, 16, x, 16, 16, 2, up));
        FIRST(aclrtMemcpyAsyncWithCondition(device, 4096, x, BYTES, up, stream));
        FIRST(aclrtMemcpyBatchV2(to, sizes, from, sizes, 1, &attr, &first, 1));
        FIRST(aclrtMemcpyBatchAsyncV2(to, sizes, from, sizes, 1, &attr, &first, 1, stream));
        FIRST(ready = aclrtSetMemcpyDesc(described, ACL_MEMCPY_INNER_DEVICE_TO_DEVICE, device,
                                         at + 1024, 64, NULL));
        if (ready == 0)
            FIRST(aclrtMemcpyAsyncWithDesc(described, ACL_MEMCPY_INNER_DEVICE_TO_DEVICE, stream));
        FIRST(aclrtMemset(device, 4096, 1, 64));
        FIRST(aclrtMemsetD32(device, 4096, 1, 16));
        FIRST(aclrtMemsetD32Async(device, 4096, 1, 16, stream));
        FIRST(aclrtSynchronizeStream(stream));
    }
    if (device) FIRST(aclrtFree(device));
    if (described) FIRST(aclrtFree(described));
    return code;
}

/* Addresses that lie in device memory themselves. */
static int copy_with_offsets(void) {
    void **places = NULL;
    char *device = NULL;
    int code = aclrtMalloc((void **)&places, 64, ACL_MEM_MALLOC_HUGE_FIRST);
    FIRST(aclrtMalloc((void **)&device, 4096, ACL_MEM_MALLOC_HUGE_FIRST));
    if (places && device) {
        void *pair[] = {device, device + 2048};
        FIRST(aclrtMemcpy(places, 64, pair, sizeof pair, ACL_MEMCPY_HOST_TO_DEVICE));
        if (code == 0)
            FIRST(aclrtMemcpyAsyncWithOffset(places, 1024, 64, (const void **)(places + 1), 64, 64,
                                             ACL_MEMCPY_DEVICE_TO_DEVICE, stream));
        FIRST(aclrtSynchronizeStream(stream));
    }
    if (places) FIRST(aclrtFree(places));
    if (device) FIRST(aclrtFree(device));
    return code;
}

static int managed_memory(void) {
    void *managed = NULL;
    aclrtMemManagedLocation place = {.type = ACL_MEM_LOCATIONTYPE_DEVICE, .id = 0};
    int code = aclrtMemAllocManaged(&managed, 4096, ACL_RT_MEM_ATTACH_GLOBAL);
    if (!managed) return code;
    const void *addresses[] = {managed};
    size_t sizes[] = {4096}, first = 0, room[] = {4};
    int32_t answer, more;
    void *answers[] = {&more};
    aclrtMemManagedRangeAttribute attributes[] = {ACL_MEM_RANGE_ATTRIBUTE_READ_MOSTLY};
    FIRST(aclrtMemManagedAdvise(managed, 4096, ACL_MEM_ADVISE_SET_READ_MOSTLY, place));
    FIRST(aclrtMemManagedGetAttr(attributes[0], managed, 4096, &answer, sizeof answer));
    FIRST(aclrtMemManagedGetAttrs(attributes, 1, managed, 4096, answers, room));
    FIRST(aclrtMemManagedPrefetchAsync(managed, 4096, place, 0, stream));
    FIRST(aclrtMemManagedPrefetchBatchAsync(addresses, sizes, 1, &place, &first, 1, 0, stream));
    FIRST(aclrtSynchronizeStream(stream));
    FIRST(aclrtFree(managed));
    return code;
}

static int trimmed_pool(void) {
    aclrtMemPoolProps props = {.location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE}};
    aclrtMemPool pool = NULL;
    void *block = NULL;
    int code = aclrtMemPoolCreate(&pool, &props);
    if (!pool) return code;
    FIRST(aclrtMemPoolMallocAsync(&block, 1000, pool, stream));
    if (block && aclrtMemPoolFreeAsync(block, stream) != 0)
        FIRST(aclrtMemPoolFreeAsync(block, stream));
    FIRST(aclrtSynchronizeStream(stream));
    FIRST(aclrtMemPoolTrimTo(pool, 0));
    FIRST(aclrtMemPoolDestroy(pool));
    return code;
}

static int shared_physical_memory(void) {
    const aclrtPhysicalMemProp prop = {.location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE}};
    enum { BYTES = 2 << 20 };
    aclrtDrvMemHandle handle = NULL, imported = NULL, again = NULL;
    void *address = NULL;
    uint64_t number, key = 0;
    int code = aclrtMallocPhysical(&handle, BYTES, &prop, 0), exported, mapped = 1;
    if (!handle) return code;
    FIRST(exported = aclrtMemExportToShareableHandle(handle, ACL_MEM_HANDLE_TYPE_NONE, 1, &number));
    if (exported == 0) FIRST(aclrtMemImportFromShareableHandle(number, 0, &imported));
    FIRST(exported = aclrtMemExportToShareableHandleV2(
              handle, ACL_RT_VMM_EXPORT_FLAG_DISABLE_PID_VALIDATION,
              ACL_MEM_SHARE_HANDLE_TYPE_DEFAULT, &key));
    if (exported == 0)
        FIRST(aclrtMemImportFromShareableHandleV2(&key, ACL_MEM_SHARE_HANDLE_TYPE_DEFAULT, 0,
                                                  &again));
    FIRST(aclrtReserveMemAddressNoUCMemory(&address, BYTES, 0, NULL, 0));
    if (address) FIRST(mapped = aclrtMemMapNoAccess(address, BYTES, 0, handle, 0));
    for (int i = 0; mapped == 0 && i < 2; i++) {
        int unmapped;
        FIRST(unmapped = aclrtUnmapMem(address));
        if (unmapped == 0) break;
    }
    if (address) FIRST(aclrtReleaseMemAddress(address));
    if (imported) FIRST(aclrtFreePhysical(imported));
    if (again) FIRST(aclrtFreePhysical(again));
    FIRST(aclrtFreePhysical(handle));
    return code;
}

static void *no_block(aclrtAllocator of, size_t bytes) { return of && bytes ? NULL : NULL; }
static void no_free(aclrtAllocator of, aclrtAllocatorBlock block) { (void)of, (void)block; }
static void *same_address(aclrtAllocatorBlock block) { return block; }

static int allocator_of_a_stream(void) {
    aclrtAllocatorDesc desc = aclrtAllocatorCreateDesc(), found;
    aclrtAllocator object;
    aclrtAllocatorAllocFunc alloc;
    aclrtAllocatorFreeFunc release;
    aclrtAllocatorAllocAdviseFunc advise;
    aclrtAllocatorGetAddrFromBlockFunc address;
    int code = MADE(desc), registered;
    if (!desc) return code;
    FIRST(aclrtAllocatorSetObjToDesc(desc, x));
    FIRST(aclrtAllocatorSetAllocFuncToDesc(desc, no_block));
    FIRST(aclrtAllocatorSetFreeFuncToDesc(desc, no_free));
    FIRST(aclrtAllocatorSetGetAddrFromBlockFuncToDesc(desc, same_address));
    FIRST(registered = aclrtAllocatorRegister(stream, desc));
    if (registered == 0) {
        FIRST(aclrtAllocatorGetByStream(stream, &found, &object, &alloc, &release, &advise,
                                        &address));
        FIRST(aclrtAllocatorUnregister(stream));
    }
    FIRST(aclrtAllocatorDestroyDesc(desc));
    return code;
}

/* ---- devices, faults, logs ------------------------------------------------------------------- */

static int overflow(void) {
    void *device = NULL;
    int code = aclrtMalloc(&device, 512, ACL_MEM_MALLOC_HUGE_FIRST);
    FIRST(aclrtSetDeviceSatMode(ACL_RT_OVERFLOW_MODE_SATURATION));
    FIRST(aclrtSetDeviceSatMode(ACL_RT_OVERFLOW_MODE_INFNAN));
    FIRST(aclrtNpuClearFloatOverFlowStatus(0, stream));
    FIRST(aclrtResetFloatOverflowStatus(stream));
    if (device) FIRST(aclrtGetFloatOverflowStatus(device, 64, stream));
    if (device) FIRST(aclrtNpuGetFloatOverFlowStatus(device, 64, 0, stream));
    FIRST(aclrtSynchronizeStream(stream));
    if (device) FIRST(aclrtFree(device));
    return code;
}

static int device_facts(void) {
    aclrtUuid uuid;
    aclrtUtilizationInfo use = {0};
    int code = aclrtDeviceGetUuid(0, &uuid);
    FIRST(aclrtGetDeviceUtilizationRate(0, &use));
    return code;
}

static void write_list(int level, const char *format, ...) {
    va_list list;
    va_start(list, format);
    acllogVaList(0, level, format, list);
    va_end(list);
}

static int log_lines(void) {
    aclAppLog(ACL_ERROR, "log_lines", "test.c", 1, "%d", 1);
    acllogRecord(0, ACL_ERROR, "%d", 2);
    write_list(ACL_ERROR, "%d", 3);
    AlogRecord(0, DLOG_TYPE_DEBUG, DLOG_ERROR, "%d", 4);
    return 0;
}

/* Codes stay known, so each round has one of its own. */
static int error_texts(void) {
    static int round;
    char text[200];
    snprintf(text, sizeof text,
             "{\"error_info_list\": [{\"errTitle\": \"t\", \"ErrCode\": \"X%d\", "
             "\"ErrMessage\": \"m\"}]}",
             round++);
    return RegisterFormatErrorMessage(text, strlen(text));
}

static int force_reset(void) {
    uint64_t left;
    int code = aclInit(NULL), opened;
    if (code) return code;
    FIRST(opened = aclrtSetDevice(0));
    if (opened == 0) FIRST(aclrtResetDeviceForce(0));
    FIRST(aclFinalizeReference(&left));
    return code;
}

/* ---- models built by hand -------------------------------------------------------------------- */

typedef struct built {
    aclmdlRI model;
    aclrtStream head, side;
    aclrtLabel labels[2];
    aclrtLabelList list;
} built;

static int build(built *b, void *words) {
    int code = aclmdlRIBindStream(b->model, b->head, ACL_MODEL_STREAM_FLAG_HEAD);
    if (code == 0) FIRST(aclmdlRIBindStream(b->model, b->side, ACL_MODEL_STREAM_FLAG_DEFAULT));
    if (code == 0) FIRST(aclrtSetLabel(b->labels[0], b->head));
    if (code == 0) FIRST(aclrtMemsetAsync(words, 64, 1, 64, b->side));
    if (code == 0) FIRST(aclrtActiveStream(b->side, b->head));
    if (code == 0) FIRST(aclrtSetLabel(b->labels[1], b->head));
    if (code == 0) FIRST(aclmdlRIBuildEnd(b->model, NULL));
    return code;
}

static int switch_in_model(built *b, void *words) {
    int code = aclmdlRIBindStream(b->model, b->head, ACL_MODEL_STREAM_FLAG_HEAD);
    if (code == 0) FIRST(aclmdlRIBindStream(b->model, b->side, ACL_MODEL_STREAM_FLAG_DEFAULT));
    if (code == 0) FIRST(aclrtSetLabel(b->labels[0], b->side));
    if (code == 0) FIRST(aclrtSetLabel(b->labels[1], b->side));
    if (code == 0) FIRST(aclrtSwitchLabelByIndex(words, 2, b->list, b->side));
    if (code == 0)
        FIRST(aclrtSwitchStream(words, ACL_RT_GREATER, words, ACL_RT_SWITCH_INT32, b->side, NULL,
                                b->head));
    if (code == 0) FIRST(aclmdlRIBuildEnd(b->model, NULL));
    return code;
}

static int with_model(int (*use)(built *b, void *words)) {
    built b = {0};
    void *words = NULL;
    int code = aclrtMalloc(&words, 64, ACL_MEM_MALLOC_HUGE_FIRST);
    FIRST(aclrtCreateStream(&b.head));
    FIRST(aclrtCreateStream(&b.side));
    FIRST(aclrtCreateLabel(&b.labels[0]));
    FIRST(aclrtCreateLabel(&b.labels[1]));
    if (code == 0) FIRST(aclrtCreateLabelList(b.labels, 2, &b.list));
    FIRST(aclmdlRIBuildBegin(&b.model, 0));
    if (code == 0) FIRST(use(&b, words));
    if (b.model) FIRST(aclmdlRIDestroy(b.model));
    if (b.list) FIRST(aclrtDestroyLabelList(b.list));
    for (int i = 0; i < 2; i++)
        if (b.labels[i]) FIRST(aclrtDestroyLabel(b.labels[i]));
    if (b.head) FIRST(aclrtDestroyStream(b.head));
    if (b.side) FIRST(aclrtDestroyStream(b.side));
    if (words) FIRST(aclrtFree(words));
    return code;
}

static int activated_streams(void) { return with_model(build); }
static int switches(void) { return with_model(switch_in_model); }

static int edit_tasks(aclmdlRI model) {
    aclmdlRITask tasks[4];
    aclrtStream streams[4];
    uint32_t stream_count = COUNT_OF(streams), count = COUNT_OF(tasks);
    aclmdlRITaskParams params = {0};
    int code = aclmdlRIGetStreams(model, streams, &stream_count);
    if (code == 0) FIRST(aclmdlRIGetTasksByStream(streams[0], tasks, &count));
    if (code != 0) return code;
    FIRST(aclmdlRITaskGetParams(tasks[0], &params));
    FIRST(aclmdlRITaskSetParams(tasks[0], &params));
    FIRST(aclmdlRIUpdate(model));
    FIRST(aclmdlRITaskDisable(tasks[0]));
    FIRST(aclmdlRIUpdate(model));
    return code;
}

static int edited_tasks(void) {
    aclmdlRI model = NULL;
    void *word = NULL;
    aclrtStream own = NULL;
    int code = aclrtCreateStream(&own), begun = 1;
    FIRST(aclrtMalloc(&word, 64, ACL_MEM_MALLOC_HUGE_FIRST));
    if (own && word) FIRST(begun = aclmdlRICaptureBegin(own, ACL_MODEL_RI_CAPTURE_MODE_RELAXED));
    if (begun == 0) {
        int written;
        FIRST(written = aclrtValueWrite(word, 5, 0, own));
        FIRST(aclmdlRICaptureEnd(own, &model));
        if (written == 0 && model) FIRST(edit_tasks(model));
        if (model) FIRST(aclmdlRIDestroy(model));
    }
    if (own) FIRST(aclrtDestroyStream(own));
    if (word) FIRST(aclrtFree(word));
    return code;
}

/* ---- single operators ------------------------------------------------------------------------ */

static int operators_by_type(void) {
    aclTensorDesc *floats = aclCreateTensorDesc(ACL_FLOAT, 4, DIMS(1, 1, 2, 2), ACL_FORMAT_NHWC),
                  *other = NULL;
    aclTensorDesc *ints = aclCreateTensorDesc(ACL_INT32, 4, DIMS(1, 1, 2, 2), ACL_FORMAT_NHWC);
    aclDataBuffer *from = aclCreateDataBuffer(x, 16), *to = aclCreateDataBuffer(y, 16);
    aclopAttr *attr = aclopCreateAttr();
    aclopHandle *handle = NULL;
    int code = MADE(floats && ints && from && to && attr);
    if (code == 0) {
        const aclTensorDesc *in[] = {floats, floats}, *out[] = {floats};
        const aclDataBuffer *given[] = {from, from};
        aclTensorDesc *in_v2[] = {floats, floats}, *out_v2[] = {floats};
        aclDataBuffer *given_v2[] = {from, from}, *answer[] = {to};
        FIRST(aclopCast(floats, from, ints, to, 0, stream));
        FIRST(aclopExecute("Add", 2, in, given, 1, out, answer, NULL, stream));
        FIRST(aclopExecuteV2("Add", 2, in_v2, given_v2, 1, out_v2, answer, NULL, stream));
        FIRST(aclopCreateHandle("Add", 2, in, 1, out, NULL, &handle));
        FIRST(aclopSetAttrDataType(attr, "type", ACL_FLOAT));
        FIRST(aclTransTensorDescFormat(floats, ACL_FORMAT_NCHW, &other));
        FIRST(aclrtSynchronizeStream(stream));
    }
    aclopDestroyHandle(handle);
    aclopDestroyAttr(attr);
    aclDestroyTensorDesc(other);
    aclDestroyTensorDesc(floats);
    aclDestroyTensorDesc(ints);
    aclDestroyDataBuffer(from);
    aclDestroyDataBuffer(to);
    return code;
}

static const scenario scenarios[] = {
    {"stream_settings", stream_settings, false},
    {"streams_that_end", streams_that_end, false},
    {"event_calls", event_calls, false},
    {"counting_notifies", counting_notifies, false},
    {"imported_notify", imported_notify, false},
    {"host_functions", host_functions, false},
    {"kinds_of_memory", kinds_of_memory, false},
    {"copies", copies, false},
    {"copy_with_offsets", copy_with_offsets, false},
    {"managed_memory", managed_memory, false},
    {"trimmed_pool", trimmed_pool, false},
    {"shared_physical_memory", shared_physical_memory, false},
    {"allocator_of_a_stream", allocator_of_a_stream, false},
    {"overflow", overflow, false},
    {"device_facts", device_facts, false},
    {"log_lines", log_lines, false},
    {"error_texts", error_texts, false},
    {"force_reset", force_reset, true},
    {"activated_streams", activated_streams, false},
    {"switches", switches, false},
    {"edited_tasks", edited_tasks, false},
    {"operators_by_type", operators_by_type, false},
};

int main(void) { return run_scenarios(scenarios, COUNT_OF(scenarios)); }
