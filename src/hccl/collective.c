/* collective.c - see collective.h. */
#include "hccl/collective.h"

#include "base/log.h"
#include "base/slab.h"
#include "hccl/peer.h"

enum { MAX_RUNS = 1 << 18 };

static acn_slab slab = ACN_SLAB("collective", sizeof(acn_collective_run), MAX_RUNS);

/* Its output is its input, and is not written. */
static bool is_source_of_broadcast(const acn_comm *comm, const acn_collective_call *call) {
    return call->collective == ACN_BROADCAST && comm->rank == call->root;
}

static acn_status run(void *data) {
    acn_collective_run *r = data;
    acn_seat *seat = &r->comm->board->seats[r->comm->rank];
    pthread_mutex_lock(&r->comm->mutex);
    atomic_store_explicit(&seat->collectives, 1, memory_order_relaxed);
    acn_stage_fill(&r->stages[0]);
    acn_status status = acn_comm_end_with(r->comm, acn_collective_execute(r));
    bool is_written = status == ACN_OK && !is_source_of_broadcast(r->comm, &r->call);
    if (is_written) acn_stage_return(&r->stages[r->call.collective != ACN_BROADCAST]);
    acn_comm_end_waits(r->comm, false);
    atomic_store_explicit(&seat->collectives, 0, memory_order_relaxed);
    pthread_mutex_unlock(&r->comm->mutex);
    return status;
}

static void unprepare(acn_collective_run *prepared) {
    acn_stage_end(&prepared->stages[0]);
    acn_stage_end(&prepared->stages[1]);
}

static void drop(void *data) {
    acn_collective_run *r = data;
    unprepare(r);
    acn_comm_release(r->comm);
    acn_slab_free(&slab, r);
}

/* Bytes of the input (0) or output (1), as far as this rank has one. */
static uint64_t buffer_bytes(const acn_comm *comm, const acn_collective_call *call, int output) {
    bool is_roots = (call->collective == ACN_REDUCE && output == 1) ||
                    (call->collective == ACN_SCATTER && output == 0);
    if (call->collective == ACN_BARRIER || (is_roots && comm->rank != call->root)) return 0;
    bool is_many = call->collective == ACN_ALL_TO_ALL ||
                   call->collective == (output == 1 ? ACN_ALL_GATHER : ACN_REDUCE_SCATTER) ||
                   (call->collective == ACN_SCATTER && output == 0);
    return call->count * acn_dtype_bytes(call->dtype) * (is_many ? comm->ranks : 1);
}

static void tell_touches(const void *data, acn_touch_fn touch, void *context) {
    const acn_collective_run *r = data;
    uint64_t in = buffer_bytes(r->comm, &r->call, 0), out = buffer_bytes(r->comm, &r->call, 1);
    const acn_stage *stages = r->stages;
    const void *source = stages[0].memory != NULL ? stages[0].client : r->call.in;
    const void *sink = stages[1].memory != NULL ? stages[1].client : r->call.out;
    if (r->call.collective == ACN_BROADCAST) sink = source;
    if (in > 0) touch(context, source, in, false);
    if (out > 0 && !is_source_of_broadcast(r->comm, &r->call)) touch(context, sink, out, true);
}

/* The input (0) or the output (1). */
static acn_status locate(acn_collective_run *r, int i) {
    const void *address = i == 0 ? r->call.in : r->call.out;
    const char *what = i == 0 ? "sendBuf" : "recvBuf";
    uint64_t bytes = buffer_bytes(r->comm, &r->call, i);
    r->offsets[i] = ACN_NO_OFFSET;
    if (bytes == 0) return ACN_OK;
    if (address == NULL)
        return acn_fail(ACN_NULL_POINTER, "%s is NULL; expected %llu bytes of device memory", what,
                        (unsigned long long)bytes);
    return acn_stage_locate(&r->stages[i], r->comm->device, what, address, bytes, &r->offsets[i]);
}

