/* comm.c - asking, holding and ending communicators. */
#include "doors/hccl/hccl_door.h"
#include "hccl/hccl_comm.h"
#include <string.h>

HcclResult HcclCommDestroy(HcclComm comm) {
    ACN_HCCL_RESOLVE(comm, c);
    return ACN_HCCL(acn_comm_destroy(c));
}

HcclResult HcclGetRankId(HcclComm comm, uint32_t *rank) {
    ACN_HCCL_REQUIRE(rank);
    ACN_HCCL_RESOLVE(comm, c);
    *rank = c->rank;
    return HCCL_SUCCESS;
}

HcclResult HcclGetRankSize(HcclComm comm, uint32_t *rankSize) {
    ACN_HCCL_REQUIRE(rankSize);
    ACN_HCCL_RESOLVE(comm, c);
    *rankSize = c->ranks;
    return HCCL_SUCCESS;
}

HcclResult HcclGetCommName(HcclComm comm, char *commName) {
    ACN_HCCL_REQUIRE(commName);
    ACN_HCCL_RESOLVE(comm, c);
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
    ACN_HCCL_RESOLVE(comm, c);
    *asyncError = acn_comm_look(c) == ACN_OK ? HCCL_SUCCESS : HCCL_E_REMOTE;
    return HCCL_SUCCESS;
}

HcclResult HcclCommGetStatus(HcclComm comm, HcclCommStatus *status) {
    ACN_HCCL_REQUIRE(status);
    ACN_HCCL_RESOLVE(comm, c);
    if (atomic_load(&c->is_suspended))
        *status = HCCL_COMM_STATUS_SUSPENDING;
    else
        *status = acn_comm_look(c) == ACN_OK ? HCCL_COMM_STATUS_READY : HCCL_COMM_STATUS_INVALID;
    return HCCL_SUCCESS;
}

HcclResult HcclCommSuspend(HcclComm comm) {
    ACN_HCCL_RESOLVE(comm, c);
    return ACN_HCCL(acn_comm_suspend(c));
}

HcclResult HcclCommResume(HcclComm comm) {
    ACN_HCCL_RESOLVE(comm, c);
    return ACN_HCCL(acn_comm_resume(c));
}

/* Ranks of one machine share memory and have no network cards to choose from. */
static acn_status choose_cards(const acn_comm *comm, const uint32_t *ranks, const bool *use_backup,
                               uint32_t count) {
    if (count == 0 || count > comm->ranks)
        return acn_fail(ACN_PARAM_INVALID, "nRanks is %u; expected 1 to %u", count, comm->ranks);
    for (uint32_t i = 0; i < count; i++) {
        if (ranks[i] >= comm->ranks)
            return acn_fail(ACN_PARAM_INVALID, "ranks[%u] is %u; expected 0 to %u", i, ranks[i],
                            comm->ranks - 1);
        if (use_backup[i])
            return acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                            "useBackup[%u] is true, but rank %u has no second network card", i,
                            ranks[i]);
    }
    return ACN_OK;
}

HcclResult HcclCommWorkingDevNicSet(HcclComm comm, uint32_t *ranks, bool *useBackup,
                                    uint32_t nRanks) {
    ACN_HCCL_REQUIRE(ranks);
    ACN_HCCL_REQUIRE(useBackup);
    ACN_HCCL_RESOLVE(comm, c);
    return ACN_HCCL(choose_cards(c, ranks, useBackup, nRanks));
}

/* A field is known when its number is smaller. Names and time-outs are obeyed; the others are about
 * hardware that is not there, and change no result. */
uint32_t HcclGetCommConfigCapability(void) { return HCCL_COMM_CONFIG_RESERVED; }
