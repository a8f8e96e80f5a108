/* share.h - things of this process that other processes open by a key: memory, events, notifies.
 *
 * Each process keeps a board, a small file in memory with a cell for each such thing. A key names
 * the process, the board, the cell and a random number; who has it reads the cell through
 * /proc/PID/fd. So there is no server, no socket and no file system: what a killed process shared
 * lives on for those who have it open, and then is gone. Both processes need the same PID namespace
 * and user, as processes of one program have.
 */
#ifndef ACN_RUNTIME_SHARE_H
#define ACN_RUNTIME_SHARE_H

#include "base/status.h"
#include <stdatomic.h>
#include <sys/types.h>

enum { ACN_SHARE_PIDS = 64, ACN_SHARE_POINTS = 16, ACN_SHARE_KEY_BYTES = 64 };

typedef enum acn_share_kind {
    ACN_SHARE_NOTHING,
    ACN_SHARE_MEMORY,
    ACN_SHARE_PHYSICAL, /* memory without an address */
    ACN_SHARE_EVENT,
    ACN_SHARE_NOTIFY,
} acn_share_kind;

/* What lies in the file; both processes work on it. */
typedef struct acn_share_cell {
    _Atomic uint64_t secret; /* 0 while nobody may open it */
    uint32_t kind;
    _Atomic uint32_t is_open_to_all, pid_count;
    _Atomic int32_t pids[ACN_SHARE_PIDS];
    union {
        struct {
            int32_t file, device; /* a descriptor there; the machine's number of the device */
            uint64_t offset, bytes;
        } memory;
        struct {
            _Atomic uint32_t recorded;               /* how often */
            _Atomic uint32_t bell;                   /* changes whenever a record is reached */
            _Atomic uint32_t done[ACN_SHARE_POINTS]; /* by record modulo their number: reached */
            _Atomic int32_t pids[ACN_SHARE_POINTS];  /* who made the record */
            _Atomic int64_t time_ns;                 /* of the last record that was reached */
        } event;
        struct {
            _Atomic uint32_t value;
        } notify;
    };
} acn_share_cell;

/* A cell of this process, zeroed, which nobody can open yet. */
acn_status acn_share_create(acn_share_kind kind, acn_share_cell **out);
void acn_share_destroy(acn_share_cell *cell);
/* Makes a cell's key; the same one each time. |to_all|: without a list of processes. */
void acn_share_export(acn_share_cell *cell, bool to_all);
void acn_share_key(const acn_share_cell *cell, char key[ACN_SHARE_KEY_BYTES]);
/* The same in 64 bits. */
uint64_t acn_share_number(const acn_share_cell *cell);
void acn_share_key_of_number(uint64_t number, char key[ACN_SHARE_KEY_BYTES]);
/* The cell of this process behind a key. */
acn_status acn_share_find(const char *key, acn_share_kind kind, acn_share_cell **out);
/* Adds to the processes that may open it. */
acn_status acn_share_allow(acn_share_cell *cell, const int32_t *pids, size_t count);

typedef struct acn_share_view {
    acn_share_cell *cell;
    pid_t owner;
    void *mapping;
    size_t mapping_bytes;
} acn_share_view;

/* Opens what |key| names, in whatever process. */
acn_status acn_share_open(const char *key, acn_share_kind kind, acn_share_view *out);
/* A descriptor of our own for a memory cell's file. */
acn_status acn_share_open_file(const acn_share_view *view, int *out_file);
void acn_share_close(acn_share_view *view);

#endif
