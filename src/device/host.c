/* host.c - the CPU as the device. Memory is a file in memory (memfd), so that another process can
 * map it, and is kept out of children of fork, where a shared mapping makes every write slow. */
#include "device/device.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

enum { LARGE_PAGE_BYTES = 2 << 20 };
/* Beyond this a block's pages come at first touch: an allocation must not take a second. */
static const size_t prepare_limit_bytes = (size_t)256 << 20;

static acn_status map(int device, acn_span *span) {
    char name[32];
    snprintf(name, sizeof name, "anycann-device-%d", acn_device_physical(device));
    int flags = MAP_SHARED | MAP_FIXED, file = memfd_create(name, MFD_CLOEXEC);
    if (file >= 0 && ftruncate(file, (off_t)span->bytes) != 0) {
        close(file);
        file = -1;
    }
    if (file < 0) flags |= MAP_ANONYMOUS; /* no memfd here: memory that cannot be shared */
    void *at = acn_window_view(span->base);
    if (mmap(at, span->bytes, PROT_READ | PROT_WRITE, flags, file, 0) == MAP_FAILED) {
        int cause = errno;
        if (file >= 0) close(file);
        return acn_fail(ACN_DEVICE_MEMORY,
                        "%zu bytes of device %d cannot be mapped (%s); lower ANYCANN_MEMORY",
                        span->bytes, device, strerror(cause));
    }
    madvise(at, span->bytes, MADV_DONTFORK);
    span->file = file;
    return ACN_OK;
}

/* Fails harmlessly on kernels before 6.1 and when memory is fragmented: pages stay small. */
static void prepare(const acn_span *span, char *address, size_t bytes) {
    address = acn_window_view(address);
    uintptr_t first = ((uintptr_t)address + LARGE_PAGE_BYTES - 1) & -(uintptr_t)LARGE_PAGE_BYTES;
    uintptr_t end = ((uintptr_t)address + bytes) & -(uintptr_t)LARGE_PAGE_BYTES;
    if (end > first && bytes <= prepare_limit_bytes)
        madvise((void *)first, end - first, MADV_COLLAPSE);
}

static void discard(const acn_span *span, char *address, size_t bytes) {
    if (span->file >= 0)
        (void)!fallocate(span->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                         address - span->base, (off_t)bytes);
    else
        madvise(acn_window_view(address), bytes, MADV_REMOVE);
}

ACN_REGISTER(device_backend, host) = {
    .name = "host",
    .map = map,
    .prepare = prepare,
    .discard = discard,
    .copy = acn_host_copy,
    .fill = acn_host_fill,
    .fill_words = acn_host_fill_words,
};
