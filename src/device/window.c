/* window.c - which devices there are, and where their memory lies. */
#include "base/env.h"
#include "device/device.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t large_page_bytes = (size_t)2 << 20;
static const size_t largest_window = (size_t)1 << 40;

static struct {
    int count;
    int physical[ACN_DEVICE_MAX];
    size_t device_bytes;
} machine;

static struct {
    char *base;
    size_t span_bytes; /* distance of one span from the next; span 0 is the host's */
    acn_span spans[ACN_DEVICE_MAX + 1];
    acn_span reserved; /* what follows the spans */
    char *end;
    atomic_bool made[ACN_DEVICE_MAX + 1];
    atomic_bool is_reserved;
    pthread_mutex_t mutex;
} window = {.mutex = PTHREAD_MUTEX_INITIALIZER};

ptrdiff_t acn_window_shift;

static pthread_once_t machine_once = PTHREAD_ONCE_INIT;

static size_t read_bytes(const char *path) {
    unsigned long long bytes = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) return SIZE_MAX;
    if (fscanf(file, "%llu", &bytes) != 1) bytes = UINT64_MAX; /* "max" */
    fclose(file);
    return (size_t)bytes;
}

/* Half of what the machine or container has, shared by all devices: the other half is for what
 * clients keep on the host. */
static size_t default_device_bytes(int devices) {
    size_t bytes = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    size_t limit = read_bytes("/sys/fs/cgroup/memory.max");
    return (limit < bytes ? limit : bytes) / 2 / (size_t)devices;
}

/* Ascending numbers with commas between; CANN stops at the first thing that is not. */
static int read_visible(const char *text, int devices, int *physical) {
    int count = 0;
    for (long last = -1; count < ACN_DEVICE_MAX;) {
        char *end;
        long id = strtol(text, &end, 10);
        if (end == text || (*end != ',' && *end != '\0') || id <= last || id >= devices) break;
        physical[count++] = (int)id;
        last = id;
        if (*end == '\0') break;
        text = end + 1;
    }
    return count;
}

static void find_machine(void) {
    int64_t asked = acn_env_int(ACN_ENV_DEVICES);
    int devices = asked < 1 ? 1 : asked > ACN_DEVICE_MAX ? ACN_DEVICE_MAX : (int)asked;
    const char *visible = acn_env_text(ACN_ENV_VISIBLE_DEVICES);
    machine.count = devices;
    for (int i = 0; i < devices; i++)
        machine.physical[i] = i;
    if (*visible != '\0') machine.count = read_visible(visible, devices, machine.physical);
    int64_t bytes = acn_env_bytes(ACN_ENV_MEMORY);
    size_t chosen = bytes > 0 ? (size_t)bytes : default_device_bytes(devices);
    size_t most = largest_window / (size_t)(2 * devices);
    if (chosen > most) chosen = most;
    machine.device_bytes = (chosen + large_page_bytes - 1) & ~(large_page_bytes - 1);
}

int acn_device_count(void) {
    pthread_once(&machine_once, find_machine);
    return machine.count;
}

int acn_device_physical(int device) { return machine.physical[device]; }

size_t acn_device_bytes(void) {
    pthread_once(&machine_once, find_machine);
    return machine.device_bytes;
}

static bool is_checking(void) {
    const acn_device_backend *backend;
    if (strstr(acn_env_text(ACN_ENV_CHECK), "memory") == NULL) return false;
    return acn_device_backend_get(&backend) == ACN_OK && strcmp(backend->name, "host") == 0;
}

/* With the mutex held. The part after the last device's span is for reservations of clients. When
 * memory is checked, all of it is there a second time, and only that is ever mapped. */
static acn_status reserve(void) {
    size_t span = acn_device_bytes(); /* whole large pages */
    size_t least = span * (size_t)(acn_device_count() + 1), page = large_page_bytes;
    size_t bytes = largest_window > least ? largest_window : least + page;
    size_t times = is_checking() ? 2 : 1;
    for (void *base; bytes >= least + page;
         bytes = bytes / 2 & ~(page - 1)) { /* the process may have an address space limit */
        base = mmap(NULL, times * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                    0);
        if (base == MAP_FAILED) continue;
        uintptr_t first = ((uintptr_t)base + page - 1) & ~(page - 1);
        window.span_bytes = span;
        window.base = (char *)first;
        window.end = (char *)base + bytes;
        window.reserved.base = window.base + least;
        window.reserved.bytes = (size_t)(window.end - window.reserved.base);
        window.reserved.file = -1;
        madvise(base, times * bytes, MADV_DONTFORK);
        if (times > 1) acn_window_shift = (ptrdiff_t)bytes;
        atomic_store_explicit(&window.is_reserved, true, memory_order_release);
        return ACN_OK;
    }
    return acn_fail(ACN_BAD_ALLOC,
                    "%zu bytes of address space cannot be reserved for device memory; raise the "
                    "process's limit (ulimit -v) or lower ANYCANN_MEMORY",
                    least);
}

