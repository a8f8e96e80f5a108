/* wait.c - waiting for other ranks, and how waiting ends; see comm.h. */
#include "hccl/comm.h"

#include "base/thread.h"
#include "device/device.h"
#include "hccl/peer.h"
#include "hccl/why.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A hand-over between threads that are awake takes some spins. Together with yielding, which lets a
 * rank that shares our CPU run, looking lasts longer than waking does: else each of two ranks would
 * find the other asleep, again and again. On a machine with much else to do a yield takes long, and
 * then we had better sleep. */
enum { SPIN_ROUNDS = 64, YIELD_ROUNDS = 256, YIELD_NS = 2000000, LOOK_UP_NS = 50000000 };

void acn_comm_wake(_Atomic uint32_t *word, _Atomic uint32_t *sleepers) {
    if (atomic_load(sleepers) != 0) acn_futex_wake_shared(word, INT_MAX);
}

/* Failing. */

static void wake_all(acn_board *board, uint32_t ranks) {
    for (uint32_t i = 0; i < ranks; i++) {
        acn_seat *seat = &board->seats[i];
        acn_futex_wake_shared(acn_low_half(&seat->progress), INT_MAX);
        acn_futex_wake_shared(&seat->bell, INT_MAX);
    }
}

acn_status acn_comm_fail(acn_comm *comm, acn_status status, const char *format, ...) {
    char text[ACN_BOARD_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    acn_board *board = comm->board;
    uint32_t seen = atomic_load(&board->failed), era = atomic_load(&comm->era);
    bool is_first = false;
    while (seen >> 1 < era && !is_first)
        is_first = atomic_compare_exchange_strong(&board->failed, &seen, era << 1);
    if (is_first) {
        board->failed_rank = comm->rank;
        board->failed_status = status;
        memcpy(board->failed_text, text, sizeof text);
        atomic_store(&board->failed, era << 1 | 1);
        wake_all(board, comm->ranks);
    }
    return acn_fail(status, "rank %u of %s: %s", comm->rank, comm->name, text);
}

acn_status acn_comm_end_with(acn_comm *comm, acn_status status) {
    if (status == ACN_OK || acn_comm_has_failed(comm)) return status;
    char *text = acn_error_clone();
    acn_comm_fail(comm, status, "%s", text != NULL ? text : acn_status_title(status));
    free(text);
    return status;
}

acn_status acn_comm_state(const acn_comm *comm) {
    const acn_board *board = comm->board;
    if (!acn_comm_has_failed(comm)) return ACN_OK;
    const acn_seat *seat = &board->seats[board->failed_rank];
    while (atomic_load(&board->failed) % 2 == 0) /* the text is being written */
        sched_yield();
    return acn_fail(ACN_REMOTE,
                    "communicator %s has failed: rank %u (process %d on %s, device %d) reported: "
                    "%s",
                    comm->name, board->failed_rank, seat->pid, seat->host, seat->device,
                    board->failed_text);
}

/* One that is a zombie has ended. */
bool acn_comm_is_dead(acn_comm *comm, uint32_t rank) {
    acn_peer *peer = &comm->peers[rank];
    pid_t pid = comm->board->seats[rank].pid;
    if (pid == getpid()) return false;
    int none = -1, file = atomic_load(&peer->pidfd);
    if (file < 0) {
        if ((file = (int)syscall(SYS_pidfd_open, pid, 0)) < 0) return errno == ESRCH;
        if (!atomic_compare_exchange_strong(&peer->pidfd, &none, file)) {
            close(file);
            file = none;
        }
    }
    struct pollfd ended = {.fd = file, .events = POLLIN};
    return poll(&ended, 1, 0) == 1;
}

/* |rank| will do no more than it has done. */
static acn_status gone(acn_comm *comm, uint32_t rank, bool has_left, const char *what) {
    const acn_seat *seat = &comm->board->seats[rank];
    if (has_left)
        return acn_comm_fail(
            comm, ACN_REMOTE,
            "rank %u (process %d) destroyed the communicator, while this one waits "
            "for it in %s; all ranks must make the same calls",
            rank, seat->pid, what);
    return acn_comm_fail(comm, ACN_REMOTE,
                         "process %d on %s, which is rank %u on device %d, has ended, while this "
                         "rank waits for it in %s; look at its log first",
                         seat->pid, seat->host, rank, seat->device, what);
}

acn_status acn_comm_look(acn_comm *comm) {
    ACN_TRY(acn_comm_state(comm));
    for (uint32_t i = 0; i < comm->ranks; i++)
        if (atomic_load(&comm->board->seats[i].state) == ACN_SEAT_TAKEN &&
            acn_comm_is_dead(comm, i))
            return gone(comm, i, false, "no operation");
    return ACN_OK;
}

static acn_status look_up(acn_comm *comm, const acn_patience *patience, uint32_t rank,
                          const char *what) {
    const acn_seat *seat = &comm->board->seats[rank];
    if (acn_task_shall_give_up())
        return acn_comm_fail(comm, ACN_STREAM_ABORT, "its stream was aborted in %s", what);
    if (patience->deadline_ns < 0 || acn_clock_ns() < patience->deadline_ns) return ACN_OK;
    acn_why_tell(comm->board, stderr);
    return acn_comm_fail(comm, ACN_COLLECTIVE_TIMEOUT,
                         "waited %lld s for rank %u (process %d on %s, device %d) in %s; look what "
                         "it does instead (`anycann hccl-why PID`), or raise HCCL_EXEC_TIMEOUT",
                         (long long)comm->timeout_ms / 1000, rank, seat->pid, seat->host,
                         seat->device, what);
}

static void note(acn_comm *comm, const void *word, uint32_t rank, const char *what,
                 int64_t now_ns) {
    acn_seat *seat = &comm->board->seats[comm->rank];
    acn_wait_note *n = &seat->notes[word == (const void *)&seat->bell];
    n->rank = rank;
    snprintf(n->what, sizeof n->what, "%s", what);
    atomic_store(&n->since_ns, now_ns);
}

/* A scheduler that sees two threads wait by turns on one CPU leaves them there for long. The one of
 * the higher rank goes to a CPU where none of the others is, if it may run there, and may be moved
 * on from there. */
static void part_from(const acn_comm *comm, uint32_t rank) {
    cpu_set_t allowed, others, chosen;
    int here = sched_getcpu();
    if (comm->rank < rank || atomic_load(&comm->board->seats[rank].cpu) != here) return;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    CPU_ZERO(&others);
    CPU_ZERO(&chosen);
    for (uint32_t i = 0; i < comm->ranks; i++) {
        int cpu = atomic_load(&comm->board->seats[i].cpu);
        if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(cpu, &others);
    }
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || CPU_ISSET(cpu, &others)) continue;
        CPU_SET(cpu, &chosen);
        if (sched_setaffinity(0, sizeof chosen, &chosen) == 0)
            sched_setaffinity(0, sizeof allowed, &allowed);
        return;
    }
}

