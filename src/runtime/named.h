/* named.h - callbacks that clients register under a name: unique, NULL takes one back. */
#ifndef ACN_RUNTIME_NAMED_H
#define ACN_RUNTIME_NAMED_H

#include "base/status.h"
#include <stdbool.h>

enum { ACN_NAMED_MAX = 16 };

typedef struct acn_named_callbacks {
    struct {
        char name[64];
        void *function, *user;
    } entries[ACN_NAMED_MAX];
    int count;
} acn_named_callbacks;

acn_status acn_named_set(acn_named_callbacks *callbacks, const char *name, void *function,
                         void *user);
bool acn_named_any(const acn_named_callbacks *callbacks);
/* Calls |call| for each, without a lock held. */
void acn_named_call(acn_named_callbacks *callbacks,
                    void (*call)(void *function, void *user, void *data), void *data);

#endif
