/* board.c - see board.h. */
#include "hccl/board.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "acn_low_half takes the first half of a word for the low one"
#endif

/* "acnhccl" and the version of what lies there: all ranks must have the same. */
static const uint64_t magic = 0x6c6363686e6361 | (uint64_t)4 << 56;

/* Those of this process that can be opened. */
typedef struct open_board {
    char key[ACN_SHARE_KEY_BYTES];
    acn_share_cell *cell;
    int file;
    struct open_board *next;
} open_board;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static open_board *boards;

static acn_status make_file(int *out_file) {
    static atomic_uint count;
    acn_board *board;
    int file = memfd_create(ACN_BOARD_FILE, MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, sizeof(acn_board)) != 0) {
        int cause = errno;
        if (file >= 0) close(file);
        return acn_fail(ACN_BAD_ALLOC, "no file in memory for a communicator (%s)",
                        strerror(cause));
    }
    /* The head is all that is not zero. */
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
    if (board == MAP_FAILED) {
        close(file);
        return acn_fail(ACN_BAD_ALLOC, "a communicator's memory cannot be mapped");
    }
    board->magic = magic;
    snprintf(board->name, sizeof board->name, "anycann_%d_%u", (int)getpid(),
             atomic_fetch_add(&count, 1));
    munmap(board, sizeof *board);
    *out_file = file;
    return ACN_OK;
}

/* Those that all ranks have come to, none of which is of this process: only then it does not hear
 * that nobody else is to come. With the mutex held. */
static void close_full(void) {
    for (open_board **at = &boards, *b; (b = *at) != NULL;) {
        uint32_t counts[2];
        _Static_assert(offsetof(acn_board, joined) == offsetof(acn_board, ranks) + 4, "in a row");
        bool is_read =
            pread(b->file, counts, sizeof counts, offsetof(acn_board, ranks)) == sizeof counts;
        if (!is_read || counts[0] == 0 || counts[1] < counts[0]) {
            at = &b->next;
            continue;
        }
        *at = b->next;
        acn_share_destroy(b->cell);
        close(b->file);
        free(b);
    }
}

acn_status acn_board_create(char key[ACN_SHARE_KEY_BYTES]) {
    int file = -1;
    acn_status status;
    open_board *made = calloc(1, sizeof *made);
    if (made == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a communicator");
    ACN_TRY_OR(free_made, make_file(&file));
    ACN_TRY_OR(close_file, acn_share_create(ACN_SHARE_MEMORY, &made->cell));
    made->file = file;
    made->cell->memory.file = file;
    made->cell->memory.bytes = sizeof(acn_board);
    acn_share_export(made->cell, true);
    acn_share_key(made->cell, made->key);
    memcpy(key, made->key, ACN_SHARE_KEY_BYTES);
    pthread_mutex_lock(&mutex);
    close_full();
    made->next = boards;
    boards = made;
    pthread_mutex_unlock(&mutex);
    return ACN_OK;
close_file:
    close(file);
free_made:
    free(made);
    return status;
}

void acn_board_close(const char *key) {
    pthread_mutex_lock(&mutex);
    open_board **at = &boards;
    while (*at != NULL && memcmp((*at)->key, key, ACN_SHARE_KEY_BYTES) != 0)
        at = &(*at)->next;
    open_board *found = *at;
    if (found != NULL) *at = found->next;
    pthread_mutex_unlock(&mutex);
    if (found == NULL) return;
    acn_share_destroy(found->cell);
    close(found->file);
    free(found);
}

bool acn_board_is_one(const acn_board *board) { return board->magic == magic; }

static acn_status wrong_version(void) {
    return acn_fail(ACN_PARAM_INVALID, "the root information is of another version of AnyCANN; all "
                                       "ranks must run the same");
}

static acn_status map(int file, acn_board **out) {
    acn_board *board =
        mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
    if (board == MAP_FAILED)
        return acn_fail(ACN_BAD_ALLOC, "a communicator's memory cannot be mapped (%s)",
                        strerror(errno));
    if (!acn_board_is_one(board)) {
        munmap(board, sizeof *board);
        return wrong_version();
    }
    madvise(board, sizeof *board, MADV_DONTFORK);
    *out = board;
    return ACN_OK;
}

acn_status acn_board_map(const char *key, acn_board **out, int *out_file) {
    acn_share_view view;
    int file;
    ACN_TRY(acn_share_open(key, ACN_SHARE_MEMORY, &view));
    bool is_board = view.cell->memory.bytes == sizeof(acn_board);
    acn_status status = acn_share_open_file(&view, &file);
    acn_share_close(&view);
    ACN_TRY(status);
    status = is_board ? map(file, out) : wrong_version();
    if (status == ACN_OK)
        *out_file = file;
    else
        close(file);
    return status;
}

void acn_board_unmap(acn_board *board, int file) {
    munmap(board, sizeof *board);
    close(file);
}
