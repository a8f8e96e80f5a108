/* execute.c - runs plans: the one place where steps become waits, copies and reductions. */
#include "hccl/collective.h"

#include "base/thread.h"
#include "device/device.h"
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum {
    TILE_BYTES = 64 << 10, /* sums of several ranks stay in the cache while they grow */
    ALIGN_BYTES = 64,      /* blocks of a vector begin on a line of the cache */
};

/* Which part of each block is worked on, in elements. A block of which scratch memory holds less
 * is worked on in pieces. */
typedef struct geometry {
    uint64_t stride, piece, first, total; /* |total| of a vector that is cut; else UINT64_MAX */
    size_t element_bytes;
} geometry;

static geometry cut(const acn_collective_run *r) {
    const acn_plan *plan = r->plan;
    geometry g = {.total = UINT64_MAX, .element_bytes = acn_dtype_bytes(r->call.dtype)};
    g.stride = r->call.count;
    if (acn_collective_is_whole(plan->collective)) {
        uint64_t unit = ALIGN_BYTES / g.element_bytes;
        uint64_t blocks = plan->whole_blocks;
        g.total = r->call.count;
        g.stride = ((g.total + blocks - 1) / blocks + unit - 1) / unit * unit;
    }
    g.piece = g.stride;
    if (plan->scratch_blocks > 0) {
        uint64_t room = ACN_SCRATCH_BYTES / (plan->alternates ? 2 : 1);
        uint64_t most = room / plan->scratch_blocks / g.element_bytes;
        if (g.piece > most) g.piece = most;
    }
    return g;
}

/* Entering and meeting. */

static uint64_t number_of(const char *name) {
    uint64_t number = 14695981039346656037u;
    for (; *name != '\0'; name++)
        number = (number ^ (unsigned char)*name) * 1099511628211u;
    return number;
}

static void signal_phase(acn_comm *comm, uint32_t phase) {
    acn_seat *seat = &comm->board->seats[comm->rank];
    if (acn_comm_is_mute(comm)) return;
    atomic_store(&seat->progress, acn_progress(comm->sequence, phase));
    acn_comm_wake(acn_low_half(&seat->progress), &seat->sleepers);
}

static void enter(const acn_collective_run *r) {
    acn_comm *comm = r->comm;
    acn_entry *entry = &comm->board->seats[comm->rank].entries[++comm->sequence % 2];
    atomic_store_explicit(&entry->sequence, 0, memory_order_relaxed);
    acn_fence(memory_order_release); /* who still reads sees that before what follows */
    entry->collective = r->call.collective;
    entry->dtype = (uint32_t)r->call.dtype;
    entry->op = r->call.op;
    entry->root = r->call.root;
    entry->count = r->call.count;
    entry->algorithm = number_of(r->plan->algorithm->name);
    entry->in = r->offsets[0];
    entry->out = r->offsets[1];
    atomic_store_explicit(&entry->sequence, comm->sequence, memory_order_release);
    atomic_store_explicit(&comm->board->seats[comm->rank].cpu, sched_getcpu(),
                          memory_order_relaxed);
    signal_phase(comm, 0);
}

static acn_status differ(const acn_collective_run *r, uint32_t rank, const char *what,
                         const char *mine, const char *theirs) {
    return acn_comm_fail(r->comm, ACN_COLLECTIVE_MISMATCH,
                         "this rank called %s with %s %s, rank %u (process %d) with %s; all must "
                         "make the same calls in the same order",
                         acn_collective_name(r->call.collective), what, mine, rank,
                         r->comm->board->seats[rank].pid, theirs);
}

static acn_status check_numbers(const acn_collective_run *r, uint32_t rank,
                                const acn_entry *entry) {
    char mine[24], theirs[24];
    uint64_t count = r->call.count;
    if (entry->root != r->call.root || entry->count != count) {
        bool is_root = entry->root != r->call.root;
        snprintf(mine, sizeof mine, "%llu", (unsigned long long)(is_root ? r->call.root : count));
        snprintf(theirs, sizeof theirs, "%llu",
                 (unsigned long long)(is_root ? entry->root : entry->count));
        return differ(r, rank, is_root ? "root" : "count", mine, theirs);
    }
    return ACN_OK;
}

