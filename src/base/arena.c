/* arena.c - see arena.h. Blocks grow by doubling and are released all at once. */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct acn_arena_block {
    acn_arena_block *next;
    size_t bytes;
};

enum { FIRST_BLOCK_BYTES = 1024, LARGEST_BLOCK_BYTES = 1 << 20 };

static int add_block(acn_arena *arena, size_t bytes) {
    size_t block = arena->head != NULL ? arena->head->bytes * 2 : FIRST_BLOCK_BYTES;
    if (block > LARGEST_BLOCK_BYTES) block = LARGEST_BLOCK_BYTES;
    if (block < bytes) block = bytes;
    acn_arena_block *header = calloc(1, sizeof *header + block);
    if (header == NULL) return 0;
    header->next = arena->head;
    header->bytes = block;
    arena->head = header;
    arena->next = (char *)(header + 1);
    arena->end = arena->next + block;
    return 1;
}

void *acn_arena_alloc(acn_arena *arena, size_t bytes) {
    if (bytes > SIZE_MAX / 4) return NULL;
    bytes = bytes != 0 ? (bytes + 15) & ~(size_t)15 : 16;
    if ((size_t)(arena->end - arena->next) < bytes && !add_block(arena, bytes)) return NULL;
    void *result = arena->next;
    arena->next += bytes;
    return result;
}

char *acn_arena_copy(acn_arena *arena, const void *source, size_t bytes) {
    char *copy = acn_arena_alloc(arena, bytes);
    if (copy != NULL && bytes != 0) memcpy(copy, source, bytes);
    return copy;
}

void acn_arena_release(acn_arena *arena) {
    for (acn_arena_block *block = arena->head; block != NULL;) {
        acn_arena_block *next = block->next;
        free(block);
        block = next;
    }
    *arena = (acn_arena){0};
}
