/* share.c - see share.h. */
#include "runtime/share.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

enum { CELL_BYTES = 512, MAX_CELLS = 1 << 16 };
/* Of a key in 64 bits. */
enum { PID_BITS = 22, FILE_BITS = 12, INDEX_BITS = 16, SECRET_BITS = 14 };
_Static_assert(PID_BITS + FILE_BITS + INDEX_BITS + SECRET_BITS == 64, "a number has 64 bits");
_Static_assert(sizeof(acn_share_cell) <= CELL_BYTES, "a cell has its place in the file");

static struct {
    pthread_mutex_t mutex;
    int file;
    char *cells;
    uint32_t made, free_count;
    uint32_t free[MAX_CELLS]; /* given back */
} board = {.mutex = PTHREAD_MUTEX_INITIALIZER, .file = -1};

static acn_share_cell *cell_at(size_t index) {
    return (acn_share_cell *)(void *)(board.cells + index * CELL_BYTES);
}

static size_t index_of(const acn_share_cell *cell) {
    return (size_t)((const char *)cell - board.cells) / CELL_BYTES;
}

/* With the mutex held. */
static acn_status make_board(void) {
    size_t bytes = (size_t)MAX_CELLS * CELL_BYTES;
    if (board.cells != NULL) return ACN_OK;
    int file = memfd_create("anycann-board", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, (off_t)bytes) != 0) {
        int cause = errno;
        if (file >= 0) close(file);
        return acn_fail(ACN_BAD_ALLOC, "no file in memory for what processes share (%s)",
                        strerror(cause));
    }
    void *cells = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (cells == MAP_FAILED) {
        close(file);
        return acn_fail(ACN_BAD_ALLOC, "%zu bytes for what processes share cannot be mapped",
                        bytes);
    }
    board.file = file;
    board.cells = cells;
    return ACN_OK;
}

/* With the mutex held. */
static acn_status take_cell(acn_share_cell **out) {
    ACN_TRY(make_board());
    if (board.free_count > 0) {
        *out = cell_at(board.free[--board.free_count]);
    } else if (board.made < MAX_CELLS) {
        *out = cell_at(board.made++);
    } else {
        return acn_fail(ACN_BAD_ALLOC,
                        "%d things are shared with other processes, which is the most", MAX_CELLS);
    }
    return ACN_OK;
}

acn_status acn_share_create(acn_share_kind kind, acn_share_cell **out) {
    pthread_mutex_lock(&board.mutex);
    acn_status status = take_cell(out);
    if (status == ACN_OK) {
        memset((void *)*out, 0, sizeof **out);
        (*out)->kind = kind;
    }
    pthread_mutex_unlock(&board.mutex);
    return status;
}

void acn_share_destroy(acn_share_cell *cell) {
    pthread_mutex_lock(&board.mutex);
    atomic_store(&cell->secret, 0);
    cell->kind = ACN_SHARE_NOTHING;
    board.free[board.free_count++] = (uint32_t)index_of(cell);
    pthread_mutex_unlock(&board.mutex);
}

void acn_share_export(acn_share_cell *cell, bool to_all) {
    uint64_t secret = 0, none = 0;
    while ((secret & ((1u << SECRET_BITS) - 1)) == 0)
        if (getrandom(&secret, sizeof secret, 0) != sizeof secret) secret = (uintptr_t)&secret | 1;
    if (to_all) atomic_store(&cell->is_open_to_all, 1);
    atomic_compare_exchange_strong(&cell->secret, &none, secret);
}

/* Keys. */

typedef struct place {
    int pid, file;
    uint32_t index;
    uint64_t secret, mask; /* the bits of the secret that the key has */
} place;

static const char key_format[] = "anycann-%x-%x-%x-%llx%c";

void acn_share_key(const acn_share_cell *cell, char key[ACN_SHARE_KEY_BYTES]) {
    memset(key, 0, ACN_SHARE_KEY_BYTES);
    snprintf(key, ACN_SHARE_KEY_BYTES, key_format, (unsigned)getpid(), (unsigned)board.file,
             (unsigned)index_of(cell), (unsigned long long)atomic_load(&cell->secret), 'w');
}

uint64_t acn_share_number(const acn_share_cell *cell) {
    uint64_t number = (uint64_t)getpid() << FILE_BITS | (uint64_t)board.file;
    number = number << INDEX_BITS | index_of(cell);
    return number << SECRET_BITS | (atomic_load(&cell->secret) & ((1u << SECRET_BITS) - 1));
}

void acn_share_key_of_number(uint64_t number, char key[ACN_SHARE_KEY_BYTES]) {
    unsigned secret = number & ((1u << SECRET_BITS) - 1);
    unsigned index = number >> SECRET_BITS & ((1u << INDEX_BITS) - 1);
    unsigned file = number >> (SECRET_BITS + INDEX_BITS) & ((1u << FILE_BITS) - 1);
    memset(key, 0, ACN_SHARE_KEY_BYTES);
    snprintf(key, ACN_SHARE_KEY_BYTES, key_format,
             (unsigned)(number >> (SECRET_BITS + INDEX_BITS + FILE_BITS)), file, index,
             (unsigned long long)secret, 's');
}

