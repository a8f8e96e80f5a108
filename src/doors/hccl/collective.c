/* collective.c - collective operations, given to a stream. */
#include "doors/hccl/hccl_door.h"
#include "hccl/exchange.h"
#include "hccl/hccl.h"
#include <stdlib.h>

/* All but the types, which are in HCCL's terms. */
static acn_status submit(HcclComm handle, aclrtStream stream_handle, HcclDataType type,
                         HcclReduceOp op, acn_collective_call call) {
    acn_comm *comm;
    acn_stream *stream;
    if (handle == NULL) return acn_fail(ACN_NULL_POINTER, "comm is NULL; expected a communicator");
    ACN_TRY(acn_comm_resolve(handle, &comm));
    ACN_TRY(acn_hccl_dtype(type, &call.dtype));
    ACN_TRY(acn_hccl_op(op, &call.op));
    ACN_TRY(acn_stream_resolve(stream_handle, &stream));
    return acn_collective_submit(comm, &call, stream);
}

HcclResult HcclAllReduce(void *sendBuf, void *recvBuf, uint64_t count, HcclDataType dataType,
                         HcclReduceOp op, HcclComm comm, aclrtStream stream) {
    acn_collective_call call = {ACN_ALL_REDUCE, sendBuf, recvBuf, .count = count};
    return ACN_HCCL(submit(comm, stream, dataType, op, call));
}

HcclResult HcclBroadcast(void *buf, uint64_t count, HcclDataType dataType, uint32_t root,
                         HcclComm comm, aclrtStream stream) {
    acn_collective_call call = {ACN_BROADCAST, buf, buf, .count = count, .root = root};
    return ACN_HCCL(submit(comm, stream, dataType, HCCL_REDUCE_SUM, call));
}

HcclResult HcclReduce(void *sendBuf, void *recvBuf, uint64_t count, HcclDataType dataType,
                      HcclReduceOp op, uint32_t root, HcclComm comm, aclrtStream stream) {
    acn_collective_call call = {ACN_REDUCE, sendBuf, recvBuf, .count = count, .root = root};
    return ACN_HCCL(submit(comm, stream, dataType, op, call));
}

HcclResult HcclAllGather(void *sendBuf, void *recvBuf, uint64_t sendCount, HcclDataType dataType,
                         HcclComm comm, aclrtStream stream) {
    acn_collective_call call = {ACN_ALL_GATHER, sendBuf, recvBuf, .count = sendCount};
    return ACN_HCCL(submit(comm, stream, dataType, HCCL_REDUCE_SUM, call));
}

HcclResult HcclReduceScatter(void *sendBuf, void *recvBuf, uint64_t recvCount,
                             HcclDataType dataType, HcclReduceOp op, HcclComm comm,
                             aclrtStream stream) {
    acn_collective_call call = {ACN_REDUCE_SCATTER, sendBuf, recvBuf, .count = recvCount};
    return ACN_HCCL(submit(comm, stream, dataType, op, call));
}

HcclResult HcclScatter(void *sendBuf, void *recvBuf, uint64_t recvCount, HcclDataType dataType,
                       uint32_t root, HcclComm comm, aclrtStream stream) {
    acn_collective_call call = {ACN_SCATTER, sendBuf, recvBuf, .count = recvCount, .root = root};
    return ACN_HCCL(submit(comm, stream, dataType, HCCL_REDUCE_SUM, call));
}

HcclResult HcclBarrier(HcclComm comm, aclrtStream stream) {
    acn_collective_call call = {.collective = ACN_BARRIER};
    return ACN_HCCL(submit(comm, stream, HCCL_DATA_TYPE_INT8, HCCL_REDUCE_SUM, call));
}

HcclResult HcclAlltoAll(const void *sendBuf, uint64_t sendCount, HcclDataType sendType,
                        const void *recvBuf, uint64_t recvCount, HcclDataType recvType,
                        HcclComm comm, aclrtStream stream) {
    acn_collective_call call = {ACN_ALL_TO_ALL, sendBuf, (void *)(uintptr_t)recvBuf,
                                .count = sendCount};
    if (sendType != recvType || sendCount != recvCount)
        return ACN_HCCL(acn_fail(ACN_PARAM_INVALID,
                                 "sendCount %llu of type %d, recvCount %llu of type %d; expected "
                                 "the same",
                                 (unsigned long long)sendCount, (int)sendType,
                                 (unsigned long long)recvCount, (int)recvType));
    return ACN_HCCL(submit(comm, stream, sendType, HCCL_REDUCE_SUM, call));
}

/* AlltoAll of unequal parts: a message to and from every rank. */

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
        messages[i] = (acn_message){is_send, i, buffer, count, dtype};
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
