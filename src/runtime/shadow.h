/* shadow.h - who touched which memory last: the last write of each byte, and the reads since. */
#ifndef ACN_RUNTIME_SHADOW_H
#define ACN_RUNTIME_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct acn_access {
    const char *name;
    uint64_t time;   /* on the clock of |index|; 0: nobody */
    uint32_t index;  /* whose clock */
    uint32_t stream; /* its number, for people */
} acn_access;

typedef struct acn_touch {
    uintptr_t begin, end;
    bool is_write;
    acn_access by;
    /* True when |before| is known to be done before this. */
    bool (*comes_after)(void *context, const acn_access *before);
    /* |before| touched the bytes in question too, and nothing orders the two. */
    void (*found)(void *context, const acn_access *before, bool was_write);
    void *context;
} acn_touch;

/* Not safe against each other. */
void acn_shadow_touch(const acn_touch *touch);
void acn_shadow_forget(uintptr_t begin, uintptr_t end);

#endif
