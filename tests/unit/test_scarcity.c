/* Memory that runs out, met by streams, memory, graphs and operators: see scarce_scenarios.h. */
#include "scarce_scenarios.h"

#include "acl/acl_op.h"
#include "acl/acl_op_compiler.h"
#include "acl/acl_rt_memory_soma.h"
#include "aclnnop/aclnn_add.h"
#include "aclnnop/aclnn_cat.h"
#include "aclnnop/aclnn_matmul.h"
#include "aclnnop/aclnn_nonzero.h"
#include "aclnnop/aclnn_permute.h"
#include "aclnnop/aclnn_reduce_sum.h"

static float y[24];

/* ---- the runtime ----------------------------------------------------------------------------- */

static int open_and_close(void) {
    aclrtStream own = NULL;
    int code = aclInit(NULL), answer = code;
    if (code) return code;
    FIRST(answer = aclrtSetDevice(0));
    if (answer == 0) FIRST(aclrtCreateStream(&own));
    if (own) FIRST(aclrtDestroyStream(own));
    if (answer == 0) FIRST(aclrtResetDevice(0));
    FIRST(aclFinalize());
    return code;
}

static int contexts_and_streams(void) {
    aclrtContext context = NULL, outer = NULL;
    aclrtStream plain = NULL, fast = NULL;
    int code = aclrtGetCurrentContext(&outer);
    FIRST(aclrtCreateContext(&context, 0));
    if (context) {
        FIRST(aclrtCreateStream(&plain));
        FIRST(aclrtCreateStreamWithConfig(&fast, 0, ACL_STREAM_FAST_LAUNCH));
        if (plain) FIRST(aclrtDestroyStream(plain));
        if (fast) FIRST(aclrtDestroyStream(fast));
        FIRST(aclrtDestroyContext(context));
    }
    FIRST(aclrtSetCurrentContext(outer));
    return code;
}

static int events(void) {
    aclrtEvent event = NULL, timed = NULL;
    aclrtStream other = NULL;
    int code = aclrtCreateEvent(&event);
    FIRST(aclrtCreateEventWithFlag(&timed, ACL_EVENT_TIME_LINE));
    FIRST(aclrtCreateStream(&other));
    if (event && other) {
        FIRST(aclrtRecordEvent(event, stream));
        FIRST(aclrtStreamWaitEvent(other, event));
        FIRST(aclrtSynchronizeStream(other));
    }
    if (event) FIRST(aclrtDestroyEvent(event));
    if (timed) FIRST(aclrtDestroyEvent(timed));
    if (other) FIRST(aclrtDestroyStream(other));
    return code;
}

static int memory(void) {
    void *device = NULL, *host = NULL;
    int code = aclrtMalloc(&device, 1 << 20, ACL_MEM_MALLOC_HUGE_FIRST);
    FIRST(aclrtMallocHost(&host, 4096));
    if (device && host) {
        FIRST(aclrtMemcpyAsync(device, sizeof x, x, sizeof x, ACL_MEMCPY_HOST_TO_DEVICE, stream));
        FIRST(
            aclrtMemcpyAsync(host, sizeof x, device, sizeof x, ACL_MEMCPY_DEVICE_TO_HOST, stream));
        FIRST(aclrtMemsetAsync(device, sizeof x, 7, sizeof x, stream));
        FIRST(aclrtSynchronizeStream(stream));
    }
    if (device) FIRST(aclrtFree(device));
    if (host) FIRST(aclrtFreeHost(host));
    return code;
}

static int virtual_memory(void) {
    aclrtPhysicalMemProp property = {.handleType = ACL_MEM_HANDLE_TYPE_NONE,
                                     .allocationType = ACL_MEM_ALLOCATION_TYPE_PINNED,
                                     .memAttr = ACL_HBM_MEM_HUGE,
                                     .location = {0, ACL_MEM_LOCATION_TYPE_DEVICE}};
    enum { BYTES = 2 << 20 };
    aclrtDrvMemHandle handle = NULL;
    void *address = NULL;
    int code = aclrtReserveMemAddress(&address, BYTES, 0, NULL, 0), mapped = 1;
    FIRST(aclrtMallocPhysical(&handle, BYTES, &property, 0));
    if (address && handle) FIRST(mapped = aclrtMapMem(address, BYTES, 0, handle, 0));
    for (int i = 0; mapped == 0 && i < 2; i++) { /* stays mapped when it fails */
        int unmapped;
        FIRST(unmapped = aclrtUnmapMem(address));
        if (unmapped == 0) break;
    }
    if (handle) FIRST(aclrtFreePhysical(handle));
    if (address) FIRST(aclrtReleaseMemAddress(address));
    return code;
}

