/* why.c - see why.h. Everything is read while it may change: a line may be a moment old. */
#include "hccl/why.h"

#include "base/thread.h"
#include "hccl/combine.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef enum doing { ABSENT, LEFT, DEAD, IDLE, WORKING, WAITING } doing;

typedef struct rank_state {
    doing what;
    uint32_t waits_for;
    int64_t since_ns;
    uint64_t sequence;
    char call[64]; /* the one it is in, or its last */
} rank_state;

/* A zombie has ended too. */
static bool has_ended(pid_t pid) {
    if (pid == getpid()) return false;
    int file = (int)syscall(SYS_pidfd_open, pid, 0);
    if (file < 0) return errno == ESRCH;
    struct pollfd ended = {.fd = file, .events = POLLIN};
    bool is_over = poll(&ended, 1, 0) == 1;
    close(file);
    return is_over;
}

static void name_collective(const acn_seat *seat, rank_state *out) {
    const acn_entry *entry = &seat->entries[out->sequence % 2];
    if (atomic_load(&entry->sequence) != out->sequence || (uint32_t)out->sequence == 0) {
        snprintf(out->call, sizeof out->call, "none");
        return;
    }
    bool has_count = entry->collective != ACN_BARRIER;
    int used =
        snprintf(out->call, sizeof out->call, "%s %u",
                 acn_collective_name((acn_collective)entry->collective), (uint32_t)out->sequence);
    if (has_count)
        snprintf(out->call + used, sizeof out->call - (size_t)used, " (%llu %s)",
                 (unsigned long long)entry->count, acn_dtype_name((acn_dtype)entry->dtype));
}

static rank_state look_at(const acn_board *board, uint32_t rank) {
    const acn_seat *seat = &board->seats[rank];
    rank_state state = {.sequence = atomic_load(&seat->progress) >> 16};
    uint32_t seat_state = atomic_load(&seat->state);
    name_collective(seat, &state);
    if (seat_state == ACN_SEAT_FREE) return state.what = ABSENT, state;
    if (seat_state == ACN_SEAT_LEFT) return state.what = LEFT, state;
    if (has_ended(seat->pid)) return state.what = DEAD, state;
    bool is_in = atomic_load(&seat->collectives) != 0, is_exchanging = seat->exchanges != 0;
    state.what = is_in || is_exchanging ? WORKING : IDLE;
    if (is_exchanging && !is_in) snprintf(state.call, sizeof state.call, "messages");
    for (int i = 0; i < 2; i++) {
        const acn_wait_note *note = &seat->notes[i];
        int64_t since_ns = atomic_load(&note->since_ns);
        if (since_ns == 0 || (state.what == WAITING && since_ns > state.since_ns)) continue;
        state.what = WAITING;
        state.since_ns = since_ns;
        state.waits_for = note->rank;
        if (i == 1) snprintf(state.call, sizeof state.call, "%.23s", note->what);
    }
    return state;
}

static void tell_rank(const acn_board *board, uint32_t rank, const rank_state *s, int64_t now_ns,
                      FILE *out) {
    const acn_seat *seat = &board->seats[rank];
    fprintf(out, "  rank %u", rank);
    if (seat->pid != 0) fprintf(out, " (process %d", seat->pid);
    if (s->what != ABSENT) fprintf(out, " on %.63s, device %d", seat->host, seat->device);
    fprintf(out, "%s: ", seat->pid != 0 ? ")" : "");
    switch (s->what) {
    case ABSENT:
        fputs("has not come yet\n", out);
        break;
    case LEFT:
        fprintf(out, "has destroyed the communicator; its last collective was %s\n", s->call);
        break;
    case DEAD:
        fprintf(out, "has ended; its last collective was %s\n", s->call);
        break;
    case IDLE:
        fprintf(out, "is in no call; its last collective was %s\n", s->call);
        break;
    case WORKING:
        fprintf(out, "is in %s\n", s->call);
        break;
    case WAITING:
        fprintf(out, "is in %s and waits for rank %u for %.1f s\n", s->call, s->waits_for,
                (double)(now_ns - s->since_ns) / 1e9);
        break;
    }
}

/* From one that waits to one that does not; |ranks|: they wait for one another. */
static uint32_t find_cause(const rank_state *states, uint32_t ranks, uint32_t from) {
    for (uint32_t steps = 0; steps < ranks && from < ranks; steps++) {
        if (states[from].what != WAITING) return from;
        from = states[from].waits_for;
    }
    return ranks;
}

