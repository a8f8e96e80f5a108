/* heap.c - two-level segregated fit in units of some power of two of bytes.
 *
 * Free blocks hang in lists by size class (8 classes for each power of two) with bitmaps over them,
 * so both directions take constant time. A sparse table from unit to block finds blocks by address.
 */
#include "device/heap.h"

#include "base/slab.h"
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { CLASS_BITS = 3, CLASSES = 1 << CLASS_BITS, LEVELS = 40, MAX_BLOCKS = 1 << 23 };
static const size_t large_bytes = (size_t)2 << 20; /* worth a start on a large page's border */
static const size_t discard_bytes = (size_t)1 << 20;
/* Freed memory that stays resident: clients that allocate in a loop get it back without faults. */
static const size_t warm_limit_bytes = (size_t)256 << 20;

typedef struct block {
    size_t start, units;           /* in units from the span's base */
    struct block *before, *after;  /* neighbours by address */
    struct block *previous, *next; /* in a list of free blocks */
    bool is_free;
} block;

struct acn_heap {
    pthread_mutex_t mutex;
    const acn_span *span;
    const acn_device_backend *backend;
    size_t unit_bytes;
    size_t units, used_units, peak_units, warm_bytes;
    _Atomic uint64_t *watch; /* NULL: nobody wants to know used_units */
    block **block_at;        /* by unit; only starts of blocks are set */
    block *first;
    uint64_t levels;
    uint8_t classes[LEVELS];
    block *lists[LEVELS][CLASSES];
};

static acn_slab block_slab = ACN_SLAB("block", sizeof(block), MAX_BLOCKS);

/* Sizes below 8 units have a class of their own each; above, 8 classes share a power of two. */
static void class_of(size_t units, int *level, int *class) {
    int log = 63 - __builtin_clzll(units);
    *level = log < CLASS_BITS ? 0 : log - CLASS_BITS + 1;
    *class = log < CLASS_BITS ? (int)units : (int)(units >> (log - CLASS_BITS)) & (CLASSES - 1);
}

static void tell_watch(const acn_heap *heap) {
    if (heap->watch == NULL) return;
    atomic_store_explicit(heap->watch, heap->used_units * heap->unit_bytes, memory_order_relaxed);
}

void acn_heap_watch(acn_heap *heap, _Atomic uint64_t *used_bytes) {
    pthread_mutex_lock(&heap->mutex);
    heap->watch = used_bytes;
    tell_watch(heap);
    pthread_mutex_unlock(&heap->mutex);
}

static void list_add(acn_heap *heap, block *b) {
    int level, class;
    class_of(b->units, &level, &class);
    block **head = &heap->lists[level][class];
    b->is_free = true;
    b->previous = NULL;
    b->next = *head;
    if (*head != NULL) (*head)->previous = b;
    *head = b;
    heap->classes[level] |= (uint8_t)(1u << class);
    heap->levels |= 1ull << level;
}

static void list_remove(acn_heap *heap, block *b) {
    int level, class;
    class_of(b->units, &level, &class);
    if (b->next != NULL) b->next->previous = b->previous;
    if (b->previous != NULL)
        b->previous->next = b->next;
    else
        heap->lists[level][class] = b->next;
    if (heap->lists[level][class] == NULL) heap->classes[level] &= (uint8_t) ~(1u << class);
    if (heap->classes[level] == 0) heap->levels &= ~(1ull << level);
    b->is_free = false;
}

static block *new_block(acn_heap *heap, size_t start, size_t units) {
    block *b = acn_slab_alloc(&block_slab);
    if (b == NULL) return NULL;
    *b = (block){.start = start, .units = units};
    heap->block_at[start] = b;
    return b;
}

/* Cuts |b| so that it keeps |units|; the rest becomes the block after it. */
static block *split(acn_heap *heap, block *b, size_t units) {
    block *rest = new_block(heap, b->start + units, b->units - units);
    if (rest == NULL) return NULL;
    rest->before = b;
    rest->after = b->after;
    if (b->after != NULL) b->after->before = rest;
    b->after = rest;
    b->units = units;
    return rest;
}