static int callbacks(void) {
    uint64_t self = (uint64_t)pthread_self();
    int code = aclrtLaunchHostFunc(stream, do_nothing, NULL), subscribed;
    FIRST(aclrtSynchronizeStream(stream));
    FIRST(subscribed = aclrtSubscribeReport(self, stream));
    if (subscribed == 0) {
        int launched;
        FIRST(launched = aclrtLaunchCallback(do_nothing, NULL, ACL_CALLBACK_NO_BLOCK, stream));
        if (launched == 0 && aclrtProcessReport(1000) != 0) /* the stream says why */
            FIRST(aclrtSynchronizeStream(stream));
        FIRST(aclrtUnSubscribeReport(self, stream));
    }
    return code;
}

static int queue_that_grows(void) {
    client_gate gate;
    sem_init(&gate.open, 0, 0);
    int code = aclrtLaunchHostFunc(stream, client_gate_wait, &gate);
    for (int i = 0; i < 40; i++)
        FIRST(aclrtLaunchHostFunc(stream, do_nothing, NULL));
    sem_post(&gate.open);
    FIRST(aclrtSynchronizeStream(stream));
    sem_destroy(&gate.open);
    return code;
}

/* What cannot be recorded is missing from the graph; what follows from that is no news. */
static int record_graph(aclrtStream side, aclrtEvent fork, aclrtEvent join, aclmdlRI *out_model,
                        aclrtTaskGrp *out_group) {
    aclmdlRICaptureStatus status;
    aclmdlRI parent = NULL, body = NULL;
    aclmdlRICondHandle handle = NULL;
    int code = aclmdlRICaptureBegin(side, ACL_MODEL_RI_CAPTURE_MODE_RELAXED), opened, begun;
    if (code != 0) return code;
    FIRST(aclmdlRICaptureGetInfo(side, &status, &parent));
    FIRST(opened = aclmdlRICaptureTaskGrpBegin(side));
    FIRST(aclrtMemsetAsync(x, sizeof x, 0, sizeof x, side));
    if (opened == 0) FIRST(aclmdlRICaptureTaskGrpEnd(side, out_group));
    FIRST(aclmdlRICondHandleCreate(parent, 1, ACL_MODEL_RI_COND_HANDLE_ASSIGN_DEFAULT, &handle));
    aclmdlRICondTaskParams params = {handle, ACL_MODEL_RI_COND_TYPE_IF, 1, &body};
    if (handle) FIRST(aclmdlRIAddCondTask(params, side, 0));
    if (code == 0) FIRST(aclrtRecordEvent(fork, side));
    if (code == 0) FIRST(aclrtStreamWaitEvent(stream, fork));
    if (code == 0) FIRST(aclrtMemsetAsync(y, sizeof y, 0, sizeof y, stream));
    if (code == 0) FIRST(aclrtRecordEvent(join, stream));
    if (code == 0) FIRST(aclrtStreamWaitEvent(side, join));
    FIRST(aclmdlRICaptureEnd(side, out_model));
    if (!body || !*out_model) return code;
    FIRST(begun = aclmdlRICaptureToModelRIBegin(side, body, ACL_MODEL_RI_CAPTURE_MODE_RELAXED));
    if (begun == 0) FIRST(aclrtMemsetAsync(x, sizeof x, 1, sizeof x, side));
    if (begun == 0) FIRST(aclmdlRICaptureEnd(side, &body));
    return code;
}

