/* Memory that runs out, met by communicators and what they are asked for: see scarce_scenarios.h.
 * Ranks are of one thread. */
#include "scarce_scenarios.h"

#include "hccl/hccl.h"
#include "hccl/hccl_comm.h"
#include "hccl/hccl_ex.h"

static const HcclDataType f32 = HCCL_DATA_TYPE_FP32;

/* HCCL's codes as those that is_right knows. A communicator that has failed refuses further calls;
 * its stream tells why. */
static int code_of(HcclResult code) {
    if (code == HCCL_E_REMOTE) return 0;
    return code == HCCL_E_MEMORY ? 200000 : code == HCCL_E_OOM ? 207001 : (int)code;
}
#define HCCL(call) FIRST(code_of(call))

static int make_alone(HcclComm *out) {
    int32_t device = 0;
    return code_of(HcclCommInitAll(1, &device, out));
}

/* Root information that was given out stays good when a rank could not join, so what it holds
 * stays; that is why this one counts nothing. */
static int root_information(void) {
    HcclRootInfo root;
    HcclCommConfig config;
    HcclComm comm;
    void *memory;
    int code = 0, left = atomic_exchange(&scarce_left, 0);
    aclInit(NULL);
    OK(aclrtSetDevice(0));
    OK(aclrtMalloc(&memory, 64, ACL_MEM_MALLOC_HUGE_FIRST)); /* what it is mapped from is there */
    OK(aclrtFree(memory));
    atomic_store(&scarce_left, left);
    HcclCommConfigInit(&config);
    if (code == 0) HCCL(HcclGetRootInfo(&root));
    if (code == 0) HCCL(HcclCommInitRootInfoConfig(1, &root, 0, &config, &comm));
    if (code == 0) HCCL(HcclCommDestroy(comm));
    return code;
}

static int use(HcclComm comm, float *memory) {
    uint64_t count = 8, offset = 0;
    int code = 0;
    HCCL(HcclAllReduce(memory, memory, 8, f32, HCCL_REDUCE_SUM, comm, stream));
    HCCL(HcclAllGatherV(memory, 8, memory + 16, &count, &offset, f32, comm, stream));
    HCCL(HcclReduceScatterV(memory, &count, &offset, memory + 16, 8, f32, HCCL_REDUCE_MAX, comm,
                            stream));
    HCCL(HcclAlltoAllV(memory, &count, &offset, f32, memory + 16, &count, &offset, f32, comm,
                       stream));
    FIRST(aclrtSynchronizeStream(stream));
    return code;
}

static int alone(void) {
    HcclComm comm;
    void *memory = NULL;
    int code = make_alone(&comm);
    if (code != 0) return code;
    FIRST(aclrtMalloc(&memory, 256, ACL_MEM_MALLOC_HUGE_FIRST));
    if (code == 0) FIRST(aclrtMemcpy(memory, 256, x, sizeof x, ACL_MEMCPY_HOST_TO_DEVICE));
    if (code == 0) code = use(comm, memory);
    HCCL(HcclCommDestroy(comm));
    if (memory != NULL) FIRST(aclrtFree(memory));
    return code;
}

/* Messages of a group: a part that fails leaves no other part behind. */
static int messages(void) {
    HcclComm comm;
    void *memory = NULL;
    int code = make_alone(&comm);
    if (code != 0) return code;
    FIRST(aclrtMalloc(&memory, 256, ACL_MEM_MALLOC_HUGE_FIRST));
    HcclSendRecvItem items[] = {{HCCL_SEND, memory, 8, f32, 0}, {HCCL_RECV, memory, 8, f32, 0}};
    if (code == 0) HCCL(HcclBatchSendRecv(items, 2, comm, stream));
    if (code == 0) {
        HCCL(HcclGroupStart());
        HCCL(HcclBatchSendRecv(items, 2, comm, stream));
        HCCL(HcclGroupEnd());
    }
    FIRST(aclrtSynchronizeStream(stream));
    HCCL(HcclCommDestroy(comm));
    if (memory != NULL) FIRST(aclrtFree(memory));
    return code;
}

