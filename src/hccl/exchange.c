/* exchange.c - see exchange.h. A sender posts where its data lies, the receiver copies it and says
 * that it has; each rings the other's bell. */
#include "hccl/exchange.h"

#include "base/log.h"
#include "base/thread.h"
#include "device/device.h"
#include "hccl/stage.h"
#include <stdlib.h>
#include <string.h>

typedef enum message_state { WAITING, POSTED, DONE } message_state;

typedef struct part {
    acn_message message;
    acn_stage stage;
    uint64_t offset, number; /* of the message among those of its pair */
    uint32_t before;         /* the part that must be done first: of the same pair and direction */
    message_state state;
} part;

typedef struct exchange {
    acn_comm *comm;
    const char *name;
    uint32_t count;
    part parts[];
} exchange;

static const uint32_t none = UINT32_MAX;

static acn_mailbox *mailbox(const acn_comm *comm, uint32_t from, uint32_t to) {
    return &comm->board->mail[from * comm->ranks + to];
}

static void ring(const acn_comm *comm, uint32_t rank) {
    acn_seat *seat = &comm->board->seats[rank];
    atomic_fetch_add(&seat->bell, 1);
    acn_comm_wake(&seat->bell, &seat->bell_sleepers);
}

static void post(const exchange *e, part *p) {
    acn_comm *comm = e->comm;
    acn_mailbox *box = mailbox(comm, comm->rank, p->message.rank);
    p->number = ++comm->peers[p->message.rank].sent;
    box->offset = p->offset;
    box->count = p->message.count;
    box->dtype = (uint32_t)p->message.dtype;
    p->state = POSTED;
    acn_comm_step(comm);
    if (acn_comm_is_mute(comm)) return;
    atomic_store(&box->posted, p->number);
    ring(comm, p->message.rank);
}

static acn_status check_message(const exchange *e, const part *p, const acn_mailbox *box) {
    const acn_message *m = &p->message;
    if (box->count == m->count && box->dtype == (uint32_t)m->dtype) return ACN_OK;
    return acn_comm_fail(e->comm, ACN_COLLECTIVE_MISMATCH,
                         "this rank's %s expects %llu elements of %s from rank %u (process %d), "
                         "which sends %llu of %s",
                         e->name, (unsigned long long)m->count, acn_dtype_name(m->dtype), m->rank,
                         e->comm->board->seats[m->rank].pid, (unsigned long long)box->count,
                         acn_dtype_name((acn_dtype)box->dtype));
}

static void move(const part *p, const char *from) {
    const acn_message *m = &p->message;
    char *to = acn_window_view(acn_stage_address(&p->stage, m->buffer));
    if (m->is_combined)
        acn_combine(m->op, m->dtype, to, to, from, m->count);
    else
        memcpy(to, from, m->count * acn_dtype_bytes(m->dtype));
}

static acn_status take(const exchange *e, part *p) {
    acn_comm *comm = e->comm;
    const acn_message *m = &p->message;
    acn_mailbox *box = mailbox(comm, m->rank, comm->rank);
    ACN_TRY(check_message(e, p, box));
    ACN_TRY(acn_comm_reach(comm, m->rank));
    if (comm->peers[m->rank].base == NULL)
        return acn_comm_fail(comm, ACN_REMOTE, "rank %u left before this rank's %s had its message",
                             m->rank, e->name);
    bool is_in_place = m->rank == comm->rank && box->offset == p->offset;
    if (m->count > 0 && !is_in_place) move(p, comm->peers[m->rank].base + box->offset);
    p->state = DONE;
    acn_comm_step(comm);
    if (acn_comm_is_mute(comm)) return ACN_OK;
    atomic_store(&box->taken, ++comm->peers[m->rank].got);
    ring(comm, m->rank);
    return ACN_OK;
}

/* Whether something happened. */
static acn_status advance(const exchange *e, part *p, bool *moved) {
    acn_comm *comm = e->comm;
    acn_peer *peer = &comm->peers[p->message.rank];
    if (p->before != none && e->parts[p->before].state != DONE) return ACN_OK;
    if (!p->message.is_send) {
        acn_mailbox *box = mailbox(comm, p->message.rank, comm->rank);
        if (atomic_load(&box->posted) <= peer->got) return ACN_OK;
        *moved = true;
        return take(e, p);
    }
    acn_mailbox *box = mailbox(comm, comm->rank, p->message.rank);
    if (p->state == WAITING) {
        if (atomic_load(&box->taken) < peer->sent) return ACN_OK; /* another task's lies there */
        post(e, p);
        *moved = true;
    } else if (atomic_load(&box->taken) >= p->number) {
        p->state = DONE;
        *moved = true;
    }
    return ACN_OK;
}

/* |first| is the first part that is not done. */
static acn_status pass(exchange *e, uint32_t *first, bool *moved) {
    *first = none;
    *moved = false;
    for (uint32_t i = 0; i < e->count; i++) {
        if (e->parts[i].state != DONE) ACN_TRY(advance(e, &e->parts[i], moved));
        if (e->parts[i].state != DONE && *first == none) *first = i;
    }
    return ACN_OK;
}

