/* workspace.c - see workspace.h. Few streams have an allocator, so a list of them will do. */
#include "runtime/workspace.h"

#include "runtime/memory.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* By the stream's number, which no later stream has. */
typedef struct entry {
    uint32_t stream;
    acn_allocator allocator;
    struct entry *next;
} entry;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static entry *entries;
static atomic_int count; /* asked before the mutex is taken */

static entry **find(const acn_stream *stream) {
    entry **at = &entries;
    while (*at != NULL && (*at)->stream != acn_stream_id(stream))
        at = &(*at)->next;
    return at;
}

/* With the mutex held. */
static acn_status set(const acn_stream *stream, const acn_allocator *allocator) {
    entry **at = find(stream), *found = *at;
    if (allocator == NULL) {
        if (found == NULL)
            return acn_fail(ACN_INVALID_ARGUMENT, "stream %u has no allocator of its own",
                            acn_stream_id(stream));
        *at = found->next;
        free(found);
        atomic_fetch_sub(&count, 1);
        return ACN_OK;
    }
    if (found == NULL) {
        if ((found = calloc(1, sizeof *found)) == NULL)
            return acn_fail(ACN_BAD_ALLOC, "no memory to register an allocator");
        found->stream = acn_stream_id(stream);
        found->next = entries;
        entries = found;
        atomic_fetch_add(&count, 1);
    }
    found->allocator = *allocator;
    return ACN_OK;
}

acn_status acn_allocator_set(const acn_stream *stream, const acn_allocator *allocator) {
    pthread_mutex_lock(&mutex);
    acn_status status = set(stream, allocator);
    pthread_mutex_unlock(&mutex);
    return status;
}

bool acn_allocator_get(const acn_stream *stream, acn_allocator *out) {
    if (atomic_load(&count) == 0) return false;
    pthread_mutex_lock(&mutex);
    const entry *found = *find(stream);
    if (found != NULL) *out = found->allocator;
    pthread_mutex_unlock(&mutex);
    return found != NULL;
}

acn_status acn_workspace_take(const acn_stream *stream, size_t bytes, acn_workspace *out) {
    acn_allocator allocator;
    *out = (acn_workspace){0};
    if (!acn_allocator_get(stream, &allocator))
        return acn_memory_alloc(acn_stream_device(stream), bytes, &out->address);
    void *block = allocator.alloc(allocator.object, bytes);
    void *address = block != NULL ? allocator.address_of(block) : NULL;
    if (address == NULL)
        return acn_fail(ACN_DEVICE_MEMORY,
                        "the allocator of stream %u has no %zu bytes for a workspace",
                        acn_stream_id(stream), bytes);
    *out = (acn_workspace){address, block, allocator.object, allocator.free};
    return ACN_OK;
}

void acn_workspace_give_back(acn_workspace *workspace) {
    if (workspace->address == NULL) return;
    if (workspace->free != NULL)
        workspace->free(workspace->object, workspace->block);
    else
        acn_memory_free(workspace->address);
    workspace->address = NULL;
}
