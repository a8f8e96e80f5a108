/* Memory that runs out, met by the smaller parts of the runtime's interface: see
 * scarce_scenarios.h. */
#include "scarce_scenarios.h"

#include "acl/acl_op.h"
#include "acl/acl_op_compiler.h"
#include "acl/acl_rt_allocator.h"

static aclError at_end(void *data) {
    (void)data;
    return ACL_SUCCESS;
}

static aclError at_start(const char *config, size_t bytes, void *data) {
    (void)config;
    (void)bytes;
    (void)data;
    return ACL_SUCCESS;
}

static void on_stream_state(aclrtStream of, aclrtStreamState change, void *data) {
    (void)of;
    (void)change;
    (void)data;
}

static int registered_functions(void) {
    int code = 0, end, start, change;
    FIRST(end = aclFinalizeCallbackRegister(ACL_REG_TYPE_OTHER, at_end, NULL));
    FIRST(start = aclInitCallbackRegister(ACL_REG_TYPE_OTHER, at_start, NULL));
    FIRST(change = aclrtRegStreamStateCallback("scarce", on_stream_state, NULL));
    if (end == 0) FIRST(aclFinalizeCallbackUnRegister(ACL_REG_TYPE_OTHER, at_end));
    if (start == 0) FIRST(aclInitCallbackUnRegister(ACL_REG_TYPE_OTHER, at_start));
    if (change == 0) FIRST(aclrtRegStreamStateCallback("scarce", NULL, NULL));
    return code;
}

static void *no_block(aclrtAllocator of, size_t bytes) {
    (void)of;
    (void)bytes;
    return NULL;
}

static void no_free(aclrtAllocator of, aclrtAllocatorBlock block) {
    (void)of;
    (void)block;
}

static void *same_address(aclrtAllocatorBlock block) { return block; }

static int allocators(void) {
    aclrtAllocatorDesc desc = aclrtAllocatorCreateDesc();
    int code = MADE(desc), registered;
    if (!desc) return code;
    FIRST(aclrtAllocatorSetObjToDesc(desc, x));
    FIRST(aclrtAllocatorSetAllocFuncToDesc(desc, no_block));
    FIRST(aclrtAllocatorSetFreeFuncToDesc(desc, no_free));
    FIRST(aclrtAllocatorSetGetAddrFromBlockFuncToDesc(desc, same_address));
    FIRST(registered = aclrtAllocatorRegister(stream, desc));
    if (registered == 0) FIRST(aclrtAllocatorUnregister(stream));
    FIRST(aclrtAllocatorDestroyDesc(desc));
    return code;
}

/* A model whose building fails half-way is only destroyed. */
static int build_and_run(aclmdlRI model, aclrtStream own) {
    int code = aclmdlRIBindStream(model, own, 0);
    if (code == 0) FIRST(aclrtMemsetAsync(x, sizeof x, 1, sizeof x, own));
    if (code == 0) FIRST(aclmdlRIEndTask(model, own));
    if (code == 0) FIRST(aclmdlRIBuildEnd(model, NULL));
    if (code != 0) return code;
    FIRST(aclmdlRIDestroyRegisterCallback(model, do_nothing, NULL));
    FIRST(aclmdlRIDebugJsonPrint(model, "/dev/null", 0));
    FIRST(aclmdlRIExecute(model, -1));
    FIRST(aclmdlRIUnbindStream(model, own));
    return code;
}

static int built_models(void) {
    aclmdlRI model = NULL;
    aclrtStream own = NULL;
    int code = aclrtCreateStream(&own);
    FIRST(aclmdlRIBuildBegin(&model, 0));
    if (model && own) FIRST(build_and_run(model, own));
    if (model) FIRST(aclmdlRIDestroy(model));
    if (own) FIRST(aclrtDestroyStream(own));
    return code;
}

