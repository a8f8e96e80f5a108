/* thread.c - see thread.h. */
#include "base/thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { STACK_BYTES = 2 << 20 };

int64_t acn_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool wait_on(_Atomic uint32_t *word, int operation, uint32_t expected, int64_t deadline_ns) {
    struct timespec deadline = {.tv_sec = deadline_ns / 1000000000,
                                .tv_nsec = deadline_ns % 1000000000};
    /* The bitset form takes an absolute time. */
    long result = syscall(SYS_futex, word, operation, expected, deadline_ns >= 0 ? &deadline : NULL,
                          NULL, FUTEX_BITSET_MATCH_ANY);
    return !(result != 0 && errno == ETIMEDOUT);
}

bool acn_futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns) {
    return wait_on(word, FUTEX_WAIT_BITSET_PRIVATE, expected, deadline_ns);
}

bool acn_futex_wait_shared(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns) {
    return wait_on(word, FUTEX_WAIT_BITSET, expected, deadline_ns);
}

void acn_futex_wake_shared(_Atomic uint32_t *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

void acn_futex_wake(_Atomic uint32_t *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

bool acn_thread_start(const char *name, void *(*run)(void *), void *argument) {
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    sigfillset(&all); /* signals are the client's, on the client's threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    bool started = pthread_create(&thread, &attributes, run, argument) == 0;
    if (started) pthread_setname_np(thread, name);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}
