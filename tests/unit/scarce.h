/* scarce.h - memory that runs out at a chosen moment, for tests of what calls do then.
 *
 * The linker puts the functions below before everything that the library gets memory, address
 * space or threads from (cmake/tests.cmake: --wrap), so nothing in the library knows of it. A
 * scenario is run again and again: first its first request fails, then its second, and so on until
 * none is left. What the C library gets for itself, to open files, is not refused.
 */
#ifndef ACN_TESTS_SCARCE_H
#define ACN_TESTS_SCARCE_H

#include "unit.h"

#include "base/slab.h"
#include "base/status.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

static atomic_int scarce_left; /* requests until one fails; 0: none does */
static atomic_bool scarce_hit;
static atomic_long scarce_blocks; /* of the heap, that the library holds */

static void scarce_arm(int n) {
    atomic_store(&scarce_hit, false);
    atomic_store(&scarce_left, n);
}

/* True if a request failed since scarce_arm. */
static bool scarce_disarm(void) {
    atomic_store(&scarce_left, 0);
    return atomic_load(&scarce_hit);
}

static bool scarce_fails(void) {
    if (atomic_load(&scarce_left) <= 0 || atomic_fetch_sub(&scarce_left, 1) != 1) return false;
    atomic_store(&scarce_hit, true);
    errno = ENOMEM;
    return true;
}

static void *scarce_note(void *block) {
    if (block) atomic_fetch_add(&scarce_blocks, 1);
    return block;
}

/* NOLINTBEGIN: names are the linker's */
#define WRAP(result, name, parameters, arguments, failed, kept)                                    \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters {                                                              \
        if (scarce_fails()) return failed;                                                         \
        return kept(__real_##name arguments);                                                      \
    }

WRAP(void *, malloc, (size_t bytes), (bytes), NULL, scarce_note)
WRAP(void *, calloc, (size_t count, size_t bytes), (count, bytes), NULL, scarce_note)
WRAP(void *, aligned_alloc, (size_t alignment, size_t bytes), (alignment, bytes), NULL, scarce_note)
WRAP(char *, strdup, (const char *text), (text), NULL, (char *)scarce_note)
WRAP(char *, strndup, (const char *text, size_t most), (text, most), NULL, (char *)scarce_note)
WRAP(void *, acn_slab_alloc, (acn_slab * slab), (slab), NULL, )
WRAP(int, mprotect, (void *address, size_t bytes, int how), (address, bytes, how), -1, )
WRAP(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, )
WRAP(void *, mmap, (void *address, size_t bytes, int how, int flags, int file, off_t offset),
     (address, bytes, how, flags, file, offset), MAP_FAILED, )
WRAP(int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *how, void *(*run)(void *), void *argument),
     (thread, how, run, argument), EAGAIN, )
WRAP(acn_status, acn_memory_alloc, (int device, size_t bytes, void **out), (device, bytes, out),
     acn_fail(ACN_DEVICE_MEMORY, "device memory is scarce"), )

void *__real_realloc(void *block, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes) {
    if (scarce_fails()) return NULL;
    void *moved = __real_realloc(block, bytes);
    if (!block) scarce_note(moved);
    return moved;
}

int __wrap_asprintf(char **out, const char *format, ...);
int __wrap_asprintf(char **out, const char *format, ...) {
    if (scarce_fails()) return -1;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(out, format, arguments);
    va_end(arguments);
    if (length >= 0) scarce_note(*out);
    return length;
}

void __real_free(void *block);
void __wrap_free(void *block);
void __wrap_free(void *block) {
    if (block) atomic_fetch_sub(&scarce_blocks, 1);
    __real_free(block);
}
/* NOLINTEND */

#endif
