/* copy.c - copying and filling, with non-temporal stores where an output will not fit in the
 * cache: those skip reading the line that is about to be overwritten. */
#include "ops/kernels/kernels.h"
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
typedef __m512i chunk;
#define LOAD(p)      _mm512_loadu_si512(p)
#define STREAM(p, v) _mm512_stream_si512(p, v)
#elif defined(__AVX__)
typedef __m256i chunk;
#define LOAD(p)      _mm256_loadu_si256(p)
#define STREAM(p, v) _mm256_stream_si256(p, v)
#elif defined(__SSE2__)
typedef __m128i chunk;
#define LOAD(p)      _mm_loadu_si128(p)
#define STREAM(p, v) _mm_stream_si128(p, v)
#endif

void ACN_KERNEL(copy)(void *d, const void *s, size_t bytes) {
    if (d != s && bytes) memcpy(d, s, bytes);
}

void ACN_KERNEL(copy_stream)(void *d_, const void *s_, size_t bytes) {
#ifdef __SSE2__
    char *d = d_;
    const char *s = s_;
    size_t head = -(uintptr_t)d % 64;
    if (bytes < head + 256) {
        if (bytes) memcpy(d, s, bytes);
        return;
    }
    memcpy(d, s, head);
    for (d += head, s += head, bytes -= head; bytes >= 64; d += 64, s += 64, bytes -= 64)
        for (size_t i = 0; i < 64; i += sizeof(chunk))
            STREAM((chunk *)(d + i), LOAD((const chunk *)(s + i)));
    memcpy(d, s, bytes);
#else
    if (bytes) memcpy(d_, s_, bytes);
#endif
}

/* Not part of copy_stream: waiting for memory after each tile of 2 KiB costs a third of the speed.
 */
void ACN_KERNEL(stream_end)(void) {
#ifdef __SSE2__
    _mm_sfence();
#endif
}

/* Writes the pattern once and then doubles what is there, up to a piece that stays in L1. */
void ACN_KERNEL(fill)(void *d_, const void *pattern, size_t pattern_bytes, size_t count) {
    enum { PIECE_BYTES = 8192 };
    char *d = d_;
    size_t bytes = pattern_bytes * count;
    if (!bytes) return;
    const char *p = pattern;
    if (pattern_bytes == 1 || !memcmp(p, p + 1, pattern_bytes - 1)) { /* all bytes equal */
        memset(d, *p, bytes);
        return;
    }
    memcpy(d, pattern, pattern_bytes);
    size_t done = pattern_bytes;
    while (done < bytes) {
        size_t piece = done < PIECE_BYTES ? done : PIECE_BYTES / pattern_bytes * pattern_bytes;
        if (!piece) piece = pattern_bytes;
        if (piece > bytes - done) piece = bytes - done;
        memcpy(d + done, d, piece);
        done += piece;
    }
}
