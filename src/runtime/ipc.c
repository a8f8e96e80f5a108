/* ipc.c - see ipc.h. An import is a piece of the other process's file, mapped into addresses
 * reserved for it, so that it is device memory like any other to the rest of the runtime. */
#include "runtime/ipc.h"

#include "device/device.h"
#include "runtime/context.h"
#include "runtime/memory.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 };

typedef struct import {
    char key[ACN_SHARE_KEY_BYTES];
    void *mapped, *address;
    int users;
    struct import *next;
} import;

typedef struct export {
    const void *base; /* of the block that it lies in */
    acn_share_cell *cell;
    struct export *next;
}
export;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static import *imports;
static export *exports;
atomic_int acn_ipc_exports;

static acn_status keep(const void *base, acn_share_cell *cell) {
    export *made = calloc(1, sizeof *made);
    if (made == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory to export memory");
    *made = (export){.base = base, .cell = cell};
    pthread_mutex_lock(&mutex);
    made->next = exports;
    exports = made;
    atomic_fetch_add(&acn_ipc_exports, 1);
    pthread_mutex_unlock(&mutex);
    return ACN_OK;
}

/* With the mutex held: all of |base|, or the one of |cell|. False: there was none. */
static bool end_exports(const void *base, const acn_share_cell *cell) {
    bool found = false;
    for (export **at = &exports; *at != NULL;) {
        export *e = *at;
        if (e->base != base && e->cell != cell) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        acn_share_destroy(e->cell);
        free(e);
        atomic_fetch_sub(&acn_ipc_exports, 1);
        found = true;
    }
    return found;
}

void acn_ipc_forget(const void *base) {
    pthread_mutex_lock(&mutex);
    end_exports(base, NULL);
    pthread_mutex_unlock(&mutex);
}

acn_status acn_ipc_export(void *address, size_t bytes, bool to_all, char key[ACN_SHARE_KEY_BYTES]) {
    void *base;
    size_t block_bytes;
    const acn_span *span;
    acn_share_cell *cell;
    int device = acn_window_find(address);
    if (device < 0 || !acn_memory_find(address, &base, &block_bytes) ||
        bytes > block_bytes - (size_t)((char *)address - (char *)base))
        return acn_fail(ACN_PARAM_INVALID,
                        "%p with %zu bytes is not within memory of one aclrtMalloc; memory of "
                        "aclrtMallocPhysical is shared by aclrtMemExportToShareableHandle",
                        address, bytes);
    ACN_TRY(acn_window_span(device, &span));
    if (span->file < 0)
        return acn_fail(ACN_FEATURE_NOT_SUPPORTED,
                        "memory of device %d is no file here (no memfd, or ANYCANN_BACKEND), so no "
                        "other process can map it",
                        device);
    ACN_TRY(acn_share_create(ACN_SHARE_MEMORY, &cell));
    cell->memory.file = span->file;
    cell->memory.device = acn_device_physical(device);
    cell->memory.offset = (uint64_t)((char *)address - span->base);
    cell->memory.bytes = bytes;
    acn_status status = keep(base, cell);
    if (status != ACN_OK) {
        acn_share_destroy(cell);
        return status;
    }
    acn_share_export(cell, to_all);
    acn_share_key(cell, key);
    return ACN_OK;
}

acn_status acn_ipc_allow(const char *key, const int32_t *pids, size_t count) {
    acn_share_cell *cell;
    ACN_TRY(acn_share_find(key, ACN_SHARE_MEMORY, &cell));
    return acn_share_allow(cell, pids, count);
}

/* The exporter's device if it is visible here, else the current one: the memory is the same. */
static acn_status device_of(const acn_share_cell *cell, int *out_device) {
    for (int i = 0; i < acn_device_count(); i++)
        if (acn_device_physical(i) == cell->memory.device) return *out_device = i, ACN_OK;
    acn_context *context;
    ACN_TRY(acn_context_current(&context));
    *out_device = acn_context_device(context);
    return ACN_OK;
}

static acn_status open_physical(const acn_share_view *view, acn_physical **out, size_t *skip) {
    int file, device = 0;
    size_t offset = view->cell->memory.offset, bytes = view->cell->memory.bytes;
    ACN_TRY(device_of(view->cell, &device));
    ACN_TRY(acn_share_open_file(view, &file));
    *skip = offset % PAGE_BYTES;
    bytes = (bytes + *skip + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
    acn_status status = acn_physical_import(device, file, offset - *skip, bytes, out);
    if (status != ACN_OK) close(file);
    return status;
}

static acn_status map(const char *key, import *made) {
    acn_share_view view;
    acn_physical *physical;
    size_t skip;
    ACN_TRY(acn_share_open(key, ACN_SHARE_MEMORY, &view));
    size_t bytes = view.cell->memory.bytes;
    acn_status status = open_physical(&view, &physical, &skip);
    acn_share_close(&view);
    ACN_TRY(status);
    bytes = (bytes + skip + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
    status = acn_virtual_reserve(bytes, &made->mapped);
    if (status == ACN_OK) {
        status = acn_virtual_map(made->mapped, bytes, physical);
        if (status != ACN_OK) acn_virtual_release(made->mapped);
    }
    acn_physical_destroy(physical); /* the mapping keeps it */
    made->address = (char *)made->mapped + skip;
    return status;
}

static import **find(const char *key) {
    import **at = &imports;
    while (*at != NULL && strncmp((*at)->key, key, ACN_SHARE_KEY_BYTES) != 0)
        at = &(*at)->next;
    return at;
}

/* With the mutex held. */
static acn_status import_key(const char *key, void **out_address) {
    import *found = *find(key);
    if (found == NULL) {
        if ((found = calloc(1, sizeof *found)) == NULL)
            return acn_fail(ACN_BAD_ALLOC, "no memory to import memory");
        acn_status status = map(key, found);
        if (status != ACN_OK) {
            free(found);
            return status;
        }
        memcpy(found->key, key, strnlen(key, ACN_SHARE_KEY_BYTES));
        found->next = imports;
        imports = found;
    }
    found->users++;
    *out_address = found->address;
    return ACN_OK;
}

acn_status acn_ipc_import(const char *key, void **out_address) {
    pthread_mutex_lock(&mutex);
    acn_status status = import_key(key, out_address);
    pthread_mutex_unlock(&mutex);
    return status;
}

acn_status acn_ipc_close(const char *key) {
    acn_status status = ACN_OK;
    acn_share_cell *cell;
    pthread_mutex_lock(&mutex);
    import **at = find(key), *found = *at;
    if (found != NULL && --found->users == 0) {
        *at = found->next;
        status = acn_virtual_unmap(found->mapped);
        if (status == ACN_OK) status = acn_virtual_release(found->mapped);
        free(found);
    } else if (found == NULL) {
        status = acn_share_find(key, ACN_SHARE_MEMORY, &cell);
        if (status == ACN_OK) end_exports(NULL, cell);
    }
    pthread_mutex_unlock(&mutex);
    return status;
}

acn_status acn_ipc_import_physical(const char *key, acn_physical **out) {
    acn_share_view view;
    size_t skip;
    ACN_TRY(acn_share_open(key, ACN_SHARE_PHYSICAL, &view));
    acn_status status = open_physical(&view, out, &skip);
    acn_share_close(&view);
    return status;
}
