/* peer.c - see peer.h. */
#include "hccl/peer.h"

#include "device/device.h"
#include "runtime/memory.h"
#include "runtime/virtual.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t large_page_bytes = (size_t)2 << 20;

typedef struct mapping {
    char key[ACN_SHARE_KEY_BYTES];
    char *base, *reserved;
    size_t reserved_bytes;
    int users;
    struct mapping *next;
} mapping;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static mapping *mappings;
static acn_share_cell *exports[ACN_DEVICE_MAX];

acn_status acn_peer_export(int device, char key[ACN_SHARE_KEY_BYTES]) {
    const acn_span *span;
    acn_status status = ACN_OK;
    ACN_TRY(acn_window_span(device, &span));
    if (span->file < 0)
        return acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                        "memory of device %d is no file here (no memfd, or ANYCANN_BACKEND), so no "
                        "other rank can read it",
                        device);
    pthread_mutex_lock(&mutex);
    if (exports[device] == NULL) status = acn_share_create(ACN_SHARE_MEMORY, &exports[device]);
    if (status == ACN_OK) {
        acn_share_cell *cell = exports[device];
        cell->memory.file = span->file;
        cell->memory.device = acn_device_physical(device);
        cell->memory.bytes = span->bytes;
        acn_share_export(cell, true);
        acn_share_key(cell, key);
    }
    pthread_mutex_unlock(&mutex);
    return status;
}

/* On the border of a large page, as in the other process, so that its large pages are large here.
 */
static acn_status map(mapping *m) {
    acn_share_view view;
    int file;
    ACN_TRY(acn_share_open(m->key, ACN_SHARE_MEMORY, &view));
    size_t bytes = view.cell->memory.bytes;
    acn_status status = acn_share_open_file(&view, &file);
    acn_share_close(&view);
    ACN_TRY(status);
    m->reserved_bytes = bytes + large_page_bytes;
    m->reserved = mmap(NULL, m->reserved_bytes, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m->reserved == MAP_FAILED) {
        close(file);
        return acn_fail(ACN_BAD_ALLOC, "no addresses for another rank's memory (%s)",
                        strerror(errno));
    }
    uintptr_t first = ((uintptr_t)m->reserved + large_page_bytes - 1) & ~(large_page_bytes - 1);
    void *at = mmap((void *)first, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
    int cause = errno;
    close(file);
    if (at == MAP_FAILED) {
        munmap(m->reserved, m->reserved_bytes);
        return acn_fail(ACN_BAD_ALLOC, "another rank's memory cannot be mapped (%s)",
                        strerror(cause));
    }
    madvise(m->reserved, m->reserved_bytes, MADV_DONTFORK);
    m->base = at;
    return ACN_OK;
}

static mapping **find(const char *key) {
    mapping **at = &mappings;
    while (*at != NULL && memcmp((*at)->key, key, ACN_SHARE_KEY_BYTES) != 0)
        at = &(*at)->next;
    return at;
}

/* With the mutex held. */
static acn_status map_once(const char *key, mapping **out) {
    mapping *m = *find(key);
    if (m == NULL) {
        if ((m = calloc(1, sizeof *m)) == NULL)
            return acn_fail(ACN_BAD_ALLOC, "no memory to map another rank's");
        memcpy(m->key, key, ACN_SHARE_KEY_BYTES);
        acn_status status = map(m);
        if (status != ACN_OK) {
            free(m);
            return status;
        }
        m->next = mappings;
        mappings = m;
    }
    m->users++;
    *out = m;
    return ACN_OK;
}

acn_status acn_peer_map(const char *key, char **out_base) {
    mapping *m = NULL;
    pthread_mutex_lock(&mutex);
    acn_status status = map_once(key, &m);
    if (status == ACN_OK) *out_base = m->base;
    pthread_mutex_unlock(&mutex);
    return status;
}

void acn_peer_release(const char *key) {
    pthread_mutex_lock(&mutex);
    mapping **at = find(key), *m = *at;
    if (m != NULL && --m->users == 0) {
        *at = m->next;
        munmap(m->reserved, m->reserved_bytes);
        free(m);
    }
    pthread_mutex_unlock(&mutex);
}

static acn_status is_of_another(const char *what, const void *address, int found, int device) {
    return acn_fail(ACN_PARAM_INVALID,
                    "%s is %p on device %d; expected memory of the communicator's device %d", what,
                    address, found, device);
}

static acn_status locate_mapped(int device, const char *what, const void *address, uint64_t bytes,
                                uint64_t *out_offset, bool *out_is_scattered) {
    int found = acn_virtual_locate(address, bytes, out_offset);
    *out_is_scattered = *out_offset == ACN_VIRTUAL_SCATTERED;
    if (found == device) return ACN_OK;
    if (found >= 0) return is_of_another(what, address, found, device);
    return acn_fail(ACN_PARAM_INVALID,
                    "%s is %p with %llu bytes, not all of which aclrtMapMem has put memory behind",
                    what, address, (unsigned long long)bytes);
}

acn_status acn_peer_locate(int device, const char *what, const void *address, uint64_t bytes,
                           uint64_t *out_offset, bool *out_is_scattered) {
    void *base;
    size_t block_bytes;
    const acn_span *span;
    int found = acn_window_find(address);
    *out_is_scattered = false;
    const char *at = acn_window_client(address);
    if (found == ACN_SPAN_RESERVED)
        return locate_mapped(device, what, at, bytes, out_offset, out_is_scattered);
    if (found < 0)
        return acn_fail(ACN_PARAM_INVALID,
                        "%s is %p, which is host memory; expected memory of device %d", what,
                        address, device);
    if (found != device) return is_of_another(what, address, found, device);
    if (!acn_memory_find(at, &base, &block_bytes) ||
        bytes > block_bytes - (size_t)(at - (const char *)base))
        return acn_fail(ACN_PARAM_INVALID,
                        "%s is %p with %llu bytes, which is not within memory of one aclrtMalloc",
                        what, address, (unsigned long long)bytes);
    ACN_TRY(acn_window_span(device, &span));
    *out_offset = (uint64_t)(at - span->base);
    return ACN_OK;
}