/* The two buffers may be one where the interface says so, and are apart otherwise. */
static acn_status check_overlap(const acn_comm *comm, const acn_collective_call *call) {
    uint64_t in = (uintptr_t)call->in, out = (uintptr_t)call->out, block;
    uint64_t in_bytes = buffer_bytes(comm, call, 0), out_bytes = buffer_bytes(comm, call, 1);
    if (in_bytes == 0 || out_bytes == 0 || in >= out + out_bytes || out >= in + in_bytes)
        return ACN_OK;
    block = call->count * acn_dtype_bytes(call->dtype) * comm->rank;
    bool is_allowed = in_bytes == out_bytes  ? in == out && call->collective != ACN_ALL_TO_ALL
                      : in_bytes < out_bytes ? in == out + block
                                             : out == in + block;
    if (is_allowed) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID,
                    "sendBuf %p (%llu bytes) and recvBuf %p (%llu bytes) overlap; %s", call->in,
                    (unsigned long long)in_bytes, call->out, (unsigned long long)out_bytes,
                    call->collective == ACN_ALL_TO_ALL
                        ? "they must be apart"
                        : "they must be apart, or this rank's own part must lie at the same place");
}

static acn_status check(const acn_comm *comm, const acn_collective_call *call) {
    if (acn_collective_has_root(call->collective) && call->root >= comm->ranks)
        return acn_fail(ACN_PARAM_INVALID, "root is %u; expected a rank from 0 to %u", call->root,
                        comm->ranks - 1);
    uint64_t most = UINT64_MAX / 16 / ACN_MAX_RANKS;
    if (call->count > most)
        return acn_fail(ACN_PARAM_INVALID, "count is %llu; expected at most %llu",
                        (unsigned long long)call->count, (unsigned long long)most);
    return acn_comm_check_open(comm);
}

static acn_status prepare(acn_comm *comm, const acn_collective_call *call,
                          acn_collective_run *out) {
    *out = (acn_collective_run){.comm = comm, .call = *call};
    ACN_TRY(check(comm, call));
    ACN_TRY(check_overlap(comm, call));
    for (int i = 0; i < (call->collective == ACN_BROADCAST ? 1 : 2); i++)
        ACN_TRY(locate(out, i));
    out->call.in = acn_stage_address(&out->stages[0], call->in);
    out->call.out = acn_stage_address(&out->stages[1], call->out);
    if (call->collective == ACN_BROADCAST) { /* one and the same buffer */
        out->offsets[1] = out->offsets[0];
        out->call.out = (void *)(uintptr_t)out->call.in;
    }
    bool is_cut = acn_collective_is_whole(call->collective);
    uint64_t bytes = call->count * acn_dtype_bytes(call->dtype) * (is_cut ? 1 : comm->ranks);
    return acn_comm_plan(comm, call->collective, call->root, bytes, &out->plan);
}

static void log_call(const acn_comm *comm, const acn_collective_call *call,
                     const acn_stream *stream) {
    ACN_LOG("HCCL", ACN_LOG_EVENT,
            "entry %s: group %s, rank %u of %u, device %d, stream %u, sendBuf %p, recvBuf %p, "
            "count %llu, type %s, op %s, root %u",
            acn_collective_name(call->collective), comm->name, comm->rank, comm->ranks,
            comm->device, acn_stream_id(stream), call->in, call->out,
            (unsigned long long)call->count, acn_dtype_name(call->dtype),
            acn_combine_name(call->op), call->root);
}

acn_status acn_collective_submit(acn_comm *comm, const acn_collective_call *call,
                                 acn_stream *stream) {
    if (acn_stream_device(stream) != comm->device)
        return acn_fail(ACN_PARAM_INVALID, "the stream is of device %d, the communicator of %d",
                        acn_stream_device(stream), comm->device);
    acn_collective_run *r = acn_slab_alloc(&slab);
    if (r == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d collectives are queued, which is the most", MAX_RUNS);
    acn_status status = prepare(comm, call, r);
    bool is_empty = call->count == 0 && call->collective != ACN_BARRIER;
    if (status != ACN_OK || is_empty) {
        unprepare(r);
        acn_slab_free(&slab, r);
        return status;
    }
    if (comm->logs_calls) log_call(comm, call, stream);
    acn_comm_retain(comm);
    return acn_stream_submit(stream, &(acn_task){.run = run,
                                                 .drop = drop,
                                                 .data = r,
                                                 .flags = ACN_TASK_CAN_BLOCK,
                                                 .name = acn_collective_name(call->collective),
                                                 .touches = tell_touches});
}
