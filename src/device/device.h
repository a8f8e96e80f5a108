/* device.h - back-ends behind one table of functions, and the address window that all device memory
 * lives in.
 *
 * The window is reserved once, lazily and wherever the kernel likes; each device has a span of it
 * and page-locked host memory another, so a pointer's class is a range check.
 */
#ifndef ACN_DEVICE_DEVICE_H
#define ACN_DEVICE_DEVICE_H

#include "base/registry.h"
#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ACN_DEVICE_MAX = 64,
    ACN_SPAN_HOST = -1,     /* page-locked host memory */
    ACN_SPAN_OUTSIDE = -2,  /* not in the window */
    ACN_SPAN_RESERVED = -3, /* addresses that clients put memory behind themselves */
};

/* One contiguous piece of the window with memory behind it. */
typedef struct acn_span {
    char *base;
    size_t bytes;
    int file; /* what another process maps to see this memory; -1 when nothing can be shared */
} acn_span;

struct acn_call; /* ops/op.h */

typedef struct acn_device_backend {
    const char *name;
    /* Puts memory behind |span|->base, |bytes| and fills in |file|. */
    acn_status (*map)(int device, acn_span *span);
    /* A block was allocated: a hint to make its pages large. */
    void (*prepare)(const acn_span *span, char *address, size_t bytes);
    /* Gives physical memory back; the range stays usable. */
    void (*discard)(const acn_span *span, char *address, size_t bytes);
    void (*copy)(void *destination, const void *source, size_t bytes);
    void (*fill)(void *destination, int value, size_t bytes);
    void (*fill_words)(void *destination, unsigned value, size_t words); /* 32-bit words */
    /* Runs an operator's call on the stream's thread; NULL: the operator's own run, on memory that
     * this process can read. */
    acn_status (*launch)(struct acn_call *call);
} acn_device_backend;

ACN_REGISTRY(device_backend);

/* The back-end that ANYCANN_BACKEND names. */
acn_status acn_device_backend_get(const acn_device_backend **out);
const acn_device_backend *acn_device_backend_find(const char *name); /* NULL: there is none */

/* Devices that this process sees, and the machine-wide number of the |device|-th of them. */
int acn_device_count(void);
int acn_device_physical(int device);
/* Bytes of one device. */
size_t acn_device_bytes(void);

/* The span of a device or ACN_SPAN_HOST; made on first use. */
acn_status acn_window_span(int device, const acn_span **out);
/* What is left of the window after the devices: addresses without memory. */
acn_status acn_window_reserved(const acn_span **out);
/* Which span |address| lies in: a device or one of ACN_SPAN_*. Never faults. */
int acn_window_find(const void *address);

/* Device addresses that clients have may be a view of the memory that nobody can read
 * (ANYCANN_CHECK=memory). The memory itself then lies this far behind; 0: at the same address. Who
 * touches device memory, in whatever way, asks for its address here first; asking twice is fine. */
extern ptrdiff_t acn_window_shift;
void *acn_window_shifted(const void *address);
static inline void *acn_window_view(const void *address) {
    return __builtin_expect(acn_window_shift == 0, 1) ? (void *)(uintptr_t)address
                                                      : acn_window_shifted(address);
}
/* The other way round: the client's address of what may be a view. */
const void *acn_window_client(const void *address);

/* host_copy.c: copies of host memory, in parallel when they are large. */
void acn_host_copy(void *destination, const void *source, size_t bytes);
void acn_host_fill(void *destination, int value, size_t bytes);
void acn_host_fill_words(void *destination, unsigned value, size_t words);

#endif
