/* named.c - see named.h. */
#include "runtime/named.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* changes are rare, for all lists */

static acn_status set(acn_named_callbacks *callbacks, const char *name, void *function,
                      void *user) {
    int at = 0;
    while (at < callbacks->count && strcmp(callbacks->entries[at].name, name) != 0)
        at++;
    if (function == NULL) {
        if (at == callbacks->count)
            return acn_fail(ACN_PARAM_INVALID, "no callback is registered as \"%s\"", name);
        int last = callbacks->count - 1;
        callbacks->entries[at] = callbacks->entries[last];
        __atomic_store_n(&callbacks->count, last, __ATOMIC_RELAXED);
        return ACN_OK;
    }
    if (at < callbacks->count)
        return acn_fail(ACN_PARAM_INVALID, "a callback is registered as \"%s\" already", name);
    if (at == ACN_NAMED_MAX || strlen(name) >= sizeof callbacks->entries[0].name)
        return acn_fail(ACN_PARAM_INVALID,
                        "\"%s\" is one callback too many (%d are the most), or its name has more "
                        "than 63 characters",
                        name, ACN_NAMED_MAX);
    snprintf(callbacks->entries[at].name, sizeof callbacks->entries[at].name, "%s", name);
    callbacks->entries[at].function = function;
    callbacks->entries[at].user = user;
    __atomic_store_n(&callbacks->count, at + 1, __ATOMIC_RELAXED);
    return ACN_OK;
}

acn_status acn_named_set(acn_named_callbacks *callbacks, const char *name, void *function,
                         void *user) {
    pthread_mutex_lock(&mutex);
    acn_status status = set(callbacks, name, function, user);
    pthread_mutex_unlock(&mutex);
    return status;
}

bool acn_named_any(const acn_named_callbacks *callbacks) {
    return __atomic_load_n(&callbacks->count, __ATOMIC_RELAXED) != 0;
}

void acn_named_call(acn_named_callbacks *callbacks,
                    void (*call)(void *function, void *user, void *data), void *data) {
    if (!acn_named_any(callbacks)) return;
    pthread_mutex_lock(&mutex);
    acn_named_callbacks copy = *callbacks;
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < copy.count; i++)
        call(copy.entries[i].function, copy.entries[i].user, data);
}
