/* copy.h - copying and filling, now or in stream order. */
#ifndef ACN_RUNTIME_COPY_H
#define ACN_RUNTIME_COPY_H

#include "base/status.h"
#include "runtime/stream.h"
#include <stddef.h>

/* The interface's aclrtMemcpyKind. */
typedef enum acn_copy_kind {
    ACN_COPY_HOST_TO_HOST,
    ACN_COPY_HOST_TO_DEVICE,
    ACN_COPY_DEVICE_TO_HOST,
    ACN_COPY_DEVICE_TO_DEVICE,
    ACN_COPY_DEFAULT,                  /* what the addresses say */
    ACN_COPY_HOST_TO_BUFFER_TO_DEVICE, /* the source is free again when the call returns */
    ACN_COPY_INNER_DEVICE,
    ACN_COPY_INTER_DEVICE,
    ACN_COPY_KINDS
} acn_copy_kind;

typedef struct acn_copy {
    void *destination;
    const void *source;
    size_t bytes;             /* of a row */
    size_t rows;              /* 1 unless two-dimensional */
    size_t destination_pitch; /* bytes from row to row */
    size_t source_pitch;
    acn_copy_kind kind;
} acn_copy;

/* Checks addresses against |kind|. */
acn_status acn_copy_now(const acn_copy *copy);
/* With ordinary host memory on either side, returns when the copy is done. */
acn_status acn_copy_async(const acn_copy *copy, acn_stream *stream);
acn_status acn_fill_now(void *destination, int value, size_t bytes);
acn_status acn_fill_async(void *destination, int value, size_t bytes, acn_stream *stream);
acn_status acn_fill_words_now(void *destination, uint32_t value, size_t words);
acn_status acn_fill_words_async(void *destination, uint32_t value, size_t words,
                                acn_stream *stream);

#endif
