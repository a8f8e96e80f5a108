/* pool_memory.h - memory pools: allocating and freeing in the order of a stream. What is freed
 * stays with its pool, up to a threshold, and is given out again without asking the device. */
#ifndef ACN_RUNTIME_POOL_MEMORY_H
#define ACN_RUNTIME_POOL_MEMORY_H

#include "base/status.h"
#include "runtime/stream.h"
#include <stddef.h>

typedef struct acn_memory_pool acn_memory_pool;

typedef struct acn_memory_pool_state {
    uint64_t reserved_bytes, reserved_peak_bytes, used_bytes, used_peak_bytes;
} acn_memory_pool_state;

/* |most_bytes| 0: as much as the device has. */
acn_status acn_memory_pool_create(int device, size_t most_bytes, acn_memory_pool **out);
acn_status acn_memory_pool_resolve(void *handle, acn_memory_pool **out);
/* Blocks in use stay valid until they are freed. */
acn_status acn_memory_pool_destroy(acn_memory_pool *pool);
acn_status acn_memory_pool_alloc(acn_memory_pool *pool, size_t bytes, void **out);
/* When |stream| gets there. */
acn_status acn_memory_pool_free(void *address, acn_stream *stream);
acn_status acn_memory_pool_trim(acn_memory_pool *pool, size_t bytes_to_keep);
/* Free memory above this goes back to the device at once. */
void acn_memory_pool_set_threshold(acn_memory_pool *pool, uint64_t bytes);
uint64_t acn_memory_pool_threshold(const acn_memory_pool *pool);
acn_memory_pool_state acn_memory_pool_get_state(acn_memory_pool *pool);
/* Peaks begin anew at what is now. */
void acn_memory_pool_reset_peaks(acn_memory_pool *pool, bool reserved, bool used);

#endif