static int graphs(void) {
    aclrtStream side = NULL;
    aclrtEvent fork = NULL, join = NULL;
    aclmdlRI model = NULL;
    aclrtTaskGrp group = NULL;
    int code = aclrtCreateStream(&side);
    FIRST(aclrtCreateEventExWithFlag(&fork, ACL_EVENT_SYNC));
    FIRST(aclrtCreateEventExWithFlag(&join, ACL_EVENT_SYNC));
    if (side && fork && join) FIRST(record_graph(side, fork, join, &model, &group));
    if (model) {
        int updating = 1;
        FIRST(aclmdlRISetName(model, "scarce"));
        FIRST(aclmdlRIExecuteAsync(model, side));
        if (group) FIRST(updating = aclmdlRICaptureTaskUpdateBegin(side, group));
        if (updating == 0) FIRST(aclrtMemsetAsync(x, sizeof x, 2, sizeof x, side));
        if (updating == 0) FIRST(aclmdlRICaptureTaskUpdateEnd(side));
        FIRST(aclmdlRIExecute(model, -1));
        FIRST(aclmdlRIDestroy(model));
    }
    if (side) FIRST(aclrtDestroyStream(side));
    if (fork) FIRST(aclrtDestroyEvent(fork));
    if (join) FIRST(aclrtDestroyEvent(join));
    return code;
}

/* ---- what processes share, and the smaller parts ------------------------------------------- */

static int shared_things(void) {
    aclrtEvent event = NULL, opened = NULL;
    aclrtNotify notify = NULL;
    aclrtIpcEventHandle handle;
    void *device = NULL, *imported = NULL;
    char key[65];
    int code = aclrtCreateEventExWithFlag(&event, ACL_EVENT_SYNC | ACL_EVENT_IPC), exported = 1;
    FIRST(aclrtCreateNotify(&notify, 0));
    FIRST(aclrtMalloc(&device, 4096, ACL_MEM_MALLOC_HUGE_FIRST));
    if (event) FIRST(aclrtIpcGetEventHandle(event, &handle));
    if (code == 0) FIRST(aclrtIpcOpenEventHandle(handle, &opened));
    if (code == 0) FIRST(aclrtRecordEvent(opened, stream));
    if (code == 0) FIRST(aclrtStreamWaitEvent(stream, event));
    if (code == 0) FIRST(aclrtRecordNotify(notify, stream));
    if (code == 0) FIRST(aclrtWaitAndResetNotify(notify, stream, 10));
    if (code == 0) FIRST(exported = aclrtIpcMemGetExportKey(device, 4096, key, sizeof key, 0));
    if (exported == 0) FIRST(aclrtIpcMemImportByKey(&imported, key, 0));
    FIRST(aclrtSynchronizeStream(stream));
    if (imported) FIRST(aclrtIpcMemClose(key));
    if (exported == 0) FIRST(aclrtIpcMemClose(key));
    if (device) FIRST(aclrtFree(device));
    if (opened) FIRST(aclrtDestroyEvent(opened));
    if (event) FIRST(aclrtDestroyEvent(event));
    if (notify) FIRST(aclrtDestroyNotify(notify));
    return code;
}

static int pools_and_managed(void) {
    aclrtMemPoolProps props = {.location = {.type = ACL_MEM_LOCATION_TYPE_DEVICE}};
    aclrtMemPool pool = NULL;
    void *block = NULL, *managed = NULL;
    int code = aclrtMemPoolCreate(&pool, &props), registered = 1;
    FIRST(aclrtMemAllocManaged(&managed, 100, ACL_RT_MEM_ATTACH_GLOBAL));
    FIRST(registered = aclrtHostRegisterV2(x, sizeof x, ACL_HOST_REG_PINNED));
    if (pool) FIRST(aclrtMemPoolMallocAsync(&block, 1000, pool, stream));
    if (block && aclrtMemPoolFreeAsync(block, stream) != 0) /* no task to be had: once more */
        FIRST(aclrtMemPoolFreeAsync(block, stream));
    FIRST(aclrtSynchronizeStream(stream));
    if (pool) FIRST(aclrtMemPoolDestroy(pool));
    if (registered == 0) FIRST(aclrtHostUnregister(x));
    if (managed) FIRST(aclrtFree(managed));
    return code;
}

