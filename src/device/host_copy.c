/* host_copy.c - large copies are cut in pieces for the kernel threads, and go past the cache when
 * they would fill it anyway: the C library does the latter by the size of a call, which for a piece
 * is too small to tell. */
#include "base/pool.h"
#include "device/device.h"
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { PIECE_BYTES = 2 << 20, ALONE_BYTES = 2 * PIECE_BYTES, LINE_BYTES = 64 };

static size_t past_cache_bytes;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_cache(void) {
    /* Virtual machines report the host's whole cache, of which this process has a small part. */
    const size_t most = (size_t)16 << 20;
    long bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
    past_cache_bytes = bytes > 0 && (size_t)bytes / 4 * 3 < most ? (size_t)bytes / 4 * 3 : most;
}

/* For pieces whose destination nobody reads from the cache again. */
static void copy_past_cache(char *to, const char *from, size_t bytes) {
#ifdef __SSE2__
    size_t head = -(uintptr_t)to & (LINE_BYTES - 1);
    memcpy(to, from, head);
    to += head, from += head, bytes -= head;
    for (; bytes >= LINE_BYTES; to += LINE_BYTES, from += LINE_BYTES, bytes -= LINE_BYTES) {
        __m128i a = _mm_loadu_si128((const __m128i *)from);
        __m128i b = _mm_loadu_si128((const __m128i *)(from + 16));
        __m128i c = _mm_loadu_si128((const __m128i *)(from + 32));
        __m128i d = _mm_loadu_si128((const __m128i *)(from + 48));
        _mm_stream_si128((__m128i *)to, a);
        _mm_stream_si128((__m128i *)(to + 16), b);
        _mm_stream_si128((__m128i *)(to + 32), c);
        _mm_stream_si128((__m128i *)(to + 48), d);
    }
    _mm_sfence();
#endif
    memcpy(to, from, bytes);
}

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
    char *to = job->destination + offset;
    const char *from = job->source + offset;
    if (job->bytes > past_cache_bytes)
        copy_past_cache(to, from, piece(job, chunk));
    else
        memcpy(to, from, piece(job, chunk));
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
        pthread_once(&once, find_cache);
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
