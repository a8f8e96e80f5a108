/* managed.c - see managed.h. */
#include "runtime/managed.h"

#include "runtime/memory.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct managed {
    char *address;
    size_t bytes;
    acn_managed_advice advice;
    struct managed *next;
} managed;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static managed *all;
static atomic_size_t count; /* asked before the mutex is taken */

/* With the mutex held. */
static managed **find(const void *address) {
    managed **at = &all;
    while (*at != NULL && (size_t)((const char *)address - (*at)->address) >= (*at)->bytes)
        at = &(*at)->next;
    return at;
}

acn_status acn_managed_alloc(size_t bytes, void **out_address) {
    managed *made = calloc(1, sizeof *made);
    if (made == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for managed memory's tables");
    acn_status status = acn_memory_alloc_host(bytes, out_address);
    if (status != ACN_OK) {
        free(made);
        return status;
    }
    made->address = *out_address;
    made->bytes = bytes;
    pthread_mutex_lock(&mutex);
    made->next = all;
    all = made;
    atomic_fetch_add(&count, 1);
    pthread_mutex_unlock(&mutex);
    return ACN_OK;
}

bool acn_managed_free(void *address) {
    if (atomic_load(&count) == 0) return false;
    pthread_mutex_lock(&mutex);
    managed **at = find(address), *found = *at;
    bool is_start = found != NULL && found->address == address;
    if (is_start) {
        *at = found->next;
        atomic_fetch_sub(&count, 1);
    }
    pthread_mutex_unlock(&mutex);
    if (!is_start) return false;
    acn_memory_free_host(found->address);
    free(found);
    return true;
}

bool acn_managed_contains(const void *address) {
    if (atomic_load(&count) == 0) return false;
    pthread_mutex_lock(&mutex);
    bool found = *find(address) != NULL;
    pthread_mutex_unlock(&mutex);
    return found;
}

acn_status acn_managed_with(const void *address, size_t bytes,
                            void (*change)(acn_managed_advice *advice, void *data), void *data) {
    pthread_mutex_lock(&mutex);
    managed *found = *find(address);
    size_t offset = found != NULL ? (size_t)((const char *)address - found->address) : 0;
    bool fits = found != NULL && bytes <= found->bytes - offset;
    if (fits) change(&found->advice, data);
    pthread_mutex_unlock(&mutex);
    if (fits) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID,
                    "%p with %zu bytes is not within memory of one aclrtMemAllocManaged", address,
                    bytes);
}