static int prepared_operator(void) {
    aclTensorDesc *floats = aclCreateTensorDesc(ACL_FLOAT, 1, (int64_t[]){4}, ACL_FORMAT_ND);
    aclTensorDesc *ints = aclCreateTensorDesc(ACL_INT32, 1, (int64_t[]){4}, ACL_FORMAT_ND);
    aclDataBuffer *from = aclCreateDataBuffer(x, 16), *to = aclCreateDataBuffer(y, 16);
    aclopHandle *handle = NULL;
    int code = floats && ints && from && to ? 0 : NO_HANDLE;
    if (code == 0) FIRST(aclopCreateHandleForCast(floats, ints, 0, &handle));
    if (handle)
        FIRST(aclopExecWithHandle(handle, 1, (const aclDataBuffer *const *)&from, 1, &to, stream));
    FIRST(aclrtSynchronizeStream(stream));
    aclopDestroyHandle(handle);
    aclDestroyTensorDesc(floats);
    aclDestroyTensorDesc(ints);
    aclDestroyDataBuffer(from);
    aclDestroyDataBuffer(to);
    return code;
}

/* ---- aclnn ----------------------------------------------------------------------------------- */

static aclTensor *tensor(void *data, aclDataType dtype, int rank, const int64_t *dims) {
    return aclCreateTensor(dims, (uint64_t)rank, dtype, NULL, 0, ACL_FORMAT_ND, NULL, 0, data);
}

static int workspace_of(uint64_t bytes, void **out) {
    *out = NULL;
    return bytes ? aclrtMalloc(out, bytes, ACL_MEM_MALLOC_HUGE_FIRST) : 0;
}

/* Both phases; an executor whose workspace cannot be had stays with the client, who ends it. */
#define TWO_PHASES(name, ...)                                                                      \
    do {                                                                                           \
        uint64_t bytes_ = 0;                                                                       \
        aclOpExecutor *executor_ = NULL;                                                           \
        void *workspace_ = NULL;                                                                   \
        int first_ = name##GetWorkspaceSize(__VA_ARGS__, &bytes_, &executor_);                     \
        int room_ = first_ ? first_ : workspace_of(bytes_, &workspace_);                           \
        FIRST(room_);                                                                              \
        if (first_ == 0 && room_ == 0) FIRST(name(workspace_, bytes_, executor_, stream));         \
        if (first_ == 0 && room_ != 0) FIRST(aclDestroyAclOpExecutor(executor_));                  \
        FIRST(aclrtSynchronizeStream(stream));                                                     \
        if (workspace_) FIRST(aclrtFree(workspace_));                                              \
    } while (0)

static int add(void) {
    float one = 1;
    aclTensor *a = tensor(x, ACL_FLOAT, 1, DIMS(8)), *b = tensor(y, ACL_FLOAT, 1, DIMS(8));
    aclScalar *alpha = aclCreateScalar(&one, ACL_FLOAT);
    int code = a && b && alpha ? 0 : NO_HANDLE;
    if (code == 0) TWO_PHASES(aclnnAdd, a, a, alpha, b);
    aclDestroyTensor(a);
    aclDestroyTensor(b);
    aclDestroyScalar(alpha);
    return code;
}

static int product(void) {
    aclTensor *a = tensor(x, ACL_FLOAT, 2, DIMS(4, 4)), *b = tensor(y, ACL_FLOAT, 2, DIMS(4, 4));
    int code = a && b ? 0 : NO_HANDLE;
    if (code == 0) TWO_PHASES(aclnnMatmul, a, a, b, 0);
    aclDestroyTensor(a);
    aclDestroyTensor(b);
    return code;
}

static int many_tensors(void) {
    const aclTensor *members[20];
    int code = 0;
    for (size_t i = 0; i < COUNT_OF(members); i++)
        FIRST(MADE(members[i] = tensor(x, ACL_FLOAT, 1, DIMS(1))));
    aclTensorList *list = code == 0 ? aclCreateTensorList(members, COUNT_OF(members)) : NULL;
    aclTensor *out = tensor(y, ACL_FLOAT, 1, DIMS(20));
    FIRST(MADE(list && out));
    if (code == 0) TWO_PHASES(aclnnCat, list, 0, out);
    if (list) aclDestroyTensorList(list);
    for (size_t i = 0; !list && i < COUNT_OF(members); i++)
        aclDestroyTensor(members[i]);
    aclDestroyTensor(out);
    return code;
}

