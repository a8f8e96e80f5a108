/* collective.c - collective operations, given to a stream. */
#include "doors/hccl/hccl_door.h"
#include "hccl/hccl.h"

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
