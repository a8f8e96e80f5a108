/* board.h - what the ranks of one communicator share: a file in memory that all of them map. Each
 * rank has a seat, which only it writes. Nothing lies there but words; data stays where it is, in
 * device memory that the others map (peer.h). */
#ifndef ACN_HCCL_BOARD_H
#define ACN_HCCL_BOARD_H

#include "hccl/plan.h"
#include "runtime/share.h"
#include <stdatomic.h>

enum {
    ACN_BOARD_TEXT = 512,
    ACN_BOARD_NAME = 128,
    ACN_BOARD_HOST = 64,
    ACN_BOARD_OFFERS = 8,          /* sub-communicators that a rank may be opening at once */
    ACN_SCRATCH_BYTES = 256 << 10, /* of each rank; its pages come with their first use */
};
#define ACN_NO_OFFSET UINT64_MAX

/* What a rank says about the collective that it has entered. */
typedef struct acn_entry {
    _Atomic uint64_t sequence; /* which of this communicator's collectives; 0 while it is written */
    uint32_t collective, dtype, op, root;
    uint64_t count;
    uint64_t algorithm; /* a number for its name */
    uint64_t in, out;   /* offsets in the device's memory, or ACN_NO_OFFSET */
} __attribute__((aligned(64))) acn_entry;

/* What a rank is waiting for, for those who ask why nothing goes on (why.h). Nobody decides by it.
 */
typedef struct acn_wait_note {
    _Atomic int64_t since_ns; /* CLOCK_MONOTONIC; 0: it does not wait, or not for long */
    uint32_t rank;
    char what[24];
} acn_wait_note;

/* A new board for some of the ranks, by its key. */
typedef struct acn_offer {
    _Atomic uint64_t group; /* a number for which ranks, and which of their groups; 0: free */
    char key[ACN_SHARE_KEY_BYTES];
} acn_offer;

typedef enum acn_seat_state { ACN_SEAT_FREE, ACN_SEAT_TAKEN, ACN_SEAT_LEFT } acn_seat_state;

typedef struct acn_seat {
    /* Sequence and phase of the collective (see acn_progress); who sleeps on its low half. */
    _Atomic uint64_t progress __attribute__((aligned(64)));
    _Atomic uint32_t sleepers;
    _Atomic int32_t cpu; /* where it entered its collective */
    /* Rung by others when they post or take a message; who sleeps on it. */
    _Atomic uint32_t bell __attribute__((aligned(64)));
    _Atomic uint32_t bell_sleepers;
    acn_entry entries[2] __attribute__((aligned(64))); /* by sequence modulo 2 */
    _Atomic uint32_t state;
    int32_t pid;    /* who sits there or, while it is free, who is expected; 0: unknown */
    int32_t device; /* the machine's number of it */
    char host[ACN_BOARD_HOST];
    char memory_key[ACN_SHARE_KEY_BYTES];
    _Atomic uint32_t collectives, exchanges; /* how many run now */
    acn_wait_note notes[2];                  /* of a collective, of messages */
    acn_offer offers[ACN_BOARD_OFFERS];
    _Atomic uint32_t offered; /* a futex word: changes with them */
} acn_seat;

/* Messages from one rank to another: one lies there at a time. */
typedef struct acn_mailbox {
    _Atomic uint64_t posted, taken; /* how many ever */
    uint64_t offset, count;
    uint32_t dtype;
} __attribute__((aligned(64))) acn_mailbox;

typedef struct acn_board {
    uint64_t magic;
    char name[ACN_BOARD_NAME];
    _Atomic uint32_t ranks;  /* 0 until the first joins */
    _Atomic uint32_t joined; /* how many have; a futex word */
    /* 0, or twice the era (comm.h) in which it failed, plus 1 once the text is written. */
    _Atomic uint32_t failed;
    uint32_t failed_rank;
    uint32_t failed_status;
    char failed_text[ACN_BOARD_TEXT];
    acn_seat seats[ACN_MAX_RANKS];
    acn_mailbox mail[ACN_MAX_RANKS * ACN_MAX_RANKS]; /* [from * ranks + to] */
    /* Of plans that alternate, and of the others: who leaves one of the former may still be read.
     */
    char scratch[ACN_MAX_RANKS][2][ACN_SCRATCH_BYTES];
} acn_board;

/* A new board that whoever has |key| can open. */
acn_status acn_board_create(char key[ACN_SHARE_KEY_BYTES]);
/* Nobody can open it any more; those who have it keep it. Does nothing to another process's. */
void acn_board_close(const char *key);
/* |*out_file| stays open, so that `anycann hccl-why` finds the board. */
acn_status acn_board_map(const char *key, acn_board **out, int *out_file);
void acn_board_unmap(acn_board *board, int file);
bool acn_board_is_one(const acn_board *board);
#define ACN_BOARD_FILE "anycann-hccl"

static inline uint64_t acn_progress(uint64_t sequence, uint32_t phase) {
    return sequence << 16 | phase;
}
/* The half that changes, as a futex word. */
static inline _Atomic uint32_t *acn_low_half(_Atomic uint64_t *word) {
    return (_Atomic uint32_t *)(void *)word;
}

#endif
