/* slab.c - see slab.h.
 *
 * Each object's last 8 bytes of its stride hold its state, so that threads working on neighbours
 * do not share more than they must. Free objects sit in small per-thread magazines; full magazines
 * spill to, and empty ones refill from, the slab's shared list under a mutex.
 */
#include "base/slab.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MAX_SLABS = 32, MAGAZINE_SIZE = 64, GROW_BYTES = 64 * 1024, UNIT = 64 };

struct acn_slab_range {
    const char *kind;
    char *base;
    uint32_t stride_units; /* in units of 64 bytes */
    size_t stride, max_objects;
    int id;
    pthread_mutex_t mutex;
    size_t made;               /* objects ever handed out from the range */
    size_t usable_bytes;       /* the range is readable and writable up to here */
    _Atomic size_t made_bytes; /* what acn_slab_is_live may read */
    void *free_list;           /* linked through the first word */
};

/* Of a client's AddressSanitizer, if there is one: what live objects point to is no leak. */
void __lsan_register_root_region(const void *start, size_t bytes) __attribute__((weak));

typedef struct magazine {
    int count;
    void *objects[MAGAZINE_SIZE];
} magazine;

static acn_slab_range ranges[MAX_SLABS];
static atomic_int range_count;
static pthread_mutex_t open_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;
static _Thread_local magazine *magazines[MAX_SLABS];

static _Atomic uint64_t *state_of(const acn_slab_range *range, const void *object) {
    return (_Atomic uint64_t *)((char *)object + range->stride - sizeof(uint64_t));
}

/* With the mutex held. */
static void push(acn_slab_range *range, void *object) {
    *(void **)object = range->free_list;
    range->free_list = object;
}

static void give_back(acn_slab_range *range, magazine *mag, int keep) {
    pthread_mutex_lock(&range->mutex);
    while (mag->count > keep)
        push(range, mag->objects[--mag->count]);
    pthread_mutex_unlock(&range->mutex);
}

static void on_thread_exit(void *mags) {
    for (int i = 0; i < MAX_SLABS; i++) {
        magazine *mag = ((magazine **)mags)[i];
        if (mag == NULL) continue;
        give_back(&ranges[i], mag, 0);
        free(mag);
        ((magazine **)mags)[i] = NULL;
    }
}

/* A child of fork has one thread; what the others were doing with a mutex is lost with them. */
static void on_fork_child(void) {
    for (int i = 0; i < atomic_load(&range_count); i++)
        pthread_mutex_init(&ranges[i].mutex, NULL);
}

static void make_exit_key(void) {
    pthread_key_create(&exit_key, on_thread_exit);
    pthread_atfork(NULL, NULL, on_fork_child);
}

/* With the mutex held. */
static acn_slab_range *reserve(const acn_slab *slab) {
    int id = atomic_load(&range_count);
    if (id == MAX_SLABS) abort(); /* a fixed number of kinds, all of this library */
    acn_slab_range *range = &ranges[id];
    range->kind = slab->kind;
    range->id = id;
    range->stride = (slab->object_bytes + sizeof(uint64_t) + UNIT - 1) / UNIT * UNIT;
    range->stride_units = (uint32_t)(range->stride / UNIT);
    pthread_mutex_init(&range->mutex, NULL);
    size_t bytes = range->stride * slab->max_objects;
    void *base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return NULL;
    range->base = base;
    range->max_objects = slab->max_objects;
    if (__lsan_register_root_region != NULL) __lsan_register_root_region(base, bytes);
    atomic_store(&range_count, id + 1);
    return range;
}

static acn_slab_range *open_range(acn_slab *slab) {
    pthread_once(&exit_once, make_exit_key);
    pthread_mutex_lock(&open_mutex);
    acn_slab_range *range = atomic_load(&slab->range);
    if (range == NULL) {
        range = reserve(slab);
        atomic_store_explicit(&slab->range, range, memory_order_release);
    }
    pthread_mutex_unlock(&open_mutex);
    return range;
}

static magazine *thread_magazine(acn_slab_range *range) {
    magazine *mag = magazines[range->id];
    if (__builtin_expect(mag == NULL, 0)) {
        mag = magazines[range->id] = calloc(1, sizeof *mag);
        pthread_setspecific(exit_key, magazines);
    }
    return mag;
}

