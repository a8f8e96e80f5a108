/* weights.c - see weights.h. */
#include "graph/weights.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

static uint64_t aligned(uint64_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

uint64_t acn_checksum(const void *bytes, size_t size) {
    uint64_t hash = size * 0x9e3779b97f4a7c15u + 1;
    const char *p = bytes;
    for (; size >= 8; size -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        hash = (hash ^ word) * 0x9fb21c651e98df25u;
        hash ^= hash >> 29;
    }
    for (; size; size--, p++)
        hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
    return hash;
}

void acn_weights_init(acn_weights *w, const void *image, uint64_t image_bytes) {
    *w = (acn_weights){.image = image, .image_bytes = image_bytes, .bytes = aligned(image_bytes)};
}

void acn_weights_release(acn_weights *w) {
    free(w->items);
    free(w->slots);
    *w = (acn_weights){0};
}

static acn_status no_memory(void) {
    return acn_fail(ACN_BAD_ALLOC, "no host memory for the list of weights");
}

/* The slot of an item with these bytes, or the empty one where it belongs. */
static uint64_t *slot_of(const acn_weights *w, const acn_weight *wanted) {
    size_t at = wanted->hash & (w->slot_count - 1);
    for (; w->slots[at]; at = (at + 1) & (w->slot_count - 1)) {
        const acn_weight *there = &w->items[w->slots[at] - 1];
        if (there->hash == wanted->hash && there->size_bytes == wanted->size_bytes &&
            memcmp(there->data, wanted->data, wanted->size_bytes) == 0)
            break;
    }
    return &w->slots[at];
}

static acn_status grow(acn_weights *w) {
    size_t room = w->room ? 2 * w->room : 64;
    acn_weight *items = realloc(w->items, room * sizeof *items);
    if (items == NULL) return no_memory();
    w->items = items;
    uint64_t *slots = calloc(4 * room, sizeof *slots);
    if (slots == NULL) return no_memory();
    free(w->slots);
    w->slots = slots;
    w->slot_count = 4 * room;
    w->room = room;
    for (size_t i = 0; i < w->count; i++)
        *slot_of(w, &items[i]) = i + 1;
    return ACN_OK;
}

/* Where |data| lies in the image; false: not there. */
static bool find_in_image(const acn_weights *w, const void *data, uint64_t size_bytes,
                          uint64_t *out_offset_bytes) {
    uint64_t distance = (uint64_t)((const char *)data - (const char *)w->image);
    if (!w->image || distance >= w->image_bytes || size_bytes > w->image_bytes - distance)
        return false;
    *out_offset_bytes = distance;
    return true;
}

/* The item with |item|'s bytes, which becomes |item| itself when there is none. */
static acn_status find_or_add(acn_weights *w, acn_weight item, acn_weight **out) {
    if (w->count == w->room) ACN_TRY(grow(w));
    item.hash = acn_checksum(item.data, item.size_bytes);
    uint64_t *slot = slot_of(w, &item);
    if (*slot == 0) {
        w->items[w->count++] = item;
        *slot = w->count;
    }
    *out = &w->items[*slot - 1];
    return ACN_OK;
}

acn_status acn_weights_know(acn_weights *w, const void *data, uint64_t size_bytes) {
    acn_weight item = {data, size_bytes, 0, 0}, *ignored;
    if (!find_in_image(w, data, size_bytes, &item.offset_bytes)) return ACN_OK;
    return find_or_add(w, item, &ignored);
}

acn_status acn_weights_place(acn_weights *w, const void *data, uint64_t size_bytes,
                             uint64_t *out_offset_bytes) {
    acn_weight *found;
    if (find_in_image(w, data, size_bytes, out_offset_bytes)) return ACN_OK;
    ACN_TRY(find_or_add(w, (acn_weight){data, size_bytes, w->bytes, 0}, &found));
    if (found->offset_bytes == w->bytes) w->bytes += aligned(size_bytes);
    *out_offset_bytes = found->offset_bytes;
    return ACN_OK;
}

void acn_weights_copy(const acn_weights *w, char *out) {
    if (w->image) memcpy(out, w->image, w->image_bytes);
    for (size_t i = 0; i < w->count; i++) /* those of the image are there */
        memcpy(out + w->items[i].offset_bytes, w->items[i].data, w->items[i].size_bytes);
}
