/* parts.c - collectives of unequal parts. They are messages between all pairs of ranks. */
#include "doors/hccl/hccl_door.h"
#include "hccl/exchange.h"
#include "hccl/hccl.h"
#include <stdlib.h>

typedef struct parts {
    const void *buffer;
    HcclDataType type;
    const uint64_t *counts, *offsets; /* in elements; |counts| has one every |step| */
    uint64_t step;
} parts;

/* Without |offsets| parts follow one another. */
static acn_status add_parts(acn_message *messages, const acn_comm *comm, const parts *p,
                            bool is_send) {
    acn_dtype dtype;
    uint64_t at = 0;
    ACN_TRY(acn_hccl_dtype(p->type, &dtype));
    for (uint32_t i = 0; i < comm->ranks; i++) {
        uint64_t count = p->counts[i * p->step], offset = p->offsets != NULL ? p->offsets[i] : at;
        const char *buffer = p->buffer;
        if (count > 0 && buffer == NULL)
            return acn_fail(ACN_NULL_POINTER, "%s is NULL", is_send ? "sendBuf" : "recvBuf");
        if (count > 0) buffer += offset * acn_dtype_bytes(dtype);
        messages[i] = (acn_message){
            .is_send = is_send, .rank = i, .buffer = buffer, .count = count, .dtype = dtype};
        at += count;
    }
    return ACN_OK;
}

