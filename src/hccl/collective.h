/* collective.h - collectives as tasks of a stream. Counts are in elements, buffers are device
 * memory of the communicator's device. */
#ifndef ACN_HCCL_COLLECTIVE_H
#define ACN_HCCL_COLLECTIVE_H

#include "hccl/combine.h"
#include "hccl/comm.h"
#include "hccl/stage.h"

typedef struct acn_collective_call {
    acn_collective collective;
    const void *in; /* NULL where this rank gives or takes nothing */
    void *out;
    uint64_t count; /* of a block, or of the whole; see acn_collective */
    acn_dtype dtype;
    acn_combine_op op;
    uint32_t root;
} acn_collective_call;

/* Checks the call and gives it to |stream|. */
acn_status acn_collective_submit(acn_comm *comm, const acn_collective_call *call,
                                 acn_stream *stream);

/* execute.c: what the stream's thread does. */
typedef struct acn_collective_run {
    acn_comm *comm;
    const acn_plan *plan;
    acn_collective_call call;
    uint64_t offsets[2]; /* of in and out in the device's memory */
    acn_stage stages[2]; /* their copies, if they need any; |call| then has those */
} acn_collective_run;
acn_status acn_collective_execute(acn_collective_run *run);

#endif
