/* worker.c - threads that serve streams. One for each stream that is active; idle ones wait to be
 * given the next, the one that slept least first. */
#include "base/thread.h"
#include "runtime/core.h"
#include <stdlib.h>

typedef struct worker {
    _Atomic uint32_t bell;
    acn_stream *stream;
    struct worker *next;
} worker;

static worker *idle;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The child has none of these threads. */
static void on_fork_child(void) {
    pthread_mutex_init(&mutex, NULL);
    idle = NULL;
}

static void initialize(void) { pthread_atfork(NULL, NULL, on_fork_child); }

static void *worker_main(void *argument) {
    worker *self = argument;
    for (;;) {
        acn_stream_serve(self->stream);
        atomic_store(&self->bell, 0);
        pthread_mutex_lock(&mutex);
        self->next = idle;
        idle = self;
        pthread_mutex_unlock(&mutex);
        while (atomic_load_explicit(&self->bell, memory_order_acquire) == 0)
            acn_futex_wait(&self->bell, 0, -1);
    }
    return NULL;
}

bool acn_worker_dispatch(acn_stream *stream) {
    pthread_once(&once, initialize);
    pthread_mutex_lock(&mutex);
    worker *chosen = idle;
    if (chosen != NULL) idle = chosen->next;
    pthread_mutex_unlock(&mutex);
    if (chosen != NULL) {
        chosen->stream = stream;
        atomic_store_explicit(&chosen->bell, 1, memory_order_release);
        acn_futex_wake(&chosen->bell, 1);
        return true;
    }
    chosen = calloc(1, sizeof *chosen);
    if (chosen != NULL) {
        chosen->stream = stream;
        if (acn_thread_start("acn-stream", worker_main, chosen)) return true;
        free(chosen);
    }
    return false;
}
