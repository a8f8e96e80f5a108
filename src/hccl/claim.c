/* claim.c - see claim.h. */
#include "hccl/claim.h"

#include "base/slab.h"
#include "device/device.h"
#include "hccl/peer.h"

enum { MAX_CLAIMS = 1 << 16 };

struct acn_claim {
    const acn_comm *comm;
    acn_claim_kind kind;
    uintptr_t address;
    uint64_t bytes;
    acn_claim *next;
};

static acn_slab slab = ACN_SLAB("claim", sizeof(acn_claim), MAX_CLAIMS);
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static acn_claim *claims;

static const char *name_of(acn_claim_kind kind) {
    static const char *const names[ACN_CLAIM_KINDS] = {"HcclCommRegister", "HcclCommSymWinRegister",
                                                       "HcclCommSetMemoryRange",
                                                       "HcclCommActivateCommMemory"};
    return names[kind];
}

/* With the mutex held. */
static acn_claim *find(const acn_comm *comm, acn_claim_kind kind, uintptr_t first, uintptr_t end) {
    acn_claim *c = claims;
    while (c != NULL && (c->comm != comm || c->kind != kind || end <= c->address ||
                         c->address + c->bytes <= first))
        c = c->next;
    return c;
}

static acn_status check_memory(const acn_comm *comm, acn_claim_kind kind, const void *address,
                               uint64_t bytes) {
    uint64_t offset;
    bool is_scattered;
    if (bytes == 0) return acn_fail(ACN_PARAM_INVALID, "size is 0; expected some memory");
    if (kind != ACN_CLAIM_RANGE)
        return acn_peer_locate(comm->device, "the address", address, bytes, &offset, &is_scattered);
    const char *last = (const char *)address + bytes - 1;
    if (acn_window_find(address) == ACN_SPAN_RESERVED && acn_window_find(last) == ACN_SPAN_RESERVED)
        return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "%p with %llu bytes is no range of aclrtReserveMemAddress",
                    address, (unsigned long long)bytes);
}

acn_status acn_claim_make(acn_comm *comm, acn_claim_kind kind, const void *address, uint64_t bytes,
                          acn_claim **out) {
    uintptr_t first = (uintptr_t)address;
    acn_status status = ACN_OK;
    ACN_TRY(check_memory(comm, kind, address, bytes));
    acn_claim *made = acn_slab_alloc(&slab);
    if (made == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d pieces of memory are registered, which is the most",
                        MAX_CLAIMS);
    pthread_mutex_lock(&mutex);
    if (find(comm, kind, first, first + bytes) == NULL) {
        *made = (acn_claim){comm, kind, first, bytes, claims};
        claims = made;
    } else {
        status = acn_fail(ACN_PARAM_INVALID, "%s was called for memory at %p already",
                          name_of(kind), address);
    }
    pthread_mutex_unlock(&mutex);
    if (status == ACN_OK)
        *out = made;
    else
        acn_slab_free(&slab, made);
    return status;
}

acn_status acn_claim_resolve(const void *handle, acn_claim_kind kind, acn_claim **out) {
    acn_claim *claim = (acn_claim *)(uintptr_t)handle;
    if (!acn_slab_is_live(&slab, claim) || claim->kind != kind)
        return acn_fail(ACN_INVALID_HANDLE,
                        "handle %p does not exist; expected one of %s that is not given back",
                        handle, name_of(kind));
    *out = claim;
    return ACN_OK;
}

acn_status acn_claim_around(acn_comm *comm, acn_claim_kind kind, const void *address,
                            uint64_t bytes, acn_claim **out, uint64_t *out_offset) {
    uintptr_t first = (uintptr_t)address;
    pthread_mutex_lock(&mutex);
    acn_claim *found = find(comm, kind, first, first + (bytes != 0 ? bytes : 1));
    bool is_inside =
        found != NULL && first >= found->address && first - found->address + bytes <= found->bytes;
    if (is_inside) *out_offset = first - found->address;
    pthread_mutex_unlock(&mutex);
    if (!is_inside)
        return acn_fail(ACN_NAME_NOT_FOUND,
                        "%p with %llu bytes does not lie in memory of %s of this communicator",
                        address, (unsigned long long)bytes, name_of(kind));
    *out = found;
    return ACN_OK;
}

acn_status acn_claim_at(acn_comm *comm, acn_claim_kind kind, const void *address, acn_claim **out) {
    uint64_t offset;
    ACN_TRY(acn_claim_around(comm, kind, address, 0, out, &offset));
    if (offset == 0) return ACN_OK;
    return acn_fail(ACN_NAME_NOT_FOUND, "%p is not where memory of %s begins", address,
                    name_of(kind));
}

bool acn_claim_is_of(const acn_claim *claim, const acn_comm *comm) { return claim->comm == comm; }

/* |only| or all of |comm|. */
static void end(const acn_claim *only, const acn_comm *comm) {
    pthread_mutex_lock(&mutex);
    for (acn_claim **at = &claims, *c; (c = *at) != NULL;) {
        if (c != only && c->comm != comm) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        acn_slab_free(&slab, c);
    }
    pthread_mutex_unlock(&mutex);
}

void acn_claim_end(acn_claim *claim) { end(claim, NULL); }
void acn_claims_end(const acn_comm *comm) { end(NULL, comm); }
