/* arena.h - bump allocation for things that die together (a plan, a call). */
#ifndef ACN_BASE_ARENA_H
#define ACN_BASE_ARENA_H

#include <stddef.h>

typedef struct acn_arena_block acn_arena_block;
typedef struct acn_arena {
    acn_arena_block *head;
    char *next, *end;
} acn_arena;

/* A zeroed acn_arena is ready for use. Returns 16-byte aligned zeroed memory, or NULL. */
void *acn_arena_alloc(acn_arena *arena, size_t bytes);
char *acn_arena_copy(acn_arena *arena, const void *source, size_t bytes);
void acn_arena_release(acn_arena *arena);

#endif
