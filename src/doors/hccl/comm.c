/* comm.c - making and asking communicators. */
#include "device/device.h"
#include "doors/hccl/hccl_door.h"
#include "hccl/hccl_comm.h"
#include "runtime/context.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What HcclRootInfo holds. Programs read an address at its start. */
typedef struct root_info {
    char ip[64];
    char key[ACN_SHARE_KEY_BYTES];
    char mark[16];
} root_info;
_Static_assert(sizeof(root_info) <= sizeof(HcclRootInfo), "it has room");
static const char mark[16] = "AnyCANN HCCL 1";

static acn_status get_root_info(HcclRootInfo *out) {
    acn_context *context;
    root_info info = {.ip = "127.0.0.1"};
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_board_create(info.key));
    memcpy(info.mark, mark, sizeof mark);
    memset(out, 0, sizeof *out);
    memcpy(out, &info, sizeof info);
    return ACN_OK;
}

HcclResult HcclGetRootInfo(HcclRootInfo *rootInfo) {
    ACN_HCCL_REQUIRE(rootInfo);
    return ACN_HCCL(get_root_info(rootInfo));
}

/* Only as much of it is read as the caller's structure has. */
static acn_status read_config(const HcclCommConfig *config, HcclCommConfig *out) {
    size_t size;
    uint32_t magic;
    HcclCommConfigInit(out);
    if (config == NULL) return ACN_OK;
    memcpy(&size, config, sizeof size);
    memcpy(&magic, (const char *)config + sizeof size, sizeof magic);
    if (magic != HCCL_COMM_CONFIG_MAGIC_WORD || size < offsetof(HcclCommConfig, hcclBufferSize))
        return acn_fail(ACN_PARAM_INVALID,
                        "config is not initialised; call HcclCommConfigInit first");
    memcpy(out, config, size < sizeof *out ? size : sizeof *out);
    if (memchr(out->hcclCommName, '\0', sizeof out->hcclCommName) == NULL)
        return acn_fail(ACN_PARAM_INVALID,
                        "hcclCommName has no end; expected at most %d characters",
                        COMM_NAME_MAX_LENGTH - 1);
    return ACN_OK;
}

static acn_comm_options options_of(const HcclCommConfig *config) {
    int64_t seconds = config->hcclExecTimeOut;
    acn_comm_options options = {.name = config->hcclCommName, .timeout_ms = INT64_MIN};
    if (seconds == 0) options.timeout_ms = -1;
    if (seconds > 0) options.timeout_ms = seconds * 1000;
    return options;
}

static acn_status init(uint32_t ranks, const HcclRootInfo *root, uint32_t rank,
                       const HcclCommConfig *given, HcclComm *out) {
    root_info info;
    HcclCommConfig config;
    acn_context *context;
    acn_comm *comm;
    memcpy(&info, root, sizeof info);
    if (memcmp(info.mark, mark, sizeof mark) != 0)
        return acn_fail(ACN_PARAM_INVALID,
                        "rootInfo is not what HcclGetRootInfo of AnyCANN gave; "
                        "copy all %zu bytes from the root's process",
                        sizeof *root);
    ACN_TRY(read_config(given, &config));
    ACN_TRY(acn_context_current(&context));
    acn_comm_options options = options_of(&config);
    ACN_TRY(acn_comm_join(info.key, ranks, rank, acn_context_device(context), &options, &comm));
    acn_status status = acn_comm_meet(comm);
    if (status != ACN_OK)
        acn_comm_destroy(comm);
    else
        *out = comm;
    return status;
}

HcclResult HcclCommInitRootInfo(uint32_t nRanks, const HcclRootInfo *rootInfo, uint32_t rank,
                                HcclComm *comm) {
    ACN_HCCL_REQUIRE(rootInfo);
    ACN_HCCL_REQUIRE(comm);
    return ACN_HCCL(init(nRanks, rootInfo, rank, NULL, comm));
}

HcclResult HcclCommInitRootInfoConfig(uint32_t nRanks, const HcclRootInfo *rootInfo, uint32_t rank,
                                      const HcclCommConfig *config, HcclComm *comm) {
    ACN_HCCL_REQUIRE(rootInfo);
    ACN_HCCL_REQUIRE(config);
    ACN_HCCL_REQUIRE(comm);
    return ACN_HCCL(init(nRanks, rootInfo, rank, config, comm));
}

