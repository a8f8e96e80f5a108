/* managed.h - memory that host and devices both use at one address. It is page-locked host memory;
 * what clients advise about it is kept for those who ask. */
#ifndef ACN_RUNTIME_MANAGED_H
#define ACN_RUNTIME_MANAGED_H

#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The interface's kinds of locations. */
typedef struct acn_managed_location {
    int32_t type, id; /* type 0: none */
} acn_managed_location;

typedef struct acn_managed_advice {
    bool is_read_mostly;
    acn_managed_location preferred, prefetched;
    uint64_t accessed_by; /* a bit for each device */
    bool is_accessed_by_host;
} acn_managed_advice;

acn_status acn_managed_alloc(size_t bytes, void **out_address);
/* False: |address| is not the start of managed memory. */
bool acn_managed_free(void *address);
bool acn_managed_contains(const void *address);
/* Calls |change| with the advice of the allocation that holds all of the range, under a lock. */
acn_status acn_managed_with(const void *address, size_t bytes,
                            void (*change)(acn_managed_advice *advice, void *data), void *data);

#endif
