/* claim.h - memory that a client has told a communicator about: windows and ranges. Ranks reach
 * each other's memory anyway, so a claim changes nothing; but pairs of calls must match, and what
 * is claimed must be what the interface says. */
#ifndef ACN_HCCL_CLAIM_H
#define ACN_HCCL_CLAIM_H

#include "hccl/comm.h"

typedef enum acn_claim_kind {
    ACN_CLAIM_WINDOW,    /* HcclCommRegister */
    ACN_CLAIM_SYMMETRIC, /* HcclCommSymWinRegister */
    ACN_CLAIM_RANGE,     /* HcclCommSetMemoryRange: addresses that were reserved */
    ACN_CLAIM_ACTIVE,    /* HcclCommActivateCommMemory: what is mapped in a range */
    ACN_CLAIM_KINDS
} acn_claim_kind;

typedef struct acn_claim acn_claim;

/* Fails when the memory is not of that kind, or claimed already. */
acn_status acn_claim_make(acn_comm *comm, acn_claim_kind kind, const void *address, uint64_t bytes,
                          acn_claim **out);
acn_status acn_claim_resolve(const void *handle, acn_claim_kind kind, acn_claim **out);
/* The one that begins at |address|. */
acn_status acn_claim_at(acn_comm *comm, acn_claim_kind kind, const void *address, acn_claim **out);
/* The one that holds |bytes| from |address|, and how far from its begin that is. */
acn_status acn_claim_around(acn_comm *comm, acn_claim_kind kind, const void *address,
                            uint64_t bytes, acn_claim **out, uint64_t *out_offset);
bool acn_claim_is_of(const acn_claim *claim, const acn_comm *comm);
void acn_claim_end(acn_claim *claim);
/* All of |comm|. */
void acn_claims_end(const acn_comm *comm);

#endif