/* |b| takes in the block after it; both are in no list. */
static void merge(acn_heap *heap, block *b) {
    block *gone = b->after;
    b->units += gone->units;
    b->after = gone->after;
    if (gone->after != NULL) gone->after->before = b;
    heap->block_at[gone->start] = NULL;
    acn_slab_free(&block_slab, gone);
}

static size_t padding(const acn_heap *heap, const block *b, size_t align_units) {
    size_t at = (size_t)heap->span->base / heap->unit_bytes + b->start;
    return -at & (align_units - 1);
}

/* First a few blocks of the size's own class, so that what was just freed is used again while it is
 * warm; then any block of a larger class, all of which fit; then all that could. */
static block *find(acn_heap *heap, size_t units, size_t align_units) {
    int level, class, tries = 8;
    class_of(units, &level, &class);
    for (block *b = heap->lists[level][class]; b != NULL && tries-- > 0; b = b->next)
        if (b->units >= units + padding(heap, b, align_units)) return b;
    size_t enough = units + align_units - 1;
    class_of(enough, &level, &class);
    uint64_t larger = (uint64_t)heap->classes[level] >> (class + 1) << (class + 1);
    if (larger == 0) {
        uint64_t levels = level + 1 < 64 ? heap->levels >> (level + 1) << (level + 1) : 0;
        if (levels != 0) level = __builtin_ctzll(levels), larger = heap->classes[level];
    }
    if (larger != 0) return heap->lists[level][__builtin_ctzll(larger)];
    class_of(enough, &level, &class);
    int last_level = level, last_class = class;
    class_of(units, &level, &class);
    for (; level < last_level || (level == last_level && class <= last_class);
         class = (class + 1) % CLASSES, level += class == 0)
        for (block *b = heap->lists[level][class]; b != NULL; b = b->next)
            if (b->units >= units + padding(heap, b, align_units)) return b;
    return NULL;
}

static block *take(acn_heap *heap, size_t units, size_t align_units) {
    block *b = find(heap, units, align_units);
    if (b == NULL) return NULL;
    size_t front = padding(heap, b, align_units);
    list_remove(heap, b);
    if (front != 0) {
        block *aligned = split(heap, b, front);
        list_add(heap, b);
        if (aligned == NULL) return NULL;
        b = aligned;
    }
    if (b->units > units) {
        block *rest = split(heap, b, units);
        if (rest != NULL) list_add(heap, rest); /* without it the block is larger than asked */
    }
    heap->used_units += b->units;
    if (heap->used_units > heap->peak_units) heap->peak_units = heap->used_units;
    tell_watch(heap);
    return b;
}

void *acn_heap_alloc(acn_heap *heap, size_t bytes) {
    if (bytes == 0 || bytes > heap->span->bytes) return NULL;
    size_t units = (bytes + heap->unit_bytes - 1) / heap->unit_bytes;
    size_t align_units = bytes >= large_bytes ? large_bytes / heap->unit_bytes : 1;
    pthread_mutex_lock(&heap->mutex);
    block *b = take(heap, units, align_units);
    if (b == NULL && align_units > 1) b = take(heap, units, 1);
    if (b != NULL && bytes >= discard_bytes)
        heap->warm_bytes -= bytes < heap->warm_bytes ? bytes : heap->warm_bytes;
    pthread_mutex_unlock(&heap->mutex);
    if (b == NULL) return NULL;
    char *address = heap->span->base + b->start * heap->unit_bytes;
    if (bytes >= large_bytes && heap->backend != NULL)
        heap->backend->prepare(heap->span, address, bytes);
    return address;
}

static block *block_of(acn_heap *heap, const void *address) {
    size_t offset = (uintptr_t)address - (uintptr_t)heap->span->base;
    if (offset >= heap->units * heap->unit_bytes || offset % heap->unit_bytes != 0) return NULL;
    block *b = heap->block_at[offset / heap->unit_bytes];
    return b != NULL && !b->is_free ? b : NULL;
}

