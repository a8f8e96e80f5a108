/* comm.c - making, finding and ending communicators; see comm.h. */
#include "hccl/comm.h"

#include "base/env.h"
#include "base/slab.h"
#include "base/thread.h"
#include "device/device.h"
#include "hccl/claim.h"
#include "hccl/peer.h"
#include "hccl/settings.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_COMMS = 4096 };

static acn_slab slab = ACN_SLAB("communicator", sizeof(acn_comm), MAX_COMMS);

/* Joining. */

static acn_status agree_on_ranks(acn_board *board, uint32_t ranks) {
    uint32_t agreed = 0;
    if (atomic_compare_exchange_strong(&board->ranks, &agreed, ranks) || agreed == ranks)
        return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID,
                    "nRanks is %u, but another rank said %u; all must give the same", ranks,
                    agreed);
}

static void say_who(const acn_comm *comm, acn_seat *seat) {
    seat->pid = (int32_t)getpid();
    gethostname(seat->host, sizeof seat->host - 1);
    seat->device = acn_device_physical(comm->device);
}

/* Who has come waits for this one, which will not come. */
static void tell_those_who_wait(acn_comm *comm, acn_status status) {
    acn_seat *seat = &comm->board->seats[comm->rank];
    if (atomic_load(&comm->board->joined) >= comm->ranks) return;
    if (atomic_load(&seat->state) == ACN_SEAT_FREE) say_who(comm, seat);
    acn_comm_end_with(comm, status);
}

static acn_status take_seat(acn_comm *comm) {
    acn_seat *seat = &comm->board->seats[comm->rank];
    uint32_t free_state = ACN_SEAT_FREE;
    char memory_key[ACN_SHARE_KEY_BYTES];
    ACN_TRY(acn_peer_export(comm->device, memory_key));
    ACN_TRY(agree_on_ranks(comm->board, comm->ranks));
    if (!atomic_compare_exchange_strong(&seat->state, &free_state, ACN_SEAT_TAKEN))
        return acn_fail(ACN_PARAM_INVALID,
                        "rank %u is taken already, by process %d; ranks must differ", comm->rank,
                        seat->pid);
    say_who(comm, seat);
    memcpy(seat->memory_key, memory_key, sizeof memory_key);
    atomic_fetch_add(&comm->board->joined, 1);
    acn_futex_wake_shared(&comm->board->joined, INT_MAX);
    return ACN_OK;
}

static acn_status make(const char *key, uint32_t ranks, uint32_t rank, int device, acn_comm **out) {
    acn_status status;
    acn_comm *comm = acn_slab_alloc(&slab);
    if (comm == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d communicators exist, which is the most; destroy some",
                        MAX_COMMS);
    *comm = (acn_comm){.rank = rank, .ranks = ranks, .device = device};
    comm->peers = calloc(ranks, sizeof *comm->peers);
    status =
        comm->peers != NULL ? ACN_OK : acn_fail(ACN_BAD_ALLOC, "no memory for %u ranks", ranks);
    if (status == ACN_OK) status = acn_board_map(key, &comm->board, &comm->board_file);
    if (status != ACN_OK) {
        free(comm->peers);
        acn_slab_free(&slab, comm);
        return status;
    }
    memcpy(comm->key, key, sizeof comm->key);
    for (uint32_t i = 0; i < ranks; i++)
        atomic_init(&comm->peers[i].pidfd, -1);
    pthread_mutex_init(&comm->mutex, NULL);
    pthread_mutex_init(&comm->plan_mutex, NULL);
    atomic_store(&comm->users, 1);
    atomic_store(&comm->era, 1);
    *out = comm;
    return ACN_OK;
}

static void unmake(acn_comm *comm) {
    for (uint32_t i = 0; i < comm->ranks; i++) {
        if (comm->peers[i].base != NULL && i != comm->rank)
            acn_peer_release(comm->board->seats[i].memory_key);
        if (comm->peers[i].pidfd >= 0) close(comm->peers[i].pidfd);
    }
    for (acn_cached_plan *plan = comm->plans, *next; plan != NULL; plan = next) {
        next = plan->next;
        acn_plan_free(&plan->plan);
        free(plan);
    }
    acn_board_unmap(comm->board, comm->board_file);
    pthread_mutex_destroy(&comm->mutex);
    pthread_mutex_destroy(&comm->plan_mutex);
    free(comm->fault);
    free(comm->peers);
    acn_slab_free(&slab, comm);
}