static void tell_cause(const acn_board *board, const rank_state *states, uint32_t ranks,
                       uint32_t first, FILE *out) {
    uint32_t cause = find_cause(states, ranks, first);
    if (cause == ranks) {
        fprintf(out,
                "  they wait for one another: rank %u in %s, rank %u in %s; all ranks must "
                "make the same calls in the same order\n",
                first, states[first].call, states[first].waits_for,
                states[states[first].waits_for].call);
        return;
    }
    static const char *const words[] = {
        [ABSENT] = "has not come",
        [LEFT] = "will not call it any more",
        [DEAD] = "has ended: look at its log",
        [IDLE] = "has not made the call: look what it does instead",
        [WORKING] = "is still at work",
    };
    fprintf(out, "  all wait for rank %u (process %d), which %s\n", cause, board->seats[cause].pid,
            words[states[cause].what]);
}

/* None of its ranks lives. */
static bool is_over(const rank_state *states, uint32_t ranks) {
    for (uint32_t i = 0; i < ranks; i++)
        if (states[i].what != LEFT && states[i].what != DEAD) return false;
    return true;
}

bool acn_why_tell(const acn_board *board, FILE *out) {
    uint32_t ranks = atomic_load(&board->ranks), waiting = 0, first = 0;
    int64_t now_ns = acn_clock_ns();
    if (ranks == 0 || ranks > ACN_MAX_RANKS) return false;
    rank_state *states = calloc(ranks, sizeof *states);
    if (states == NULL) return false;
    for (uint32_t i = 0; i < ranks; i++) {
        states[i] = look_at(board, i);
        if (states[i].what == WAITING && waiting++ == 0) first = i;
    }
    if (is_over(states, ranks)) {
        free(states);
        return false;
    }
    uint32_t joined = atomic_load(&board->joined);
    fprintf(out, "communicator %.127s of %u ranks", board->name, ranks);
    if (joined < ranks)
        fprintf(out, ", of which %u have come\n", joined);
    else
        fprintf(out, ", of which %u wait%s\n", waiting, waiting == 1 ? "s" : "");
    for (uint32_t i = 0; i < ranks; i++)
        tell_rank(board, i, &states[i], now_ns, out);
    if (waiting > 0) tell_cause(board, states, ranks, first, out);
    if (atomic_load(&board->failed) % 2 == 1)
        fprintf(out, "  it failed: rank %u reported: %.511s\n", board->failed_rank,
                board->failed_text);
    free(states);
    return waiting > 0 || joined < ranks;
}

/* Another process's boards: the files of that name which it has open. */

static const acn_board *open_board(const char *path, ino_t *out_number) {
    struct stat info;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return NULL;
    void *mapped = MAP_FAILED;
    if (fstat(file, &info) == 0 && (size_t)info.st_size == sizeof(acn_board))
        mapped = mmap(NULL, sizeof(acn_board), PROT_READ, MAP_SHARED | MAP_NORESERVE, file, 0);
    close(file);
    if (mapped == MAP_FAILED) return NULL;
    *out_number = info.st_ino;
    if (acn_board_is_one(mapped)) return mapped;
    munmap(mapped, sizeof(acn_board));
    return NULL;
}

static bool is_board(const char *path) {
    static const char start[] = "/memfd:" ACN_BOARD_FILE;
    char target[64] = "";
    return readlink(path, target, sizeof target - 1) > 0 &&
           strncmp(target, start, sizeof start - 1) == 0;
}

acn_status acn_why_ask(int pid, FILE *out, int *out_communicators, int *out_waiting) {
    enum { MOST = 4096 }; /* ranks that are threads have a file each, of one board */
    char path[320];
    ino_t *seen = calloc(MOST, sizeof *seen), number = 0;
    int count = 0, waiting = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *folder = seen != NULL ? opendir(path) : NULL;
    if (folder == NULL) {
        int cause = errno;
        free(seen);
        return acn_fail(ACN_NAME_NOT_FOUND, "process %d cannot be looked at (%s)", pid,
                        strerror(cause));
    }
    for (struct dirent *entry; count < MOST && (entry = readdir(folder)) != NULL;) {
        snprintf(path, sizeof path, "/proc/%d/fd/%s", pid, entry->d_name);
        const acn_board *board = is_board(path) ? open_board(path, &number) : NULL;
        if (board == NULL) continue;
        bool is_new = true;
        for (int i = 0; i < count; i++)
            is_new = is_new && seen[i] != number;
        if (is_new) {
            seen[count++] = number;
            waiting += acn_why_tell(board, out);
        }
        munmap((void *)(uintptr_t)board, sizeof *board);
    }
    closedir(folder);
    free(seen);
    *out_communicators = count;
    *out_waiting = waiting;
    return ACN_OK;
}