/* The communicator is not locked while this waits: what one stream sends may answer what another
 * one gets. */
static acn_status follow(exchange *e) {
    acn_comm *comm = e->comm;
    acn_seat *seat = &comm->board->seats[comm->rank];
    acn_patience patience = {0};
    ACN_TRY(acn_comm_state(comm));
    for (uint32_t i = 0; i < e->count; i++) {
        e->parts[i].state = WAITING;
        acn_stage_fill(&e->parts[i].stage);
    }
    for (;;) {
        uint32_t heard = atomic_load(&seat->bell), first;
        bool moved;
        pthread_mutex_lock(&comm->mutex);
        acn_status status = pass(e, &first, &moved);
        pthread_mutex_unlock(&comm->mutex);
        if (status != ACN_OK || first == none) return status;
        if (moved) {
            patience = (acn_patience){0};
            continue;
        }
        ACN_TRY(acn_comm_pause(comm, &patience, &seat->bell, heard, &seat->bell_sleepers,
                               e->parts[first].message.rank, e->name));
    }
}

static acn_status run(void *data) {
    exchange *e = data;
    acn_seat *seat = &e->comm->board->seats[e->comm->rank];
    atomic_fetch_add(&seat->exchanges, 1);
    acn_status status = acn_comm_end_with(e->comm, follow(e));
    for (uint32_t i = 0; status == ACN_OK && i < e->count; i++)
        if (!e->parts[i].message.is_send) acn_stage_return(&e->parts[i].stage);
    acn_comm_end_waits(e->comm, true);
    atomic_fetch_sub(&seat->exchanges, 1);
    return status;
}

static void unmake(exchange *e) {
    for (uint32_t i = 0; i < e->count; i++)
        acn_stage_end(&e->parts[i].stage);
    free(e);
}

static void drop(void *data) {
    exchange *e = data;
    acn_comm *comm = e->comm;
    unmake(e);
    acn_comm_release(comm);
}

static void tell_touches(const void *data, acn_touch_fn touch, void *context) {
    const exchange *e = data;
    for (uint32_t i = 0; i < e->count; i++) {
        const acn_message *m = &e->parts[i].message;
        if (m->count > 0)
            touch(context, m->buffer, m->count * acn_dtype_bytes(m->dtype), !m->is_send);
    }
}

static acn_status prepare(const acn_comm *comm, exchange *e, uint32_t i) {
    part *p = &e->parts[i];
    const acn_message *m = &p->message;
    if (m->rank >= comm->ranks)
        return acn_fail(ACN_PARAM_INVALID, "the other rank of message %u is %u; expected 0 to %u",
                        i, m->rank, comm->ranks - 1);
    if (m->count > UINT64_MAX / 16)
        return acn_fail(ACN_PARAM_INVALID, "the count of message %u is %llu", i,
                        (unsigned long long)m->count);
    p->before = none;
    for (uint32_t j = 0; j < i; j++)
        if (e->parts[j].message.is_send == m->is_send &&
            (e->parts[j].message.rank == m->rank || m->is_combined))
            p->before = j;
    if (m->count == 0) return ACN_OK;
    if (m->buffer == NULL) return acn_fail(ACN_NULL_POINTER, "the buffer of message %u is NULL", i);
    return acn_stage_locate(&p->stage, comm->device, m->is_send ? "sendBuf" : "recvBuf", m->buffer,
                            m->count * acn_dtype_bytes(m->dtype), &p->offset);
}

acn_status acn_exchange_submit(acn_comm *comm, const char *name, const acn_message *messages,
                               uint32_t count, acn_stream *stream) {
    acn_status status;
    if (acn_stream_device(stream) != comm->device)
        return acn_fail(ACN_PARAM_INVALID, "the stream is of device %d, the communicator of %d",
                        acn_stream_device(stream), comm->device);
    ACN_TRY(acn_comm_check_open(comm));
    exchange *e = calloc(1, sizeof *e + count * sizeof e->parts[0]);
    if (e == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for %u messages", count);
    *e = (exchange){.comm = comm, .name = name, .count = count};
    for (uint32_t i = 0; i < count; i++) {
        e->parts[i].message = messages[i];
        ACN_TRY_OR(free_exchange, prepare(comm, e, i));
    }
    if (comm->logs_calls)
        ACN_LOG("HCCL", ACN_LOG_EVENT,
                "entry %s: group %s, rank %u of %u, device %d, stream %u, %u messages", name,
                comm->name, comm->rank, comm->ranks, comm->device, acn_stream_id(stream), count);
    acn_comm_retain(comm);
    return acn_stream_submit(stream, &(acn_task){.run = run,
                                                 .drop = drop,
                                                 .data = e,
                                                 .flags = ACN_TASK_CAN_BLOCK,
                                                 .name = name,
                                                 .touches = tell_touches});
free_exchange:
    unmake(e);
    return status;
}
