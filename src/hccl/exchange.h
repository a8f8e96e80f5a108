/* exchange.h - messages between pairs of ranks, many at once: Send, Recv, BatchSendRecv, and
 * AlltoAll,
 * AllGather and ReduceScatter of unequal parts. Data goes in one copy, which the receiver makes. */
#ifndef ACN_HCCL_EXCHANGE_H
#define ACN_HCCL_EXCHANGE_H

#include "hccl/combine.h"
#include "hccl/comm.h"

typedef struct acn_message {
    bool is_send;
    uint32_t rank; /* the other one; may be this one */
    const void *buffer;
    uint64_t count;
    acn_dtype dtype;
    /* Of those that arrive: combined with what lies in |buffer|, after all that stand before it in
     * the call have arrived. So a sum has an order. */
    bool is_combined;
    acn_combine_op op;
} acn_message;

/* Messages of one pair of ranks keep their order; otherwise they do not wait for one another.
 * |name| is a static text. |messages| is copied. */
acn_status acn_exchange_submit(acn_comm *comm, const char *name, const acn_message *messages,
                               uint32_t count, acn_stream *stream);

#endif