static acn_status check_devices(uint32_t count, const int32_t *devices) {
    if (count == 0 || count > (uint32_t)acn_device_count())
        return acn_fail(ACN_PARAM_INVALID,
                        "ndev is %u; expected 1 to %d, which is how many devices there are "
                        "(`anycann run --devices N`)",
                        count, acn_device_count());
    for (uint32_t i = 0; i < count; i++) {
        ACN_TRY(acn_device_check(devices[i]));
        for (uint32_t j = 0; j < i; j++)
            if (devices[j] == devices[i])
                return acn_fail(ACN_PARAM_INVALID, "devices[%u] and devices[%u] are both %d", j, i,
                                devices[i]);
    }
    return ACN_OK;
}

static acn_status init_all(uint32_t count, const int32_t *devices, HcclComm *out) {
    acn_status status = ACN_OK;
    char key[ACN_SHARE_KEY_BYTES];
    acn_comm_options options = {.timeout_ms = INT64_MIN};
    uint32_t made = 0;
    ACN_TRY(check_devices(count, devices));
    acn_comm **comms = calloc(count, sizeof(acn_comm *));
    if (comms == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for %u communicators", count);
    ACN_TRY_OR(free_comms, acn_board_create(key));
    for (; made < count; made++)
        ACN_TRY_OR(end_made,
                   acn_comm_join(key, count, made, devices[made], &options, &comms[made]));
    for (uint32_t i = 0; i < count; i++)
        ACN_TRY_OR(end_made, acn_comm_meet(comms[i]));
    for (uint32_t i = 0; i < count; i++)
        out[i] = comms[i];
    goto free_comms;
end_made:
    acn_board_close(key);
    while (made > 0)
        acn_comm_destroy(comms[--made]);
free_comms:
    free(comms);
    return status;
}

HcclResult HcclCommInitAll(uint32_t ndev, int32_t *devices, HcclComm *comms) {
    ACN_HCCL_REQUIRE(devices);
    ACN_HCCL_REQUIRE(comms);
    return ACN_HCCL(init_all(ndev, devices, comms));
}

/* Asking. */

#define RESOLVE(handle, name)                                                                      \
    acn_comm *name;                                                                                \
    ACN_HCCL_REQUIRE(handle);                                                                      \
    do {                                                                                           \
        acn_status resolved_ = acn_comm_resolve(handle, &name);                                    \
        if (resolved_ != ACN_OK) return ACN_HCCL(resolved_);                                       \
    } while (0)

HcclResult HcclCommDestroy(HcclComm comm) {
    RESOLVE(comm, c);
    return ACN_HCCL(acn_comm_destroy(c));
}

HcclResult HcclGetRankId(HcclComm comm, uint32_t *rank) {
    ACN_HCCL_REQUIRE(rank);
    RESOLVE(comm, c);
    *rank = c->rank;
    return HCCL_SUCCESS;
}

HcclResult HcclGetRankSize(HcclComm comm, uint32_t *rankSize) {
    ACN_HCCL_REQUIRE(rankSize);
    RESOLVE(comm, c);
    *rankSize = c->ranks;
    return HCCL_SUCCESS;
}

HcclResult HcclGetCommName(HcclComm comm, char *commName) {
    ACN_HCCL_REQUIRE(commName);
    RESOLVE(comm, c);
    memcpy(commName, c->name, COMM_NAME_MAX_LENGTH);
    return HCCL_SUCCESS;
}

HcclResult HcclCommGetHandleWithName(const char *commName, HcclComm *comm) {
    acn_comm *found;
    ACN_HCCL_REQUIRE(commName);
    ACN_HCCL_REQUIRE(comm);
    acn_status status = acn_comm_find(commName, &found);
    if (status == ACN_OK) *comm = found;
    return ACN_HCCL(status);
}

/* The question succeeds; what it found is recorded as the thread's error text. */
HcclResult HcclGetCommAsyncError(HcclComm comm, HcclResult *asyncError) {
    ACN_HCCL_REQUIRE(asyncError);
    RESOLVE(comm, c);
    *asyncError = acn_comm_state(c) == ACN_OK ? HCCL_SUCCESS : HCCL_E_REMOTE;
    return HCCL_SUCCESS;
}

HcclResult HcclCommGetStatus(HcclComm comm, HcclCommStatus *status) {
    ACN_HCCL_REQUIRE(status);
    RESOLVE(comm, c);
    *status = acn_comm_state(c) == ACN_OK ? HCCL_COMM_STATUS_READY : HCCL_COMM_STATUS_INVALID;
    return HCCL_SUCCESS;
}

/* A field is known when its number is smaller. Names and time-outs are obeyed; the others are about
 * hardware that is not there, and change no result. */
uint32_t HcclGetCommConfigCapability(void) { return HCCL_COMM_CONFIG_RESERVED; }
