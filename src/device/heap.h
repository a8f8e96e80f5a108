/* heap.h - allocation inside a span. What it knows about blocks lies outside the span: nothing that
 * a kernel writes can damage it, and any address can be checked. */
#ifndef ACN_DEVICE_HEAP_H
#define ACN_DEVICE_HEAP_H

#include "device/device.h"
#include <stdatomic.h>
#include <stdint.h>

typedef struct acn_heap acn_heap;

enum { ACN_HEAP_ALIGN = 512 };

/* Blocks are whole units, a power of two of bytes. |backend| NULL: addresses only. */
acn_status acn_heap_create(const acn_span *span, const acn_device_backend *backend,
                           size_t unit_bytes, acn_heap **out);
/* Aligned to units (2 MiB for blocks of 2 MiB and more), contents undefined; NULL when no free
 * range is large enough. */
void *acn_heap_alloc(acn_heap *heap, size_t bytes);
/* False when |address| is not the start of an allocated block. */
bool acn_heap_free(acn_heap *heap, void *address);
/* Keeps |used_bytes| up to date from now on; it must live as long as the heap. */
void acn_heap_watch(acn_heap *heap, _Atomic uint64_t *used_bytes);
/* Frees everything. */
void acn_heap_clear(acn_heap *heap);

typedef struct acn_heap_state {
    size_t total_bytes, used_bytes, peak_bytes, largest_free_bytes;
} acn_heap_state;
void acn_heap_get_state(acn_heap *heap, acn_heap_state *out);
/* The allocated block that |address| lies in; false when there is none. */
bool acn_heap_find(acn_heap *heap, const void *address, void **out_base, size_t *out_bytes);

#endif