static int long_arrays(void) {
    int64_t many[40] = {0}, *shape = NULL;
    uint64_t count;
    aclIntArray *perm = aclCreateIntArray(DIMS(1, 0), 2), *long_one = aclCreateIntArray(many, 40);
    aclTensor *a = tensor(x, ACL_FLOAT, 2, DIMS(2, 3)), *b = tensor(y, ACL_FLOAT, 2, DIMS(3, 2));
    int code = perm && long_one && a && b ? 0 : NO_HANDLE;
    if (code == 0) TWO_PHASES(aclnnPermute, a, perm, b);
    if (a) FIRST(aclGetViewShape(a, &shape, &count));
    free(shape);
    aclDestroyIntArray(perm);
    aclDestroyIntArray(long_one);
    aclDestroyTensor(a);
    aclDestroyTensor(b);
    return code;
}

static int shapes_from_data(void) {
    int64_t found[16];
    aclTensor *a = tensor(x, ACL_FLOAT, 2, DIMS(2, 4)),
              *b = tensor(found, ACL_INT64, 2, DIMS(8, 2));
    int code = a && b ? 0 : NO_HANDLE;
    if (code == 0) TWO_PHASES(aclnnNonzero, a, b);
    aclDestroyTensor(a);
    aclDestroyTensor(b);
    return code;
}

static int repeated(void) {
    float one = 1;
    uint64_t bytes;
    aclOpExecutor *executor = NULL;
    aclTensor *a = tensor(x, ACL_FLOAT, 1, DIMS(8)), *b = tensor(y, ACL_FLOAT, 1, DIMS(8));
    aclScalar *alpha = aclCreateScalar(&one, ACL_FLOAT);
    int code = a && b && alpha ? 0 : NO_HANDLE;
    if (code == 0) FIRST(aclnnAddGetWorkspaceSize(a, a, alpha, b, &bytes, &executor));
    if (executor) {
        FIRST(aclSetAclOpExecutorRepeatable(executor));
        FIRST(aclnnAdd(NULL, 0, executor, stream));
        FIRST(aclnnAdd(NULL, 0, executor, stream));
        FIRST(aclrtSynchronizeStream(stream));
        FIRST(aclDestroyAclOpExecutor(executor));
    }
    aclDestroyTensor(a);
    aclDestroyTensor(b);
    aclDestroyScalar(alpha);
    return code;
}

/* More plans than one. */
static int many_shapes(void) {
    int code = 0, answer;
    aclTensor *a = tensor(x, ACL_FLOAT, 1, DIMS(8)), *b = tensor(y, ACL_FLOAT, 1, DIMS(8));
    float one = 1;
    aclScalar *alpha = aclCreateScalar(&one, ACL_FLOAT);
    code = a && b && alpha ? 0 : NO_HANDLE;
    for (int i = 0; code == 0 && i < 40; i++) { /* more shapes than one set of the plan cache */
        aclTensor *part = tensor(x, ACL_FLOAT, 1, DIMS(i % 8 + 1)),
                  *out = tensor(y, ACL_FLOAT, 1, DIMS(i % 8 + 1));
        answer = part && out ? 0 : NO_HANDLE;
        FIRST(answer);
        if (answer == 0) TWO_PHASES(aclnnAdd, part, part, alpha, out);
        aclDestroyTensor(part);
        aclDestroyTensor(out);
    }
    aclDestroyTensor(a);
    aclDestroyTensor(b);
    aclDestroyScalar(alpha);
    return code;
}

/* ---- aclop ----------------------------------------------------------------------------------- */

typedef struct operands {
    aclTensorDesc *desc[3];
    aclDataBuffer *buffer[3];
    aclopAttr *attr;
} operands;