static acn_status parse(const char *key, place *out) {
    char text[ACN_SHARE_KEY_BYTES + 1], width = 0;
    unsigned pid = 0, file = 0, index = 0;
    unsigned long long secret = 0;
    memcpy(text, key, strnlen(key, ACN_SHARE_KEY_BYTES));
    text[strnlen(key, ACN_SHARE_KEY_BYTES)] = '\0';
    int count = sscanf(text, key_format, &pid, &file, &index, &secret, &width);
    if (count != 5 || index >= MAX_CELLS || secret == 0 || pid > INT32_MAX || file > INT32_MAX ||
        (width != 'w' && width != 's'))
        return acn_fail(ACN_PARAM_INVALID,
                        "the key is \"%.32s\", which AnyCANN did not make; expected what the "
                        "exporting process was given, unchanged",
                        text);
    uint64_t mask = width == 'w' ? UINT64_MAX : (1u << SECRET_BITS) - 1;
    *out = (place){(int)pid, (int)file, index, secret, mask};
    return ACN_OK;
}

static bool matches(const acn_share_cell *cell, const place *at, acn_share_kind kind) {
    uint64_t secret = atomic_load(&cell->secret);
    return secret != 0 && (secret & at->mask) == at->secret && cell->kind == (uint32_t)kind;
}

acn_status acn_share_find(const char *key, acn_share_kind kind, acn_share_cell **out) {
    place at;
    ACN_TRY(parse(key, &at));
    pthread_mutex_lock(&board.mutex);
    bool found = at.pid == getpid() && at.file == board.file && at.index < board.made &&
                 matches(cell_at(at.index), &at, kind);
    if (found) *out = cell_at(at.index);
    pthread_mutex_unlock(&board.mutex);
    if (found) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID,
                    "this process shares nothing under the key; expected one of its own exports "
                    "that is not closed");
}

acn_status acn_share_allow(acn_share_cell *cell, const int32_t *pids, size_t count) {
    acn_status status = ACN_OK;
    pthread_mutex_lock(&board.mutex);
    uint32_t have = atomic_load(&cell->pid_count);
    if (count > ACN_SHARE_PIDS - have)
        status = acn_fail(ACN_PARAM_INVALID,
                          "%zu processes and the %u named before are more than %d; export without "
                          "a list (the flag that disables the check of process ids)",
                          count, have, ACN_SHARE_PIDS);
    for (size_t i = 0; status == ACN_OK && i < count; i++)
        atomic_store(&cell->pids[have + i], pids[i]);
    if (status == ACN_OK) atomic_store(&cell->pid_count, have + (uint32_t)count);
    pthread_mutex_unlock(&board.mutex);
    return status;
}

/* Opening. */

static int open_descriptor(pid_t owner, int file) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)owner, file);
    return open(path, O_RDWR | O_CLOEXEC);
}

static acn_status cannot_open(pid_t owner, int cause) {
    return acn_fail(ACN_PARAM_INVALID,
                    "process %d, which the key names, %s (%s); it must live, share this process's "
                    "PID namespace and run as the same user",
                    (int)owner, cause == ENOENT ? "is gone or has another key" : "is out of reach",
                    strerror(cause));
}

static bool is_allowed(const acn_share_cell *cell, pid_t owner) {
    pid_t self = getpid();
    if (owner == self || atomic_load(&cell->is_open_to_all) != 0) return true;
    uint32_t count = atomic_load(&cell->pid_count);
    for (uint32_t i = 0; i < count && i < ACN_SHARE_PIDS; i++)
        if (atomic_load(&cell->pids[i]) == self) return true;
    return false;
}

acn_status acn_share_open(const char *key, acn_share_kind kind, acn_share_view *out) {
    place at;
    acn_status status = ACN_OK;
    ACN_TRY(parse(key, &at));
    int file = open_descriptor(at.pid, at.file);
    if (file < 0) return cannot_open(at.pid, errno);
    size_t page = (size_t)sysconf(_SC_PAGESIZE), offset = (size_t)at.index * CELL_BYTES;
    acn_share_view view = {.owner = at.pid, .mapping_bytes = page};
    /* A number may name another file by now: only one of a board's size is looked into. */
    if (lseek(file, 0, SEEK_END) != (off_t)MAX_CELLS * CELL_BYTES) {
        close(file);
        return cannot_open(at.pid, ENOENT);
    }
    view.mapping =
        mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)(offset & ~(page - 1)));
    close(file);
    if (view.mapping == MAP_FAILED)
        return acn_fail(ACN_BAD_ALLOC, "a page for what processes share cannot be mapped");
    view.cell = (acn_share_cell *)(void *)((char *)view.mapping + (offset & (page - 1)));
    if (!matches(view.cell, &at, kind)) {
        status = acn_fail(ACN_PARAM_INVALID,
                          "process %d shares nothing under the key any more; import before it "
                          "closes",
                          at.pid);
    } else if (!is_allowed(view.cell, at.pid)) {
        status = acn_fail(ACN_PARAM_INVALID,
                          "process %d did not name this process (%d) among those that may open it; "
                          "name it there, or export without the check of process ids",
                          at.pid, (int)getpid());
    }
    if (status != ACN_OK)
        munmap(view.mapping, page);
    else
        *out = view;
    return status;
}

acn_status acn_share_open_file(const acn_share_view *view, int *out_file) {
    *out_file = open_descriptor(view->owner, view->cell->memory.file);
    if (*out_file >= 0) return ACN_OK;
    return cannot_open(view->owner, errno);
}

void acn_share_close(acn_share_view *view) { munmap(view->mapping, view->mapping_bytes); }