static int smaller_tasks(void) {
    void *device = NULL, *mapped;
    aclrtEvent event = NULL;
    int code = aclrtMalloc(&device, 4096, ACL_MEM_MALLOC_HUGE_FIRST), registered, written;
    FIRST(aclrtCreateEvent(&event));
    FIRST(registered = aclrtHostRegister(x, sizeof x, ACL_HOST_REGISTER_MAPPED, &mapped));
    if (device && event) {
        FIRST(aclrtMemcpy2dAsync(device, 16, x, 16, 16, 2, ACL_MEMCPY_HOST_TO_DEVICE, stream));
        FIRST(written = aclrtValueWrite(device, 5, 0, stream));
        if (written == 0) FIRST(aclrtValueWait(device, 5, 1, stream));
        FIRST(aclrtRecordEvent(event, stream));
        FIRST(aclrtResetEvent(event, stream));
        FIRST(aclrtCmoAsync(device, 512, ACL_RT_CMO_TYPE_PREFETCH, stream));
        FIRST(aclrtResetOverflowStatus(stream));
        FIRST(aclrtGetOverflowStatus(device, 64, stream));
        FIRST(aclrtSynchronizeStream(stream));
    }
    if (registered == 0) FIRST(aclrtHostUnregister(x));
    if (device) FIRST(aclrtFree(device));
    if (event) FIRST(aclrtDestroyEvent(event));
    return code;
}

static int configured_memory(void) {
    void *device = NULL, *host = NULL;
    int code = aclrtMallocWithCfg(&device, 4096, ACL_MEM_MALLOC_HUGE_FIRST, NULL);
    FIRST(aclrtMallocHostWithCfg(&host, 4096, NULL));
    if (device && host) {
        size_t sizes[] = {64, 64}, failed;
        void *to[] = {device, (char *)device + 64}, *from[] = {host, (char *)host + 64};
        FIRST(aclrtMemcpyBatch(to, sizes, from, sizes, 2, NULL, NULL, 0, &failed));
        FIRST(aclrtMemcpyBatchAsync(to, sizes, from, sizes, 2, NULL, NULL, 0, &failed, stream));
        FIRST(aclrtSynchronizeStream(stream));
    }
    if (device) FIRST(aclrtFree(device));
    if (host) FIRST(aclrtFreeHost(host));
    return code;
}

static int exported_memory(void) {
    const aclrtPhysicalMemProp prop = {.location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE}};
    aclrtDrvMemHandle handle = NULL;
    uint64_t number;
    int32_t self = (int32_t)getpid();
    int code = aclrtMallocPhysical(&handle, 2 << 20, &prop, 0);
    if (!handle) return code;
    int exported = aclrtMemExportToShareableHandle(handle, ACL_MEM_HANDLE_TYPE_NONE, 0, &number);
    FIRST(exported);
    if (exported == 0) FIRST(aclrtMemSetPidToShareableHandle(number, &self, 1));
    FIRST(aclrtFreePhysical(handle));
    return code;
}

static void on_failure(aclrtExceptionInfo *info) { (void)info; }

static int settings(void) {
    int code = aclrtSetExceptionInfoCallback(on_failure);
    FIRST(aclrtSetExceptionInfoCallback(NULL));
    FIRST(aclrtUseStreamResInCurrentThread(stream));
    FIRST(aclrtUnuseStreamResInCurrentThread(stream));
    return code;
}

static int lists_and_ranges(void) {
    const char *words[] = {"one", "two"};
    const aclDataType types[] = {ACL_FLOAT, ACL_FLOAT16};
    int64_t ranges[2][2] = {{1, 2}, {3, 4}};
    aclopAttr *attr = aclopCreateAttr();
    aclTensorDesc *desc = aclCreateTensorDesc(ACL_FLOAT, 2, DIMS(1, 2), ACL_FORMAT_ND);
    int code = MADE(attr && desc);
    if (attr) {
        FIRST(aclopSetAttrListString(attr, "words", 2, words));
        FIRST(aclopSetAttrListDataType(attr, "types", 2, types));
        aclopDestroyAttr(attr);
    }
    if (desc) {
        FIRST(aclSetTensorShapeRange(desc, 2, ranges));
        FIRST(aclSetTensorValueRange(desc, 2, ranges));
        FIRST(aclSetTensorDynamicInput(desc, "in"));
        aclDestroyTensorDesc(desc);
    }
    FIRST(aclSetCompileopt(ACL_PRECISION_MODE, "must_keep_origin_dtype"));
    return code;
}

static const scenario scenarios[] = {
    {"registered_functions", registered_functions, false},
    {"allocators", allocators, false},
    {"built_models", built_models, false},
    {"smaller_tasks", smaller_tasks, false},
    {"configured_memory", configured_memory, false},
    {"exported_memory", exported_memory, false},
    {"settings", settings, false},
    {"lists_and_ranges", lists_and_ranges, false},
};

int main(void) { return run_scenarios(scenarios, COUNT_OF(scenarios)); }