/* What the other rank called must be what we did. */
static acn_status check_entry(const acn_collective_run *r, uint32_t rank, const acn_entry *entry) {
    const acn_collective_call *call = &r->call;
    if (entry->collective != call->collective)
        return differ(r, rank, "the name", acn_collective_name(call->collective),
                      acn_collective_name((acn_collective)entry->collective));
    if (entry->dtype != (uint32_t)call->dtype)
        return differ(r, rank, "dataType", acn_dtype_name(call->dtype),
                      acn_dtype_name((acn_dtype)entry->dtype));
    if (entry->op != call->op)
        return differ(r, rank, "op", acn_combine_name(call->op),
                      acn_combine_name((acn_combine_op)entry->op));
    ACN_TRY(check_numbers(r, rank, entry));
    if (entry->algorithm != number_of(r->plan->algorithm->name))
        return differ(r, rank, "algorithm", r->plan->algorithm->name, "another (HCCL_ALGO)");
    return ACN_OK;
}

/* Reads where the other rank's buffers are, once in each collective. A rank from which nothing is
 * read may have gone on already; then there is nothing to learn. */
static acn_status meet(const acn_collective_run *r, uint32_t rank) {
    acn_comm *comm = r->comm;
    acn_peer *peer = &comm->peers[rank];
    acn_entry *entry = &comm->board->seats[rank].entries[comm->sequence % 2], copy;
    if (peer->met == comm->sequence) return ACN_OK;
    peer->met = comm->sequence;
    peer->buffers[0] = peer->buffers[1] = NULL;
    if (atomic_load(&entry->sequence) != comm->sequence) return ACN_OK;
    memcpy((void *)&copy, (const void *)entry, sizeof copy);
    acn_fence(memory_order_acquire);
    if (atomic_load(&entry->sequence) != comm->sequence) return ACN_OK;
    ACN_TRY(check_entry(r, rank, &copy));
    if (!r->plan->reads_buffers) return ACN_OK; /* it may be gone by now */
    ACN_TRY(acn_comm_reach(comm, rank));
    if (peer->base == NULL) return ACN_OK;
    peer->buffers[0] = copy.in != ACN_NO_OFFSET ? peer->base + copy.in : NULL;
    peer->buffers[1] = copy.out != ACN_NO_OFFSET ? peer->base + copy.out : NULL;
    return ACN_OK;
}

static acn_status wait_for(const acn_collective_run *r, const acn_step *step) {
    acn_comm *comm = r->comm;
    acn_seat *seat = &comm->board->seats[step->rank];
    bool is_before = step->phase == ACN_PHASE_BEFORE;
    uint64_t target =
        is_before ? acn_progress(comm->sequence - 1, 0) : acn_progress(comm->sequence, step->phase);
    uint64_t seen;
    acn_patience patience = {0};
    while ((seen = atomic_load_explicit(&seat->progress, memory_order_acquire)) < target) {
        /* Who called something else may never get there. */
        if (seen >= acn_progress(comm->sequence, 0)) ACN_TRY(meet(r, step->rank));
        ACN_TRY(acn_comm_pause(comm, &patience, acn_low_half(&seat->progress), (uint32_t)seen,
                               &seat->sleepers, step->rank,
                               acn_collective_name(r->call.collective)));
    }
    return is_before ? ACN_OK : meet(r, step->rank);
}

/* Work. */

static char *address(const acn_collective_run *r, const geometry *g, acn_place place) {
    acn_comm *comm = r->comm;
    if (place.buffer == ACN_SCRATCH) {
        bool alternates = r->plan->alternates, is_second = alternates && comm->sequence % 2 == 1;
        return comm->board->scratch[place.rank][!alternates] +
               (is_second ? ACN_SCRATCH_BYTES / 2 : 0) + place.block * g->piece * g->element_bytes;
    }
    char *base = comm->peers[place.rank].buffers[place.buffer];
    return base + (place.block * g->stride + g->first) * g->element_bytes;
}

/* Elements at |place|, of |blocks| blocks that are worked on whole, or of a piece of one. */
static uint64_t length_at(const geometry *g, acn_place place, uint64_t blocks) {
    uint64_t length = g->stride - g->first;
    if (length > g->piece) length = g->piece;
    if (blocks > 1) length = blocks * g->stride;
    if (place.buffer == ACN_SCRATCH || g->total == UINT64_MAX) return length;
    uint64_t at = place.block * g->stride + g->first;
    uint64_t left = at < g->total ? g->total - at : 0;
    return length < left ? length : left;
}