static int groups(void) {
    HcclComm comm, group;
    uint32_t members[] = {0};
    HcclCommConfig config;
    int code = make_alone(&comm);
    if (code != 0) return code;
    HcclCommConfigInit(&config);
    int made = code_of(HcclCreateSubCommConfig(&comm, 1, members, 3, 0, &config, &group));
    FIRST(made);
    if (made == 0) HCCL(HcclCommDestroy(group));
    HCCL(HcclCommDestroy(comm));
    return code;
}

static int told_of_memory(void) {
    HcclComm comm;
    HcclCommSymWindow window;
    void *memory = NULL, *handle;
    int code = make_alone(&comm);
    if (code != 0) return code;
    FIRST(aclrtMalloc(&memory, 256, ACL_MEM_MALLOC_HUGE_FIRST));
    if (code == 0) HCCL(HcclCommRegister(comm, memory, 256, &handle, 0));
    if (code == 0) HCCL(HcclCommSymWinRegister(comm, memory, 256, &window, 0));
    HCCL(HcclCommDestroy(comm));
    if (memory != NULL) FIRST(aclrtFree(memory));
    return code;
}

/* Two ranks: what one of them lacks ends the other's call as well. */

static aclrtContext contexts[2];
static aclrtStream streams[2];

/* Where the second one lives; there is always memory for that. */
static void open_second(void) {
    int left = atomic_exchange(&scarce_left, 0);
    if (contexts[1] == NULL) {
        streams[0] = stream;
        OK(aclrtGetCurrentContext(&contexts[0]));
        OK(aclrtSetDevice(1));
        OK(aclrtGetCurrentContext(&contexts[1]));
        OK(aclrtCreateStream(&streams[1]));
        OK(aclrtSetCurrentContext(contexts[0]));
    }
    atomic_store(&scarce_left, left);
}

/* The first rank's call waits for the second one's, which may not come. */
static int reduce(HcclComm *comms, void **memory) {
    int codes[2] = {0}, code = 0;
    for (int i = 0; i < 2 && codes[0] == 0; i++) {
        OK(aclrtSetCurrentContext(contexts[i]));
        codes[i] = code_of(
            HcclAllReduce(memory[i], memory[i], 16, f32, HCCL_REDUCE_SUM, comms[i], streams[i]));
    }
    for (int i = 0; i < 2; i++) {
        OK(aclrtSetCurrentContext(contexts[i]));
        if (i == 0 && codes[1] != 0) OK(aclrtStreamAbort(streams[0]));
        int end = aclrtSynchronizeStream(streams[i]);
        bool is_others = end == 507057 || end == 107023;
        if (codes[i] == 0 && !is_others) codes[i] = end;
    }
    FIRST(codes[0]);
    FIRST(codes[1]);
    return code;
}

static int pair(void) {
    int32_t devices[] = {0, 1};
    HcclComm comms[2];
    void *memory[2] = {NULL};
    open_second();
    int code = code_of(HcclCommInitAll(2, devices, comms));
    if (code != 0) return code;
    for (int i = 0; i < 2; i++) {
        OK(aclrtSetCurrentContext(contexts[i]));
        FIRST(aclrtMalloc(&memory[i], 64, ACL_MEM_MALLOC_HUGE_FIRST));
    }
    if (code == 0) code = reduce(comms, memory);
    for (int i = 0; i < 2; i++) {
        if (memory[i] != NULL) FIRST(aclrtFree(memory[i]));
        HCCL(HcclCommDestroy(comms[i]));
    }
    OK(aclrtSetCurrentContext(contexts[0]));
    return code;
}

static const scenario scenarios[] = {
    {"root_information", root_information, true},
    {"alone", alone, false},
    {"messages", messages, false},
    {"groups", groups, false},
    {"told_of_memory", told_of_memory, false},
    {"pair", pair, false},
};

int main(void) {
    setenv("ANYCANN_DEVICES", "2", 1);
    setenv("ANYCANN_MEMORY", "256M", 1);
    return run_scenarios(scenarios, COUNT_OF(scenarios));
}
