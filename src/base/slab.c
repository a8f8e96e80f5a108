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

struct acn_slab {
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

static acn_slab slabs[MAX_SLABS];
static atomic_int slab_count;
static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;
static _Thread_local magazine *magazines[MAX_SLABS];

static _Atomic uint64_t *state_of(const acn_slab *slab, const void *object) {
    return (_Atomic uint64_t *)((char *)object + slab->stride - sizeof(uint64_t));
}

static void give_back(acn_slab *slab, magazine *mag, int keep) {
    pthread_mutex_lock(&slab->mutex);
    while (mag->count > keep) {
        void *object = mag->objects[--mag->count];
        *(void **)object = slab->free_list;
        slab->free_list = object;
    }
    pthread_mutex_unlock(&slab->mutex);
}

static void on_thread_exit(void *mags) {
    for (int i = 0; i < MAX_SLABS; i++) {
        magazine *mag = ((magazine **)mags)[i];
        if (mag == NULL) continue;
        give_back(&slabs[i], mag, 0);
        free(mag);
        ((magazine **)mags)[i] = NULL;
    }
}

/* A child of fork has one thread; what the others were doing with a mutex is lost with them. */
static void on_fork_child(void) {
    for (int i = 0; i < atomic_load(&slab_count); i++)
        pthread_mutex_init(&slabs[i].mutex, NULL);
}

static void make_exit_key(void) {
    pthread_key_create(&exit_key, on_thread_exit);
    pthread_atfork(NULL, NULL, on_fork_child);
}

acn_slab *acn_slab_create(const char *kind, size_t object_bytes, size_t max_objects) {
    pthread_once(&exit_once, make_exit_key);
    int id = atomic_fetch_add(&slab_count, 1);
    if (id >= MAX_SLABS) abort(); /* a fixed number of kinds, all created by this library */
    acn_slab *slab = &slabs[id];
    slab->kind = kind;
    slab->id = id;
    slab->stride = (object_bytes + sizeof(uint64_t) + UNIT - 1) / UNIT * UNIT;
    slab->stride_units = (uint32_t)(slab->stride / UNIT);
    slab->max_objects = max_objects;
    pthread_mutex_init(&slab->mutex, NULL);
    void *range = mmap(NULL, slab->stride * max_objects, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    slab->base = range != MAP_FAILED ? range : NULL;
    if (slab->base == NULL) slab->max_objects = 0;
    if (slab->base != NULL && __lsan_register_root_region != NULL)
        __lsan_register_root_region(slab->base, slab->stride * max_objects);
    return slab;
}

static magazine *thread_magazine(acn_slab *slab) {
    magazine *mag = magazines[slab->id];
    if (__builtin_expect(mag == NULL, 0)) {
        mag = magazines[slab->id] = calloc(1, sizeof *mag);
        pthread_setspecific(exit_key, magazines);
    }
    return mag;
}

/* Makes the next object of the range, with the mutex held. */
static void *make_object(acn_slab *slab) {
    if (slab->made == slab->max_objects) return NULL;
    size_t end = (slab->made + 1) * slab->stride;
    if (end > slab->usable_bytes) {
        size_t limit = slab->stride * slab->max_objects;
        size_t want = slab->usable_bytes != 0 ? 2 * slab->usable_bytes : GROW_BYTES;
        want = (want > end ? want : end + GROW_BYTES - 1) / GROW_BYTES * GROW_BYTES;
        if (want > limit) want = limit;
        if (mprotect(slab->base, want, PROT_READ | PROT_WRITE) != 0) return NULL;
        slab->usable_bytes = want;
    }
    void *object = slab->base + slab->made * slab->stride;
    slab->made++;
    atomic_store_explicit(&slab->made_bytes, end, memory_order_release);
    return object;
}

static void refill(acn_slab *slab, magazine *mag) {
    pthread_mutex_lock(&slab->mutex);
    while (mag->count < MAGAZINE_SIZE / 2 && slab->free_list != NULL) {
        mag->objects[mag->count++] = slab->free_list;
        slab->free_list = *(void **)slab->free_list;
    }
    for (void *object; mag->count < 8 && (object = make_object(slab)) != NULL;)
        mag->objects[mag->count++] = object;
    pthread_mutex_unlock(&slab->mutex);
}

void *acn_slab_alloc(acn_slab *slab) {
    magazine *mag = thread_magazine(slab);
    if (__builtin_expect(mag == NULL, 0)) return NULL;
    if (__builtin_expect(mag->count == 0, 0)) {
        refill(slab, mag);
        if (mag->count == 0) return NULL;
    }
    void *object = mag->objects[--mag->count];
    atomic_store_explicit(state_of(slab, object), 1, memory_order_release);
    return object;
}

void acn_slab_free(acn_slab *slab, void *object) {
    if (!acn_slab_is_live(slab, object)) return;
    /* Of two threads that free the same object, one wins. */
    if (atomic_exchange_explicit(state_of(slab, object), 0, memory_order_acq_rel) == 0) return;
    magazine *mag = thread_magazine(slab);
    if (__builtin_expect(mag == NULL, 0)) return;
    if (__builtin_expect(mag->count == MAGAZINE_SIZE, 0)) give_back(slab, mag, MAGAZINE_SIZE / 2);
    mag->objects[mag->count++] = object;
}

bool acn_slab_is_live(const acn_slab *slab, const void *pointer) {
    uintptr_t offset = (uintptr_t)pointer - (uintptr_t)slab->base;
    if (offset >= atomic_load_explicit(&slab->made_bytes, memory_order_acquire)) return false;
    if (offset % UNIT != 0 || (uint32_t)(offset / UNIT) % slab->stride_units != 0) return false;
    return atomic_load_explicit(state_of(slab, pointer), memory_order_acquire) != 0;
}

size_t acn_slab_live_count(const acn_slab *slab) {
    size_t live = 0, end = atomic_load_explicit(&slab->made_bytes, memory_order_acquire);
    for (size_t offset = 0; offset < end; offset += slab->stride)
        live +=
            atomic_load_explicit(state_of(slab, slab->base + offset), memory_order_relaxed) != 0;
    return live;
}

size_t acn_slab_live_count_of(const char *kind) {
    size_t live = 0;
    for (int i = 0; i < atomic_load(&slab_count); i++)
        if (slabs[i].kind && strcmp(slabs[i].kind, kind) == 0)
            live += acn_slab_live_count(&slabs[i]);
    return live;
}