/* Seconds; 0 is for ever. */
static int64_t seconds_to_ms(int64_t seconds) { return seconds <= 0 ? -1 : seconds * 1000; }

acn_status acn_comm_join(const char *key, uint32_t ranks, uint32_t rank, int device,
                         const acn_comm_options *options, acn_comm **out) {
    acn_comm *comm = NULL;
    ACN_TRY(acn_hccl_settings_check());
    if (ranks == 0 || ranks > ACN_MAX_RANKS)
        return acn_fail(ACN_PARAM_INVALID, "nRanks is %u; expected 1 to %d", ranks, ACN_MAX_RANKS);
    if (rank >= ranks)
        return acn_fail(ACN_PARAM_INVALID, "rank is %u of %u; expected 0 to %u", rank, ranks,
                        ranks - 1);
    ACN_TRY(make(key, ranks, rank, device, &comm));
    const char *name =
        options->name != NULL && *options->name != '\0' ? options->name : comm->board->name;
    snprintf(comm->name, sizeof comm->name, "%s", name);
    if (rank == 0 && name != comm->board->name) /* for those who look at the board */
        snprintf(comm->board->name, sizeof comm->board->name, "%s", name);
    comm->timeout_ms = options->timeout_ms != INT64_MIN
                           ? options->timeout_ms
                           : seconds_to_ms(acn_env_int(ACN_ENV_HCCL_EXEC_TIMEOUT));
    comm->logs_calls = strcmp(acn_env_text(ACN_ENV_HCCL_ENTRY_LOG_ENABLE), "1") == 0;
    bool has_algorithm = options->algorithm != NULL && *options->algorithm != '\0';
    acn_status status = acn_wanted_read(
        has_algorithm ? options->algorithm : acn_env_text(ACN_ENV_HCCL_ALGO), comm->wanted);
    if (status == ACN_OK && !options->is_group) status = acn_fault_make(rank, &comm->fault);
    if (status == ACN_OK) status = take_seat(comm);
    if (status != ACN_OK) {
        tell_those_who_wait(comm, status);
        unmake(comm);
        return status;
    }
    atomic_store(&comm->is_alive, true);
    *out = comm;
    return ACN_OK;
}

/* "1, 3 (process 17)": the ranks that are not there. */
static void list_missing(const acn_comm *comm, char *text, size_t room) {
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < comm->ranks && used + 32 < room; i++) {
        const acn_seat *seat = &comm->board->seats[i];
        if (atomic_load(&seat->state) != ACN_SEAT_FREE) continue;
        used += (size_t)snprintf(text + used, room - used, used == 0 ? "%u" : ", %u", i);
        if (seat->pid != 0)
            used += (size_t)snprintf(text + used, room - used, " (process %d)", seat->pid);
    }
}

static acn_status check_devices(const acn_comm *comm) {
    const acn_seat *mine = &comm->board->seats[comm->rank];
    for (uint32_t i = 0; i < comm->ranks; i++)
        if (i != comm->rank && comm->board->seats[i].device == mine->device)
            return acn_fail(ACN_PARAM_INVALID,
                            "ranks %u and %u both use device %d; each rank needs its own: "
                            "`anycann run --devices %u ...` makes %u of them",
                            comm->rank, i, mine->device, comm->ranks, comm->ranks);
    return ACN_OK;
}

/* One who will not come, or came and is gone: of those who are known. |ranks|: none. */
static uint32_t find_gone(acn_comm *comm) {
    for (uint32_t i = 0; i < comm->ranks; i++) {
        const acn_seat *seat = &comm->board->seats[i];
        if (atomic_load(&seat->state) == ACN_SEAT_LEFT ||
            (seat->pid != 0 && acn_comm_is_dead(comm, i)))
            return i;
    }
    return comm->ranks;
}

