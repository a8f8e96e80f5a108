/* exception.c - see exception.h. */
#include "runtime/exception.h"

#include "runtime/core.h"
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_CALLBACKS = 32 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static acn_exception_fn callbacks[MAX_CALLBACKS]; /* the first is the settable one */

void acn_exception_set(acn_exception_fn callback) {
    pthread_mutex_lock(&mutex);
    callbacks[0] = callback;
    pthread_mutex_unlock(&mutex);
}

static acn_status replace(acn_exception_fn from, acn_exception_fn to) {
    int at = 1;
    pthread_mutex_lock(&mutex);
    while (at < MAX_CALLBACKS && callbacks[at] != from)
        at++;
    if (at < MAX_CALLBACKS) callbacks[at] = to;
    pthread_mutex_unlock(&mutex);
    return at < MAX_CALLBACKS ? ACN_OK : ACN_PARAM_INVALID;
}

acn_status acn_exception_add(acn_exception_fn callback) {
    if (replace(NULL, callback) == ACN_OK) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "%d exception callbacks are registered, which is the most",
                    MAX_CALLBACKS - 1);
}

acn_status acn_exception_remove(acn_exception_fn callback) {
    if (replace(callback, NULL) == ACN_OK) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "this exception callback is not registered");
}

void acn_exception_raise(const acn_stream *stream, uint64_t number, acn_status status) {
    acn_exception_fn copies[MAX_CALLBACKS];
    acn_exception exception = {
        .task = (uint32_t)number,
        .stream = stream->id,
        .thread = (uint32_t)syscall(SYS_gettid),
        .device = (uint32_t)stream->device,
        .status = status,
    };
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < MAX_CALLBACKS; i++)
        copies[i] = callbacks[i];
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < MAX_CALLBACKS; i++)
        if (copies[i] != NULL) copies[i](&exception);
}