static int make_operands(operands *o) {
    int64_t axes = 0;
    *o = (operands){
        {aclCreateTensorDesc(ACL_FLOAT, 2, DIMS(2, 3), ACL_FORMAT_ND),
         aclCreateTensorDesc(ACL_INT64, 1, DIMS(1), ACL_FORMAT_ND),
         aclCreateTensorDesc(ACL_FLOAT, 1, DIMS(3), ACL_FORMAT_ND)},
        {aclCreateDataBuffer(x, 24), aclCreateDataBuffer(NULL, 0), aclCreateDataBuffer(y, 12)},
        aclopCreateAttr()};
    int code = MADE(o->attr);
    for (int i = 0; i < 3; i++)
        FIRST(MADE(o->desc[i] && o->buffer[i]));
    if (o->desc[1]) FIRST(aclSetTensorConst(o->desc[1], &axes, sizeof axes));
    if (o->attr) FIRST(aclopSetAttrBool(o->attr, "keep_dims", 0));
    return code;
}

static void end_operands(const operands *o) {
    for (int i = 0; i < 3; i++) {
        if (o->desc[i]) aclDestroyTensorDesc(o->desc[i]);
        if (o->buffer[i]) aclDestroyDataBuffer(o->buffer[i]);
    }
    aclopDestroyAttr(o->attr);
}

static int by_type(void) {
    operands o;
    int code = make_operands(&o);
    if (code == 0) {
        const aclTensorDesc *const *in = (const aclTensorDesc *const *)o.desc;
        FIRST(aclopCompile("ReduceSum", 2, in, 1, in + 2, o.attr, ACL_ENGINE_SYS, ACL_COMPILE_SYS,
                           NULL));
        FIRST(aclopInferShape("ReduceSum", 2, o.desc, o.buffer, 1, o.desc + 2, o.attr));
        FIRST(aclopCompileAndExecute("ReduceSum", 2, in, (const aclDataBuffer *const *)o.buffer, 1,
                                     in + 2, o.buffer + 2, o.attr, ACL_ENGINE_SYS, ACL_COMPILE_SYS,
                                     NULL, stream));
        FIRST(aclrtSynchronizeStream(stream));
        FIRST(aclopCompileAndExecuteV2("ReduceSum", 2, o.desc, o.buffer, 1, o.desc + 2,
                                       o.buffer + 2, o.attr, ACL_ENGINE_SYS, ACL_COMPILE_SYS, NULL,
                                       stream));
    }
    end_operands(&o);
    return code;
}

static int attributes(void) {
    int64_t numbers[3] = {1, 2, 3};
    const int64_t *lists[2] = {numbers, numbers};
    const int counts[2] = {3, 1};
    const float floats[2] = {1, 2};
    const uint8_t truths[2] = {1, 0};
    aclopAttr *attr = aclopCreateAttr();
    int code = MADE(attr);
    if (!attr) return code;
    FIRST(aclopSetAttrInt(attr, "int", 1));
    FIRST(aclopSetAttrFloat(attr, "float", 1));
    FIRST(aclopSetAttrString(attr, "text", "some text"));
    FIRST(aclopSetAttrListInt(attr, "ints", 3, numbers));
    FIRST(aclopSetAttrListFloat(attr, "floats", 2, floats));
    FIRST(aclopSetAttrListBool(attr, "truths", 2, truths));
    FIRST(aclopSetAttrListListInt(attr, "lists", 2, counts, lists));
    FIRST(aclopSetAttrInt(attr, "int", 2)); /* again */
    aclopDestroyAttr(attr);
    return code;
}

static const scenario scenarios[] = {
    {"open_and_close", open_and_close, true},
    {"contexts_and_streams", contexts_and_streams, false},
    {"events", events, false},
    {"memory", memory, false},
    {"virtual_memory", virtual_memory, false},
    {"callbacks", callbacks, false},
    {"queue_that_grows", queue_that_grows, false},
    {"graphs", graphs, false},
    {"shared_things", shared_things, false},
    {"pools_and_managed", pools_and_managed, false},
    {"prepared_operator", prepared_operator, false},
    {"add", add, false},
    {"product", product, false},
    {"many_tensors", many_tensors, false},
    {"long_arrays", long_arrays, false},
    {"shapes_from_data", shapes_from_data, false},
    {"repeated", repeated, false},
    {"many_shapes", many_shapes, false},
    {"by_type", by_type, false},
    {"attributes", attributes, false},
};

int main(void) { return run_scenarios(scenarios, COUNT_OF(scenarios)); }