static acn_status is_gone(const acn_comm *comm, uint32_t rank) {
    const acn_seat *seat = &comm->board->seats[rank];
    bool has_left = atomic_load(&seat->state) == ACN_SEAT_LEFT;
    return acn_fail(ACN_REMOTE,
                    "process %d, which is rank %u of %s, has %s before all ranks had come; look at "
                    "its log first",
                    seat->pid, rank, comm->name, has_left ? "given up" : "ended");
}

static acn_status meet(acn_comm *comm) {
    enum { LOOK_UP_NS = 50000000 };
    int64_t seconds = acn_env_int(ACN_ENV_HCCL_CONNECT_TIMEOUT);
    int64_t deadline_ns = acn_clock_ns() + seconds * 1000000000;
    for (;;) {
        uint32_t joined = atomic_load(&comm->board->joined);
        int64_t now_ns = acn_clock_ns();
        if (joined >= comm->ranks) return ACN_OK;
        uint32_t gone = find_gone(comm);
        /* When all had come meanwhile, it may have done its work already. */
        if (atomic_load(&comm->board->joined) != joined) continue;
        ACN_TRY(acn_comm_state(comm));
        if (gone < comm->ranks) return is_gone(comm, gone);
        if (now_ns > deadline_ns) {
            char missing[256];
            list_missing(comm, missing, sizeof missing);
            return acn_fail(ACN_COLLECTIVE_TIMEOUT,
                            "%u of %u ranks of %s have come within %lld s; missing: %s; look "
                            "whether they live, or raise HCCL_CONNECT_TIMEOUT",
                            joined, comm->ranks, comm->name, (long long)seconds, missing);
        }
        acn_futex_wait_shared(&comm->board->joined, joined, now_ns + LOOK_UP_NS);
    }
}

acn_status acn_comm_meet(acn_comm *comm) {
    acn_status status = meet(comm);
    acn_board_close(comm->key); /* of the process that made it: nobody else is to come */
    if (status == ACN_OK) status = check_devices(comm);
    if (status != ACN_OK) acn_comm_destroy(comm);
    return status;
}

acn_status acn_comm_open(const char *key, uint32_t ranks, uint32_t rank, int device,
                         const acn_comm_options *options, acn_comm **out) {
    acn_comm *comm;
    ACN_TRY(acn_comm_join(key, ranks, rank, device, options, &comm));
    ACN_TRY(acn_comm_meet(comm));
    *out = comm;
    return ACN_OK;
}

/* Handles. */

acn_status acn_comm_resolve(const void *handle, acn_comm **out) {
    acn_comm *comm = (acn_comm *)(uintptr_t)handle;
    if (!acn_slab_is_live(&slab, comm) || !atomic_load(&comm->is_alive))
        return acn_fail(ACN_INVALID_HANDLE,
                        "communicator %p does not exist; expected one that HCCL made and that is "
                        "not destroyed",
                        handle);
    *out = comm;
    return ACN_OK;
}

void acn_comm_retain(acn_comm *comm) { atomic_fetch_add(&comm->users, 1); }

void acn_comm_release(acn_comm *comm) {
    if (atomic_fetch_sub(&comm->users, 1) != 1) return;
    acn_seat *seat = &comm->board->seats[comm->rank];
    atomic_store(&seat->state, ACN_SEAT_LEFT);
    acn_comm_wake(acn_low_half(&seat->progress), &seat->sleepers);
    unmake(comm);
}

acn_status acn_comm_destroy(acn_comm *comm) {
    bool alive = true;
    if (!atomic_compare_exchange_strong(&comm->is_alive, &alive, false))
        return acn_fail(ACN_INVALID_HANDLE, "communicator %p is destroyed already", (void *)comm);
    acn_claims_end(comm);
    acn_comm_release(comm);
    return ACN_OK;
}

static _Thread_local struct {
    const char *name;
    acn_comm *found;
} search;

static void compare_name(void *object) {
    acn_comm *comm = object;
    if (atomic_load(&comm->is_alive) && strcmp(comm->name, search.name) == 0) search.found = comm;
}

