/* collective.c - see collective.h. */
#include "hccl/collective.h"

#include "base/report.h"
#include "base/slab.h"
#include "hccl/peer.h"

enum { MAX_RUNS = 1 << 18 };

static acn_slab slab = ACN_SLAB("collective", sizeof(acn_collective_run), MAX_RUNS);

static acn_status run(void *data) {
    acn_collective_run *r = data;
    pthread_mutex_lock(&r->comm->mutex);
    acn_status status = acn_collective_execute(r);
    pthread_mutex_unlock(&r->comm->mutex);
    return status;
}

static void drop(void *data) {
    acn_collective_run *r = data;
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
    bool is_source = r->call.collective == ACN_BROADCAST && r->comm->rank == r->call.root;
    if (in > 0) touch(context, r->call.in, in, false);
    if (out > 0 && !is_source) touch(context, r->call.out, out, true);
}

static acn_status locate(const acn_comm *comm, const char *what, const void *address,
                         uint64_t bytes, uint64_t *out) {
    *out = ACN_NO_OFFSET;
    if (bytes == 0) return ACN_OK;
    if (address == NULL)
        return acn_fail(ACN_NULL_POINTER, "%s is NULL; expected %llu bytes of device memory", what,
                        (unsigned long long)bytes);
    return acn_peer_locate(comm->device, what, address, bytes, out);
}

/* The two buffers may be one where the interface says so, and are apart otherwise. */
static acn_status check_overlap(const acn_comm *comm, const acn_collective_call *call,
                                const acn_collective_run *r) {
    uint64_t in = r->offsets[0], out = r->offsets[1], block;
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
    return acn_comm_state(comm);
}

static acn_status prepare(acn_comm *comm, const acn_collective_call *call,
                          acn_collective_run *out) {
    ACN_TRY(check(comm, call));
    *out = (acn_collective_run){.comm = comm, .call = *call};
    for (int i = 0; i < 2; i++)
        ACN_TRY(locate(comm, i == 0 ? "sendBuf" : "recvBuf", i == 0 ? call->in : call->out,
                       buffer_bytes(comm, call, i), &out->offsets[i]));
    ACN_TRY(check_overlap(comm, call, out));
    bool is_cut = acn_collective_is_whole(call->collective);
    uint64_t bytes = call->count * acn_dtype_bytes(call->dtype) * (is_cut ? 1 : comm->ranks);
    return acn_comm_plan(comm, call->collective, call->root, bytes, &out->plan);
}

acn_status acn_collective_submit(acn_comm *comm, const acn_collective_call *call,
                                 acn_stream *stream) {
    acn_collective_run prepared, *r;
    if (acn_stream_device(stream) != comm->device)
        return acn_fail(ACN_PARAM_INVALID, "the stream is of device %d, the communicator of %d",
                        acn_stream_device(stream), comm->device);
    ACN_TRY(prepare(comm, call, &prepared));
    if (call->count == 0 && call->collective != ACN_BARRIER) return ACN_OK;
    if ((r = acn_slab_alloc(&slab)) == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d collectives are queued, which is the most", MAX_RUNS);
    *r = prepared;
    acn_comm_retain(comm);
    return acn_stream_submit(stream, &(acn_task){.run = run,
                                                 .drop = drop,
                                                 .data = r,
                                                 .flags = ACN_TASK_CAN_BLOCK,
                                                 .name = acn_collective_name(call->collective),
                                                 .touches = tell_touches});
}