/* Page-locked host memory, the first span, is the host's to read. */
void *acn_window_shifted(const void *address) {
    const char *first = window.base + window.span_bytes;
    bool is_client = (const char *)address >= first && (const char *)address < window.end;
    return (char *)(uintptr_t)address + (is_client ? acn_window_shift : 0);
}

const void *acn_window_client(const void *address) {
    const char *first = window.base + window.span_bytes + acn_window_shift;
    if (acn_window_shift == 0 || (const char *)address < first ||
        (const char *)address >= window.end + acn_window_shift)
        return address;
    return (const char *)address - acn_window_shift;
}

static acn_status make_span(int device, acn_span *span) {
    const acn_device_backend *backend;
    ACN_TRY(acn_device_backend_get(&backend));
    if (window.base == NULL) ACN_TRY(reserve());
    span->base = window.base + window.span_bytes * (size_t)(device + 1);
    span->bytes = acn_device_bytes();
    span->file = -1;
    if (device != ACN_SPAN_HOST) return backend->map(device, span);
    /* A child of fork may read what the parent pinned, so this memory is private and ordinary. */
    if (mprotect(span->base, span->bytes, PROT_READ | PROT_WRITE) != 0)
        return acn_fail(ACN_BAD_ALLOC, "%zu bytes of host memory cannot be mapped", span->bytes);
    madvise(span->base, span->bytes, MADV_DOFORK);
    madvise(span->base, span->bytes, MADV_HUGEPAGE);
    return ACN_OK;
}

acn_status acn_window_span(int device, const acn_span **out) {
    acn_status status = ACN_OK;
    int slot = device + 1;
    if (!atomic_load_explicit(&window.made[slot], memory_order_acquire)) {
        pthread_mutex_lock(&window.mutex);
        if (!atomic_load_explicit(&window.made[slot], memory_order_relaxed)) {
            status = make_span(device, &window.spans[slot]);
            if (status == ACN_OK)
                atomic_store_explicit(&window.made[slot], true, memory_order_release);
        }
        pthread_mutex_unlock(&window.mutex);
    }
    if (status == ACN_OK) *out = &window.spans[slot];
    return status;
}

acn_status acn_window_reserved(const acn_span **out) {
    acn_status status = ACN_OK;
    pthread_mutex_lock(&window.mutex);
    if (window.base == NULL) status = reserve();
    pthread_mutex_unlock(&window.mutex);
    *out = &window.reserved;
    return status;
}

int acn_window_find(const void *address) {
    address = acn_window_client(address);
    for (int slot = 0; slot <= acn_device_count(); slot++) {
        if (!atomic_load_explicit(&window.made[slot], memory_order_acquire)) continue;
        if ((uintptr_t)address - (uintptr_t)window.spans[slot].base < window.spans[slot].bytes)
            return slot - 1;
    }
    if (!atomic_load_explicit(&window.is_reserved, memory_order_acquire)) return ACN_SPAN_OUTSIDE;
    bool reserved = (uintptr_t)address - (uintptr_t)window.reserved.base < window.reserved.bytes;
    return reserved ? ACN_SPAN_RESERVED : ACN_SPAN_OUTSIDE;
}

const acn_device_backend *acn_device_backend_find(const char *name) {
    const acn_device_backend *found = NULL;
    ACN_FOR_EACH(device_backend, backend) {
        if (strcmp(backend->name, name) == 0) found = backend;
    }
    return found;
}

static const acn_device_backend *chosen;
static void choose(void) { chosen = acn_device_backend_find(acn_env_text(ACN_ENV_BACKEND)); }

acn_status acn_device_backend_get(const acn_device_backend **out) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, choose);
    *out = chosen;
    if (chosen != NULL) return ACN_OK;
    return acn_fail(ACN_INVALID_DEVICE, "ANYCANN_BACKEND is %s; expected host or null",
                    acn_env_text(ACN_ENV_BACKEND));
}