/* Makes the next object of the range, with the mutex held. */
static void *make_object(acn_slab_range *range) {
    if (range->made == range->max_objects) return NULL;
    size_t end = (range->made + 1) * range->stride;
    if (end > range->usable_bytes) {
        size_t limit = range->stride * range->max_objects;
        size_t want = range->usable_bytes != 0 ? 2 * range->usable_bytes : GROW_BYTES;
        want = (want > end ? want : end + GROW_BYTES - 1) / GROW_BYTES * GROW_BYTES;
        if (want > limit) want = limit;
        if (mprotect(range->base, want, PROT_READ | PROT_WRITE) != 0) return NULL;
        range->usable_bytes = want;
    }
    void *object = range->base + range->made * range->stride;
    range->made++;
    atomic_store_explicit(&range->made_bytes, end, memory_order_release);
    return object;
}

static void refill(acn_slab_range *range, magazine *mag) {
    pthread_mutex_lock(&range->mutex);
    while (mag->count < MAGAZINE_SIZE / 2 && range->free_list != NULL) {
        mag->objects[mag->count++] = range->free_list;
        range->free_list = *(void **)range->free_list;
    }
    for (void *object; mag->count < 8 && (object = make_object(range)) != NULL;)
        mag->objects[mag->count++] = object;
    pthread_mutex_unlock(&range->mutex);
}

void *acn_slab_alloc(acn_slab *slab) {
    acn_slab_range *range = atomic_load_explicit(&slab->range, memory_order_acquire);
    if (__builtin_expect(range == NULL, 0) && (range = open_range(slab)) == NULL) return NULL;
    magazine *mag = thread_magazine(range);
    if (__builtin_expect(mag == NULL, 0)) return NULL;
    if (__builtin_expect(mag->count == 0, 0)) {
        refill(range, mag);
        if (mag->count == 0) return NULL;
    }
    void *object = mag->objects[--mag->count];
    atomic_store_explicit(state_of(range, object), 1, memory_order_release);
    return object;
}

static bool is_live(const acn_slab_range *range, const void *pointer) {
    uintptr_t offset = (uintptr_t)pointer - (uintptr_t)range->base;
    if (offset >= atomic_load_explicit(&range->made_bytes, memory_order_acquire)) return false;
    if (offset % UNIT != 0 || (uint32_t)(offset / UNIT) % range->stride_units != 0) return false;
    return atomic_load_explicit(state_of(range, pointer), memory_order_acquire) != 0;
}

void acn_slab_free(acn_slab *slab, void *object) {
    acn_slab_range *range = atomic_load_explicit(&slab->range, memory_order_acquire);
    if (range == NULL || !is_live(range, object)) return;
    /* Of two threads that free the same object, one wins. */
    if (atomic_exchange_explicit(state_of(range, object), 0, memory_order_acq_rel) == 0) return;
    magazine *mag = thread_magazine(range);
    if (__builtin_expect(mag == NULL, 0)) {
        pthread_mutex_lock(&range->mutex);
        push(range, object);
        pthread_mutex_unlock(&range->mutex);
        return;
    }
    if (__builtin_expect(mag->count == MAGAZINE_SIZE, 0)) give_back(range, mag, MAGAZINE_SIZE / 2);
    mag->objects[mag->count++] = object;
}

bool acn_slab_is_live(const acn_slab *slab, const void *pointer) {
    const acn_slab_range *range = atomic_load_explicit(&slab->range, memory_order_acquire);
    return range != NULL && is_live(range, pointer);
}

void acn_slab_for_each(acn_slab *slab, void (*visit)(void *object)) {
    acn_slab_range *range = atomic_load_explicit(&slab->range, memory_order_acquire);
    size_t end = range != NULL ? atomic_load_explicit(&range->made_bytes, memory_order_acquire) : 0;
    for (size_t offset = 0; offset < end; offset += range->stride)
        if (is_live(range, range->base + offset)) visit(range->base + offset);
}

static size_t live_count(const acn_slab_range *range) {
    size_t live = 0, end = atomic_load_explicit(&range->made_bytes, memory_order_acquire);
    for (size_t offset = 0; offset < end; offset += range->stride)
        live +=
            atomic_load_explicit(state_of(range, range->base + offset), memory_order_relaxed) != 0;
    return live;
}

size_t acn_slab_live_count(const acn_slab *slab) {
    const acn_slab_range *range = atomic_load_explicit(&slab->range, memory_order_acquire);
    return range != NULL ? live_count(range) : 0;
}

size_t acn_slab_live_count_of(const char *kind) {
    size_t live = 0;
    for (int i = 0; i < atomic_load(&range_count); i++)
        if (strcmp(ranges[i].kind, kind) == 0) live += live_count(&ranges[i]);
    return live;
}
