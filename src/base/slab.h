/* slab.h - memory for objects whose handles clients hold.
 *
 * Objects of one kind live in one reserved address range that is never given back, so any value a
 * client passes (NULL, foreign, freed twice) can be checked without touching unmapped memory.
 * Allocation is a thread-local stack pop in the common case; objects may be freed on any thread.
 *
 * A kind is a static object, which needs no set-up: its range is reserved with its first object.
 *
 *     static acn_slab tensors = ACN_SLAB("aclTensor", sizeof(tensor), MAX_TENSORS);
 */
#ifndef ACN_BASE_SLAB_H
#define ACN_BASE_SLAB_H

#include "base/status.h"
#include <stdbool.h>

typedef struct acn_slab_range acn_slab_range;

typedef struct acn_slab {
    const char *kind;
    size_t object_bytes, max_objects;
    _Atomic(acn_slab_range *) range; /* NULL until the first object */
} acn_slab;

#define ACN_SLAB(kind, object_bytes, max_objects)                                                  \
    { kind, object_bytes, max_objects, NULL }

/* Returns memory with undefined contents, 64-byte aligned, or NULL when the range is full. */
void *acn_slab_alloc(acn_slab *slab);
/* Does nothing to what is no live object. */
void acn_slab_free(acn_slab *slab, void *object);
/* True if |pointer| is the start of an object that is alive now. Never faults. */
bool acn_slab_is_live(const acn_slab *slab, const void *pointer);
/* Calls |visit| for each object that is alive; others may be made and freed meanwhile. */
void acn_slab_for_each(acn_slab *slab, void (*visit)(void *object));
/* Live objects; for leak tests and `anycann report`. */
size_t acn_slab_live_count(const acn_slab *slab);
/* The same by the kind's name; 0 for a kind that never had an object. */
size_t acn_slab_live_count_of(const char *kind);

#endif