static void give_memory_back(acn_heap *heap, const block *b) {
    size_t bytes = b->units * heap->unit_bytes;
    if (bytes < discard_bytes || heap->backend == NULL) return;
    if (heap->warm_bytes + bytes <= warm_limit_bytes) {
        heap->warm_bytes += bytes;
        return;
    }
    uintptr_t start = (uintptr_t)heap->span->base + b->start * heap->unit_bytes;
    uintptr_t first = (start + 4095) & ~(uintptr_t)4095, end = (start + bytes) & ~(uintptr_t)4095;
    if (end > first) heap->backend->discard(heap->span, (char *)first, end - first);
}

static void release(acn_heap *heap, block *b) {
    heap->used_units -= b->units;
    tell_watch(heap);
    give_memory_back(heap, b); /* under the mutex: nobody may get the range before it is empty */
    if (b->after != NULL && b->after->is_free) {
        list_remove(heap, b->after);
        merge(heap, b);
    }
    if (b->before != NULL && b->before->is_free) {
        b = b->before;
        list_remove(heap, b);
        merge(heap, b);
    }
    list_add(heap, b);
}

bool acn_heap_free(acn_heap *heap, void *address) {
    pthread_mutex_lock(&heap->mutex);
    block *b = block_of(heap, address);
    if (b != NULL) release(heap, b);
    pthread_mutex_unlock(&heap->mutex);
    return b != NULL;
}

void acn_heap_clear(acn_heap *heap) {
    pthread_mutex_lock(&heap->mutex);
    for (block *b = heap->first; b != NULL; b = b->after) {
        if (b->is_free) continue;
        block *before = b->before;
        release(heap, b);
        if (before != NULL && before->is_free) b = before; /* |b| was merged into it */
    }
    pthread_mutex_unlock(&heap->mutex);
}

void acn_heap_get_state(acn_heap *heap, acn_heap_state *out) {
    pthread_mutex_lock(&heap->mutex);
    size_t largest = 0;
    if (heap->levels != 0) {
        int level = 63 - __builtin_clzll(heap->levels);
        int class = 31 - __builtin_clz(heap->classes[level]);
        for (block *b = heap->lists[level][class]; b != NULL; b = b->next)
            if (b->units > largest) largest = b->units;
    }
    *out = (acn_heap_state){
        .total_bytes = heap->units * heap->unit_bytes,
        .used_bytes = heap->used_units * heap->unit_bytes,
        .peak_bytes = heap->peak_units * heap->unit_bytes,
        .largest_free_bytes = largest * heap->unit_bytes,
    };
    pthread_mutex_unlock(&heap->mutex);
}

bool acn_heap_find(acn_heap *heap, const void *address, void **out_base, size_t *out_bytes) {
    bool found = false;
    pthread_mutex_lock(&heap->mutex);
    size_t unit = ((uintptr_t)address - (uintptr_t)heap->span->base) / heap->unit_bytes;
    if (unit < heap->units) {
        block *b = heap->first; /* diagnostics only, so the list by address will do */
        while (b->start + b->units <= unit)
            b = b->after;
        if ((found = !b->is_free)) {
            *out_base = heap->span->base + b->start * heap->unit_bytes;
            *out_bytes = b->units * heap->unit_bytes;
        }
    }
    pthread_mutex_unlock(&heap->mutex);
    return found;
}

acn_status acn_heap_create(const acn_span *span, const acn_device_backend *backend,
                           size_t unit_bytes, acn_heap **out) {
    acn_heap *heap = calloc(1, sizeof *heap);
    if (heap == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a device's heap");
    heap->span = span;
    heap->backend = backend;
    heap->unit_bytes = unit_bytes;
    heap->units = span->bytes / unit_bytes;
    pthread_mutex_init(&heap->mutex, NULL);
    void *table = mmap(NULL, heap->units * sizeof *heap->block_at, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    heap->block_at = table;
    heap->first = table != MAP_FAILED ? new_block(heap, 0, heap->units) : NULL;
    if (heap->first == NULL) {
        if (table != MAP_FAILED) munmap(table, heap->units * sizeof *heap->block_at);
        free(heap);
        return acn_fail(ACN_BAD_ALLOC, "no memory for the tables of a device's heap");
    }
    list_add(heap, heap->first);
    *out = heap;
    return ACN_OK;
}
