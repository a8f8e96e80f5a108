/* init.c - making communicators: from root information, a rank table, a larger communicator, or all
 * of one process at once. */
#include "base/env.h"
#include "device/device.h"
#include "doors/hccl/hccl_door.h"
#include "hccl/hccl_comm.h"
#include "hccl/rank_table.h"
#include "hccl/settings.h"
#include "runtime/context.h"
#include <stdio.h>
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
    const char *address = acn_env_text(ACN_ENV_HCCL_IF_IP);
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_hccl_settings_check());
    if (*address != '\0') snprintf(info.ip, sizeof info.ip, "%s", address);
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

static acn_status init(uint32_t ranks, const HcclRootInfo *root, uint32_t rank,
                       const HcclCommConfig *given, HcclComm *out) {
    root_info info;
    HcclCommConfig config;
    acn_comm_options options;
    acn_context *context;
    acn_comm *comm;
    memcpy(&info, root, sizeof info);
    if (memcmp(info.mark, mark, sizeof mark) != 0)
        return acn_fail(ACN_PARAM_INVALID,
                        "rootInfo is not what HcclGetRootInfo of AnyCANN gave; "
                        "copy all %zu bytes from the root's process",
                        sizeof *root);
    ACN_TRY(acn_hccl_read_config(given, &config, &options));
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_comm_open(info.key, ranks, rank, acn_context_device(context), &options, &comm));
    *out = comm;
    return ACN_OK;
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
    uint32_t made = 0, met = 0;
    ACN_TRY(check_devices(count, devices));
    acn_comm **comms = calloc(count, sizeof(acn_comm *));
    if (comms == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for %u communicators", count);
    ACN_TRY_OR(free_comms, acn_board_create(key));
    for (; made < count; made++)
        ACN_TRY_OR(end_made,
                   acn_comm_join(key, count, made, devices[made], &options, &comms[made]));
    while (met < count)
        ACN_TRY_OR(end_made, acn_comm_meet(comms[met++]));
    for (uint32_t i = 0; i < count; i++)
        out[i] = comms[i];
    goto free_comms;
end_made:
    acn_board_close(key);
    while (made > met) /* meeting has ended the one that it failed on */
        acn_comm_destroy(comms[--made]);
    for (uint32_t i = 0; i + 1 < met; i++)
        acn_comm_destroy(comms[i]);
free_comms:
    free(comms);
    return status;
}

HcclResult HcclCommInitAll(uint32_t ndev, int32_t *devices, HcclComm *comms) {
    ACN_HCCL_REQUIRE(devices);
    ACN_HCCL_REQUIRE(comms);
    return ACN_HCCL(init_all(ndev, devices, comms));
}

/* Rank tables. */

static acn_status init_cluster(const char *path, uint32_t rank, const HcclCommConfig *given,
                               HcclComm *out) {
    HcclCommConfig config;
    acn_comm_options options;
    acn_context *context;
    acn_comm *comm;
    ACN_TRY(acn_hccl_read_config(given, &config, &options));
    ACN_TRY(acn_context_current(&context));
    ACN_TRY(acn_comm_open_table(path, rank, acn_context_device(context), &options, &comm));
    *out = comm;
    return ACN_OK;
}

HcclResult HcclCommInitClusterInfo(const char *clusterInfo, uint32_t rank, HcclComm *comm) {
    ACN_HCCL_REQUIRE(clusterInfo);
    ACN_HCCL_REQUIRE(comm);
    return ACN_HCCL(init_cluster(clusterInfo, rank, NULL, comm));
}

HcclResult HcclCommInitClusterInfoConfig(const char *clusterInfo, uint32_t rank,
                                         HcclCommConfig *config, HcclComm *comm) {
    ACN_HCCL_REQUIRE(clusterInfo);
    ACN_HCCL_REQUIRE(config);
    ACN_HCCL_REQUIRE(comm);
    return ACN_HCCL(init_cluster(clusterInfo, rank, config, comm));
}

/* Groups. */

/* A rank that is in no group says so with both: no list, and this number. */
static const uint64_t no_group = 0xffffffff;

static acn_status split(const HcclComm *parent_handle, uint32_t count, const uint32_t *members,
                        uint64_t id, uint32_t rank, const HcclCommConfig *given, HcclComm *out) {
    HcclCommConfig config;
    acn_comm_options options;
    acn_comm *parent, *made;
    ACN_TRY(acn_comm_resolve(*parent_handle, &parent));
    if (members == NULL && id == no_group) return *out = NULL, ACN_OK;
    if (members == NULL || id == no_group)
        return acn_fail(ACN_PARAM_INVALID,
                        "rankIds is %sNULL and subCommId is %#llx; a rank that is in no group "
                        "gives NULL and 0xffffffff, one that is in a group neither",
                        members == NULL ? "" : "not ", (unsigned long long)id);
    ACN_TRY(acn_hccl_read_config(given, &config, &options));
    acn_comm_retain(parent);
    acn_status status = acn_comm_split(parent, members, count, id, rank, &options, &made);
    acn_comm_release(parent);
    ACN_TRY(status);
    *out = made;
    return ACN_OK;
}

HcclResult HcclCreateSubCommConfig(HcclComm *comm, uint32_t rankNum, uint32_t *rankIds,
                                   uint64_t subCommId, uint32_t subCommRankId,
                                   HcclCommConfig *config, HcclComm *subComm) {
    ACN_HCCL_REQUIRE(comm);
    ACN_HCCL_REQUIRE(config);
    ACN_HCCL_REQUIRE(subComm);
    return ACN_HCCL(split(comm, rankNum, rankIds, subCommId, subCommRankId, config, subComm));
}
