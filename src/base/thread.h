/* thread.h - waiting on a word (futex), time, and threads that leave the client's signals alone. */
#ifndef ACN_BASE_THREAD_H
#define ACN_BASE_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* CLOCK_MONOTONIC. */
int64_t acn_clock_ns(void);

/* Sleeps while |word| says |expected|, until woken or |deadline_ns| (-1: none). May return early;
 * callers look again. False when the deadline has passed. */
bool acn_futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns);
void acn_futex_wake(_Atomic uint32_t *word, int count);
/* The same for words in memory that several processes have mapped. */
bool acn_futex_wait_shared(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns);
void acn_futex_wake_shared(_Atomic uint32_t *word, int count);

/* Starts a detached thread with all signals blocked. */
bool acn_thread_start(const char *name, void *(*run)(void *), void *argument);

static inline void acn_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Orders plain accesses around an atomic one. The thread sanitizer knows no fences, and its
 * compiler refuses them. */
static inline void acn_fence(memory_order order) {
#ifndef __SANITIZE_THREAD__
    atomic_thread_fence(order);
#endif
}

#endif
