/* memory.h - device memory: 512-byte aligned blocks in one lazily reserved, memfd-backed address
 * window, so that a pointer's class is a range check and other processes can map it. */
#ifndef ACN_RUNTIME_MEMORY_H
#define ACN_RUNTIME_MEMORY_H

#include "base/status.h"
#include <stdbool.h>

typedef enum acn_memory_kind {
    ACN_MEMORY_PAGEABLE, /* unknown to us: ordinary host memory */
    ACN_MEMORY_PINNED,   /* from aclrtMallocHost or registered */
    ACN_MEMORY_DEVICE,
} acn_memory_kind;

acn_status acn_memory_alloc(int device, size_t bytes, void **out_address);
acn_status acn_memory_free(void *address);
acn_memory_kind acn_memory_classify(const void *address, int *out_device /* may be NULL */);
/* The one accessor: the address at which this process may touch device memory. Identity today; a
 * checking mode hands clients a different, unreadable view. */
static inline void *acn_memory_view(const void *device_address) { return (void *)device_address; }

#endif