acn_status acn_comm_pause(acn_comm *comm, acn_patience *patience, _Atomic uint32_t *word,
                          uint32_t seen, _Atomic uint32_t *sleepers, uint32_t rank,
                          const char *what) {
    uint32_t round = patience->rounds++;
    if (round < SPIN_ROUNDS) {
        acn_pause();
        return ACN_OK;
    }
    int64_t now_ns = acn_clock_ns();
    if (round == SPIN_ROUNDS) {
        patience->yields_until_ns = now_ns + YIELD_NS;
        part_from(comm, rank);
    }
    if (round < SPIN_ROUNDS + YIELD_ROUNDS && now_ns < patience->yields_until_ns) {
        sched_yield();
        return ACN_OK;
    }
    if (patience->deadline_ns == 0) {
        patience->deadline_ns = comm->timeout_ms < 0 ? -1 : now_ns + comm->timeout_ms * 1000000;
        note(comm, word, rank, what, now_ns);
    }
    bool has_left = atomic_load(&comm->board->seats[rank].state) == ACN_SEAT_LEFT;
    bool is_gone = has_left || acn_comm_is_dead(comm, rank);
    /* Maybe it has just done what is waited for, and left: look once more. */
    if (atomic_load(word) != seen) return ACN_OK;
    ACN_TRY(acn_comm_state(comm));
    if (is_gone) return gone(comm, rank, has_left, what);
    ACN_TRY(look_up(comm, patience, rank, what));
    atomic_fetch_add(sleepers, 1);
    if (atomic_load(word) == seen && !acn_comm_has_failed(comm))
        acn_futex_wait_shared(word, seen, now_ns + LOOK_UP_NS);
    atomic_fetch_sub(sleepers, 1);
    return ACN_OK;
}

acn_status acn_comm_reach(acn_comm *comm, uint32_t rank) {
    acn_peer *peer = &comm->peers[rank];
    const acn_seat *seat = &comm->board->seats[rank];
    if (peer->base != NULL) return ACN_OK;
    if (rank == comm->rank) {
        const acn_span *span;
        ACN_TRY(acn_window_span(comm->device, &span));
        peer->base = acn_window_view(span->base);
        return ACN_OK;
    }
    acn_status status = acn_peer_map(seat->memory_key, &peer->base);
    if (status == ACN_OK) return ACN_OK;
    /* A process that ends closes its files first, a moment before others can see that it ends. */
    const struct timespec moment = {.tv_nsec = 2000000};
    for (int i = 0; i < 100; i++) {
        if (atomic_load(&seat->state) == ACN_SEAT_LEFT) return acn_error_clear(), ACN_OK;
        if (acn_comm_is_dead(comm, rank)) return gone(comm, rank, false, "the call");
        if (status != ACN_PARAM_INVALID) break; /* not that, but no memory */
        nanosleep(&moment, NULL);
    }
    return status;
}