static acn_status exchange_parts(const char *name, acn_comm *comm, aclrtStream stream_handle,
                                 const parts *send, const parts *receive) {
    acn_stream *stream;
    acn_status status;
    ACN_TRY(acn_stream_resolve(stream_handle, &stream));
    acn_message *messages = calloc(2 * (size_t)comm->ranks, sizeof *messages);
    if (messages == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for %u messages", comm->ranks);
    ACN_TRY_OR(free_messages, add_parts(messages, comm, send, true));
    ACN_TRY_OR(free_messages, add_parts(messages + comm->ranks, comm, receive, false));
    status = acn_exchange_submit(comm, name, messages, 2 * comm->ranks, stream);
free_messages:
    free(messages);
    return status;
}

HcclResult HcclAlltoAllV(const void *sendBuf, const void *sendCounts, const void *sdispls,
                         HcclDataType sendType, const void *recvBuf, const void *recvCounts,
                         const void *rdispls, HcclDataType recvType, HcclComm comm,
                         aclrtStream stream) {
    acn_comm *c;
    ACN_HCCL_REQUIRE(sendCounts);
    ACN_HCCL_REQUIRE(sdispls);
    ACN_HCCL_REQUIRE(recvCounts);
    ACN_HCCL_REQUIRE(rdispls);
    ACN_HCCL_REQUIRE(comm);
    parts send = {sendBuf, sendType, sendCounts, sdispls, 1};
    parts receive = {recvBuf, recvType, recvCounts, rdispls, 1};
    acn_status status = acn_comm_resolve(comm, &c);
    if (status == ACN_OK) status = exchange_parts("AlltoAllV", c, stream, &send, &receive);
    return ACN_HCCL(status);
}

/* The matrix has a row for each sender. */
HcclResult HcclAlltoAllVC(const void *sendBuf, const void *sendCountMatrix, HcclDataType sendType,
                          const void *recvBuf, HcclDataType recvType, HcclComm comm,
                          aclrtStream stream) {
    acn_comm *c;
    const uint64_t *counts = sendCountMatrix;
    ACN_HCCL_REQUIRE(sendCountMatrix);
    ACN_HCCL_REQUIRE(comm);
    acn_status status = acn_comm_resolve(comm, &c);
    if (status != ACN_OK) return ACN_HCCL(status);
    parts send = {sendBuf, sendType, counts + (size_t)c->rank * c->ranks, NULL, 1};
    parts receive = {recvBuf, recvType, counts + c->rank, NULL, c->ranks};
    return ACN_HCCL(exchange_parts("AlltoAllVC", c, stream, &send, &receive));
}

/* AllGatherV: one part to everybody. ReduceScatterV: what is of one rank, of everybody. */

typedef struct uneven {
    const char *name;
    const void *send;
    void *receive;
    uint64_t count; /* of this rank's part */
    const uint64_t *counts, *offsets;
    HcclDataType type;
    acn_combine_op op;
    bool is_reduced;
} uneven;

/* Ranges of memory in which the two overlap, but for this rank's own part. */
static acn_status check_apart(const acn_comm *comm, const uneven *u, size_t bytes) {
    const char *whole = u->is_reduced ? u->send : u->receive;
    const char *part = u->is_reduced ? u->receive : u->send;
    uint64_t length = u->count * bytes;
    for (uint32_t i = 0; i < comm->ranks; i++) {
        const char *other = whole + u->offsets[i] * bytes;
        uint64_t other_length = u->counts[i] * bytes;
        bool is_in_place = i == comm->rank && other == part;
        if (length > 0 && !is_in_place && part < other + other_length && other < part + length)
            return acn_fail(ACN_PARAM_INVALID,
                            "sendBuf and recvBuf overlap in the part of rank %u; they must be "
                            "apart, or this rank's own part must lie at the same place",
                            i);
    }
    return ACN_OK;
}

static acn_status check_uneven(const acn_comm *comm, const uneven *u, acn_dtype *out) {
    ACN_TRY(acn_hccl_dtype(u->type, out));
    if (u->counts[comm->rank] != u->count)
        return acn_fail(ACN_PARAM_INVALID,
                        "%s is %llu, but %s[%u] of this rank is %llu; expected the same",
                        u->is_reduced ? "recvCount" : "sendCount", (unsigned long long)u->count,
                        u->is_reduced ? "sendCounts" : "recvCounts", comm->rank,
                        (unsigned long long)u->counts[comm->rank]);
    if ((u->send == NULL || u->receive == NULL) && u->count > 0)
        return acn_fail(ACN_NULL_POINTER, "%s is NULL", u->send == NULL ? "sendBuf" : "recvBuf");
    return check_apart(comm, u, acn_dtype_bytes(*out));
}

/* Our own part comes first, so that a sum may lie in its place; then those of the next ranks,
 * round: an order that is the same each time. */
static void make_messages(const acn_comm *comm, const uneven *u, acn_dtype dtype,
                          acn_message *messages) {
    size_t bytes = acn_dtype_bytes(dtype);
    for (uint32_t i = 0; i < comm->ranks; i++) {
        uint32_t rank = (comm->rank + i) % comm->ranks;
        uint64_t at = u->offsets[rank] * bytes, count = u->counts[rank];
        acn_message *send = &messages[i], *receive = &messages[comm->ranks + i];
        *send = *receive = (acn_message){.rank = rank, .dtype = dtype};
        send->is_send = true;
        send->buffer = u->is_reduced ? (const char *)u->send + at : u->send;
        send->count = u->is_reduced ? count : u->count;
        receive->buffer = u->is_reduced ? u->receive : (char *)u->receive + at;
        receive->count = u->is_reduced ? u->count : count;
        receive->is_combined = u->is_reduced && i > 0;
        receive->op = u->op;
    }
}

static acn_status exchange_uneven(HcclComm handle, aclrtStream stream_handle, const uneven *u) {
    acn_comm *comm;
    acn_stream *stream;
    acn_dtype dtype;
    ACN_TRY(acn_comm_resolve(handle, &comm));
    ACN_TRY(acn_stream_resolve(stream_handle, &stream));
    ACN_TRY(check_uneven(comm, u, &dtype));
    acn_message *messages = calloc(2 * (size_t)comm->ranks, sizeof *messages);
    if (messages == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for %u messages", comm->ranks);
    make_messages(comm, u, dtype, messages);
    acn_status status = acn_exchange_submit(comm, u->name, messages, 2 * comm->ranks, stream);
    free(messages);
    return status;
}

HcclResult HcclAllGatherV(void *sendBuf, uint64_t sendCount, void *recvBuf, const void *recvCounts,
                          const void *recvDispls, HcclDataType dataType, HcclComm comm,
                          aclrtStream stream) {
    ACN_HCCL_REQUIRE(recvCounts);
    ACN_HCCL_REQUIRE(recvDispls);
    ACN_HCCL_REQUIRE(comm);
    uneven u = {"AllGatherV", sendBuf,    recvBuf,         sendCount,
                recvCounts,   recvDispls, .type = dataType};
    return ACN_HCCL(exchange_uneven(comm, stream, &u));
}

HcclResult HcclReduceScatterV(void *sendBuf, const void *sendCounts, const void *sendDispls,
                              void *recvBuf, uint64_t recvCount, HcclDataType dataType,
                              HcclReduceOp op, HcclComm comm, aclrtStream stream) {
    ACN_HCCL_REQUIRE(sendCounts);
    ACN_HCCL_REQUIRE(sendDispls);
    ACN_HCCL_REQUIRE(comm);
    uneven u = {"ReduceScatterV", sendBuf,    recvBuf,          recvCount,
                sendCounts,       sendDispls, .type = dataType, .is_reduced = true};
    acn_status status = acn_hccl_op(op, &u.op);
    return ACN_HCCL(status == ACN_OK ? exchange_uneven(comm, stream, &u) : status);
}
