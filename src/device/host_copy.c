/* host_copy.c - large copies are cut in pieces for the kernel threads. Pieces are large, so that
 * the C library's memcpy still goes past the cache where that pays. */
#include "base/pool.h"
#include "device/device.h"
#include <stdint.h>
#include <string.h>

enum { PIECE_BYTES = 4 << 20, ALONE_BYTES = 2 * PIECE_BYTES };

typedef struct copy_job {
    char *destination;
    const char *source;
    size_t bytes;
    int value;
} copy_job;

static size_t piece(const copy_job *job, int64_t chunk) {
    size_t left = job->bytes - (size_t)chunk * PIECE_BYTES;
    return left < PIECE_BYTES ? left : PIECE_BYTES;
}

static void copy_piece(void *context, int64_t chunk, int worker) {
    copy_job *job = context;
    size_t offset = (size_t)chunk * PIECE_BYTES;
    memcpy(job->destination + offset, job->source + offset, piece(job, chunk));
}

static void fill_piece(void *context, int64_t chunk, int worker) {
    copy_job *job = context;
    memset(job->destination + (size_t)chunk * PIECE_BYTES, job->value, piece(job, chunk));
}

static int64_t pieces(size_t bytes) { return (int64_t)((bytes + PIECE_BYTES - 1) / PIECE_BYTES); }

void acn_host_copy(void *destination, const void *source, size_t bytes) {
    uintptr_t distance = (uintptr_t)destination - (uintptr_t)source;
    if (distance < bytes || -distance < bytes) { /* overlapping: pieces would race */
        memmove(destination, source, bytes);
    } else if (bytes <= ALONE_BYTES) {
        memcpy(destination, source, bytes);
    } else {
        copy_job job = {.destination = destination, .source = source, .bytes = bytes};
        acn_pool_run(pieces(bytes), copy_piece, &job);
    }
}

void acn_host_fill(void *destination, int value, size_t bytes) {
    if (bytes <= ALONE_BYTES) {
        memset(destination, value, bytes);
        return;
    }
    copy_job job = {.destination = destination, .bytes = bytes, .value = value};
    acn_pool_run(pieces(bytes), fill_piece, &job);
}

void acn_host_fill_words(void *destination, unsigned value, size_t words) {
    for (size_t i = 0; i < words; i++)
        memcpy((char *)destination + 4 * i, &value, 4);
}
