/* memory.c - device memory and page-locked host memory: one heap for each span of the window. */
#include "runtime/memory.h"

#include "base/report.h"
#include "device/heap.h"
#include "runtime/check.h"
#include "runtime/context.h"
#include "runtime/guard.h"
#include "runtime/ipc.h"
#include "runtime/virtual.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct host_range {
    uintptr_t start, end;
} host_range;

static _Atomic(acn_heap *) heaps[ACN_DEVICE_MAX + 1]; /* the first is for page-locked memory */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* Host memory that clients registered, few and by address. */
static pthread_rwlock_t ranges_lock = PTHREAD_RWLOCK_INITIALIZER;
static host_range *ranges;
static size_t range_room;
static atomic_size_t range_count;

static acn_heap *heap_if_made(int device) {
    return atomic_load_explicit(&heaps[device + 1], memory_order_acquire);
}

/* What `npu-smi` shows of this process on |device|. */
static void tell_others(int device, acn_heap *heap) {
    acn_report_device *shown = acn_report_device_open(acn_device_physical(device));
    atomic_store(&shown->total_bytes, acn_device_bytes());
    acn_heap_watch(heap, &shown->used_bytes);
}

static acn_status heap_of(int device, acn_heap **out) {
    acn_status status = ACN_OK;
    *out = heap_if_made(device);
    if (*out != NULL) return ACN_OK;
    pthread_mutex_lock(&mutex);
    if ((*out = heap_if_made(device)) == NULL) {
        const acn_span *span;
        const acn_device_backend *backend, *host_backend;
        status = acn_device_backend_get(&backend);
        host_backend = acn_device_backend_find("host");
        if (status == ACN_OK) status = acn_window_span(device, &span);
        if (status == ACN_OK)
            status = acn_heap_create(span, device == ACN_SPAN_HOST ? host_backend : backend,
                                     ACN_HEAP_ALIGN, out);
        if (status == ACN_OK && device != ACN_SPAN_HOST) tell_others(device, *out);
        if (status == ACN_OK && acn_guard_is_on()) acn_guard_watch_faults();
        if (status == ACN_OK) atomic_store_explicit(&heaps[device + 1], *out, memory_order_release);
    }
    pthread_mutex_unlock(&mutex);
    return status;
}

static acn_status refuse_orphan(void) {
    if (!acn_runtime_is_orphan()) return ACN_OK;
    return acn_fail(ACN_CONTEXT_NULL, "device memory of the parent process cannot be used in a "
                                      "child of fork; start the child with spawn");
}

acn_status acn_memory_alloc(int device, size_t bytes, void **out_address) {
    acn_heap *heap;
    ACN_TRY(refuse_orphan());
    ACN_TRY(heap_of(device, &heap));
    void *address =
        acn_guard_is_on() ? acn_guard_alloc(heap, device, bytes) : acn_heap_alloc(heap, bytes);
    if (address == NULL) {
        acn_heap_state state;
        acn_heap_get_state(heap, &state);
        return acn_fail(ACN_DEVICE_MEMORY,
                        "%zu bytes on device %d are not to be had: %zu of %zu bytes are free, the "
                        "largest free range is %zu; free memory or raise ANYCANN_MEMORY",
                        bytes, device, state.total_bytes - state.used_bytes, state.total_bytes,
                        state.largest_free_bytes);
    }
    if (acn_check_streams()) acn_check_forget(address, bytes);
    *out_address = address;
    return ACN_OK;
}

acn_status acn_memory_free(void *address) {
    ACN_TRY(refuse_orphan());
    int device = acn_window_find(address);
    acn_heap *heap = device >= 0 ? heap_if_made(device) : NULL;
    bool freed = heap != NULL &&
                 (acn_guard_is_on() ? acn_guard_free(heap, address) : acn_heap_free(heap, address));
    if (freed && atomic_load_explicit(&acn_ipc_exports, memory_order_relaxed) != 0)
        acn_ipc_forget(address);
    if (freed) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID,
                    "%p is not the start of device memory in use (freed twice, %s); expected an "
                    "address from aclrtMalloc",
                    address,
                    device == ACN_SPAN_HOST ? "or memory of aclrtMallocHost"
                    : heap != NULL          ? "or an address inside a block"
                                            : "or ordinary host memory");
}

acn_status acn_memory_alloc_host(size_t bytes, void **out_address) {
    acn_heap *heap;
    ACN_TRY(heap_of(ACN_SPAN_HOST, &heap));
    *out_address = acn_heap_alloc(heap, bytes);
    if (*out_address != NULL && acn_check_streams()) acn_check_forget(*out_address, bytes);
    if (*out_address != NULL) return ACN_OK;
    return acn_fail(ACN_DEVICE_MEMORY,
                    "%zu bytes of page-locked host memory are not to be had; "
                    "free some",
                    bytes);
}