acn_status acn_comm_find(const char *name, acn_comm **out) {
    search.name = name;
    search.found = NULL;
    acn_slab_for_each(&slab, compare_name);
    if (search.found == NULL)
        return acn_fail(ACN_NAME_NOT_FOUND, "no communicator of this process has the name \"%s\"",
                        name);
    *out = search.found;
    return ACN_OK;
}

/* Suspending. */

acn_status acn_comm_check_open(const acn_comm *comm) {
    if (atomic_load(&comm->is_suspended))
        return acn_fail(ACN_COMM_SUSPENDED,
                        "communicator %s is suspended; call HcclCommResume on all ranks first",
                        comm->name);
    return acn_comm_state(comm);
}

acn_status acn_comm_suspend(acn_comm *comm) {
    if (atomic_exchange(&comm->is_suspended, true))
        return acn_fail(ACN_COMM_SUSPENDED, "communicator %s is suspended already", comm->name);
    return ACN_OK;
}

/* With the mutex held. What lies in mailboxes is forgotten; each end of one writes its own side. */
static void begin_era(acn_comm *comm) {
    acn_board *board = comm->board;
    uint64_t base = (uint64_t)atomic_fetch_add(&comm->era, 1) << 32;
    comm->sequence = base;
    for (uint32_t i = 0; i < comm->ranks; i++) {
        comm->peers[i].sent = comm->peers[i].got = base;
        atomic_store(&board->mail[comm->rank * comm->ranks + i].posted, base);
        atomic_store(&board->mail[i * comm->ranks + comm->rank].taken, base);
    }
    for (uint32_t i = 0; i < comm->ranks; i++) { /* some may wait for us already */
        atomic_fetch_add(&board->seats[i].bell, 1);
        acn_comm_wake(&board->seats[i].bell, &board->seats[i].bell_sleepers);
    }
}

acn_status acn_comm_resume(acn_comm *comm) {
    const acn_seat *seat = &comm->board->seats[comm->rank];
    if (!atomic_load(&comm->is_suspended))
        return acn_fail(ACN_PARAM_INVALID, "communicator %s is not suspended", comm->name);
    if (atomic_load(&seat->collectives) + atomic_load(&seat->exchanges) > 0)
        return acn_fail(ACN_COMM_BUSY,
                        "an operation of communicator %s still runs; call aclrtDeviceTaskAbort "
                        "first",
                        comm->name);
    pthread_mutex_lock(&comm->mutex);
    begin_era(comm);
    pthread_mutex_unlock(&comm->mutex);
    atomic_store(&comm->is_suspended, false);
    return ACN_OK;
}

/* Plans. */

/* With the mutex held. */
static acn_status find_plan(acn_comm *comm, acn_collective collective, uint32_t root,
                            uint64_t bytes, const acn_plan **out) {
    const acn_algorithm *algorithm;
    ACN_TRY(
        acn_algorithm_choose(collective, comm->ranks, bytes, comm->wanted[collective], &algorithm));
    acn_cached_plan *found = comm->plans;
    while (found != NULL && (found->plan.algorithm != algorithm ||
                             found->plan.collective != collective || found->plan.root != root))
        found = found->next;
    if (found == NULL) {
        if ((found = calloc(1, sizeof *found)) == NULL)
            return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
        acn_status status =
            acn_plan_make(algorithm, collective, comm->rank, comm->ranks, root, &found->plan);
        if (status != ACN_OK) {
            free(found);
            return status;
        }
        found->next = comm->plans;
        comm->plans = found;
    }
    *out = &found->plan;
    return ACN_OK;
}

acn_status acn_comm_plan(acn_comm *comm, acn_collective collective, uint32_t root, uint64_t bytes,
                         const acn_plan **out) {
    acn_status status = ACN_OK;
    pthread_mutex_lock(&comm->plan_mutex);
    const acn_plan *plan = comm->recent[collective].plan;
    if (plan == NULL || plan->root != root || comm->recent[collective].bytes != bytes) {
        status = find_plan(comm, collective, root, bytes, &plan);
        if (status == ACN_OK) {
            comm->recent[collective].bytes = bytes;
            comm->recent[collective].plan = plan;
        }
    }
    pthread_mutex_unlock(&comm->plan_mutex);
    if (status == ACN_OK) *out = plan;
    return status;
}
