/* memory.c - telling communicators about memory. Nothing has to be registered here, since ranks
 * reach each other's memory as it is; the calls check what they are given and keep count of it. */
#include "doors/hccl/hccl_door.h"
#include "hccl/claim.h"
#include "hccl/hccl_comm.h"
#include "hccl/hccl_ex.h"
#include "runtime/virtual.h"

static acn_status check_flags(uint64_t flags) {
    if (flags == 0) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "flags is %#llx; expected 0", (unsigned long long)flags);
}

/* Windows. */

HcclResult HcclCommRegister(HcclComm comm, void *addr, uint64_t size, void **handle,
                            uint32_t flag) {
    ACN_HCCL_REQUIRE(addr);
    ACN_HCCL_REQUIRE(handle);
    ACN_HCCL_RESOLVE(comm, c);
    acn_claim *claim;
    acn_status status = acn_claim_make(c, ACN_CLAIM_WINDOW, addr, size, &claim);
    if (status == ACN_OK) *handle = claim;
    return ACN_HCCL(status);
}

static acn_status resolve(const acn_comm *comm, const void *handle, acn_claim **out) {
    ACN_TRY(acn_claim_resolve(handle, ACN_CLAIM_WINDOW, out));
    if (acn_claim_is_of(*out, comm)) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "handle %p is of another communicator", handle);
}

HcclResult HcclCommDeregister(HcclComm comm, void *handle) {
    ACN_HCCL_REQUIRE(handle);
    ACN_HCCL_RESOLVE(comm, c);
    acn_claim *claim;
    acn_status status = resolve(c, handle, &claim);
    if (status == ACN_OK) acn_claim_end(claim);
    return ACN_HCCL(status);
}

static acn_status exchange(const acn_comm *comm, const void *handle, const uint32_t *ranks,
                           uint32_t count) {
    acn_claim *claim;
    ACN_TRY(resolve(comm, handle, &claim));
    if (count > comm->ranks)
        return acn_fail(ACN_PARAM_INVALID, "peerRankNum is %u; expected at most %u", count,
                        comm->ranks);
    for (uint32_t i = 0; i < count; i++)
        if (ranks[i] >= comm->ranks)
            return acn_fail(ACN_PARAM_INVALID, "peerRanks[%u] is %u; expected 0 to %u", i, ranks[i],
                            comm->ranks - 1);
    return ACN_OK;
}

HcclResult HcclCommExchangeMem(HcclComm comm, void *windowHandle, uint32_t *peerRanks,
                               uint32_t peerRankNum) {
    ACN_HCCL_REQUIRE(windowHandle);
    ACN_HCCL_REQUIRE(peerRanks);
    ACN_HCCL_RESOLVE(comm, c);
    return ACN_HCCL(exchange(c, windowHandle, peerRanks, peerRankNum));
}

HcclResult HcclCommSymWinRegister(HcclComm comm, void *addr, uint64_t size,
                                  HcclCommSymWindow *winHandle, uint32_t flag) {
    ACN_HCCL_REQUIRE(addr);
    ACN_HCCL_REQUIRE(winHandle);
    ACN_HCCL_RESOLVE(comm, c);
    acn_claim *claim;
    acn_status status = acn_claim_make(c, ACN_CLAIM_SYMMETRIC, addr, size, &claim);
    if (status == ACN_OK) *winHandle = claim;
    return ACN_HCCL(status);
}

HcclResult HcclCommSymWinDeregister(HcclCommSymWindow winHandle) {
    ACN_HCCL_REQUIRE(winHandle);
    acn_claim *claim;
    acn_status status = acn_claim_resolve(winHandle, ACN_CLAIM_SYMMETRIC, &claim);
    if (status == ACN_OK) acn_claim_end(claim);
    return ACN_HCCL(status);
}

HcclResult HcclCommSymWinGet(HcclComm comm, void *ptr, size_t size, HcclCommSymWindow *winHandle,
                             size_t *offset) {
    ACN_HCCL_REQUIRE(ptr);
    ACN_HCCL_REQUIRE(winHandle);
    ACN_HCCL_REQUIRE(offset);
    ACN_HCCL_RESOLVE(comm, c);
    acn_claim *claim;
    uint64_t at;
    acn_status status = acn_claim_around(c, ACN_CLAIM_SYMMETRIC, ptr, size, &claim, &at);
    if (status == ACN_OK) {
        *winHandle = claim;
        *offset = at;
    }
    return ACN_HCCL(status);
}

/* Ranges of addresses, and the memory that is mapped in them. */

HcclResult HcclCommSetMemoryRange(HcclComm comm, void *baseVirPtr, size_t size, size_t alignment,
                                  uint64_t flags) {
    ACN_HCCL_REQUIRE(baseVirPtr);
    ACN_HCCL_RESOLVE(comm, c);
    acn_claim *claim;
    acn_status status = check_flags(flags);
    if (status == ACN_OK) status = acn_claim_make(c, ACN_CLAIM_RANGE, baseVirPtr, size, &claim);
    return ACN_HCCL(status);
}

static acn_status end_at(acn_comm *comm, acn_claim_kind kind, const void *address) {
    acn_claim *claim;
    ACN_TRY(acn_claim_at(comm, kind, address, &claim));
    acn_claim_end(claim);
    return ACN_OK;
}

HcclResult HcclCommUnsetMemoryRange(HcclComm comm, void *baseVirPtr) {
    ACN_HCCL_REQUIRE(baseVirPtr);
    ACN_HCCL_RESOLVE(comm, c);
    return ACN_HCCL(end_at(c, ACN_CLAIM_RANGE, baseVirPtr));
}

static acn_status activate(acn_comm *comm, void *address, size_t size, size_t offset, void *handle,
                           uint64_t flags) {
    acn_claim *claim;
    acn_physical *physical;
    uint64_t at;
    ACN_TRY(check_flags(flags));
    if (offset != 0) return acn_fail(ACN_PARAM_INVALID, "offset is %zu; expected 0", offset);
    ACN_TRY(acn_physical_resolve(handle, &physical));
    ACN_TRY(acn_claim_around(comm, ACN_CLAIM_RANGE, address, size, &claim, &at));
    return acn_claim_make(comm, ACN_CLAIM_ACTIVE, address, size, &claim);
}

HcclResult HcclCommActivateCommMemory(HcclComm comm, void *virPtr, size_t size, size_t offset,
                                      aclrtDrvMemHandle handle, uint64_t flags) {
    ACN_HCCL_REQUIRE(virPtr);
    ACN_HCCL_REQUIRE(handle);
    ACN_HCCL_RESOLVE(comm, c);
    return ACN_HCCL(activate(c, virPtr, size, offset, handle, flags));
}

HcclResult HcclCommDeactivateCommMemory(HcclComm comm, void *virPtr) {
    ACN_HCCL_REQUIRE(virPtr);
    ACN_HCCL_RESOLVE(comm, c);
    return ACN_HCCL(end_at(c, ACN_CLAIM_ACTIVE, virPtr));
}