acn_status acn_memory_free_host(void *address) {
    acn_heap *heap = heap_if_made(ACN_SPAN_HOST);
    if (heap != NULL && acn_heap_free(heap, address)) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID,
                    "%p is not the start of page-locked memory in use; expected an address from "
                    "aclrtMallocHost that was not freed before",
                    address);
}

/* With the lock held: the first range that ends after |address|. */
static size_t range_after(uintptr_t address) {
    size_t low = 0, high = atomic_load(&range_count);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ranges[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

acn_status acn_memory_register(void *address, size_t bytes) {
    acn_status status = ACN_OK;
    uintptr_t start = (uintptr_t)address, end = start + bytes;
    if (end < start || acn_window_find(address) != ACN_SPAN_OUTSIDE)
        return acn_fail(ACN_PARAM_INVALID,
                        "%p with %zu bytes is not ordinary host memory; register what malloc or "
                        "mmap gave",
                        address, bytes);
    pthread_rwlock_wrlock(&ranges_lock);
    size_t count = atomic_load(&range_count), at = range_after(start);
    if (at < count && ranges[at].start < end) {
        status = acn_fail(ACN_PARAM_INVALID, "%p with %zu bytes overlaps registered memory",
                          address, bytes);
    } else if (count == range_room) {
        host_range *more = realloc(ranges, (2 * count + 16) * sizeof *ranges);
        if (more == NULL) status = acn_fail(ACN_BAD_ALLOC, "no memory to register host memory");
        if (more != NULL) ranges = more, range_room = 2 * count + 16;
    }
    if (status == ACN_OK) {
        memmove(&ranges[at + 1], &ranges[at], (count - at) * sizeof *ranges);
        ranges[at] = (host_range){start, end};
        atomic_store(&range_count, count + 1);
    }
    pthread_rwlock_unlock(&ranges_lock);
    return status;
}

acn_status acn_memory_unregister(void *address) {
    pthread_rwlock_wrlock(&ranges_lock);
    size_t count = atomic_load(&range_count), at = range_after((uintptr_t)address);
    bool found = at < count && ranges[at].start == (uintptr_t)address;
    if (found) {
        memmove(&ranges[at], &ranges[at + 1], (count - at - 1) * sizeof *ranges);
        atomic_store(&range_count, count - 1);
    }
    pthread_rwlock_unlock(&ranges_lock);
    if (found) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "%p is not the start of registered memory", address);
}

acn_memory_kind acn_memory_classify(const void *address, int *out_device) {
    int device = acn_window_find(address);
    if (device == ACN_SPAN_RESERVED) device = acn_virtual_device(address);
    if (out_device != NULL) *out_device = device >= 0 ? device : 0;
    if (device >= 0) return ACN_MEMORY_DEVICE;
    if (device == ACN_SPAN_HOST) return ACN_MEMORY_PINNED;
    if (atomic_load_explicit(&range_count, memory_order_acquire) == 0) return ACN_MEMORY_PAGEABLE;
    pthread_rwlock_rdlock(&ranges_lock);
    size_t at = range_after((uintptr_t)address);
    bool found = at < atomic_load(&range_count) && ranges[at].start <= (uintptr_t)address;
    pthread_rwlock_unlock(&ranges_lock);
    return found ? ACN_MEMORY_PINNED : ACN_MEMORY_PAGEABLE;
}

bool acn_memory_find(const void *address, void **out_base, size_t *out_bytes) {
    int device = acn_window_find(address);
    acn_heap *heap = device != ACN_SPAN_OUTSIDE ? heap_if_made(device) : NULL;
    return heap != NULL && acn_heap_find(heap, address, out_base, out_bytes);
}

void acn_memory_clear(int device) {
    acn_heap *heap = heap_if_made(device);
    if (heap != NULL && acn_guard_is_on()) acn_guard_clear(device);
    if (heap != NULL) acn_heap_clear(heap);
}

acn_status acn_memory_get_state(int device, acn_memory_state *out) {
    acn_heap *heap;
    acn_heap_state state;
    ACN_TRY(refuse_orphan());
    ACN_TRY(heap_of(device, &heap));
    acn_heap_get_state(heap, &state);
    if (acn_guard_is_on()) state.used_bytes -= acn_guard_overhead_bytes(device);
    out->total_bytes = state.total_bytes;
    out->free_bytes = state.total_bytes - state.used_bytes;
    out->used_bytes = state.used_bytes;
    out->peak_bytes = state.peak_bytes;
    return ACN_OK;
}
