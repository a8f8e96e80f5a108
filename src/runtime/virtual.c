/* virtual.c - see virtual.h. Memory is a range of a device's file, so that it can be mapped at any
 * address; what is behind an address is looked up in a table by 2 MiB. */
#include "runtime/virtual.h"

#include "base/slab.h"
#include "device/heap.h"
#include "runtime/check.h"
#include "runtime/context.h"
#include "runtime/guard.h"
#include "runtime/memory.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_PHYSICAL = 1 << 20 };

struct acn_physical {
    int device, users;  /* handles and mappings */
    atomic_int handles; /* those that clients hold; the handle is valid while there is one */
    void *memory;       /* where it lies in the device's span; NULL when another process has it */
    int file;           /* the device's, or a descriptor of our own for the other process's */
    off_t offset;
    size_t bytes;
    acn_share_cell *cell; /* when it is exported */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const acn_span *span; /* set once, with |addresses| and |behind| */
static acn_heap *addresses;
static _Atomic(acn_physical *) *behind; /* by unit: first unit of a mapping */
static _Atomic uint8_t *device_at;      /* by unit: device + 1, 0 nothing */
static _Atomic uint8_t *access_at;      /* by unit: an acn_virtual_access */
static acn_slab physical_slab = ACN_SLAB("physical", sizeof(acn_physical), MAX_PHYSICAL);

/* With the mutex held. */
static acn_status open_area(void) {
    if (addresses != NULL) return ACN_OK;
    ACN_TRY(acn_window_reserved(&span));
    if (acn_guard_is_on()) acn_guard_watch_faults();
    atomic_store(&acn_guard_has_holes, true);
    size_t units = span->bytes / ACN_VIRTUAL_UNIT_BYTES;
    void *tables = mmap(NULL, units * (sizeof *behind + 2), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (tables == MAP_FAILED) return acn_fail(ACN_BAD_ALLOC, "no memory for tables of addresses");
    behind = tables;
    device_at = (_Atomic uint8_t *)(behind + units);
    access_at = device_at + units;
    return acn_heap_create(span, NULL, ACN_VIRTUAL_UNIT_BYTES, &addresses);
}

static size_t unit_of(const void *address) {
    return ((uintptr_t)address - (uintptr_t)span->base) / ACN_VIRTUAL_UNIT_BYTES;
}

int acn_virtual_device(const void *address) {
    if (device_at == NULL) return ACN_SPAN_OUTSIDE;
    int device = atomic_load_explicit(&device_at[unit_of(address)], memory_order_relaxed);
    return device != 0 ? device - 1 : ACN_SPAN_OUTSIDE;
}

/* With the mutex held: the offset of the byte at |address|. */
static uint64_t offset_of(const char *address) {
    size_t unit = unit_of(address), first = unit;
    acn_physical *physical;
    while ((physical = atomic_load(&behind[first])) == NULL && first > 0)
        first--;
    if (physical == NULL || physical->memory == NULL) return ACN_VIRTUAL_SCATTERED;
    return (uint64_t)physical->offset + (uint64_t)(address - span->base) -
           first * ACN_VIRTUAL_UNIT_BYTES;
}

/* With the mutex held. */
static int locate(const char *address, size_t bytes, uint64_t *out_offset) {
    int device = acn_virtual_device(address);
    if (device < 0) return ACN_SPAN_OUTSIDE;
    *out_offset = offset_of(address);
    size_t into = (size_t)(address - span->base) % ACN_VIRTUAL_UNIT_BYTES;
    for (size_t at = ACN_VIRTUAL_UNIT_BYTES - into; at < bytes; at += ACN_VIRTUAL_UNIT_BYTES) {
        if (address + at >= span->base + span->bytes || acn_virtual_device(address + at) != device)
            return ACN_SPAN_OUTSIDE;
        if (*out_offset == ACN_VIRTUAL_SCATTERED || offset_of(address + at) != *out_offset + at)
            *out_offset = ACN_VIRTUAL_SCATTERED;
    }
    return device;
}

int acn_virtual_locate(const void *address, size_t bytes, uint64_t *out_offset) {
    pthread_mutex_lock(&mutex);
    int device = locate(address, bytes, out_offset);
    pthread_mutex_unlock(&mutex);
    return device;
}

bool acn_virtual_is_usable(const void *address) {
    return acn_virtual_device(address) != ACN_SPAN_OUTSIDE &&
           atomic_load_explicit(&access_at[unit_of(address)], memory_order_relaxed) !=
               ACN_VIRTUAL_NO_ACCESS;
}

static acn_status open_area_once(void) {
    pthread_mutex_lock(&mutex);
    acn_status status = open_area();
    pthread_mutex_unlock(&mutex);
    return status;
}

acn_status acn_virtual_reserve(size_t bytes, void **out_address) {
    ACN_TRY(open_area_once());
    void *address = acn_heap_alloc(addresses, bytes);
    if (address == NULL)
        return acn_fail(ACN_DEVICE_MEMORY,
                        "%zu bytes of addresses are not to be had, %zu is all there is; reserve "
                        "less or release some",
                        bytes, span->bytes);
    *out_address = address;
    return ACN_OK;
}

static bool is_reserved(const void *address, void **base, size_t *bytes) {
    return addresses != NULL && acn_heap_find(addresses, address, base, bytes);
}

static acn_status no_reservation(const void *address) {
    return acn_fail(ACN_PARAM_INVALID, "%p is not the start of a reservation", address);
}

acn_status acn_virtual_release(void *address) {
    void *base;
    size_t bytes;
    if (!is_reserved(address, &base, &bytes) || base != address) return no_reservation(address);
    for (size_t unit = unit_of(address); unit < unit_of((char *)address + bytes - 1) + 1; unit++)
        if (atomic_load(&device_at[unit]) != 0)
            return acn_fail(ACN_PARAM_INVALID,
                            "memory is mapped at %p inside the reservation; unmap it first",
                            (void *)(span->base + unit * ACN_VIRTUAL_UNIT_BYTES));
    /* Another thread may have been faster. */
    return acn_heap_free(addresses, address) ? ACN_OK : no_reservation(address);
}

static acn_status make_physical(const acn_physical *wanted, acn_physical **out) {
    acn_physical *physical = acn_slab_alloc(&physical_slab);
    if (physical == NULL)
        return acn_fail(ACN_BAD_ALLOC, "%d memory handles exist, which is the most", MAX_PHYSICAL);
    *physical = *wanted;
    physical->users = physical->handles = 1;
    *out = physical;
    return ACN_OK;
}

acn_status acn_physical_create(int device, size_t bytes, acn_physical **out) {
    const acn_span *device_span;
    void *memory;
    ACN_TRY(open_area_once());
    ACN_TRY(acn_window_span(device, &device_span));
    if (device_span->file < 0)
        return acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                        "memory of device %d is no file here (no memfd, or ANYCANN_BACKEND), so it "
                        "cannot be mapped elsewhere",
                        device);
    ACN_TRY(acn_memory_alloc(device, bytes, &memory));
    if ((uintptr_t)memory % 4096 != 0) { /* the heap is too full for a page's border */
        acn_memory_free(memory);
        return acn_fail(ACN_DEVICE_MEMORY, "no range of %zu bytes on device %d starts on a page",
                        bytes, device);
    }
    acn_physical wanted = {.device = device,
                           .memory = memory,
                           .file = device_span->file,
                           .offset = (char *)memory - device_span->base,
                           .bytes = bytes};
    acn_status status = make_physical(&wanted, out);
    if (status != ACN_OK) acn_memory_free(memory);
    return status;
}

acn_status acn_physical_import(int device, int file, size_t offset, size_t bytes,
                               acn_physical **out) {
    ACN_TRY(open_area_once());
    acn_physical wanted = {.device = device, .file = file, .offset = (off_t)offset, .bytes = bytes};
    return make_physical(&wanted, out);
}

acn_status acn_physical_resolve(void *handle, acn_physical **out) {
    *out = handle;
    if (acn_slab_is_live(&physical_slab, handle) && (*out)->handles > 0) return ACN_OK;
    return acn_fail(ACN_INVALID_HANDLE,
                    "memory handle %p does not exist; expected one of aclrtMallocPhysical that is "
                    "not freed",
                    handle);
}

/* With the mutex held. */
static acn_status drop(acn_physical *physical) {
    if (--physical->users > 0) return ACN_OK;
    acn_physical gone = *physical;
    acn_slab_free(&physical_slab, physical);
    if (gone.cell != NULL) acn_share_destroy(gone.cell);
    if (gone.memory != NULL) return acn_memory_free(gone.memory);
    close(gone.file);
    return ACN_OK;
}

acn_status acn_physical_destroy(acn_physical *physical) {
    acn_status status = ACN_OK;
    pthread_mutex_lock(&mutex);
    if (physical->handles > 0) {
        physical->handles--;
        status = drop(physical);
    } else {
        status =
            acn_fail(ACN_INVALID_HANDLE, "memory handle %p is freed already", (void *)physical);
    }
    pthread_mutex_unlock(&mutex);
    return status;
}

acn_status acn_physical_retain(void *address, acn_physical **out) {
    void *base;
    size_t bytes, unit;
    acn_status status = ACN_OK;
    pthread_mutex_lock(&mutex);
    acn_physical *found = NULL;
    if (is_reserved(address, &base, &bytes) && acn_virtual_device(address) != ACN_SPAN_OUTSIDE) {
        for (unit = unit_of(address); (found = atomic_load(&behind[unit])) == NULL && unit > 0;)
            unit--;
    }
    if (found != NULL) {
        found->users++;
        found->handles++;
        *out = found;
    } else {
        status = acn_fail(ACN_PARAM_INVALID, "no memory is mapped at %p", address);
    }
    pthread_mutex_unlock(&mutex);
    return status;
}

int acn_physical_device(const acn_physical *physical) { return physical->device; }

acn_status acn_physical_export(acn_physical *physical, bool to_all, acn_share_cell **out) {
    acn_status status = ACN_OK;
    pthread_mutex_lock(&mutex);
    if (physical->memory == NULL)
        status = acn_fail(ACN_PARAM_INVALID, "the memory was imported; only its owner exports it");
    else if (physical->cell == NULL)
        status = acn_share_create(ACN_SHARE_PHYSICAL, &physical->cell);
    if (status == ACN_OK) {
        acn_share_cell *cell = *out = physical->cell;
        cell->memory.file = physical->file;
        cell->memory.device = acn_device_physical(physical->device);
        cell->memory.offset = (uint64_t)physical->offset;
        cell->memory.bytes = physical->bytes;
        acn_share_export(cell, to_all);
    }
    pthread_mutex_unlock(&mutex);
    return status;
}

static void mark(const void *address, size_t bytes, int device) {
    size_t first = unit_of(address), end = first + (bytes - 1) / ACN_VIRTUAL_UNIT_BYTES + 1;
    for (size_t unit = first; unit < end; unit++) {
        atomic_store(&device_at[unit], (uint8_t)(device + 1));
        atomic_store(&access_at[unit], ACN_VIRTUAL_READ_WRITE);
    }
}

/* With the mutex held. */
static acn_status map(void *address, size_t bytes, acn_physical *physical) {
    void *base;
    size_t reserved;
    if (!is_reserved(address, &base, &reserved) ||
        (size_t)((char *)base + reserved - (char *)address) < bytes)
        return acn_fail(ACN_PARAM_INVALID, "%p with %zu bytes is not reserved", address, bytes);
    if ((uintptr_t)address % ACN_VIRTUAL_UNIT_BYTES != 0 || bytes == 0 || bytes > physical->bytes)
        return acn_fail(ACN_PARAM_INVALID,
                        "address %p, size %zu; expected a multiple of 2 MiB and at most the %zu "
                        "bytes of the handle",
                        address, bytes, physical->bytes);
    for (size_t at = 0; at < bytes; at += ACN_VIRTUAL_UNIT_BYTES)
        if (acn_virtual_device((char *)address + at) != ACN_SPAN_OUTSIDE)
            return acn_fail(ACN_PARAM_INVALID, "memory is mapped at %p already",
                            (void *)((char *)address + at));
    if (mmap(acn_window_view(address), bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
             physical->file, physical->offset) == MAP_FAILED)
        return acn_fail(ACN_DEVICE_MEMORY, "%zu bytes cannot be mapped (%s)", bytes,
                        strerror(errno));
    madvise(acn_window_view(address), bytes, MADV_DONTFORK);
    atomic_store(&behind[unit_of(address)], physical);
    physical->users++;
    mark(address, bytes, physical->device);
    return ACN_OK;
}

acn_status acn_virtual_map(void *address, size_t bytes, acn_physical *physical) {
    pthread_mutex_lock(&mutex);
    acn_status status = map(address, bytes, physical);
    pthread_mutex_unlock(&mutex);
    if (status == ACN_OK && acn_check_streams()) acn_check_forget(address, bytes);
    return status;
}

/* With the mutex held. */
static acn_status unmap(void *address) {
    void *base;
    size_t reserved;
    acn_physical *physical = NULL;
    if (is_reserved(address, &base, &reserved) && (uintptr_t)address % ACN_VIRTUAL_UNIT_BYTES == 0)
        physical = atomic_load(&behind[unit_of(address)]);
    if (physical == NULL) return acn_fail(ACN_PARAM_INVALID, "no memory was mapped at %p", address);
    size_t bytes = ACN_VIRTUAL_UNIT_BYTES; /* up to the next mapping or hole */
    while (bytes < physical->bytes &&
           acn_virtual_device((char *)address + bytes) == physical->device &&
           atomic_load(&behind[unit_of((char *)address + bytes)]) == NULL)
        bytes += ACN_VIRTUAL_UNIT_BYTES;
    if (mmap(acn_window_view(address), bytes, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        return acn_fail(ACN_BAD_ALLOC, "%p cannot be unmapped now (%s); it stays mapped", address,
                        strerror(errno));
    madvise(acn_window_view(address), bytes, MADV_DONTFORK);
    atomic_store(&behind[unit_of(address)], NULL);
    mark(address, bytes, -1);
    return drop(physical);
}

acn_status acn_virtual_unmap(void *address) {
    pthread_mutex_lock(&mutex);
    acn_status status = unmap(address);
    pthread_mutex_unlock(&mutex);
    return status;
}

static acn_status is_mapped(const void *address, size_t bytes) {
    void *base;
    size_t reserved;
    bool found = is_reserved(address, &base, &reserved) && bytes != 0 &&
                 (size_t)((char *)base + reserved - (const char *)address) >= bytes;
    for (size_t at = 0; found && at < bytes; at += ACN_VIRTUAL_UNIT_BYTES)
        found = acn_virtual_device((const char *)address + at) != ACN_SPAN_OUTSIDE;
    if (found) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID,
                    "not all of %p with %zu bytes is mapped; call aclrtMapMem first", address,
                    bytes);
}

acn_status acn_virtual_set_access(void *address, size_t bytes, acn_virtual_access access) {
    static const int protections[] = {
        [ACN_VIRTUAL_NO_ACCESS] = PROT_NONE,
        [ACN_VIRTUAL_READ] = PROT_READ,
        [ACN_VIRTUAL_READ_WRITE] = PROT_READ | PROT_WRITE,
    };
    if ((uintptr_t)address % ACN_VIRTUAL_UNIT_BYTES != 0 || bytes % ACN_VIRTUAL_UNIT_BYTES != 0)
        return acn_fail(ACN_PARAM_INVALID, "%p with %zu bytes; expected multiples of 2 MiB",
                        address, bytes);
    pthread_mutex_lock(&mutex);
    acn_status status = is_mapped(address, bytes);
    if (status == ACN_OK && mprotect(acn_window_view(address), bytes, protections[access]) != 0)
        status = acn_fail(errno == ENOMEM ? ACN_BAD_ALLOC : ACN_INTERNAL,
                          "%p cannot be protected (%s)", address, strerror(errno));
    for (size_t at = 0; status == ACN_OK && at < bytes; at += ACN_VIRTUAL_UNIT_BYTES)
        atomic_store(&access_at[unit_of((char *)address + at)], (uint8_t)access);
    pthread_mutex_unlock(&mutex);
    return status;
}

acn_status acn_virtual_get_access(const void *address, acn_virtual_access *out) {
    pthread_mutex_lock(&mutex);
    acn_status status = is_mapped(address, 1);
    if (status == ACN_OK) *out = (acn_virtual_access)atomic_load(&access_at[unit_of(address)]);
    pthread_mutex_unlock(&mutex);
    return status;
}
