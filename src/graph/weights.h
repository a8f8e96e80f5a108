/* weights.h - the constants of networks as they will lie in a file, each content once.
 *
 * Networks of one model for several input sizes have the same weights, most often the same bytes of
 * the source file; what is equal is stored once, whatever it is called.
 */
#ifndef ACN_GRAPH_WEIGHTS_H
#define ACN_GRAPH_WEIGHTS_H

#include "base/status.h"

typedef struct acn_weight {
    const void *data; /* not a copy: must stay until the file is written */
    uint64_t size_bytes, offset_bytes, hash;
} acn_weight;

typedef struct acn_weights {
    /* Bytes that the image begins with; constants that lie inside them are used there. */
    const void *image;
    uint64_t image_bytes;
    acn_weight *items;
    uint64_t *slots; /* numbers of items + 1, by hash */
    size_t count, room, slot_count;
    uint64_t bytes;
} acn_weights;

/* |image| may be NULL. */
void acn_weights_init(acn_weights *weights, const void *image, uint64_t image_bytes);
void acn_weights_release(acn_weights *weights);
/* |data| lies in the image: other constants with these bytes are used there, too. */
acn_status acn_weights_know(acn_weights *weights, const void *data, uint64_t size_bytes);
/* Where |data| will lie: behind all others, aligned, unless the same bytes already do somewhere. */
acn_status acn_weights_place(acn_weights *weights, const void *data, uint64_t size_bytes,
                             uint64_t *out_offset_bytes);
/* Writes everything to |out|, which has |bytes| zeroed bytes. */
void acn_weights_copy(const acn_weights *weights, char *out);

/* Of damage that happens, not of forgery. */
uint64_t acn_checksum(const void *bytes, size_t size);

#endif
