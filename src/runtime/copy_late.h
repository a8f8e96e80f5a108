/* copy_late.h - copies whose addresses lie in memory and are read when the copy runs. */
#ifndef ACN_RUNTIME_COPY_LATE_H
#define ACN_RUNTIME_COPY_LATE_H

#include "runtime/copy.h"

/* A description of a copy, in device memory. */
typedef struct acn_copy_description {
    uint64_t destination, source, bytes;
    int32_t kind;
    uint32_t mark; /* ACN_COPY_DESCRIPTION_MARK: it was filled in */
    uint64_t reserved[4];
} acn_copy_description;

enum { ACN_COPY_DESCRIPTION_MARK = 0x43504459 };

acn_status acn_copy_described(const void *description, acn_copy_kind kind, acn_stream *stream);

/* Copies from *|source| + offset to *|destination| + offset. */
typedef struct acn_copy_indirect {
    void *const *destination;
    const void *const *source;
    size_t destination_offset, source_offset, bytes;
    acn_copy_kind kind;
} acn_copy_indirect;

acn_status acn_copy_indirectly(const acn_copy_indirect *copy, acn_stream *stream);

#endif
