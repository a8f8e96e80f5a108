/* memory.h - device memory: 512-byte aligned blocks in one lazily reserved, memfd-backed address
 * window, so that a pointer's class is a range check and other processes can map it. */
#ifndef ACN_RUNTIME_MEMORY_H
#define ACN_RUNTIME_MEMORY_H

#include "base/status.h"
#include "device/device.h"
#include <stdbool.h>
#include <stddef.h>

typedef enum acn_memory_kind {
    ACN_MEMORY_PAGEABLE, /* unknown to us: ordinary host memory */
    ACN_MEMORY_PINNED,   /* from aclrtMallocHost or registered */
    ACN_MEMORY_DEVICE,
} acn_memory_kind;

acn_status acn_memory_alloc(int device, size_t bytes, void **out_address);
acn_status acn_memory_free(void *address);
/* Page-locked host memory. */
acn_status acn_memory_alloc_host(size_t bytes, void **out_address);
acn_status acn_memory_free_host(void *address);
/* Ordinary host memory that counts as page-locked from now on. */
acn_status acn_memory_register(void *address, size_t bytes);
acn_status acn_memory_unregister(void *address);
acn_memory_kind acn_memory_classify(const void *address, int *out_device /* may be NULL */);
/* The block that a device or page-locked address lies in; false when there is none. */
bool acn_memory_find(const void *address, void **out_base, size_t *out_bytes);
/* Frees everything of a device. */
void acn_memory_clear(int device);

typedef struct acn_memory_state {
    size_t total_bytes, free_bytes, used_bytes, peak_bytes;
} acn_memory_state;
acn_status acn_memory_get_state(int device, acn_memory_state *out);

/* The one accessor: the address at which this process may touch device memory; see device.h. */
static inline void *acn_memory_view(const void *device_address) {
    return acn_window_view(device_address);
}

#endif
