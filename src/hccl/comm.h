/* comm.h - a communicator: one rank's place at a board, what it knows of the others, and waiting
 * for them, which ends when one of them dies, fails, leaves or does not come. */
#ifndef ACN_HCCL_COMM_H
#define ACN_HCCL_COMM_H

#include "hccl/board.h"
#include "hccl/fault.h"
#include "hccl/wanted.h"
#include "ops/dtype.h"
#include "runtime/stream.h"
#include <pthread.h>

typedef struct acn_peer {
    char *base;         /* of its device's memory; NULL until it is needed */
    atomic_int pidfd;   /* -1 until it was waited for long */
    uint64_t met;       /* the collective in which its entry was read */
    char *buffers[2];   /* its input and output in that one, here; NULL: it has none */
    uint64_t sent, got; /* messages to and from it */
} acn_peer;

typedef struct acn_cached_plan {
    acn_plan plan;
    struct acn_cached_plan *next;
} acn_cached_plan;

typedef struct acn_comm {
    atomic_bool is_alive;     /* its handle is valid */
    atomic_bool is_suspended; /* takes no calls */
    atomic_int users;         /* the handle and queued tasks */
    /* Begins with 1 and grows with each resumption: what failed in an earlier one is forgotten, and
     * all numbers of collectives and messages are larger than before. */
    atomic_uint era;
    acn_board *board;
    int board_file;
    char key[ACN_SHARE_KEY_BYTES];
    char name[ACN_BOARD_NAME];
    uint32_t rank, ranks;
    int device;
    bool logs_calls;                     /* HCCL_ENTRY_LOG_ENABLE */
    const char *wanted[ACN_COLLECTIVES]; /* algorithms that the user wants, or NULL */
    int64_t timeout_ms;                  /* of waiting inside of a collective; -1 none */
    pthread_mutex_t mutex;               /* of the running task: peers, sequence */
    acn_peer *peers;
    uint64_t sequence;
    acn_fault *fault; /* mostly NULL */
    pthread_mutex_t plan_mutex;
    acn_cached_plan *plans;
    struct { /* what a collective was last asked for */
        uint64_t bytes;
        const acn_plan *plan; /* NULL: nothing yet */
    } recent[ACN_COLLECTIVES];
} acn_comm;

typedef struct acn_comm_options {
    const char *name;      /* NULL or "": the board's */
    const char *algorithm; /* as HCCL_ALGO; NULL or "": that */
    int64_t timeout_ms;    /* INT64_MIN: HCCL_EXEC_TIMEOUT */
    bool is_group;         /* of a larger one, whose ranks ANYCANN_HCCL_FAULT means */
} acn_comm_options;

/* Takes the seat of |rank| at the board behind |key|, for |device|. */
acn_status acn_comm_join(const char *key, uint32_t ranks, uint32_t rank, int device,
                         const acn_comm_options *options, acn_comm **out);
/* Waits until all ranks have taken theirs: HCCL_CONNECT_TIMEOUT. When it fails, |comm| is
 * destroyed. */
acn_status acn_comm_meet(acn_comm *comm);
/* join and meet. */
acn_status acn_comm_open(const char *key, uint32_t ranks, uint32_t rank, int device,
                         const acn_comm_options *options, acn_comm **out);
/* A communicator of the ranks |members| of |parent|, which may have failed; this one is |rank|-th
 * of them. |id| tells groups that are opened at the same time from one another. */
acn_status acn_comm_split(acn_comm *parent, const uint32_t *members, uint32_t count, uint64_t id,
                          uint32_t rank, const acn_comm_options *options, acn_comm **out);
/* |handle| is a client's. */
acn_status acn_comm_resolve(const void *handle, acn_comm **out);
/* The handle ends; tasks that are queued still run. */
acn_status acn_comm_destroy(acn_comm *comm);
void acn_comm_retain(acn_comm *comm);
void acn_comm_release(acn_comm *comm);
/* The live communicator of that name in this process. */
acn_status acn_comm_find(const char *name, acn_comm **out);
/* ACN_OK, or what ended it, with the text. */
acn_status acn_comm_state(const acn_comm *comm);
/* The same, and looks whether all ranks live. */
acn_status acn_comm_look(acn_comm *comm);
/* Whether it takes a call now. */
acn_status acn_comm_check_open(const acn_comm *comm);
/* New calls are refused. */
acn_status acn_comm_suspend(acn_comm *comm);
/* ... and taken again, also after a failure. All ranks must do so, and none of their tasks may run.
 */
acn_status acn_comm_resume(acn_comm *comm);
/* The plan for a collective of |bytes|; made once. */
acn_status acn_comm_plan(acn_comm *comm, acn_collective collective, uint32_t root, uint64_t bytes,
                         const acn_plan **out);

/* For running tasks. */

/* Ends the communicator for all its ranks, and returns |status|. */
acn_status acn_comm_fail(acn_comm *comm, acn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));
/* The same for a task that ends with |status| and its recorded text, unless it is ACN_OK or others
 * know of a failure. */
acn_status acn_comm_end_with(acn_comm *comm, acn_status status);
static inline bool acn_comm_has_failed(const acn_comm *comm) {
    return atomic_load(&comm->board->failed) >> 1 >= atomic_load(&comm->era);
}
/* Whether the process of |rank| has ended. */
bool acn_comm_is_dead(acn_comm *comm, uint32_t rank);
/* Maps the memory of |rank|, if that was not done yet. Its |base| stays NULL when that rank has
 * left: then nothing of it is still to be read. */
acn_status acn_comm_reach(acn_comm *comm, uint32_t rank);

/* One wait, which may take many pauses. */
typedef struct acn_patience {
    uint32_t rounds;
    int64_t yields_until_ns, deadline_ns;
} acn_patience;
/* Returns after a moment or when |word| is no longer |seen|; fails when there is nothing to wait
 * for: |rank| is gone, some rank failed, the stream is aborted, or the time is over. |what| says
 * what for. */
acn_status acn_comm_pause(acn_comm *comm, acn_patience *patience, _Atomic uint32_t *word,
                          uint32_t seen, _Atomic uint32_t *sleepers, uint32_t rank,
                          const char *what);
/* Wakes those who pause on |word|, which has been changed. */
void acn_comm_wake(_Atomic uint32_t *word, _Atomic uint32_t *sleepers);
/* Mistakes on purpose: before each step, and whether others do not hear of it. */
static inline void acn_comm_step(acn_comm *comm) {
    if (__builtin_expect(comm->fault != NULL, 0)) acn_fault_step(comm->fault);
}
static inline bool acn_comm_is_mute(const acn_comm *comm) {
    return __builtin_expect(comm->fault != NULL, 0) && acn_fault_is_mute(comm->fault);
}
/* The waits of a task are over. */
static inline void acn_comm_end_waits(acn_comm *comm, bool is_of_messages) {
    acn_wait_note *note = &comm->board->seats[comm->rank].notes[is_of_messages];
    if (atomic_load_explicit(&note->since_ns, memory_order_relaxed) != 0)
        atomic_store(&note->since_ns, 0);
}

#endif
