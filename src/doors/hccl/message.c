/* message.c - sending and receiving, one by one or many at once. Between HcclGroupStart and
 * HcclGroupEnd messages are gathered; the outermost end gives them to their streams. */
#include "doors/hccl/hccl_door.h"
#include "hccl/exchange.h"
#include "hccl/hccl.h"
#include <stdlib.h>

typedef struct gathered {
    acn_comm *comm;
    acn_stream *stream;
    acn_message message;
} gathered;

static _Thread_local struct {
    int depth;
    gathered *items;
    uint32_t count, room;
} group;

static acn_status gather(acn_comm *comm, acn_stream *stream, const acn_message *message) {
    if (group.count == group.room) {
        uint32_t room = group.room == 0 ? 16 : 2 * group.room;
        gathered *items = realloc(group.items, room * sizeof *items);
        if (items == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for messages of a group");
        group.items = items;
        group.room = room;
    }
    acn_comm_retain(comm);
    group.items[group.count++] = (gathered){comm, stream, *message};
    return ACN_OK;
}

static acn_status exchange(const char *name, HcclComm handle, aclrtStream stream_handle,
                           const acn_message *messages, uint32_t count) {
    acn_comm *comm;
    acn_stream *stream;
    ACN_TRY(acn_comm_resolve(handle, &comm));
    ACN_TRY(acn_stream_resolve(stream_handle, &stream));
    if (group.depth == 0) return acn_exchange_submit(comm, name, messages, count, stream);
    for (uint32_t i = 0; i < count; i++)
        ACN_TRY(gather(comm, stream, &messages[i]));
    return ACN_OK;
}

static acn_status exchange_one(const char *name, bool is_send, const void *buffer, uint64_t count,
                               HcclDataType type, uint32_t rank, HcclComm comm,
                               aclrtStream stream) {
    acn_message message = {.is_send = is_send, .rank = rank, .buffer = buffer, .count = count};
    if (comm == NULL) return acn_fail(ACN_NULL_POINTER, "comm is NULL; expected a communicator");
    if (buffer == NULL && count > 0)
        return acn_fail(ACN_NULL_POINTER, "%s is NULL", is_send ? "sendBuf" : "recvBuf");
    ACN_TRY(acn_hccl_dtype(type, &message.dtype));
    return exchange(name, comm, stream, &message, 1);
}

HcclResult HcclSend(void *sendBuf, uint64_t count, HcclDataType dataType, uint32_t destRank,
                    HcclComm comm, aclrtStream stream) {
    return ACN_HCCL(exchange_one("Send", true, sendBuf, count, dataType, destRank, comm, stream));
}

HcclResult HcclRecv(void *recvBuf, uint64_t count, HcclDataType dataType, uint32_t srcRank,
                    HcclComm comm, aclrtStream stream) {
    return ACN_HCCL(exchange_one("Recv", false, recvBuf, count, dataType, srcRank, comm, stream));
}

static acn_status read_item(const HcclSendRecvItem *item, uint32_t i, acn_message *out) {
    if (item->sendRecvType != HCCL_SEND && item->sendRecvType != HCCL_RECV)
        return acn_fail(ACN_PARAM_INVALID,
                        "sendRecvType of item %u is %d; expected HCCL_SEND (0) or HCCL_RECV (1)", i,
                        (int)item->sendRecvType);
    *out = (acn_message){.is_send = item->sendRecvType == HCCL_SEND,
                         .rank = item->remoteRank,
                         .buffer = item->buf,
                         .count = item->count};
    return acn_hccl_dtype(item->dataType, &out->dtype);
}

static acn_status exchange_items(const HcclSendRecvItem *items, uint32_t count, HcclComm comm,
                                 aclrtStream stream) {
    acn_status status = ACN_OK;
    if (count == 0) return acn_fail(ACN_PARAM_INVALID, "itemNum is 0; expected at least one");
    acn_message *messages = calloc(count, sizeof *messages);
    if (messages == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for %u messages", count);
    for (uint32_t i = 0; status == ACN_OK && i < count; i++)
        status = read_item(&items[i], i, &messages[i]);
    if (status == ACN_OK) status = exchange("BatchSendRecv", comm, stream, messages, count);
    free(messages);
    return status;
}

HcclResult HcclBatchSendRecv(HcclSendRecvItem *sendRecvInfo, uint32_t itemNum, HcclComm comm,
                             aclrtStream stream) {
    ACN_HCCL_REQUIRE(sendRecvInfo);
    ACN_HCCL_REQUIRE(comm);
    return ACN_HCCL(exchange_items(sendRecvInfo, itemNum, comm, stream));
}

HcclResult HcclGroupStart(void) {
    group.depth++;
    return HCCL_SUCCESS;
}

/* Gives out those of the first one's communicator and stream, and takes them from the list. */
static acn_status give_first(acn_message *room) {
    gathered first = group.items[0];
    uint32_t count = 0, kept = 0;
    for (uint32_t i = 0; i < group.count; i++) {
        gathered item = group.items[i];
        if (item.comm == first.comm && item.stream == first.stream)
            room[count++] = item.message;
        else
            group.items[kept++] = item;
    }
    group.count = kept;
    acn_status status =
        acn_exchange_submit(first.comm, "a group of messages", room, count, first.stream);
    while (count-- > 0)
        acn_comm_release(first.comm);
    return status;
}

static acn_status end_group(void) {
    acn_status status = ACN_OK;
    if (group.depth == 0)
        return acn_fail(ACN_PARAM_INVALID, "no group is open; call HcclGroupStart first");
    if (--group.depth > 0 || group.count == 0) return ACN_OK;
    acn_message *room = calloc(group.count, sizeof *room);
    if (room == NULL) status = acn_fail(ACN_BAD_ALLOC, "no memory for a group's messages");
    while (group.count > 0) {
        acn_status given = room != NULL ? give_first(room) : ACN_BAD_ALLOC;
        if (room == NULL) acn_comm_release(group.items[--group.count].comm);
        if (status == ACN_OK) status = given;
    }
    free(room);
    free(group.items); /* the thread may end without another group */
    group.items = NULL;
    group.room = 0;
    return status;
}

HcclResult HcclGroupEnd(void) { return ACN_HCCL(end_group()); }
