/* split.c - communicators of some of another one's ranks. The first of them makes the board and
 * leaves its key at its own seat, where the others look; nobody else takes part, so ranks that have
 * died do not matter. */
#include "hccl/comm.h"

#include "base/env.h"
#include "base/thread.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { LOOK_UP_NS = 50000000 };

/* Never 0. */
static uint64_t number_of(const uint32_t *members, uint32_t count, uint64_t id) {
    uint64_t number = 14695981039346656037u ^ id;
    for (uint32_t i = 0; i < count; i++)
        number = (number ^ members[i]) * 1099511628211u;
    return number | 1;
}

/* Who is expected is known, so that it is noticed when one of them dies. */
static acn_status make_board(const acn_comm *parent, const uint32_t *members, uint32_t count,
                             const char *name, char *key) {
    acn_board *board;
    int file;
    ACN_TRY(acn_board_create(key));
    acn_status status = acn_board_map(key, &board, &file);
    if (status != ACN_OK) {
        acn_board_close(key);
        return status;
    }
    snprintf(board->name, sizeof board->name, "%s", name);
    for (uint32_t i = 0; i < count; i++)
        board->seats[i].pid = parent->board->seats[members[i]].pid;
    acn_board_unmap(board, file);
    return ACN_OK;
}

static acn_offer *find_offer(acn_seat *seat, uint64_t group) {
    for (int i = 0; i < ACN_BOARD_OFFERS; i++)
        if (atomic_load(&seat->offers[i].group) == group) return &seat->offers[i];
    return NULL;
}

static void say(acn_seat *seat, acn_offer *offer, uint64_t group) {
    atomic_store(&offer->group, group);
    atomic_fetch_add(&seat->offered, 1);
    acn_futex_wake_shared(&seat->offered, INT_MAX);
}

/* Of the first rank: |*out_offer| stands until all have come. */
static acn_status put_offer(acn_comm *parent, const char *key, uint64_t group,
                            acn_offer **out_offer) {
    acn_seat *seat = &parent->board->seats[parent->rank];
    pthread_mutex_lock(&parent->plan_mutex); /* other threads of this rank */
    acn_offer *offer = find_offer(seat, 0);
    bool is_taken = find_offer(seat, group) != NULL;
    if (offer != NULL && !is_taken) {
        memcpy(offer->key, key, sizeof offer->key);
        say(seat, offer, group);
    }
    pthread_mutex_unlock(&parent->plan_mutex);
    *out_offer = offer;
    if (is_taken)
        return acn_fail(ACN_PARAM_INVALID,
                        "a group of the same ranks with the same subCommId is being opened; give "
                        "each its own");
    if (offer == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d groups of %s are being opened, which is the most",
                        ACN_BOARD_OFFERS, parent->name);
    return ACN_OK;
}

static acn_status await_offer(acn_comm *parent, uint32_t first, uint64_t group, char *key) {
    acn_seat *seat = &parent->board->seats[first];
    int64_t seconds = acn_env_int(ACN_ENV_HCCL_CONNECT_TIMEOUT);
    int64_t deadline_ns = acn_clock_ns() + seconds * 1000000000;
    for (;;) {
        uint32_t seen = atomic_load(&seat->offered);
        int64_t now_ns = acn_clock_ns();
        acn_offer *offer = find_offer(seat, group);
        if (offer != NULL) return memcpy(key, offer->key, ACN_SHARE_KEY_BYTES), ACN_OK;
        if (acn_comm_is_dead(parent, first) || atomic_load(&seat->state) == ACN_SEAT_LEFT)
            return acn_fail(ACN_REMOTE,
                            "rank %u of %s (process %d), which opens the group, is gone; leave it "
                            "out",
                            first, parent->name, seat->pid);
        if (now_ns > deadline_ns)
            return acn_fail(ACN_COLLECTIVE_TIMEOUT,
                            "rank %u of %s (process %d) did not open the group within %lld s; all "
                            "its ranks must give the same rankIds and subCommId",
                            first, parent->name, seat->pid, (long long)seconds);
        acn_futex_wait_shared(&seat->offered, seen, now_ns + LOOK_UP_NS);
    }
}

static acn_status check_members(const acn_comm *parent, const uint32_t *members, uint32_t count,
                                uint32_t rank) {
    if (count == 0 || count > parent->ranks)
        return acn_fail(ACN_PARAM_INVALID, "rankNum is %u; expected 1 to %u", count, parent->ranks);
    if (rank >= count)
        return acn_fail(ACN_PARAM_INVALID, "subCommRankId is %u; expected 0 to %u", rank,
                        count - 1);
    for (uint32_t i = 0; i < count; i++) {
        if (members[i] >= parent->ranks)
            return acn_fail(ACN_PARAM_INVALID, "rankIds[%u] is %u; expected 0 to %u", i, members[i],
                            parent->ranks - 1);
        for (uint32_t j = 0; j < i; j++)
            if (members[j] == members[i])
                return acn_fail(ACN_PARAM_INVALID, "rankIds[%u] and rankIds[%u] are both %u", j, i,
                                members[i]);
    }
    if (members[rank] == parent->rank) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID,
                    "rankIds[subCommRankId %u] is %u, but this is rank %u of %s; the index in "
                    "rankIds is the rank in the group",
                    rank, members[rank], parent->rank, parent->name);
}

static acn_status open_first(acn_comm *parent, const uint32_t *members, uint32_t count,
                             uint64_t group, const acn_comm_options *options, acn_comm **out) {
    char key[ACN_SHARE_KEY_BYTES];
    acn_offer *offer;
    ACN_TRY(make_board(parent, members, count, options->name, key));
    acn_status status = put_offer(parent, key, group, &offer);
    if (status != ACN_OK) {
        acn_board_close(key);
        return status;
    }
    status = acn_comm_open(key, count, 0, parent->device, options, out);
    say(&parent->board->seats[parent->rank], offer, 0);
    acn_board_close(key); /* when joining failed */
    return status;
}

acn_status acn_comm_split(acn_comm *parent, const uint32_t *members, uint32_t count, uint64_t id,
                          uint32_t rank, const acn_comm_options *options, acn_comm **out) {
    char name[ACN_BOARD_NAME], key[ACN_SHARE_KEY_BYTES];
    acn_comm_options named = *options;
    ACN_TRY(check_members(parent, members, count, rank));
    uint64_t group = number_of(members, count, id);
    if (named.name == NULL || *named.name == '\0') {
        snprintf(name, sizeof name, "%.100s_sub_%llu", parent->name, (unsigned long long)id);
        named.name = name;
    }
    named.is_group = true;
    if (rank == 0) return open_first(parent, members, count, group, &named, out);
    ACN_TRY(await_offer(parent, members[0], group, key));
    return acn_comm_open(key, count, rank, parent->device, &named, out);
}
