/* guard.h - ANYCANN_CHECK=memory: finds mistakes with device memory that an NPU hides or turns into
 * wrong numbers. Off by default, and then free.
 *
 * Addresses that clients get are a view of the memory that nobody can read: host code that touches
 * them is stopped by the processor, and told what it touched. Operators, copies and fills are held
 * to the blocks that were allocated; freed blocks are poisoned and kept back for a while; the room
 * behind a block must stay as it was.
 */
#ifndef ACN_RUNTIME_GUARD_H
#define ACN_RUNTIME_GUARD_H

#include "device/heap.h"
#include <stdatomic.h>
#include <stdbool.h>

/* Set when the window is made. */
static inline bool acn_guard_is_on(void) { return __builtin_expect(acn_window_shift != 0, 0); }

/* Names the public function that this thread is in, for reports of what it allocates or frees. */
extern _Thread_local const char *acn_guard_caller;
static inline void acn_guard_enter(const char *api) {
    if (acn_guard_is_on()) acn_guard_caller = api;
}

/* In place of the heap's functions. |bytes| may be used; behind them lies room that may not. */
void *acn_guard_alloc(acn_heap *heap, int device, size_t bytes);
bool acn_guard_free(acn_heap *heap, void *address);
/* All blocks of a device are gone. */
void acn_guard_clear(int device);
/* Bytes of a device that only checking takes. */
size_t acn_guard_overhead_bytes(int device);

/* Whether use of device memory is to be asked for: memory is checked, or there are reserved
 * addresses, which need not have memory behind them (to touch those would end the process). */
extern atomic_bool acn_guard_has_holes;
static inline bool acn_guard_is_needed(void) {
    return __builtin_expect(
        acn_guard_is_on() || atomic_load_explicit(&acn_guard_has_holes, memory_order_relaxed), 0);
}
/* Whether |bytes| at |address| may be used by |part| (of |whole|, if not NULL); a failure is that
 * of the device. Host memory is not looked at. */
acn_status acn_guard_range(const void *address, size_t bytes, const char *part, const char *whole);
/* Looks at the room behind all blocks. */
void acn_guard_rooms(void);

/* For the report of a fault: writes what is known about a device address. */
void acn_guard_describe(const void *address);
void acn_guard_say_frames(void *const *frames, int frame_count);
/* guard_fault.c: reports host code that touches device memory, then lets it fail as it would. */
void acn_guard_watch_faults(void);

#endif