static uint64_t length_of(const geometry *g, const acn_step *step, uint64_t blocks) {
    uint64_t a = length_at(g, step->a, blocks), b = length_at(g, step->b, blocks);
    uint64_t to = length_at(g, step->to, blocks);
    uint64_t shorter = a < b ? a : b;
    return shorter < to ? shorter : to;
}

/* A plan holds whoever is read from; one who called something else is not held. */
static bool has_buffer(const acn_collective_run *r, acn_place place) {
    return place.buffer == ACN_SCRATCH || r->comm->peers[place.rank].buffers[place.buffer] != NULL;
}

static bool is_there(const acn_collective_run *r, const acn_step *step) {
    return has_buffer(r, step->a) && has_buffer(r, step->b);
}

static acn_status check_sources(const acn_collective_run *r, const acn_step *step) {
    if (is_there(r, step)) return ACN_OK;
    acn_place place = has_buffer(r, step->a) ? step->b : step->a;
    return acn_comm_fail(r->comm, ACN_COLLECTIVE_MISMATCH,
                         "rank %u did not enter this %s or gave it no buffer; all must make the "
                         "same calls in the same order",
                         place.rank, acn_collective_name(r->call.collective));
}

static bool is_same_place(acn_place a, acn_place b) {
    return a.rank == b.rank && a.buffer == b.buffer && a.block == b.block;
}

/* Reductions that follow one another into one place, tile by tile. Returns how many. */
static uint32_t reduce(const acn_collective_run *r, const geometry *g, const acn_step *steps,
                       uint32_t most) {
    uint32_t count = 1;
    uint64_t length = length_of(g, steps, steps->blocks);
    while (count < most && steps[count].kind == ACN_STEP_REDUCE &&
           is_same_place(steps[count].to, steps->to) && steps[count].blocks == steps->blocks &&
           is_there(r, &steps[count]))
        count++;
    uint64_t tile = count > 1 ? TILE_BYTES / g->element_bytes : length;
    for (uint64_t at = 0; at < length; at += tile) {
        uint64_t n = length - at < tile ? length - at : tile;
        for (uint32_t i = 0; i < count; i++)
            acn_combine(r->call.op, r->call.dtype,
                        address(r, g, steps[i].to) + at * g->element_bytes,
                        address(r, g, steps[i].a) + at * g->element_bytes,
                        address(r, g, steps[i].b) + at * g->element_bytes, n);
    }
    return count;
}

static void copy(const acn_collective_run *r, const geometry *g, const acn_step *step) {
    char *to = address(r, g, step->to);
    const char *from = address(r, g, step->a);
    uint64_t length = length_of(g, step, step->blocks);
    if (to != from) memcpy(to, from, length * g->element_bytes);
}

static acn_status run_steps(const acn_collective_run *r, const geometry *g) {
    const acn_plan *plan = r->plan;
    for (uint32_t i = 0; i < plan->count;) {
        const acn_step *step = &plan->steps[i];
        uint32_t done = 1;
        acn_comm_step(r->comm);
        if (step->kind == ACN_STEP_COPY || step->kind == ACN_STEP_REDUCE)
            ACN_TRY(check_sources(r, step));
        if (step->kind == ACN_STEP_WAIT) ACN_TRY(wait_for(r, step));
        if (step->kind == ACN_STEP_SIGNAL) signal_phase(r->comm, step->phase);
        if (step->kind == ACN_STEP_COPY) copy(r, g, step);
        if (step->kind == ACN_STEP_REDUCE) done = reduce(r, g, step, plan->count - i);
        i += done;
    }
    return ACN_OK;
}

acn_status acn_collective_execute(acn_collective_run *r) {
    acn_comm *comm = r->comm;
    acn_peer *self = &comm->peers[comm->rank];
    geometry g = cut(r);
    ACN_TRY(acn_comm_state(comm));
    /* Broadcast has one buffer, which the root reads and the others write. */
    self->buffers[0] = acn_window_view(r->call.in);
    self->buffers[1] = acn_window_view(r->call.out);
    do {
        enter(r);
        ACN_TRY(run_steps(r, &g));
        g.first += g.piece;
    } while (g.first < g.stride);
    return ACN_OK;
}
